// SPDX-License-Identifier: MIT
// Every golden stream through the real program: whole, in small pieces, cut
// where the recording was; and back as history on the next turn.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assemble, history } from './lib/anthropic.mjs';
import { startPair } from './lib/between.mjs';
import { difference } from './lib/compare.mjs';
import { streams } from './lib/golden.mjs';
import { post } from './lib/http.mjs';
import { sleep } from './lib/time.mjs';
import { drip, sayOk } from './lib/upstream.mjs';

const { upstream, proxy } = await startPair();
const messageIds = new Set();

const isCut = (name) => /^(cut_short|empty_stream$)/.test(name);

// A wrong content type is among the cases, so the header is the case's own.
async function play(res, { name, wire, expect }, how) {
	res.writeHead(expect.response?.status ?? 200, {
		'content-type': 'text/event-stream',
		...(expect.response?.headers ?? {}),
	});
	res.flushHeaders();
	res.socket.setNoDelay(true);
	if (how === 'pieces') {
		await drip(res, wire, wire.length > 6000 ? 7 : wire.length > 2000 ? 3 : 1);
		if (isCut(name)) {
			await sleep(5);
			res.destroy();
			return;
		}
	} else if (how === 'flushes') {
		let at = 0;
		for (const end of [...expect.tcp_splits, wire.length]) {
			res.write(wire.subarray(at, end));
			at = end;
			await sleep(15);
		}
	} else {
		res.write(wire);
	}
	res.end();
}

const toolsOf = (expect) =>
	[
		...new Set(
			(expect.content ?? [])
				.filter((b) => b.type === 'tool_use')
				.map((b) => b.name),
		),
	].map((name) => ({
		name,
		description: name,
		input_schema: { type: 'object', properties: {} },
	}));

function requestFor({ name, expect }, stream) {
	const tools = toolsOf(expect);
	return {
		model: name,
		max_tokens: 4096,
		stream,
		thinking: { type: 'enabled', budget_tokens: 1024 },
		messages: [{ role: 'user', content: 'go on' }],
		...(tools.length ? { tools } : {}),
	};
}

// A stream, an error before the first event, or the whole message.
function read(r, stream) {
	if ((r.headers['content-type'] ?? '').includes('text/event-stream')) {
		const a = assemble(r.text);
		if (r.cut) a.bad.push('the connection was cut');
		return a;
	}
	const j = JSON.parse(r.text);
	if (j.type === 'error')
		return {
			content: [],
			error: j.error,
			bad: r.status >= 400 ? [] : [`error with status ${r.status}`],
			unsent: true,
			status: r.status,
			headers: r.headers,
		};
	return {
		...j,
		error: null,
		bad: stream
			? ['a stream was asked, JSON came']
			: j.type === 'message' && Array.isArray(j.content)
				? []
				: ['no message'],
	};
}

function errorFault(want, a) {
	if (!a.error) return `no error, stop_reason ${a.stop_reason}`;
	const d = difference({ type: want.type }, a.error, 'error');
	if (d) return `${d} (${a.error.message})`;
	for (const m of want.message_contains ?? [])
		if (!a.error.message.toLowerCase().includes(m.toLowerCase()))
			return `message "${a.error.message}" lacks "${m}"`;
	if (a.unsent && want.status_if_unsent && a.status !== want.status_if_unsent)
		return `status ${a.status}, expected ${want.status_if_unsent}`;
	if (
		a.unsent &&
		want.retry_after !== undefined &&
		!(Math.abs(Number(a.headers['retry-after']) - want.retry_after) <= 1)
	)
		return `retry-after ${a.headers['retry-after']}`;
	return null;
}

