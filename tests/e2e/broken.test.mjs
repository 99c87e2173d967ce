// SPDX-License-Identifier: MIT
// Upstreams that break: never half an answer as a whole one.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { between, stream } from './lib/between.mjs';
import { start } from './lib/children.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK, sleep, until } from './lib/time.mjs';
import {
	DONE,
	chunk,
	closedPort,
	sayOk,
	startEvents,
	startRawUpstream,
	turnMessage,
} from './lib/upstream.mjs';

test('an upstream that dies in mid-stream ends in an error event', async () => {
	const ways = {
		reset: (res) => res.socket.resetAndDestroy(),
		close: (res) => res.destroy(),
		end: (res) => res.end(),
	};
	await between(
		async (call, res) => {
			startEvents(res);
			res.write(chunk({ content: 'half' }));
			await sleep(60);
			ways[call.json.model](res);
		},
		{},
		async (proxy) => {
			for (const model of Object.keys(ways)) {
				const a = readStream(await post(proxy.url, stream({ model })));
				assert.equal(textOf(a), 'half');
				assert.ok(
					['api_error', 'overloaded_error'].includes(a.error?.type),
					`${model}: ${JSON.stringify(a.error)}`,
				);
				assert.equal(a.stop_reason, null);
				const r = await post(proxy.url, message({ model }));
				assertError(r, 502, 'api_error');
			}
		},
	);
});

test('an upstream that dies before its first event is a 502', async () => {
	const up = await startRawUpstream((s, head) => {
		if (head.includes('"x"')) s.resetAndDestroy();
		else
			s.end(
				/stream/.test(head)
					? ''
					: 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n',
			);
	});
	try {
		await withProxy(up.url, {}, async (proxy) => {
			for (const body of [stream(), message(), stream({ model: 'x' })])
				assertError(await post(proxy.url, body), 502, 'api_error');
		});
	} finally {
		await up.stop();
	}
});

test('an upstream that speaks no HTTP is a 502', async () => {
	const up = await startRawUpstream((s) => s.end('SSH-2.0-OpenSSH_9.2\r\n'));
	try {
		await withProxy(up.url, {}, async (proxy) => {
			for (const body of [stream(), message()])
				assertError(await post(proxy.url, body), 502, 'api_error');
		});
	} finally {
		await up.stop();
	}
});

test('an upstream that refuses the connection is a 502 that names the host', async () => {
	const port = await closedPort();
	await withProxy(`http://127.0.0.1:${port}`, {}, async (proxy) => {
		for (const body of [stream(), message()])
			assertError(await post(proxy.url, body), 502, 'api_error', /127\.0\.0\.1/);
	});
});

test('an upstream host that does not exist is a 502', async () => {
	await withProxy('http://no-such-host.invalid', {}, async (proxy) => {
		for (const body of [stream(), message()])
			assertError(
				await post(proxy.url, body),
				502,
				'api_error',
				/no-such-host\.invalid/,
			);
	});
});

test('a plain answer that is cut short is a 502', async () => {
	const text = JSON.stringify(turnMessage({ text: 'ok' }));
	const up = await startRawUpstream((s) =>
		s.end(
			`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, -10)}`,
		),
	);
	try {
		await withProxy(up.url, {}, async (proxy) =>
			assertError(await post(proxy.url, message()), 502, 'api_error'),
		);
	} finally {
		await up.stop();
	}
});

test('a kept upstream connection that went stale costs no request', async () => {
	await between(
		(call, res) => {
			sayOk(call, res);
			res.on('finish', () => setTimeout(() => res.socket?.destroy(), 20));
		},
		{ MAX_RETRIES: '2' },
		async (proxy) => {
			for (let i = 0; i < 5; i++) {
				assertMessage(await post(proxy.url, message()));
				await sleep(60);
			}
		},
	);
});

/* ---- upstreams of odd HTTP ---- */

// Answers of bare bytes; a plain request and a stream each, one after another.
async function answering(bytes, judge, env = {}) {
	const up = await startRawUpstream((s) => s.end(Buffer.from(bytes, 'latin1')));
	try {
		await withProxy(up.url, env, async (proxy) => {
			for (const body of [message(), stream()])
				await judge(await post(proxy.url, body), body.stream === true);
		});
	} finally {
		await up.stop();
	}
}

const whole = JSON.stringify(turnMessage({ text: 'ok' }));

function assertOk(r, streamed) {
	const m = streamed ? readStream(r) : assertMessage(r);
	assert.equal(textOf(m), 'ok');
}

for (const [what, bytes] of [
	['HTTP/1.0 without a length', `HTTP/1.0 200 OK\r\n\r\n${whole}`],
	[
		'interim answers first',
		`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`,
	],
	[
		'chunks with extensions and a trailer',
		`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${whole.length.toString(16)};a=b\r\n${whole}\r\n0\r\nx-end: 1\r\n\r\n`,
	],
	['blank lines before JSON', `HTTP/1.1 200 OK\r\n\r\n\n\r\n\n  ${whole}\n`],
	['a byte order mark before JSON', `HTTP/1.1 200 OK\r\n\r\n\xef\xbb\xbf${whole}`],
	['a wrong content type', `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n${whole}`],
	[
		'a break behind the whole document',
		`HTTP/1.1 200 OK\r\ncontent-length: ${whole.length + 10}\r\n\r\n${whole}`,
	],
	['201 for 200', `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n${whole}`],
])
	test(`an answer is read all the same: ${what}`, () => answering(bytes, assertOk));

