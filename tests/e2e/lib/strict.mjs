// SPDX-License-Identifier: MIT
/*
 * Strict Chat Completions servers: each refuses what the named provider
 * refuses.  complaints(body, kind) lists the breaches, [] where the server
 * would take the request; refusal(list, kind) is the answer it would give.
 *
 * kinds: openai, openai-reasoning (refuses max_tokens and sampling), mistral,
 * gemini, deepseek.
 */
import { NAME, checkTools, strictFault } from './tools.mjs';

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isString = (v) => typeof v === 'string';
const isInt = (v) => Number.isInteger(v);
const isBool = (v) => typeof v === 'boolean';
const inRange = (low, high) => (v) => typeof v === 'number' && v >= low && v <= high;
const oneOf =
	(...words) =>
	(v) =>
		words.includes(v);
const isStop = (v) =>
	isString(v) ||
	(Array.isArray(v) &&
		v.length >= 1 &&
		v.length <= 4 &&
		v.every((s) => isString(s) && s !== ''));

const COMMON = {
	model: (v) => isString(v) && v !== '',
	messages: (v) => Array.isArray(v) && v.length >= 1,
	max_tokens: (v) => isInt(v) && v >= 1,
	temperature: inRange(0, 2),
	top_p: inRange(0, 1),
	frequency_penalty: inRange(-2, 2),
	presence_penalty: inRange(-2, 2),
	n: (v) => isInt(v) && v >= 1 && v <= 128,
	stop: isStop,
	stream: isBool,
	tools: (v) => Array.isArray(v),
	tool_choice: (v) => isString(v) || isObject(v),
	parallel_tool_calls: isBool,
	response_format: isObject,
};

const OPENAI = {
	...COMMON,
	max_completion_tokens: (v) => isInt(v) && v >= 1,
	stream_options: (v) =>
		isObject(v) &&
		Object.entries(v).every(
			([k, x]) =>
				['include_usage', 'include_obfuscation'].includes(k) && isBool(x),
		),
	reasoning_effort: oneOf(...EFFORTS),
	verbosity: oneOf('low', 'medium', 'high'),
	service_tier: oneOf('auto', 'default', 'flex', 'scale', 'priority', 'fast'),
	store: isBool,
	seed: isInt,
	metadata: (v) =>
		isObject(v) &&
		Object.keys(v).length <= 16 &&
		Object.values(v).every((x) => isString(x) && x.length <= 512),
	user: isString,
	safety_identifier: (v) => isString(v) && v.length <= 128,
	prompt_cache_key: (v) => isString(v) && v.length <= 64,
	prompt_cache_options: isObject,
	prompt_cache_retention: oneOf('in_memory', '24h'),
	logit_bias: isObject,
	logprobs: isBool,
	top_logprobs: inRange(0, 20),
	modalities: Array.isArray,
	prediction: isObject,
	web_search_options: isObject,
};

const MISTRAL = {
	...COMMON,
	random_seed: isInt,
	safe_prompt: isBool,
	prompt_mode: oneOf('reasoning'),
	reasoning_effort: oneOf('none', 'high'),
};

const GEMINI = {
	...COMMON,
	max_completion_tokens: OPENAI.max_completion_tokens,
	stream_options: OPENAI.stream_options,
	reasoning_effort: oneOf('none', 'minimal', 'low', 'medium', 'high'),
	extra_body: isObject,
};
delete GEMINI.parallel_tool_calls;

const DEEPSEEK = {
	...COMMON,
	stream_options: OPENAI.stream_options,
	thinking: (v) => isObject(v) && ['enabled', 'disabled'].includes(v.type),
	reasoning_effort: oneOf('low', 'high', 'max', 'medium', 'none'),
	logprobs: isBool,
	top_logprobs: inRange(0, 20),
	user: isString,
};
delete DEEPSEEK.parallel_tool_calls;

const REASONING_FIELDS = [
	'reasoning_content',
	'reasoning',
	'reasoning_text',
	'reasoning_details',
	'reasoning_opaque',
];

const KINDS = {
	openai: { keys: OPENAI },
	'openai-reasoning': {
		keys: OPENAI,
		refuses: ['max_tokens', 'temperature', 'top_p', 'stop'],
	},
	mistral: {
		keys: MISTRAL,
		ids: /^[a-zA-Z0-9]{9}$/,
		alternates: true,
		anyChoice: true,
		toolName: true,
		thinkingParts: true,
	},
	gemini: {
		keys: GEMINI,
		schema: 'gemini',
		names: /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/,
		extraContent: true,
	},
	deepseek: {
		keys: DEEPSEEK,
		reasoningDue: true,
		assistant: ['reasoning_content', 'prefix'],
	},
};

const MESSAGE_KEYS = {
	system: ['role', 'content', 'name'],
	developer: ['role', 'content', 'name'],
	user: ['role', 'content', 'name'],
	assistant: ['role', 'content', 'name', 'refusal', 'tool_calls', 'audio', 'function_call'],
	tool: ['role', 'content', 'tool_call_id'],
};
const PARTS = {
	system: ['text'],
	developer: ['text'],
	tool: ['text'],
	user: ['text', 'image_url', 'input_audio', 'file'],
	assistant: ['text', 'refusal'],
};

