// SPDX-License-Identifier: MIT
// A real haproxy with config/haproxy.cfg, before proxies of the test.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './children.mjs';
import { ROOT_DIR } from './proxy.mjs';
import { until } from './time.mjs';
import { closedPort } from './upstream.mjs';

const CONFIG = join(ROOT_DIR, 'config/haproxy.cfg');
const NAMES = ['one', 'two', 'three'];

export const HAPROXY = ['/usr/sbin/haproxy', '/usr/bin/haproxy', '/usr/local/sbin/haproxy'].find(
	(p) => existsSync(p),
);

// The configuration alone; returns what haproxy has against it.
export function checkConfig() {
	const r = spawnSync(HAPROXY, ['-c', '-f', CONFIG], { encoding: 'utf8' });
	return { status: r.status, text: r.stdout + r.stderr };
}

// Asks the admin socket one thing.
function ask(path, command) {
	return new Promise((resolve, reject) => {
		const s = net.connect(path, () => s.end(command + '\n'));
		let text = '';
		s.on('data', (d) => {
			text += d;
		});
		s.on('error', reject);
		s.on('close', () => resolve(text));
	});
}

// ports: of three proxies.
export async function startBalancer(ports) {
	const dir = mkdtempSync(join(tmpdir(), 'anthropic-proxy-balancer-'));
	const admin = join(dir, 'admin.sock');
	const port = await closedPort();
	const env = { BALANCER_LISTEN: `127.0.0.1:${port}`, BALANCER_ADMIN: admin };
	ports.forEach((p, i) => {
		env[`PROXY_${NAMES[i].toUpperCase()}`] = `127.0.0.1:${p}`;
	});
	const child = start(HAPROXY, ['-db', '-f', CONFIG], { env });
	let log = '',
		exit = null;
	for (const from of [child.stdout, child.stderr])
		from.on('data', (d) => {
			log += d;
		});
	child.on('close', (code) => {
		exit = code ?? -1;
	});

	// name → UP or DOWN, as its checks see it
	async function states() {
		const rows = (await ask(admin, 'show stat proxies 4 -1')).split('\n');
		const at = rows[0].split(',').indexOf('status');
		return Object.fromEntries(
			rows.slice(1).map((r) => [r.split(',')[1], r.split(',')[at]]),
		);
	}
	// The socket's file is there before it listens.
	const answers = () => ask(admin, 'show info').catch(() => exit !== null);
	await until(answers, 5000, 'haproxy');
	assert.equal(exit, null, log);
	return {
		url: `http://127.0.0.1:${port}`,
		log: () => log,
		states,
		ask: (command) => ask(admin, command),
		allUp: () =>
			until(
				async () => {
					const now = await states();
					return NAMES.every((n) => /^UP/.test(now[n] ?? ''));
				},
				10000,
				'all servers are up',
			),
		async stop() {
			child.kill('SIGKILL');
			await until(() => exit !== null, 5000, 'the end of haproxy');
			rmSync(dir, { recursive: true, force: true });
		},
	};
}
