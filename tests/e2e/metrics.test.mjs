// SPDX-License-Identifier: MIT
// What /metrics tells of what has passed through.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { startPair } from './lib/between.mjs';
import { assertMessage, get, message, open, post } from './lib/http.mjs';
import { readMetrics } from './lib/metrics.mjs';
import { BINARY, withProxy } from './lib/proxy.mjs';
import { until } from './lib/time.mjs';
import {
	DONE,
	chunk,
	sayError,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

const { upstream, proxy } = await startPair(sayOk, {}, { allow: [/upstream/] });

const ROUTE = { route: '/v1/messages' };

// How much each counter grew while `body` ran.
async function grown(body, p = proxy) {
	const before = await readMetrics(p);
	await body();
	const now = await readMetrics(p);
	return (name, labels) => now.value(name, labels) - before.value(name, labels);
}

test('requests are counted by route and status, refused ones too', async () => {
	upstream.script(sayOk);
	const grew = await grown(async () => {
		assertMessage(await post(proxy.url, message()));
		assertMessage(await post(proxy.url, message(), { path: '/v1/v1/messages' }));
		await post(proxy.url, message({ max_tokens: -1 }));
		await post(proxy.url, message(), { path: '/v1/messages/count_tokens' });
		await post(proxy.url, message(), { path: '/v1/"nowhere"\n' });
		await get(proxy.url, '/v1/messages');
		await get(proxy.url, '/health');
	});
	assert.equal(grew('requests_total', { ...ROUTE, status: '200' }), 2);
	assert.equal(grew('requests_total', { ...ROUTE, status: '400' }), 1);
	assert.equal(grew('requests_total', { ...ROUTE, status: '405' }), 1);
	assert.equal(
		grew('requests_total', { route: '/v1/messages/count_tokens', status: '200' }),
		1,
	);
	assert.equal(grew('requests_total', { route: 'other', status: '404' }), 1);
	assert.equal(grew('requests_total', { route: '/health', status: '200' }), 1);
});

test('tokens are counted by model, whatever its name holds', async () => {
	upstream.script((call, res) =>
		sayJson(res, {
			...turnMessage({ text: 'ok' }),
			usage: {
				prompt_tokens: 100,
				completion_tokens: 20,
				prompt_tokens_details: { cached_tokens: 60 },
			},
		}),
	);
	const model = 'a "b"\\ c} 1 \u00e4\n\u0007';
	const grew = await grown(() => post(proxy.url, message({ model })));
	const label = { model: 'a "b"\\ c} 1 \u00e4\ufffd\ufffd' };
	assert.equal(grew('tokens_total', { ...label, kind: 'input' }), 40);
	assert.equal(grew('tokens_total', { ...label, kind: 'cached' }), 60);
	assert.equal(grew('tokens_total', { ...label, kind: 'output' }), 20);
});

test('a name that the upstream refuses becomes no label', async () => {
	upstream.script((call, res) => sayError(res, 404, 'no such model'));
	await post(proxy.url, message({ model: 'made-up-name' }));
	const m = await readMetrics(proxy);
	assert.doesNotMatch(m.text, /made-up-name/);
});

test('streams in flight and their times', async () => {
	let finish;
	upstream.script(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		await new Promise((r) => {
			finish = r;
		});
		res.end(chunk({}, 'stop') + usageChunk() + DONE);
	});
	const before = await readMetrics(proxy);
	const r = open(proxy.url + '/v1/messages', { body: message({ stream: true }) });
	await r.head;
	const now = await readMetrics(proxy);
	assert.equal(now.value('streams_in_flight'), 1);
	assert.equal(now.value('requests_in_flight'), 1);
	finish();
	await r.done;
	const then = await readMetrics(proxy);
	assert.equal(then.value('streams_in_flight'), 0);
	for (const name of ['first_byte_seconds', 'request_seconds'])
		assert.equal(then.value(`${name}_count`) - before.value(`${name}_count`), 1);
	assert.ok(
		then.value('request_seconds_sum') - before.value('request_seconds_sum') >=
			then.value('first_byte_seconds_sum') - before.value('first_byte_seconds_sum'),
	);
});

test('a client that leaves is counted as that', async () => {
	upstream.script((call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
	});
	const before = await readMetrics(proxy);
	const r = open(proxy.url + '/v1/messages', { body: message({ stream: true }) });
	await r.head;
	r.hangUp();
	await until(async () => {
		const m = await readMetrics(proxy);
		return m.value('client_disconnects_total') > before.value('client_disconnects_total');
	}, 3000);
	const m = await readMetrics(proxy);
	assert.equal(m.value('requests_total', { ...ROUTE, status: '499' }), 1);
	assert.equal(m.value('streams_in_flight'), 0);
});

