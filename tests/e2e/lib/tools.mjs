// SPDX-License-Identifier: MIT
// What strict servers refuse in tools and schemas.

// The names that OpenAI takes.
export const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isString = (v) => typeof v === 'string';

// The strict subset: every object closed and fully required.
export function strictFault(schema) {
	if (!isObject(schema)) return null;
	if (schema.type === 'object' || schema.properties) {
		if (schema.additionalProperties !== false)
			return 'additionalProperties must be false';
		const missing = Object.keys(schema.properties ?? {}).filter(
			(k) => !(schema.required ?? []).includes(k),
		);
		if (missing.length) return `required must list ${missing.join(', ')}`;
	}
	for (const s of [
		...Object.values(schema.properties ?? {}),
		schema.items,
		...(schema.anyOf ?? []),
		...Object.values(schema.$defs ?? {}),
	]) {
		const f = strictFault(s);
		if (f) return f;
	}
	return null;
}

const GEMINI_REFUSES = [
	'$schema',
	'$ref',
	'$defs',
	'definitions',
	'additionalProperties',
	'const',
	'exclusiveMinimum',
	'exclusiveMaximum',
	'propertyNames',
	'patternProperties',
];

function geminiFault(schema, where = 'parameters') {
	if (!isObject(schema)) return null;
	for (const k of GEMINI_REFUSES) if (k in schema) return `Unknown name "${k}" at '${where}'`;
	if (Array.isArray(schema.type))
		return `Proto field is not repeating, cannot start list at '${where}.type'`;
	if (schema.enum && schema.enum.some((e) => !isString(e)))
		return `enum: only allowed for STRING type at '${where}'`;
	for (const [k, s] of Object.entries(schema.properties ?? {})) {
		const f = geminiFault(s, `${where}.${k}`);
		if (f) return f;
	}
	for (const s of [schema.items, ...(schema.anyOf ?? [])]) {
		const f = geminiFault(s, where);
		if (f) return f;
	}
	return null;
}

function checkTool(tool, where, rules, say) {
	if (!isObject(tool) || tool.type !== 'function' || !isObject(tool.function)) {
		say(`${where}: type must be 'function' with a function`);
		return;
	}
	for (const k of Object.keys(tool))
		if (!['type', 'function'].includes(k))
			say(`${where}: Unknown parameter: '${where}.${k}'`);
	const f = tool.function;
	for (const k of Object.keys(f))
		if (!['name', 'description', 'parameters', 'strict'].includes(k))
			say(`${where}.function: Unknown parameter '${k}'`);
	if (!(rules.names ?? NAME).test(f.name ?? ''))
		say(`${where}.function.name: '${f.name}' does not match the pattern`);
	if (f.description !== undefined && !isString(f.description))
		say(`${where}.function.description: not a string`);
	if (f.parameters === undefined) return;
	if (!isObject(f.parameters) || f.parameters.type !== 'object') {
		say(
			`Invalid schema for function '${f.name}': schema must be a JSON Schema of 'type: "object"'`,
		);
		return;
	}
	if (!isObject(f.parameters.properties))
		say(`Invalid schema for function '${f.name}': object schema missing properties`);
	for (const k of ['oneOf', 'anyOf', 'allOf', 'enum', 'not'])
		if (k in f.parameters)
			say(
				`Invalid schema for function '${f.name}': schema must not have '${k}' at the top level`,
			);
	if (f.strict === true && strictFault(f.parameters))
		say(`Invalid schema for function '${f.name}': ${strictFault(f.parameters)}`);
	if (rules.schema === 'gemini' && geminiFault(f.parameters))
		say(`${where}: ${geminiFault(f.parameters)}`);
}

export function checkTools(body, rules, say) {
	const { tools, tool_choice: choice } = body;
	if (tools === undefined) {
		if (choice !== undefined && choice !== null)
			say(
				"Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
			);
		if (body.parallel_tool_calls !== undefined)
			say(
				"Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
			);
		return;
	}
	if (!Array.isArray(tools)) return;
	if (!tools.length) say("Invalid 'tools': [] is too short - 'tools'");
	if (tools.length > 128)
		say(
			`Invalid 'tools': array too long. Expected an array with maximum length 128, but got ${tools.length}`,
		);
	tools.forEach((t, i) => checkTool(t, `tools[${i}]`, rules, say));
	const names = tools.map((t) => t?.function?.name);
	for (const n of new Set(names))
		if (names.filter((x) => x === n).length > 1)
			say(`tools: duplicate function name '${n}'`);
	const words = rules.anyChoice ? ['none', 'auto', 'any'] : ['none', 'auto', 'required'];
	if (isString(choice) && !words.includes(choice))
		say(`tool_choice: Invalid value '${choice}'`);
	if (isObject(choice)) {
		if (rules.anyChoice) say('tool_choice: a named choice is not supported');
		else if (choice.type !== 'function' || !names.includes(choice.function?.name))
			say(
				`Tool choice '${choice.function?.name}' not found in 'tools' parameter.`,
			);
	}
}