for (const [what, bytes] of [
	[
		'gzip though not asked for',
		`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56`,
	],
	['204 without content', 'HTTP/1.1 204 No Content\r\n\r\n'],
	['a bad chunk size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n'],
	['a head without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(500000)}`],
	[
		'two lengths',
		`HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\n${whole}`,
	],
	[
		'numbers where text should be',
		'HTTP/1.1 200 OK\r\n\r\n{"choices":[{"index":0,"message":{"role":"assistant","content":7,"tool_calls":"x"},"finish_reason":"stop"}]}',
	],
	['deep nesting', `HTTP/1.1 200 OK\r\n\r\n${'['.repeat(200000)}`],
	[
		'deep nesting in an event',
		`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ${'{"a":'.repeat(100000)}\n\n`,
	],
	['invalid UTF-8 alone', 'HTTP/1.1 200 OK\r\n\r\n\xff\xfe\xfd'],
])
	test(`a lawful answer, whatever comes: ${what}`, () =>
		answering(bytes, (r, streamed) => {
			// Either an error or a message; in no case a broken envelope.
			if (r.status >= 400) {
				assertError(r, r.status, JSON.parse(r.text).error.type);
				assert.ok(r.status >= 500, `${r.status}`);
			} else if (streamed) {
				readStream(r);
			} else {
				assertMessage(r);
			}
		}));

test('an upstream that answers before it has read the request', async () => {
	const big = message({ messages: [{ role: 'user', content: 'x'.repeat(20000000) }] });
	const up = await startRawUpstream((s) => {
		s.pause();
		const text = '{"error":{"message":"too large","type":"invalid_request_error"}}';
		s.end(
			`HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
		);
	});
	try {
		await withProxy(up.url, { FIRST_BYTE_TIMEOUT: '5' }, async (proxy) => {
			for (const streamed of [false, true])
				assertError(
					await post(proxy.url, { ...big, stream: streamed }),
					413,
					'request_too_large',
				);
		});
	} finally {
		await up.stop();
	}
});

test('hostile tool indexes and thousands of calls', async () => {
	const call = (index, id) =>
		chunk({
			tool_calls: [
				{
					index,
					id,
					type: 'function',
					function: { name: 'f', arguments: '{}' },
				},
			],
		});
	const ways = {
		indexes: [-1, 4294967296, 1e300, 0.5].map((n, i) => call(n, `call_${i}`)).join(''),
		many: Array.from({ length: 3000 }, (_, i) => call(i, `call_${i}`)).join(''),
		backwards: Array.from({ length: 50 }, (_, i) => call(49 - i, `call_${i}`)).join(''),
	};
	await between(
		(c, res) => {
			startEvents(res);
			res.end(ways[c.json.model] + chunk({}, 'tool_calls') + DONE);
		},
		{},
		async (proxy) => {
			const tools = [{ name: 'f', input_schema: { type: 'object' } }];
			for (const model of Object.keys(ways)) {
				const from = Date.now();
				const r = await post(proxy.url, stream({ model, tools }));
				assert.ok(
					Date.now() - from < 5000 * SLACK,
					`${model}: ${Date.now() - from} ms`,
				);
				const a = readStream(r);
				if (!a.error) assert.equal(a.stop_reason, 'tool_use', model);
			}
		},
	);
});

// Silent at every stage of an answer: each ends at its limit, and the upstream
// is let go.
const headOf = (type) => `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunkOf = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
for (const [stage, bytes] of [
	['before its first byte', ''],
	['inside its status line', 'HTTP/1.1 2'],
	['inside its head', 'HTTP/1.1 200 OK\r\ncontent-ty'],
	['behind its head', headOf('text/event-stream')],
	['inside a chunk size', `${headOf('text/event-stream')}1`],
	['inside an event', headOf('text/event-stream') + chunkOf(chunk({ content: 'a' }) + 'data: {"ch')],
	['behind an event', headOf('text/event-stream') + chunkOf(chunk({ content: 'a' }))],
	['inside a JSON answer', headOf('application/json') + chunkOf(whole.slice(0, 30))],
])
	test(`an upstream that falls silent ${stage} is given up`, async () => {
		const up = await startRawUpstream((s) => s.write(bytes));
		try {
			await withProxy(
				up.url,
				{ FIRST_BYTE_TIMEOUT: '1', IDLE_TIMEOUT: '1' },
				async (proxy) => {
					for (const body of [message(), stream()]) {
						const from = Date.now();
						const r = await post(proxy.url, body);
						assert.ok(Date.now() - from < 4000 * SLACK, `${Date.now() - from} ms`);
						if (r.status === 200 && body.stream)
							assert.equal(readStream(r).error?.type, 'timeout_error');
						else assertError(r, 504, 'timeout_error');
						await until(() => up.sockets.size === 0, 2000, 'the upstream is let go');
					}
				},
			);
		} finally {
			await up.stop();
		}
	});

// Its queue of connections is full, so that not even they are made.
test('an upstream that takes no connection is given up after CONNECT_TIMEOUT', async () => {
	const code = `const s = require('net').createServer();
		s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port));`;
	const child = start(process.execPath, ['-e', code]);
	let said = '';
	child.stdout.on('data', (d) => {
		said += d;
	});
	await until(() => said.includes('\n'), 5000, 'its port');
	const port = Number(said);
	child.kill('SIGSTOP');
	const fill = Array.from({ length: 4 }, () => net.connect(port, '127.0.0.1'));
	for (const s of fill) s.on('error', () => {});
	await sleep(200);
	try {
		await withProxy(`http://127.0.0.1:${port}`, { CONNECT_TIMEOUT: '1' }, async (proxy) => {
			for (const body of [message(), stream()]) {
				const from = Date.now();
				assertError(await post(proxy.url, body), 502, 'api_error', /could not connect/);
				const took = Date.now() - from;
				assert.ok(took >= 900 && took < 3000 * SLACK, `${took} ms`);
			}
		});
	} finally {
		for (const s of fill) s.destroy();
		child.kill('SIGKILL');
	}
});
