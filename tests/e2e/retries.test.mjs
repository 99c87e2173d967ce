// SPDX-License-Identifier: MIT
// What is asked again, when and how often, and what the client is told of
// waiting and limits.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { between, stream } from './lib/between.mjs';
import { assertError, assertMessage, message, open, post } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK, sleep, until } from './lib/time.mjs';
import {
	chunk,
	closedPort,
	sayError,
	sayOk,
	startEvents,
	startRawUpstream,
	turnMessage,
} from './lib/upstream.mjs';

// Refuses the first `n` calls with a status.
const refusing = (n, status, headers = {}) => {
	let left = n;
	return (call, res) =>
		left-- > 0 ? sayError(res, status, 'not now', {}, headers) : sayOk(call, res);
};

describe('retries', { concurrency: 4 }, () => {
	test('each passing trouble is asked again, a stream as well', async () => {
		for (const status of [408, 409, 429, 500, 502, 503, 529])
			for (const body of [message(), stream()]) {
				const headers = { 'retry-after-ms': '20' };
				const run = async (proxy, upstream) => {
					const r = await post(proxy.url, body);
					const m = body.stream ? readStream(r) : assertMessage(r);
					assert.equal(textOf(m), 'ok');
					assert.equal(upstream.chats().length, 2, `${status}`);
				};
				await between(refusing(1, status, headers), { MAX_RETRIES: '2' }, run);
			}
	});

	test('other refusals are never asked again', async () => {
		await between(
			(call, res) => sayError(res, Number(call.json.model), 'no'),
			{ MAX_RETRIES: '3' },
			async (proxy, upstream) => {
				for (const status of [400, 401, 402, 403, 404, 413, 415, 422, 501]) {
					upstream.calls.length = 0;
					const r = await post(proxy.url, message({ model: String(status) }));
					assert.ok(r.status >= 400, `${status}`);
					assert.equal(upstream.chats().length, 1, `${status}`);
				}
			},
		);
	});

	test('MAX_RETRIES is how often, with longer and longer waits', async () => {
		await between(
			(call, res) => sayError(res, 503, 'busy'),
			{ MAX_RETRIES: '2' },
			async (proxy, upstream) => {
				assertError(await post(proxy.url, message()), 529, 'overloaded_error');
				const at = upstream.chats().map((c) => c.at);
				assert.equal(at.length, 3);
				// half a second, then one, each up to a quarter less
				assert.ok(at[1] - at[0] >= 360, `${at[1] - at[0]} ms`);
				assert.ok(at[2] - at[1] >= 720, `${at[2] - at[1]} ms`);
				assert.ok(at[2] - at[0] < 3000 * SLACK, `${at[2] - at[0]} ms`);
			},
		);
	});

	test('retry-after is waited for', async () => {
		await between(
			refusing(1, 429, { 'retry-after': '1' }),
			{ MAX_RETRIES: '1' },
			async (proxy, upstream) => {
				assertMessage(await post(proxy.url, message()));
				const [first, second] = upstream.chats();
				assert.ok(second.at - first.at >= 990, `${second.at - first.at} ms`);
			},
		);
	});

	test('a retry-after over ten seconds is passed on at once', async () => {
		await between(
			(call, res) => sayError(res, 429, 'slow down', {}, { 'retry-after': '11' }),
			{ MAX_RETRIES: '2' },
			async (proxy, upstream) => {
				const from = Date.now();
				const r = await post(proxy.url, message());
				assertError(r, 429, 'rate_limit_error');
				assert.equal(r.headers['retry-after'], '11');
				assert.ok(Date.now() - from < 3000 * SLACK);
				assert.equal(upstream.chats().length, 1);
			},
		);
	});

	test('a stream waits no longer than PING_INTERVAL for a retry', async () => {
		await between(
			(call, res) => sayError(res, 429, 'slow down', {}, { 'retry-after': '5' }),
			{ MAX_RETRIES: '2', PING_INTERVAL: '2' },
			async (proxy, upstream) => {
				const from = Date.now();
				const r = await post(proxy.url, stream());
				assertError(r, 429, 'rate_limit_error');
				assert.ok(Date.now() - from < 2000 * SLACK);
				assert.equal(upstream.chats().length, 1);
			},
		);
	});

	test('once something was sent nothing is asked again', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(chunk({ content: 'half' }));
				await sleep(50);
				res.destroy();
			},
			{ MAX_RETRIES: '2' },
			async (proxy, upstream) => {
				const a = readStream(await post(proxy.url, stream()));
				assert.equal(textOf(a), 'half');
				assert.ok(a.error);
				await sleep(1500);
				assert.equal(upstream.chats().length, 1);
			},
		);
	});

	test('who has left is not asked for again', async () => {
		await between(
			(call, res) => sayError(res, 503, 'busy', {}, { 'retry-after': '1' }),
			{ MAX_RETRIES: '3' },
			async (proxy, upstream) => {
				const o = open(proxy.url + '/v1/messages', { body: message() });
				await until(() => upstream.chats().length === 1, 5000, 'the first try');
				await sleep(100);
				o.hangUp();
				await sleep(2000);
				assert.equal(upstream.chats().length, 1);
			},
		);
	});

	test('nobody at the port is tried again, too', async () => {
		const port = await closedPort();
		const server = net.createServer((s) => {
			const text = JSON.stringify(turnMessage({ text: 'ok' }));
			s.on('error', () => {});
			s.once('data', () =>
				s.end(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`),
			);
		});
		await withProxy(`http://127.0.0.1:${port}`, { MAX_RETRIES: '3' }, async (proxy) => {
			const asked = post(proxy.url, message());
			await sleep(200);
			await new Promise((r) => server.listen(port, '127.0.0.1', r));
			assertMessage(await asked);
		});
		server.close();
	});

	// libcurl would send it again by itself, unseen by the count of retries.
	test('with MAX_RETRIES=0 a POST goes up once, also where the connection dies', async () => {
		let posts = 0;
		const text = JSON.stringify(turnMessage({ text: 'ok' }));
		const upstream = await startRawUpstream((s) => {
			posts++;
			s.write(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
			s.on('data', (d) => {
				// the next request on this connection
				if (d.toString('latin1').startsWith('POST')) posts++;
				s.resetAndDestroy();
			});
		});
		try {
			await withProxy(upstream.url, { MAX_RETRIES: '0' }, async (proxy) => {
				for (let i = 1; i <= 4; i++) {
					await post(proxy.url, message());
					assert.equal(posts, i);
				}
			});
		} finally {
			await upstream.stop();
		}
	});
});

/* ---- what the client is told ---- */

test('retry-after, retry-after-ms and x-should-retry reach the client', async () => {
	let headers;
	await between(
		(call, res) => sayError(res, 429, 'slow down', {}, headers),
		{},
		async (proxy) => {
			for (const [given, seconds, ms, should] of [
				[{ 'retry-after': '7' }, '7', '7000', undefined],
				[{ 'retry-after-ms': '1500' }, '2', '1500', undefined],
				[{ 'x-should-retry': 'false' }, undefined, undefined, 'false'],
				[{ 'x-should-retry': 'true', 'retry-after': '1' }, '1', '1000', 'true'],
				[{ 'retry-after': 'soon', 'x-should-retry': 'perhaps' }],
			]) {
				headers = given;
				const r = await post(proxy.url, message());
				assertError(r, 429, 'rate_limit_error');
				assert.equal(r.headers['retry-after'], seconds);
				assert.equal(r.headers['retry-after-ms'], ms);
				assert.equal(r.headers['x-should-retry'], should);
			}
		},
	);
});

test('rate limits reach the client under their names there, with answers and errors', async () => {
	const limits = {
		'x-ratelimit-limit-requests': '60',
		'x-ratelimit-remaining-requests': '59',
		'x-ratelimit-reset-requests': '1s',
		'x-ratelimit-limit-tokens': '150000',
		'x-ratelimit-remaining-tokens': '149984',
		'x-ratelimit-reset-tokens': '6m0s',
	};
	await between(
		(call, res) => {
			if (call.json.model === 'no') return sayError(res, 429, 'slow down', {}, limits);
			for (const [name, value] of Object.entries(limits)) res.setHeader(name, value);
			return sayOk(call, res);
		},
		{},
		async (proxy) => {
			for (const body of [message(), stream(), message({ model: 'no' })]) {
				const { headers } = await post(proxy.url, body);
				const name = (what) => headers[`anthropic-ratelimit-${what}`];
				assert.equal(name('requests-limit'), '60');
				assert.equal(name('requests-remaining'), '59');
				assert.equal(name('tokens-limit'), '150000');
				assert.equal(name('tokens-remaining'), '149984');
				assert.match(name('requests-reset'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
				const wait = Date.parse(name('tokens-reset')) - Date.now();
				assert.ok(wait > 350000 && wait < 362000, `${wait} ms`);
				for (const name of Object.keys(headers))
					assert.ok(!name.startsWith('x-ratelimit-'), name);
			}
		},
	);
});
