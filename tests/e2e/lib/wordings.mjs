// SPDX-License-Identifier: MIT
// How servers of several makes refuse a key: [status, body].

export const words = {
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
										description: text,
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

export const error = (text, extra = {}, status = 400) => [
	status,
	{ error: { message: text, type: 'invalid_request_error', param: null, ...extra } },
];
