// SPDX-License-Identifier: MIT
// Every golden failure of an upstream, for a stream and for a plain request:
// status, type, words and retry-after that the client gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPair } from './lib/between.mjs';
import { errors } from './lib/golden.mjs';
import { assertError, message, post } from './lib/http.mjs';
import { sayOk } from './lib/upstream.mjs';

const KEY = 'sk-up-secret-0123456789';
const { upstream, proxy } = await startPair(sayOk, { UPSTREAM_API_KEY: KEY });

const bodyText = (body) =>
	body === null || body === undefined
		? ''
		: typeof body === 'string'
			? body
			: JSON.stringify(body);

function fault(e, r) {
	if (e.status !== undefined && r.status !== e.status)
		return `status ${r.status}, expected ${e.status}: ${r.text.slice(0, 300)}`;
	if (e.status < 400) return null;
	const { error } = JSON.parse(r.text);
	if (e.type && error.type !== e.type) return `type ${error.type}, expected ${e.type}`;
	for (const m of e.message_contains ?? [])
		if (!error.message.toLowerCase().includes(m.toLowerCase()))
			return `message "${error.message}" lacks "${m}"`;
	if (
		e.retry_after !== undefined &&
		!(Math.abs(Number(r.headers['retry-after']) - e.retry_after) <= 1)
	)
		return `retry-after ${r.headers['retry-after']}, expected ${e.retry_after}`;
	return null;
}

for (const { name, failure } of errors())
	for (const stream of [true, false])
		test(`error: ${name}, ${stream ? 'stream' : 'plain'}`, async () => {
			upstream.script((call, res) => {
				const text = bodyText(failure.body);
				res.writeHead(failure.status, {
					...(failure.headers ?? {}),
					'content-length': Buffer.byteLength(text),
				});
				res.end(text);
			});
			const r = await post(proxy.url, message({ model: name, stream }));
			const faults = [failure.expect, ...(failure.accept_also ?? [])].map((e) =>
				fault(e, r),
			);
			assert.ok(faults.includes(null), faults[0]);
			if (r.status >= 400)
				assertError(r, r.status, JSON.parse(r.text).error.type);
			assert.ok(!r.text.includes(KEY), 'the upstream key leaks');
			assert.ok(!proxy.log().includes(KEY), 'the upstream key is in the log');
		});

// A broken answer that is no error document either.
for (const [name, status, type, body] of [
	['a redirect is not followed with the key', 302, 'text/html', ''],
	[
		'an HTML page with status 200',
		200,
		'text/html',
		'<html><body>Welcome to nginx!</body></html>',
	],
	['an empty body with status 200', 200, 'application/json', ''],
	['half a JSON document', 200, 'application/json', '{"id":"c1","choices":[{"index":0,"mess'],
	['a JSON array', 200, 'application/json', '[]'],
	[
		'a completion without choices',
		200,
		'application/json',
		'{"id":"c1","object":"chat.completion","choices":[]}',
	],
	['binary bytes', 200, 'application/octet-stream', '\x00\x01\x02\xff\xfe'],
])
	for (const stream of [true, false])
		test(`broken answer: ${name}, ${stream ? 'stream' : 'plain'}`, async () => {
			upstream.script((call, res) => {
				res.writeHead(status, {
					'content-type': type,
					...(status === 302
						? { location: upstream.url + '/elsewhere' }
						: {}),
				});
				res.end(Buffer.from(body, 'latin1'));
			});
			const r = await post(proxy.url, message({ stream }));
			assert.ok(r.status >= 500, `status ${r.status}: ${r.text.slice(0, 300)}`);
			assertError(r, r.status, 'api_error');
			assert.ok(!upstream.calls.some((c) => c.url.includes('elsewhere')));
		});
