// SPDX-License-Identifier: MIT
// The HTTP face: endpoints, keys, framing, limits and hostile requests.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { answers, assertError, assertMessage, get, message, open, post, raw, rawRequest } from './lib/http.mjs';
import { startProxy, withProxy } from './lib/proxy.mjs';
import { sayOk, startUpstream } from './lib/upstream.mjs';

const MB = 1024 * 1024;
const upstream = await startUpstream();
const proxy = await startProxy(upstream.url);

after(async () => {
	try { await proxy.stop(); } finally { await upstream.stop(); }
});

const body = JSON.stringify(message());
const fresh = () => upstream.script(sayOk);

// The proxy is alive and well after whatever the test did to it.
async function assertAlive(p = proxy) {
	assert.equal(p.exited(), null, `the proxy died: ${p.log().slice(-1000)}`);
	assertMessage(await post(p.url, message()));
}

/* ---- endpoints ---- */

for (const [method, path] of [['GET', '/'], ['HEAD', '/'], ['HEAD', '/api/hello'], ['GET', '/health']])
	test(`${method} ${path} is 200 without a key`, async () => {
		const r = await open(proxy.url + path, { method, headers: { 'x-api-key': undefined } }).done;
		assert.equal(r.status, 200);
		assert.match(r.headers['request-id'] ?? '', /^req_/);
		if (method === 'HEAD') assert.equal(r.text, '');
		if (path === '/health') assert.equal(r.text.trim(), 'OK');
	});

for (const path of ['/v1/messages', '/v1/messages?beta=true', '/v1/messages?a=/health&b', '/v1/v1/messages', '/v1/v1/messages?beta=true'])
	test(`POST ${path} answers a message`, async () => {
		fresh();
		const j = assertMessage(await post(proxy.url, body, { path }));
		assert.equal(j.model, 'claude-test');
		assert.deepEqual(j.content.map((b) => [b.type, b.text]), [['text', 'ok']]);
		assert.equal(upstream.chats().length, 1);
		assert.equal(upstream.last().url, '/v1/chat/completions', 'the query goes no further');
	});

for (const path of ['/v1/messages/count_tokens', '/v1/messages/count_tokens?beta=true', '/v1/v1/messages/count_tokens'])
	test(`POST ${path} counts`, async () => {
		const r = await post(proxy.url, message({ max_tokens: undefined }), { path });
		assert.equal(r.status, 200, r.text);
		assert.ok(Number.isInteger(JSON.parse(r.text).input_tokens));
		assert.match(r.headers['request-id'] ?? '', /^req_/);
	});

for (const path of ['/nothing', '/v1', '/v1/', '/v1/messagesx', '/v1/messages/', '/v1/messages/count_tokens/x', '/v1/v1/v1/messages', '/v2/messages', '/api/hello/x', '/%2e%2e/etc/passwd', '/v1/messages%00', '/health/'])
	test(`${path} is a 404 envelope`, async () => {
		for (const method of ['GET', 'POST'])
			assertError(await open(proxy.url + path, { method, ...(method === 'POST' ? { body } : {}) }).done, 404, 'not_found_error');
	});

for (const [method, path] of [['GET', '/v1/messages'], ['PUT', '/v1/messages'], ['DELETE', '/v1/messages'], ['OPTIONS', '/v1/messages'], ['GET', '/v1/messages/count_tokens'], ['POST', '/health'], ['POST', '/'], ['PATCH', '/v1/messages']])
	test(`${method} ${path} is a 405 envelope`, async () => {
		const r = await open(proxy.url + path, { method, ...(method === 'GET' ? {} : { body: '{}' }) }).done;
		assertError(r, 405, 'invalid_request_error');
	});

test('request ids differ and stand in the log line of their request', async () => {
	fresh();
	const ids = [];
	for (let i = 0; i < 3; i++) ids.push((await post(proxy.url, message())).headers['request-id']);
	assert.equal(new Set(ids).size, 3);
	for (const id of ids) {
		const lines = proxy.log().split('\n').filter((l) => l.includes(id));
		assert.equal(lines.length, 1, `lines for ${id}: ${lines.join('|')}`);
		assert.match(lines[0], /status=200/);
	}
});

/* ---- framing ---- */

