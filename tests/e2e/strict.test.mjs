// SPDX-License-Identifier: MIT
// The judges judged: the strict servers and the strict stream reader refuse
// what they are there to refuse.  No proxy is needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from './lib/anthropic.mjs';
import { answers } from './lib/http.mjs';
import { complaints } from './lib/strict.mjs';

const user = { role: 'user', content: 'hi' };
const call = (id, name = 'f', args = '{}') => ({
	id,
	type: 'function',
	function: { name, arguments: args },
});
const calls = (...ids) => ({
	role: 'assistant',
	content: null,
	tool_calls: ids.map((i) => call(i)),
});
const result = (id, content = 'done') => ({ role: 'tool', tool_call_id: id, content });
const tool = (name = 'f', parameters = { type: 'object', properties: {} }) => ({
	type: 'function',
	function: { name, parameters },
});
const ask = (extra = {}) => ({ model: 'm', messages: [user], max_tokens: 5, ...extra });

for (const [what, body, kind] of [
	['a plain request', ask()],
	['a stream with usage', ask({ stream: true, stream_options: { include_usage: true } })],
	[
		'parallel calls, answered in any order',
		ask({
			tools: [tool()],
			messages: [user, calls('a', 'b'), result('b'), result('a'), user],
		}),
	],
	[
		'a named choice',
		ask({
			tools: [tool()],
			tool_choice: { type: 'function', function: { name: 'f' } },
		}),
	],
	[
		'an image of the user',
		ask({
			messages: [
				{
					role: 'user',
					content: [
						{
							type: 'image_url',
							image_url: {
								url: 'data:image/png;base64,AAAA',
							},
						},
					],
				},
			],
		}),
	],
	[
		'a nine-character id at Mistral',
		ask({ messages: [user, calls('abcdefghi'), result('abcdefghi')] }),
		'mistral',
	],
	[
		'reasoning at DeepSeek',
		ask({ messages: [user, { ...calls('a'), reasoning_content: '' }, result('a')] }),
		'deepseek',
	],
])
	test(`taken: ${what}`, () => assert.deepEqual(complaints(body, kind ?? 'openai'), []));

for (const [what, body, pattern, kind] of [
	['an unknown key', ask({ top_k: 5 }), /top_k/],
	['an unknown role', ask({ messages: [{ role: 'bot', content: 'x' }] }), /role/],
	[
		'a message with cache_control',
		ask({ messages: [{ ...user, cache_control: {} }] }),
		/cache_control/,
	],
	[
		'no answer to a call',
		ask({ messages: [user, calls('a', 'b'), result('a'), user] }),
		/following tool_call_ids.*b/,
	],
	[
		'a call open at the end',
		ask({ messages: [user, calls('a')] }),
		/following tool_call_ids/,
	],
	[
		'a user turn before the results',
		ask({ messages: [user, calls('a'), user, result('a')] }),
		/must be followed/,
	],
	['a result without call', ask({ messages: [user, result('a')] }), /must be a response/],
	[
		'a result twice',
		ask({ messages: [user, calls('a'), result('a'), result('a')] }),
		/duplicate/,
	],
	[
		'a result for another id',
		ask({ messages: [user, calls('a'), result('x'), result('a')] }),
		/not found/,
	],
	[
		'ids twice in one turn',
		ask({ messages: [user, calls('a', 'a'), result('a')] }),
		/duplicate/,
	],
	['no tools in tools', ask({ tools: [] }), /too short/],
	['tool_choice without tools', ask({ tool_choice: 'auto' }), /tool_choice/],
	[
		'parallel_tool_calls without tools',
		ask({ parallel_tool_calls: false }),
		/parallel_tool_calls/,
	],
	[
		'a choice of an unknown tool',
		ask({
			tools: [tool()],
			tool_choice: { type: 'function', function: { name: 'g' } },
		}),
		/not found/,
	],
	['a long name', ask({ tools: [tool('x'.repeat(65))] }), /pattern/],
	['a dotted name', ask({ tools: [tool('a.b')] }), /pattern/],
	[
		'a schema without properties',
		ask({ tools: [tool('f', { type: 'object' })] }),
		/missing properties/,
	],
	[
		'a schema that is no object',
		ask({ tools: [tool('f', { type: 'string' })] }),
		/type: "object"/,
	],
	['129 tools', ask({ tools: Array.from({ length: 129 }, (_, i) => tool(`f${i}`)) }), /128/],
	[
		'strict with an optional property',
		ask({
			tools: [
				{
					type: 'function',
					function: {
						name: 'f',
						strict: true,
						parameters: {
							type: 'object',
							properties: { a: { type: 'string' } },
							additionalProperties: false,
						},
					},
				},
			],
		}),
		/required/,
	],
	[
		'arguments as an object',
		ask({
			messages: [
				user,
				{
					role: 'assistant',
					content: null,
					tool_calls: [
						{
							id: 'a',
							type: 'function',
							function: { name: 'f', arguments: {} },
						},
					],
				},
				result('a'),
			],
		}),
		/not a string/,
	],
	[
		'empty arguments',
		ask({
			messages: [
				user,
				{
					role: 'assistant',
					content: null,
					tool_calls: [call('a', 'f', '')],
				},
				result('a'),
			],
		}),
		/JSON object/,
	],
	[
		'an image in a tool message',
		ask({
			messages: [
				user,
				calls('a'),
				result('a', [
					{ type: 'image_url', image_url: { url: 'https://x' } },
				]),
			],
		}),
		/role 'user'/,
	],
	[
		'null content without calls',
		ask({ messages: [user, { role: 'assistant', content: null }] }),
		/content/,
	],
	[
		'stream_options without stream',
		ask({ stream_options: { include_usage: true } }),
		/stream_options/,
	],
	['five stop sequences', ask({ stop: ['a', 'b', 'c', 'd', 'e'] }), /stop/],
	['both token limits', ask({ max_completion_tokens: 5 }), /same time/],
	[
		'reasoning_content at OpenAI',
		ask({
			messages: [
				user,
				{ role: 'assistant', content: 'x', reasoning_content: 'y' },
				user,
			],
		}),
		/reasoning_content/,
	],
	['max_tokens for a reasoning model', ask(), /max_tokens/, 'openai-reasoning'],
	[
		'a long id at Mistral',
		ask({ messages: [user, calls('toolu_1'), result('toolu_1')] }),
		/length of 9/,
		'mistral',
	],
	[
		'user after tool at Mistral',
		ask({ messages: [user, calls('abcdefghi'), result('abcdefghi'), user] }),
		/after role 'tool'/,
		'mistral',
	],
	[
		'stream_options at Mistral',
		ask({ stream: true, stream_options: {} }),
		/stream_options/,
		'mistral',
	],
	[
		'required at Mistral',
		ask({ tools: [tool()], tool_choice: 'required' }),
		/tool_choice/,
		'mistral',
	],
	['user at Gemini', ask({ user: 'x' }), /user/, 'gemini'],
	[
		'$schema at Gemini',
		ask({ tools: [tool('f', { $schema: 'x', type: 'object', properties: {} })] }),
		/\$schema/,
		'gemini',
	],
	[
		'a type array at Gemini',
		ask({
			tools: [
				tool('f', {
					type: 'object',
					properties: { a: { type: ['string', 'null'] } },
				}),
			],
		}),
		/repeating/,
		'gemini',
	],
	[
		'calls without reasoning at DeepSeek',
		ask({ messages: [user, calls('a'), result('a')] }),
		/passed back/,
		'deepseek',
	],
])
	test(`refused: ${what}`, () =>
		assert.match(complaints(body, kind ?? 'openai').join('\n'), pattern));

