// SPDX-License-Identifier: MIT
/*
 * Hostile and broken upstreams: a correct message or one error, never a
 * crash, a hang or an invented success.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { callsOf, textOf } from './lib/anthropic.mjs';
import { startPair } from './lib/between.mjs';
import { message } from './lib/http.mjs';
import { ask, says } from './lib/rough.mjs';
import {
	DONE,
	callDelta,
	chunk,
	frame,
	sayOk,
	turnFrames,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

const { upstream, proxy } = await startPair(sayOk, {
	MAX_LINE_BYTES: '3000000',
	MAX_REPLY_BYTES: '20000000',
	IDLE_TIMEOUT: '5',
});

const OK = { text: 'all is well' };
const events = turnFrames(OK).join('');
const whole = JSON.stringify(turnMessage(OK));
const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html; charset=utf-8' };
const page =
	'<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>';

/* ---- the wrong wrapping ---- */

for (const [what, bytes, headers] of [
	['JSON where events were asked', whole, json],
	['JSON called events', whole, undefined],
	['gzip that says so', gzipSync(whole), { ...json, 'content-encoding': 'gzip' }],
	['events called JSON', events, json],
	['events called a page', events, html],
	['events without a type', events, {}],
	['JSON behind a megabyte of blanks', ' \n'.repeat(500000) + whole, json],
	['events behind ten thousand comments', ': wait\n\n'.repeat(10000) + events, undefined],
	['events of CR alone', events.replaceAll('\n', '\r'), undefined],
	[
		'ids, names and retry times',
		events.replaceAll('data:', 'id: 7\nevent: message\nretry: 1\nunknown: x\ndata:'),
		undefined,
	],
	[
		'garbage between the events',
		events.replaceAll('\n\n', '\n\ndata: {garbage\n\n'),
		undefined,
	],
	[
		'the end mark twice and more behind it',
		events + DONE + chunk({ content: 'no' }) + 'data: {',
		undefined,
	],
	[
		'a second finish',
		turnFrames(OK).slice(0, -2).join('') + chunk({}, 'stop') + DONE,
		undefined,
	],
])
	test(`read all the same: ${what}`, async () => {
		upstream.script(says(bytes, headers));
		for (const stream of [true, false]) {
			const m = await ask(proxy, stream);
			assert.equal(textOf(m), 'all is well');
			assert.equal(m.stop_reason, 'end_turn');
		}
	});

for (const [what, bytes, headers, pattern] of [
	['a page', page, html, /502 Bad Gateway/],
	['a page called events', page, undefined, /502 Bad Gateway/],
	['a page called JSON', page, json, /502 Bad Gateway/],
	['gzip that does not', gzipSync(events), undefined],
	['nothing', '', undefined],
	['blanks', ' \r\n\n'.repeat(100), undefined],
	['comments', ': a\n\n: b\n\n', undefined],
	['the end mark alone', DONE, undefined],
	[
		'a word',
		'Internal Server Error',
		{ 'content-type': 'text/plain' },
		/Internal Server Error/,
	],
	[
		'bytes at random',
		Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256)),
		undefined,
	],
	['a JSON null', 'null', json],
	['a JSON list', '[]', json],
	['a JSON text', '"hello"', json],
	['half a JSON object', whole.slice(0, -20), json],
	['an object about nothing', '{"hello":"world"}', json],
	['no choices', '{"choices":[]}', json],
	['a choice that is null', '{"choices":[null]}', json],
	['events about nothing', frame({ hello: 'world' }) + DONE, undefined],
	['a line that is too long', `data: ${'x'.repeat(3100000)}\n\n`, undefined],
	['an answer that is too long', frame({ a: 'b'.repeat(2000000) }).repeat(12), undefined],
])
	test(`an error and nothing else: ${what}`, async () => {
		upstream.script(says(bytes, headers));
		for (const stream of [true, false]) {
			const m = await ask(proxy, stream);
			assert.ok(m.error, 'an error');
			assert.ok(m.status === undefined || m.status >= 500, `${m.status}`);
			assert.equal(textOf(m), '');
			if (pattern) assert.match(m.error.message, pattern);
		}
	});

/* ---- errors inside a 200 ---- */

const errors = {
	'an object': { error: { message: 'engine on fire', type: 'server_error', code: 500 } },
	'a text': { error: 'engine on fire' },
	'a detail': { detail: 'engine on fire' },
	'a code and a message': {
		code: 'InternalError',
		message: 'engine on fire',
		request_id: 'x',
	},
	'a base_resp': {
		base_resp: { status_code: 1000, status_msg: 'engine on fire' },
		choices: null,
	},
	'a list': {
		errors: [{ message: 'engine on fire', code: 7000 }],
		success: false,
		result: {},
	},
	'an error beside an empty choice': {
		choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
		error: { message: 'engine on fire', code: 502 },
	},
	'an error inside a choice': {
		choices: [
			{ index: 0, message: {}, error: { message: 'engine on fire', code: 502 } },
		],
	},
};

