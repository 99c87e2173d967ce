// SPDX-License-Identifier: MIT
// Who gets in, and what gets out: addresses, origins, keys, links, URLs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import { test } from 'node:test';
import { get, open, post, raw, rawRequest } from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { sayError, sayOk, startRawUpstream, startUpstream } from './lib/upstream.mjs';

const ASK = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

async function withUpstream(script, env, body, options) {
	const upstream = await startUpstream(script);
	try {
		await withProxy(upstream.url, env, (proxy) => body(proxy, upstream), options);
	} finally {
		await upstream.stop();
	}
}

const canConnect = (host, port) =>
	new Promise((r) => {
		const s = net.connect({ host, port, timeout: 2000 });
		for (const [event, result] of [
			['connect', true],
			['error', false],
			['timeout', false],
		])
			s.on(event, () => r(result, s.destroy()));
	});

test('without HOST only loopback is listened on', async () => {
	await withUpstream(undefined, { HOST: undefined }, async (proxy) => {
		assert.match(proxy.url, /^http:\/\/127\.0\.0\.1:/);
		const others = Object.values(os.networkInterfaces())
			.flat()
			.filter((a) => !a.internal && !a.address.startsWith('fe80'));
		for (const { address } of others)
			assert.equal(await canConnect(address, proxy.port), false, address);
	});
});

test('no page of another origin is let in', async () => {
	await withUpstream(undefined, {}, async (proxy, upstream) => {
		const headers = { origin: 'https://evil.example' };
		const preflight = await open(`${proxy.url}/v1/messages`, {
			method: 'OPTIONS',
			headers: {
				...headers,
				'access-control-request-method': 'POST',
				'access-control-request-headers': 'content-type,x-api-key',
			},
		}).done;
		assert.ok(preflight.status >= 400, `${preflight.status}`);
		const all = [
			preflight,
			await post(proxy.url, ASK, { headers }),
			await post(proxy.url, { ...ASK, stream: true }, { headers }),
			await get(proxy.url, '/health', { headers }),
			await get(proxy.url, '/nowhere', { headers }),
		];
		for (const r of all)
			for (const name of Object.keys(r.headers))
				assert.ok(!name.startsWith('access-control-'), name);
		for (const call of upstream.calls) assert.equal(call.headers.origin, undefined);
	});
});

const SECRETS = {
	UPSTREAM_API_KEY: 'sk-up-3f9a1c7e5b2d8046',
	PROXY_API_KEY: 'pk-in-8e4d2b6a0c5f1937',
};

test('keys stand in no log, no error, no command line and no environment that is shown', async () => {
	// An upstream that says all it was told.
	const echo = (call, res) =>
		sayError(res, 400, `bad key ${call.headers.authorization} in ${call.text}`);
	const secrets = Object.values(SECRETS);
	await withUpstream(
		echo,
		{ ...SECRETS, DEBUG: '1', VERBOSE: '1' },
		async (proxy) => {
			const headers = { 'x-api-key': SECRETS.PROXY_API_KEY };
			const answers = [
				await post(proxy.url, ASK, { headers }),
				await post(proxy.url, { ...ASK, stream: true }, { headers }),
				await post(proxy.url, ASK, { headers: { 'x-api-key': 'pk-in-wrong' } }),
				await get(proxy.url, '/v1/models', { headers }),
			];
			assert.deepEqual(
				answers.slice(0, 3).map((r) => r.status),
				[400, 400, 401],
			);
			const said = [proxy.log(), ...answers.map((r) => r.text)];
			if (fs.existsSync('/proc/self/cmdline'))
				for (const pid of fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)))
					try {
						said.push(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
					} catch {
						continue; // it has ended
					}
			const children = `/proc/${proxy.pid}/task/${proxy.pid}/children`;
			if (fs.existsSync(children))
				for (const pid of [proxy.pid, ...fs.readFileSync(children, 'utf8').match(/\d+/g) ?? []])
					said.push(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'));
			for (const text of said)
				for (const secret of [...secrets, 'pk-in-wrong'])
					assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 2000)}`);
		},
		{ allow: [/level=error/] },
	);
});

test('the answer to a wrong key does not tell how much of it is right', async () => {
	await withUpstream(undefined, SECRETS, async (proxy) => {
		const key = SECRETS.PROXY_API_KEY;
		const texts = [];
		for (const wrong of ['', 'x', key.slice(0, -1), `${key}x`, key.toUpperCase(), `${key},`]) {
			const r = await post(proxy.url, ASK, { headers: { 'x-api-key': wrong } });
			assert.equal(r.status, 401, wrong);
			texts.push(JSON.stringify(JSON.parse(r.text).error));
		}
		assert.equal(new Set(texts.slice(1)).size, 1, texts.join('\n'));
	});
});

test('URLs in content are passed on and never fetched', async () => {
	let fetched = 0;
	const bait = http.createServer((req, res) => res.end(String(++fetched)));
	await new Promise((r) => bait.listen(0, '127.0.0.1', r));
	const url = `http://127.0.0.1:${bait.address().port}/picture.png`;
	await withUpstream(sayOk, {}, async (proxy, upstream) => {
		const content = [
			{ type: 'image', source: { type: 'url', url } },
			{ type: 'document', source: { type: 'url', url: `${url}.pdf` } },
			{ type: 'text', text: `see ${url}` },
		];
		const r = await post(proxy.url, { ...ASK, messages: [{ role: 'user', content }] });
		if (r.status === 200) assert.ok(upstream.last().text.includes(url));
		else assert.equal(r.status, 400);
		const image = [content[0], content[2]];
		const plain = await post(proxy.url, {
			...ASK,
			messages: [{ role: 'user', content: image }],
		});
		assert.equal(plain.status, 200);
		assert.ok(upstream.last().text.includes(url));
		assert.equal(fetched, 0);
	});
	bait.close();
});

test('what an upstream writes into its headers makes no header of ours', async () => {
	const values = ['9\rset-cookie: evil=1', '9\r\n set-cookie: evil=1', '9\x00\x0bset-cookie: evil=1'];
	for (const value of values) {
		const upstream = await startRawUpstream((s) => {
			const names = ['x-ratelimit-limit-requests', 'x-request-id', 'retry-after'];
			const lines = names.map((n) => `${n}: ${value}\r\n`).join('');
			s.end(`HTTP/1.1 429 Slow\r\n${lines}content-length: 2\r\n\r\n{}`, 'latin1');
		});
		const request = rawRequest('POST', '/v1/messages', {
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(ASK),
		});
		await withProxy(
			upstream.url,
			{},
			async (proxy) => {
				const { text } = await raw(proxy.port, request);
				const [head] = text.split('\r\n\r\n');
				assert.match(head, /^HTTP\/1\.1 (429|502) /);
				assert.doesNotMatch(head, /(^|[\r\n])set-cookie/i);
				assert.doesNotMatch(head.replaceAll('\r\n', ''), /[\x00-\x1f\x7f]/);
			},
			{ allow: [/level=error/] },
		);
		await upstream.stop();
	}
});
