// SPDX-License-Identifier: MIT
// What Claude Code and the SDKs really send, before strict servers of other
// makes: with the settings of such an upstream each of them takes every body.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { recorded } from './lib/golden.mjs';
import { hosted } from './lib/hosted.mjs';
import { post } from './lib/http.mjs';
import { startProxy } from './lib/proxy.mjs';
import { complaints, refusal } from './lib/strict.mjs';
import { sayJson, sayOk, startUpstream } from './lib/upstream.mjs';

const upstream = await startUpstream();
const proxies = new Map();

after(async () => {
	const ends = await Promise.allSettled(
		[...proxies.values()].map(async (p) => (await p).stop()),
	);
	await upstream.stop();
	for (const e of ends) if (e.status === 'rejected') throw e.reason;
});

// The knobs that `auto` sets by host name, by hand: the mock is on loopback.
const makes = {
	'openai-reasoning': {
		MAX_TOKENS_FIELD: 'max_completion_tokens',
		SAMPLING: 'drop',
		TOOLS_NEED_EFFORT_NONE: 'true',
	},
	mistral: {
		TOOL_ID_MODE: 'mistral9',
		USER_AFTER_TOOL: 'fold',
		INLINE_SYSTEM: 'fold',
		INCLUDE_USAGE: 'false',
		TOOL_CHOICE: 'any',
		PARALLEL_TOOL_CALLS: 'send',
		USER_FIELD: 'none',
		SERVICE_TIER: 'drop',
		REASONING_REQUEST: 'none',
		REASONING_HISTORY: 'none',
	},
	gemini: {
		TOOL_SCHEMA: 'gemini',
		PARALLEL_TOOL_CALLS: 'drop',
		USER_FIELD: 'none',
		SERVICE_TIER: 'drop',
		REASONING_HISTORY: 'none',
		REASONING_REQUEST: 'none',
	},
	deepseek: {
		REASONING_REQUEST: 'deepseek',
		REASONING_HISTORY: 'deepseek',
		PARALLEL_TOOL_CALLS: 'drop',
		USER_FIELD: 'user',
		SERVICE_TIER: 'drop',
		RESPONSE_FORMAT: 'json_object',
	},
};

function proxyFor(make) {
	if (!proxies.has(make)) proxies.set(make, startProxy(upstream.url, makes[make]));
	return proxies.get(make);
}

const bodies = recorded()
	.flatMap(({ name, recorded: r }) =>
		(r.requests ?? [r])
			.filter(
				(q) =>
					q.method === 'POST' &&
					/\/v1\/messages(\?|$)/.test(q.url) &&
					q.body &&
					!q.body.thread,
			)
			.map((q) => ({ name, body: q.body })),
	)
	.filter(({ name }) => !/^websearch-servertool/.test(name));

for (const make of Object.keys(makes))
	test(`a strict ${make} server takes every recorded request`, async () => {
		const proxy = await proxyFor(make);
		for (const { name, body } of bodies) {
			upstream.calls.length = 0;
			const r = await post(proxy.url, body, { path: '/v1/messages?beta=true' });
			assert.equal(r.status, 200, `${name}: ${r.text.slice(0, 300)}`);
			assert.deepEqual(complaints(upstream.last().json, make), [], name);
		}
	});

// The same by host name alone, nothing set: and nothing has to be learned,
// though these servers do refuse.
for (const [base, model, make, reasoning] of [
	['http://api.openai.com/v1', 'gpt-5.6', 'openai-reasoning'],
	['http://api.openai.com/v1', 'o4-mini', 'openai-reasoning'],
	['http://api.openai.com/v1', 'gpt-4.1', 'openai'],
	['http://house.openai.azure.com/openai/v1', 'gpt-5.1', 'openai-reasoning'],
	['http://api.mistral.ai/v1', 'mistral-large-latest', 'mistral'],
	['http://generativelanguage.googleapis.com/v1beta/openai', 'gemini-3-pro', 'gemini'],
	['http://api.deepseek.com', 'deepseek-v4-pro', 'deepseek'],
	['http://gateway.example/v1', 'some-model', 'openai', true],
])
	test(`${new URL(base).host} as ${model} refuses none of them`, () =>
		hosted(
			base,
			(call, res) => {
				const no = complaints(call.json, make, { reasoning });
				if (no.length) {
					const { status, body } = refusal(no, make);
					sayJson(res, body, status);
				} else {
					sayOk(call, res);
				}
			},
			{ MODEL_MAP: `*=${model}` },
			async (proxy, up) => {
				for (const { name, body } of bodies) {
					up.calls.length = 0;
					const r = await post(proxy.url, body, {
						path: '/v1/messages?beta=true',
					});
					assert.equal(
						r.status,
						200,
						`${name}: ${r.text.slice(0, 300)}`,
					);
					assert.equal(
						up.chats().length,
						1,
						`${name}: ${proxy.log().slice(-600)}`,
					);
				}
			},
		));

// Prefix caches: the same question gives the same bytes, and a history that
// grows changes nothing before its old end.
test('equal requests give equal bytes', async () => {
	const proxy = await proxyFor('openai-reasoning');
	for (const { name, body } of bodies.slice(0, 30)) {
		upstream.calls.length = 0;
		for (let i = 0; i < 2; i++) await post(proxy.url, body);
		const [a, b] = upstream.chats();
		assert.equal(a.text, b.text, name);
	}
});

for (const steps of [
	['tools-turn1', 'tools-turn2', 'tools-turn3', 'tools-turn4'],
	['interactive-auto-turn1', 'interactive-auto-turn2'],
	['subagent-req1', 'subagent-req2', 'subagent-req3'],
])
	test(`a growing history keeps its beginning: ${steps.join(', ')}`, async () => {
		const proxy = await proxyFor('openai-reasoning');
		const sent = [];
		for (const step of steps) {
			const { body } = bodies.find((b) => b.name === step);
			await post(proxy.url, body);
			sent.push({ step, text: upstream.last().text, asked: body });
		}
		for (let i = 1; i < sent.length; i++) {
			// Steps of another conversation (subagents) have no common start.
			if (
				JSON.stringify(sent[i].asked.messages[0]) !==
				JSON.stringify(sent[i - 1].asked.messages[0])
			)
				continue;
			const [old, next] = [sent[i - 1], sent[i]].map((s) =>
				JSON.stringify(JSON.parse(s.text).messages).slice(0, -1),
			);
			assert.ok(
				next.startsWith(old),
				`${sent[i].step} changes what ${sent[i - 1].step} sent`,
			);
		}
	});
