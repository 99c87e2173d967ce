// SPDX-License-Identifier: MIT
// What has to be restored exactly: stop sequences cut anywhere, long names,
// foreign ids; and arguments that never end.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { callsOf, history, readStream, textOf } from './lib/anthropic.mjs';
import { assertMessage, message, post } from './lib/http.mjs';
import { startProxy } from './lib/proxy.mjs';
import { complaints } from './lib/strict.mjs';
import { until } from './lib/time.mjs';
import {
	DONE,
	callDelta,
	chunk,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

const upstream = await startUpstream();
const proxies = new Map();
async function proxyFor(env = {}, which = 0) {
	const key = JSON.stringify([env, which]);
	if (!proxies.has(key)) proxies.set(key, startProxy(upstream.url, env));
	return proxies.get(key);
}

after(async () => {
	const ends = await Promise.allSettled(
		[...proxies.values()].map(async (p) => (await p).stop()),
	);
	await upstream.stop();
	for (const e of ends) if (e.status === 'rejected') throw e.reason;
});

/* ---- stop sequences ---- */

const says = (pieces, finish = 'stop') => (call, res) => {
	startEvents(res);
	for (const p of pieces) res.write(chunk({ content: p }));
	res.end(chunk({}, finish) + usageChunk(9, 99) + DONE);
};

async function stopped(pieces, stop_sequences, extra = {}) {
	upstream.script(says(pieces));
	const r = await post((await proxyFor()).url, message({ stream: true, stop_sequences, ...extra }));
	const m = readStream(r);
	return [textOf(m), m.stop_reason, m.stop_sequence];
}

for (const [what, text, list, expected] of [
	['one', 'Hello <|end|> more', ['<|end|>'], ['Hello ', 'stop_sequence', '<|end|>']],
	['the earliest', 'one two three', ['three', 'two'], ['one ', 'stop_sequence', 'two']],
	['the first of the list', 'x abc y', ['abc', 'ab'], ['x ', 'stop_sequence', 'abc']],
	['the first of the list, the shorter', 'x abc y', ['ab', 'abc'], ['x ', 'stop_sequence', 'ab']],
	['one inside of another', 'aabcd', ['abcd', 'bc'], ['a', 'stop_sequence', 'abcd']],
	['a repeated beginning', 'aaaaab!', ['aaab'], ['aa', 'stop_sequence', 'aaab']],
	['wide characters', 'né\u{1F600}漢字x', ['\u{1F600}漢字'], ['né', 'stop_sequence', '\u{1F600}漢字']],
	['a line break', 'a\r\n\n\nHuman: b', ['\n\nHuman:'], ['a\r\n', 'stop_sequence', '\n\nHuman:']],
	['quotes and signs', 'say "\\"end"', ['\\"end'], ['say "', 'stop_sequence', '\\"end']],
	['the fifth', 'abcde5', ['1', '2', '3', '4', '5'], ['abcde', 'stop_sequence', '5']],
	['none but nearly', 'Hello <|en|> <|end', ['<|end|>'], ['Hello <|en|> <|end', 'end_turn', null]],
	['one at the very start', 'STOP it', ['STOP'], ['', 'stop_sequence', 'STOP']],
])
	test(`stop: ${what}, wherever the chunks are cut`, async () => {
		const chars = Array.from(text);
		assert.deepEqual(await stopped(chars, list), expected, 'one by one');
		for (let i = 0; i <= chars.length; i++)
			assert.deepEqual(
				await stopped(
					[chars.slice(0, i).join(''), chars.slice(i).join('')],
					list,
				),
				expected,
				`cut at ${i}`,
			);
	});

test('a client that wants one message gets the same', async () => {
	upstream.script(says(['Hel', 'lo ST', 'OP more']));
	const m = assertMessage(
		await post((await proxyFor()).url, message({ stop_sequences: ['STOP'] })),
	);
	assert.deepEqual([textOf(m), m.stop_reason, m.stop_sequence], ['Hello ', 'stop_sequence', 'STOP']);
	assert.equal(upstream.last().json.stop, undefined, 'the upstream need not know');
	assert.equal(upstream.last().json.stream, true);
});

test('at a match the upstream is hung up on', async () => {
	upstream.script((call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'text STOP' }));
		const more = setInterval(() => res.write(chunk({ content: 'more' })), 5);
		res.on('close', () => clearInterval(more));
	});
	const p = await proxyFor();
	const m = readStream(await post(p.url, message({ stream: true, stop_sequences: ['STOP'] })));
	assert.deepEqual([textOf(m), m.stop_sequence], ['text ', 'STOP']);
	assert.ok(m.usage.output_tokens >= 1);
	await until(() => upstream.last().closed, 3000, 'hanging up');
});

