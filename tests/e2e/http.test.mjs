// SPDX-License-Identifier: MIT
// The HTTP face: endpoints, framing and hostile heads.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { assertAlive, startPair } from './lib/between.mjs';
import {
	answers,
	assertError,
	assertMessage,
	message,
	open,
	post,
	raw,
	rawRequest,
} from './lib/http.mjs';
import { sayOk } from './lib/upstream.mjs';

const MB = 1024 * 1024;
const { upstream, proxy } = await startPair();

const body = JSON.stringify(message());
const fresh = () => upstream.script(sayOk);

/* ---- endpoints ---- */

for (const [method, path] of [
	['GET', '/'],
	['HEAD', '/'],
	['HEAD', '/api/hello'],
	['GET', '/health'],
])
	test(`${method} ${path} is 200 without a key`, async () => {
		const r = await open(proxy.url + path, {
			method,
			headers: { 'x-api-key': undefined },
		}).done;
		assert.equal(r.status, 200);
		assert.match(r.headers['request-id'] ?? '', /^req_/);
		if (method === 'HEAD') assert.equal(r.text, '');
		if (path === '/health') assert.equal(r.text.trim(), 'OK');
	});

for (const path of [
	'/v1/messages',
	'/v1/messages?beta=true',
	'/v1/messages?a=/health&b',
	'/v1/v1/messages',
	'/v1/v1/messages?beta=true',
])
	test(`POST ${path} answers a message`, async () => {
		fresh();
		const j = assertMessage(await post(proxy.url, body, { path }));
		assert.equal(j.model, 'claude-test');
		assert.deepEqual(
			j.content.map((b) => [b.type, b.text]),
			[['text', 'ok']],
		);
		assert.equal(upstream.chats().length, 1);
		assert.equal(
			upstream.last().url,
			'/v1/chat/completions',
			'the query goes no further',
		);
	});

for (const path of [
	'/v1/messages/count_tokens',
	'/v1/messages/count_tokens?beta=true',
	'/v1/v1/messages/count_tokens',
])
	test(`POST ${path} counts`, async () => {
		const r = await post(proxy.url, message({ max_tokens: undefined }), { path });
		assert.equal(r.status, 200, r.text);
		assert.ok(Number.isInteger(JSON.parse(r.text).input_tokens));
		assert.match(r.headers['request-id'] ?? '', /^req_/);
	});

for (const path of [
	'/nothing',
	'/v1',
	'/v1/',
	'/v1/messagesx',
	'/v1/messages/',
	'/v1/messages/count_tokens/x',
	'/v1/v1/v1/messages',
	'/v2/messages',
	'/api/hello/x',
	'/%2e%2e/etc/passwd',
	'/v1/messages%00',
	'/health/',
])
	test(`${path} is a 404 envelope`, async () => {
		for (const method of ['GET', 'POST'])
			assertError(
				await open(proxy.url + path, {
					method,
					...(method === 'POST' ? { body } : {}),
				}).done,
				404,
				'not_found_error',
			);
	});

for (const [method, path] of [
	['GET', '/v1/messages'],
	['PUT', '/v1/messages'],
	['DELETE', '/v1/messages'],
	['OPTIONS', '/v1/messages'],
	['GET', '/v1/messages/count_tokens'],
	['POST', '/health'],
	['POST', '/'],
	['PATCH', '/v1/messages'],
])
	test(`${method} ${path} is a 405 envelope`, async () => {
		const r = await open(proxy.url + path, {
			method,
			...(method === 'GET' ? {} : { body: '{}' }),
		}).done;
		assertError(r, 405, 'invalid_request_error');
	});

test('request ids differ and stand in the log line of their request', async () => {
	fresh();
	const ids = [];
	for (let i = 0; i < 3; i++)
		ids.push((await post(proxy.url, message())).headers['request-id']);
	assert.equal(new Set(ids).size, 3);
	for (const id of ids) {
		const lines = proxy
			.log()
			.split('\n')
			.filter((l) => l.includes(id));
		assert.equal(lines.length, 1, `lines for ${id}: ${lines.join('|')}`);
		assert.match(lines[0], /status=200/);
	}
});

/* ---- framing ---- */

test('Expect: 100-continue gets its 100 and then the answer', async () => {
	fresh();
	const head = rawRequest('POST', '/v1/messages', {
		headers: {
			Expect: '100-continue',
			'Content-Type': 'application/json',
			'Content-Length': body.length,
		},
	});
	const sock = http.request({
		port: proxy.port,
		host: '127.0.0.1',
		method: 'POST',
		path: '/v1/messages',
		agent: false,
		headers: { Expect: '100-continue', 'Content-Length': body.length },
	});
	const got = await new Promise((resolve, reject) => {
		let continued = false;
		sock.on('continue', () => {
			continued = true;
			sock.end(body);
		});
		sock.on('response', (res) => {
			res.resume();
			res.on('end', () => resolve({ continued, status: res.statusCode }));
		});
		sock.on('error', reject);
		sock.flushHeaders();
	});
	assert.deepEqual(got, { continued: true, status: 200 });
	assert.ok(head.includes('Expect'));
});

