// SPDX-License-Identifier: MIT
// What the serving process gives up, and that all it needs still works.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { start } from './lib/children.mjs';
import { get, post } from './lib/http.mjs';
import { BINARY, startProxy, withProxy } from './lib/proxy.mjs';
import { until } from './lib/time.mjs';
import { sayOk, startUpstream } from './lib/upstream.mjs';

const ASK = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const ask = (proxy) => post(proxy.url, ASK);

const folder = fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-sandbox-'));
const upstreams = [];
async function begin(...script) {
	upstreams.push(await startUpstream(...script));
	return upstreams.at(-1);
}
after(async () => {
	for (const upstream of upstreams) await upstream.stop();
	fs.rmSync(folder, { recursive: true, force: true });
});
const path = (name) => join(folder, name);
const write = (name, text) => fs.writeFileSync(path(name), text, { mode: 0o600 });
// As editors and secret managers do it: another file under the same name.
const replace = (name, text) => {
	write(`${name}.new`, text);
	fs.renameSync(path(`${name}.new`), path(name));
};

const field = (file, name) =>
	fs.readFileSync(file, 'utf8').match(new RegExp(`^${name}:\\s*(\\d+)$`, 'm'))[1];
const childrenOf = (pid) =>
	fs
		.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
		.split(' ')
		.filter((id) => id !== '');

// What this kernel and build have of it; the rest must do without.
const probe = await startProxy('http://127.0.0.1:1', { DEBUG: '1' });
const closed = /sandbox: seccomp, Landlock \d/.test(probe.log());
await probe.stop();
const sandboxed = (name, body) => test(name, { skip: closed ? false : 'no sandbox here' }, body);

sandboxed('every thread has no_new_privs and a seccomp filter, and the broker, too', async () => {
	const upstream = await begin();
	await withProxy(upstream.url, {}, async (proxy) => {
		await Promise.all(Array.from({ length: 8 }, () => ask(proxy)));
		const brokers = childrenOf(proxy.pid);
		assert.equal(brokers.length, 1);
		let n = 0;
		for (const pid of [proxy.pid, ...brokers])
			for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
				const status = `/proc/${pid}/task/${thread}/status`;
				assert.equal(field(status, 'NoNewPrivs'), '1', status);
				assert.equal(field(status, 'Seccomp'), '2', status);
				n++;
			}
		assert.ok(n >= 5, `${n} threads`);
		// its socket, and /dev/null three times
		assert.equal(fs.readdirSync(`/proc/${brokers[0]}/fd`).length, 4);
	});
});

// What is inherited takes the low numbers, so that all of ours are high.
sandboxed('it starts in the background and ends though much is open already', async () => {
	const home = fs.mkdtempSync(path('open-'));
	const file = fs.openSync('/dev/null', 'r');
	const env = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home };
	const run = (...args) => {
		const child = start(BINARY, args, {
			env,
			stdio: ['ignore', 'ignore', 'ignore', ...Array(400).fill(file)],
		});
		let code = null;
		child.on('exit', (n) => {
			code = n;
		});
		return until(() => code !== null, 10000, args.join(' ')).then(() => code);
	};
	assert.equal(await run('--demo', '--daemon', '-p', '0'), 0);
	assert.equal(await run('stop'), 0);
	fs.closeSync(file);
});

sandboxed('SANDBOX=0 leaves all as it was', async () => {
	const upstream = await begin();
	await withProxy(upstream.url, { SANDBOX: '0' }, async (proxy) => {
		const status = `/proc/${proxy.pid}/status`;
		assert.equal((await ask(proxy)).status, 200);
		assert.equal(field(status, 'NoNewPrivs'), '0');
		assert.equal(field(status, 'Seccomp'), '0');
		assert.deepEqual(childrenOf(proxy.pid), []);
		assert.match(proxy.log(), /sandbox: off/);
	});
});