test('Expect: 100-continue gets its 100 and then the answer', async () => {
	fresh();
	const head = rawRequest('POST', '/v1/messages', { headers: { Expect: '100-continue', 'Content-Type': 'application/json', 'Content-Length': body.length } });
	const sock = http.request({ port: proxy.port, host: '127.0.0.1', method: 'POST', path: '/v1/messages', agent: false, headers: { Expect: '100-continue', 'Content-Length': body.length } });
	const got = await new Promise((resolve, reject) => {
		let continued = false;
		sock.on('continue', () => { continued = true; sock.end(body); });
		sock.on('response', (res) => { res.resume(); res.on('end', () => resolve({ continued, status: res.statusCode })); });
		sock.on('error', reject);
		sock.flushHeaders();
	});
	assert.deepEqual(got, { continued: true, status: 200 });
	assert.ok(head.includes('Expect'));
});

test('Expect: 100-continue with too long a body gets 413 and no 100', async () => {
	const { text } = await raw(proxy.port, rawRequest('POST', '/v1/messages', { headers: { Expect: '100-continue', 'Content-Length': 40 * MB } }));
	const { out } = answers(text, ['POST']);
	assert.equal(out[0].status, 413);
	assert.equal(JSON.parse(out[0].text).error.type, 'request_too_large');
});

test('a chunked upload is taken', async () => {
	fresh();
	const text = 'x'.repeat(200000);
	const r = await post(proxy.url, message({ messages: [{ role: 'user', content: text }] }), { chunked: true });
	assertMessage(r);
	assert.equal(upstream.last().json.messages[0].content, text);
	assert.equal(upstream.last().headers['transfer-encoding'], undefined);
});

test('an upload in single bytes is taken', async () => {
	fresh();
	const req = http.request(proxy.url + '/v1/messages', { method: 'POST', agent: false, headers: { 'content-length': body.length } });
	const done = new Promise((resolve, reject) => { req.on('response', (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); }); req.on('error', reject); });
	req.setNoDelay(true);
	for (const c of body) { req.write(c); await new Promise((r) => setImmediate(r)); }
	req.end();
	assert.equal(await done, 200);
});

for (const [what, headers, status] of [
	['length and chunked together', { 'Content-Length': 5, 'Transfer-Encoding': 'chunked' }, 400],
	['two different lengths', { 'Content-Length': ['5', '6'] }, 400],
	['two equal lengths', { 'Content-Length': ['5', '5'] }, 400],
	['an unknown transfer coding', { 'Transfer-Encoding': 'gzip' }, 400],
	['chunked beside another coding', { 'Transfer-Encoding': 'gzip, chunked' }, 400],
	['chunked twice', { 'Transfer-Encoding': ['chunked', 'chunked'] }, 400],
	['Transfer-Encoding-X', { 'Transfer-Encoding-X': 'chunked', 'Content-Length': 5 }, 400],
	['Content-Length-Y', { 'Content-Length-Y': '9', 'Content-Length': 5 }, 400],
])
	test(`refused with JSON and a closed connection: ${what}`, async () => {
		upstream.script(sayOk);
		const smuggled = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
		const { text, closed } = await raw(proxy.port, rawRequest('POST', '/v1/messages', { headers, body: '{"a"}' }) + smuggled);
		const { out } = answers(text, ['POST']);
		assert.equal(out[0]?.status, status, text.slice(0, 300));
		assert.equal(JSON.parse(out[0].text).error.type, 'invalid_request_error');
		assert.match(out[0].headers['request-id'] ?? '', /^req_/);
		assert.ok(closed, 'the connection stays open');
		assert.equal(text.match(/HTTP\/1\.1 /g).length, 1, 'what followed was served');
		await assertAlive();
	});

for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'x-unknown'])
	test(`content-encoding ${coding} is refused by name`, async () => {
		const e = assertError(await post(proxy.url, body, { headers: { 'content-encoding': coding } }), 400, 'invalid_request_error');
		assert.equal(e.details?.error_code, 'request_body_encoding_unsupported');
	});

test('content-encoding identity is taken', async () => {
	fresh();
	assertMessage(await post(proxy.url, body, { headers: { 'content-encoding': 'identity' } }));
});

