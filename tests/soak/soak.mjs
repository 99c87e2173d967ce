// SPDX-License-Identifier: MIT
/*
 * Clients of every temper and an upstream that does harm, for MINUTES (10),
 * with the proxy between them.  At the end: every answer was whole or an error
 * and nobody else's; the proxy holds what it held after the first tenth; its
 * log knows no level=error; SIGTERM under load ends it with 0.
 * SEED repeats the drawing, not the timing; WORKERS is how many ask at once.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy } from '../e2e/lib/proxy.mjs';
import { PACE, sleep } from '../e2e/lib/time.mjs';
import { CLIENTS, STALL_S } from './clients.mjs';
import { Chance } from './random.mjs';
import { startHostile } from './upstream.mjs';
import { atRest, holdings, lowest } from './watch.mjs';

const KEY = 'sk-test'; // what tests/e2e/lib/http.mjs presents
const MINUTES = Number(process.env.MINUTES ?? 10);
const WORKERS = Number(process.env.WORKERS ?? 16);
const SEED = process.env.SEED ?? String(Date.now() % 1e9);
const LONG = MINUTES >= 5;
// Kept connections go after 60 s of rest, threads that wait after 30 s.
const REST_MS = LONG ? 100000 : 5000;
// Above what was held after the first tenth.  Where there is no time to rest,
// kept connections (three descriptors) and their threads come and go.
const MARGIN = {
	descriptors: LONG ? 6 : 6 * WORKERS,
	threads: LONG ? 4 : 4 * WORKERS,
	kB: 4096,
};
const SANITIZED = PACE > 1;

const say = (text) => console.log(`soak: ${text}`);
const pretty = (h) => `${h.descriptors} descriptors, ${h.threads} threads, ${h.kB} kB`;

let running = true,
	calm = false;
const endings = {},
	failures = [];

function note(name, how) {
	const key = `${name}: ${how}`;
	endings[key] = (endings[key] ?? 0) + 1;
}

function fail(name, err) {
	note(name, 'WRONG');
	if (failures.length < 20) failures.push(`${name}: ${err.stack ?? err}`);
	if (failures.length === 1) say(`first failure: ${name}: ${err.message.slice(0, 600)}`);
}

async function work(url, i) {
	const chance = new Chance(`${SEED}:client:${i}`);
	const agent = i % 2 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false;
	while (running) {
		const { name, act } = chance.pick(CLIENTS);
		try {
			note(name, await act({ url, agent, chance }));
		} catch (err) {
			fail(name, err);
		}
		if (chance.below(10) === 0) await sleep(chance.below(100));
	}
	if (agent) agent.destroy();
}

// What happens to everybody: the upstream's host dies, settings are read again.
async function trouble(proxy, upstream) {
	const chance = new Chance(`${SEED}:trouble`);
	while (running) {
		await sleep(500 + chance.below(4000));
		upstream.calls.length = 0;
		if (chance.below(3) === 0) upstream.kill();
		if (chance.below(3) === 0) proxy.signal('SIGHUP');
	}
}

async function run(proxy, upstream, seconds) {
	running = true;
	const all = Array.from({ length: WORKERS }, (_, i) => work(proxy.url, i));
	all.push(trouble(proxy, upstream));
	const end = Date.now() + seconds * 1000;
	while (Date.now() < end && !proxy.exited() && failures.length < 20) {
		await sleep(Math.min(60000, end - Date.now()));
		say(`${Object.values(endings).reduce((a, b) => a + b, 0)} asked; ${pretty(holdings(proxy.pid))}`);
	}
	running = false;
	await Promise.all(all);
}

// SIGTERM while streams run: they end whole, or with an error, or are refused.
async function endUnderLoad(proxy, upstream) {
	calm = true;
	const { act } = CLIENTS[0][1];
	const last = Array.from({ length: 10 }, (_, i) =>
		act({ url: proxy.url, agent: false, chance: new Chance(`${SEED}:last:${i}`) }).catch(
			(err) => {
				if (!['ECONNREFUSED', 'ECONNRESET'].includes(err.code)) fail('at the end', err);
			},
		),
	);
	await sleep(20);
	proxy.signal('SIGTERM');
	await Promise.all(last);
	await proxy.stop(40000);
	await upstream.stop();
}

function report(upstream) {
	const ended = Object.keys(endings).sort();
	for (const key of ended) say(`  ${String(endings[key]).padStart(7)} ${key}`);
	for (const [what, n] of Object.entries(upstream.done).sort()) say(`  ${String(n).padStart(7)} times upstream: ${what}`);
}

say(`${MINUTES} minutes, ${WORKERS} at once, SEED=${SEED}`);
const upstream = await startHostile(new Chance(`${SEED}:upstream`), () => calm);
const proxy = await startProxy(
	upstream.url,
	{
		PROXY_API_KEY: KEY,
		MAX_RETRIES: '2',
		PING_INTERVAL: '1',
		FIRST_BYTE_TIMEOUT: '3',
		IDLE_TIMEOUT: '3',
		CLIENT_STALL_TIMEOUT: String(STALL_S),
		// longer than this process is ever held up: what is cut is a fault
		REQUEST_TIMEOUT: '30',
		MAX_BODY_BYTES: '4000000',
		MAX_LINE_BYTES: '1000000',
		MAX_REPLY_BYTES: '8000000',
	},
	{ allow: [/./] },
);
try {
	say(`at the start ${pretty(holdings(proxy.pid))}`);
	await run(proxy, upstream, MINUTES * 6);
	const before = await lowest(proxy.pid, REST_MS);
	say(`after the first tenth, at rest: ${pretty(before)}`);
	await run(proxy, upstream, MINUTES * 54);
	const limits = Object.fromEntries(
		Object.entries(before).map(([name, n]) => [name, n + MARGIN[name]]),
	);
	if (SANITIZED) limits.kB = Infinity; // what is freed is kept to be watched
	const after = await atRest(proxy.pid, limits, REST_MS);
	say(`at the end, at rest: ${pretty(after)}; allowed ${pretty(limits)}`);
	await endUnderLoad(proxy, upstream);
	report(upstream);
	for (const name of Object.keys(limits))
		assert.ok(after[name] <= limits[name], `${name} grew from ${before[name]} to ${after[name]}`);
	const errors = proxy.log().match(/^.*(level=error|runtime error|Sanitizer).*$/gm) ?? [];
	assert.deepEqual(errors.slice(0, 5), [], 'errors in the log');
	assert.deepEqual(failures, []);
	say('passed');
} catch (err) {
	const log = join(mkdtempSync(join(tmpdir(), 'soak-')), 'log');
	writeFileSync(log, proxy.log());
	say(`the log of the proxy is ${log}`);
	console.log(err);
	say(`FAILED, SEED=${SEED}`);
	proxy.signal('SIGKILL');
	process.exit(1);
}
process.exit(0);
