// SPDX-License-Identifier: MIT
/*
 * Prefix caches: equal requests give equal bytes, from any process, and a
 * conversation that grows changes nothing before its old end.  The recorded
 * conversations of Claude Code are replayed turn by turn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recorded } from './lib/golden.mjs';
import { startHosted } from './lib/hosted.mjs';
import { message, post } from './lib/http.mjs';
import { proxiesBefore } from './lib/proxies.mjs';
import { startProxy } from './lib/proxy.mjs';
import { sayOk, startUpstream } from './lib/upstream.mjs';

const upstream = await startUpstream(sayOk);
const makes = {
	plain: () => startProxy(upstream.url),
	another: () => startProxy(upstream.url),
	openai: () => startHosted('http://api.openai.com/v1', upstream),
	mistral: () => startHosted('http://api.mistral.ai/v1', upstream),
	deepseek: () => startHosted('http://api.deepseek.com', upstream),
	gemini: () =>
		startHosted('http://generativelanguage.googleapis.com/v1beta/openai', upstream),
	moonshot: () => startHosted('http://api.moonshot.ai/v1', upstream),
	openrouter: () => startHosted('http://openrouter.ai/api/v1', upstream),
	'hints for openrouter': () => startProxy(upstream.url, { CACHE_HINTS: 'openrouter' }),
	'hints for openai': () => startProxy(upstream.url, { CACHE_HINTS: 'openai' }),
};
const proxyFor = proxiesBefore(upstream, (make) => makes[make]());

// The bytes that go upstream.
async function sent(make, body, headers = {}) {
	upstream.calls.length = 0;
	const r = await post((await proxyFor(make)).url, body, { headers });
	assert.equal(r.status, 200, r.text.slice(0, 300));
	assert.equal(upstream.chats().length, 1);
	return upstream.last().text;
}

// Up to the last message: what a longer conversation has to begin with.
function head(text) {
	let depth = 0,
		quoted = false;
	const from = text.indexOf('"messages":[');
	assert.ok(from > 0 && from < 400, 'messages come first');
	for (let i = from + 11; i < text.length; i++) {
		const c = text[i];
		if (quoted) {
			if (c === '\\') i++;
			else if (c === '"') quoted = false;
		} else if (c === '"') quoted = true;
		else if (c === '[' || c === '{') depth++;
		else if ((c === ']' || c === '}') && --depth === 0) return text.slice(0, i);
	}
	throw new Error('no end of messages');
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

// A message as the model sees it: without cache marks, a text as a list.
const plain = (v) =>
	JSON.stringify(v, (k, x) =>
		k === 'cache_control'
			? undefined
			: k === 'content' && typeof x === 'string'
				? [{ type: 'text', text: x }]
				: x,
	);
const told = ({ body }) => ({
	system: plain(
		[body.system ?? []].flat().filter((b) => !/^x-anthropic-billing/.test(b.text ?? b)),
	),
	messages: body.messages.map(plain),
});
const seen = bodies.map(told);

// Pairs of which the second goes on where the first ended.
const pairs = seen.flatMap((a, i) =>
	seen.flatMap((b, k) =>
		i !== k &&
		a.system === b.system &&
		b.messages.length > a.messages.length &&
		bodies[i].body.model === bodies[k].body.model &&
		a.messages.every((m, n) => m === b.messages[n])
			? [[bodies[i], bodies[k]]]
			: [],
	),
);

test('there are conversations to replay', () => {
	assert.ok(pairs.length >= 8, `${pairs.length} pairs`);
	for (const step of ['tools-turn2', 'tools-turn4', 'continue-after-cut'])
		assert.ok(
			pairs.some(([, b]) => b.name === step),
			step,
		);
});

for (const make of ['plain', 'openai', 'mistral', 'deepseek', 'gemini', 'moonshot', 'openrouter'])
	test(`${make}: each recorded turn begins with the bytes of the one before`, async () => {
		const known = new Map();
		const once = async (x) => {
			if (!known.has(x)) known.set(x, await sent(make, x.body));
			return known.get(x);
		};
		for (const [a, b] of pairs) {
			const before = head(await once(a)),
				now = await once(b);
			assert.ok(now.startsWith(before), `${b.name} changes what ${a.name} sent`);
		}
	});

test('every conversation, cut at each of its turns, only grows', async () => {
	for (const { name, body } of bodies) {
		if (body.messages.length < 3) continue;
		let before = null;
		for (let n = 1; n <= body.messages.length; n++) {
			const last = body.messages[n - 1];
			// A turn of the client ends in its own words or in results.
			if (last.role === 'assistant' || body.messages[n]?.role === 'user')
				continue;
			if (body.messages[n]?.role === 'system') continue;
			const text = await sent('plain', {
				...body,
				messages: body.messages.slice(0, n),
			});
			if (before) assert.ok(text.startsWith(before), `${name}: ${n} messages`);
			before = head(text);
		}
	}
});

test('equal requests give equal bytes, from another process too', async () => {
	for (const { name, body } of bodies) {
		const first = await sent('plain', body);
		assert.equal(await sent('plain', body), first, name);
		assert.equal(await sent('another', body), first, name);
	}
});

test('white space and the form of texts make no difference to the messages', async () => {
	const one = message({
		system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }],
		messages: [
			{
				role: 'user',
				content: [
					{
						type: 'text',
						text: 'a',
						cache_control: { type: 'ephemeral' },
					},
				],
			},
		],
	});
	const two = message({ system: 's', messages: [{ role: 'user', content: 'a' }] });
	assert.equal(await sent('plain', JSON.stringify(one, null, 2)), await sent('plain', two));
});

test('a message cleared at the next turn is the one thing that goes', async () => {
	const base = [
		{ role: 'user', content: 'a' },
		{ role: 'system', content: 'for now only', clear_at: 'next_user_message' },
	];
	const first = await sent('plain', message({ messages: base }));
	assert.ok(first.includes('for now only'));
	const then = await sent(
		'plain',
		message({
			messages: [
				...base,
				{ role: 'assistant', content: 'b' },
				{ role: 'user', content: 'c' },
			],
		}),
	);
	assert.ok(!then.includes('for now only'));
});

/* ---- cache marks ---- */

