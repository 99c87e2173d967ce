// SPDX-License-Identifier: MIT
// The official SDK, old and new, before the built proxy.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assemble } from '../e2e/lib/anthropic.mjs';
import { streams } from '../e2e/lib/golden.mjs';
import { startProxy } from '../e2e/lib/proxy.mjs';
import { complaints } from '../e2e/lib/strict.mjs';
import {
	sayError,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
	chunk,
} from '../e2e/lib/upstream.mjs';
import { loadSdk, sdks, skipSdk, suite } from './lib/clients.mjs';

const weather = {
	name: 'get_weather',
	description: 'Weather of a city',
	input_schema: {
		type: 'object',
		properties: { city: { type: 'string' } },
		required: ['city'],
	},
};
const question = [{ role: 'user', content: 'Paris and Rome?' }];
const ask = (extra = {}) => ({
	model: 'claude-test',
	max_tokens: 4096,
	messages: question,
	...extra,
});

const turn = {
	thinking: 'The user wants two cities; ask for both.',
	text: 'Let me look. ☂ 🌧',
	calls: [
		{ id: 'call_paris', name: 'get_weather', input: { city: 'Paris' } },
		{ id: 'call_rome', name: 'get_weather', input: { city: 'Rome', note: 'é"\\\n' } },
	],
};

const MODELS = ['z-ai/glm-5', ...Array.from({ length: 25 }, (_, i) => `m${i}`)];
const sayModels = (call, res) =>
	call.url === '/v1/models'
		? sayJson(res, { data: MODELS.map((id) => ({ id, created: 1700000000 })) })
		: sayError(res, 404, 'Not Found');