function isJsonObjectText(s) {
	try {
		return isObject(JSON.parse(s));
	} catch {
		return false;
	}
}

/* ---- one message ---- */

function checkPart(part, role, where, rules, say) {
	if (!isObject(part)) {
		say(`${where}: not an object`);
		return;
	}
	const allowed = [
		...PARTS[role],
		...(rules.thinkingParts && role === 'assistant' ? ['thinking'] : []),
	];
	if (!allowed.includes(part.type)) {
		say(
			part.type === 'image_url'
				? `${where}: Image URLs are only allowed for messages with role 'user'`
				: `${where}: part type '${part.type}' in a ${role} message`,
		);
		return;
	}
	const own = {
		text: ['type', 'text'],
		image_url: ['type', 'image_url'],
		input_audio: ['type', 'input_audio'],
		file: ['type', 'file'],
		refusal: ['type', 'refusal'],
		thinking: ['type', 'thinking', 'closed', 'signature'],
	}[part.type];
	for (const k of Object.keys(part))
		if (!own.includes(k) && k !== 'prompt_cache_breakpoint')
			say(`${where}: unknown key '${k}'`);
	if (part.type === 'text' && !isString(part.text)) say(`${where}.text: not a string`);
	if (
		part.type === 'image_url' &&
		!/^(https?:\/\/|data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$)/.test(
			part.image_url?.url ?? '',
		)
	)
		say(`${where}.image_url.url: neither a URL nor a base64 data URL`);
	if (
		part.type === 'file' &&
		!isString(part.file?.file_id) &&
		!(
			isString(part.file?.filename) &&
			/^data:application\/pdf;base64,/.test(part.file?.file_data ?? '')
		)
	)
		say(
			`${where}.file: Expected a base64-encoded data URL with an application/pdf MIME type`,
		);
}

function checkContent(m, where, rules, say) {
	const c = m.content;
	if (c === null || c === undefined) {
		if (m.role !== 'assistant') say(`${where}.content: required for role '${m.role}'`);
		else if (!m.tool_calls && !m.function_call)
			say(`${where}.content: required unless tool_calls is given`);
		return;
	}
	if (isString(c)) return;
	if (!Array.isArray(c)) {
		say(`${where}.content: neither a string nor an array`);
		return;
	}
	if (!c.length) say(`${where}.content: empty array`);
	c.forEach((p, i) => checkPart(p, m.role, `${where}.content[${i}]`, rules, say));
}

function checkCalls(m, where, rules, say) {
	if (!Array.isArray(m.tool_calls) || !m.tool_calls.length) {
		say(`${where}.tool_calls: [] is too short`);
		return;
	}
	const ids = new Set();
	m.tool_calls.forEach((c, i) => {
		const at = `${where}.tool_calls[${i}]`;
		for (const k of Object.keys(c))
			if (
				![
					'id',
					'type',
					'function',
					'custom',
					...(rules.extraContent ? ['extra_content'] : []),
				].includes(k)
			)
				say(`${at}: unknown key '${k}'`);
		if (!isString(c.id) || !c.id) say(`${at}.id: required`);
		if (rules.ids && !rules.ids.test(c.id))
			say(
				`${at}.id: Tool call id was ${c.id} but must be a-z, A-Z, 0-9, with a length of 9.`,
			);
		if (ids.has(c.id)) say(`${at}.id: duplicate`);
		ids.add(c.id);
		if (c.type !== 'function') say(`${at}.type: ${c.type}`);
		if (!(rules.names ?? NAME).test(c.function?.name ?? ''))
			say(`${at}.function.name: '${c.function?.name}' does not match`);
		for (const k of Object.keys(c.function ?? {}))
			if (!['name', 'arguments'].includes(k))
				say(`${at}.function: unknown key '${k}'`);
		if (!isString(c.function?.arguments)) say(`${at}.function.arguments: not a string`);
		else if (!isJsonObjectText(c.function.arguments))
			say(`${at}.function.arguments: not the text of a JSON object`);
	});
}

function checkMessage(m, where, rules, say) {
	if (!isObject(m)) {
		say(`${where}: not an object`);
		return;
	}
	if (!MESSAGE_KEYS[m.role]) {
		say(`${where}.role: Invalid value: '${m.role}'`);
		return;
	}
	const allowed = [
		...MESSAGE_KEYS[m.role],
		...(m.role === 'assistant' ? (rules.assistant ?? []) : []),
		...(m.role === 'tool' && rules.toolName ? ['name'] : []),
	];
	for (const k of Object.keys(m))
		if (!allowed.includes(k))
			say(
				`${where}: Additional properties are not allowed ('${k}' was unexpected)`,
			);
	checkContent(m, where, rules, say);
	if (m.tool_calls !== undefined) checkCalls(m, where, rules, say);
	if (m.role === 'tool' && (!isString(m.tool_call_id) || !m.tool_call_id))
		say(`${where}.tool_call_id: required`);
	if (m.role === 'tool' && !isString(m.content) && !Array.isArray(m.content))
		say(`${where}.content: required`);
}

