// SPDX-License-Identifier: MIT
// Request bodies: their size, bodies that are no request, wrong fields.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAlive, startPair } from './lib/between.mjs';
import {
	answers,
	assertError,
	assertMessage,
	message,
	post,
	raw,
	rawRequest,
} from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK } from './lib/time.mjs';
import { sayOk } from './lib/upstream.mjs';

const MB = 1024 * 1024;
const { upstream, proxy } = await startPair();

const body = JSON.stringify(message());
const fresh = () => upstream.script(sayOk);

/* ---- size ---- */

const sized = (n) => message({ messages: [{ role: 'user', content: 'x'.repeat(n) }] });

test('a body over the limit is refused by its Content-Length', async () => {
	fresh();
	const { text } = await raw(
		proxy.port,
		rawRequest('POST', '/v1/messages', {
			headers: { 'Content-Type': 'application/json', 'Content-Length': 33554433 },
		}),
	);
	const { out } = answers(text, ['POST']);
	assert.equal(out[0].status, 413, text.slice(0, 200));
	const j = JSON.parse(out[0].text);
	assert.equal(j.error.type, 'request_too_large');
	assert.equal(j.request_id, out[0].headers['request-id']);
	assert.equal(upstream.chats().length, 0);
});

test('a client that sends all of a too long body still reads the 413', async () => {
	fresh();
	assertError(await post(proxy.url, sized(34 * MB)), 413, 'request_too_large');
	await assertAlive(proxy);
});

test('a chunked body over the limit is refused by the running sum', async () => {
	await withProxy(upstream.url, { MAX_BODY_BYTES: '100000' }, async (p) => {
		fresh();
		assertError(
			await post(p.url, sized(300000), { chunked: true }),
			413,
			'request_too_large',
		);
		assert.equal(upstream.chats().length, 0);
		assertMessage(await post(p.url, sized(90000), { chunked: true }));
		assertError(await post(p.url, sized(100000)), 413, 'request_too_large');
	});
});

test('30 MB of text arrive whole', async () => {
	fresh();
	const r = await post(proxy.url, sized(30 * MB));
	assertMessage(r);
	assert.equal(upstream.last().json.messages[0].content.length, 30 * MB);
});

test('a 5 MB image arrives byte for byte', async () => {
	fresh();
	const data = Buffer.alloc(5 * MB, 'anthropic').toString('base64');
	assertMessage(
		await post(
			proxy.url,
			message({
				messages: [
					{
						role: 'user',
						content: [
							{
								type: 'image',
								source: {
									type: 'base64',
									media_type: 'image/png',
									data,
								},
							},
							{ type: 'text', text: 'what is it?' },
						],
					},
				],
			}),
		),
	);
	assert.equal(
		upstream.last().json.messages[0].content[0].image_url.url,
		'data:image/png;base64,' + data,
	);
});

test('2000 messages and 20000 blocks take no quadratic time', async () => {
	fresh();
	const messages = [];
	for (let i = 0; i < 1000; i++)
		messages.push(
			{
				role: 'user',
				content: Array.from({ length: 20 }, (_, k) => ({
					type: 'text',
					text: `${i}.${k}`,
				})),
			},
			{ role: 'assistant', content: 'yes' },
		);
	messages.push({ role: 'user', content: 'end' });
	const start = Date.now();
	assertMessage(await post(proxy.url, message({ messages })));
	assert.ok(Date.now() - start < 5000 * SLACK, `${Date.now() - start} ms`);
	assert.equal(upstream.last().json.messages.length, 2001);
});

test('20000 messages take no quadratic time', async () => {
	fresh();
	const messages = Array.from({ length: 20001 }, (_, i) => ({
		role: i % 2 ? 'assistant' : 'user',
		content: `${i}`,
	}));
	const start = Date.now();
	assertMessage(await post(proxy.url, message({ messages })));
	assert.ok(Date.now() - start < 5000 * SLACK, `${Date.now() - start} ms`);
	assert.equal(upstream.last().json.messages.length, 20001);
});

/* ---- no requests ---- */

const nest = (n, open_, close, core = '') => open_.repeat(n) + core + close.repeat(n);

