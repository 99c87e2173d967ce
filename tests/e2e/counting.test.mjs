// SPDX-License-Identifier: MIT
// Counts that can be relied on: calibrated by what the upstream reports, asked
// of those that can count, and weighed against the context window.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStream } from './lib/anthropic.mjs';
import { between } from './lib/between.mjs';
import { hosted } from './lib/hosted.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { SLACK } from './lib/time.mjs';
import {
	DONE,
	chunk,
	sayJson,
	sayOk,
	startEvents,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

/* ---- upstreams that count in their own way ---- */

const bytes = (v) => Buffer.byteLength(typeof v === 'string' ? v : JSON.stringify(v));

// Only what a model reads: no syntax of the request.
function texts(v) {
	if (typeof v === 'string') return bytes(v);
	if (Array.isArray(v)) return v.reduce((n, x) => n + texts(x), 0);
	if (v && typeof v === 'object')
		return Object.entries(v).reduce((n, [k, x]) => n + bytes(k) + texts(x), 0);
	return 2;
}
const measures = {
	'the whole body': (call) => bytes(call.text),
	'messages and tools': ({ json }) =>
		bytes(json.messages) + (json.tools ? bytes(json.tools) : 0),
	'their texts': ({ json }) => texts(json.messages) + texts(json.tools ?? []),
};

// The usage comes last, so that message_start is the proxy's own word.
const counts = (measure, perToken) => (call, res) => {
	const prompt = Math.ceil(measure(call) / perToken);
	call.prompt = prompt;
	if (!call.json.stream) return sayJson(res, turnMessage({ text: 'fine', prompt }));
	startEvents(res);
	return res.end(
		chunk({ role: 'assistant', content: '' }) +
			chunk({ content: 'fine' }) +
			chunk({}, 'stop') +
			usageChunk(prompt, 2) +
			DONE,
	);
};

/* ---- conversations that grow ---- */

const WORDS =
	'the quick brown fox reads a file of Łódź, changes line 42; then runs `make check` again: "ok" \n'.repeat(
		40,
	);
const prose = (n, at) => WORDS.slice(at % 50, (at % 50) + n);
const TOOLS = Array.from({ length: 12 }, (_, i) => ({
	name: `tool_${i}`,
	description: prose(600, i),
	input_schema: {
		$schema: 'https://json-schema.org/draft/2020-12/schema',
		type: 'object',
		properties: {
			path: { type: 'string', description: prose(80, i) },
			limit: { type: 'integer', minimum: 1 },
		},
		required: ['path'],
		additionalProperties: false,
	},
}));

const conversations = {
	'a chat': (turn) => ({
		system: prose(400, 3),
		messages: Array.from({ length: 2 * turn + 1 }, (_, i) => ({
			role: i % 2 ? 'assistant' : 'user',
			content: prose(i % 2 ? 900 : 120, i),
		})),
	}),
	'an agent': (turn) => ({
		system: prose(3000, 1),
		tools: TOOLS,
		messages: [
			{ role: 'user', content: prose(300, 5) },
			...Array.from({ length: turn }, (_, i) => [
				{
					role: 'assistant',
					content: [
						{ type: 'text', text: prose(60, i) },
						{
							type: 'tool_use',
							id: `toolu_${i}`,
							name: `tool_${i}`,
							input: {
								path: `/src/file_${i}.c`,
								limit: 100,
							},
						},
					],
				},
				{
					role: 'user',
					content: [
						{
							type: 'tool_result',
							tool_use_id: `toolu_${i}`,
							content: prose(1500, i),
						},
					],
				},
			]).flat(),
		],
	}),
};

for (const perToken of [2.5, 4, 6])
	for (const [measured, measure] of Object.entries(measures))
		for (const [kind, at] of Object.entries(conversations))
			test(`${kind}, ${perToken} bytes of ${measured} a token: within 10 % after five turns`, () =>
				between(counts(measure, perToken), {}, async (proxy, upstream) => {
					for (let turn = 0; turn < 5; turn++) {
						const stream = turn % 2 === 0;
						const r = await post(
							proxy.url,
							message({ stream, ...at(turn) }),
						);
						if (stream) readStream(r);
						else assertMessage(r);
					}
					const { max_tokens, ...ask } = message(at(5));
					const counted = JSON.parse(
						(
							await post(proxy.url, ask, {
								path: '/v1/messages/count_tokens',
							})
						).text,
					).input_tokens;
					const a = readStream(
						await post(proxy.url, {
							...ask,
							max_tokens,
							stream: true,
						}),
					);
					const real = upstream.last().prompt;
					const told = a.events[0].message.usage.input_tokens;
					for (const [what, n] of [
						['count_tokens', counted],
						['message_start', told],
					])
						assert.ok(
							Math.abs(n - real) <= real / 10,
							`${what}: ${n}, real ${real}`,
						);
					assert.equal(
						a.usage.input_tokens,
						real,
						'the end tells the truth',
					);
				}));

test('calibration is of one model', () =>
	between(
		(call, res) =>
			counts(
				measures['the whole body'],
				/small/.test(call.json?.model) ? 2.5 : 6,
			)(call, res),
		{},
		async (proxy, upstream) => {
			for (const model of ['small', 'large'])
				for (let turn = 0; turn < 5; turn++)
					await post(
						proxy.url,
						message({
							model,
							...conversations['a chat'](turn),
						}),
					);
			for (const model of ['small', 'large']) {
				const ask = message({ model, ...conversations['a chat'](5) });
				const n = JSON.parse(
					(
						await post(proxy.url, ask, {
							path: '/v1/messages/count_tokens',
						})
					).text,
				).input_tokens;
				await post(proxy.url, ask);
				const real = upstream.last().prompt;
				assert.ok(
					Math.abs(n - real) <= real / 10,
					`${model}: ${n}, real ${real}`,
				);
			}
		},
	));

/* ---- upstreams that can be asked ---- */

const countOf = async (proxy, body = message()) =>
	JSON.parse((await post(proxy.url, body, { path: '/v1/messages/count_tokens' })).text)
		.input_tokens;

const tools = [{ name: 'f', input_schema: { type: 'object', properties: {} } }];

for (const [name, base, path, answer] of [
	['vLLM', null, '/tokenize', { count: 4711, max_model_len: 32768, tokens: [1, 2, 3] }],
	[
		'llama.cpp',
		null,
		'/v1/chat/completions/input_tokens',
		{ object: 'response.input_tokens', input_tokens: 4711 },
	],
	[
		'OpenAI',
		'http://api.openai.com/v1',
		'/v1/responses/input_tokens',
		{ object: 'response.input_tokens', input_tokens: 4711 },
	],
])
	test(`${name} is asked for the count`, () => {
		const others = (call, res) =>
			new URL(call.url, 'http://x').pathname === path
				? sayJson(res, answer)
				: sayJson(res, { detail: 'Not Found' }, 404);
		const body = async (proxy, upstream) => {
			for (let i = 0; i < 2; i++)
				assert.equal(
					await countOf(proxy, message({ tools, system: 's' })),
					4711,
				);
			const asked = upstream.calls.filter((c) => c.url.endsWith(path));
			assert.equal(asked.length, 2);
			const sent = asked[1].json;
			assert.equal(sent.model, 'claude-test');
			assert.equal((sent.tools ?? []).length, 1);
			assert.match(JSON.stringify(sent), /"s"/);
			assert.equal('max_tokens' in sent, false);
			assert.equal(asked[1].headers.authorization, 'Bearer sk-up');
			// What does not answer is not asked again and again.
			assert.ok(upstream.calls.length <= 4, `${upstream.calls.length} calls`);
		};
		return base
			? hosted(base, sayOk, {}, body, { others })
			: between(sayOk, {}, body, { others });
	});

for (const [what, others] of [
	['404', (call, res) => sayJson(res, { detail: 'Not Found' }, 404)],
	['500', (call, res) => sayJson(res, { error: 'x' }, 500)],
	['a page', (call, res) => sayJson(res, '<html>hello</html>', 200)],
	['a negative count', (call, res) => sayJson(res, { count: -5, input_tokens: -5 })],
	['a broken connection', (call, res) => res.destroy()],
	['an answer to something else', (call, res) => sayJson(res, turnMessage({ text: 'ok' }))],
])
	test(`an upstream that answers the question with ${what} is not believed, and let alone`, () =>
		between(
			sayOk,
			{},
			async (proxy, upstream) => {
				const n = await countOf(proxy);
				assert.ok(n >= 1 && n < 50, `${n}`);
				const asked = upstream.calls.length;
				assert.ok(asked > 0);
				await Promise.all(Array.from({ length: 26 }, () => countOf(proxy)));
				assert.equal(upstream.calls.length, asked);
			},
			{ others },
		));

test('an upstream that is silent when asked holds nobody up for long', () =>
	between(
		sayOk,
		{},
		async (proxy, upstream) => {
			const began = Date.now();
			assert.ok((await countOf(proxy)) >= 1);
			assert.ok(Date.now() - began < 6000 * SLACK, `${Date.now() - began} ms`);
			const asked = upstream.calls.length;
			await countOf(proxy);
			assert.equal(upstream.calls.length, asked);
		},
		{ others: () => {} },
	));

/* ---- the context window ---- */

const TOO_LONG = /^prompt is too long: (\d+) tokens > (\d+) maximum/;
const sized = (n) => [{ role: 'user', content: 'word '.repeat(n) }];
const honest = counts(({ json }) => texts(json.messages), 5);
const lists =
	(...data) =>
	(call, res) =>
		/\/models$/.test(call.url)
			? sayJson(res, { object: 'list', data })
			: sayJson(res, { error: 'no such thing' }, 404);

test('what cannot fit is refused here, what may fit is left to the upstream', () =>
	between(
		honest,
		{ CONTEXT_WINDOW: 'up-*=1000,*=2000', MODEL_MAP: 'claude-big=big,*=up-small' },
		async (proxy, upstream) => {
			const estimate = await countOf(proxy, message({ messages: sized(2000) }));
			for (const stream of [true, false]) {
				upstream.calls.length = 0;
				const e = assertError(
					await post(
						proxy.url,
						message({ stream, messages: sized(2000) }),
					),
					400,
					'invalid_request_error',
					TOO_LONG,
				);
				const [, n, max] = TOO_LONG.exec(e.message).map(Number);
				assert.deepEqual([n, max], [estimate, 1000]);
				assert.equal(upstream.chats().length, 0, 'no byte went');
			}
			// The glob is for the upstream's name of the model.
			assertMessage(
				await post(
					proxy.url,
					message({ model: 'claude-big', messages: sized(1800) }),
				),
			);
			// 40 % of error while nothing is known: 1.3 windows still go.
			const near = Math.floor((2000 * 1300) / estimate);
			assertMessage(await post(proxy.url, message({ messages: sized(near) })));
		},
	));

test('after three usages 10 % of error are left', () =>
	between(honest, { CONTEXT_WINDOW: '*=1000' }, async (proxy, upstream) => {
		for (let i = 0; i < 3; i++)
			assertMessage(await post(proxy.url, message({ messages: sized(600) })));
		upstream.calls.length = 0;
		assertMessage(await post(proxy.url, message({ messages: sized(1060) })));
		assertError(
			await post(proxy.url, message({ messages: sized(1200) })),
			400,
			'invalid_request_error',
			TOO_LONG,
		);
		assert.equal(upstream.chats().length, 1);
	}));

test('a max_tokens that does not fit beside the prompt is lowered, never raised', () =>
	between(honest, { CONTEXT_WINDOW: '*=4000' }, async (proxy, upstream) => {
		for (let i = 0; i < 3; i++)
			await post(proxy.url, message({ messages: sized(1000) }));
		await post(proxy.url, message({ messages: sized(1000), max_tokens: 64000 }));
		const { max_tokens: n } = upstream.last().json;
		const real = upstream.last().prompt;
		assert.ok(real + n <= 4000, `${real} + ${n} fits`);
		assert.ok(n > 4000 - 1.25 * real, `${n} is not too little`);
		await post(proxy.url, message({ messages: sized(1000), max_tokens: 7 }));
		assert.equal(upstream.last().json.max_tokens, 7);
		await post(
			proxy.url,
			message({
				messages: sized(1000),
				max_tokens: 64000,
				thinking: { type: 'enabled', budget_tokens: 32000 },
			}),
		);
		assert.ok(upstream.last().json.max_tokens < 4000);
	}));

test('thinking is left room for an answer where max_tokens was lowered', () =>
	hosted(
		'http://openrouter.ai/api/v1',
		honest,
		{ CONTEXT_WINDOW: '*=8000' },
		async (proxy, upstream) => {
			assertMessage(
				await post(
					proxy.url,
					message({
						max_tokens: 32000,
						thinking: { type: 'enabled', budget_tokens: 31999 },
						messages: sized(1000),
					}),
				),
			);
			const { max_tokens: all, reasoning } = upstream.last().json;
			assert.ok(all < 8000 && reasoning.max_tokens < all, `${all}`);
			assert.ok(reasoning.max_tokens >= 1024);
		},
	));

for (const [what, entry] of [
	['vLLM', { max_model_len: 1000 }],
	['OpenRouter', { context_length: 1000, top_provider: { max_completion_tokens: 10 } }],
	['llama.cpp', { meta: { n_ctx_train: 131072, n_ctx: 1000 } }],
	['llama.cpp of old', { meta: { n_ctx_train: 1000 } }],
])
	test(`the window that ${what} lists counts`, () =>
		between(
			honest,
			{},
			async (proxy, upstream) => {
				assertError(
					await post(proxy.url, message({ messages: sized(3000) })),
					400,
					'invalid_request_error',
					TOO_LONG,
				);
				assertMessage(
					await post(
						proxy.url,
						message({
							model: 'unlisted',
							messages: sized(3000),
						}),
					),
				);
				assert.equal(
					upstream.calls.filter((c) => /\/models$/.test(c.url))
						.length,
					1,
					'the list is asked for once',
				);
			},
			{
				others: lists(
					{ id: 'other', object: 'model', max_model_len: 10 },
					{ id: 'claude-test', object: 'model', ...entry },
				),
			},
		));

test('a window that is set beats the list, which is then not needed', () =>
	between(
		honest,
		{ CONTEXT_WINDOW: 'claude-*=100000' },
		async (proxy) => {
			assertMessage(await post(proxy.url, message({ messages: sized(3000) })));
		},
		{ others: lists({ id: 'claude-test', max_model_len: 10 }) },
	));

test('a list that does not come refuses nothing and holds up nobody', () =>
	between(
		honest,
		{},
		async (proxy) => {
			const began = Date.now();
			for (let i = 0; i < 3; i++)
				assertMessage(
					await post(proxy.url, message({ messages: sized(3000) })),
				);
			assert.ok(Date.now() - began < 6000 * SLACK);
		},
		{ others: () => {} },
	));
