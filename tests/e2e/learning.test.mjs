// SPDX-License-Identifier: MIT
/*
 * What a refusal teaches: exactly one more request, mended in exactly the
 * refused thing, and never again for that model, also after a restart.
 * The mock is many servers, one a model name, each of which refuses in the
 * words of one make until the request suits it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { hosted } from './lib/hosted.mjs';
import { startProxy } from './lib/proxy.mjs';
import { sleep } from './lib/time.mjs';
import { sayJson, sayOk, startEvents, startUpstream } from './lib/upstream.mjs';

/* ---- the words of five makes ---- */

const words = {
	openai: (key) => [
		400,
		{
			error: {
				message: `Unsupported parameter: '${key}' is not supported with this model.`,
				type: 'invalid_request_error',
				param: key,
				code: 'unsupported_parameter',
			},
		},
	],
	'old openai': (key) => [
		400,
		{
			error: {
				message: `Unrecognized request argument supplied: ${key}`,
				type: 'invalid_request_error',
				param: null,
				code: null,
			},
		},
	],
	vllm: (key, value) => [
		400,
		{
			object: 'error',
			message: `[{'type': 'extra_forbidden', 'loc': ('body', '${key}'), 'msg': 'Extra inputs are not permitted', 'input': ${JSON.stringify(value)}}]`,
			type: 'BadRequestError',
			param: null,
			code: 400,
		},
	],
	mistral: (key, value) => [
		422,
		{
			object: 'error',
			message: {
				detail: [
					{
						type: 'extra_forbidden',
						loc: ['body', key],
						msg: 'Extra inputs are not permitted',
						input: value,
					},
				],
			},
			type: 'invalid_request_error',
			param: null,
			code: null,
		},
	],
	fastapi: (key, value) => [
		422,
		{
			detail: [
				{
					type: 'extra_forbidden',
					loc: ['body', key],
					msg: 'Extra inputs are not permitted',
					input: value,
				},
			],
		},
	],
	gemini: (key) => {
		const text = `Invalid JSON payload received. Unknown name "${key}": Cannot find field.`;
		return [
			400,
			[
				{
					error: {
						code: 400,
						message: text,
						status: 'INVALID_ARGUMENT',
						details: [
							{
								'@type': 'type.googleapis.com/google.rpc.BadRequest',
								fieldViolations: [
									{
										description:
											text,
									},
								],
							},
						],
					},
				},
			],
		];
	},
	nvidia: (key) => [
		400,
		{
			type: 'urn:inference-service:problem-details:bad-request',
			title: 'Bad Request',
			status: 400,
			detail: `Validation: Unsupported parameter(s): \`${key}\``,
			instance: '/v1/chat/completions',
			requestId: 'd8bd2ac2',
		},
	],
	litellm: (key, value) => [
		400,
		{
			error: {
				message: `litellm.UnsupportedParamsError: openai does not support parameters: ['${key}'], for model=m. To drop these, set \`litellm.drop_params=True\`. Received ${key}=${JSON.stringify(value)}`,
				type: null,
				param: null,
				code: '400',
			},
		},
	],
};

const error = (text, extra = {}, status = 400) => [
	status,
	{ error: { message: text, type: 'invalid_request_error', param: null, ...extra } },
];

/* ---- the cases: model -> how it judges, what must come of it ---- */

const cases = new Map();
let number = 0;
// judge(body) -> [status, answer] or null; mended(first body, second body).
function add(name, judge, mended, options = {}) {
	cases.set(`case-${number++}`, { name, judge, mended, ...options });
}

// A key of the top that has to go, all else as it was.
const without = (key) => (first, second) => {
	const { [key]: gone, ...rest } = first;
	assert.notEqual(gone, undefined, `${key} was not sent`);
	assert.deepEqual(second, rest);
};
const refuses = (key, say) => (body) => (key in body ? say(key, body[key]) : null);

for (const key of [
	'temperature',
	'top_p',
	'top_k',
	'stop',
	'stream_options',
	'parallel_tool_calls',
	'reasoning_effort',
	'user',
	'service_tier',
])
	for (const [make, say] of Object.entries(words))
		add(`${key}, ${make}`, refuses(key, say), without(key));

add(
	'max_tokens, openai',
	(b) =>
		'max_tokens' in b
			? error(
					"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
					{
						param: 'max_tokens',
						code: 'unsupported_parameter',
					},
				)
			: null,
	({ max_tokens: n, ...rest }, second) =>
		assert.deepEqual(second, { ...rest, max_completion_tokens: n }),
);

