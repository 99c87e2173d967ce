// SPDX-License-Identifier: MIT
// As the unit in config/ starts it: credentials, a state directory, a handed-over
// socket, and messages to the manager's datagram socket.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { start } from './lib/children.mjs';
import { assertMessage, get, message, post } from './lib/http.mjs';
import { BINARY } from './lib/proxy.mjs';
import { deferred, sleep, until } from './lib/time.mjs';
import { sayOk, startUpstream } from './lib/upstream.mjs';

// Prints each datagram as one line; Node has no sockets of this kind.
const MANAGER = String.raw`
use Socket; $| = 1;
my ($path) = @ARGV; $path =~ s/^@/\0/;
socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, sockaddr_un($path)) or die $!;
print "bound\n";
while (defined recv(S, $_, 4096, 0)) { s/\n/ /g; print "$_\n" }`;

async function startManager(address) {
	const child = start('perl', ['-e', MANAGER, address]);
	let out = '';
	child.stdout.on('data', (d) => (out += d));
	await until(() => out.startsWith('bound\n'), 5000, 'the manager');
	return { heard: () => out.split('\n').slice(1, -1), stop: () => child.kill() };
}

async function asService(address, folder) {
	const upstream = await startUpstream();
	const manager = await startManager(address);
	const listening = net.createServer().listen(0, '127.0.0.1');
	await new Promise((r) => listening.once('listening', r));
	const credential = join(folder, 'credentials/env');
	const write = (extra = '') => {
		fs.writeFileSync(
			credential,
			`UPSTREAM_BASE_URL=${upstream.url}\nUPSTREAM_API_KEY=sk-credential\n${extra}`,
		);
		fs.chmodSync(credential, 0o400);
	};
	fs.mkdirSync(join(folder, 'credentials'));
	write();
	const child = start(
		'sh',
		['-c', 'LISTEN_PID=$$ exec "$0" --config "$CREDENTIALS_DIRECTORY/env"', BINARY],
		{
			cwd: '/',
			env: {
				PATH: process.env.PATH,
				CREDENTIALS_DIRECTORY: join(folder, 'credentials'),
				STATE_DIRECTORY: join(folder, 'state'),
				NOTIFY_SOCKET: address,
				LISTEN_FDS: '1',
			},
			stdio: ['ignore', 'pipe', 'pipe', listening._handle.fd],
		},
	);
	const ended = new Promise((r) => child.on('close', (...how) => r(how)));
	let log = '';
	child.stderr.on('data', (d) => (log += d));
	const heard = (n) => until(() => manager.heard().length >= n, 5000, `message ${n}: ${log}`);
	const url = `http://127.0.0.1:${listening.address().port}`;
	try {
		await heard(1);
		assert.deepEqual(manager.heard(), ['READY=1']);
		listening.close();
		const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };
		assert.equal((await post(url, body)).status, 200);
		assert.equal(upstream.last().headers.authorization, 'Bearer sk-credential');

		fs.rmSync(credential);
		write('PROXY_API_KEY=a-new-one\n');
		child.kill('SIGHUP');
		await heard(3);
		assert.match(manager.heard()[1], /^RELOADING=1 MONOTONIC_USEC=\d+$/);
		assert.equal(manager.heard()[2], 'READY=1');
		assert.equal((await get(url, '/nowhere')).status, 401);

		fs.rmSync(credential);
		write('PORT=no\n');
		child.kill('SIGHUP');
		await heard(5); // a refused reload ends, too
		assert.equal(manager.heard()[4], 'READY=1');

		child.kill('SIGTERM');
		assert.deepEqual(await ended, [0, null], log);
		await heard(6);
		assert.deepEqual(manager.heard().slice(5), ['STOPPING=1']);
	} finally {
		child.kill('SIGKILL');
		listening.close();
		manager.stop();
		await upstream.stop();
	}
}

// As the manager does: it keeps the socket, and starts the next one when the first
// has ended.
test('who comes to a handed-over socket while one ends is served by the next', async () => {
	const release = deferred();
	const upstream = await startUpstream(async (call, res) => {
		if (call.json.model === 'held') await release.promise;
		sayOk(call, res);
	});
	const listening = net.createServer().listen(0, '127.0.0.1');
	await new Promise((r) => listening.once('listening', r));
	const url = `http://127.0.0.1:${listening.address().port}`;
	const serve = `sh -c 'echo "pid $$"; LISTEN_PID=$$ exec "$0"' "$0"`;
	const child = start('sh', ['-c', `${serve}; ${serve}`, BINARY], {
		env: {
			PATH: process.env.PATH,
			LISTEN_FDS: '1',
			UPSTREAM_BASE_URL: upstream.url,
			UPSTREAM_API_KEY: 'sk-up',
		},
		stdio: ['ignore', 'pipe', 'pipe', listening._handle.fd],
	});
	let log = '';
	for (const from of [child.stdout, child.stderr]) from.on('data', (d) => (log += d));
	const ended = new Promise((r) => child.on('close', (...how) => r(how)));
	const pids = () => Array.from(log.matchAll(/^pid (\d+)$/gm), (m) => Number(m[1]));
	try {
		await until(() => log.includes('listening on'), 5000, 'the first');
		listening.close();
		const held = post(url, message({ model: 'held' }));
		await until(() => upstream.chats().length === 1, 5000, 'a request');
		process.kill(pids()[0], 'SIGTERM');
		await until(() => log.includes('stopping'), 5000, 'its end');
		await sleep(100);
		const later = Array.from({ length: 5 }, () => post(url, message()));
		await sleep(100);
		assert.equal(upstream.chats().length, 1);
		release.resolve();
		for (const r of await Promise.all([held, ...later])) assertMessage(r);
		assert.equal(pids().length, 2, log);
		process.kill(pids()[1], 'SIGTERM');
		assert.deepEqual(await ended, [0, null], log);
	} finally {
		for (const pid of pids())
			try {
				process.kill(pid, 'SIGKILL');
			} catch {} // it has ended
		listening.close();
		await upstream.stop();
	}
});

for (const kind of ['a path', 'an abstract name'])
	test(`the manager hears of start, reload and end by ${kind}`, async () => {
		const folder = fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-unit-'));
		const address =
			kind === 'a path' ? join(folder, 'notify') : `@anthropic-proxy-${process.pid}`;
		try {
			await asService(address, folder);
		} finally {
			fs.rmSync(folder, { recursive: true, force: true });
		}
	});
