// SPDX-License-Identifier: MIT
// Stop sequences wherever the chunks are cut, and arguments that never end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, readStream, textOf } from './lib/anthropic.mjs';
import { assertMessage, message, post } from './lib/http.mjs';
import { proxiesBefore } from './lib/proxies.mjs';
import { startProxy } from './lib/proxy.mjs';
import { until } from './lib/time.mjs';
import {
	DONE,
	callDelta,
	chunk,
	sayJson,
	sayTurn,
	startEvents,
	startUpstream,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

const upstream = await startUpstream();
const proxyFor = proxiesBefore(upstream, (env = {}) => startProxy(upstream.url, env));

/* ---- stop sequences ---- */

const says =
	(pieces, finish = 'stop') =>
	(call, res) => {
		startEvents(res);
		for (const p of pieces) res.write(chunk({ content: p }));
		res.end(chunk({}, finish) + usageChunk(9, 99) + DONE);
	};

async function stopped(pieces, stop_sequences, extra = {}) {
	upstream.script(says(pieces));
	const r = await post(
		(await proxyFor()).url,
		message({ stream: true, stop_sequences, ...extra }),
	);
	const m = readStream(r);
	return [textOf(m), m.stop_reason, m.stop_sequence];
}

for (const [what, text, list, expected] of [
	['one', 'Hello <|end|> more', ['<|end|>'], ['Hello ', 'stop_sequence', '<|end|>']],
	['the earliest', 'one two three', ['three', 'two'], ['one ', 'stop_sequence', 'two']],
	['the first of the list', 'x abc y', ['abc', 'ab'], ['x ', 'stop_sequence', 'abc']],
	[
		'the first of the list, the shorter',
		'x abc y',
		['ab', 'abc'],
		['x ', 'stop_sequence', 'ab'],
	],
	['one inside of another', 'aabcd', ['abcd', 'bc'], ['a', 'stop_sequence', 'abcd']],
	['a repeated beginning', 'aaaaab!', ['aaab'], ['aa', 'stop_sequence', 'aaab']],
	[
		'wide characters',
		'né\u{1F600}漢字x',
		['\u{1F600}漢字'],
		['né', 'stop_sequence', '\u{1F600}漢字'],
	],
	[
		'a line break',
		'a\r\n\n\nHuman: b',
		['\n\nHuman:'],
		['a\r\n', 'stop_sequence', '\n\nHuman:'],
	],
	['quotes and signs', 'say "\\"end"', ['\\"end'], ['say "', 'stop_sequence', '\\"end']],
	['the fifth', 'abcde5', ['1', '2', '3', '4', '5'], ['abcde', 'stop_sequence', '5']],
	[
		'none but nearly',
		'Hello <|en|> <|end',
		['<|end|>'],
		['Hello <|en|> <|end', 'end_turn', null],
	],
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
	assert.deepEqual(
		[textOf(m), m.stop_reason, m.stop_sequence],
		['Hello ', 'stop_sequence', 'STOP'],
	);
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
	const m = readStream(
		await post(p.url, message({ stream: true, stop_sequences: ['STOP'] })),
	);
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
			call.json.stream
				? says(['text 5 more'])(call, res)
				: sayJson(res, turnMessage({ text: 'text 5 more' })),
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
		await post(
			(await proxyFor({ STOP_MODE: 'upstream' })).url,
			message({ stop_sequences: list }),
		),
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
	const m = readStream(
		await post((await proxyFor()).url, message({ stream: true, tools: [TOOL] })),
	);
	assert.deepEqual(callsOf(m)[0].input, input);
});