test('only text is searched: no thought, no arguments', async () => {
	upstream.script((call, res) =>
		sayTurn(call, res, {
			thinking: 'I think STOP',
			text: 'calling',
			calls: [{ id: 'c1', name: 'f', input: { a: 'STOP' } }],
		}),
	);
	const m = readStream(
		await post(
			(await proxyFor()).url,
			message({
				stream: true,
				max_tokens: 4096,
				stop_sequences: ['STOP'],
				thinking: { type: 'enabled', budget_tokens: 1024 },
				tools: [{ name: 'f', input_schema: { type: 'object' } }],
			}),
		),
	);
	assert.deepEqual(
		m.content.map((b) => b.thinking ?? b.text ?? b.input.a),
		['I think STOP', 'calling', 'STOP'],
	);
	assert.equal(m.stop_reason, 'tool_use');
});

test('a sequence is not joined over a tool call', async () => {
	upstream.script((call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a ST' }));
		res.write(callDelta(0, 'c1', 'f', '{}'));
		res.write(chunk({ content: 'OP b' }));
		res.end(chunk({}, 'tool_calls') + DONE);
	});
	const m = readStream(
		await post(
			(await proxyFor()).url,
			message({
				stream: true,
				stop_sequences: ['STOP'],
				tools: [{ name: 'f', input_schema: { type: 'object' } }],
			}),
		),
	);
	assert.equal(textOf(m), 'a STOP b');
	assert.equal(m.stop_reason, 'tool_use');
});

test('STOP_MODE: who is asked, and who looks', async () => {
	const list = ['1', '2', '3', '4', '5'];
	for (const [mode, sent, reason] of [
		['upstream', list.slice(0, 4), 'end_turn'],
		['both', list.slice(0, 4), 'stop_sequence'],
	]) {
		upstream.script((call, res) =>
			call.json.stream ? says(['text 5 more'])(call, res) : sayJson(res, turnMessage({ text: 'text 5 more' })),
		);
		const p = await proxyFor({ STOP_MODE: mode });
		const m = assertMessage(await post(p.url, message({ stop_sequences: list })));
		assert.deepEqual(upstream.last().json.stop, sent);
		assert.equal(m.stop_reason, reason);
	}
	// vLLM says which one it was.
	upstream.script((call, res) => {
		const m = turnMessage({ text: 'text ' });
		m.choices[0].stop_reason = '2';
		sayJson(res, m);
	});
	const m = assertMessage(
		await post((await proxyFor({ STOP_MODE: 'upstream' })).url, message({ stop_sequences: list })),
	);
	assert.deepEqual([m.stop_reason, m.stop_sequence], ['stop_sequence', '2']);
});

/* ---- arguments that never end ---- */

const TOOL = { name: 'f', input_schema: { type: 'object' } };

for (const [what, before] of [
	['before their first byte', ''],
	['inside an object', '{"a":1,'],
	['behind a key', '{"a":'],
])
	test(`white space without end ${what} is cut off`, async () => {
		let written = 0;
		upstream.script((call, res) => {
			startEvents(res);
			res.write(callDelta(0, 'c1', 'f', before));
			const more = setInterval(() => {
				written += 1000;
				res.write(callDelta(0, null, null, ' \n\t '.repeat(200)));
			}, 2);
			res.on('close', () => clearInterval(more));
		});
		const p = await proxyFor();
		const r = await post(p.url, message({ stream: true, tools: [TOOL] }));
		const m = readStream(r);
		if (m.error) {
			assert.equal(m.stop_reason, null);
		} else {
			// Nothing that a client could run by mistake.
			assert.deepEqual(Object.keys(callsOf(m)[0].input), ['_invalid_arguments']);
		}
		await until(() => upstream.last().closed, 3000, 'hanging up');
		assert.ok(written < 400000, `${written} bytes were read`);
	});

