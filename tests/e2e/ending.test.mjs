// SPDX-License-Identifier: MIT
// The end of the program: SIGTERM lets requests finish, not for ever.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble, readStream, textOf } from './lib/anthropic.mjs';
import { between, seen, silentAfter, stream } from './lib/between.mjs';
import { answers, assertError, assertMessage, get, message, open, rawRequest } from './lib/http.mjs';
import { MAY_RESET } from './lib/proxy.mjs';
import { SLACK, deferred, sleep, until } from './lib/time.mjs';
import { DONE, chunk, sayOk, startEvents, usageChunk } from './lib/upstream.mjs';

test('SIGTERM lets running requests finish and refuses new ones', async () => {
	const release = deferred();
	await between(
		async (call, res) => {
			if (call.json.model === 'plain') {
				await release.promise;
				return sayOk(call, res);
			}
			startEvents(res);
			res.write(chunk({ content: 'first ' }));
			await release.promise;
			res.end(
				chunk({ content: 'last' }) +
					chunk({}, 'stop') +
					usageChunk() +
					DONE,
			);
		},
		{},
		async (proxy) => {
			const o = open(proxy.url + '/v1/messages', { body: stream() });
			const plain = open(proxy.url + '/v1/messages', {
				body: message({ model: 'plain' }),
			});
			await until(() => seen(o).includes('first'), 2000, 'the stream runs');
			proxy.signal('SIGTERM');
			await until(
				() =>
					get(proxy.url, '/health').then(
						() => false,
						(e) => e.code === 'ECONNREFUSED',
					),
				2000,
				'the listener is closed',
			);
			assert.equal(proxy.exited(), null, 'it left before its requests ended');
			release.resolve();
			assert.equal(textOf(readStream(await o.done)), 'first last');
			assertMessage(await plain.done);
			const from = Date.now();
			await proxy.ended;
			assert.ok(
				Date.now() - from < 3000 * SLACK,
				`exit took ${Date.now() - from} ms after the last answer`,
			);
		},
	);
});

test('DRAIN_TIMEOUT ends what still runs with an error event', async () => {
	await between(
		(call, res) => {
			if (call.json.stream) silentAfter('half')(call, res);
		},
		{ DRAIN_TIMEOUT: '1' },
		async (proxy, upstream) => {
			const o = open(proxy.url + '/v1/messages', { body: stream() });
			const plain = open(proxy.url + '/v1/messages', { body: message() });
			await until(
				() => seen(o).includes('half') && upstream.chats().length === 2,
				2000,
				'the requests run',
			);
			const from = Date.now();
			proxy.signal('SIGTERM');
			const a = assemble((await o.done).text);
			assert.deepEqual(a.bad, []);
			assert.equal(textOf(a), 'half');
			assert.ok(a.error, 'no error event');
			const r = await plain.done;
			assert.ok(r.status >= 500, `${r.status}`);
			assertError(r, r.status, JSON.parse(r.text).error.type);
			assert.equal((await proxy.ended).code, 0);
			assert.ok(Date.now() - from < 4000 * SLACK, `${Date.now() - from} ms`);
		},
	);
});

test('a second SIGTERM ends at once', async () => {
	await between(silentAfter('half'), {}, async (proxy) => {
		const o = open(proxy.url + '/v1/messages', { body: stream() });
		await until(() => seen(o).includes('half'), 2000, 'the stream runs');
		proxy.signal('SIGTERM');
		await sleep(200);
		assert.equal(proxy.exited(), null);
		proxy.signal('SIGTERM');
		const from = Date.now();
		assert.equal((await proxy.ended).code, 0);
		assert.ok(Date.now() - from < 2000 * SLACK);
		await o.done.catch(() => {});
	});
});