test('HTTP/1.0 is answered and the connection closed', async () => {
	fresh();
	const { text, closed } = await raw(proxy.port, rawRequest('POST', '/v1/messages', { version: '1.0', host: null, body }));
	const { out, rest } = answers(text, ['POST']);
	assert.equal(out[0].status, 200);
	assert.equal(JSON.parse(out[0].text).type, 'message');
	assert.equal(rest, '');
	assert.ok(closed);
});

test('a stream to HTTP/1.0 has no chunk marks', async () => {
	fresh();
	const { text, closed } = await raw(proxy.port, rawRequest('POST', '/v1/messages', { version: '1.0', host: null, body: JSON.stringify(message({ stream: true })) }));
	const head = text.slice(0, text.indexOf('\r\n\r\n'));
	assert.doesNotMatch(head, /transfer-encoding/i);
	assert.match(text, /\r\n\r\nevent: message_start\ndata: /);
	assert.match(text, /event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/);
	assert.ok(closed);
});

for (const path of ['/', '/health', '/api/hello', '/nothing', '/v1/messages'])
	test(`HEAD ${path} and a pipelined GET leave no stray bytes`, async () => {
		const { text } = await raw(proxy.port, rawRequest('HEAD', path) + rawRequest('GET', '/health') + rawRequest('HEAD', path) + rawRequest('GET', '/health'));
		const { out, rest } = answers(text, ['HEAD', 'GET', 'HEAD', 'GET']);
		assert.equal(rest, '', text);
		assert.equal(out.length, 4, text);
		assert.equal(out[1].text.trim(), 'OK');
		assert.equal(out[3].text.trim(), 'OK');
		for (const a of out) assert.match(a.headers['request-id'] ?? '', /^req_/);
	});

test('pipelined posts, streams among them, are answered in order', async () => {
	upstream.script((call, res) => sayOk(call, res));
	const one = (text, stream) => rawRequest('POST', '/v1/messages', { body: JSON.stringify(message({ stream, model: text })) });
	const { text } = await raw(proxy.port, one('a', false) + one('b', true) + one('c', false) + rawRequest('GET', '/health'));
	const { out, rest } = answers(text, ['POST', 'POST', 'POST', 'GET']);
	assert.equal(rest, '');
	assert.deepEqual(out.map((o) => o.status), [200, 200, 200, 200]);
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
		const o = open(proxy.url + '/v1/messages', { agent, body: i % 3 === 2 ? '{"bad":true}' : message({ stream: i % 3 === 1 }) });
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
	assert.ok(await upstream.connections() <= 3, `${await upstream.connections()} upstream connections`);
});

/* ---- size ---- */

const sized = (n) => message({ messages: [{ role: 'user', content: 'x'.repeat(n) }] });

test('a body over the limit is refused by its Content-Length', async () => {
	fresh();
	const { text } = await raw(proxy.port, rawRequest('POST', '/v1/messages', { headers: { 'Content-Type': 'application/json', 'Content-Length': 33554433 } }));
	const { out } = answers(text, ['POST']);
	assert.equal(out[0].status, 413, text.slice(0, 200));
	const j = JSON.parse(out[0].text);
	assert.equal(j.error.type, 'request_too_large');
	assert.equal(j.request_id, out[0].headers['request-id']);
	assert.equal(upstream.chats().length, 0);
});

test('a client that sends all of a too long body still reads the 413', async () => {
	fresh();
	assertError(await post(proxy.url, sized(34 * MB)), 413, 'request_too_large');
	await assertAlive();
});

test('a chunked body over the limit is refused by the running sum', async () => {
	await withProxy(upstream.url, { MAX_BODY_BYTES: '100000' }, async (p) => {
		fresh();
		assertError(await post(p.url, sized(300000), { chunked: true }), 413, 'request_too_large');
		assert.equal(upstream.chats().length, 0);
		assertMessage(await post(p.url, sized(90000), { chunked: true }));
		assertError(await post(p.url, sized(100000)), 413, 'request_too_large');
	});
});

test('30 MB of text arrive whole', async () => {
	fresh();
	const r = await post(proxy.url, sized(30 * MB));
	assertMessage(r);
	assert.equal(upstream.last().json.messages[0].content.length, 30 * MB);
});