test('tool arguments that had to be mended are counted', async () => {
	upstream.script((call, res) =>
		sayTurn(call, res, { calls: [{ id: 'call_1', name: 'f', input: '{"a":1}' }] }),
	);
	const tools = [{ name: 'f', input_schema: { type: 'object' } }];
	const grew = await grown(() => post(proxy.url, message({ tools })));
	assert.equal(grew('repairs_total'), 1);
});

test('connections that are used again are told from new ones', async () => {
	upstream.script(sayOk);
	// MAX_RETRIES=0 means a connection of its own for each request
	await withProxy(upstream.url, { MAX_RETRIES: '1' }, async (p) => {
		for (let i = 0; i < 3; i++) assertMessage(await post(p.url, message()));
		const m = await readMetrics(p);
		assert.equal(m.value('upstream_connections_total', { reused: 'yes' }), 2);
		assert.equal(m.value('upstream_connections_total', { reused: 'no' }), 1);
	});
});

test('retries, lessons and upstream errors by kind', async () => {
	let refusals = 0;
	upstream.script((call, res) => {
		if (refusals++ === 0) return sayError(res, 429, 'slow down', {}, { 'retry-after': '0' });
		if (call.json.max_tokens !== undefined)
			return sayError(
				res,
				400,
				"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
				{ param: 'max_tokens', code: 'unsupported_parameter' },
			);
		return sayOk(call, res);
	});
	await withProxy(
		upstream.url,
		{ MAX_RETRIES: '2' },
		async (p) => {
			assertMessage(await post(p.url, message()));
			const m = await readMetrics(p);
			assert.equal(m.value('retries_total'), 1);
			assert.equal(m.value('lessons_total'), 1);
			assert.equal(m.value('upstream_errors_total', { kind: 'rate_limit' }), 1);
			assert.equal(m.value('upstream_errors_total', { kind: 'bad_request' }), 1);
			assert.equal(m.value('upstream_errors_total'), 2);
		},
	);
});

test('an upstream that is not there is an error of its own kind', async () => {
	upstream.script((call, res) => res.destroy());
	const grew = await grown(() => post(proxy.url, message()));
	assert.equal(grew('upstream_errors_total'), 1);
	assert.equal(
		grew('upstream_errors_total', { kind: 'reset' }) +
			grew('upstream_errors_total', { kind: 'empty' }),
		1,
	);
});

test('the version and the start are told', async () => {
	const m = await readMetrics(proxy);
	assert.match(m.text, /^anthropic_proxy_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
	const start = Number(m.text.match(/^process_start_time_seconds (\S+)$/m)[1]);
	assert.ok(Math.abs(Date.now() / 1000 - start) < 600);
});

test('with PROXY_API_KEY the metrics ask for it', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'key-of-the-proxy' }, async (p) => {
		assert.equal((await get(p.url, '/metrics')).status, 401);
		await post(p.url, message());
		const m = await readMetrics(p, { 'x-api-key': 'key-of-the-proxy' });
		assert.equal(m.value('requests_total', { route: '/metrics', status: '401' }), 1);
		assert.equal(m.value('requests_total', { ...ROUTE, status: '401' }), 1);
		assert.equal(m.value('failed_requests_total'), 0, 'strangers are no failures');
	});
});

test('status shows totals, to those alone who hold the key', async () => {
	const status = (p, env) =>
		spawnSync(BINARY, ['status', '-p', String(p.port)], {
			env: { HOME: p.home, PATH: process.env.PATH, ...env },
			cwd: p.home,
			encoding: 'utf8',
		}).stdout;
	upstream.script((call, res) =>
		call.json.model === 'bad'
			? sayError(res, 404, 'no such model')
			: sayTurn(call, res, { text: 'ok', prompt: 7, completion: 3 }),
	);
	const key = 'key-of-the-proxy';
	await withProxy(upstream.url, { PROXY_API_KEY: `${key},another-key` }, async (p) => {
		const headers = { 'x-api-key': 'another-key' };
		await post(p.url, message({ model: 'x",kind="output' }), { headers });
		await post(p.url, message(), { headers });
		await post(p.url, message({ model: 'bad' }), { headers });
		assert.equal(
			status(p, { PROXY_API_KEY: key }),
			`running: ${p.url} (no pid file), 3 requests (1 failed), 0 running, 14 tokens in (0 cached), 6 out\n`,
		);
		for (const env of [{}, { PROXY_API_KEY: 'wrong-key-here' }])
			assert.equal(
				status(p, env),
				`running: ${p.url} (no pid file), totals only with its PROXY_API_KEY\n`,
			);
	});
});
