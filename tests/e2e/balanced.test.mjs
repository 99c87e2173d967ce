// SPDX-License-Identifier: MIT
// Three proxies behind a real haproxy with the rules of config/haproxy.cfg.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { frames } from './lib/anthropic.mjs';
import { HAPROXY, checkConfig, startBalancer } from './lib/balancer.mjs';
import { assertMessage, get, message, open, post } from './lib/http.mjs';
import { MAY_RESET, startProxy } from './lib/proxy.mjs';
import { sleep, until } from './lib/time.mjs';
import { DONE, chunk, sayJson, startEvents, startUpstream, turnMessage } from './lib/upstream.mjs';

const NAMES = ['one', 'two', 'three'];
const CLIENTS = Number(process.env.CLIENTS ?? 24);

// A stream takes a while, a plain answer less.
async function say(call, res) {
	if (!call.json.stream) {
		await sleep(20);
		return sayJson(res, turnMessage({ text: call.json.model }));
	}
	startEvents(res);
	for (let i = 0; i < 8 && !call.closed; i++) {
		res.write(chunk({ content: `${call.json.model} ` }));
		await sleep(50);
	}
	res.end(chunk({}, 'stop') + DONE);
}

// Each proxy marks what it asks, so that a request's way can be told.
const startNamed = (upstream, name, port = 0) =>
	startProxy(upstream.url, {
		PORT: String(port),
		UPSTREAM_HEADERS: JSON.stringify({ 'x-by': name }),
	});

async function withThree(body) {
	const upstream = await startUpstream(say);
	const proxies = {};
	let balancer = null;
	try {
		for (const name of NAMES) proxies[name] = await startNamed(upstream, name);
		balancer = await startBalancer(NAMES.map((n) => proxies[n].port));
		await balancer.allUp();
		await body({ upstream, proxies, balancer });
	} finally {
		await balancer?.stop();
		await Promise.all(Object.values(proxies).map((p) => p.stop().catch(() => {})));
		await upstream.stop();
	}
}

// Why an answer is not whole; '' if it is.
function fault(r, asked) {
	if (r.status !== 200) return `${r.status} ${r.text.slice(0, 200)}`;
	if (r.cut) return 'cut';
	if (!asked.stream) return JSON.parse(r.text).content[0].text === asked.model ? '' : r.text;
	const last = frames(r.text).frames.at(-1);
	return last?.event === 'message_stop' ? '' : `ends with ${last?.event}: ${last?.data}`;
}

/*
 * Clients that ask one thing after the other, half of them on a kept
 * connection, every third a plain request.  stop() returns all that was asked:
 * {model, from, to, fault}.
 */
function load(url) {
	const asked = [];
	let over = false;
	const client = async (k) => {
		const agent =
			k % 2 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false;
		while (!over) {
			const body = message({
				model: `m${asked.length}`,
				stream: asked.length % 3 !== 0,
			});
			const one = { model: body.model, from: Date.now(), to: 0, fault: '' };
			asked.push(one);
			one.fault = await post(url, body, { agent }).then(
				(r) => fault(r, body),
				(err) => `${err.code ?? err}`,
			);
			one.to = Date.now();
		}
		if (agent) agent.destroy();
	};
	const clients = Array.from({ length: CLIENTS }, (_, k) => client(k));
	return {
		asked,
		async stop() {
			over = true;
			await Promise.all(clients);
			return asked;
		},
	};
}

const told = (list) => list.map((a) => `${a.model}: ${a.fault}`).join('\n');

describe('behind haproxy', { skip: HAPROXY ? false : 'no haproxy' }, () => {
	test('config/haproxy.cfg is valid, without a warning', () => {
		const { status, text } = checkConfig();
		assert.equal(status, 0, text);
		assert.doesNotMatch(text, /WARNING|ALERT/);
	});

	test('draining each of three proxies in turn loses no request', { skip: MAY_RESET }, async () => {
		await withThree(async ({ upstream, proxies, balancer }) => {
			const running = load(balancer.url);
			for (const name of NAMES) {
				await sleep(300);
				const { port } = proxies[name];
				await proxies[name].stop();
				await sleep(300);
				proxies[name] = await startNamed(upstream, name, port);
				await balancer.allUp();
			}
			const asked = await running.stop();
			const lost = asked.filter((a) => a.fault);
			assert.equal(told(lost), '', `${lost.length} of ${asked.length} were lost`);
			assert.ok(asked.length > CLIENTS * 5, `only ${asked.length} were asked`);
		});
	});

	test('killing each in turn ends what ran there and nothing else', async () => {
		await withThree(async ({ upstream, proxies, balancer }) => {
			const by = (model) =>
				upstream.calls.find((c) => c.json?.model === model)?.headers['x-by'];
			const running = load(balancer.url);
			const kills = {};
			for (const name of NAMES) {
				const { port } = proxies[name];
				await sleep(300);
				// Among what runs at any time, some runs here.
				await until(
					() => upstream.calls.some((c) => !c.closed && c.headers['x-by'] === name),
					3000,
					`a request at ${name}`,
				);
				kills[name] = { from: Date.now() };
				proxies[name].signal('SIGKILL');
				await proxies[name].ended;
				kills[name].to = Date.now();
				await proxies[name].stop().catch(() => {}); // its files
				await sleep(300);
				proxies[name] = await startNamed(upstream, name, port);
				await balancer.allUp();
			}
			const asked = await running.stop();
			const lost = asked.filter((a) => a.fault);
			for (const a of lost) {
				// One that came to no upstream died on its way in.
				const there = by(a.model);
				const at = Object.entries(kills).filter(
					([name, k]) =>
						(!there || there === name) && a.from <= k.to && a.to >= k.from,
				);
				assert.ok(at.length, `${a.model} at ${there}: ${a.fault}`);
			}
			assert.ok(lost.length > 0, 'nothing ran where was killed');
			assert.ok(lost.length <= 3 * CLIENTS, told(lost));
			// Those who were told so heard it in their own language.
			for (const a of lost)
				if (/^50/.test(a.fault))
					assert.equal(JSON.parse(a.fault.slice(4)).type, 'error');
		});
	});

	test('a server that is drained by hand gets nothing new', async () => {
		await withThree(async ({ upstream, balancer }) => {
			await balancer.ask('set server proxies/two state drain');
			for (let i = 0; i < 12; i++) assertMessage(await post(balancer.url, message()));
			const by = upstream.calls.map((c) => c.headers['x-by']);
			assert.deepEqual([...new Set(by)].sort(), ['one', 'three']);
		});
	});

	test('events come as they are made, and what is of one machine is not served', async () => {
		await withThree(async ({ balancer }) => {
			const o = open(balancer.url + '/v1/messages', {
				body: message({ model: 'm', stream: true }),
			});
			const r = await o.done;
			assert.equal(fault(r, { stream: true }), '');
			const [first, last] = [o.pieces[0].at, o.pieces.at(-1).at];
			assert.ok(last - first > 200, `all within ${last - first} ms`);
			for (const path of ['/metrics', '/status', '/status/events'])
				assert.equal((await get(balancer.url, path)).status, 404);
			assert.equal((await get(balancer.url, '/health')).status, 200);
		});
	});

	test('without any proxy the answer is an error in the form of the API', async () => {
		await withThree(async ({ proxies, balancer }) => {
			await Promise.all(Object.values(proxies).map((p) => p.stop()));
			const r = await post(balancer.url, message());
			assert.equal(r.status, 503);
			assert.equal(JSON.parse(r.text).error.type, 'overloaded_error');
		});
	});
});
