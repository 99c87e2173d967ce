// SPDX-License-Identifier: MIT
// A client of the proxy that hides nothing: one connection a request unless
// told otherwise, arrival times of the pieces, and bare sockets.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { PACE, SLACK, deferred } from './time.mjs';

const HEADERS = {
	'content-type': 'application/json',
	'anthropic-version': '2023-06-01',
	'x-api-key': 'sk-test',
};

/*
 * Opens a request.  head resolves to {status, headers}, done to {status,
 * headers, text, cut}; pieces fills with {at, text} as bytes come; hangUp()
 * leaves.  body: a string or Buffer is sent as it is.
 */
export function open(
	url,
	{
		method = 'POST',
		body,
		headers = {},
		timeout = 20000,
		agent = false,
		chunked = false,
		reading = true,
	} = {},
) {
	const data =
		body === undefined
			? null
			: typeof body === 'string' || Buffer.isBuffer(body)
				? Buffer.from(body)
				: Buffer.from(JSON.stringify(body));
	const head = deferred(),
		done = deferred(),
		pieces = [];
	head.promise.catch(() => {});
	done.promise.catch(() => {});
	const all = {
		...(data ? HEADERS : { 'x-api-key': 'sk-test' }),
		...(data && !chunked ? { 'content-length': data.length } : {}),
		...headers,
	};
	for (const k of Object.keys(all)) if (all[k] === undefined) delete all[k];
	const req = http.request(url, { method, agent, headers: all });
	const out = {
		head: head.promise,
		done: done.promise,
		pieces,
		req,
		response: null,
		hangUp: () => req.destroy(),
	};
	req.setTimeout(timeout * SLACK, () =>
		req.destroy(new Error(`no bytes from the proxy for ${timeout * SLACK} ms`)),
	);
	req.on('response', (res) => {
		out.response = res;
		head.resolve({ status: res.statusCode, headers: res.headers });
		const parts = [];
		const end = (cut) =>
			done.resolve({
				status: res.statusCode,
				headers: res.headers,
				text: Buffer.concat(parts).toString('utf8'),
				cut,
			});
		if (reading)
			res.on('data', (d) => {
				parts.push(d);
				pieces.push({ at: Date.now(), text: d.toString('utf8') });
			});
		res.on('end', () => end(!res.complete));
		res.on('error', () => end(true));
	});
	req.on('error', (err) => {
		head.reject(err);
		done.reject(err);
	});
	if (data) {
		if (chunked)
			for (let i = 0; i < data.length; i += 16384)
				req.write(data.subarray(i, i + 16384));
		else req.write(data);
	}
	req.end();
	return out;
}

export const post = (base, body, { path = '/v1/messages', ...options } = {}) =>
	open(base + path, { body, ...options }).done;
export const get = (base, path, options = {}) =>
	open(base + path, { method: 'GET', ...options }).done;

export function message(extra = {}) {
	return {
		model: 'claude-test',
		max_tokens: 256,
		messages: [{ role: 'user', content: 'Hello' }],
		...extra,
	};
}

// The error envelope, whole: type, error.type, error.message, request ids.
export function assertError(r, status, type, pattern) {
	assert.equal(r.status, status, r.text.slice(0, 400));
	assert.match(r.headers['content-type'] ?? '', /^application\/json/);
	const j = JSON.parse(r.text);
	assert.equal(j.type, 'error');
	assert.equal(j.error.type, type, r.text.slice(0, 300));
	assert.equal(typeof j.error.message, 'string');
	assert.notEqual(j.error.message, '');
	if (pattern) assert.match(j.error.message, pattern);
	assert.match(r.headers['request-id'] ?? '', /^req_/);
	assert.equal(j.request_id, r.headers['request-id']);
	return j.error;
}

export function assertMessage(r) {
	assert.equal(r.status, 200, r.text.slice(0, 400));
	assert.match(r.headers['content-type'] ?? '', /^application\/json/);
	assert.match(r.headers['request-id'] ?? '', /^req_/);
	const j = JSON.parse(r.text);
	assert.equal(j.type, 'message');
	assert.equal(j.role, 'assistant');
	assert.match(j.id, /^msg_/);
	return j;
}

/* ---- bare sockets ---- */

// Sends bytes as they are and collects what comes until the peer closes, or
// until `quiet` ms passed without bytes.
export function raw(port, bytes, { quiet = 400, timeout = 10000, halfClose = false } = {}) {
	return new Promise((resolve, reject) => {
		const s = net.connect(port, '127.0.0.1');
		const parts = [];
		let closed = false,
			silence = null;
		const end = () => {
			clearTimeout(limit);
			clearTimeout(silence);
			s.destroy();
			resolve({ text: Buffer.concat(parts).toString('latin1'), closed });
		};
		const limit = setTimeout(end, timeout * SLACK);
		const wait = () => {
			clearTimeout(silence);
			silence = setTimeout(end, quiet * PACE);
		};
		s.on('connect', () => {
			s.write(bytes);
			if (halfClose) s.end();
		});
		s.on('data', (d) => {
			parts.push(d);
			wait();
		});
		s.on('error', (err) => {
			if (!parts.length && err.code === 'ECONNREFUSED') {
				clearTimeout(limit);
				reject(err);
			}
		});
		s.on('close', () => {
			closed = true;
			end();
		});
	});
}

// Splits a run of pipelined answers by the rules of HTTP/1.1; `methods` are
// those of the requests.  What is left over must be nothing.
export function answers(text, methods) {
	const out = [];
	let at = 0;
	for (const method of methods) {
		for (;;) {
			const end = text.indexOf('\r\n\r\n', at);
			if (end < 0) return { out, rest: text.slice(at) };
			const lines = text.slice(at, end).split('\r\n');
			const status = Number(lines[0].split(' ')[1]);
			const headers = {};
			for (const l of lines.slice(1))
				headers[l.slice(0, l.indexOf(':')).toLowerCase()] = l
					.slice(l.indexOf(':') + 1)
					.trim();
			at = end + 4;
			if (status === 100) {
				out.push({ status, headers, text: '' });
				continue;
			}
			let body = '';
			if (method === 'HEAD' || status === 204 || status === 304) {
				body = '';
			} else if (/chunked/i.test(headers['transfer-encoding'] ?? '')) {
				for (;;) {
					const eol = text.indexOf('\r\n', at);
					if (eol < 0) return { out, rest: text.slice(at) };
					const n = parseInt(text.slice(at, eol), 16);
					body += text.slice(eol + 2, eol + 2 + n);
					at = eol + 2 + n + 2;
					if (!n) break;
				}
			} else if (headers['content-length'] !== undefined) {
				body = text.slice(at, at + Number(headers['content-length']));
				at += body.length;
			} else {
				body = text.slice(at);
				at = text.length;
			}
			out.push({ status, headers, text: body, line: lines[0] });
			break;
		}
	}
	return { out, rest: text.slice(at) };
}

export function rawRequest(
	method,
	path,
	{ body = null, headers = {}, version = '1.1', host = 'localhost' } = {},
) {
	const lines = [`${method} ${path} HTTP/${version}`, ...(host ? [`Host: ${host}`] : [])];
	for (const [k, v] of Object.entries(headers))
		for (const one of [v].flat()) lines.push(`${k}: ${one}`);
	if (
		body !== null &&
		headers['Content-Length'] === undefined &&
		headers['Transfer-Encoding'] === undefined
	)
		lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
	return lines.join('\r\n') + '\r\n\r\n' + (body ?? '');
}