test('idle kept connections do not hold the end up', async () => {
	await between(sayOk, {}, async (proxy) => {
		const socks = [];
		for (let i = 0; i < 5; i++) {
			const s = net.connect(proxy.port, '127.0.0.1');
			s.on('error', () => {});
			s.write(rawRequest('GET', '/health'));
			await new Promise((r) => s.once('data', r));
			socks.push(s);
		}
		const silent = net.connect(proxy.port, '127.0.0.1');
		silent.on('error', () => {});
		await new Promise((r) => silent.once('connect', r));
		const from = Date.now();
		proxy.signal('SIGTERM');
		await proxy.ended;
		assert.ok(Date.now() - from < 2000 * SLACK, `${Date.now() - from} ms`);
		for (const s of [...socks, silent]) s.destroy();
	});
});

test('SIGINT ends like SIGTERM', async () => {
	await between(sayOk, {}, async (proxy) => {
		proxy.signal('SIGINT');
		assert.deepEqual(await proxy.ended, { code: 0, signal: null });
	});
});

// Sockets with all that they have read.
function connect(port) {
	const s = net.connect(port, '127.0.0.1');
	s.text = '';
	s.on('error', () => {});
	s.on('data', (d) => {
		s.text += d;
	});
	s.gone = new Promise((r) => s.once('close', r));
	return new Promise((r) => s.once('connect', () => r(s)));
}

const question = rawRequest('POST', '/v1/messages', { body: JSON.stringify(message()) });

test('who had just connected is still served, and told to close', async () => {
	await between(sayOk, {}, async (proxy) => {
		const socks = [];
		for (let i = 0; i < 5; i++) socks.push(await connect(proxy.port));
		proxy.signal('SIGTERM');
		await sleep(20);
		for (const s of socks) s.write(question);
		for (const s of socks) {
			await s.gone;
			assert.match(s.text, /^HTTP\/1\.1 200 [^]*"ok"/);
			assert.match(s.text, /\r\nconnection: close\r\n/i);
		}
		await proxy.ended;
	});
});

test('who waited to be accepted when SIGTERM came is served', async () => {
	await between(sayOk, {}, async (proxy) => {
		const socks = [];
		proxy.signal('SIGSTOP');
		for (let i = 0; i < 20; i++) socks.push(await connect(proxy.port));
		for (const s of socks) s.write(question);
		proxy.signal('SIGTERM');
		proxy.signal('SIGCONT');
		for (const s of socks) {
			await s.gone;
			assert.match(s.text, /^HTTP\/1\.1 200 /);
		}
		await proxy.ended;
	});
});

// Closing a listening socket resets who is in its queue by then.
const health = rawRequest('GET', '/health', { headers: { Connection: 'close' } });
const tryHealth = (to) =>
	new Promise((resolve) => {
		const s = net.connect(to);
		let text = '',
			code = '';
		s.on('connect', () => s.write(health));
		s.on('data', (d) => {
			text += d;
		});
		s.on('error', (err) => {
			code = err.code;
		});
		s.on('close', () => {
			if (['ECONNREFUSED', 'ENOENT'].includes(code)) resolve('refused');
			else if (/^HTTP\/1\.1 (200|503) [^]*\r\n\r\n\S+\n$/.test(text)) resolve('answered');
			else resolve(`lost: ${code} ${text}`);
		});
	});