test('a 5 MB image arrives byte for byte', async () => {
	fresh();
	const data = Buffer.alloc(5 * MB, 'anthropic').toString('base64');
	assertMessage(await post(proxy.url, message({ messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }, { type: 'text', text: 'what is it?' }] }] })));
	assert.equal(upstream.last().json.messages[0].content[0].image_url.url, 'data:image/png;base64,' + data);
});

test('2000 messages and 20000 blocks take no quadratic time', async () => {
	fresh();
	const messages = [];
	for (let i = 0; i < 1000; i++) messages.push({ role: 'user', content: Array.from({ length: 20 }, (_, k) => ({ type: 'text', text: `${i}.${k}` })) }, { role: 'assistant', content: 'yes' });
	messages.push({ role: 'user', content: 'end' });
	const start = Date.now();
	assertMessage(await post(proxy.url, message({ messages })));
	assert.ok(Date.now() - start < 5000, `${Date.now() - start} ms`);
	assert.equal(upstream.last().json.messages.length, 2001);
});

/* ---- bad bodies ---- */

const nest = (n, open_, close, core = '') => open_.repeat(n) + core + close.repeat(n);

for (const [what, text] of [
	['nothing', ''], ['white space', ' \n'], ['a word', 'hello'], ['half an object', '{"model":"m","messages":['],
	['two objects', `${body}${body}`], ['garbage behind the object', `${body} x`], ['an array', `[${body}]`], ['a string', '"x"'], ['a number', '7'], ['null', 'null'],
	['a trailing comma', body.replace(/}$/, ',}')], ['a comment', `/* */${body}`], ['single quotes', "{'model':'m'}"], ['a raw line break in a string', body.replace('Hello', 'Hel\nlo')],
	['a leading zero', body.replace('256', '0256')], ['NaN', body.replace('256', 'NaN')], ['a byte order mark alone', '\ufeff'],
	['invalid UTF-8', Buffer.concat([Buffer.from(body.slice(0, -20)), Buffer.from([0xc3, 0x28]), Buffer.from(body.slice(-20))])],
	['a NUL byte', body.replace('Hello', 'Hel\0lo')],
	['100000 brackets', nest(100000, '[', ']')], ['100000 braces', nest(100000, '{"a":', '}', '1')],
	['deep content', `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":${nest(5000, '[', ']')}}]}`],
	['a NUL in a key', body.replace('"model"', '"mo\\u0000del"')],
])
	test(`not a request: ${what}`, async () => {
		fresh();
		for (const path of ['/v1/messages', '/v1/messages/count_tokens'])
			assertError(await post(proxy.url, text, { path }), 400, 'invalid_request_error');
		assert.equal(upstream.chats().length, 0);
	});

test('the process survives every bad body above', assertAlive.bind(null, proxy));

for (const [what, extra, pattern] of [
	['no model', { model: undefined }, /model/], ['model is a number', { model: 5 }, /model/], ['model is empty', { model: '' }, /model/],
	['no max_tokens', { max_tokens: undefined }, /max_tokens: Field required/], ['max_tokens is a word', { max_tokens: 'many' }, /max_tokens/], ['max_tokens is negative', { max_tokens: -1 }, /max_tokens/],
	['no messages', { messages: undefined }, /messages: Field required/], ['messages is an object', { messages: {} }, /messages/], ['messages is empty', { messages: [] }, /messages/],
	['a message is a string', { messages: ['Hello'] }, /messages\.0/], ['no role', { messages: [{ content: 'x' }] }, /messages\.0\.role/], ['no content', { messages: [{ role: 'user' }] }, /messages\.0\.content/],
	['content is a number', { messages: [{ role: 'user', content: 5 }] }, /messages\.0\.content/], ['a block is a string', { messages: [{ role: 'user', content: ['x'] }] }, /messages\.0\.content\.0/],
	['text is a number', { messages: [{ role: 'user', content: [{ type: 'text', text: 5 }] }] }, /messages\.0\.content\.0.*text/],
	['stream is a word', { stream: 'yes' }, /stream/], ['system is a number', { system: 5 }, /system/], ['tools is an object', { tools: {} }, /tools/],
	['a tool without name', { tools: [{ input_schema: { type: 'object' } }] }, /tools\.0.*name/], ['a tool without schema', { tools: [{ name: 'x' }] }, /tools\.0.*input_schema/],
	['tool_use without id', { messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: [{ type: 'tool_use', name: 'x', input: {} }] }, { role: 'user', content: 'b' }] }, /messages\.1\.content\.0.*id: Field required/],
	['temperature is a word', { temperature: 'hot' }, /temperature/], ['stop_sequences is a string', { stop_sequences: 'x' }, /stop_sequences/], ['a stop sequence of spaces', { stop_sequences: [' '] }, /stop_sequences/],
	['thinking is a word', { thinking: 'enabled' }, /thinking/], ['thinking of an unknown type', { thinking: { type: 'sometimes' } }, /thinking/],
	['tool_choice of an unknown type', { tools: [{ name: 'x', input_schema: { type: 'object' } }], tool_choice: { type: 'maybe' } }, /tool_choice/],
])
	test(`refused with its path: ${what}`, async () => {
		fresh();
		assertError(await post(proxy.url, message(extra)), 400, 'invalid_request_error', pattern);
		assert.equal(upstream.chats().length, 0);
	});