/* ---- their order ---- */

function checkOrder(messages, rules, say) {
	let due = null,
		answered = new Set();
	const overdue = (i) => {
		if (due?.size)
			say(
				`messages[${i}]: An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...due].join(', ')}`,
			);
	};
	messages.forEach((m, i) => {
		if (m?.role === 'tool') {
			if (due === null)
				say(
					`messages[${i}]: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.`,
				);
			else if (answered.has(m.tool_call_id))
				say(`messages[${i}]: duplicate tool message for ${m.tool_call_id}`);
			else if (!due.delete(m.tool_call_id))
				say(
					`messages[${i}]: tool_call_id ${m.tool_call_id} not found in 'tool_calls' of previous message`,
				);
			answered.add(m.tool_call_id);
			return;
		}
		overdue(i);
		due =
			m?.role === 'assistant' && Array.isArray(m.tool_calls)
				? new Set(m.tool_calls.map((c) => c.id))
				: null;
		answered = new Set();
	});
	overdue(messages.length);
	if (rules.alternates) checkAlternation(messages, say);
}

function checkAlternation(messages, say) {
	messages.forEach((m, i) => {
		const before = messages[i - 1]?.role;
		if (before === 'tool' && !['tool', 'assistant'].includes(m.role))
			say(
				`messages[${i}]: Expected last role User or Tool... Unexpected role '${m.role}' after role 'tool'`,
			);
		if (before === 'assistant' && m.role === 'assistant')
			say(`messages[${i}]: Unexpected role 'assistant' after role 'assistant'`);
		if (m.role === 'system' && i > 0 && before !== 'system' && before !== 'user')
			say(`messages[${i}]: Unexpected role 'system' after role '${before}'`);
	});
	const last = messages.at(-1);
	if (!['user', 'tool'].includes(last?.role) && !last?.prefix)
		say(
			`Expected last role User or Tool (or Assistant with prefix True) for serving but got ${last?.role}`,
		);
}

/* ---- the body ---- */

function checkFormat(format, say) {
	if (!['text', 'json_object', 'json_schema'].includes(format.type)) {
		say(`response_format.type: ${format.type}`);
		return;
	}
	if (format.type !== 'json_schema') return;
	const s = format.json_schema;
	if (!isObject(s) || !NAME.test(s.name ?? ''))
		say('response_format.json_schema.name: required');
	if (s?.strict === true && strictFault(s.schema))
		say(`Invalid schema for response_format '${s.name}': ${strictFault(s.schema)}`);
}

export function complaints(body, kind = 'openai', { reasoning = false } = {}) {
	const rules = { ...KINDS[kind] },
		out = [],
		say = (s) => out.push(s);
	if (reasoning) rules.assistant = [...(rules.assistant ?? []), ...REASONING_FIELDS];
	if (!isObject(body)) return ['body: not an object'];
	for (const [k, v] of Object.entries(body)) {
		if (!rules.keys[k]) say(`Unrecognized request argument supplied: ${k}`);
		else if (rules.refuses?.includes(k))
			say(`Unsupported parameter: '${k}' is not supported with this model.`);
		else if (!rules.keys[k](v))
			say(`Invalid value for '${k}': ${JSON.stringify(v)?.slice(0, 80)}`);
	}
	for (const k of ['model', 'messages'])
		if (!(k in body)) say(`you must provide a ${k} parameter`);
	if ('max_tokens' in body && 'max_completion_tokens' in body)
		say(
			"Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
		);
	if ('stream_options' in body && body.stream !== true)
		say("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
	if (isObject(body.response_format)) checkFormat(body.response_format, say);
	checkTools(body, rules, say);
	if (!Array.isArray(body.messages)) return out;
	body.messages.forEach((m, i) => checkMessage(m, `messages[${i}]`, rules, say));
	checkOrder(body.messages, rules, say);
	if (rules.reasoningDue && body.thinking?.type !== 'disabled')
		body.messages.forEach((m, i) => {
			if (
				m.role === 'assistant' &&
				m.tool_calls &&
				!isString(m.reasoning_content)
			)
				say(
					`messages[${i}]: The reasoning_content in the thinking mode must be passed back to the API.`,
				);
		});
	return out;
}

// The error answer of such a server: {status, body}.
export function refusal(list, kind = 'openai') {
	const message = list[0];
	if (kind === 'mistral')
		return {
			status: 422,
			body: {
				detail: [
					{
						type: 'extra_forbidden',
						loc: [
							'body',
							/: (\w+)$/.exec(message)?.[1] ?? 'messages',
						],
						msg: message,
					},
				],
			},
		};
	if (kind === 'gemini')
		return {
			status: 400,
			body: [{ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }],
		};
	return {
		status: 400,
		body: {
			error: {
				message,
				type: 'invalid_request_error',
				param: /'(\w+)'/.exec(message)?.[1] ?? null,
				code: null,
			},
		},
	};
}
