// SPDX-License-Identifier: MIT
// Keys: who is admitted, which key goes up, and what else of the client's
// request reaches the upstream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPair } from './lib/between.mjs';
import {
	answers,
	assertError,
	assertMessage,
	get,
	message,
	post,
	raw,
	rawRequest,
} from './lib/http.mjs';
import { withProxy } from './lib/proxy.mjs';
import { sayOk } from './lib/upstream.mjs';

const MB = 1024 * 1024;
const { upstream, proxy } = await startPair();

const fresh = () => upstream.script(sayOk);

test('PROXY_API_KEY admits by either header and by any of the keys', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key,second-key' }, async (p) => {
		fresh();
		for (const headers of [
			{ 'x-api-key': 'first-key' },
			{ 'x-api-key': 'second-key' },
			{ 'x-api-key': undefined, authorization: 'Bearer second-key' },
			{ 'x-api-key': undefined, authorization: 'bearer first-key' },
			{ 'x-api-key': 'wrong', authorization: 'Bearer first-key' },
			{ 'x-api-key': 'first-key', authorization: 'Bearer wrong' },
		])
			assertMessage(await post(p.url, message(), { headers }));
		for (const c of upstream.chats()) {
			assert.equal(c.headers.authorization, 'Bearer sk-up');
			assert.equal(c.headers['x-api-key'], undefined);
			assert.doesNotMatch(
				c.text + JSON.stringify(c.headers),
				/first-key|second-key/,
			);
		}
	});
});

test('without a right key all but the open paths is 401 and not to be retried', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key,second-key' }, async (p) => {
		fresh();
		for (const headers of [
			{ 'x-api-key': undefined },
			{ 'x-api-key': 'wrong' },
			{ 'x-api-key': '' },
			{ 'x-api-key': 'first-key,second-key' },
			{ 'x-api-key': 'first-ke' },
			{ 'x-api-key': 'first-keyx' },
			{ 'x-api-key': undefined, authorization: 'Basic first-key' },
			{ 'x-api-key': undefined, authorization: 'Bearer' },
			{ 'x-api-key': undefined, authorization: 'first-key' },
		])
			for (const path of [
				'/v1/messages',
				'/v1/messages/count_tokens',
				'/nothing',
			]) {
				const r = await post(p.url, message(), { path, headers });
				assertError(r, 401, 'authentication_error');
				assert.equal(r.headers['x-should-retry'], 'false');
				assert.doesNotMatch(r.text, /first-key|second-key/);
			}
		for (const path of ['/', '/health'])
			assert.equal(
				(await get(p.url, path, { headers: { 'x-api-key': undefined } }))
					.status,
				200,
			);
		assert.equal(upstream.chats().length, 0);
		assert.doesNotMatch(p.log(), /first-key|second-key/);
	});
});

test('a 401 comes before the body is read', async () => {
	await withProxy(upstream.url, { PROXY_API_KEY: 'first-key' }, async (p) => {
		const { text } = await raw(
			p.port,
			rawRequest('POST', '/v1/messages', {
				headers: { 'Content-Length': 20 * MB },
			}),
		);
		assert.equal(answers(text, ['POST']).out[0]?.status, 401, text.slice(0, 200));
	});
});

test("the client's own key goes up where none is configured, Bearer first", async () => {
	await withProxy(upstream.url, { UPSTREAM_API_KEY: undefined }, async (p) => {
		fresh();
		for (const [headers, want] of [
			[{ 'x-api-key': 'sk-mine' }, 'Bearer sk-mine'],
			[
				{ 'x-api-key': undefined, authorization: 'Bearer sk-token' },
				'Bearer sk-token',
			],
			[
				{ 'x-api-key': 'sk-mine', authorization: 'Bearer sk-token' },
				'Bearer sk-token',
			],
			[{ 'x-api-key': undefined }, undefined],
		]) {
			assertMessage(await post(p.url, message(), { headers }));
			assert.equal(upstream.last().headers.authorization, want);
			assert.equal(upstream.last().headers['x-api-key'], undefined);
		}
		assert.doesNotMatch(p.log(), /sk-mine|sk-token/);
	});
});