for (const [name, text, limit, extra = {}, status = 400] of [
	[
		'openai',
		'max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided 64000.',
		16384,
		{ param: 'max_tokens', code: 'invalid_value' },
	],
	['deepseek', 'Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', 8192],
	[
		'groq',
		'`max_tokens` must be less than or equal to `32768`, the maximum value for `max_tokens` is less than the `context_window` for this model',
		32768,
	],
	[
		'dashscope',
		'<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]',
		8192,
	],
	[
		'anthropic behind litellm',
		'litellm.BadRequestError: AnthropicException - max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet',
		8192,
	],
	['zhipu', 'max_tokens参数非法：限制数值范围[1,4096]', 4096, { code: '1210' }],
	[
		'cohere',
		'too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model - received 64000.',
		4096,
	],
	['copilot', 'max_tokens exceeds the limit of 16000', 16000],
])
	add(
		`a lower max_tokens, ${name}`,
		(b) => (b.max_tokens > limit ? error(text, extra, status) : null),
		(first, second) => assert.deepEqual(second, { ...first, max_tokens: limit }),
	);
add(
	'a lower max_tokens, nvidia',
	(b) =>
		b.max_tokens > 1024
			? [
					400,
					{
						type: 'urn:inference-service:problem-details:bad-request',
						title: 'Bad Request',
						status: 400,
						detail: "[{'type': 'less_than_equal', 'loc': ('body', 'max_tokens'), 'msg': 'Input should be less than or equal to 1024', 'input': 64000, 'ctx': {'le': 1024}}]",
					},
				]
			: null,
	(first, second) => assert.deepEqual(second, { ...first, max_tokens: 1024 }),
);
add(
	'a lower max_tokens, gemini',
	(b) =>
		b.max_tokens > 8192
			? [
					400,
					[
						{
							error: {
								code: 400,
								message: 'Unable to submit request because it has a maxOutputTokens value of 64000 but the supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try again.',
								status: 'INVALID_ARGUMENT',
							},
						},
					],
				]
			: null,
	(first, second) => assert.deepEqual(second, { ...first, max_tokens: 8192 }),
);

for (const [name, text, allowed, sent] of [
	[
		'openai',
		"Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are: 'none', 'low', 'medium', 'high', and 'xhigh'.",
		['none', 'low', 'medium', 'high', 'xhigh'],
		'xhigh',
	],
	[
		'ollama',
		'invalid reasoning value: \'max\' (must be "high", "medium", "low", or "none")',
		['none', 'low', 'medium', 'high'],
		'high',
	],
])
	add(
		`a weaker effort, ${name}`,
		(b) => (allowed.includes(b.reasoning_effort) ? null : error(text)),
		(first, second) => assert.deepEqual(second, { ...first, reasoning_effort: sent }),
		{ extra: { output_config: { effort: 'max' } } },
	);
add(
	'a weaker effort, mistral',
	(b) =>
		['high', 'none'].includes(b.reasoning_effort)
			? null
			: [
					422,
					{
						detail: [
							{
								type: 'enum',
								loc: ['body', 'reasoning_effort'],
								msg: "Input should be 'high' or 'none'",
								input: b.reasoning_effort,
								ctx: {
									expected: "'high' or 'none'",
								},
							},
						],
					},
				],
	(first, second) => assert.deepEqual(second, { ...first, reasoning_effort: 'high' }),
	{ extra: { output_config: { effort: 'max' } } },
);
add(
	'tools together with reasoning',
	(b) =>
		b.tools && b.reasoning_effort !== 'none'
			? error(
					'Function tools with reasoning_effort are not supported for gpt-5.6-terra in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to \'none\'.',
					{ param: 'reasoning_effort' },
				)
			: null,
	(first, second) => assert.deepEqual(second, { ...first, reasoning_effort: 'none' }),
);

