// SPDX-License-Identifier: MIT
// Time: events leave as they arrive, silence is bridged by pings, clients that
// leave free the upstream, deadlines hold, SIGTERM drains.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { assemble, frames, readStream, textOf } from './lib/anthropic.mjs';
import { answers, assertError, assertMessage, get, message, open, post, raw, rawRequest } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK, deferred, sleep, until } from './lib/time.mjs';
import { DONE, chunk, closedPort, frame, sayJson, sayOk, startEvents, startRawUpstream, startUpstream, turnMessage, usageChunk } from './lib/upstream.mjs';

const stream = (extra = {}) => message({ stream: true, ...extra });

// An upstream and a proxy before it for one test.
async function between(respond, env, body, options) {
	const upstream = await startUpstream(respond);
	try {
		return await withProxy(upstream.url, env, (proxy) => body(proxy, upstream), options);
	} finally {
		await upstream.stop();
	}
}

// Answers the head and hello, then nothing until the connection closes.
const silentAfter = (...texts) => (call, res) => {
	startEvents(res);
	for (const t of texts) res.write(chunk({ content: t }));
};

const seen = (o) => o.pieces.map((p) => p.text).join('');

/* ---- as they arrive ---- */

test('each event leaves when it arrives', async () => {
	const sent = [];
	await between(async (call, res) => {
		startEvents(res);
		for (let i = 0; i < 8; i++) { sent.push(Date.now()); res.write(chunk({ content: `word${i} ` })); await sleep(120); }
		res.end(chunk({}, 'stop') + usageChunk() + DONE);
	}, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		const a = readStream(await o.done);
		assert.equal(textOf(a), Array.from({ length: 8 }, (_, i) => `word${i} `).join(''));
		for (let i = 0; i < 8; i++) {
			const piece = o.pieces.find((p) => p.text.includes(`"word${i} "`));
			assert.ok(piece, `word${i} came in no piece of its own`);
			assert.ok(piece.at - sent[i] < 100 * SLACK, `word${i} came ${piece.at - sent[i]} ms after it was sent`);
		}
	});
});

test('the head comes with the first event, not at the end', async () => {
	const release = deferred();
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ role: 'assistant', content: 'a' }));
		await release.promise;
		res.end(chunk({}, 'stop') + DONE);
	}, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		assert.equal((await o.head).status, 200);
		await until(() => seen(o).includes('"text":"a"'), 1000, 'first event');
		release.resolve();
		readStream(await o.done);
	});
});

test('tool arguments leave as they arrive too', async () => {
	const release = deferred();
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":' } }] }));
		await release.promise;
		res.end(chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }) + chunk({}, 'tool_calls') + DONE);
	}, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream({ tools: [{ name: 'f', input_schema: { type: 'object' } }] }) });
		await until(() => /partial_json":"\{\\"a\\":/.test(seen(o)), 1000, 'first arguments');
		release.resolve();
		assert.deepEqual(readStream(await o.done).content[0].input, { a: 1 });
	});
});

test('a line of 3 MB goes through', async () => {
	const big = 'x'.repeat(3 * 1024 * 1024);
	await between((call, res) => {
		startEvents(res);
		res.end(chunk({ content: big }) + chunk({}, 'stop') + DONE);
	}, {}, async (proxy) => assert.equal(textOf(readStream(await post(proxy.url, stream()))).length, big.length));
});

test('a line over MAX_LINE_BYTES and a reply over MAX_REPLY_BYTES end in an error', async () => {
	await between((call, res) => {
		startEvents(res);
		if (call.json.model === 'line') res.end(chunk({ content: 'a' }) + chunk({ content: 'x'.repeat(200000) }) + chunk({}, 'stop') + DONE);
		else res.end(Array.from({ length: 3000 }, () => chunk({ content: 'y'.repeat(400) })).join('') + chunk({}, 'stop') + DONE);
	}, { MAX_LINE_BYTES: '100000', MAX_REPLY_BYTES: '1000000' }, async (proxy) => {
		for (const model of ['line', 'reply']) {
			const a = readStream(await post(proxy.url, stream({ model })));
			assert.equal(a.error?.type, 'api_error', `${model}: ${JSON.stringify(a.error)}`);
			const r = await post(proxy.url, message({ model }));
			assert.ok(r.status >= 500, `${model}: ${r.status}`);
		}
	});
});

