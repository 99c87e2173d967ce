// SPDX-License-Identifier: MIT
// A scripted upstream and a proxy before it, for one test or for a file's.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { assertMessage, message, post } from './http.mjs';
import { startProxy, withProxy } from './proxy.mjs';
import { chunk, sayOk, startEvents, startUpstream } from './upstream.mjs';

// The proxy is alive and well after whatever a test did to it.
export async function assertAlive(proxy) {
	assert.equal(proxy.exited(), null, `the proxy died: ${proxy.log().slice(-1000)}`);
	assertMessage(await post(proxy.url, message()));
}

// For all tests of a file, which end with an answer like any other.
export async function startPair(respond = sayOk, env = {}, options = {}) {
	const upstream = await startUpstream(respond);
	const proxy = await startProxy(upstream.url, env, options);
	after(async () => {
		try {
			upstream.script(sayOk);
			await assertAlive(proxy);
			await proxy.stop();
		} finally {
			await upstream.stop();
		}
	});
	return { upstream, proxy };
}

// others: what the upstream answers to all but chat completions.
export async function between(respond, env, body, { others, ...options } = {}) {
	const upstream = await startUpstream(respond, others);
	try {
		return await withProxy(
			upstream.url,
			env,
			(proxy) => body(proxy, upstream),
			options,
		);
	} finally {
		await upstream.stop();
	}
}

export const stream = (extra = {}) => message({ stream: true, ...extra });

// What a client has read so far.
export const seen = (o) => o.pieces.map((p) => p.text).join('');

// Answers the head and some text, then nothing until the connection closes.
export const silentAfter =
	(...texts) =>
	(call, res) => {
		startEvents(res);
		for (const t of texts) res.write(chunk({ content: t }));
	};