// Inside of tools.
const stripped = (body, change) => {
	const copy = structuredClone(body);
	copy.tools.forEach((t) => change(t.function));
	return copy;
};
for (const [make, say] of [
	[
		'vllm',
		() => [
			400,
			{
				object: 'error',
				message: "[{'type': 'extra_forbidden', 'loc': ('body', 'tools', 0, 'function', 'strict'), 'msg': 'Extra inputs are not permitted', 'input': True}]",
				type: 'BadRequestError',
				code: 400,
			},
		],
	],
	[
		'mistral',
		() => [
			422,
			{
				detail: [
					{
						type: 'extra_forbidden',
						loc: ['body', 'tools', 0, 'function', 'strict'],
						msg: 'Extra inputs are not permitted',
						input: true,
					},
				],
			},
		],
	],
	[
		'gemini',
		() => [
			400,
			[
				{
					error: {
						code: 400,
						message: 'Invalid JSON payload received. Unknown name "strict" at \'tools[0].function\': Cannot find field.',
						status: 'INVALID_ARGUMENT',
					},
				},
			],
		],
	],
	[
		'cerebras',
		() => [
			422,
			{
				message: "Tools with mixed values for 'strict' are not allowed. Please set all tools to 'strict: true' or 'strict: false'",
				type: 'invalid_request_error',
				param: 'tools',
				code: 'wrong_api_format',
			},
		],
	],
])
	add(
		`strict, ${make}`,
		(b) => (b.tools?.some((t) => 'strict' in t.function) ? say() : null),
		(first, second) =>
			assert.deepEqual(
				second,
				stripped(first, (f) => delete f.strict),
			),
	);

// Keywords of a schema, not the properties that bear their name.
const says = (schema, keyword) =>
	schema !== null &&
	typeof schema === 'object' &&
	(keyword in schema ||
		Object.entries(schema).some(([k, s]) =>
			k === 'properties'
				? Object.values(s).some((p) => says(p, keyword))
				: says(s, keyword),
		));
const uses = (b, keyword) => b.tools?.some((t) => says(t.function.parameters, keyword));
const unsay = (schema, ...keywords) => {
	if (Array.isArray(schema)) schema.forEach((s) => unsay(s, ...keywords));
	else if (schema && typeof schema === 'object') {
		for (const k of keywords) delete schema[k];
		for (const [k, s] of Object.entries(schema))
			if (k !== 'properties') unsay(s, ...keywords);
			else Object.values(s).forEach((p) => unsay(p, ...keywords));
	}
};
add(
	'a schema keyword, gemini',
	(b) =>
		uses(b, 'exclusiveMinimum')
			? [
					400,
					[
						{
							error: {
								code: 400,
								message: 'Invalid JSON payload received. Unknown name "exclusiveMinimum" at \'tools[0].function_declarations[0].parameters.properties[0].value\': Cannot find field.',
								status: 'INVALID_ARGUMENT',
							},
						},
					],
				]
			: null,
	(first, second) =>
		assert.deepEqual(
			second,
			stripped(first, (f) => unsay(f.parameters, 'exclusiveMinimum')),
		),
);
add(
	'three schema keywords at once, gemini',
	(b) => {
		const bad = ['$schema', 'exclusiveMinimum', 'propertyNames'].filter((k) =>
			uses(b, k),
		);
		return bad.length
			? [
					400,
					[
						{
							error: {
								code: 400,
								message: bad
									.map(
										(k) =>
											`Invalid JSON payload received. Unknown name "${k}" at 'tools[0].function_declarations[0].parameters': Cannot find field.`,
									)
									.join('\n'),
								status: 'INVALID_ARGUMENT',
							},
						},
					],
				]
			: null;
	},
	(first, second) =>
		assert.deepEqual(
			second,
			stripped(first, (f) =>
				unsay(
					f.parameters,
					'$schema',
					'exclusiveMinimum',
					'propertyNames',
				),
			),
		),
	{ lessons: 3 },
);
add(
	'a schema keyword, openai',
	(b) =>
		uses(b, 'propertyNames')
			? error(
					"Invalid schema for function 'f': In context=('properties', 'map'), 'propertyNames' is not permitted.",
					{
						param: 'tools[0].function.parameters',
						code: 'invalid_function_parameters',
					},
				)
			: null,
	(first, second) =>
		assert.deepEqual(
			second,
			stripped(first, (f) => unsay(f.parameters, 'propertyNames')),
		),
);
add(
	'three parameters at once, mistral',
	(b) => {
		const bad = ['user', 'stream_options', 'service_tier'].filter((k) => k in b);
		return bad.length
			? [
					422,
					{
						detail: bad.map((k) => ({
							type: 'extra_forbidden',
							loc: ['body', k],
							msg: 'Extra inputs are not permitted',
							input: b[k],
						})),
					},
				]
			: null;
	},
	({ user, stream_options, service_tier, ...rest }, second) =>
		assert.deepEqual(second, rest),
	{ lessons: 3 },
);

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
			(m) => m.tool_calls && !m.tool_calls[0].extra_content?.google?.thought_signature,
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
					schema: { type: 'object', properties: { a: { type: 'string' } } },
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
						loc: ['body', 'messages', 2, 'assistant', 'reasoning_content'],
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
		error('The reasoning_content is an intermediate result for display purposes only and will not be included in the context for inference. Please remove the reasoning_content from your message to reduce network traffic.'),
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

