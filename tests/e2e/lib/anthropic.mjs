// SPDX-License-Identifier: MIT
// A strict reader of Anthropic streams.  It assembles the message as the
// strictest official client would and lists every breach of the grammar.
import assert from 'node:assert/strict';

const DELTAS = {
	text: ['text_delta', 'citations_delta'],
	thinking: ['thinking_delta', 'signature_delta'],
	tool_use: ['input_json_delta'],
	server_tool_use: ['input_json_delta'],
};
const BLOCKS = [
	'text',
	'thinking',
	'redacted_thinking',
	'tool_use',
	'server_tool_use',
	'web_search_tool_result',
];
const DELTA_STRING = {
	text_delta: 'text',
	thinking_delta: 'thinking',
	input_json_delta: 'partial_json',
	signature_delta: 'signature',
};
const STOP_REASONS = [
	'end_turn',
	'max_tokens',
	'stop_sequence',
	'tool_use',
	'pause_turn',
	'refusal',
	'model_context_window_exceeded',
];
const TOOL_ID = /^[a-zA-Z0-9_-]{1,256}$/;
const LONE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isCount = (v) => Number.isInteger(v) && v >= 0;

// Frames of a stream: an event: line, one data: line, a blank line, nothing else.
export function frames(text) {
	const out = [],
		bad = [];
	const blocks = text.split('\n\n');
	const tail = blocks.pop();
	if (tail !== '')
		bad.push(
			`the stream does not end with a blank line: ${JSON.stringify(tail.slice(0, 60))}`,
		);
	for (const block of blocks) {
		const lines = block.split('\n');
		if (lines.every((l) => l.startsWith(':'))) continue;
		if (
			lines.length !== 2 ||
			!lines[0].startsWith('event: ') ||
			!lines[1].startsWith('data: ')
		) {
			bad.push(
				`frame is not event: + data: ${JSON.stringify(block.slice(0, 80))}`,
			);
			continue;
		}
		out.push({ event: lines[0].slice(7), data: lines[1].slice(6) });
	}
	return { frames: out, bad };
}

class Reader {
	constructor() {
		Object.assign(this, {
			bad: [],
			events: [],
			content: [],
			message: null,
			usage: null,
			error: null,
			delta: null,
			stopped: false,
			openIndex: null,
			raw: [],
			pings: 0,
		});
	}

	complain(text) {
		this.bad.push(text);
	}

	event({ event, data }) {
		let j;
		try {
			j = JSON.parse(data);
		} catch {
			this.complain(`data is no JSON: ${data.slice(0, 60)}`);
			return;
		}
		if (!isObject(j)) {
			this.complain('data is no object');
			return;
		}
		this.events.push(j);
		if (event !== j.type) this.complain(`event: ${event} is not type ${j.type}`);
		if (this.stopped) {
			this.complain(`${j.type} after message_stop`);
			return;
		}
		if (this.error) {
			this.complain(`${j.type} after error`);
			return;
		}
		const take = {
			ping: 'ping',
			error: 'fail',
			message_start: 'start',
			content_block_start: 'blockStart',
			content_block_delta: 'blockDelta',
			content_block_stop: 'blockStop',
			message_delta: 'messageDelta',
			message_stop: 'stop',
		}[j.type];
		if (!take) {
			this.complain(`unknown event ${j.type}`);
			return;
		}
		if (!this.message && !['ping', 'fail', 'start'].includes(take)) {
			this.complain(`${j.type} before message_start`);
			return;
		}
		this[take](j);
	}

	ping() {
		this.pings++;
	}

	fail(j) {
		this.error = j.error ?? {};
		if (
			typeof this.error.type !== 'string' ||
			typeof this.error.message !== 'string' ||
			!this.error.message
		)
			this.complain('error event without type or message');
		if (!/^req_/.test(j.request_id ?? ''))
			this.complain('error event without request_id');
	}

	start(j) {
		if (this.message) this.complain('second message_start');
		const m = j.message ?? {};
		this.message = m;
		if (!Array.isArray(m.content) || m.content.length)
			this.complain('message_start content is not []');
		if (m.role !== 'assistant' || m.type !== 'message')
			this.complain('message_start role or type');
		if (!/^msg_/.test(m.id ?? '')) this.complain(`message_start id ${m.id}`);
		if (typeof m.model !== 'string' || !m.model) this.complain('message_start model');
		if (m.stop_reason !== null || m.stop_sequence !== null)
			this.complain('message_start stop_reason and stop_sequence must be null');
		if (!isCount(m.usage?.input_tokens) || !isCount(m.usage?.output_tokens))
			this.complain('message_start usage');
		this.usage = { ...m.usage };
	}

	blockStart(j) {
		if (this.delta) this.complain('block after message_delta');
		if (this.openIndex !== null)
			this.complain(`block ${j.index} started while ${this.openIndex} is open`);
		if (j.index !== this.content.length)
			this.complain(`block index ${j.index}, expected ${this.content.length}`);
		const b = { ...j.content_block };
		if (!BLOCKS.includes(b.type)) this.complain(`block type ${b.type}`);
		if (b.type === 'text' && b.text !== '')
			this.complain('text block does not start with ""');
		if (b.type === 'thinking' && (b.thinking !== '' || b.signature !== ''))
			this.complain('thinking block does not start with "" and signature ""');
		if (b.type === 'redacted_thinking' && (typeof b.data !== 'string' || !b.data))
			this.complain('redacted_thinking without data');
		if (b.type === 'tool_use' || b.type === 'server_tool_use') {
			if (!TOOL_ID.test(b.id ?? '')) this.complain(`${b.type} id ${b.id}`);
			if (this.content.some((x) => x.id !== undefined && x.id === b.id))
				this.complain(`${b.type} id ${b.id} twice`);
			if (typeof b.name !== 'string' || !b.name)
				this.complain(`${b.type} without name`);
			if (!isObject(b.input) || Object.keys(b.input).length)
				this.complain(`${b.type} input is not {}`);
		}
		this.content.push(b);
		this.openIndex = j.index;
		this.raw[j.index] = '';
	}