/* ---- silence ---- */

test('pings bridge silence in the middle of a text', async () => {
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		await sleep(3300);
		res.end(chunk({ content: 'b' }) + chunk({}, 'stop') + DONE);
	}, { PING_INTERVAL: '1' }, async (proxy) => {
		const a = readStream(await post(proxy.url, stream()));
		assert.equal(textOf(a), 'ab');
		assert.ok(a.pings >= 2 && a.pings <= 4, `${a.pings} pings in 3.3 s`);
	});
});

test('pings begin before the first token, before the head and during comments', async () => {
	const ways = {
		head: async (call, res) => { await sleep(2500); startEvents(res); },
		token: async (call, res) => { startEvents(res); await sleep(2500); },
		comments: async (call, res) => { startEvents(res); for (let i = 0; i < 10; i++) { res.write(': PROCESSING\n\n'); await sleep(250); } },
	};
	await between(async (call, res) => {
		await ways[call.json.model](call, res);
		res.end(chunk({ content: 'late' }) + chunk({}, 'stop') + DONE);
	}, { PING_INTERVAL: '1' }, async (proxy) => {
		await Promise.all(Object.keys(ways).map(async (model) => {
			const o = open(proxy.url + '/v1/messages', { body: stream({ model }) });
			const from = Date.now();
			assert.equal((await o.head).status, 200);
			assert.ok(Date.now() - from < 2200 * SLACK, `${model}: the head took ${Date.now() - from} ms`);
			const a = readStream(await o.done);
			assert.equal(textOf(a), 'late');
			assert.ok(a.pings >= 1, `${model}: no ping`);
			const kinds = a.events.map((e) => e.type);
			assert.equal(kinds[0], 'message_start', model);
		}));
	});
});

test('a plain request gets no ping and no byte before its answer', async () => {
	await between(async (call, res) => { await sleep(2500); sayOk(call, res); }, { PING_INTERVAL: '1' }, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: message() });
		assertMessage(await o.done);
		assert.doesNotMatch(seen(o), /ping/);
	});
});

test('a failure after a ping is an error event that clients retry', async () => {
	await between(async (call, res) => {
		await sleep(1700);
		sayJson(res, { error: { message: 'boom' } }, 503);
	}, { PING_INTERVAL: '1' }, async (proxy) => {
		const a = readStream(await post(proxy.url, stream()));
		assert.equal(a.error?.type, 'overloaded_error');
		assert.deepEqual(a.content, []);
	});
});

/* ---- clients that leave ---- */

const stages = {
	'before the upstream has answered': { body: stream(), respond: () => {}, ready: () => true },
	'before the first token': { body: stream(), respond: (call, res) => startEvents(res), ready: () => true },
	'while comments come': { body: stream(), respond: async (call, res) => { startEvents(res); while (!call.closed) { res.write(': wait\n\n'); await sleep(50); } }, ready: () => true },
	'while the upstream is silent': { body: stream(), respond: silentAfter('a', 'b'), ready: (o) => seen(o).includes('"text":"b"') },
	'while tokens flow': { body: stream(), respond: async (call, res) => { startEvents(res); while (!call.closed) { res.write(chunk({ content: 'word ' })); await sleep(20); } }, ready: (o) => seen(o).length > 2000 },
	'while a plain request waits': { body: message(), respond: () => {}, ready: () => true },
	'while a plain answer comes slowly': { body: message(), respond: async (call, res) => { res.writeHead(200, { 'content-type': 'application/json' }); while (!call.closed) { res.write(' '); await sleep(50); } }, ready: () => true },
};

for (const [when, { body, respond, ready }] of Object.entries(stages))
	test(`a client that leaves ${when} frees the upstream within a second`, async () => {
		await between(respond, {}, async (proxy, upstream) => {
			const o = open(proxy.url + '/v1/messages', { body });
			await until(() => upstream.chats().length === 1 && ready(o), 3000, 'the stage');
			await sleep(100);
			assert.equal(upstream.last().closed, false);
			const left = Date.now();
			o.hangUp();
			await until(() => upstream.last().closed, 1000, 'the upstream is let go');
			assert.ok(upstream.last().closedAt - left < 1000 * SLACK);
			assert.equal(upstream.last().finished, false);
			upstream.script(sayOk);
			assertMessage(await post(proxy.url, message()));
		});
	});

