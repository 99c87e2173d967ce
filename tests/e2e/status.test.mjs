// SPDX-License-Identifier: MIT
// The status page without a browser: who may see it, what stands on it, how it
// stays live.  tests/clients/status.test.mjs looks at it with one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seen } from './lib/between.mjs';
import { startPair } from './lib/between.mjs';
import { answers, assertError, get, message, open, post, raw, rawRequest } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { SLACK, until } from './lib/time.mjs';
import { DONE, chunk, sayError, sayOk, sayTurn, startEvents } from './lib/upstream.mjs';

const { upstream, proxy } = await startPair(sayOk);

const page = async (p = proxy, options = {}) => {
	const r = await get(p.url, '/status', options);
	assert.equal(r.status, 200, r.text);
	return r.text;
};
const watch = (p = proxy, options = {}) =>
	open(p.url + '/status/events', { method: 'GET', ...options });
const basic = (text) => ({
	'x-api-key': undefined,
	authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});
// The whole events that came so far.
const events = (w) => seen(w).split('\n\n').slice(0, -1);

test('one page without outside resources, under a strict policy', async () => {
	const r = await get(proxy.url, '/status');
	assert.equal(r.status, 200);
	assert.equal(r.headers['content-type'], 'text/html; charset=utf-8');
	assert.equal(r.headers['cache-control'], 'no-store');
	assert.match(r.headers['request-id'], /^req_/);
	const policy = r.headers['content-security-policy'];
	const nonce = policy.match(/script-src 'nonce-([^']{22})'/)[1];
	assert.match(policy, /default-src 'none'/);
	assert.match(policy, /frame-ancestors 'none'/);
	assert.doesNotMatch(policy, /unsafe|\*|http/);
	assert.ok(r.text.includes(`<script nonce="${nonce}">`));
	assert.ok(r.text.includes(`<style nonce="${nonce}">`));
	assert.doesNotMatch(r.text, /<[^>]* (on\w+|style)=|javascript:|(src|href)="?(http|\/)/);
	assert.ok(r.text.trimEnd().endsWith('</html>'));
	assert.ok(r.text.length < 10000, `${r.text.length} bytes`);
	const other = await get(proxy.url, '/status');
	assert.ok(!other.headers['content-security-policy'].includes(nonce));
});

test('the empty page tells how to begin', async () => {
	await withProxy(upstream.url, {}, async (p) => {
		const html = await page(p);
		assert.match(html, /No request yet/);
		assert.ok(html.includes(`ANTHROPIC_BASE_URL=${p.url}<br>`));
	});
});

test('a row tells models, tokens, share of the cache, stop reason', async () => {
	upstream.script((call, res) =>
		sayTurn(call, res, { text: 'secret answer', prompt: 1234, completion: 56 }),
	);
	await withProxy(upstream.url, { MODEL_MAP: 'claude-*=big-model' }, async (p) => {
		const messages = [{ role: 'user', content: 'secret question' }];
		await post(p.url, message({ stream: true, messages }));
		const html = await page(p);
		const row = html.match(/<section id=recent>.*?<tbody><tr>(.*?)<\/tr>/s)[1];
		for (const want of [
			'claude-test',
			'→ big-model (MODEL_MAP)',
			'good">done<',
			'"Input">1,234<',
			'"Cached">0%<',
			'"Output">56<',
			'end_turn',
		])
			assert.ok(row.includes(want), `${want} in ${row}`);
		assert.match(row, /"First token">\d+ ms</);
		assert.doesNotMatch(html, /secret/, 'no text of a prompt or an answer');
		assert.match(html, /<section id=models>.*big-model/s);
		assert.match(html, /<svg role=img aria-label="Requests by minute[^>]*at most 1"/);
	});
});