	blockDelta(j) {
		if (this.openIndex === null || j.index !== this.openIndex) {
			this.complain(`delta for ${j.index}, open is ${this.openIndex}`);
			return;
		}
		const b = this.content.at(-1),
			d = j.delta ?? {};
		if (!(DELTAS[b.type] ?? []).includes(d.type)) {
			this.complain(`${d.type} in a ${b.type} block`);
			return;
		}
		const key = DELTA_STRING[d.type];
		if (key && typeof d[key] !== 'string') {
			this.complain(`${d.type} without its string`);
			return;
		}
		if (key && LONE.test(d[key])) this.complain(`lone surrogate in a ${d.type}`);
		if (b.signed) this.complain(`${d.type} after the signature`);
		if (d.type === 'text_delta') b.text += d.text;
		if (d.type === 'thinking_delta') b.thinking += d.thinking;
		if (d.type === 'signature_delta') {
			b.signature = d.signature;
			b.signed = true;
			if (!d.signature) this.complain('empty signature');
		}
		if (d.type === 'input_json_delta') this.raw[j.index] += d.partial_json;
		if (d.type === 'citations_delta') (b.citations ??= []).push(d.citation);
	}

	blockStop(j) {
		if (this.openIndex === null || j.index !== this.openIndex) {
			this.complain(`stop for ${j.index}, open is ${this.openIndex}`);
			return;
		}
		const b = this.content.at(-1);
		if (b.type === 'thinking' && !b.signed)
			this.complain('thinking block without signature_delta');
		delete b.signed;
		if (b.type === 'tool_use' || b.type === 'server_tool_use') {
			b.rawInput = this.raw[j.index];
			if (b.rawInput !== '') {
				try {
					b.input = JSON.parse(b.rawInput);
				} catch {
					b.input = b.rawInput;
					b.broken = true;
				}
				if (!b.broken && !isObject(b.input))
					this.complain('tool input is no object');
			}
		}
		this.openIndex = null;
	}

	messageDelta(j) {
		if (this.openIndex !== null) this.complain('message_delta with an open block');
		if (this.delta) this.complain('second message_delta');
		this.delta = j.delta ?? {};
		if (!STOP_REASONS.includes(this.delta.stop_reason))
			this.complain(`stop_reason ${this.delta.stop_reason}`);
		if (!('stop_sequence' in this.delta))
			this.complain('message_delta without stop_sequence');
		if (!isCount(j.usage?.output_tokens)) this.complain('message_delta usage');
		for (const [k, v] of Object.entries(j.usage ?? {}))
			if (v !== null) this.usage = { ...this.usage, [k]: v };
	}

	stop() {
		if (!this.delta) this.complain('message_stop before message_delta');
		this.stopped = true;
	}

	// A finished tool call must be whole unless the reply was cut by length.
	finish() {
		if (!this.error && !this.stopped)
			this.complain('the stream ended without message_stop or error');
		if (this.stopped && this.delta?.stop_reason !== 'max_tokens')
			for (const b of this.content)
				if (b.broken)
					this.complain(
						`input of ${b.id} is no JSON: ${b.rawInput.slice(0, 60)}`,
					);
		if (
			this.stopped &&
			this.delta?.stop_reason === 'tool_use' &&
			!this.content.some((b) => b.type === 'tool_use')
		)
			this.complain('stop_reason tool_use without a tool_use block');
	}
}

export function assemble(text) {
	const split = frames(text),
		r = new Reader();
	r.bad.push(...split.bad);
	for (const f of split.frames) r.event(f);
	r.finish();
	return {
		id: r.message?.id ?? null,
		model: r.message?.model ?? null,
		content: r.content,
		stop_reason: r.delta?.stop_reason ?? null,
		stop_sequence: r.delta?.stop_sequence ?? null,
		stop_details: r.delta?.stop_details ?? null,
		usage: r.usage,
		error: r.error,
		bad: r.bad,
		events: r.events,
		pings: r.pings,
	};
}

// A streamed answer, read strictly: status, headers, grammar.
export function readStream(r) {
	assert.equal(r.status, 200, r.text.slice(0, 400));
	assert.match(r.headers['content-type'] ?? '', /^text\/event-stream/);
	assert.match(r.headers['request-id'] ?? '', /^req_/);
	assert.equal(r.headers['content-encoding'], undefined);
	assert.equal(r.cut, false, 'the body ended without its last chunk');
	const a = assemble(r.text);
	assert.deepEqual(a.bad, [], `grammar of the stream:\n${r.text.slice(0, 2000)}`);
	return a;
}

// What a client puts into its history of an answer.
export function history(content) {
	return content.map((b) => {
		const { rawInput, broken, caller, citations, ...rest } = b;
		return rest;
	});
}

export const textOf = (a) =>
	a.content
		.filter((b) => b.type === 'text')
		.map((b) => b.text)
		.join('');
export const callsOf = (a) => a.content.filter((b) => b.type === 'tool_use');
