// SPDX-License-Identifier: MIT
// A scripted OpenAI-compatible upstream: answers what the test says, late,
// cut, refused or byte by byte, and remembers what it was asked.
import http from 'node:http';
import net from 'node:net';
import { sleep } from './time.mjs';

const isChat = (call) => call.method === 'POST' && /\/chat\/completions(\?|$)/.test(call.url);

/*
 * respond(call, res) writes the whole answer to a chat completion, others() to
 * all else (models, token counts).  A call is {method, url, headers,
 * text, json, at, closed, closedAt}; closed tells that the proxy hung up or
 * the answer was finished.
 */
export async function startUpstream(
	respond = (call, res) => sayOk(call, res),
	others = (call, res) => sayError(res, 404, 'Not Found'),
) {
	const calls = [];
	const state = { respond, others };
	const server = http.createServer({ maxHeaderSize: 262144 }, (req, res) => {
		const parts = [];
		const call = {
			method: req.method,
			url: req.url,
			headers: req.headers,
			rawHeaders: req.rawHeaders,
			text: '',
			json: null,
			at: Date.now(),
			closed: false,
			closedAt: 0,
			finished: false,
		};
		res.on('close', () => {
			call.closed = true;
			call.closedAt = Date.now();
			call.finished = res.writableFinished;
		});
		req.on('data', (d) => parts.push(d));
		req.on('error', () => {});
		res.on('error', () => {});
		req.on('end', () => {
			call.text = Buffer.concat(parts).toString('utf8');
			try {
				call.json = JSON.parse(call.text);
			} catch {
				/* stays null */
			}
			calls.push(call);
			const answer = isChat(call) ? state.respond : state.others;
			Promise.resolve(answer(call, res)).catch((err) => {
				call.failure = err;
				res.destroy();
			});
		});
	});
	server.keepAliveTimeout = 60000;
	server.on('clientError', (err, socket) => socket.destroy());
	await new Promise((r) => server.listen(0, '127.0.0.1', 4096, r));
	const port = server.address().port;
	return {
		port,
		url: `http://127.0.0.1:${port}`,
		calls,
		chats: () => calls.filter(isChat),
		last: () => calls.filter(isChat).at(-1),
		// Another script from here on; forgets the calls so far.
		script(next) {
			state.respond = next;
			calls.length = 0;
		},
		// Cuts all connections, as a host that dies.
		cut: () => server.closeAllConnections(),
		connections: () => new Promise((r) => server.getConnections((e, n) => r(n))),
		async stop() {
			server.closeAllConnections();
			await new Promise((r) => server.close(r));
		},
	};
}