for (const [kind, host] of [
	['IPv4', '127.0.0.1'],
	['IPv6', '::1'],
	['a unix socket', 'unix:'],
])
	test(`whoever could connect while it ends is answered: ${kind}`, { skip: MAY_RESET }, async () => {
		const folder = mkdtempSync(join(tmpdir(), 'anthropic-proxy-ending-'));
		const how = {},
			clients = [];
		const client = async (to) => {
			for (let one = ''; one !== 'refused'; ) {
				one = await tryHealth(to);
				how[one] = (how[one] ?? 0) + 1;
			}
		};
		try {
			for (let round = 0; round < 10; round++) {
				const path = join(folder, `${round}`);
				const HOST = host === 'unix:' ? host + path : host;
				await between(sayOk, { HOST }, async (proxy) => {
					const to = host === 'unix:' ? { path } : { host, port: proxy.port };
					for (let i = 0; i < 24; i++) clients.push(client(to));
					await sleep(100);
					proxy.signal('SIGTERM');
					await proxy.ended;
				});
			}
			await Promise.all(clients); // some try again after a second
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
		assert.deepEqual(Object.keys(how).sort(), ['answered', 'refused'], JSON.stringify(how));
		assert.ok(how.answered > 240, JSON.stringify(how));
	});

// Where the machine is slow, requests wait to be read for longer than a newcomer
// has: the proxy stands still till that is over.
test('whose request has come but is not read yet is served', async () => {
	await between(sayOk, {}, async (proxy) => {
		const socks = [],
			at = question.indexOf('\r\n') + 9;
		for (let i = 0; i < 40; i++) socks.push(await connect(proxy.port));
		await sleep(50);
		proxy.signal('SIGTERM');
		await sleep(200);
		for (const s of socks.slice(20)) s.write(question.slice(0, at));
		await sleep(100);
		proxy.signal('SIGSTOP');
		for (const s of socks.slice(0, 20)) s.write(question);
		for (const s of socks.slice(20)) s.write(question.slice(at));
		await sleep(1200);
		proxy.signal('SIGCONT');
		for (const s of socks) {
			await s.gone;
			assert.match(s.text, /^HTTP\/1\.1 200 /);
		}
		await proxy.ended;
	});
});

test('an upload that goes on when SIGTERM comes is taken to its end', async () => {
	await between(sayOk, {}, async (proxy) => {
		const s = await connect(proxy.port);
		const at = question.length - 8;
		s.write(question.slice(0, at));
		await sleep(50);
		proxy.signal('SIGTERM');
		for (const byte of question.slice(at)) {
			await sleep(200);
			s.write(byte);
		}
		await s.gone;
		assert.match(s.text, /^HTTP\/1\.1 200 [^]*"ok"/);
		await proxy.ended;
	});
});

test('an upload that stands still does not hold the end up', async () => {
	await between(sayOk, {}, async (proxy) => {
		const s = await connect(proxy.port);
		s.write(question.slice(0, -8));
		await sleep(50);
		const from = Date.now();
		proxy.signal('SIGTERM');
		await proxy.ended;
		assert.ok(Date.now() - from < 3000 * SLACK, `${Date.now() - from} ms`);
		s.destroy();
	});
});

// On a connection that was busy when SIGTERM came its next requests still arrive.
test('what follows on a busy connection is refused while it drains, and told to close', async () => {
	const release = deferred();
	await between(
		async (call, res) => {
			await release.promise;
			sayOk(call, res);
		},
		{},
		async (proxy, upstream) => {
			const [first, second, other] = await Promise.all(
				Array.from({ length: 3 }, () => connect(proxy.port)),
			);
			first.write(question + rawRequest('GET', '/health'));
			second.write(question + question);
			other.write(question);
			await until(() => upstream.chats().length === 3, 5000, 'three run');
			proxy.signal('SIGTERM');
			await sleep(200);
			release.resolve();
			for (const s of [first, second, other]) await s.gone;
			for (const [s, status] of [
				[first, 503],
				[second, 529],
			]) {
				const { out, rest } = answers(s.text, ['POST', 'GET']);
				assert.equal(rest, '');
				assert.equal(out[0].status, 200, s.text);
				// told to close already by that answer, or by one that refuses
				if (out.length === 1) assert.match(out[0].headers.connection ?? '', /close/i);
				else {
					assert.equal(out[1].status, status, s.text);
					assert.match(out[1].headers.connection ?? '', /close/i);
				}
			}
			assert.equal(upstream.chats().length, 3);
			await proxy.ended;
		},
	);
});