test('Expect: 100-continue with too long a body gets 413 and no 100', async () => {
	const { text } = await raw(
		proxy.port,
		rawRequest('POST', '/v1/messages', {
			headers: { Expect: '100-continue', 'Content-Length': 40 * MB },
		}),
	);
	const { out } = answers(text, ['POST']);
	assert.equal(out[0].status, 413);
	assert.equal(JSON.parse(out[0].text).error.type, 'request_too_large');
});

test('a chunked upload is taken', async () => {
	fresh();
	const text = 'x'.repeat(200000);
	const r = await post(proxy.url, message({ messages: [{ role: 'user', content: text }] }), {
		chunked: true,
	});
	assertMessage(r);
	assert.equal(upstream.last().json.messages[0].content, text);
	assert.equal(upstream.last().headers['transfer-encoding'], undefined);
});

test('an upload in single bytes is taken', async () => {
	fresh();
	const req = http.request(proxy.url + '/v1/messages', {
		method: 'POST',
		agent: false,
		headers: { 'content-length': body.length },
	});
	const done = new Promise((resolve, reject) => {
		req.on('response', (res) => {
			res.resume();
			res.on('end', () => resolve(res.statusCode));
		});
		req.on('error', reject);
	});
	req.setNoDelay(true);
	for (const c of body) {
		req.write(c);
		await new Promise((r) => setImmediate(r));
	}
	req.end();
	assert.equal(await done, 200);
});

// Some of these libmicrohttpd 1.0 refuses by itself, in words of its own.
for (const [what, headers, { maybeByLibrary = false } = {}] of [
	[
		'length and chunked together',
		{ 'Content-Length': 5, 'Transfer-Encoding': 'chunked' },
		{ maybeByLibrary: true },
	],
	['two different lengths', { 'Content-Length': ['5', '6'] }],
	['two equal lengths', { 'Content-Length': ['5', '5'] }],
	['an unknown transfer coding', { 'Transfer-Encoding': 'gzip' }, { maybeByLibrary: true }],
	[
		'chunked beside another coding',
		{ 'Transfer-Encoding': 'gzip, chunked' },
		{ maybeByLibrary: true },
	],
	['chunked twice', { 'Transfer-Encoding': ['chunked', 'chunked'] }],
	['Transfer-Encoding-X', { 'Transfer-Encoding-X': 'chunked', 'Content-Length': 5 }],
	['Content-Length-Y', { 'Content-Length-Y': '9', 'Content-Length': 5 }],
])
	test(`refused with JSON and a closed connection: ${what}`, async () => {
		upstream.script(sayOk);
		const smuggled = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
		const { text, closed } = await raw(
			proxy.port,
			rawRequest('POST', '/v1/messages', { headers, body: '{"a"}' }) + smuggled,
		);
		const { out } = answers(text, ['POST']);
		assert.equal(out[0]?.status, 400, text.slice(0, 300));
		if (!maybeByLibrary || !out[0].text.startsWith('<html>')) {
			assert.equal(JSON.parse(out[0].text).error.type, 'invalid_request_error');
			assert.match(out[0].headers['request-id'] ?? '', /^req_/);
		}
		assert.ok(closed, 'the connection stays open');
		assert.equal(text.match(/HTTP\/1\.1 /g).length, 1, 'what followed was served');
		await assertAlive(proxy);
	});

for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'x-unknown'])
	test(`content-encoding ${coding} is refused by name`, async () => {
		const e = assertError(
			await post(proxy.url, body, { headers: { 'content-encoding': coding } }),
			400,
			'invalid_request_error',
		);
		assert.equal(e.details?.error_code, 'request_body_encoding_unsupported');
	});

test('content-encoding identity is taken', async () => {
	fresh();
	assertMessage(await post(proxy.url, body, { headers: { 'content-encoding': 'identity' } }));
});

test('HTTP/1.0 is answered and the connection closed', async () => {
	fresh();
	const { text, closed } = await raw(
		proxy.port,
		rawRequest('POST', '/v1/messages', { version: '1.0', host: null, body }),
	);
	const { out, rest } = answers(text, ['POST']);
	assert.equal(out[0].status, 200);
	assert.equal(JSON.parse(out[0].text).type, 'message');
	assert.equal(rest, '');
	assert.ok(closed);
});

test('a stream to HTTP/1.0 has no chunk marks', async () => {
	fresh();
	const { text, closed } = await raw(
		proxy.port,
		rawRequest('POST', '/v1/messages', {
			version: '1.0',
			host: null,
			body: JSON.stringify(message({ stream: true })),
		}),
	);
	const head = text.slice(0, text.indexOf('\r\n\r\n'));
	assert.doesNotMatch(head, /transfer-encoding/i);
	assert.match(text, /\r\n\r\nevent: message_start\ndata: /);
	assert.match(text, /event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/);
	assert.ok(closed);
});

