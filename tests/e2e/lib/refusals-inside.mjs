// SPDX-License-Identifier: MIT
// More of refusals.mjs: the order of messages, what stands in them, what must
// come back, and refusals inside of a 200.
import assert from 'node:assert/strict';
import { add, without } from './refusals.mjs';
import { startEvents } from './upstream.mjs';
import { error } from './wordings.mjs';

// The order of messages.
const long = [
	{ role: 'user', content: 'begin' },
	{ role: 'system', content: 'a rule in between' },
	{ role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }] },
	{
		role: 'user',
		content: [
			{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'done' },
			{ type: 'text', text: 'go on' },
		],
	},
];
const laterSystem = (b) => b.messages.some((m, i) => i > 0 && m.role === 'system');
const userAfterTool = (b) =>
	b.messages.some((m, i) => m.role === 'user' && b.messages[i - 1]?.role === 'tool');
const roles = (b) => b.messages.map((m) => m.role).join(' ');
const keepsText = (second) => {
	const text = JSON.stringify(second.messages);
	for (const t of ['begin', 'a rule in between', 'done', 'go on'])
		assert.ok(text.includes(t), `${t} is lost: ${text}`);
};
for (const [make, status, answer] of [
	[
		'a llama.cpp template, 500',
		500,
		{
			error: {
				code: 500,
				message: "\n------------\nWhile executing CallExpression at line 85, column 32 in source:\n...first %}↵            {{- raise_exception('System message must be at the beginnin...\n                                           ^\nError: Jinja Exception: System message must be at the beginning.",
				type: 'server_error',
			},
		},
	],
	[
		'vllm',
		400,
		{
			object: 'error',
			message: 'System message must be at the beginning.',
			type: 'BadRequestError',
			param: null,
			code: 400,
		},
	],
	[
		'mistral',
		400,
		{
			object: 'error',
			message: "Unexpected role 'system' after role 'user'",
			type: 'invalid_request_message_order',
			param: null,
			code: '3230',
		},
	],
	[
		'minimax',
		200,
		{
			base_resp: {
				status_code: 2013,
				status_msg: 'invalid params, multiple system messages are not allowed (2013)',
			},
			choices: null,
		},
	],
])
	add(
		`the place of system messages, ${make}`,
		(b) => (laterSystem(b) ? [status, answer] : null),
		(first, second) => {
			assert.equal(roles(second), 'system user assistant tool user');
			keepsText(second);
		},
		{ messages: long },
	);
add(
	'a user message behind a result, mistral',
	(b) =>
		userAfterTool(b)
			? [
					400,
					{
						object: 'error',
						message: "Unexpected role 'user' after role 'tool'",
						type: 'invalid_request_message_order',
						param: null,
						code: '3230',
					},
				]
			: null,
	(first, second) => {
		assert.equal(roles(second), 'system user system assistant tool');
		keepsText(second);
	},
	{ messages: long },
);
add(
	'tool ids, mistral',
	(b) =>
		b.messages.some((m) => m.tool_calls?.some((c) => !/^[a-zA-Z0-9]{9}$/.test(c.id)))
			? error(
					'Tool call id was toolu_1 but must be a-z, A-Z, 0-9, with a length of 9.',
					{},
				)
			: null,
	(first, second) => {
		const id = second.messages.find((m) => m.tool_calls).tool_calls[0].id;
		assert.match(id, /^[a-zA-Z0-9]{9}$/);
		assert.equal(second.messages.find((m) => m.role === 'tool').tool_call_id, id);
	},
	{ messages: long },
);
for (const [make, text] of [
	[
		'deepseek',
		'The `reasoning_content` in the thinking mode must be passed back to the API.',
	],
	[
		'kimi',
		'Missing `reasoning_content` field in the assistant message at message index 3. For more information, please refer to the docs.',
	],
	[
		'kimi',
		'thinking is enabled but reasoning_content is missing in assistant tool call message at index 3',
	],
])
	add(
		`reasoning must come back, ${make}`,
		(b) =>
			b.messages.some(
				(m) => m.tool_calls && typeof m.reasoning_content !== 'string',
			)
				? error(text)
				: null,
		(first, second) =>
			assert.equal(
				second.messages.find((m) => m.tool_calls).reasoning_content,
				'',
			),
		{ messages: long },
	);