test('errors are told with their cause', async () => {
	upstream.script((call, res) => sayError(res, 503, 'all replicas are busy'));
	await post(proxy.url, message());
	const html = await page();
	assert.match(html, /is bad">failed 529</);
	assert.match(html, /overloaded_error<\/span> [^<]*all replicas are busy/);
	assert.match(html, /upstream: overloaded/);
});

test('what strangers wrote is escaped wherever it stands', async () => {
	const evil = '<img src=x onerror=alert(1)>"\'&</main>';
	upstream.script((call, res) => sayError(res, 400, `</script><script>alert(2)</script>${evil}`));
	await post(proxy.url, message({ model: evil }));
	upstream.script(sayOk);
	await post(proxy.url, message({ model: evil + '\n\ndata: x' }));
	const w = watch();
	await until(() => events(w).length > 0, 3000, 'an event');
	w.hangUp();
	for (const html of [await page(), seen(w)]) {
		assert.doesNotMatch(html, /<img|alert\(2\)<\/script>\W*<img|<script>/);
		assert.ok(html.includes('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;&lt;/main&gt;'));
	}
	assert.equal(seen(w).match(/^data: /gm).length, 1, 'a name makes no event of its own');
});

test('a host header is escaped', async () => {
	const { text } = await raw(
		proxy.port,
		rawRequest('GET', '/status', { host: 'localhost"><b>' }),
	);
	assert.match(text, /^HTTP\/1.1 40[03] /);
	assert.doesNotMatch(text, /<b>/);
});

test('without a key only a name of this machine finds the page', async () => {
	const ask = async (host, headers = {}, path = '/status') => {
		const { text } = await raw(proxy.port, rawRequest('GET', path, { host, headers }), {
			quiet: 150,
		});
		return answers(text, ['GET']).out[0]?.status ?? Number(text.split(' ')[1]);
	};
	for (const host of [
		'localhost',
		'LOCALHOST:3000',
		`127.0.0.1:${proxy.port}`,
		'127.8.9.1',
		'[::1]:80',
	])
		assert.equal(await ask(host), 200, host);
	for (const host of [
		'evil.example',
		'127.0.0.1.evil.example',
		'localhost.evil.example',
		'localhost:80@evil.example',
		'127.1.evil',
		'10.0.0.1',
		'[::2]',
		'[::1',
		'0.0.0.0',
		'localhost, localhost',
	]) {
		assert.equal(await ask(host), 403, host);
		assert.equal(await ask(host, {}, '/status/events'), 403, host);
	}
	assert.equal(await ask('localhost', { Host: 'evil.example' }) >= 400, true, 'two hosts');
	assert.equal(await ask('localhost', { 'X-Forwarded-For': '192.0.2.1' }), 403);
	assert.equal(await ask('localhost', { Forwarded: 'for=192.0.2.1' }), 403);
	const r = await get(proxy.url, '/status', { headers: { host: 'evil.example' } });
	assertError(r, 403, 'permission_error', /PROXY_API_KEY/);
});

test('without a key another machine does not see the page', async (t) => {
	const outside = Object.values(networkInterfaces())
		.flat()
		.find((a) => a.family === 'IPv4' && !a.internal);
	if (!outside) return t.skip('this machine has no other address');
	await withProxy(upstream.url, { HOST: '0.0.0.0', ALLOW_OPEN: '1' }, async (p) => {
		const there = `http://${outside.address}:${p.port}`;
		const r = await get(there, '/status', { headers: { host: 'localhost' } });
		assertError(r, 403, 'permission_error');
		assert.equal((await get(`http://127.0.0.1:${p.port}`, '/status')).status, 200);
	});
});

test('with a key it is asked for, as a header or as a password', async () => {
	const key = 'key:of-the-proxy';
	await withProxy(upstream.url, { PROXY_API_KEY: `other-key,${key}` }, async (p) => {
		const none = await get(p.url, '/status', { headers: { 'x-api-key': undefined } });
		assertError(none, 401, 'authentication_error');
		assert.match(none.headers['www-authenticate'], /^Basic realm="anthropic-proxy"/);
		for (const headers of [
			{ 'x-api-key': key },
			{ 'x-api-key': undefined, authorization: `Bearer ${key}` },
			basic(`anybody:${key}`),
			basic(':other-key'),
			{ ...basic(`u:${key}`), host: 'proxy.example' },
		]) {
			assert.equal((await get(p.url, '/status', { headers })).status, 200);
			const w = watch(p, { headers });
			assert.equal((await w.head).status, 200);
			w.hangUp();
		}
		for (const headers of [
			basic(`${key}:x`),
			basic(key.slice(0, -1)),
			basic(`u:${key}x`),
			basic(`u:${key}\0`),
			basic('u:' + 'x'.repeat(3000)),
			basic(''),
			{ 'x-api-key': undefined, authorization: `Basic ${key}` },
			{ 'x-api-key': undefined, authorization: 'Basic !!!' },
		])
			for (const path of ['/status', '/status/events'])
				assert.equal((await get(p.url, path, { headers })).status, 401);
		const r = await post(p.url, message(), { headers: basic(`u:${key}`) });
		assert.equal(r.status, 401, 'a password opens the page alone');
		assert.equal(r.headers['www-authenticate'], undefined);
		assert.match(await page(p, { headers: { 'x-api-key': key } }), /a PROXY_API_KEY/);
	});
});

test('methods and heads', async () => {
	assert.equal((await open(proxy.url + '/status', { method: 'HEAD' }).done).status, 200);
	assert.equal((await post(proxy.url, {}, { path: '/status' })).status, 405);
	assert.equal((await open(proxy.url + '/status/events', { method: 'HEAD' }).done).status, 405);
	assert.equal((await get(proxy.url, '/status/')).status, 404);
});

test('events follow what happens while a stream runs', async () => {
	let finish;
	upstream.script(async (call, res) => {
		startEvents(res);
		res.write(chunk({ content: 'a' }));
		await new Promise((r) => {
			finish = r;
		});
		res.end(chunk({}, 'stop') + DONE);
	});
	const w = watch();
	const { status, headers } = await w.head;
	assert.equal(status, 200);
	assert.match(headers['content-type'], /^text\/event-stream/);
	assert.equal(headers['cache-control'], 'no-cache');
	assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
	assert.equal(headers['x-frame-options'], 'DENY');
	await until(() => events(w).length === 1, 3000, 'the first event');
	assert.match(events(w)[0], /^retry: \d+\ndata: <p id=about [^\n]*<\/section>$/);
	const r = open(proxy.url + '/v1/messages', { body: message({ model: 'run-me', stream: true }) });
	await until(() => events(w).some((e) => /streaming<.*/.test(e)), 5000, 'streaming');
	const running = events(w).find((e) => /streaming</.test(e));
	assert.match(running, /In flight \(1\).*run-me.*is run">streaming/s);
	const so_far = events(w).length;
	await until(() => events(w).length >= so_far + 2, 5000, 'its time goes on');
	finish();
	await r.done;
	await until(
		() => /In flight \(0\).*run-me.*"is good">done/s.test(events(w).at(-1)),
		5000,
		'the end',
	);
	for (const e of events(w).slice(1)) assert.match(e, /^data: [^\n]*$/);
	w.hangUp();
});

test('watchers are bounded, and who leaves makes room', async () => {
	await withProxy(upstream.url, {}, async (p) => {
		const all = [];
		for (let i = 0; i < 8; i++) {
			all.push(watch(p));
			assert.equal((await all[i].head).status, 200);
		}
		assertError(await get(p.url, '/status/events'), 529, 'overloaded_error');
		assert.match(await page(p), /No request yet/, 'the page is served all the same');
		all[3].hangUp();
		await until(async () => {
			const w = watch(p);
			const { status } = await w.head;
			if (status === 200) all.push(w);
			return status === 200;
		}, 5000);
		for (const w of all) w.hangUp();
	});
});

test('a drain ends the watchers and does not wait for them', async () => {
	await withProxy(upstream.url, {}, async (p) => {
		const w = watch(p);
		await until(() => events(w).length > 0, 3000, 'an event');
		const began = Date.now();
		p.signal('SIGTERM');
		const r = await w.done;
		assert.equal(r.cut, false, 'the answer ended well');
		await p.ended;
		assert.ok(Date.now() - began < 900 * SLACK, `${Date.now() - began} ms`);
	});
});

test('STATUS_BODIES shows how prompts and answers begin', async () => {
	const env = {
		STATUS_BODIES: '1',
		UPSTREAM_API_KEY: 'up-key-that-is-ours',
		PROXY_API_KEY: 'key-of-the-proxy',
	};
	const headers = { 'x-api-key': 'key-of-the-proxy' };
	await withProxy(upstream.url, env, async (p) => {
		const rows = async () =>
			[...(await page(p, { headers })).matchAll(/<tr class=said>.*?<\/tr>/gs)].map((m) =>
				m[0].replace(/<[^>]+>/g, '|'),
			);
		const ask = (content, extra = {}) =>
			post(p.url, message({ messages: [{ role: 'user', content }], ...extra }), {
				headers,
			});
		upstream.script((call, res) =>
			sayTurn(call, res, {
				text: 'Hi <b>there</b>,\nup-key-that-is-ours',
				thinking: 'a thought',
			}),
		);
		for (const stream of [true, false])
			await ask(
				[
					{ type: 'text', text: '<system-reminder>x</system-reminder>' },
					{ type: 'text', text: 'My "question"\nkey-of-the-proxy sk-abcdefgh12345678' },
				],
				{ stream },
			);
		for (const row of await rows())
			assert.match(
				row,
				/\|Asked\| My &quot;question&quot; \*\*\* sk-\*\*\*\|+Answered\| Hi &lt;b&gt;there&lt;\/b&gt;, \*\*\*\|/,
			);
		assert.doesNotMatch((await rows()).join(), /thought|reminder|abcdefgh/);
		assert.equal((await rows()).length, 2);

		upstream.script((call, res) =>
			sayTurn(call, res, {
				text: '\u00fc'.repeat(9000),
				calls: [{ id: 'call_1', name: 'Bash', input: {} }],
			}),
		);
		const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
		await ask('\u20ac'.repeat(9000), { stream: true, tools });
		const [long] = await rows();
		const texts = [...long.matchAll(/ ([^|]{2,})\|/g)].map((m) => m[1]);
		for (const text of texts) {
			assert.ok(Buffer.byteLength(text) < 400);
			assert.match(text, /^(\u20ac+|\u00fc+)\u2026$/, 'cut between characters');
		}
		assert.equal(texts.length, 2);

		upstream.script((call, res) =>
			sayTurn(call, res, { calls: [{ id: 'call_1', name: 'Bash', input: {} }] }),
		);
		await ask('run it', { stream: true, tools });
		assert.match((await rows())[0], /run it.*\[Bash\]/);
	});
});

test('what was said is gone when STATUS_BODIES is off again', async () => {
	upstream.script(sayOk);
	await withProxy(upstream.url, { STATUS_BODIES: undefined }, async (p) => {
		const set = async (value) => {
			writeFileSync(join(p.home, '.env'), `STATUS_BODIES=${value}\n`);
			const lines = p.log().split('\n').length;
			p.signal('SIGHUP');
			await until(() => p.log().split('\n').length > lines, 3000, 'the reload');
		};
		await set(1);
		await post(p.url, message());
		assert.match(await page(p), /<b>Asked<\/b> Hello<.*<b>Answered<\/b> ok</);
		const w = watch(p);
		await w.head;
		await set(0);
		const from = Date.now();
		await w.done;
		assert.ok(Date.now() - from < 4000 * SLACK, `${Date.now() - from} ms`);
		assert.doesNotMatch(await page(p), /Hello/);
		await set(1);
		assert.doesNotMatch(await page(p), /Hello/);
	});
});

test('a second request on its connection ends a watch', async () => {
	const s = net.connect(proxy.port, '127.0.0.1');
	let text = '';
	s.on('data', (d) => {
		text += d;
	});
	s.write(rawRequest('GET', '/status/events'));
	await until(() => text.includes('</section>\n\n'), 3000, 'an event');
	s.write(rawRequest('GET', '/health'));
	await until(() => /\r\n0\r\n\r\nHTTP\/1.1 200 OK\r\n/.test(text), 3000, 'both answers');
	s.destroy();
});
