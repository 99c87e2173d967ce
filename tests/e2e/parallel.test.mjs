// SPDX-License-Identifier: MIT
// Many clients at once get their own answers and nobody else's: texts,
// thoughts, tool calls, ids, errors, keys.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { callsOf, readStream, textOf } from './lib/anthropic.mjs';
import { startPair } from './lib/between.mjs';
import { assertError, assertMessage, message, open, post } from './lib/http.mjs';
import { sleep } from './lib/time.mjs';
import { sayError, sayJson, startEvents, turnFrames, turnMessage } from './lib/upstream.mjs';

const CLIENTS = 50;

// The answer is made of the question, in pieces, at an uneven pace.
async function echo(call, res) {
	const mine = call.json.messages.at(-1).content;
	const n = Number(mine.slice(1));
	if (n % 10 === 7) {
		await sleep(n % 5);
		return sayError(res, 400, `bad ${mine} for ${call.headers.authorization}`);
	}
	const turn = {
		thinking: `thinking of ${mine}`,
		text: `answer to ${mine} for ${call.headers.authorization}`,
		calls: [
			{ id: `call_${mine}_1`, name: 'f', input: { of: mine } },
			{ id: `call_${mine}_2`, name: 'f', input: { of: mine, again: true } },
		],
	};
	if (!call.json.stream) {
		await sleep(n);
		return sayJson(res, turnMessage(turn));
	}
	startEvents(res);
	for (const f of turnFrames(turn)) {
		res.write(f);
		if (Math.random() < 0.3) await sleep(n % 7);
	}
	res.end();
}

const { upstream, proxy } = await startPair(echo, { UPSTREAM_API_KEY: undefined });

const ids = new Set();

function judge(r, mine, key, stream) {
	const n = Number(mine.slice(1));
	if (n % 10 === 7) {
		assertError(r, 400, 'invalid_request_error', new RegExp(`bad ${mine} `));
		return;
	}
	const m = stream ? readStream(r) : assertMessage(r);
	assert.ok(!ids.has(m.id), `message id ${m.id} twice`);
	ids.add(m.id);
	assert.deepEqual(
		m.content.map((b) => b.type),
		['thinking', 'text', 'tool_use', 'tool_use'],
	);
	assert.equal(m.content[0].thinking, `thinking of ${mine}`);
	assert.equal(textOf(m), `answer to ${mine} for Bearer ${key}`);
	assert.deepEqual(
		callsOf(m).map((c) => [c.id, c.input]),
		[
			[`call_${mine}_1`, { of: mine }],
			[`call_${mine}_2`, { of: mine, again: true }],
		],
	);
	assert.equal(m.stop_reason, 'tool_use');
	assert.equal(m.model, `model-${mine}`);
	const others = r.text
		.match(/(?<![A-Za-z0-9])c\d{3}(?![A-Za-z0-9])/g)
		.filter((x) => x !== mine);
	assert.deepEqual(others, [], 'words of another client');
}

const ask = (mine, stream) =>
	message({
		model: `model-${mine}`,
		stream,
		max_tokens: 2000,
		thinking: { type: 'enabled', budget_tokens: 1024 },
		tools: [{ name: 'f', input_schema: { type: 'object' } }],
		messages: [{ role: 'user', content: mine }],
	});

for (const [how, agentFor] of [
	['on connections of their own', () => false],
	['on kept connections', () => new http.Agent({ keepAlive: true, maxSockets: 1 })],
])
	test(`${CLIENTS} clients ${how} get their own answers only`, async () => {
		await Promise.all(
			Array.from({ length: CLIENTS }, async (_, k) => {
				const mine = `c${100 + k}`,
					key = `key-${k}`,
					agent = agentFor();
				for (let i = 0; i < 6; i++) {
					const stream = (k + i) % 2 === 0;
					const r = await open(proxy.url + '/v1/messages', {
						agent,
						body: ask(mine, stream),
						headers: { 'x-api-key': key },
					}).done;
					judge(r, mine, key, stream);
				}
				if (agent) agent.destroy();
			}),
		);
	});

test('clients that leave in the middle do not mix into the others', async () => {
	await Promise.all(
		Array.from({ length: CLIENTS }, async (_, k) => {
			const mine = `c${200 + k}`,
				key = `key-${k}`;
			for (let i = 0; i < 3; i++) {
				if (k % 2) {
					judge(
						await post(proxy.url, ask(mine, true), {
							headers: { 'x-api-key': key },
						}),
						mine,
						key,
						true,
					);
					continue;
				}
				const o = open(proxy.url + '/v1/messages', {
					body: ask(mine, true),
					headers: { 'x-api-key': key },
				});
				await Promise.race([o.head.catch(() => {}), sleep(k)]);
				await sleep(k % 9);
				o.hangUp();
			}
		}),
	);
});