// Which key the upstream was shown, after a SIGHUP that was logged.
async function keyAfterReload(proxy, upstream) {
	const before = proxy.log().length;
	proxy.signal('SIGHUP');
	await until(() => /msg="upstream /.test(proxy.log().slice(before)), 5000, 'the reload');
	assert.equal((await ask(proxy)).status, 200);
	return upstream.last().headers.authorization.replace('Bearer ', '');
}

test('SIGHUP reads .env and key files that were replaced or are new', async () => {
	const upstream = await begin();
	write('key', 'sk-first');
	await withProxy(
		upstream.url,
		{ UPSTREAM_API_KEY: undefined, HOME: folder },
		async (proxy) => {
			const again = () => keyAfterReload(proxy, upstream);

			replace('.anthropic-proxy.env', 'UPSTREAM_API_KEY=sk-home\n');
			assert.equal(await again(), 'sk-home');
			replace('.anthropic-proxy.env', 'UPSTREAM_API_KEY=sk-home-2\n');
			assert.equal(await again(), 'sk-home-2');
			fs.writeFileSync(join(proxy.home, '.env'), 'UPSTREAM_API_KEY=sk-here\n');
			assert.equal(await again(), 'sk-here');
		},
	);
	const settings = { UPSTREAM_API_KEY: undefined, UPSTREAM_API_KEY_FILE: path('key') };
	await withProxy(upstream.url, settings, async (proxy) => {
		assert.equal((await ask(proxy)).status, 200);
		replace('key', 'sk-second');
		assert.equal(await keyAfterReload(proxy, upstream), 'sk-second');
		fs.rmSync(path('key'));
		assert.equal(await keyAfterReload(proxy, upstream), 'sk-second');
		assert.match(proxy.log(), /old settings stay: .*key: No such file/);
	}, { allow: [/old settings stay/] });
	fs.rmSync(path('.anthropic-proxy.env'));
});

sandboxed('a file that was not named at the start cannot be read', async () => {
	const upstream = await begin();
	write('other-key', 'sk-other');
	await withProxy(
		upstream.url,
		{ UPSTREAM_API_KEY: undefined, HOME: folder },
		async (proxy) => {
			const reload = async (line, complaint) => {
				const before = proxy.log().length;
				fs.writeFileSync(join(proxy.home, '.env'), line);
				proxy.signal('SIGHUP');
				await until(
					() => complaint.test(proxy.log().slice(before)),
					5000,
					`the complaint; log: ${proxy.log()}`,
				);
			};

			await reload(
				`UPSTREAM_API_KEY_FILE=${path('other-key')}\n`,
				/old settings stay: UPSTREAM_API_KEY_FILE: .*Permission denied, for the sandbox.*restart/,
			);
			await reload(
				`SSL_CERT_FILE=${path('other-key')}\n`,
				/old settings stay: SSL_CERT_FILE: .*Permission denied, for the sandbox.*restart/,
			);
			assert.ok(!proxy.log().includes('sk-other'));
		},
		{ allow: [/old settings stay/] },
	);
});

test('lessons are kept in a state folder that did not exist', async () => {
	const upstream = await begin((call, res) => {
		if (call.json.max_tokens === undefined) return sayOk(call, res);
		res.writeHead(400, { 'content-type': 'application/json' });
		res.end(
			JSON.stringify({
				error: {
					message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
					type: 'invalid_request_error',
					param: 'max_tokens',
					code: 'unsupported_parameter',
				},
			}),
		);
	});
	await withProxy(upstream.url, { STATE_DIR: path('a/b/state') }, async (proxy) => {
		assert.equal((await ask(proxy)).status, 200);
		await until(() => fs.existsSync(path('a/b/state/lessons')), 5000, 'the lessons');
		assert.deepEqual(fs.readdirSync(path('a/b/state')), ['lessons']);
	});
});

function makeCertificate(name) {
	const files = ['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)];
	execFileSync(
		'openssl',
		[
			...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
			...['-nodes', '-days', '2', '-subj', '/CN=localhost'],
			...['-addext', 'subjectAltName=DNS:localhost', ...files],
		],
		{ stdio: 'pipe' },
	);
	return {
		key: fs.readFileSync(path(`${name}.key`)),
		cert: fs.readFileSync(path(`${name}.pem`)),
	};
}

test('names are resolved and certificates checked by an own CA file, replaced as well', async () => {
	const first = makeCertificate('first'),
		second = makeCertificate('second');
	const server = https.createServer(first, (req, res) => {
		req.resume();
		req.on('end', () => sayOk({ json: {} }, res));
	});
	await new Promise((r) => server.listen(0, 'localhost', r));
	upstreams.push({ stop: () => server.closeAllConnections() ?? server.close() });
	fs.mkdirSync(path('ca'));
	replace('ca/ca.pem', first.cert);
	const settings = { SSL_CERT_FILE: path('ca/ca.pem'), MAX_RETRIES: '0' };
	await withProxy(`https://localhost:${server.address().port}`, settings, async (proxy) => {
		assert.equal((await ask(proxy)).status, 200);
		server.setSecureContext(second);
		server.closeAllConnections();
		replace('ca/ca.pem', second.cert);
		const before = proxy.log().length;
		proxy.signal('SIGHUP');
		await until(() => /msg="upstream /.test(proxy.log().slice(before)), 5000, 'reload');
		assert.equal((await ask(proxy)).status, 200);
	});
});

test('pid and socket files are removed at the end, with or without the sandbox', async () => {
	for (const SANDBOX of ['1', '0']) {
		const child = start(BINARY, ['--demo', '--pid-file', path('pid')], {
			env: { PATH: process.env.PATH, HOME: folder, HOST: `unix:${path('s')}`, SANDBOX },
			cwd: folder,
		});
		let err = '';
		child.stderr.on('data', (d) => (err += d));
		const ended = new Promise((r) => child.on('close', (...how) => r(how)));
		await until(() => err.includes('listening on '), 5000, 'listening');
		for (const name of ['pid', 'pid.info', 's'])
			assert.ok(fs.existsSync(path(name)), `no ${name}`);
		child.kill('SIGTERM');
		assert.deepEqual(await ended, [0, null], err);
		for (const name of ['pid', 'pid.info', 's'])
			assert.ok(!fs.existsSync(path(name)), `${name} was left`);
	}
});

sandboxed('the broker ends with a proxy that is killed', async () => {
	const proxy = await startProxy('http://127.0.0.1:1');
	const [broker] = childrenOf(proxy.pid);
	proxy.signal('SIGKILL');
	await proxy.ended;
	await until(() => !fs.existsSync(`/proc/${broker}/fd/0`), 5000, 'its end');
	fs.rmSync(proxy.home, { recursive: true, force: true });
});

sandboxed('signals to the whole group leave the broker to its client', async () => {
	await withProxy('http://127.0.0.1:1', {}, async (proxy) => {
		const [broker] = childrenOf(proxy.pid);
		for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.kill(broker, signal);
		fs.writeFileSync(join(proxy.home, '.env'), 'PROXY_API_KEY=a-new-key\n');
		proxy.signal('SIGHUP');
		const isRefused = async () => (await get(proxy.url, '/nowhere')).status === 401;
		await until(isRefused, 5000, 'the new key');
	});
});