/* ---- the run ---- */

const ENV = { TOP_K: 'pass', STOP_MODE: 'both' };
const SECRETS = ['sk-up', 'sk-test', 'the-secret-question', 'secret-user'];

const upstream = await startUpstream((call, res) => {
	const c = cases.get(call.json.model.replace(/^other-/, ''));
	const no = c?.judge(call.json);
	if (!no) sayOk(call, res);
	else if (typeof no === 'function') no(res);
	else sayJson(res, no[1], no[0]);
});
const state = mkdtempSync(join(tmpdir(), 'anthropic-proxy-state-'));
let proxy;

before(async () => {
	proxy = await startProxy(upstream.url, { ...ENV, STATE_DIR: state });
});
after(async () => {
	try {
		await proxy.stop();
	} finally {
		await upstream.stop();
		rmSync(state, { recursive: true, force: true });
	}
});

const SCHEMA = {
	$schema: 'https://json-schema.org/draft/2020-12/schema',
	type: 'object',
	properties: {
		n: { type: 'integer', exclusiveMinimum: 0 },
		map: {
			type: 'object',
			propertyNames: { type: 'string' },
			properties: { exclusiveMinimum: { type: 'string' } },
		},
	},
};
const STRICT = {
	type: 'object',
	properties: { a: { type: 'string' } },
	required: ['a'],
	additionalProperties: false,
};

const ask = (model, c) =>
	message({
		model,
		max_tokens: 64000,
		stream: true,
		system: 'a system prompt',
		temperature: 0.5,
		top_p: 0.9,
		top_k: 40,
		stop_sequences: ['STOP'],
		service_tier: 'standard_only',
		metadata: { user_id: 'secret-user' },
		output_config: { effort: 'high' },
		tools: [
			{ name: 'f', input_schema: SCHEMA },
			{ name: 'g', strict: true, input_schema: STRICT },
		],
		tool_choice: { type: 'auto', disable_parallel_tool_use: true },
		messages: c.messages ?? [{ role: 'user', content: 'the-secret-question' }],
		...c.extra,
	});

async function asked(model, c) {
	upstream.calls.length = 0;
	const a = readStream(await post(proxy.url, ask(model, c)));
	assert.equal(textOf(a), 'ok');
	return upstream.chats().map((x) => x.json);
}

const lines = (model) =>
	proxy.log().split('\n').filter((l) => /learned of /.test(l) && l.includes(`model ${model}:`));

for (const [model, c] of cases)
	test(`learned: ${c.name}`, async () => {
		const first = await asked(model, c);
		assert.equal(
			first.length,
			2,
			`requests upstream; log: ${lines(model).join('\n')}`,
		);
		c.mended(first[0], first[1]);
		const second = await asked(model, c);
		assert.equal(second.length, 1, 'the lesson is known');
		assert.deepEqual(second[0], first[1], 'and gives the same request');
		assert.equal(lines(model).length, c.lessons ?? 1, lines(model).join('\n'));
	});

test('a lesson is of one model', async () => {
	const [model, c] = cases.entries().next().value;
	assert.equal((await asked(`other-${model}`, c)).length, 2);
	assert.equal((await asked(`other-${model}`, c)).length, 1);
});

test('the state holds no secrets and is for its owner alone', () => {
	for (const f of readdirSync(state)) {
		const text = readFileSync(join(state, f), 'utf8');
		for (const s of SECRETS) assert.ok(!text.includes(s), `${s} in ${f}`);
		assert.equal(statSync(join(state, f)).mode & 0o077, 0, f);
	}
	assert.deepEqual(
		SECRETS.filter((s) => proxy.log().includes(s)),
		[],
	);
});

test('the lessons outlive the proxy', async () => {
	await proxy.stop();
	proxy = await startProxy(upstream.url, { ...ENV, STATE_DIR: state });
	for (const [model, c] of cases) {
		const bodies = await asked(model, c);
		assert.equal(bodies.length, 1, `${c.name}: ${lines(model).join('\n')}`);
	}
	assert.doesNotMatch(proxy.log(), /learned of /);
});

test('a stop sequence still stops where the upstream refuses to look for it', async () => {
	const upstreamStops = await startProxy(upstream.url, { STOP_MODE: 'upstream' });
	try {
		upstream.script((call, res) => {
			if (call.json.stop)
				sayJson(res, words.openai('stop')[1], 400);
			else
				sayOk(call, res);
		});
		for (let i = 0; i < 2; i++) {
			const m = assertMessage(
				await post(upstreamStops.url, message({ stop_sequences: ['k'] })),
			);
			assert.deepEqual(
				[m.content, m.stop_reason, m.stop_sequence],
				[[{ type: 'text', text: 'o', citations: null }], 'stop_sequence', 'k'],
			);
		}
		assert.equal(upstream.chats().length, 3);
	} finally {
		await upstreamStops.stop();
	}
});