test('a client that leaves after pings frees the upstream', async () => {
	await between(() => {}, { PING_INTERVAL: '1' }, async (proxy, upstream) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		await until(() => seen(o).includes('event: ping'), 4000, 'a ping');
		o.hangUp();
		await until(() => upstream.last().closed, 1000, 'the upstream is let go');
	});
});

test('a client that half-closes is taken as gone', async () => {
	await between(silentAfter('a'), {}, async (proxy, upstream) => {
		await raw(proxy.port, rawRequest('POST', '/v1/messages', { body: JSON.stringify(stream()) }), { halfClose: true, quiet: 1500, timeout: 3000 });
		await until(() => upstream.last()?.closed, 1000, 'the upstream is let go');
	});
});

test('a client that leaves in its upload disturbs nobody', async () => {
	await between(sayOk, {}, async (proxy, upstream) => {
		for (let i = 0; i < 20; i++) {
			const s = net.connect(proxy.port, '127.0.0.1');
			s.on('error', () => {});
			s.write(rawRequest('POST', '/v1/messages', { headers: { 'Content-Length': 100000 } }) + '{"model":');
			await sleep(5);
			s.destroy();
		}
		assertMessage(await post(proxy.url, message()));
		assert.equal(upstream.chats().length, 1);
	});
});

/* ---- deadlines ---- */

test('FIRST_BYTE_TIMEOUT ends a silent upstream with 504', async () => {
	await between(() => {}, { FIRST_BYTE_TIMEOUT: '1' }, async (proxy, upstream) => {
		for (const body of [stream(), message()]) {
			const from = Date.now();
			const r = await post(proxy.url, body);
			assertError(r, 504, 'timeout_error');
			assert.ok(Date.now() - from < 3500 * SLACK, `${Date.now() - from} ms`);
			await until(() => upstream.last().closed, 1000, 'the upstream is let go');
		}
	});
});

test('FIRST_BYTE_TIMEOUT after a ping is an error event', async () => {
	await between(() => {}, { FIRST_BYTE_TIMEOUT: '3', PING_INTERVAL: '1' }, async (proxy) => {
		const a = readStream(await post(proxy.url, stream()));
		assert.equal(a.error?.type, 'overloaded_error');
		assert.ok(a.pings >= 1);
	});
});

test('IDLE_TIMEOUT ends a stream that fell silent with an error event', async () => {
	await between(silentAfter('half'), { IDLE_TIMEOUT: '1' }, async (proxy, upstream) => {
		const from = Date.now();
		const a = readStream(await post(proxy.url, stream()));
		assert.equal(textOf(a), 'half');
		assert.equal(a.error?.type, 'timeout_error');
		assert.ok(Date.now() - from < 3500 * SLACK);
		await until(() => upstream.last().closed, 1000, 'the upstream is let go');
	});
});

test('comments count as bytes for IDLE_TIMEOUT', async () => {
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		for (let i = 0; i < 10; i++) { await sleep(300); res.write(': still here\n\n'); }
		res.end(chunk({ content: 'b' }) + chunk({}, 'stop') + DONE);
	}, { IDLE_TIMEOUT: '2' }, async (proxy) => assert.equal(textOf(readStream(await post(proxy.url, stream()))), 'ab'));
});

test('a finished reply whose connection stays open ends soon', async () => {
	await between((call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'whole' }) + chunk({}, 'stop') + usageChunk(5, 6) + (call.json.model === 'done' ? DONE : ''));
	}, {}, async (proxy, upstream) => {
		for (const [model, limit] of [['done', 1000], ['open', 7500]]) {
			const from = Date.now();
			const a = readStream(await post(proxy.url, stream({ model })));
			assert.equal(a.stop_reason, 'end_turn');
			assert.equal(a.usage.output_tokens, 6);
			assert.ok(Date.now() - from < limit * SLACK, `${model}: ${Date.now() - from} ms`);
			await until(() => upstream.last().closed || model === 'done', 1000, 'the upstream is let go');
		}
	});
});

/* ---- upstreams that break ---- */

