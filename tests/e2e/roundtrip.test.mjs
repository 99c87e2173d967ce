// SPDX-License-Identifier: MIT
/*
 * Thinking that comes home: what an upstream sends as reasoning goes back to
 * it on the next turn in the same field and form, byte for byte, with nothing
 * kept in the proxy: the second turn is asked of another process.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { history, readStream } from './lib/anthropic.mjs';
import { assertMessage, message, post } from './lib/http.mjs';
import { hosted, startHosted } from './lib/hosted.mjs';
import { proxiesBefore } from './lib/proxies.mjs';
import { startProxy, withProxy } from './lib/proxy.mjs';
import { CALL, DETAIL, SECRET, SIG, THOUGHT, forms, script, whole } from './lib/thoughts.mjs';
import {
	DONE,
	chunk,
	frame,
	sayError,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
} from './lib/upstream.mjs';

const upstream = await startUpstream();
// The second member of a key tells processes apart.
const proxyFor = proxiesBefore(upstream, (env = {}) => startProxy(upstream.url, env));

const TOOLS = [{ name: 'look', input_schema: { type: 'object', properties: {} } }];
const THINK = { type: 'enabled', budget_tokens: 2048 };
const ask = (extra = {}) => message({ max_tokens: 4096, thinking: THINK, tools: TOOLS, ...extra });

// What the client says next: results for the calls, or another question.
function next(content, extra = {}) {
	const calls = content.filter((b) => b.type === 'tool_use');
	return ask({
		messages: [
			{ role: 'user', content: 'Hello' },
			{ role: 'assistant', content },
			{
				role: 'user',
				content: calls.length
					? calls.map((c) => ({
							type: 'tool_result',
							tool_use_id: c.id,
							content: 'found',
						}))
					: 'and then?',
			},
		],
		...extra,
	});
}

async function firstTurn(say, stream, env, extra = {}) {
	upstream.script(say);
	const r = await post((await proxyFor(env)).url, ask({ stream, ...extra }));
	return history((stream ? readStream(r) : assertMessage(r)).content);
}

// The assistant message that the second process sends for a history.
async function sentBack(content, { env, which = 1, stream = false, ...extra } = {}) {
	upstream.script(sayOk);
	const r = await post((await proxyFor(env, which)).url, next(content, { stream, ...extra }));
	if (stream) readStream(r);
	else assertMessage(r);
	const call = upstream.last();
	return {
		text: call.text,
		sent: call.json.messages.find((m) => m.role === 'assistant'),
		body: call.json,
	};
}

for (const [name, form] of Object.entries(forms))
	for (const streamed of [false, true])
		for (const withCall of [false, true])
			test(`${name} comes back as it came${streamed ? ', streamed' : ''}${withCall ? ', with a call' : ''}`, async () => {
				const calls = withCall ? JSON.stringify(CALL) : null;
				const content = await firstTurn(script(form, calls), streamed);
				assert.deepEqual(
					content.map((b) => b.type),
					[
						...(form.types ?? ['thinking']),
						'text',
						...(withCall ? ['tool_use'] : []),
					],
				);
				if (content[0].type === 'thinking')
					assert.equal(content[0].thinking, THOUGHT);
				const back = await sentBack(content);
				form.expect(back.sent, back.text, streamed);
				if (withCall) assert.deepEqual(back.sent.tool_calls, [CALL]);
				// Once it went, it goes with every later request the same.
				const again = await sentBack(content, { which: 2, stream: true });
				assert.deepEqual(again.sent, back.sent);
			});

for (const streamed of [false, true])
	test(`display omitted hides the text and keeps it in the signature${streamed ? ', streamed' : ''}`, async () => {
		for (const form of Object.values(forms)) {
			const content = await firstTurn(
				script(form, null),
				streamed,
				{},
				{
					thinking: { type: 'adaptive', display: 'omitted' },
				},
			);
			if (content[0].type === 'thinking') assert.equal(content[0].thinking, '');
			const back = await sentBack(content);
			form.expect(back.sent, back.text, streamed);
		}
	});

test('a session may be long: every turn keeps its own reasoning', async () => {
	let messages = [{ role: 'user', content: 'Hello' }];
	const proxy = await proxyFor();
	for (let i = 0; i < 5; i++) {
		upstream.script((call, res) =>
			sayTurn(call, res, {
				thinking: `thought ${i}`,
				text: `text ${i}`,
				calls: [{ id: `call_${i}`, name: 'look', input: { i } }],
			}),
		);
		const a = readStream(await post(proxy.url, ask({ stream: true, messages })));
		messages = [
			...messages,
			{ role: 'assistant', content: history(a.content) },
			{
				role: 'user',
				content: [
					{
						type: 'tool_result',
						tool_use_id: `call_${i}`,
						content: 'r',
					},
				],
			},
		];
	}
	assert.deepEqual(
		upstream
			.last()
			.json.messages.filter((m) => m.role === 'assistant')
			.map((m) => m.reasoning_content),
		['thought 0', 'thought 1', 'thought 2', 'thought 3'],
	);
});

/* ---- blocks that are not what they were ---- */