test('unknown fields, betas and versions are taken', async () => {
	fresh();
	for (const version of ['2023-06-01', '2026-10-21', undefined])
		assertMessage(await post(proxy.url, message({ brand_new_field: { x: 1 } }), { headers: { 'anthropic-version': version, 'anthropic-beta': 'never-heard-of-2031-01-01' } }));
});

test('a body without content-type is taken', async () => {
	fresh();
	assertMessage(await post(proxy.url, body, { headers: { 'content-type': undefined } }));
});

/* ---- keys ---- */

test('PROXY_API_KEY admits by either header and by any of the keys', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key,second-key' }, async (p) => {
		fresh();
		for (const headers of [{ 'x-api-key': 'first-key' }, { 'x-api-key': 'second-key' }, { 'x-api-key': undefined, authorization: 'Bearer second-key' }, { 'x-api-key': undefined, authorization: 'bearer first-key' },
			{ 'x-api-key': 'wrong', authorization: 'Bearer first-key' }, { 'x-api-key': 'first-key', authorization: 'Bearer wrong' }])
			assertMessage(await post(p.url, message(), { headers }));
		for (const c of upstream.chats()) {
			assert.equal(c.headers.authorization, 'Bearer sk-up');
			assert.equal(c.headers['x-api-key'], undefined);
			assert.doesNotMatch(c.text + JSON.stringify(c.headers), /first-key|second-key/);
		}
	});
});

test('without a right key all but the open paths is 401 and not to be retried', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key,second-key' }, async (p) => {
		fresh();
		for (const headers of [{ 'x-api-key': undefined }, { 'x-api-key': 'wrong' }, { 'x-api-key': '' }, { 'x-api-key': 'first-key,second-key' }, { 'x-api-key': 'first-ke' }, { 'x-api-key': 'first-keyx' },
			{ 'x-api-key': undefined, authorization: 'Basic first-key' }, { 'x-api-key': undefined, authorization: 'Bearer' }, { 'x-api-key': undefined, authorization: 'first-key' }])
			for (const path of ['/v1/messages', '/v1/messages/count_tokens', '/nothing']) {
				const r = await post(p.url, message(), { path, headers });
				assertError(r, 401, 'authentication_error');
				assert.equal(r.headers['x-should-retry'], 'false');
				assert.doesNotMatch(r.text, /first-key|second-key/);
			}
		for (const path of ['/', '/health']) assert.equal((await get(p.url, path, { headers: { 'x-api-key': undefined } })).status, 200);
		assert.equal(upstream.chats().length, 0);
		assert.doesNotMatch(p.log(), /first-key|second-key/);
	});
});

test('a 401 comes before the body is read', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key' }, async (p) => {
		const { text } = await raw(p.port, rawRequest('POST', '/v1/messages', { headers: { 'Content-Length': 20 * MB } }));
		assert.equal(answers(text, ['POST']).out[0]?.status, 401, text.slice(0, 200));
	});
});