for (const [what, object] of Object.entries(errors)) {
	test(`a 200 that is an error: ${what}`, async () => {
		for (const bytes of [JSON.stringify(object), frame(object), frame(object) + DONE]) {
			upstream.script(says(bytes, bytes.startsWith('data') ? undefined : json));
			for (const stream of [true, false]) {
				const m = await ask(proxy, stream);
				assert.match(m.error?.message ?? '', /engine on fire/);
				assert.ok(
					m.status >= 400,
					'as a status, since nothing was sent yet',
				);
			}
		}
	});

	test(`an error in mid-stream: ${what}`, async () => {
		for (const before of [
			[chunk({ content: 'some text' })],
			[callDelta(0, 'c1', 'f', '{"a":')],
			[callDelta(0, 'c1', 'f', '{"a":1}')],
		]) {
			upstream.script(says(before + frame(object) + DONE));
			const m = await ask(proxy, true);
			assert.match(m.error?.message ?? '', /engine on fire/);
			assert.equal(m.stop_reason, null);
			const plain = await ask(proxy, false);
			assert.match(plain.error?.message ?? '', /engine on fire/);
		}
	});
}

for (const word of ['error', 'abort', 'insufficient_system_resource', 'network_error'])
	test(`finish_reason ${word} is no success`, async () => {
		upstream.script(says(chunk({ content: 'some' }) + chunk({}, word) + DONE));
		assert.ok((await ask(proxy, true)).error);
		assert.ok((await ask(proxy, false)).error);
	});

/* ---- answers that do not end ---- */

for (const [what, bytes] of [
	['text', chunk({ content: 'cut sho' })],
	['a thought', chunk({ reasoning_content: 'cut sho' })],
	['arguments', callDelta(0, 'c1', 'f', '{"command":"rm -rf /tmp/x')],
	['whole arguments', callDelta(0, 'c1', 'f', '{"command":"ls"}')],
	['the name of a call', callDelta(0, 'c1', 'get_', '')],
	['an event', events.slice(0, 400)],
])
	test(`a stream that ends inside ${what} is an error`, async () => {
		upstream.script(says(bytes));
		for (const stream of [true, false]) {
			const m = await ask(proxy, stream);
			assert.ok(m.error);
			assert.equal(m.stop_reason ?? null, null);
		}
	});

for (const [what, args, finish] of [
	['stops', '{"command":"rm -rf /tmp/x', 'stop'],
	['calls', '{"command":"rm -rf /tmp/x', 'tool_calls'],
	['is cut', '{"command":"rm -rf /tmp/x', 'length'],
	['is no JSON', '{command: rm}', 'tool_calls'],
	['is two values', '{"a":1} {"b":2} x', 'tool_calls'],
	['is a list', '["rm"]', 'tool_calls'],
	['is a number', '17', 'tool_calls'],
	['has bare line breaks', '{"a":"x\ny"}', 'tool_calls'],
])
	test(`a call whose argument ${what} is never one to run`, async () => {
		for (const bytes of [
			callDelta(0, 'c1', 'f', args) + chunk({}, finish) + DONE,
			callDelta(0, 'c1', 'f', '') +
				Array.from(args, (c) => callDelta(0, null, null, c)).join('') +
				chunk({}, finish) +
				DONE,
			JSON.stringify({
				choices: [
					{
						index: 0,
						finish_reason: finish,
						message: {
							role: 'assistant',
							content: null,
							tool_calls: [
								{
									id: 'c1',
									type: 'function',
									function: {
										name: 'f',
										arguments: args,
									},
								},
							],
						},
					},
				],
			}),
		]) {
			upstream.script(says(bytes, {}));
			for (const stream of [true, false]) {
				const m = await ask(proxy, stream);
				if (m.error) continue;
				if (finish === 'length') assert.equal(m.stop_reason, 'max_tokens');
				for (const c of callsOf(m)) {
					if (c.broken) assert.equal(finish, 'length');
					else if (what === 'is two values' && 'a' in c.input)
						assert.deepEqual(c.input, { a: 1 });
					else if (what === 'is two values' && 'b' in c.input)
						assert.deepEqual(c.input, { b: 2 });
					else if (what === 'has bare line breaks' && 'a' in c.input)
						assert.deepEqual(c.input, { a: 'x\ny' });
					else
						assert.deepEqual(
							Object.keys(c.input),
							['_invalid_arguments'],
							JSON.stringify(c.input),
						);
				}
			}
		}
	});

/* ---- odd members ---- */

test('indexes that are negative, huge or no number make the calls they name', async () => {
	const indexes = [-1, 2 ** 31, 2 ** 53, -9e18, 1e300, 0.5, '3', null, {}, 'x'];
	const frames = indexes.map((index, i) =>
		chunk({
			tool_calls: [
				{
					index,
					id: `call_${i}`,
					type: 'function',
					function: { name: 'f', arguments: `{"n":${i}}` },
				},
			],
		}),
	);
	upstream.script(says(frames.join('') + chunk({}, 'tool_calls') + DONE));
	for (const stream of [true, false]) {
		const m = await ask(proxy, stream);
		assert.equal(m.stop_reason, 'tool_use');
		assert.deepEqual(
			callsOf(m).map((c) => [c.id, c.input.n]),
			indexes.map((_, i) => [`call_${i}`, i]),
		);
	}
});

