// SPDX-License-Identifier: MIT
/*
 * Servers that refuse something, by model name: how each judges a request and
 * what must come of it.  Parameters and tools; of messages: refusals-inside.
 */
import assert from 'node:assert/strict';
import { error, words } from './wordings.mjs';

export const cases = new Map();
let number = 0;
// judge(body) -> [status, answer] or null; mended(first body, second body).
export function add(name, judge, mended, options = {}) {
	cases.set(`case-${number++}`, { name, judge, mended, ...options });
}

// A key of the top that has to go, all else as it was.
export const without = (key) => (first, second) => {
	const { [key]: gone, ...rest } = first;
	assert.notEqual(gone, undefined, `${key} was not sent`);
	assert.deepEqual(second, rest);
};
export const refuses = (key, say) => (body) => (key in body ? say(key, body[key]) : null);

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
					"Function tools with reasoning_effort are not supported for gpt-5.6-terra in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
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
				unsay(f.parameters, '$schema', 'exclusiveMinimum', 'propertyNames'),
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
	({ user, stream_options, service_tier, ...rest }, second) => assert.deepEqual(second, rest),
	{ lessons: 3 },
);