add(
	'a thought signature, gemini',
	(b) =>
		b.messages.some(
			(m) =>
				m.tool_calls &&
				!m.tool_calls[0].extra_content?.google?.thought_signature,
		)
			? [
					400,
					[
						{
							error: {
								code: 400,
								message: 'Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance.',
								status: 'INVALID_ARGUMENT',
							},
						},
					],
				]
			: null,
	(first, second) =>
		assert.equal(
			second.messages.find((m) => m.tool_calls).tool_calls[0].extra_content.google
				.thought_signature,
			'skip_thought_signature_validator',
		),
	{ messages: long },
);
add(
	'a forced tool, dashscope',
	(b) =>
		b.tool_choice && b.tool_choice !== 'auto'
			? error(
					'<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to required or object in thinking mode',
				)
			: null,
	({ tool_choice, ...rest }, second) => assert.deepEqual(second, rest),
	{ extra: { tool_choice: { type: 'any', disable_parallel_tool_use: true } } },
);
add(
	'structured output, deepseek',
	(b) =>
		b.response_format?.type === 'json_schema'
			? error('This response_format type is unavailable now')
			: null,
	(first, second) => assert.equal(second.response_format.type, 'json_object'),
	{
		extra: {
			output_config: {
				format: {
					type: 'json_schema',
					schema: {
						type: 'object',
						properties: { a: { type: 'string' } },
					},
				},
			},
		},
	},
);

// Fields of messages that came from elsewhere in the session.
const signed = (k) => 'tp1.' + Buffer.from(JSON.stringify({ k })).toString('base64url');
const thought = (k) => [
	{ role: 'user', content: 'begin' },
	{
		role: 'assistant',
		content: [
			{ type: 'thinking', thinking: 'hm', signature: signed(k) },
			{ type: 'text', text: 'so' },
		],
	},
	{ role: 'user', content: 'go on' },
];
for (const [make, field, say] of [
	[
		'groq',
		'reasoning_content',
		error(
			"'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning_content' is unsupported)]",
		),
	],
	[
		'groq',
		'reasoning',
		error(
			"'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning' is unsupported)]",
			{ param: 'messages.2.reasoning' },
		),
	],
	[
		'mistral',
		'reasoning_content',
		[
			422,
			{
				detail: [
					{
						type: 'extra_forbidden',
						loc: [
							'body',
							'messages',
							2,
							'assistant',
							'reasoning_content',
						],
						msg: 'Extra inputs are not permitted',
						input: 'hm',
					},
				],
			},
		],
	],
	[
		'cerebras',
		'reasoning_content',
		[
			400,
			{
				message: "body.messages.2.assistant.reasoning_content: property 'body.messages.2.assistant.reasoning_content' is unsupported",
				type: 'invalid_request_error',
				param: 'validation_error',
				code: 'wrong_api_format',
			},
		],
	],
	[
		'deepseek r1',
		'reasoning_content',
		error(
			'The reasoning_content is an intermediate result for display purposes only and will not be included in the context for inference. Please remove the reasoning_content from your message to reduce network traffic.',
		),
	],
])
	add(
		`${field} in a message, ${make}`,
		(b) => (b.messages.some((m) => field in m) ? say : null),
		(first, second) => {
			const copy = structuredClone(first);
			for (const m of copy.messages) delete m[field];
			assert.deepEqual(second, copy);
		},
		{ messages: thought(field) },
	);

// Errors inside of a 200 teach as well.
add(
	'temperature, sglang inside of a stream',
	(b) =>
		'temperature' in b
			? (res) => {
					startEvents(res);
					res.end(
						'data: {"error":{"object":"error","message":"Unsupported parameter: \'temperature\' is not supported","type":"BadRequest","param":null,"code":400}}\n\ndata: [DONE]\n\n',
					);
				}
			: null,
	without('temperature'),
);