const foreign = (extra = {}) => [
	{ type: 'thinking', thinking: 'a thought of another', signature: SIG, ...extra },
	{ type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3pzix/LafPsn4a' },
	{ type: 'text', text: 'so' },
];

for (const [what, signature] of [
	['a real signature', SIG],
	['an empty one', ''],
	['one of ours that was cut', 'tp1.eyJrIjoicmVhc29u'],
	['one of ours that holds no object', 'tp1.MQ'],
	['one of ours in another alphabet', 'tp1.e+0/'],
	['a huge one', `tp1.${'A'.repeat(1_400_000)}`],
])
	test(`a thought signed by ${what} is text for those who take it, nothing for others`, async () => {
		for (const [mode, field] of [
			['reasoning_content', 'reasoning_content'],
			['reasoning', 'reasoning'],
			['deepseek', 'reasoning_content'],
			['none', null],
			['reasoning_details', null],
			['auto', null],
		]) {
			const { sent } = await sentBack(foreign({ signature }), {
				env: { REASONING_HISTORY: mode },
			});
			const expected = { role: 'assistant', content: 'so' };
			if (field) expected[field] = 'a thought of another';
			assert.deepEqual(sent, expected, mode);
		}
	});

test('an edited thought goes as it was edited, signed details as they were', async () => {
	const content = await firstTurn(script(forms.reasoning_content, null), true);
	content[0].thinking = 'edited';
	assert.equal((await sentBack(content)).sent.reasoning_content, 'edited');
	const signed = await firstTurn(
		script(forms['reasoning with reasoning_details'], null),
		false,
	);
	signed[0].thinking = 'edited';
	assert.ok((await sentBack(signed)).text.includes(DETAIL));
});

test('a turn whose thinking the client dropped goes without', async () => {
	const content = await firstTurn(script(forms.reasoning, JSON.stringify(CALL)), true);
	const { sent } = await sentBack(content.filter((b) => b.type !== 'thinking'));
	assert.deepEqual(sent, { role: 'assistant', content: 'so', tool_calls: [CALL] });
});

test('another model in mid-session is given the reasoning all the same', async () => {
	const content = await firstTurn(script(forms.reasoning, null), true);
	const { sent, body } = await sentBack(content, { model: 'another-model' });
	assert.equal(body.model, 'another-model');
	assert.equal(sent.reasoning, THOUGHT);
});

test('a later request without thinking keeps the beginning as it was', async () => {
	const content = await firstTurn(script(forms.reasoning, JSON.stringify(CALL)), true);
	const { sent } = await sentBack(content, { thinking: undefined });
	assert.equal(sent.reasoning, THOUGHT);
});

test('an upstream of another dialect gets the text alone', async () => {
	const content = await firstTurn(
		script(forms['reasoning with reasoning_details'], null),
		false,
	);
	for (const [mode, expected] of [
		['reasoning_content', { reasoning_content: THOUGHT }],
		['reasoning', { reasoning: THOUGHT }],
		['none', {}],
	])
		assert.deepEqual(
			(await sentBack(content, { env: { REASONING_HISTORY: mode } })).sent,
			{
				role: 'assistant',
				content: 'so',
				...expected,
			},
		);
	const { sent } = await sentBack(content, { env: { REASONING_HISTORY: 'think_tags' } });
	assert.equal(sent.content, `<think>\n${THOUGHT}\n</think>\n\nso`);
});

/* ---- rules of providers ---- */

// Refuses as DeepSeek V4 and Kimi do: every assistant message (there: with
// calls) has to bear its reasoning while tools are in play.
const insists = (text, onlyCalls) => (call, res) => {
	const b = call.json;
	const bad = b.messages.findIndex(
		(m) =>
			m.role === 'assistant' &&
			(m.tool_calls || !onlyCalls) &&
			typeof m.reasoning_content !== 'string',
	);
	if (b.tools && b.thinking?.type !== 'disabled' && bad >= 0)
		return sayError(res, 400, text(bad));
	return sayTurn(call, res, {
		thinking: 'hm',
		text: 'so',
		calls: [{ id: `functions.look:${b.messages.length}`, name: 'look', input: {} }],
	});
};
const deepseek = insists(
	() => 'The `reasoning_content` in the thinking mode must be passed back to the API.',
	false,
);
const kimi = insists(
	(i) => `Missing \`reasoning_content\` field in the assistant message at message index ${i}`,
	true,
);

for (const [base, model, rule, extra] of [
	['http://api.deepseek.com', 'deepseek-v4-pro', deepseek, 0],
	['http://api.moonshot.ai/v1', 'kimi-k2.6', kimi, 0],
	['http://gateway.example/v1', 'deepseek-v4-pro', deepseek, 0],
	['http://gateway.example/v1', 'house-model', deepseek, 1],
	['http://gateway.example/v1', 'house-model-k', kimi, 1],
])
	test(`${model} at ${new URL(base).host} gets its reasoning back, also where the client dropped it`, () =>
		hosted(base, rule, {}, async (proxy, up) => {
			for (const keep of [true, false]) {
				let messages = [{ role: 'user', content: 'Hello' }];
				for (let i = 0; i < 4; i++) {
					const r = await post(
						proxy.url,
						ask({ model, stream: i % 2 === 0, messages }),
					);
					const { content } =
						i % 2 === 0 ? readStream(r) : assertMessage(r);
					const call = content.find((b) => b.type === 'tool_use');
					assert.match(call.id, /^[A-Za-z0-9_-]+$/);
					messages = [
						...messages,
						{
							role: 'assistant',
							content: history(content).filter(
								(b) =>
									keep ||
									b.type !== 'thinking',
							),
						},
						{
							role: 'user',
							content: [
								{
									type: 'tool_result',
									tool_use_id: call.id,
									content: 'r',
								},
								{ type: 'text', text: 'go on' },
							],
						},
					];
				}
				const last = up.last().json.messages;
				for (const [i, m] of last.entries()) {
					if (m.role !== 'assistant') continue;
					assert.equal(m.reasoning_content, keep ? 'hm' : '');
					assert.match(m.tool_calls[0].id, /^functions\.look:\d+$/);
					assert.equal(last[i + 1].tool_call_id, m.tool_calls[0].id);
				}
			}
			// Eight requests, and one more where the rule had to be learned;
			// with thinking kept, the rule is met without.
			assert.equal(up.chats().length, 8 + extra);
		}));

test('DeepSeek is told not to think where the client would not see it', () =>
	hosted('http://api.deepseek.com', sayOk, {}, async (proxy, up) => {
		await post(proxy.url, ask({ thinking: undefined }));
		assert.deepEqual(up.last().json.thinking, { type: 'disabled' });
		await post(proxy.url, ask());
		assert.equal(up.last().json.thinking.type, 'enabled');
	}));

// Gemini: the first call of a step bears the signature it was made with.
const gemini = (call, res) => {
	const bad = call.json.messages.find(
		(m) => m.tool_calls && !m.tool_calls[0].extra_content?.google?.thought_signature,
	);
	if (bad)
		return sayJson(
			res,
			[
				{
					error: {
						code: 400,
						message: 'Function call is missing a thought_signature in functionCall parts.',
						status: 'INVALID_ARGUMENT',
					},
				},
			],
			400,
		);
	const calls = [
		{
			...CALL,
			index: 0,
			id: 'call_a',
			extra_content: { google: { thought_signature: SIG } },
		},
		{ ...CALL, index: 0, id: 'call_b' },
	];
	if (!call.json.stream)
		return sayJson(
			res,
			whole('"content":null', calls.map((c) => JSON.stringify(c)).join()),
		);
	startEvents(res);
	return res.end(
		chunk({ role: 'assistant', tool_calls: [calls[0]] }) +
			chunk({ tool_calls: [calls[1]] }) +
			chunk({}, 'stop') +
			frame({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }) +
			DONE,
	);
};

for (const base of [
	'http://generativelanguage.googleapis.com/v1beta/openai',
	'http://gateway.example/v1',
])
	for (const stream of [false, true])
		test(`Gemini's signature is on its call again at ${new URL(base).host}${stream ? ', streamed' : ''}`, () =>
			hosted(base, gemini, {}, async (proxy, up) => {
				const model = 'gemini-3-pro';
				const r = await post(proxy.url, ask({ model, stream }));
				const content = history(
					(stream ? readStream(r) : assertMessage(r)).content,
				);
				assert.deepEqual(
					content.map((b) => b.type),
					['redacted_thinking', 'tool_use', 'tool_use'],
				);
				assertMessage(await post(proxy.url, next(content, { model })));
				const sent = up.last().json.messages.find((m) => m.tool_calls);
				assert.deepEqual(
					sent.tool_calls.map((c) => c.extra_content),
					[{ google: { thought_signature: SIG } }, undefined],
				);
				// A history made elsewhere has none: the sentinel stands in.
				const own = content.filter((b) => b.type === 'tool_use');
				assertMessage(await post(proxy.url, next(own, { model })));
				assert.equal(
					up.last().json.messages.find((m) => m.tool_calls)
						.tool_calls[0].extra_content.google
						.thought_signature,
					'skip_thought_signature_validator',
				);
				assert.equal(up.chats().length, 3);
			}));

test('at OpenRouter details go back alone, once in a conversation, the empty list too', async () => {
	const up = await startUpstream();
	const proxy = await startHosted('http://openrouter.ai/api/v1', up);
	try {
		up.script(script(forms['reasoning with reasoning_details'], null));
		const { content } = assertMessage(await post(proxy.url, ask()));
		up.script(
			script(
				{ whole: ['"reasoning":"hm"', '"reasoning_details":[]'] },
				JSON.stringify(CALL),
			),
		);
		const second = assertMessage(await post(proxy.url, ask()));
		up.script(sayOk);
		await post(
			proxy.url,
			ask({
				messages: [
					{ role: 'user', content: 'one' },
					{ role: 'assistant', content: history(content) },
					{ role: 'user', content: 'two' },
					{ role: 'assistant', content: history(content) },
					{ role: 'user', content: 'three' },
					{ role: 'assistant', content: history(second.content) },
					{
						role: 'user',
						content: [
							{
								type: 'tool_result',
								tool_use_id: 'call_1',
								content: 'r',
							},
						],
					},
				],
			}),
		);
		const sent = up.last().json.messages.filter((m) => m.role === 'assistant');
		assert.ok(up.last().text.includes(`"reasoning_details":[${DETAIL},${SECRET}]`));
		assert.equal(up.last().text.split('rs_1').length, 2, 'signed details go once');
		assert.deepEqual(
			sent.map((m) => 'reasoning' in m),
			[false, false, false],
		);
		assert.deepEqual(sent[2].reasoning_details, []);
	} finally {
		await proxy.stop().finally(() => up.stop());
	}
});

test('an OpenAI host is never sent reasoning', () =>
	hosted('http://api.openai.com/v1', sayOk, {}, async (proxy, up) => {
		const content = await firstTurn(script(forms.reasoning_content, null), true);
		await post(proxy.url, next(content, { model: 'gpt-5.1' }));
		assert.deepEqual(up.last().json.messages[1], { role: 'assistant', content: 'so' });
	}));

test('nothing is kept in the proxy: a fresh one sends the same bytes', async () => {
	const content = await firstTurn(
		script(forms['reasoning with reasoning_details'], JSON.stringify(CALL)),
		true,
	);
	upstream.script(sayOk);
	const texts = new Set();
	for (let i = 0; i < 2; i++)
		await withProxy(upstream.url, {}, async (p) => {
			await post(p.url, next(content));
			texts.add(upstream.last().text);
		});
	assert.equal(texts.size, 1);
});
