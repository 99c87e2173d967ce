// SPDX-License-Identifier: MIT
// How upstreams show their reasoning, and what has to come back of each form.
import assert from 'node:assert/strict';
import { DONE, sayJson, startEvents } from './upstream.mjs';

// Escapes, signs, a pair outside the first plane, quotes: none may change.
export const THOUGHT = 'Let me see: "a\\b"\n\té 漢 \u{1F600} \u0000 </thinking> & done.';
const J = JSON.stringify(THOUGHT);
export const SIG = 'EqQBCgIYAhIM+/aZ==';
export const CALL = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } };

const pieces = (s, n = 5) =>
	Array.from(s).reduce(
		(out, c, i) => (i % n ? (out[out.length - 1] += c) : out.push(c), out),
		[],
	);

// Raw JSON of a message or a delta, so that its spelling is the test's.
export const whole = (members, calls) =>
	`{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"${calls ? 'tool_calls' : 'stop'}","message":{"role":"assistant",${members}${calls ? `,"tool_calls":[${calls}]` : ''}}}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`;
const delta = (members, finish = null) =>
	`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{${members}},"finish_reason":${JSON.stringify(finish)}}]}\n\n`;

const stringField = (field) => ({
	whole: [`"${field}":${J}`],
	deltas: pieces(THOUGHT).map((p) => `"${field}":${JSON.stringify(p)}`),
	expect: (m) => assert.equal(m[field], THOUGHT),
});

export const DETAIL = `{"type":"reasoning.text","text":${J},"signature":"${SIG}","format":"anthropic-claude-v1","index":0,"weight":1.0,"big":9007199254740993}`;
export const SECRET = `{"type":"reasoning.encrypted","data":"gAAAA+/x==","id":"rs_1","format":"openai-responses-v1","index":1}`;
const PARTS = `{"type":"thinking","thinking":[{"type":"text","text":${J}}],"closed":true}`;
const SUMMARY = `{"type":"reasoning","summary":[{"type":"summary_text","text":${J},"signature":"${SIG}"}]}`;

export const forms = {
	reasoning_content: stringField('reasoning_content'),
	reasoning: stringField('reasoning'),
	'reasoning_text with reasoning_opaque': {
		whole: [`"reasoning_text":${J}`, `"reasoning_opaque":"${SIG}"`],
		deltas: [
			...pieces(THOUGHT).map((p) => `"reasoning_text":${JSON.stringify(p)}`),
			`"reasoning_opaque":"${SIG}"`,
		],
		expect: (m) =>
			assert.deepEqual([m.reasoning_text, m.reasoning_opaque], [THOUGHT, SIG]),
	},
	'reasoning with reasoning_details': {
		whole: [`"reasoning":${J}`, `"reasoning_details":[${DETAIL},${SECRET}]`],
		deltas: [
			...pieces(THOUGHT).map(
				(p) =>
					`"reasoning":${JSON.stringify(p)},"reasoning_details":[{"type":"reasoning.text","text":${JSON.stringify(p)},"format":"anthropic-claude-v1","index":0}]`,
			),
			`"reasoning_details":[{"type":"reasoning.text","signature":"${SIG}","format":"anthropic-claude-v1","index":0}]`,
			`"reasoning_details":[${SECRET}]`,
		],
		expect(m, text, streamed) {
			assert.equal(m.reasoning_details.length, 2);
			assert.deepEqual(
				[m.reasoning_details[0].text, m.reasoning_details[0].signature],
				[THOUGHT, SIG],
			);
			assert.ok(text.includes(SECRET), 'the encrypted detail as it came');
			if (!streamed) assert.ok(text.includes(DETAIL), 'the detail as it came');
		},
	},
	'encrypted reasoning_details alone': {
		whole: [`"reasoning_details":[${SECRET}]`],
		deltas: [`"reasoning_details":[${SECRET}]`],
		types: ['redacted_thinking'],
		expect: (m, text) => assert.ok(text.includes(`"reasoning_details":[${SECRET}]`)),
	},
	'content parts of Mistral': {
		content: `[${PARTS},{"type":"text","text":"so"}]`,
		deltas: [`"content":[${PARTS}]`],
		expect(m, text) {
			assert.ok(text.includes(PARTS), text);
			assert.equal(m.content[0].type, 'thinking');
		},
	},
	'content parts of Databricks': {
		content: `[${SUMMARY},{"type":"text","text":"so"}]`,
		deltas: [`"content":[${SUMMARY}]`],
		expect: (m, text) => assert.ok(text.includes(SUMMARY), text),
	},
	'content parts of Mistral, token by token': {
		content: `[${PARTS},{"type":"text","text":"so"}]`,
		deltas: [
			...pieces(THOUGHT).map(
				(p) =>
					`"content":[{"type":"thinking","thinking":[{"type":"text","text":${JSON.stringify(p)}}]}]`,
			),
			'"content":[{"type":"thinking","thinking":[],"closed":true}]',
		],
		expect: (m) =>
			assert.deepEqual([m.content[0], m.content.length], [JSON.parse(PARTS), 2]),
	},
	'<think> text': {
		content: JSON.stringify(`<think>\n${THOUGHT}\n</think>\n\nso`),
		deltas: [
			...pieces(`<think>\n${THOUGHT}\n</think>\n\n`, 3).map(
				(p) => `"content":${JSON.stringify(p)}`,
			),
		],
		expect: (m) => assert.equal(m.content, `<think>\n${THOUGHT}\n</think>\n\nso`),
	},
};

export const script = (form, calls) => (call, res) => {
	if (!call.json.stream) {
		const members = [...(form.whole ?? []), `"content":${form.content ?? '"so"'}`];
		sayJson(res, whole(members.join(','), calls));
		return;
	}
	startEvents(res);
	res.write(delta('"role":"assistant","content":""'));
	for (const d of form.deltas) res.write(delta(d));
	res.write(delta('"content":"so"'));
	if (calls) res.write(delta(`"tool_calls":[{"index":0,${calls.slice(1)}]`));
	res.end(delta('', calls ? 'tool_calls' : 'stop') + DONE);
};