// What a host's name decides is unlearned too where the host says so.
for (const [base, model, extra, refused, judge, mended] of [
	[
		'http://api.openai.com/v1',
		'gpt-4o',
		{},
		'max_completion_tokens',
		refuses('max_completion_tokens', words.fastapi),
		({ max_completion_tokens: n, ...rest }, second) =>
			assert.deepEqual(second, { ...rest, max_tokens: n }),
	],
	...['safety_identifier', 'prompt_cache_key'].map((key) => [
		'http://api.openai.com/v1',
		'gpt-4o',
		{ metadata: { user_id: 'user_x_session_y' } },
		key,
		refuses(key, words.openai),
		(first, second) => assert.equal(second[key], undefined),
	]),
	[
		'http://api.deepseek.com',
		'deepseek-chat',
		{},
		'thinking',
		refuses('thinking', words['old openai']),
		without('thinking'),
	],
	[
		'http://integrate.api.nvidia.com/v1',
		'some/model',
		{ thinking: { type: 'disabled' } },
		'chat_template_kwargs',
		refuses('chat_template_kwargs', words.vllm),
		without('chat_template_kwargs'),
	],
	[
		'http://openrouter.ai/api/v1',
		'some/model',
		{ thinking: { type: 'enabled', budget_tokens: 1024 } },
		'reasoning',
		refuses('reasoning', words.openai),
		without('reasoning'),
	],
])
	test(`${new URL(base).host} may refuse ${refused} all the same`, () =>
		hosted(
			base,
			(call, res) => {
				const no = judge(call.json);
				if (no) sayJson(res, no[1], no[0]);
				else sayOk(call, res);
			},
			{},
			async (own, up) => {
				const body = message({ model, max_tokens: 4096, ...extra });
				for (let i = 0; i < 2; i++) assertMessage(await post(own.url, body));
				const bodies = up.chats().map((c) => c.json);
				assert.equal(bodies.length, 3);
				mended(bodies[0], bodies[1]);
				// The user's name may go under its older name from then on.
				const { user, ...rest } = bodies[2];
				assert.deepEqual(rest, bodies[1]);
				assert.ok(user === undefined || refused === 'safety_identifier');
			},
		));

test('a refusal behind a ping cannot be mended any more, but teaches', async () => {
	const slow = await startProxy(upstream.url, { PING_INTERVAL: '0.1' });
	try {
		upstream.script(async (call, res) => {
			if (!('temperature' in call.json)) return sayOk(call, res);
			await sleep(1500);
			return sayJson(res, words.openai('temperature')[1], 400);
		});
		const body = message({ model: 'slow', stream: true, temperature: 1 });
		const first = readStream(await post(slow.url, body));
		assert.equal(first.error?.type, 'invalid_request_error');
		assert.equal(upstream.chats().length, 1);
		assert.equal(textOf(readStream(await post(slow.url, body))), 'ok');
		assert.equal(upstream.chats().length, 2);
	} finally {
		await slow.stop();
	}
});

test('many requests that learn the same at once say so once', async () => {
	upstream.script((call, res) =>
		'temperature' in call.json
			? sayJson(res, words.openai('temperature')[1], 400)
			: sayOk(call, res),
	);
	const answers = await Promise.all(
		Array.from({ length: 20 }, () =>
			post(proxy.url, message({ model: 'crowd', temperature: 1 })),
		),
	);
	for (const r of answers) assertMessage(r);
	assert.ok(upstream.chats().length <= 40);
	assert.equal(lines('crowd').length, 1);
});

test('what cannot be mended is told after one request, or once more if mending did not help', async () => {
	upstream.script((call, res) =>
		sayJson(res, { error: { message: 'I do not like you', type: 'x' } }, 400),
	);
	assertError(
		await post(proxy.url, message()),
		400,
		'invalid_request_error',
		/I do not like you/,
	);
	assert.equal(upstream.chats().length, 1);
	upstream.script((call, res) => sayJson(res, words.openai('temperature')[1], 400));
	assertError(
		await post(proxy.url, message({ model: 'stubborn', temperature: 1 })),
		400,
		'invalid_request_error',
		/temperature/,
	);
	assert.equal(upstream.chats().length, 2);
});