for (const name of sdks)
	suite(name, { skip: skipSdk }, () => {
		let upstream,
			proxy,
			client,
			Anthropic,
			betaTool,
			lastText = '',
			refused = [];

		before(async () => {
			({ Anthropic, betaTool } = await loadSdk(name));
			upstream = await startUpstream(undefined, sayModels);
			proxy = await startProxy(upstream.url);
			// Keeps the text of each answer, so that the SDK's reading can be compared.
			const keeping = async (...args) => {
				const r = await fetch(...args);
				lastText = r
					.clone()
					.text()
					.catch(() => '');
				return r;
			};
			client = new Anthropic({
				baseURL: proxy.url,
				apiKey: 'sk-test',
				maxRetries: 0,
				fetch: keeping,
			});
		});
		after(async () => {
			try {
				await proxy?.stop();
			} finally {
				await upstream?.stop();
			}
		});

		const script = (respond) =>
			upstream.script((call, res) => {
				refused = complaints(call.json, 'openai', { reasoning: true });
				if (refused.length) return sayError(res, 400, refused[0]);
				return respond(call, res);
			});
		const spaces = () => [
			['messages', client.messages],
			['beta.messages', client.beta.messages],
		];

		test('models.list over several pages and models.retrieve', async () => {
			for (const models of [client.models, client.beta.models]) {
				const ids = [];
				for await (const m of models.list({ limit: 7 })) ids.push(m.id);
				assert.deepEqual(ids, MODELS);
				const m = await models.retrieve('z-ai/glm-5');
				assert.equal(m.display_name, 'z-ai/glm-5');
				assert.equal(m.created_at, '2023-11-14T22:13:20Z');
				await assert.rejects(
					models.retrieve('nobody'),
					(err) =>
						err instanceof Anthropic.NotFoundError &&
						/model: nobody/.test(err.message),
				);
			}
		});

		test('messages.create', async () => {
			script((call, res) => sayTurn(call, res, turn));
			for (const [space, messages] of spaces()) {
				const m = await messages.create(
					ask({
						tools: [weather],
						thinking: { type: 'enabled', budget_tokens: 2000 },
					}),
				);
				assert.deepEqual(
					m.content.map((b) => b.type),
					['thinking', 'text', 'tool_use', 'tool_use'],
					space,
				);
				assert.equal(m.content[0].thinking, turn.thinking);
				assert.equal(m.content[1].text, turn.text);
				assert.deepEqual(
					m.content.slice(2).map((b) => b.input),
					turn.calls.map((c) => c.input),
				);
				assert.equal(m.stop_reason, 'tool_use');
				assert.deepEqual(
					[m.usage.input_tokens, m.usage.output_tokens],
					[50, 20],
				);
				assert.match(m._request_id ?? '', /^req_/);
			}
		});

		test('a stream of thoughts, text and parallel calls', async () => {
			script((call, res) => sayTurn(call, res, turn));
			for (const [, messages] of spaces()) {
				const s = messages.stream(
					ask({
						tools: [weather],
						thinking: { type: 'enabled', budget_tokens: 2000 },
					}),
				);
				let text = '',
					thoughts = '',
					inputs = 0;
				s.on('text', (t) => {
					text += t;
				});
				s.on('thinking', (t) => {
					thoughts += t;
				});
				s.on('inputJson', () => {
					inputs++;
				});
				const m = await s.finalMessage();
				assert.equal(text, turn.text);
				assert.equal(thoughts, turn.thinking);
				assert.ok(inputs > 2, 'arguments came in pieces');
				assert.deepEqual(
					m.content
						.filter((b) => b.type === 'tool_use')
						.map((b) => b.input),
					turn.calls.map((c) => c.input),
				);
				assert.equal(m.stop_reason, 'tool_use');
				assert.deepEqual(
					[m.usage.input_tokens, m.usage.output_tokens],
					[50, 20],
				);
			}
		});

		test('a whole tool conversation, its thoughts going back', async () => {
			script((call, res) =>
				sayTurn(
					call,
					res,
					call.json.messages.some((m) => m.role === 'tool')
						? { text: 'Rain in both.' }
						: turn,
				),
			);
			const params = ask({
				tools: [weather],
				thinking: { type: 'enabled', budget_tokens: 2000 },
			});
			const first = await client.messages.stream(params).finalMessage();
			const results = first.content
				.filter((b) => b.type === 'tool_use')
				.map((b) => ({
					type: 'tool_result',
					tool_use_id: b.id,
					content: `rain in ${b.input.city}`,
				}));
			const second = await client.messages
				.stream({
					...params,
					messages: [
						...question,
						{ role: 'assistant', content: first.content },
						{ role: 'user', content: results },
					],
				})
				.finalMessage();
			assert.equal(second.content.at(-1).text, 'Rain in both.');
			const [, assistant, ...tools] = upstream.last().json.messages;
			assert.equal(assistant.reasoning_content, turn.thinking);
			assert.equal(assistant.content, turn.text);
			assert.deepEqual(
				assistant.tool_calls.map((c) => [
					c.id,
					JSON.parse(c.function.arguments),
				]),
				turn.calls.map((c) => [c.id, c.input]),
			);
			assert.deepEqual(
				tools.map((t) => [t.tool_call_id, t.content]),
				[
					['call_paris', 'rain in Paris'],
					['call_rome', 'rain in Rome'],
				],
			);
		});

		test('countTokens', async () => {
			script(sayOk);
			for (const [, messages] of spaces()) {
				const { input_tokens: n } = await messages.countTokens({
					model: 'claude-test',
					messages: question,
					tools: [weather],
					system: 'Be brief.',
				});
				assert.ok(n > 10 && n < 300, `${n}`);
			}
		});

		for (const [status, Class, text] of [
			[400, 'BadRequestError', 'nonsense'],
			[401, 'AuthenticationError', 'bad key'],
			[403, 'PermissionDeniedError', 'not you'],
			[404, 'NotFoundError', 'no such model'],
			[409, 'ConflictError', 'conflict'],
			[429, 'RateLimitError', 'slow down'],
			[500, 'InternalServerError', 'oops'],
			[503, 'InternalServerError', 'busy'],
		])
			test(`an upstream's ${status} is a ${Class}`, async () => {
				script((call, res) => sayError(res, status, text));
				for (const stream of [true, false]) {
					const err = await (
						stream
							? client.messages
									.stream(ask())
									.finalMessage()
							: client.messages.create(ask())
					).then(
						() => null,
						(e) => e,
					);
					assert.ok(
						err instanceof Anthropic[Class],
						`${err?.constructor?.name}: ${err?.message}`,
					);
					assert.equal(err.status, status === 503 ? 529 : status);
					assert.equal(err.error.type, 'error');
					assert.match(
						err.requestID ?? err.request_id ?? '',
						/^req_/,
					);
				}
			});

		test('an error in the middle of a stream rejects, and nothing is taken for whole', async () => {
			script((call, res) => {
				startEvents(res);
				res.write(chunk({ content: 'half' }));
				setTimeout(() => res.destroy(), 50);
			});
			const s = client.messages.stream(ask());
			let text = '';
			s.on('text', (t) => {
				text += t;
			});
			const err = await s.finalMessage().then(
				() => null,
				(e) => e,
			);
			assert.ok(err instanceof Anthropic.APIError, `${err}`);
			assert.equal(text, 'half');
		});

		test('toolRunner falls back from threads and runs each tool once', async () => {
			script((call, res) =>
				sayTurn(
					call,
					res,
					call.json.messages.some((m) => m.role === 'tool')
						? { text: 'Rain in both.' }
						: turn,
				),
			);
			for (const stream of [false, true]) {
				upstream.calls.length = 0;
				const ran = [];
				const tool = betaTool({
					name: 'get_weather',
					description: 'Weather',
					inputSchema: weather.input_schema,
					run: (input) => {
						ran.push(input.city);
						return `rain in ${input.city}`;
					},
				});
				const runner = client.beta.messages.toolRunner({
					model: 'claude-test',
					max_tokens: 1000,
					messages: question,
					tools: [tool],
					stream,
				});
				const last = await runner.runUntilDone();
				assert.equal(last.content.at(-1).text, 'Rain in both.');
				assert.deepEqual(ran.sort(), ['Paris', 'Rome']);
				assert.equal(
					upstream.chats().length,
					2,
					'one request a turn reaches the upstream',
				);
			}
		});

		// What the SDK accumulates of a stream is what the strict reader reads.
		for (const { name: golden, wire, expect } of streams())
			test(`accumulates: ${golden}`, async () => {
				upstream.script((call, res) => {
					res.writeHead(expect.response?.status ?? 200, {
						'content-type': 'text/event-stream',
						...(expect.response?.headers ?? {}),
					});
					res.end(wire);
				});
				const tools = [
					...new Set(
						(expect.content ?? [])
							.filter((b) => b.type === 'tool_use')
							.map((b) => b.name),
					),
				].map((n) => ({ ...weather, name: n }));
				for (const [space, messages] of spaces()) {
					lastText = '';
					const params = ask({
						model: golden,
						thinking: { type: 'enabled', budget_tokens: 1024 },
						...(tools.length ? { tools } : {}),
					});
					const m = await messages
						.stream(params)
						.finalMessage()
						.catch((e) => e);
					if (m instanceof Error) {
						assert.ok(
							m instanceof Anthropic.APIError,
							`${space}: ${m.stack}`,
						);
						assert.ok(
							expect.error ||
								(expect.accept_also ?? []).some(
									(o) => o.error,
								),
							`${space}: ${m.message}`,
						);
						continue;
					}
					const a = assemble(await lastText);
					assert.equal(a.error, null);
					assert.deepEqual(
						m.content.map(shape),
						a.content.map(shape),
						space,
					);
					assert.equal(m.stop_reason, a.stop_reason);
					assert.equal(m.usage.output_tokens, a.usage.output_tokens);
				}
			});
	});

// SDKs keep a cut-off input in their own forms.
function shape(b) {
	if (b.type === 'tool_use')
		return {
			type: b.type,
			id: b.id,
			name: b.name,
			...(b.broken ? {} : { input: b.input }),
		};
	if (b.type === 'text') return { type: b.type, text: b.text };
	if (b.type === 'thinking')
		return { type: b.type, thinking: b.thinking, signature: b.signature };
	return b.type === 'redacted_thinking' ? { type: b.type, data: b.data } : { type: b.type };
}
