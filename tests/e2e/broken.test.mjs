// SPDX-License-Identifier: MIT
// Upstreams that break: never half an answer as a whole one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { between, stream } from './lib/between.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { sleep } from './lib/time.mjs';
import {
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

test('a short plain answer (fewer bytes than its length) is a 502', async () => {
	const text = JSON.stringify(turnMessage({ text: 'ok' }));
	const up = await startRawUpstream((s) =>
		s.end(
			`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length + 10}\r\n\r\n${text}`,
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