for (const [what, text] of [
	['nothing', ''],
	['white space', ' \n'],
	['a word', 'hello'],
	['half an object', '{"model":"m","messages":['],
	['two objects', `${body}${body}`],
	['garbage behind the object', `${body} x`],
	['an array', `[${body}]`],
	['a string', '"x"'],
	['a number', '7'],
	['null', 'null'],
	['a trailing comma', body.replace(/}$/, ',}')],
	['a comment', `/* */${body}`],
	['single quotes', "{'model':'m'}"],
	['a raw line break in a string', body.replace('Hello', 'Hel\nlo')],
	['a leading zero', body.replace('256', '0256')],
	['NaN', body.replace('256', 'NaN')],
	['a byte order mark alone', '\ufeff'],
	[
		'invalid UTF-8',
		Buffer.concat([
			Buffer.from(body.slice(0, -20)),
			Buffer.from([0xc3, 0x28]),
			Buffer.from(body.slice(-20)),
		]),
	],
	['a NUL byte', body.replace('Hello', 'Hel\0lo')],
	['100000 brackets', nest(100000, '[', ']')],
	['100000 braces', nest(100000, '{"a":', '}', '1')],
	[
		'deep content',
		`{"model":"m","max_tokens":5,"messages":[{"role":"user","content":${nest(5000, '[', ']')}}]}`,
	],
	['a NUL in a key', body.replace('"model"', '"mo\\u0000del"')],
])
	test(`not a request: ${what}`, async () => {
		fresh();
		for (const path of ['/v1/messages', '/v1/messages/count_tokens'])
			assertError(
				await post(proxy.url, text, { path }),
				400,
				'invalid_request_error',
			);
		assert.equal(upstream.chats().length, 0);
	});

test('the process survives every bad body above', assertAlive.bind(null, proxy));

for (const [what, extra, pattern] of [
	['no model', { model: undefined }, /model/],
	['model is a number', { model: 5 }, /model/],
	['model is empty', { model: '' }, /model/],
	['no max_tokens', { max_tokens: undefined }, /max_tokens: Field required/],
	['max_tokens is a word', { max_tokens: 'many' }, /max_tokens/],
	['max_tokens is negative', { max_tokens: -1 }, /max_tokens/],
	['no messages', { messages: undefined }, /messages: Field required/],
	['messages is an object', { messages: {} }, /messages/],
	['messages is empty', { messages: [] }, /messages/],
	['a message is a string', { messages: ['Hello'] }, /messages\.0/],
	['no role', { messages: [{ content: 'x' }] }, /messages\.0\.role/],
	['no content', { messages: [{ role: 'user' }] }, /messages\.0\.content/],
	[
		'content is a number',
		{ messages: [{ role: 'user', content: 5 }] },
		/messages\.0\.content/,
	],
	[
		'a block is a string',
		{ messages: [{ role: 'user', content: ['x'] }] },
		/messages\.0\.content\.0/,
	],
	[
		'text is a number',
		{ messages: [{ role: 'user', content: [{ type: 'text', text: 5 }] }] },
		/messages\.0\.content\.0.*text/,
	],
	['stream is a word', { stream: 'yes' }, /stream/],
	['system is a number', { system: 5 }, /system/],
	['tools is an object', { tools: {} }, /tools/],
	[
		'a tool without name',
		{ tools: [{ input_schema: { type: 'object' } }] },
		/tools\.0.*name/,
	],
	['a tool without schema', { tools: [{ name: 'x' }] }, /tools\.0.*input_schema/],
	[
		'tool_use without id',
		{
			messages: [
				{ role: 'user', content: 'a' },
				{
					role: 'assistant',
					content: [{ type: 'tool_use', name: 'x', input: {} }],
				},
				{ role: 'user', content: 'b' },
			],
		},
		/messages\.1\.content\.0.*id: Field required/,
	],
	['temperature is a word', { temperature: 'hot' }, /temperature/],
	['stop_sequences is a string', { stop_sequences: 'x' }, /stop_sequences/],
	['a stop sequence of spaces', { stop_sequences: [' '] }, /stop_sequences/],
	['thinking is a word', { thinking: 'enabled' }, /thinking/],
	['thinking of an unknown type', { thinking: { type: 'sometimes' } }, /thinking/],
	[
		'tool_choice of an unknown type',
		{
			tools: [{ name: 'x', input_schema: { type: 'object' } }],
			tool_choice: { type: 'maybe' },
		},
		/tool_choice/,
	],
])
	test(`refused with its path: ${what}`, async () => {
		fresh();
		assertError(
			await post(proxy.url, message(extra)),
			400,
			'invalid_request_error',
			pattern,
		);
		assert.equal(upstream.chats().length, 0);
	});

test('unknown fields, betas and versions are taken', async () => {
	fresh();
	for (const version of ['2023-06-01', '2026-10-21', undefined])
		assertMessage(
			await post(proxy.url, message({ brand_new_field: { x: 1 } }), {
				headers: {
					'anthropic-version': version,
					'anthropic-beta': 'never-heard-of-2031-01-01',
				},
			}),
		);
});

test('a body without content-type is taken', async () => {
	fresh();
	assertMessage(await post(proxy.url, body, { headers: { 'content-type': undefined } }));
});