const keysOf = (v, out = []) => {
	if (Array.isArray(v)) v.forEach((x) => keysOf(x, out));
	else if (v && typeof v === 'object')
		for (const [k, x] of Object.entries(v)) {
			out.push(k);
			// A schema's properties are the client's own words.
			if (k !== 'parameters') keysOf(x, out);
		}
	return out;
};
const count = (text, key) => keysOf(JSON.parse(text)).filter((k) => k === key).length;

for (const make of ['plain', 'openai', 'mistral', 'deepseek', 'gemini', 'moonshot'])
	test(`${make}: cache_control never leaks`, async () => {
		for (const { name, body } of bodies) {
			const text = await sent(make, body);
			for (const k of ['cache_control', 'prompt_cache_breakpoint'])
				assert.equal(count(text, k), 0, `${name}: ${k}`);
		}
	});

for (const [make, key, value] of [
	['hints for openrouter', 'cache_control', { type: 'ephemeral' }],
	['hints for openai', 'prompt_cache_breakpoint', { mode: 'explicit' }],
])
	test(`${make}: the last four marks go on texts and nothing else changes`, async () => {
		const strip = (text) =>
			JSON.parse(text, (k, v) => {
				if (k === key) return undefined;
				if (
					k === 'content' &&
					Array.isArray(v) &&
					v.every((p) => p.type === 'text')
				)
					return v.map((p) => p.text).join('\n\n');
				return v;
			});
		let marked = 0;
		for (const { name, body } of bodies.slice(0, 60)) {
			const text = await sent(make, body);
			assert.ok(count(text, key) <= 4, name);
			marked += count(text, key);
			JSON.parse(text, (k, v) => {
				if (k === key)
					assert.equal(
						v.mode ?? v.type,
						value.mode ?? value.type,
						name,
					);
				return v;
			});
			assert.deepEqual(
				strip(text).messages.map((m) => m.role),
				strip(await sent('plain', body)).messages.map((m) => m.role),
			);
		}
		assert.ok(marked > 60, `${marked} marks`);
		const six = await sent(
			make,
			message({
				system: [
					{
						type: 'text',
						text: 'one',
						cache_control: { type: 'ephemeral' },
					},
					{
						type: 'text',
						text: 'two',
						cache_control: { type: 'ephemeral' },
					},
				],
				messages: ['a', 'b', 'c', 'd', 'e'].map((t, i) => ({
					role: i % 2 ? 'assistant' : 'user',
					content: [
						{
							type: 'text',
							text: t,
							cache_control: { type: 'ephemeral' },
						},
					],
				})),
			}),
		);
		assert.ok(count(six, key) >= 1 && count(six, key) <= 4, six);
	});

/* ---- the cache's key ---- */

const session = (id) => ({
	metadata: {
		user_id: JSON.stringify({
			device_id: 'd'.repeat(64),
			account_uuid: '',
			session_id: id,
		}),
	},
});

test('a session has its cache key where the upstream takes one, and only there', async () => {
	const key = async (make, body, headers) =>
		JSON.parse(await sent(make, message(body), headers)).prompt_cache_key;
	const one = await key('openai', session('one'));
	assert.match(one, /^[0-9a-f]{64}$/);
	assert.equal(
		await key('openai', {
			...session('one'),
			messages: [
				{ role: 'user', content: 'a' },
				{ role: 'assistant', content: 'b' },
				{ role: 'user', content: 'c' },
			],
		}),
		one,
	);
	assert.notEqual(await key('openai', session('two')), one);
	assert.equal(await key('openai', {}, { 'x-claude-code-session-id': 'one' }), one);
	assert.equal(await key('openai', {}), undefined);
	for (const make of ['plain', 'mistral', 'deepseek', 'gemini', 'moonshot'])
		assert.equal(await key(make, session('one')), undefined, make);
});