test('white space inside of strings and pretty printed arguments are fine', async () => {
	const input = { text: ' \n'.repeat(5000), list: Array.from({ length: 50 }, (_, i) => i) };
	upstream.script((call, res) => {
		startEvents(res);
		res.write(callDelta(0, 'c1', 'f', ''));
		for (const p of JSON.stringify(input, null, 8).match(/[\s\S]{1,500}/g))
			res.write(callDelta(0, null, null, p));
		res.end(chunk({}, 'tool_calls') + DONE);
	});
	const m = readStream(await post((await proxyFor()).url, message({ stream: true, tools: [TOOL] })));
	assert.deepEqual(callsOf(m)[0].input, input);
});

/* ---- names ---- */

const named = (name) => ({ name, description: name, input_schema: { type: 'object', properties: {} } });
const LONG = [
	'm'.repeat(65),
	`mcp__a_server_with_a_long_name__${'tool'.repeat(20)}_one`,
	`mcp__a_server_with_a_long_name__${'tool'.repeat(20)}_two`,
	'x'.repeat(128),
	'y'.repeat(64),
	'short',
];

for (const env of [{}, { TOOL_NAME_MAX: '32' }])
	test(`names over ${env.TOOL_NAME_MAX ?? 64} are shortened and restored by any process`, async () => {
		const max = Number(env.TOOL_NAME_MAX ?? 64);
		const tools = LONG.map(named);
		// The model calls every tool it was given, by the name it was given.
		const callsAll = (call, res) =>
			sayTurn(call, res, {
				calls: call.json.tools.map((t, i) => ({
					id: `call_${i}`,
					name: t.function.name,
					input: { i },
				})),
			});
		const sentNames = [];
		for (const which of [0, 1])
			for (const stream of [true, false]) {
				upstream.script(callsAll);
				const r = await post((await proxyFor(env, which)).url, message({ stream, tools }));
				const m = stream ? readStream(r) : assertMessage(r);
				assert.deepEqual(
					callsOf(m).map((c) => [c.name, c.input.i]),
					LONG.map((n, i) => [n, i]),
				);
				const names = upstream.last().json.tools.map((t) => t.function.name);
				assert.ok(names.every((n) => /^[a-zA-Z0-9_-]+$/.test(n) && n.length <= max));
				assert.equal(new Set(names).size, LONG.length);
				sentNames.push(names);

				// And back in the history, also beside fewer tools.
				upstream.script(sayOk);
				for (const offered of [tools, [named('short')]]) {
					await post(
						(await proxyFor(env, 1 - which)).url,
						message({
							tools: offered,
							messages: [
								{ role: 'user', content: 'a' },
								{ role: 'assistant', content: history(m.content) },
								{
									role: 'user',
									content: callsOf(m).map((c) => ({
										type: 'tool_result',
										tool_use_id: c.id,
										content: 'r',
									})),
								},
							],
						}),
					);
					assert.deepEqual(
						upstream.last().json.messages[1].tool_calls.map((c) => c.function.name),
						names,
					);
				}
			}
		for (const n of sentNames) assert.deepEqual(n, sentNames[0]);
	});

test('a long name can be forced', async () => {
	upstream.script(sayOk);
	await post(
		(await proxyFor()).url,
		message({ tools: LONG.map(named), tool_choice: { type: 'tool', name: LONG[3] } }),
	);
	const { json } = upstream.last();
	assert.deepEqual(complaints(json, 'openai'), []);
	assert.equal(json.tool_choice.function.name, json.tools[3].function.name);
});

test('names with foreign characters are made plain and restored', async () => {
	const names = ['a.b', 'a_b', 'a/b', 'größe', 'with space'];
	upstream.script((call, res) =>
		sayTurn(call, res, {
			calls: call.json.tools.map((t, i) => ({ id: `call_${i}`, name: t.function.name, input: {} })),
		}),
	);
	const r = await post((await proxyFor()).url, message({ stream: true, tools: names.map(named) }));
	if (r.status === 400) return; // Anthropic refuses them too
	const m = readStream(r);
	assert.deepEqual(complaints(upstream.last().json, 'openai'), []);
	assert.deepEqual(
		callsOf(m).map((c) => c.name),
		names,
	);
});

/* ---- ids ---- */

