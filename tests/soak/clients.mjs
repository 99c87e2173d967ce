// SPDX-License-Identifier: MIT
// Clients of every temper.  Each asks with a nonce of its own and judges what
// it gets: the whole answer to it, or an error, and nothing of anybody else.
import assert from 'node:assert/strict';
import net from 'node:net';
import { assemble, callsOf, textOf } from '../e2e/lib/anthropic.mjs';
import { assertError, assertMessage, get, message, open, rawRequest } from '../e2e/lib/http.mjs';
import { PACE, sleep } from '../e2e/lib/time.mjs';
import { NONCE, callsFor, textFor } from './random.mjs';

// What a client that stops reading is given.
export const STALL_S = 6 * PACE;

const TOOLS = [{ name: 'f', input_schema: { type: 'object' } }];
const ERRORS = [
	'invalid_request_error', 'authentication_error', 'billing_error', 'permission_error',
	'not_found_error', 'conflict_error', 'request_too_large', 'rate_limit_error', 'api_error',
	'overloaded_error', 'timeout_error',
];

function assertOwn(nonce, text) {
	for (const found of text.match(NONCE) ?? [])
		assert.equal(found, nonce, "something of another's answer");
}

function assertWhole(ask, a) {
	if (ask.tools) {
		assert.equal(a.stop_reason, 'tool_use');
		assert.deepEqual(
			callsOf(a).map((c) => ({ id: c.id, name: c.name, input: c.input })),
			callsFor(ask.nonce),
		);
		return;
	}
	assert.equal(a.stop_reason, 'end_turn');
	assert.ok(textOf(a) === textFor(ask.nonce, ask.model), 'another text than was said');
}

// What came before an error is a part of the answer.
function assertPart(ask, a) {
	if (ask.tools)
		for (const c of callsOf(a)) assertOwn(ask.nonce, `${c.id} ${c.rawInput ?? ''}`);
	else {
		const whole = textFor(ask.nonce, ask.model);
		const got = textOf(a);
		const longer = `${ask.nonce}`.repeat(Math.ceil(got.length / 18));
		assert.ok(whole.startsWith(got) || longer.startsWith(got), 'no part of the answer');
	}
}

function judgeStream(ask, r) {
	assert.match(r.headers['content-type'] ?? '', /^text\/event-stream/);
	const a = assemble(r.text);
	assert.deepEqual(a.bad, [], 'grammar of the stream');
	if (!a.error) return assertWhole(ask, a) ?? 'whole';
	assert.ok(ERRORS.includes(a.error.type), a.error.type);
	assertPart(ask, a);
	return 'error event';
}

export function judge(ask, r) {
	assert.equal(r.cut, false, 'the answer was cut');
	assertOwn(ask.nonce, r.text);
	if (r.status !== 200) {
		const { type } = JSON.parse(r.text).error;
		assert.ok(ERRORS.includes(type), type);
		assertError(r, r.status, type);
		return `status ${r.status}`;
	}
	if (ask.stream) return judgeStream(ask, r);
	assertWhole(ask, assertMessage(r));
	return 'whole';
}

/* ---- asking ---- */

function bodyOf(ask) {
	return message({
		model: ask.model,
		stream: ask.stream,
		messages: [{ role: 'user', content: `${ask.filler ?? ''} ${ask.nonce}` }],
		...(ask.tools ? { tools: TOOLS } : {}),
	});
}

const begin = (to, ask, options = {}) =>
	open(to.url + (ask.path ?? '/v1/messages'), {
		body: bodyOf(ask),
		timeout: 30000,
		agent: to.agent,
		...options,
	});

const make = (to, extra = {}) => ({ nonce: to.chance.nonce(), model: 'm', ...extra });

async function whole(to, extra, options) {
	const ask = make(to, extra);
	return judge(ask, await begin(to, ask, options).done);
}

// Reads with pauses; what it takes in the end is all.
async function slowly(to) {
	const ask = make(to, { stream: true, model: to.chance.below(3) === 0 ? 'flood' : 'm' });
	const o = begin(to, ask, { reading: false });
	const head = await o.head;
	const parts = [];
	let pauses = 12;
	for await (const piece of o.response) {
		parts.push(piece);
		if (pauses-- > 0) await sleep(to.chance.below(150));
	}
	const text = Buffer.concat(parts).toString('utf8');
	return judge(ask, { ...head, text, cut: !o.response.complete });
}