// An upstream of bare sockets: talk(socket, firstBytes) once the head came.
export async function startRawUpstream(talk) {
	const sockets = new Set();
	const server = net.createServer((s) => {
		sockets.add(s);
		s.on('error', () => {});
		s.on('close', () => sockets.delete(s));
		let head = '',
			spoken = false;
		s.on('data', (d) => {
			head += d.toString('latin1');
			if (!spoken && head.includes('\r\n\r\n')) {
				spoken = true;
				talk(s, head);
			}
		});
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		sockets,
		async stop() {
			for (const s of sockets) s.destroy();
			await new Promise((r) => server.close(r));
		},
	};
}

// A loopback port on which nobody listens (until somebody takes it).
export async function closedPort() {
	const s = net.createServer();
	await new Promise((r) => s.listen(0, '127.0.0.1', r));
	const port = s.address().port;
	await new Promise((r) => s.close(r));
	return port;
}

/* ---- pieces of answers ---- */

export const frame = (object) => `data: ${JSON.stringify(object)}\n\n`;

export function chunk(delta, finish = null, extra = {}) {
	return frame({
		id: 'chatcmpl-1',
		object: 'chat.completion.chunk',
		created: 1,
		model: 'upstream-model',
		choices: [{ index: 0, delta, finish_reason: finish }],
		...extra,
	});
}

export const usageChunk = (prompt = 7, completion = 1) =>
	frame({
		id: 'chatcmpl-1',
		object: 'chat.completion.chunk',
		created: 1,
		model: 'upstream-model',
		choices: [],
		usage: {
			prompt_tokens: prompt,
			completion_tokens: completion,
			total_tokens: prompt + completion,
		},
	});

export const DONE = 'data: [DONE]\n\n';

export function callDelta(index, id, name, args) {
	return chunk({
		tool_calls: [
			{
				index,
				...(id ? { id, type: 'function' } : {}),
				function: { ...(name ? { name } : {}), arguments: args },
			},
		],
	});
}

export function startEvents(res, headers = {}) {
	res.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
	res.socket?.setNoDelay(true);
	res.flushHeaders();
}

// The whole of a turn as stream text: {thinking, text, calls:[{id,name,input}]}.
export function turnFrames({
	thinking,
	text,
	calls = [],
	finish,
	prompt = 50,
	completion = 20,
	split = true,
}) {
	const out = [chunk({ role: 'assistant', content: '' })];
	const pieces = (s) => (split ? (s.match(/[\s\S]{1,7}/g) ?? []) : [s]);
	for (const p of thinking ? pieces(thinking) : []) out.push(chunk({ reasoning_content: p }));
	for (const p of text ? pieces(text) : []) out.push(chunk({ content: p }));
	calls.forEach((c, i) => {
		out.push(callDelta(i, c.id, c.name, ''));
		for (const p of pieces(JSON.stringify(c.input)))
			out.push(callDelta(i, null, null, p));
	});
	out.push(
		chunk({}, finish ?? (calls.length ? 'tool_calls' : 'stop')),
		usageChunk(prompt, completion),
		DONE,
	);
	return out;
}

export function turnMessage({ thinking, text, calls = [], finish, prompt = 50, completion = 20 }) {
	return {
		id: 'chatcmpl-1',
		object: 'chat.completion',
		created: 1,
		model: 'upstream-model',
		choices: [
			{
				index: 0,
				finish_reason: finish ?? (calls.length ? 'tool_calls' : 'stop'),
				message: {
					role: 'assistant',
					content: text ?? null,
					...(thinking ? { reasoning_content: thinking } : {}),
					...(calls.length
						? {
								tool_calls: calls.map((c) => ({
									id: c.id,
									type: 'function',
									function: {
										name: c.name,
										arguments: JSON.stringify(
											c.input,
										),
									},
								})),
							}
						: {}),
				},
			},
		],
		usage: {
			prompt_tokens: prompt,
			completion_tokens: completion,
			total_tokens: prompt + completion,
		},
	};
}

export function sayJson(res, object, status = 200, headers = {}) {
	const text = typeof object === 'string' ? object : JSON.stringify(object);
	res.writeHead(status, {
		'content-type': 'application/json',
		'content-length': Buffer.byteLength(text),
		...headers,
	});
	res.end(text);
}

// Answers a turn in the form that was asked for.
export function sayTurn(call, res, turn) {
	if (!call.json?.stream) {
		sayJson(res, turnMessage(turn));
		return;
	}
	startEvents(res);
	for (const f of turnFrames(turn)) res.write(f);
	res.end();
}

export const sayOk = (call, res) => sayTurn(call, res, { text: 'ok', prompt: 7, completion: 1 });

export function sayError(res, status, message, extra = {}, headers = {}) {
	sayJson(
		res,
		{
			error: {
				message,
				type: 'invalid_request_error',
				param: null,
				code: null,
				...extra,
			},
		},
		status,
		headers,
	);
}

// The reader took something, or is gone.
export function drained(res) {
	return new Promise((resolve) => {
		const end = () => {
			res.off('drain', end);
			res.off('close', end);
			resolve();
		};
		res.on('drain', end);
		res.on('close', end);
		if (res.destroyed) end();
	});
}

// Bytes in small pieces, so that every read of the proxy sees another cut.
export async function drip(res, bytes, step) {
	for (let i = 0; i < bytes.length; i += step) {
		res.write(bytes.subarray(i, i + step));
		if ((i / step) % 48 === 0) await sleep(0);
	}
}
