// SPDX-License-Identifier: MIT
// What is scarce: connections, descriptors, memory, threads.  A request may be
// refused for want of them, the process stays, quiet and idle.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { between, seen, stream } from './lib/between.mjs';
import { assertError, assertMessage, get, message, open, post, rawRequest } from './lib/http.mjs';
import { ROOT_DIR } from './lib/proxy.mjs';
import { PACE, deferred, sleep, until } from './lib/time.mjs';
import { DONE, chunk, drained, sayOk, startEvents } from './lib/upstream.mjs';

// Sanitizers and valgrind have limits and memory of their own.
const plain = PACE === 1 && existsSync('/proc/self/fd') ? false : 'not under a sanitizer';
const ticks = (pid) => {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
	return Number(fields[11]) + Number(fields[12]);
};
const residentKB = (pid) =>
	Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/RssAnon:\s+(\d+)/)[1]);

// A connection that has asked for /health and stays; text is what it read.
function connect(port, bytes = rawRequest('GET', '/health')) {
	const s = net.connect(port, '127.0.0.1');
	s.text = '';
	s.gone = false;
	s.on('error', () => {});
	s.on('data', (d) => {
		s.text += d;
	});
	s.on('close', () => {
		s.gone = true;
	});
	s.write(bytes);
	return s;
}

// A stream that says a and ends when it is released.
const heldStream = (release) => async (call, res) => {
	startEvents(res);
	res.write(chunk({ content: 'a' }));
	await release.promise;
	res.end(chunk({}, 'stop') + DONE);
};

test('a flood past MAX_CONNECTIONS is refused and served again after it', async () => {
	const release = deferred();
	await between(
		async (call, res) => {
			await release.promise;
			sayOk(call, res);
		},
		{ MAX_CONNECTIONS: '4' },
		async (proxy, upstream) => {
			const held = Array.from({ length: 4 }, () =>
				open(proxy.url + '/v1/messages', { body: message() }),
			);
			await until(() => upstream.chats().length === 4, 5000, 'four run');
			const before = proxy.log().length;
			const statuses = {};
			for (let round = 0; round < 5; round++) {
				const all = await Promise.all(
					Array.from({ length: 100 }, () =>
						post(proxy.url, message()).catch((err) => err),
					),
				);
				for (const r of all) {
					const how = r.status ?? r.code;
					statuses[how] = (statuses[how] ?? 0) + 1;
					if (r.status) assertError(r, 529, 'overloaded_error');
				}
			}
			// Past the slots for refusals the library closes what it accepts.
			assert.ok(statuses[529] >= 64, JSON.stringify(statuses));
			assert.deepEqual(
				Object.keys(statuses).filter((k) => !['529', 'ECONNRESET', 'EPIPE'].includes(k)),
				[],
			);
			const said = proxy.log().slice(before);
			assert.ok(said.split('\n').length <= statuses[529] + 2, 'more than a line each');
			assert.equal(upstream.chats().length, 4);
			release.resolve();
			for (const o of held) assertMessage(await o.done);
			await until(
				() => post(proxy.url, message()).then((r) => r.status === 200, () => false),
				5000,
				'room again',
			);
		},
	);
});

test('MAX_CONNECTIONS follows the limit of open files', { skip: plain }, async () => {
	const release = deferred();
	// (200 - 128) / 6
	await between(
		heldStream(release),
		{},
		async (proxy, upstream) => {
			const held = Array.from({ length: 12 }, () =>
				open(proxy.url + '/v1/messages', { body: stream() }),
			);
			await until(() => upstream.chats().length === 12, 5000, 'twelve run');
			const more = await Promise.all(
				Array.from({ length: 40 }, () => post(proxy.url, message())),
			);
			for (const r of more) assertError(r, 529, 'overloaded_error');
			assert.ok(readdirSync(`/proc/${proxy.pid}/fd`).length <= 200);
			release.resolve();
			for (const o of held) assert.equal(textOf(readStream(await o.done)), 'a');
		},
		{ limits: 'ulimit -n 200' },
	);
});

test('where descriptors are too few to serve it says so and does not start', { skip: plain }, async () => {
	await assert.rejects(
		between(sayOk, {}, () => {}, { limits: 'ulimit -n 64' }),
		/exit 1\): .*the limit of open files \(64\) is too low to serve/s,
	);
});

const prlimit = spawnSync('prlimit', ['--version']).status === 0 ? plain : 'no prlimit';