const sse = (...events) =>
	events.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join('');
const start = {
	type: 'message_start',
	message: {
		id: 'msg_1',
		type: 'message',
		role: 'assistant',
		model: 'm',
		content: [],
		stop_reason: null,
		stop_sequence: null,
		usage: { input_tokens: 1, output_tokens: 1 },
	},
};
const open = (index, content_block = { type: 'text', text: '' }) => ({
	type: 'content_block_start',
	index,
	content_block,
});
const delta = (index, d = { type: 'text_delta', text: 'x' }) => ({
	type: 'content_block_delta',
	index,
	delta: d,
});
const close = (index) => ({ type: 'content_block_stop', index });
const end = [
	{
		type: 'message_delta',
		delta: { stop_reason: 'end_turn', stop_sequence: null },
		usage: { output_tokens: 1 },
	},
	{ type: 'message_stop' },
];

test('a lawful stream is read without complaint', () => {
	const a = assemble(sse(start, { type: 'ping' }, open(0), delta(0), close(0), ...end));
	assert.deepEqual([a.bad, a.content[0].text, a.stop_reason], [[], 'x', 'end_turn']);
});

for (const [what, text, pattern] of [
	['a delta before its block', sse(start, delta(0), ...end), /open is null/],
	['two open blocks', sse(start, open(0), open(1), close(1), ...end), /while 0 is open/],
	['an index left out', sse(start, open(1), close(1), ...end), /expected 0/],
	[
		'thinking in a text block',
		sse(
			start,
			open(0),
			delta(0, { type: 'thinking_delta', thinking: 'x' }),
			close(0),
			...end,
		),
		/in a text block/,
	],
	['a block without stop', sse(start, open(0), ...end), /open block/],
	['no message_start', sse(open(0), close(0), ...end), /before message_start/],
	['events after the end', sse(start, ...end, open(0)), /after message_stop/],
	['two message_delta', sse(start, end[0], ...end), /second message_delta/],
	['no end', sse(start), /without message_stop/],
	[
		'another event name',
		sse(start, ...end).replace('event: message_stop', 'event: stop'),
		/is not type/,
	],
	['a frame without event', `data: ${JSON.stringify(start)}\n\n`, /not event/],
	[
		'tool arguments that are no JSON',
		sse(
			start,
			open(0, { type: 'tool_use', id: 'a', name: 'f', input: {} }),
			delta(0, { type: 'input_json_delta', partial_json: '{"a' }),
			close(0),
			...end,
		),
		/no JSON/,
	],
	[
		'a thought without signature',
		sse(
			start,
			open(0, { type: 'thinking', thinking: '', signature: '' }),
			close(0),
			...end,
		),
		/without signature/,
	],
	["OpenAI's end mark", sse(start, ...end) + 'data: [DONE]\n\n', /not event/],
])
	test(`the reader complains of ${what}`, () =>
		assert.match(assemble(text).bad.join('\n'), pattern));

test('answers() splits what it is given', () => {
	const { out, rest } = answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX', ['GET']);
	assert.deepEqual([out[0].text, rest], ['ok', 'X']);
});