async function leaves(to) {
	const ask = make(to, {
		stream: to.chance.below(3) > 0,
		model: to.chance.below(4) === 0 ? 'flood' : 'm',
	});
	const o = begin(to, ask, { agent: false });
	const left = sleep(to.chance.below(400)).then(() => {
		if (to.chance.below(2)) o.req.socket?.resetAndDestroy();
		o.hangUp();
	});
	const read = await Promise.race([o.done.catch(() => null), left.then(() => null)]);
	await left;
	const text = o.pieces.map((p) => p.text).join('');
	assertOwn(ask.nonce, read?.text ?? text);
	return 'left';
}

async function stalls(to) {
	const ask = make(to, { stream: true, model: 'flood' });
	const o = begin(to, ask, { reading: false, agent: false });
	await o.head.catch(() => {});
	await sleep((STALL_S + 2) * 1000);
	o.hangUp();
	return 'left';
}

// Sends bytes that are no request, or half of one, and goes.
function rude(to) {
	const { chance } = to;
	const good = rawRequest('POST', '/v1/messages', {
		headers: { 'x-api-key': 'sk-test' },
		body: JSON.stringify(bodyOf(make(to))),
	});
	const bytes = [
		() => chance.bytes(1 + chance.below(2000)),
		() => good.slice(0, chance.below(good.length)),
		() => good.replace('Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length'),
		() => good.repeat(1 + chance.below(5)),
		() => `GET /${'a'.repeat(chance.below(30000))} HTTP/1.1\r\nHost: x\r\n\r\n`,
		() => '',
	][chance.below(6)]();
	return new Promise((resolve) => {
		const s = net.connect(Number(new URL(to.url).port), '127.0.0.1');
		const end = () => {
			if (chance.below(2)) s.destroy();
			else s.resetAndDestroy();
			resolve('left');
		};
		s.on('error', () => {});
		s.resume();
		s.write(bytes);
		if (chance.below(3) === 0) s.end();
		setTimeout(end, chance.below(300));
	});
}

async function refused(to, status, type, options) {
	const ask = make(to);
	assertError(await begin(to, ask, options).done, status, type);
	return `status ${status}`;
}

async function counts(to) {
	const ask = make(to, { path: '/v1/messages/count_tokens' });
	const r = await begin(to, ask).done;
	assert.equal(r.status, 200, r.text);
	assert.ok(JSON.parse(r.text).input_tokens > 0);
	return 'whole';
}

async function lists(to) {
	const r = await get(to.url, '/v1/models', { agent: to.agent });
	if (r.status !== 200) return judge({ nonce: '' }, r);
	assert.ok(Array.isArray(JSON.parse(r.text).data));
	return 'whole';
}

async function looks(to) {
	for (const path of ['/health', '/metrics', '/status'])
		assert.equal((await get(to.url, path, { agent: to.agent })).status, 200, path);
	return 'whole';
}

const filler = (to, bytes) => ({ filler: 'lorem ipsum '.repeat(to.chance.below(bytes / 12)) });

/* Each is called with {url, agent, chance} and resolves to how it ended. */
export const CLIENTS = [
	[25, 'stream', (to) => whole(to, { stream: true })],
	[15, 'plain', (to) => whole(to, {})],
	[10, 'tools in a stream', (to) => whole(to, { stream: true, tools: true })],
	[6, 'tools', (to) => whole(to, { tools: true })],
	[2, 'long stream', (to) => whole(to, { stream: true, model: 'flood' })],
	[1, 'long answer', (to) => whole(to, { model: 'flood' })],
	[3, 'large body', (to) => whole(to, { stream: true, ...filler(to, 3000000) })],
	[2, 'chunked body', (to) => whole(to, filler(to, 300000), { chunked: true })],
	[4, 'slow reader', slowly],
	[8, 'leaves', leaves],
	[1, 'stops reading', stalls],
	[5, 'rude', rude],
	[4, 'counts', counts],
	[2, 'lists', lists],
	[2, 'looks', looks],
	[2, 'no JSON', (to) => refused(to, 400, 'invalid_request_error', { body: '{"model":' })],
	[1, 'wrong key', (to) => refused(to, 401, 'authentication_error', { headers: { 'x-api-key': 'x' } })],
	[1, 'too large', (to) => refused(to, 413, 'request_too_large', { body: 'x'.repeat(5000000) })],
	[1, 'deep', (to) => refused(to, 400, 'invalid_request_error', { body: '['.repeat(100000) })],
].map(([weight, name, act]) => [weight, { name, act }]);