test("the client's own key goes up where none is configured, Bearer first", async () => {
	await withProxy(upstream.url, { UPSTREAM_API_KEY: undefined }, async (p) => {
		fresh();
		for (const [headers, want] of [[{ 'x-api-key': 'sk-mine' }, 'Bearer sk-mine'], [{ 'x-api-key': undefined, authorization: 'Bearer sk-token' }, 'Bearer sk-token'], [{ 'x-api-key': 'sk-mine', authorization: 'Bearer sk-token' }, 'Bearer sk-token'], [{ 'x-api-key': undefined }, undefined]]) {
			assertMessage(await post(p.url, message(), { headers }));
			assert.equal(upstream.last().headers.authorization, want);
			assert.equal(upstream.last().headers['x-api-key'], undefined);
		}
		assert.doesNotMatch(p.log(), /sk-mine|sk-token/);
	});
});

test("a proxy key never goes up, the client's other credential does", async () => {
	await withProxy(upstream.url, { UPSTREAM_API_KEY: undefined, PROXY_API_KEY: 'gate' }, async (p) => {
		fresh();
		assertMessage(await post(p.url, message(), { headers: { 'x-api-key': 'gate', authorization: 'Bearer sk-mine' } }));
		assert.equal(upstream.last().headers.authorization, 'Bearer sk-mine');
		assertMessage(await post(p.url, message(), { headers: { 'x-api-key': 'sk-mine', authorization: 'Bearer gate' } }));
		assert.equal(upstream.last().headers.authorization, 'Bearer sk-mine');
		assertMessage(await post(p.url, message(), { headers: { 'x-api-key': 'gate' } }));
		assert.equal(upstream.last().headers.authorization, undefined);
	});
});

/* ---- what goes up ---- */

test('nothing of the client but its request goes up', async () => {
	fresh();
	assertMessage(await post(proxy.url, message(), { headers: { cookie: 'a=b', 'x-claude-code-session-id': 'abc', 'anthropic-beta': 'x', 'x-forwarded-for': '10.0.0.1', 'user-agent': 'claude-cli/2.1.330' } }));
	const h = upstream.last().headers;
	for (const k of ['cookie', 'anthropic-beta', 'anthropic-version', 'x-forwarded-for', 'x-api-key', 'x-claude-code-session-id', 'expect', 'accept-encoding']) assert.equal(h[k], undefined, k);
	assert.match(h['content-type'], /^application\/json/);
	assert.equal(h.authorization, 'Bearer sk-up');
});

test('UPSTREAM_HEADERS and UPSTREAM_BODY are added', async () => {
	await withProxy(upstream.url, { UPSTREAM_HEADERS: '{"x-team":"blue","x-title":"proxy"}', UPSTREAM_BODY: '{"seed":7,"max_tokens":9}' }, async (p) => {
		fresh();
		assertMessage(await post(p.url, message()));
		const c = upstream.last();
		assert.equal(c.headers['x-team'], 'blue');
		assert.equal(c.headers['x-title'], 'proxy');
		assert.equal(c.json.seed, 7);
		assert.equal(c.json.max_tokens, 9);
		assert.equal(c.text.match(/"max_tokens"/g).length, 1);
	});
});

/* ---- hostile heads ---- */

for (const [what, bytes] of [
	['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
	['a request line without end', 'GET /'.padEnd(70000, 'a')],
	['a header of 200 kB', `GET /health HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(200000)}\r\n\r\n`],
	['10000 headers', `GET /health HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10000)}\r\n`],
	['a negative length', rawRequest('POST', '/v1/messages', { headers: { 'Content-Length': '-5' } })],
	['a huge length', rawRequest('POST', '/v1/messages', { headers: { 'Content-Length': '99999999999999999999999' } })],
	['a bad chunk size', rawRequest('POST', '/v1/messages', { headers: { 'Transfer-Encoding': 'chunked' } }) + 'zz\r\n{}\r\n0\r\n\r\n'],
	['a huge chunk size', rawRequest('POST', '/v1/messages', { headers: { 'Transfer-Encoding': 'chunked' } }) + 'ffffffffffffffff\r\n{}\r\n0\r\n\r\n'],
	['an unknown HTTP version', 'GET /health HTTP/9.9\r\nHost: x\r\n\r\n'],
	['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
])
	test(`survived: ${what}`, async () => {
		const { text } = await raw(proxy.port, Buffer.from(bytes, 'latin1'), { quiet: 200 });
		assert.doesNotMatch(text, /^HTTP\/1\.1 2/);
		await assertAlive();
	});
