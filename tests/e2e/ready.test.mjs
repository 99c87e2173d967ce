// SPDX-License-Identifier: MIT
// /ready: whether the upstream can be reached, asked as seldom as may be.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { assertMessage, get, message, open, post } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK, sleep, until } from './lib/time.mjs';
import {
	DONE,
	chunk,
	closedPort,
	sayError,
	sayJson,
	startEvents,
	startUpstream,
} from './lib/upstream.mjs';

const models = (call, res) => sayJson(res, { object: 'list', data: [] });
const upstream = await startUpstream(undefined, models);
after(() => upstream.stop());

const withAnswer = (others, env, body) =>
	startUpstream(undefined, others).then(async (up) => {
		try {
			await withProxy(up.url, env, (p) => body(p, up));
		} finally {
			await up.stop();
		}
	});

test('an upstream that lists its models is ready, and is asked once for many', async () => {
	await withAnswer(
		async (call, res) => {
			await sleep(100);
			models(call, res);
		},
		{},
		async (p, up) => {
			const all = await Promise.all(
				Array.from({ length: 12 }, () => get(p.url, '/ready')),
			);
			for (const r of all) {
				assert.equal(r.status, 200, r.text);
				assert.equal(r.text, 'OK\n');
			}
			assert.equal((await get(p.url, '/ready')).status, 200);
			assert.deepEqual(
				up.calls.map((c) => `${c.method} ${c.url}`),
				['GET /v1/models'],
			);
		},
	);
});

test('after a request nobody need be asked', async () => {
	await withProxy(upstream.url, {}, async (p) => {
		assertMessage(await post(p.url, message()));
		upstream.calls.length = 0;
		assert.equal((await get(p.url, '/ready')).status, 200);
		assert.equal(upstream.calls.length, 0);
	});
});

test('a refusal is an answer too', async () => {
	await withAnswer(
		(call, res) => sayError(res, 401, 'who are you'),
		{},
		async (p) => assert.equal((await get(p.url, '/ready')).status, 200),
	);
});

test('a 5xx is not ready, says so, and is not asked again at once', async () => {
	await withAnswer(
		(call, res) => sayError(res, 503, 'down'),
		{},
		async (p, up) => {
			for (let i = 0; i < 3; i++) {
				const r = await get(p.url, '/ready');
				assert.equal(r.status, 503);
				assert.match(r.text, /^not ready: 127\.0\.0\.1 answered with status 503\n$/);
			}
			assert.equal(up.calls.length, 1);
		},
	);
});

test('nobody at the port is not ready, and one that falls silent only for two seconds', async () => {
	const port = await closedPort();
	await withProxy(`http://127.0.0.1:${port}`, {}, async (p) => {
		const r = await get(p.url, '/ready');
		assert.equal(r.status, 503);
		assert.match(r.text, /^not ready: .*127\.0\.0\.1:\d+.+\n$/);
	});
	await withAnswer(
		() => {},
		{},
		async (p) => {
			const began = Date.now();
			const r = await get(p.url, '/ready');
			assert.equal(r.status, 503);
			const took = Date.now() - began;
			assert.ok(took >= 1500 && took < 4000 * SLACK, `${took} ms`);
		},
	);
});

test('it needs no key', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'key-of-the-proxy' }, async (p) => {
		assert.equal((await get(p.url, '/ready')).status, 200);
		assert.equal((await open(`${p.url}/ready`, { method: 'HEAD' }).done).status, 200);
	});
});

// Of two streams one is held, so that the drain lasts; behind the other, on
// its connection, comes the question.
test('a draining proxy is not ready', async () => {
	const finish = [];
	upstream.script(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		await new Promise((r) => finish.push(r));
		res.end(chunk({}, 'stop') + DONE);
	});
	await withProxy(upstream.url, {}, async (p) => {
		const body = JSON.stringify(message({ stream: true }));
		const socket = connect(p.port, '127.0.0.1');
		let text = '';
		socket.on('data', (d) => {
			text += d;
		});
		socket.write(
			`POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
		);
		await until(() => finish.length === 1, 3000, 'the first stream');
		const held = open(p.url + '/v1/messages', { body });
		await until(() => finish.length === 2, 3000, 'the second stream');
		p.signal('SIGTERM');
		await sleep(100);
		socket.write('GET /ready HTTP/1.1\r\nhost: x\r\n\r\n');
		finish[0]();
		await until(() => /not ready/.test(text), 3000, 'the answer');
		assert.match(text, /HTTP\/1\.1 503[^]*not ready: draining\n$/);
		finish[1]();
		await held.done;
		socket.destroy();
	});
});