test("a proxy key never goes up, the client's other credential does", async () => {
	await withProxy(
		upstream.url,
		{ UPSTREAM_API_KEY: undefined, PROXY_API_KEY: 'gate' },
		async (p) => {
			fresh();
			assertMessage(
				await post(p.url, message(), {
					headers: {
						'x-api-key': 'gate',
						authorization: 'Bearer sk-mine',
					},
				}),
			);
			assert.equal(upstream.last().headers.authorization, 'Bearer sk-mine');
			assertMessage(
				await post(p.url, message(), {
					headers: {
						'x-api-key': 'sk-mine',
						authorization: 'Bearer gate',
					},
				}),
			);
			assert.equal(upstream.last().headers.authorization, 'Bearer sk-mine');
			assertMessage(
				await post(p.url, message(), { headers: { 'x-api-key': 'gate' } }),
			);
			assert.equal(upstream.last().headers.authorization, undefined);
		},
	);
});

/* ---- what goes up ---- */

test('nothing of the client but its request goes up', async () => {
	fresh();
	assertMessage(
		await post(proxy.url, message(), {
			headers: {
				cookie: 'a=b',
				'x-claude-code-session-id': 'abc',
				'anthropic-beta': 'x',
				'x-forwarded-for': '10.0.0.1',
				'user-agent': 'claude-cli/2.1.330',
			},
		}),
	);
	const h = upstream.last().headers;
	for (const k of [
		'cookie',
		'anthropic-beta',
		'anthropic-version',
		'x-forwarded-for',
		'x-api-key',
		'x-claude-code-session-id',
		'expect',
		'accept-encoding',
	])
		assert.equal(h[k], undefined, k);
	assert.match(h['content-type'], /^application\/json/);
	assert.equal(h.authorization, 'Bearer sk-up');
});

test('UPSTREAM_HEADERS and UPSTREAM_BODY are added', async () => {
	await withProxy(
		upstream.url,
		{
			UPSTREAM_HEADERS: '{"x-team":"blue","x-title":"proxy"}',
			UPSTREAM_BODY: '{"seed":7,"max_tokens":9}',
		},
		async (p) => {
			fresh();
			assertMessage(await post(p.url, message()));
			const c = upstream.last();
			assert.equal(c.headers['x-team'], 'blue');
			assert.equal(c.headers['x-title'], 'proxy');
			assert.equal(c.json.seed, 7);
			assert.equal(c.json.max_tokens, 9);
			assert.equal(c.text.match(/"max_tokens"/g).length, 1);
		},
	);
});

test("the upstream's key comes back in no error, whatever it looks like", async () => {
	const KEY = 'Plainkeywithoutform77';
	const event = (o) => `data: ${JSON.stringify(o)}\n\n`;
	const said = (res, status, type, text) => {
		res.writeHead(status, { 'content-type': type });
		res.end(text);
	};
	const error = JSON.stringify({ error: { message: `we do not know ${KEY} here` } });
	const ways = [
		(call, res) => said(res, 401, 'application/json', error),
		(call, res) => said(res, 500, 'text/plain', `we do not know ${KEY} here`),
		(call, res) => said(res, 200, 'text/plain', `we do not know ${KEY} here`),
		(call, res) =>
			said(
				res,
				200,
				'text/event-stream',
				event({ choices: [{ index: 0, delta: { content: 'a' } }] }) +
					`data: ${error}\n\n`,
			),
	];

	await withProxy(
		upstream.url,
		{ UPSTREAM_API_KEY: KEY, VERBOSE: '1' },
		async (p) => {
			for (const way of ways)
				for (const stream of [true, false]) {
					upstream.script(way);
					const r = await post(p.url, message({ stream }));
					assert.match(r.text, /\*\*\* here/);
					assert.doesNotMatch(r.text, new RegExp(KEY));
				}
			const page = await get(p.url, '/status');
			assert.match(page.text, /\*\*\* here/);
			assert.doesNotMatch(page.text + p.log(), new RegExp(KEY));
		},
		{ allow: [/cause=/] },
	);
	fresh();
});
