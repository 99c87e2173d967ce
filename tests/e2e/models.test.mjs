// SPDX-License-Identifier: MIT
// GET /v1/models and /v1/models/{id}: what is offered, with and without an
// upstream that lists its models.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, get } from './lib/http.mjs';
import { startProxy, withProxy } from './lib/proxy.mjs';
import { SLACK, sleep } from './lib/time.mjs';
import { closedPort, sayError, sayJson, startUpstream } from './lib/upstream.mjs';

const LISTED = [
	{ id: 'z-ai/glm-5', created: 1700000000, context_length: 200000, name: 'GLM 5' },
	{ id: 'gpt-5', created: 1, shutdown_date: '2026-12-11' },
];
const MAP = 'claude-haiku-*=gpt-5,sonnet=z-ai/glm-5,*opus*=z-ai/glm-5';
const OWN = ['sonnet', 'claude-opus-5-5', 'claude-haiku-5-5'];

const sayList = (call, res) => sayJson(res, { object: 'list', data: LISTED });

// An upstream whose models() answers all but chats.
async function before(models, env, body, options) {
	const upstream = await startUpstream(undefined, models);
	try {
		return await withProxy(upstream.url, env, (p) => body(p, upstream), options);
	} finally {
		await upstream.stop();
	}
}

async function list(proxy, query = '', options) {
	const r = await get(proxy.url, '/v1/models' + query, options);
	assert.equal(r.status, 200, r.text);
	assert.match(r.headers['content-type'], /^application\/json/);
	assert.match(r.headers['request-id'], /^req_/);
	return JSON.parse(r.text);
}
const ids = async (...args) => (await list(...args)).data.map((m) => m.id);

test('lists our names, the Claude names of a glob, then the upstream and asks it once', async () => {
	await before(sayList, { MODEL_MAP: MAP }, async (proxy, upstream) => {
		const page = await list(proxy);
		assert.deepEqual(
			page.data.map((m) => m.id),
			[...OWN, 'z-ai/glm-5', 'gpt-5'],
		);
		assert.equal(page.has_more, false);
		assert.equal(page.first_id, 'sonnet');
		assert.equal(page.last_id, 'gpt-5');
		assert.deepEqual(page.data[0], {
			type: 'model',
			id: 'sonnet',
			display_name: 'sonnet (z-ai/glm-5)',
			created_at: '2023-11-14T22:13:20Z',
			lifecycle: 'active',
			deprecated_at: null,
			retires_at: null,
			line: null,
			max_input_tokens: 200000,
			max_tokens: null,
			capabilities: null,
		});
		assert.equal(page.data.at(-1).retires_at, '2026-12-11T00:00:00Z');
		assert.deepEqual(await list(proxy, '?limit=1000&beta=true'), page);
		assert.deepEqual(JSON.parse((await get(proxy.url, '/v1/v1/models')).text), page);
		assert.deepEqual(
			upstream.calls.map((c) => [c.method, c.url]),
			[['GET', '/v1/models']],
		);
		const head = await get(proxy.url, '/v1/models', { method: 'HEAD' });
		assert.equal(head.status, 200);
	});
});

test('pages by cursor both ways, and refuses what is no query', async () => {
	await before(sayList, { MODEL_MAP: MAP }, async (proxy) => {
		const all = [];
		let page = await list(proxy, '?limit=2');
		for (;;) {
			all.push(...page.data.map((m) => m.id));
			if (!page.has_more) break;
			const at = encodeURIComponent(page.last_id);
			page = await list(proxy, `?limit=2&after_id=${at}`);
		}
		assert.deepEqual(all, [...OWN, 'z-ai/glm-5', 'gpt-5']);
		assert.deepEqual(await ids(proxy, '?before_id=z-ai%2Fglm-5&limit=1'), [
			'claude-haiku-5-5',
		]);
		assert.deepEqual(await ids(proxy, '?lifecycle%5B%5D=retired'), []);
		for (const [query, words] of [
			['limit=0', /^limit: Input should be greater than or equal to 1$/],
			['limit=ten', /^limit: Input should be a valid integer/],
			['after_id=nobody', /^after_id: no model has the id "nobody"$/],
			['after_id=a&before_id=b', /^before_id: cannot be given/],
		])
			assertError(
				await get(proxy.url, `/v1/models?${query}`),
				400,
				'invalid_request_error',
				words,
			);
	});
});

