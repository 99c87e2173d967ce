// SPDX-License-Identifier: MIT
// Every golden request through the real program: what reaches the upstream,
// and what the client is told.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { at, difference } from './lib/compare.mjs';
import { recorded, requests } from './lib/golden.mjs';
import { assertError, post } from './lib/http.mjs';
import { startProxy } from './lib/proxy.mjs';
import { complaints } from './lib/strict.mjs';
import { sayJson, sayOk, startUpstream } from './lib/upstream.mjs';

const upstream = await startUpstream();
const proxies = new Map();

after(async () => {
	// All end before the first failure is told: a child left behind would keep
	// this process alive.
	const ends = await Promise.allSettled(
		[...proxies.values()].map(async (p) => (await p).stop()),
	);
	await upstream.stop();
	for (const e of ends) if (e.status === 'rejected') throw e.reason;
});

// One proxy for each set of settings that the vectors ask for.
function proxyFor({ BASE_PATH = '', ...env } = {}) {
	const key = JSON.stringify([BASE_PATH, env]);
	if (!proxies.has(key)) proxies.set(key, startProxy(upstream.url + BASE_PATH, env));
	return proxies.get(key);
}

function answerWith(reply) {
	return (call, res) => {
		if (!reply) return sayOk(call, res);
		const usual = {
			id: 'c1',
			object: 'chat.completion',
			created: 1,
			model: 'm',
			choices: [
				{
					index: 0,
					message: { role: 'assistant', content: 'ok' },
					finish_reason: 'stop',
				},
			],
			usage: { prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 },
		};
		if (call.json?.stream && !('body' in reply) && !reply.status)
			return sayOk(call, res);
		return sayJson(res, reply.body ?? usual, reply.status ?? 200, reply.headers);
	};
}

function clientFault(e, r) {
	if (e.status !== undefined && r.status !== e.status)
		return `status ${r.status}, expected ${e.status}: ${r.text.slice(0, 300)}`;
	let j = null;
	try {
		j = JSON.parse(r.text);
	} catch {
		/* a stream */
	}
	if (e.error) {
		if (j?.type !== 'error') return `no error envelope: ${r.text.slice(0, 200)}`;
		const { message_contains: parts = [], ...rest } = e.error;
		const d = difference(rest, j.error, 'error');
		if (d) return d;
		for (const m of [parts].flat())
			if (!j.error.message.includes(m))
				return `message "${j.error.message}" lacks "${m}"`;
	}
	for (const s of e.client_raw_contains ?? [])
		if (!r.text.includes(s)) return `the answer lacks ${s}`;
	for (const s of e.client_raw_absent ?? [])
		if (r.text.includes(s)) return `the answer holds ${s}`;
	for (const [k, v] of Object.entries(e.client_headers ?? {}))
		if (v === '<any>' ? !r.headers[k] : r.headers[k] !== v)
			return `header ${k} is ${r.headers[k]}`;
	return e.client ? difference(e.client, j, 'client') : null;
}

function upstreamFault(e, chats) {
	if (e.upstream_calls !== undefined && chats.length !== e.upstream_calls)
		return `${chats.length} upstream calls, expected ${e.upstream_calls}`;
	const last = chats.at(-1);
	if (!last)
		return [
			'upstream',
			'upstream_absent',
			'upstream_raw_contains',
			'upstream_path',
			'upstream_headers',
		].some((k) => k in e)
			? 'nothing reached the upstream'
			: null;
	if (e.upstream_path && last.url !== e.upstream_path) return `upstream path ${last.url}`;
	for (const [k, v] of Object.entries(e.upstream_headers ?? {}))
		if ((v === null ? undefined : v) !== last.headers[k])
			return `upstream header ${k} is ${last.headers[k]}`;
	const d = e.upstream ? difference(e.upstream, last.json, 'upstream') : null;
	if (d) return d;
	for (const p of e.upstream_absent ?? [])
		if (at(last.json, p) !== undefined)
			return `upstream.${p} is present: ${JSON.stringify(at(last.json, p)).slice(0, 100)}`;
	for (const s of e.upstream_raw_contains ?? [])
		if (!last.text.includes(s)) return `the upstream body lacks ${s.slice(0, 120)}`;
	for (const s of e.upstream_raw_absent ?? [])
		if (last.text.includes(s)) return `the upstream body holds ${s.slice(0, 120)}`;
	return null;
}

for (const { name, vector } of requests())
	test(`request: ${name}`, async () => {
		const proxy = await proxyFor(vector.env);
		upstream.script(answerWith(vector.reply));
		const r = await post(proxy.url, vector.raw ?? vector.body, {
			path: vector.path,
			headers: vector.headers,
		});
		const faults = [
			vector.expect,
			...(vector.accept_also ?? []).map((a) => ({ ...vector.expect, ...a })),
		].map((e) => clientFault(e, r) ?? upstreamFault(e, upstream.chats()));
		assert.ok(faults.includes(null), faults[0]);
		assert.match(r.headers['request-id'] ?? '', /^req_/);
		if (r.status >= 400) assertError(r, r.status, JSON.parse(r.text).error.type);
		for (const call of upstream.chats())
			assert.deepEqual(
				complaints(call.json, 'openai', { reasoning: true }),
				[],
				'a strict server refuses the body',
			);
	});

// Bodies of the real Claude Code and SDKs: each is taken by a strict server,
// except those that are refused before anything is sent.
function* bodies() {
	for (const { name, recorded: r } of recorded()) {
		const list = r.requests ?? [r];
		for (const [i, q] of list.entries())
			if (
				q.method === 'POST' &&
				q.body &&
				/^\/v1\/messages(\/count_tokens)?(\?|$)/.test(q.url)
			)
				yield {
					name: list.length > 1 ? `${name} ${i + 1}` : name,
					path: q.url,
					headers: q.headers,
					body: q.body,
				};
	}
}

const betas = (h) =>
	Object.fromEntries(
		Object.entries(h ?? {})
			.filter(([k]) => /^(anthropic-|x-claude)/i.test(k))
			.map(([k, v]) => [k, String(v).replace(/[^\x20-\x7e]/g, '')]),
	);

for (const { name, path, headers, body } of bodies())
	test(`recorded: ${name}`, async () => {
		const proxy = await proxyFor();
		upstream.script(sayOk);
		const r = await post(proxy.url, body, { path, headers: betas(headers) });
		if (/^websearch-servertool/.test(name)) {
			assertError(r, 400, 'invalid_request_error');
			return;
		}
		if (body.thread) {
			const e = assertError(r, 400, 'invalid_request_error');
			assert.equal(e.details?.error_code, 'thread_unsupported_request');
			assert.equal(upstream.chats().length, 0);
			return;
		}
		assert.equal(r.status, 200, r.text.slice(0, 400));
		if (path.includes('count_tokens')) {
			assert.ok(JSON.parse(r.text).input_tokens > 0);
			return;
		}
		assert.deepEqual(
			complaints(upstream.last().json),
			[],
			'a strict server refuses the body',
		);
		const tools = (upstream.last().json.tools ?? []).map((t) => t.function.name);
		assert.ok(
			!tools.includes('DeferredToolPlaceholder'),
			'the placeholder tool is never offered',
		);
		assert.doesNotMatch(
			upstream.last().text,
			/cache_control|x-anthropic-billing-header|defer_loading/,
		);
	});