test('an upstream that dies in mid-stream ends in an error event', async () => {
	const ways = { reset: (res) => res.socket.resetAndDestroy(), close: (res) => res.destroy(), end: (res) => res.end() };
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'half' }));
		await sleep(60);
		ways[call.json.model](res);
	}, {}, async (proxy) => {
		for (const model of Object.keys(ways)) {
			const a = readStream(await post(proxy.url, stream({ model })));
			assert.equal(textOf(a), 'half');
			assert.ok(['api_error', 'overloaded_error'].includes(a.error?.type), `${model}: ${JSON.stringify(a.error)}`);
			assert.equal(a.stop_reason, null);
			const r = await post(proxy.url, message({ model }));
			assertError(r, 502, 'api_error');
		}
	});
});

test('an upstream that dies before its first event is a 502', async () => {
	const up = await startRawUpstream((s, head) => {
		if (head.includes('"x"')) s.resetAndDestroy();
		else s.end(/stream/.test(head) ? '' : 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
	});
	try {
		await withProxy(up.url, {}, async (proxy) => {
			for (const body of [stream(), message(), stream({ model: 'x' })]) assertError(await post(proxy.url, body), 502, 'api_error');
		});
	} finally {
		await up.stop();
	}
});

test('an upstream that speaks no HTTP is a 502', async () => {
	const up = await startRawUpstream((s) => s.end('SSH-2.0-OpenSSH_9.2\r\n'));
	try {
		await withProxy(up.url, {}, async (proxy) => {
			for (const body of [stream(), message()]) assertError(await post(proxy.url, body), 502, 'api_error');
		});
	} finally {
		await up.stop();
	}
});

test('an upstream that refuses the connection is a 502 that names the host', async () => {
	const port = await closedPort();
	await withProxy(`http://127.0.0.1:${port}`, {}, async (proxy) => {
		for (const body of [stream(), message()]) assertError(await post(proxy.url, body), 502, 'api_error', /127\.0\.0\.1/);
	});
});

test('an upstream host that does not exist is a 502', async () => {
	await withProxy('http://no-such-host.invalid', {}, async (proxy) => {
		for (const body of [stream(), message()]) assertError(await post(proxy.url, body), 502, 'api_error', /no-such-host\.invalid/);
	});
});

test('a short plain answer (fewer bytes than its length) is a 502', async () => {
	const text = JSON.stringify(turnMessage({ text: 'ok' }));
	const up = await startRawUpstream((s) => s.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length + 10}\r\n\r\n${text}`));
	try {
		await withProxy(up.url, {}, async (proxy) => assertError(await post(proxy.url, message()), 502, 'api_error'));
	} finally {
		await up.stop();
	}
});

test('a kept upstream connection that went stale costs no request', async () => {
	await between((call, res) => { sayOk(call, res); res.on('finish', () => setTimeout(() => res.socket?.destroy(), 20)); }, { MAX_RETRIES: '2' }, async (proxy) => {
		for (let i = 0; i < 5; i++) { assertMessage(await post(proxy.url, message())); await sleep(60); }
	});
});

/* ---- the end of the program ---- */

test('SIGTERM lets running requests finish and refuses new ones', async () => {
	const release = deferred();
	await between(async (call, res) => {
		if (call.json.model === 'plain') { await release.promise; return sayOk(call, res); }
		startEvents(res);
		res.write(chunk({ content: 'first ' }));
		await release.promise;
		res.end(chunk({ content: 'last' }) + chunk({}, 'stop') + usageChunk() + DONE);
	}, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		const plain = open(proxy.url + '/v1/messages', { body: message({ model: 'plain' }) });
		await until(() => seen(o).includes('first'), 2000, 'the stream runs');
		proxy.signal('SIGTERM');
		await until(() => get(proxy.url, '/health').then(() => false, (e) => e.code === 'ECONNREFUSED'), 2000, 'the listener is closed');
		assert.equal(proxy.exited(), null, 'it left before its requests ended');
		release.resolve();
		assert.equal(textOf(readStream(await o.done)), 'first last');
		assertMessage(await plain.done);
		const from = Date.now();
		await proxy.ended;
		assert.ok(Date.now() - from < 3000 * SLACK, `exit took ${Date.now() - from} ms after the last answer`);
	});
});

test('DRAIN_TIMEOUT ends what still runs with an error event', async () => {
	await between((call, res) => { if (call.json.stream) silentAfter('half')(call, res); }, { DRAIN_TIMEOUT: '1' }, async (proxy, upstream) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		const plain = open(proxy.url + '/v1/messages', { body: message() });
		await until(() => seen(o).includes('half') && upstream.chats().length === 2, 2000, 'the requests run');
		const from = Date.now();
		proxy.signal('SIGTERM');
		const a = assemble((await o.done).text);
		assert.deepEqual(a.bad, []);
		assert.equal(textOf(a), 'half');
		assert.ok(a.error, 'no error event');
		const r = await plain.done;
		assert.ok(r.status >= 500, `${r.status}`);
		assertError(r, r.status, JSON.parse(r.text).error.type);
		assert.equal((await proxy.ended).code, 0);
		assert.ok(Date.now() - from < 4000 * SLACK, `${Date.now() - from} ms`);
	});
});

test('a second SIGTERM ends at once', async () => {
	await between(silentAfter('half'), {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		await until(() => seen(o).includes('half'), 2000, 'the stream runs');
		proxy.signal('SIGTERM');
		await sleep(200);
		assert.equal(proxy.exited(), null);
		proxy.signal('SIGTERM');
		const from = Date.now();
		assert.equal((await proxy.ended).code, 0);
		assert.ok(Date.now() - from < 2000 * SLACK);
		await o.done.catch(() => {});
	});
});

test('idle kept connections do not hold the end up', async () => {
	await between(sayOk, {}, async (proxy) => {
		const socks = [];
		for (let i = 0; i < 5; i++) {
			const s = net.connect(proxy.port, '127.0.0.1');
			s.on('error', () => {});
			s.write(rawRequest('GET', '/health'));
			await new Promise((r) => s.once('data', r));
			socks.push(s);
		}
		const silent = net.connect(proxy.port, '127.0.0.1');
		silent.on('error', () => {});
		await new Promise((r) => silent.once('connect', r));
		const from = Date.now();
		proxy.signal('SIGTERM');
		await proxy.ended;
		assert.ok(Date.now() - from < 2000 * SLACK, `${Date.now() - from} ms`);
		for (const s of [...socks, silent]) s.destroy();
	});
});

test('SIGINT ends like SIGTERM', async () => {
	await between(sayOk, {}, async (proxy) => {
		proxy.signal('SIGINT');
		assert.deepEqual(await proxy.ended, { code: 0, signal: null });
	});
});

/* ---- many, and slow ones ---- */

test('200 streams at once are all right', async () => {
	await between(async (call, res) => {
		startEvents(res);
		for (let i = 0; i < 10; i++) { res.write(chunk({ content: `${call.json.model}.${i} ` })); await sleep(100); }
		res.end(chunk({}, 'stop') + usageChunk() + DONE);
	}, {}, async (proxy) => {
		const rs = await Promise.all(Array.from({ length: 200 }, (_, k) => post(proxy.url, stream({ model: `m${k}` }), { timeout: 30000 })));
		rs.forEach((r, k) => assert.equal(textOf(readStream(r)), Array.from({ length: 10 }, (_, i) => `m${k}.${i} `).join('')));
	});
});

// Reads nothing for a while: the rest must wait in the kernel and the pipe,
// others must not, and afterwards nothing is lost.
test('a slow reader holds up nobody but itself', async () => {
	const block = 'z'.repeat(4000), count = 4000;
	await between(async (call, res) => {
		if (call.json.model === 'quick') return sayOk(call, res);
		startEvents(res);
		for (let i = 0; i < count && !call.closed; i++) if (!res.write(chunk({ content: block }))) await new Promise((r) => { res.once('drain', r); res.once('close', r); });
		res.end(chunk({}, 'stop') + DONE);
	}, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream(), reading: false });
		await o.head;
		await sleep(600);
		const from = Date.now();
		for (let i = 0; i < 5; i++) assertMessage(await post(proxy.url, message({ model: 'quick' })));
		assert.ok(Date.now() - from < 1000 * SLACK);
		let bytes = 0, tail = '';
		o.response.on('data', (d) => { bytes += d.length; tail = (tail + d.toString('latin1')).slice(-400); });
		await o.done;
		assert.ok(bytes > count * block.length, `${bytes} bytes`);
		assert.match(tail, /event: message_stop\n/);
	});
});

test('CLIENT_STALL_TIMEOUT lets go of a client that stopped reading', async () => {
	await between(async (call, res) => {
		startEvents(res);
		while (!call.closed) if (!res.write(chunk({ content: 'z'.repeat(4000) }))) await Promise.race([new Promise((r) => res.once('drain', r)), sleep(100)]);
	}, { CLIENT_STALL_TIMEOUT: '1' }, async (proxy, upstream) => {
		const o = open(proxy.url + '/v1/messages', { body: stream(), reading: false });
		await o.head;
		await until(() => upstream.last().closed, 6000, 'the upstream is let go');
		o.hangUp();
	});
});

test('REQUEST_TIMEOUT lets go of a client that sends nothing, half a head or half a body', async () => {
	await between(sayOk, { REQUEST_TIMEOUT: '1', CLIENT_STALL_TIMEOUT: '1' }, async (proxy) => {
		const whole = rawRequest('POST', '/v1/messages', { body: JSON.stringify(message()) });
		await Promise.all([['nothing', ''], ['half a head', whole.slice(0, 30)], ['half a body', whole.slice(0, -10)]].map(async ([what, bytes]) => {
			const from = Date.now();
			const { closed } = await raw(proxy.port, bytes, { quiet: 8000, timeout: 8000 });
			assert.ok(closed, `${what}: still open after ${Date.now() - from} ms`);
		}));
		assertMessage(await post(proxy.url, message()));
	});
});

test('a slow drip of head bytes does not outlive REQUEST_TIMEOUT', async () => {
	await between(sayOk, { REQUEST_TIMEOUT: '1' }, async (proxy) => {
		const s = net.connect(proxy.port, '127.0.0.1');
		let closed = false;
		s.on('error', () => {});
		s.on('close', () => { closed = true; });
		s.resume();
		const from = Date.now();
		s.write('GET /health HTTP/1.1\r\nHost: x\r\nX: ');
		while (!closed && Date.now() - from < 6000 * SLACK) { if (s.writable) s.write('a'); await sleep(100); }
		assert.ok(closed, 'a drip of one byte each 100 ms held its thread for 6 s');
		s.destroy();
	});
});

test('past MAX_CONNECTIONS there is a 529 and no dropped connection', async () => {
	const release = deferred();
	await between(async (call, res) => { await release.promise; sayOk(call, res); }, { MAX_CONNECTIONS: '4' }, async (proxy, upstream) => {
		const held = Array.from({ length: 4 }, () => open(proxy.url + '/v1/messages', { body: message() }));
		await until(() => upstream.chats().length === 4, 3000, 'four requests run');
		const more = await post(proxy.url, message());
		assertError(more, 529, 'overloaded_error');
		release.resolve();
		for (const o of held) assertMessage(await o.done);
		await until(() => post(proxy.url, message()).then((r) => r.status === 200), 2000, 'room again');
	});
});

/* ---- lawfulness under interruption ---- */

test('what a client has read before it leaves is lawful up to there', async () => {
	await between(async (call, res) => { startEvents(res); while (!call.closed) { res.write(chunk({ content: 'w ' })); await sleep(5); } }, {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		await until(() => seen(o).length > 3000, 3000, 'bytes');
		o.hangUp();
		const text = seen(o);
		const whole = text.slice(0, text.lastIndexOf('\n\n') + 2);
		assert.deepEqual(frames(whole).bad, []);
	});
});

test('pings go on while the upstream sends what shows nothing', async () => {
	await between(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		for (let i = 0; i < 14; i++) { await sleep(200); res.write(frame({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { reasoning_content: 'hm' }, finish_reason: null }] })); }
		res.end(chunk({}, 'stop') + DONE);
	}, { PING_INTERVAL: '1' }, async (proxy) => {
		const a = readStream(await post(proxy.url, stream()));
		assert.deepEqual(a.content.map((b) => b.type), ['text'], 'thoughts are shown only where they were asked for');
		assert.ok(a.pings >= 1, 'silence towards the client, and no ping');
	});
});

test('answers() splits what it is given', () => {
	const { out, rest } = answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX', ['GET']);
	assert.deepEqual([out[0].text, rest], ['ok', 'X']);
});