test('an id may hold slashes, encoded or not, and an unknown one is a 404', async () => {
	const others = (call, res) => {
		if (call.url === '/v1/models') return sayList(call, res);
		if (call.url === '/v1/models/ft%3Aacme%2Fx') return sayJson(res, { id: 'ft:acme/x' });
		return sayError(res, 404, 'The model does not exist');
	};
	await before(others, { MODEL_MAP: MAP }, async (proxy, upstream) => {
		for (const path of [
			'/v1/models/z-ai/glm-5',
			'/v1/models/z-ai%2Fglm-5',
			'/v1/v1/models/z-ai%2fglm-5?beta=true',
		]) {
			const r = await get(proxy.url, path);
			assert.equal(r.status, 200, r.text);
			assert.equal(JSON.parse(r.text).id, 'z-ai/glm-5');
			assert.equal(JSON.parse(r.text).display_name, 'GLM 5');
		}
		const mapped = await get(proxy.url, '/v1/models/claude-haiku-4-5');
		assert.equal(JSON.parse(mapped.text).display_name, 'claude-haiku-4-5 (gpt-5)');
		const unlisted = await get(proxy.url, '/v1/models/ft:acme%2Fx');
		assert.equal(JSON.parse(unlisted.text).id, 'ft:acme/x');
		for (const id of ['nobody', 'a%00b', '', 'm'.repeat(600)])
			assertError(
				await get(proxy.url, `/v1/models/${id}`),
				404,
				'not_found_error',
				/^model: /,
			);
		assertError(
			await get(proxy.url, '/v1/models/nobody'),
			404,
			'not_found_error',
			/^model: nobody$/,
		);
		assert.deepEqual(
			upstream.calls.filter((c) => !/^\/v1\/models(\/(nobody|ft%3.*))?$/.test(c.url)),
			[],
			'paths of an id stay one segment',
		);
		for (const path of ['/v1/models', '/v1/models/gpt-5']) {
			const r = await get(proxy.url, path, { method: 'DELETE' });
			assertError(r, 405, 'invalid_request_error');
			assert.equal(r.headers.allow, 'GET, HEAD');
		}
	});
});

for (const [name, models] of [
	['has no list', (call, res) => sayError(res, 404, 'Not Found')],
	['answers nonsense', (call, res) => sayJson(res, '<html>')],
	['is broken', (call, res) => res.destroy()],
	['says nothing', () => {}],
])
	test(`our own names are offered where the upstream ${name}`, async () => {
		await before(models, { MODEL_MAP: MAP }, async (proxy, upstream) => {
			const start = Date.now();
			const [a, b] = await Promise.all([ids(proxy), ids(proxy)]);
			assert.deepEqual(a, OWN);
			assert.deepEqual(b, OWN);
			assert.ok(Date.now() - start < 2900 * SLACK, 'within the three seconds of a client');
			assert.deepEqual(await ids(proxy), OWN);
			assert.equal(upstream.calls.length, 1, 'the failure is remembered');
			assertError(
				await get(proxy.url, '/v1/models/nobody'),
				404,
				'not_found_error',
			);
		});
	});

test('our own names are offered where nobody is upstream', async () => {
	const url = `http://127.0.0.1:${await closedPort()}`;
	await withProxy(url, { MODEL_MAP: MAP }, async (proxy) => {
		assert.deepEqual(await ids(proxy), OWN);
		assert.deepEqual(await ids(proxy, '?limit=1'), ['sonnet']);
	});
});

test('what one client may see with its own key no other sees', async () => {
	const models = (call, res) => {
		const key = call.headers.authorization?.slice(7);
		if (!/^sk-[ab]$/.test(key)) return sayError(res, 401, 'bad key');
		return sayJson(res, { data: [{ id: `ft:${key}` }] });
	};
	const as = (key) => ({ headers: { authorization: `Bearer ${key}` } });
	await before(models, { UPSTREAM_API_KEY: undefined }, async (proxy) => {
		assert.deepEqual(await ids(proxy, '', as('sk-a')), ['ft:sk-a']);
		assert.deepEqual(await ids(proxy, '', as('sk-c')), []);
		const [a, b] = await Promise.all([
			ids(proxy, '', as('sk-a')),
			ids(proxy, '', as('sk-b')),
		]);
		assert.deepEqual(b, ['ft:sk-b']);
		assert.ok(a.length === 0 || a[0] === 'ft:sk-a');
		assert.deepEqual(await ids(proxy, '', as('sk-a')), ['ft:sk-a']);
	});
});

test('the list needs our key, and a reload forgets it', async () => {
	const first = await startUpstream(undefined, sayList);
	const second = await startUpstream(undefined, (call, res) =>
		sayJson(res, { data: [{ id: 'new' }] }),
	);
	const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
	const { join } = await import('node:path');
	const { tmpdir } = await import('node:os');
	const folder = mkdtempSync(join(tmpdir(), 'models-'));
	const file = join(folder, 'env');
	const point = (u) =>
		writeFileSync(file, `UPSTREAM_BASE_URL=${u.url}\nPROXY_API_KEY=sk-proxy-key\n`);
	point(first);
	const proxy = await startProxy(null, {}, { args: ['-c', file] });
	try {
		const key = { headers: { 'x-api-key': 'sk-proxy-key' } };
		assertError(await get(proxy.url, '/v1/models'), 401, 'authentication_error');
		assert.deepEqual(await ids(proxy, '', key), ['z-ai/glm-5', 'gpt-5']);
		point(second);
		proxy.signal('SIGHUP');
		let now = [];
		for (let i = 0; i < 100 && now[0] !== 'new'; i++) {
			await sleep(20);
			now = await ids(proxy, '', key);
		}
		assert.deepEqual(now, ['new']);
	} finally {
		await proxy.stop();
		await first.stop();
		await second.stop();
		rmSync(folder, { recursive: true, force: true });
	}
});