for (const path of ['/', '/health', '/api/hello', '/nothing', '/v1/messages'])
	test(`HEAD ${path} and a pipelined GET leave no stray bytes`, async () => {
		const { text } = await raw(
			proxy.port,
			rawRequest('HEAD', path) +
				rawRequest('GET', '/health') +
				rawRequest('HEAD', path) +
				rawRequest('GET', '/health'),
		);
		const { out, rest } = answers(text, ['HEAD', 'GET', 'HEAD', 'GET']);
		assert.equal(rest, '', text);
		assert.equal(out.length, 4, text);
		assert.equal(out[1].text.trim(), 'OK');
		assert.equal(out[3].text.trim(), 'OK');
		for (const a of out) assert.match(a.headers['request-id'] ?? '', /^req_/);
	});

test('pipelined posts, streams among them, are answered in order', async () => {
	upstream.script((call, res) => sayOk(call, res));
	const one = (text, stream) =>
		rawRequest('POST', '/v1/messages', {
			body: JSON.stringify(message({ stream, model: text })),
		});
	const { text } = await raw(
		proxy.port,
		one('a', false) + one('b', true) + one('c', false) + rawRequest('GET', '/health'),
	);
	const { out, rest } = answers(text, ['POST', 'POST', 'POST', 'GET']);
	assert.equal(rest, '');
	assert.deepEqual(
		out.map((o) => o.status),
		[200, 200, 200, 200],
	);
	assert.equal(JSON.parse(out[0].text).model, 'a');
	assert.match(out[1].text, /"model":"b"/);
	assert.equal(JSON.parse(out[2].text).model, 'c');
	assert.equal(out[3].text.trim(), 'OK');
});

test('a kept connection serves many requests, plain, streamed and refused', async () => {
	fresh();
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	let sockets = new Set();
	for (let i = 0; i < 12; i++) {
		const o = open(proxy.url + '/v1/messages', {
			agent,
			body: i % 3 === 2 ? '{"bad":true}' : message({ stream: i % 3 === 1 }),
		});
		o.req.on('socket', (s) => sockets.add(s));
		const r = await o.done;
		if (i % 3 === 0) assertMessage(r);
		if (i % 3 === 1) assert.equal(textOf(readStream(r)), 'ok');
		if (i % 3 === 2) assertError(r, 400, 'invalid_request_error');
	}
	agent.destroy();
	assert.equal(sockets.size, 1, `${sockets.size} connections for 12 requests`);
});

test('the connection to the upstream is kept', async () => {
	fresh();
	for (let i = 0; i < 8; i++) assertMessage(await post(proxy.url, message()));
	assert.ok(
		(await upstream.connections()) <= 3,
		`${await upstream.connections()} upstream connections`,
	);
});

/* ---- hostile heads ---- */

test('a head of 8 kB is let in, a larger one is a 431 of our own', async () => {
	const ask = (bytes) => post(proxy.url, message(), { headers: { 'x-long': 'a'.repeat(bytes) } });

	assertMessage(await ask(7500));
	const refused = await ask(8300);
	assert.equal(refused.status, 431);
	assert.equal(JSON.parse(refused.text).error.type, 'invalid_request_error');
	assert.match(refused.headers['request-id'] ?? '', /^req_/);
});

for (const [what, bytes] of [
	['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
	['a request line without end', 'GET /'.padEnd(70000, 'a')],
	[
		'a header of 200 kB',
		`GET /health HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(200000)}\r\n\r\n`,
	],
	['10000 headers', `GET /health HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10000)}\r\n`],
	[
		'a negative length',
		rawRequest('POST', '/v1/messages', { headers: { 'Content-Length': '-5' } }),
	],
	[
		'a huge length',
		rawRequest('POST', '/v1/messages', {
			headers: { 'Content-Length': '99999999999999999999999' },
		}),
	],
	[
		'a bad chunk size',
		rawRequest('POST', '/v1/messages', {
			headers: { 'Transfer-Encoding': 'chunked' },
		}) + 'zz\r\n{}\r\n0\r\n\r\n',
	],
	[
		'a huge chunk size',
		rawRequest('POST', '/v1/messages', {
			headers: { 'Transfer-Encoding': 'chunked' },
		}) + 'ffffffffffffffff\r\n{}\r\n0\r\n\r\n',
	],
	['an unknown HTTP version', 'GET /health HTTP/9.9\r\nHost: x\r\n\r\n'],
	['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
])
	test(`survived: ${what}`, async () => {
		const { text } = await raw(proxy.port, Buffer.from(bytes, 'latin1'), {
			quiet: 200,
			timeout: 800,
		});
		assert.doesNotMatch(text, /^HTTP\/1\.1 2/);
		await assertAlive(proxy);
	});