test('out of descriptors it waits, idle and quiet, and goes on after', { skip: prlimit }, async () => {
	await between(
		sayOk,
		{ DEBUG: '1' },
		async (proxy) => {
			const { length } = readdirSync(`/proc/${proxy.pid}/fd`);
			execFileSync('prlimit', ['--pid', String(proxy.pid), `--nofile=${length + 4}:`]);
			const sockets = [];
			for (let i = 0; i < 12; i++) {
				sockets.push(connect(proxy.port));
				await sleep(30);
			}
			const served = () => sockets.filter((s) => s.text.includes('OK')).length;
			assert.ok(served() > 0 && served() < 12, `${served()} served`);
			const from = ticks(proxy.pid),
				bytes = proxy.log().length;
			await sleep(2000);
			assert.ok(ticks(proxy.pid) - from < 20, `${ticks(proxy.pid) - from} ticks in 2 s`);
			assert.ok(proxy.log().length - bytes < 20000, 'a flooded log');
			assert.equal(proxy.log().match(/level=warn.*Too many open files/g).length, 1);
			while (served() < 12) {
				const done = sockets.filter((s) => s.text.includes('OK') && !s.gone);
				assert.ok(done.length > 0, `stuck after ${served()}`);
				for (const s of done) s.destroy();
				const had = served();
				await until(() => served() > had, 5000, 'the next ones');
			}
			for (const s of sockets) s.destroy();
		},
		{ allow: [/Too many open files/] },
	);
});

test('a body that memory does not hold costs its request and no other', { skip: plain }, async () => {
	await between(
		sayOk,
		{},
		async (proxy) => {
			const ask = (n) =>
				post(proxy.url, message({ messages: [{ role: 'user', content: 'x'.repeat(n) }] }));
			for (let i = 0; i < 3; i++) {
				assertError(await ask(30e6), 500, 'api_error', /memory/);
				assertMessage(await ask(1e6));
				assert.equal((await get(proxy.url, '/health')).status, 200);
			}
		},
		{ limits: 'ulimit -v 120000', allow: [/out of memory: a log line is lost/] },
	);
});

test('threads that cannot be had cost their requests and no other', { skip: plain }, async () => {
	const release = deferred();
	await between(
		heldStream(release),
		{},
		async (proxy, upstream) => {
			const ask = () => {
				const o = open(proxy.url + '/v1/messages', { body: stream() });
				o.settled = false;
				o.answer = o.done
					.catch((err) => ({ status: err.code, cut: true }))
					.finally(() => {
						o.settled = true;
					});
				return o;
			};
			const runs = (o) => seen(o).includes('"a"');
			const first = ask();
			await until(() => runs(first), 10000, 'the first');
			const asked = Array.from({ length: 250 }, ask);
			await until(() => asked.every((o) => o.settled || runs(o)), 30000, 'all run or are refused');
			// Those that run wait, and so does the proxy.
			const idle = async () => {
				const from = ticks(proxy.pid);
				await sleep(1000);
				return ticks(proxy.pid) - from < 20;
			};
			await until(idle, 10000, 'an idle proxy');
			release.resolve();
			let whole = 0,
				lost = 0;
			for (const o of asked) {
				const r = await o.answer;
				if (r.status === 200 && !readStream(r).error) {
					assert.equal(textOf(readStream(r)), 'a');
					whole++;
					continue;
				}
				// Or cut: there was not even a thread to refuse it with.
				if (r.status !== 200 && !r.cut) {
					assert.notEqual(r.text, '', JSON.stringify(r));
					assert.equal(JSON.parse(r.text).type, 'error');
				}
				lost++;
			}
			// Whether any of them had both its threads is chance.
			assert.ok(lost > 0, `${whole} whole, ${lost} lost`);
			assert.equal(textOf(readStream(await first.answer)), 'a');
			upstream.script(sayOk);
			await until(
				() => post(proxy.url, message()).then((r) => r.status === 200, () => false),
				20000,
				'room again',
			);
			for (let i = 0; i < 5; i++) assertMessage(await post(proxy.url, message()));
		},
		{ limits: 'ulimit -v 200000', allow: [/out of memory: a log line is lost/] },
	);
});

test("the manual names each limit's setting", () => {
	const read = (name) => readFileSync(join(ROOT_DIR, name), 'utf8');
	const [, limits] = read('man/anthropic-proxy.env.5').match(/^\.Sh LIMITS\n([^]*?)^\.Sh /m);
	const names = read('src/app/variables.c').match(/\b(MAX_[A-Z_]+|[A-Z_]+_(TIMEOUT|INTERVAL))\b(?=", &)/g);
	assert.ok(names.length >= 12, names.join());
	for (const name of names) assert.match(limits, new RegExp(`Ev ${name} Ta`), name);
});

test('a stream of 100 MB passes through a small memory', { skip: plain }, async () => {
	const piece = chunk({ content: 'z'.repeat(50000) });
	const pieces = 2000;
	await between(
		async (call, res) => {
			startEvents(res);
			for (let i = 0; i < pieces && !call.closed; i++)
				if (!res.write(piece)) await drained(res);
			res.end(chunk({}, 'stop') + DONE);
		},
		{},
		async (proxy) => {
			const o = open(proxy.url + '/v1/messages', { body: stream(), reading: false });
			await o.head;
			let bytes = 0,
				tail = '',
				most = 0;
			for await (const d of o.response) {
				bytes += d.length;
				tail = (tail + d.toString('latin1')).slice(-400);
				most = Math.max(most, residentKB(proxy.pid));
			}
			assert.ok(bytes > pieces * 50000, `${bytes} bytes`);
			assert.match(tail, /event: message_stop\n/);
			assert.ok(most < 20000, `${most} kB`);
		},
	);
});