function outcomeFault(want, whole, a) {
	if (want.error) {
		const d = errorFault(want.error, a);
		if (d || a.unsent) return d;
	} else if (a.error) {
		return `error ${a.error.type}: ${a.error.message}`;
	}
	for (const k of ['content', 'stop_reason', 'stop_sequence']) {
		const d =
			want[k] === undefined || (k === 'content' && want[k] === null)
				? null
				: difference(want[k], a[k], k);
		if (d) return d;
	}
	const d = want.usage && !want.error ? difference(want.usage, a.usage, 'usage') : null;
	if (d) return d;
	for (const [id, raw] of Object.entries(whole.raw_input ?? {})) {
		const b = a.content.find((x) => x.id === id);
		if (b?.rawInput !== undefined && b.rawInput !== raw)
			return `raw input of ${id}: ${b.rawInput}`;
	}
	return null;
}

function check(expect, a) {
	assert.deepEqual(a.bad, [], 'grammar');
	const also = (expect.accept_also ?? []).map((o) =>
		o.content || o.error
			? o
			: { content: expect.content, stop_reason: expect.stop_reason, ...o },
	);
	const faults = [expect, ...also].map((o) => outcomeFault(o, expect, a));
	assert.ok(faults.includes(null), faults[0]);
}

async function roundTrip(one, a) {
	const {
		tool_call_ids: ids,
		tool_calls_extra_content: extras = {},
		...fields
	} = one.expect.roundtrip;
	const content = history(a.content);
	const calls = content.filter((b) => b.type === 'tool_use');
	const next = calls.length
		? calls.map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: 'done' }))
		: [{ type: 'text', text: 'next' }];
	upstream.script(sayOk);
	const r = await post(proxy.url, {
		...requestFor(one, false),
		messages: [
			{ role: 'user', content: 'go on' },
			{ role: 'assistant', content },
			{ role: 'user', content: next },
		],
	});
	assert.equal(r.status, 200, r.text.slice(0, 300));
	const m = upstream.last().json.messages.find((x) => x.role === 'assistant');
	assert.equal(difference(fields, m, 'assistant'), null);
	if (ids)
		assert.deepEqual(
			(m.tool_calls ?? []).map((c) => c.id),
			ids,
		);
	for (const [id, extra] of Object.entries(extras)) {
		const call = (m.tool_calls ?? []).find((c) => c.id === id);
		assert.equal(
			difference(extra, call?.extra_content, `extra_content of ${id}`),
			null,
		);
	}
}

for (const one of streams()) {
	const { name, expect } = one;
	for (const how of ['whole', 'pieces', ...(expect.tcp_splits ? ['flushes'] : [])])
		test(`stream: ${name}, ${how}`, async () => {
			upstream.script((call, res) => play(res, one, how));
			const a = read(await post(proxy.url, requestFor(one, true)), true);
			check(expect, a);
			if (a.id) {
				// Claude Code merges turns whose id repeats.
				assert.ok(!messageIds.has(a.id), `message id ${a.id} twice`);
				messageIds.add(a.id);
			}
			if (how === 'whole' && expect.roundtrip) await roundTrip(one, a);
		});
	// The same bytes for a client that wants one message: the same content,
	// or an error with a status; never half a message as a whole one.
	test(`stream: ${name}, as one message`, async () => {
		upstream.script((call, res) => play(res, one, 'whole'));
		const a = read(await post(proxy.url, requestFor(one, false)), false);
		assert.deepEqual(a.bad, []);
		if (a.error) {
			assert.ok(
				expect.error || (expect.accept_also ?? []).some((o) => o.error),
				`error ${a.error.type}: ${a.error.message}`,
			);
			return;
		}
		const wanted = [
			expect,
			...(expect.accept_also ?? []).map((o) => ({
				...expect,
				error: undefined,
				...o,
			})),
		].filter((o) => !o.error);
		assert.ok(
			wanted.length > 0,
			`a broken stream became a message: ${JSON.stringify(a.content).slice(0, 200)}`,
		);
		const faults = wanted.map((o) => outcomeFault({ ...o, usage: null }, expect, a));
		assert.ok(faults.includes(null), faults[0]);
	});
}