test('three thousand calls, and fragments for all of them in turn', async () => {
	const n = 3000;
	const begin = Array.from({ length: n }, (_, i) => callDelta(i, `call_${i}`, 'f', '{"n":'));
	const end = Array.from({ length: n }, (_, i) => callDelta(i, null, null, `${i}}`));
	upstream.script(says(begin.join('') + end.join('') + chunk({}, 'tool_calls') + DONE));
	const m = await ask(proxy, true);
	if (m.error) return;
	assert.deepEqual(
		callsOf(m).map((c) => c.input.n),
		Array.from({ length: n }, (_, i) => i),
	);
});

for (const [what, object] of [
	['content that is a number', { content: 7 }],
	['content that is an object', { content: { text: 'x' } }],
	[
		'content of odd parts',
		{ content: [null, 7, 'a', [], { type: 'text' }, { type: 'x', text: 5 }] },
	],
	['calls that are a text', { tool_calls: 'f()' }],
	['calls that are null', { tool_calls: [null, 7, 'x', {}, { function: null }] }],
	['a call without a function', { tool_calls: [{ index: 0, id: 'c1', type: 'function' }] }],
	[
		'a call whose name is a number',
		{ tool_calls: [{ index: 0, id: 'c1', function: { name: 7 } }] },
	],
	[
		'reasoning that is an object',
		{ reasoning_content: {}, reasoning: [], reasoning_details: 'x' },
	],
	['details of odd items', { reasoning_details: [null, 7, 'x', {}, { type: 7, text: [] }] }],
	['annotations of odd items', { annotations: [null, 7, { type: 'url_citation' }] }],
	['a refusal that is a list', { refusal: [] }],
	['a delta that is a list', []],
	['a delta that is a text', 'hello'],
])
	test(`odd members: ${what}`, async () => {
		for (const bytes of [
			frame({ choices: [{ index: 0, delta: object }] }) +
				chunk({ content: 'all is well' }) +
				chunk({}, 'stop') +
				DONE,
			JSON.stringify({
				choices: [{ index: 0, message: object, finish_reason: 'stop' }],
			}),
		]) {
			upstream.script(says(bytes, {}));
			for (const stream of [true, false]) {
				const m = await ask(proxy, stream);
				if (!m.error && bytes.startsWith('data'))
					assert.match(textOf(m), /all is well$/);
				for (const c of callsOf(m))
					assert.ok(c.name, 'no call without a name');
			}
		}
	});

for (const [what, usage] of [
	['negative', { prompt_tokens: -5, completion_tokens: -1, total_tokens: -6 }],
	['huge', { prompt_tokens: 1e300, completion_tokens: 9e18 }],
	['texts', { prompt_tokens: 'many', completion_tokens: '12' }],
	['floats', { prompt_tokens: 7.0, completion_tokens: 3.9 }],
	['null', { prompt_tokens: null, completion_tokens: null }],
	['a list', []],
	[
		'nested nonsense',
		{ prompt_tokens: 5, prompt_tokens_details: 7, completion_tokens_details: 'x' },
	],
	[
		'more cached than prompt',
		{
			prompt_tokens: 5,
			completion_tokens: 1,
			prompt_tokens_details: { cached_tokens: 50 },
		},
	],
])
	test(`usage that is ${what} becomes counts`, async () => {
		upstream.script(
			says(
				chunk({ content: 'x' }) +
					chunk({}, 'stop') +
					frame({ choices: [], usage }) +
					DONE,
			),
		);
		for (const stream of [true, false]) {
			const m = await ask(proxy, stream);
			for (const k of [
				'input_tokens',
				'output_tokens',
				'cache_read_input_tokens',
			])
				assert.ok(
					Number.isInteger(m.usage[k]) &&
						m.usage[k] >= 0 &&
						m.usage[k] < 2 ** 53,
					`${k}: ${m.usage[k]}`,
				);
		}
	});

test('bytes that are no UTF-8, lone halves and NULs do not reach the client', async () => {
	const odd = Buffer.concat([
		Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"a'),
		Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
		Buffer.from('\\ud83d\\u0000b"}}]}\n\n'),
		Buffer.from(chunk({}, 'stop') + DONE),
	]);
	upstream.script(says(odd));
	for (const stream of [true, false]) {
		const m = await ask(proxy, stream);
		if (m.error) continue;
		assert.match(textOf(m), /^a.*b$/su);
		assert.doesNotMatch(
			textOf(m),
			/[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff].)/,
		);
	}
});

test('a megabyte in one event, and a megabyte of one-byte events', async () => {
	const text = 'x'.repeat(1_000_000);
	for (const bytes of [
		chunk({ content: text }) + chunk({}, 'stop') + DONE,
		Array.from({ length: 20000 }, () => chunk({ content: 'x'.repeat(50) })).join('') +
			chunk({}, 'stop') +
			usageChunk() +
			DONE,
	]) {
		upstream.script(says(bytes));
		const m = await ask(proxy, true);
		assert.equal(textOf(m).length, 1_000_000);
	}
});