const IDS = [
	'functions.look:0',
	'call_plain-1',
	'call|with/odd+chars=',
	'ünïcode\u{1F600}',
	'x'.repeat(64),
	'y'.repeat(200),
	'tcx_looks-like-ours',
	'toolu_bdrk_01AbC',
	' spaces and "quotes" ',
];

for (const stream of [true, false])
	test(`ids with foreign characters come back exactly, by any process${stream ? ', streamed' : ''}`, async () => {
		upstream.script((call, res) =>
			sayTurn(call, res, { calls: IDS.map((id) => ({ id, name: 'f', input: {} })) }),
		);
		const ask = message({ tools: [TOOL] });
		const r = await post((await proxyFor()).url, { ...ask, stream });
		const m = stream ? readStream(r) : assertMessage(r);
		const ids = callsOf(m).map((c) => c.id);
		assert.equal(new Set(ids).size, IDS.length);
		for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]+$/);
		upstream.script(sayOk);
		await post((await proxyFor({}, 1)).url, {
			...ask,
			messages: [
				...ask.messages,
				{ role: 'assistant', content: history(m.content) },
				{
					role: 'user',
					content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id, content: id })),
				},
			],
		});
		const { messages } = upstream.last().json;
		assert.deepEqual(
			messages[1].tool_calls.map((c) => c.id),
			IDS,
		);
		assert.deepEqual(
			messages.slice(2).map((x) => [x.role, x.tool_call_id, x.content]),
			IDS.map((id, i) => ['tool', id, ids[i]]),
		);
	});

test('ids that are empty, missing or had before are made anew, and differ', async () => {
	const made = [
		{ index: 0, id: '', function: { name: 'f', arguments: '{}' } },
		{ index: 1, function: { name: 'f', arguments: '{}' } },
		{ index: 2, id: 'call_0', type: 'function', function: { name: 'f', arguments: '{}' } },
	];
	upstream.script((call, res) => {
		if (call.json.stream) {
			startEvents(res);
			for (const c of made) res.write(chunk({ tool_calls: [c] }));
			res.end(chunk({}, 'tool_calls') + DONE);
		} else {
			const m = turnMessage({ calls: [{ id: 'x', name: 'f', input: {} }] });
			m.choices[0].message.tool_calls = made.map(({ index, ...c }) => c);
			sayJson(res, m);
		}
	});
	for (const stream of [true, false]) {
		const r = await post(
			(await proxyFor()).url,
			message({
				stream,
				tools: [TOOL],
				messages: [
					{ role: 'user', content: 'a' },
					{
						role: 'assistant',
						content: [{ type: 'tool_use', id: 'call_0', name: 'f', input: {} }],
					},
					{
						role: 'user',
						content: [{ type: 'tool_result', tool_use_id: 'call_0', content: 'r' }],
					},
				],
			}),
		);
		const m = stream ? readStream(r) : assertMessage(r);
		const ids = callsOf(m).map((c) => c.id);
		assert.equal(new Set([...ids, 'call_0']).size, 4, ids.join());
		for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
	}
});

for (const [mode, form] of [
	['hash40', /^.{1,40}$/],
	['mistral9', /^[a-zA-Z0-9]{9}$/],
])
	test(`TOOL_ID_MODE=${mode}: calls and results agree, always the same`, async () => {
		const ids = [...IDS.slice(1, 2), 'toolu_' + 'z'.repeat(50), 'tcx_ZnVuY3Rpb25zLmY6MA'];
		const ask = message({
			tools: [TOOL],
			messages: [
				{ role: 'user', content: 'a' },
				{
					role: 'assistant',
					content: ids.map((id) => ({ type: 'tool_use', id, name: 'f', input: {} })),
				},
				{
					role: 'user',
					content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id, content: 'r' })),
				},
			],
		});
		const texts = new Set();
		for (const which of [0, 1]) {
			upstream.script(sayOk);
			await post((await proxyFor({ TOOL_ID_MODE: mode }, which)).url, ask);
			const { messages } = upstream.last().json;
			texts.add(upstream.last().text);
			const sent = messages[1].tool_calls.map((c) => c.id);
			assert.equal(new Set(sent).size, ids.length);
			for (const id of sent) assert.match(id, form);
			assert.deepEqual(
				messages.slice(2).map((m) => m.tool_call_id),
				sent,
			);
		}
		assert.equal(texts.size, 1);
	});
