// SPDX-License-Identifier: MIT
// The command line, the daemon and the demo, as a user meets them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { start } from './lib/children.mjs';
import { get, post } from './lib/http.mjs';
import { BINARY, withProxy } from './lib/proxy.mjs';
import { SLACK, until } from './lib/time.mjs';

const PASSED_ON = [
	'PATH',
	'SANDBOX',
	'ASAN_OPTIONS',
	'UBSAN_OPTIONS',
	'TSAN_OPTIONS',
	'LSAN_OPTIONS',
];

// A folder that is home, working and run-time folder of what runs in it; the
// daemon that may be left in it ends with the test.
async function inFolder(body) {
	const folder = fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-cli-'));
	const kept = Object.fromEntries(
		PASSED_ON.filter((k) => process.env[k]).map((k) => [k, process.env[k]]),
	);
	const env = { ...kept, HOME: folder, XDG_RUNTIME_DIR: folder, STATE_DIR: '' };
	const path = (name) => join(folder, name);
	const begin = (args, more = {}) =>
		start(BINARY, args, { cwd: folder, env: { ...env, ...more } });
	const run = async (args, more = {}) => {
		const child = begin(args, more);
		let out = '',
			err = '';
		child.stdout.on('data', (d) => (out += d));
		child.stderr.on('data', (d) => (err += d));
		const limit = setTimeout(() => child.kill('SIGKILL'), 20000 * SLACK);
		const [code, signal] = await new Promise((r) =>
			child.on('close', (...how) => r(how)),
		);
		clearTimeout(limit);
		assert.equal(signal, null, `${args.join(' ')} ended by ${signal}: ${err}`);
		return { code, out, err };
	};
	try {
		return await body({ run, begin, path, env });
	} finally {
		await run(['stop']).catch(() => {});
		fs.rmSync(folder, { recursive: true, force: true });
	}
}

const oneLine = (text) => assert.match(text, /^anthropic-proxy: [^\n]+\n$/);
const address = (text) => text.match(/listening on (http:\/\/\S+)/)[1];
const isAlive = (pid) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};
const mode = (file) => fs.statSync(file).mode & 0o777;

test('--help and --version print to standard output and exit 0', () =>
	inFolder(async ({ run }) => {
		for (const flag of ['--help', '-h']) {
			const r = await run([flag]);
			assert.equal(r.code, 0);
			assert.equal(r.err, '');
			assert.match(r.out, /^usage: anthropic-proxy /);
			for (const word of [
				'-c',
				'-d',
				'-v',
				'-p',
				'--config',
				'--debug',
				'--verbose',
				'--port',
				'--host',
				'--daemon',
				'--pid-file',
				'--log-file',
				'--demo',
				'--help',
				'--version',
				'stop',
				'status',
				'config',
				'doctor',
				'--json',
				'--write',
				'--model',
				'replay',
				'--print',
			])
				assert.ok(r.out.includes(word), `${word} is not in the help`);
		}
		for (const flag of ['--version', '-V'])
			assert.match((await run([flag])).out, /^anthropic-proxy \d+\.\d+\.\d+\n$/);
	}));

test('a wrong option, command or value is one line on stderr and exit 2', () =>
	inFolder(async ({ run, path }) => {
		fs.writeFileSync(path('bad.env'), 'PORT=1\nnonsense\n');
		const cases = [
			[['--frob'], {}, /--frob/],
			[['-z'], {}, /-z/],
			[['frob'], {}, /frob/],
			[['--port'], {}, /--port needs a value/],
			[['--demo', '--port', 'http'], {}, /--port: "http".*0 to 65535/],
			[['--demo', '-p', '65536'], {}, /--port: "65536".*0 to 65535/],
			[['--demo', '--host', '0.0.0.0'], {}, /PROXY_API_KEY/],
			[['--demo', '--host', '::'], {}, /PROXY_API_KEY/],
			[['stop', '--demo'], {}, /--demo does not go with stop/],
			[[], {}, /UPSTREAM_BASE_URL/],
			[['--daemon'], {}, /UPSTREAM_BASE_URL/],
			[['--demo', '--config', 'none.env'], {}, /none\.env: No such file/],
			[['--demo', '--config', 'bad.env'], {}, /bad\.env:2: /],
			[['status', '--config', 'none.env'], {}, /none\.env: No such file/],
			[['--demo'], { DEBUG: 'maybe' }, /DEBUG: "maybe".*true/],
			[['--demo'], { MAX_RETRIES: '-1' }, /MAX_RETRIES: "-1".*0 to 20/],
			[['--demo', '--daemon'], { PORT: 'x' }, /PORT: "x"/],
			[[], { UPSTREAM_BASE_URL: 'ftp://x' }, /UPSTREAM_BASE_URL: "ftp:\/\/x".*http/],
			[['--demo'], { PROXY_API_KEY: 'sk hidden' }, /^(?!.*hidden).*PROXY_API_KEY/],
		];
		for (const [args, env, pattern] of cases) {
			const r = await run(args, env);
			assert.equal(r.code, 2, `${args.join(' ')}: exit ${r.code} ${r.err}`);
			assert.equal(r.out, '');
			oneLine(r.err);
			assert.match(r.err, pattern);
		}
	}));

test('what cannot be had is one line on stderr and exit 1', () =>
	inFolder(async ({ run, path }) => {
		const taken = net.createServer().listen(0, '127.0.0.1');
		await new Promise((r) => taken.once('listening', r));
		const port = String(taken.address().port);
		fs.symlinkSync(path('elsewhere'), path('link'));
		const cases = [
			[['--demo', '-p', port], {}, new RegExp(port)],
			[['--demo', '--daemon', '-p', port], {}, new RegExp(port)],
			[['--demo'], { UPSTREAM_API_KEY_FILE: 'none' }, /UPSTREAM_API_KEY_FILE: none: No such/],
			[['--demo'], { SSL_CERT_FILE: '/none' }, /SSL_CERT_FILE: \/none: No such/],
			[['--demo', '-p0', '--log-file', path('link')], {}, /LOG_FILE: .*link/],
			[['--demo', '-p0', '--daemon', '--log-file', path('link')], {}, /LOG_FILE: .*link/],
			[['--demo', '-p0', '--pid-file', path('link')], {}, /PID_FILE: .*link/],
			[['--demo', '-p0', '--daemon', '--pid-file', path('link')], {}, /PID_FILE: .*link/],
		];
		for (const [args, env, pattern] of cases) {
			const r = await run(args, env);
			assert.equal(r.code, 1, `${args.join(' ')}: exit ${r.code} ${r.err}`);
			oneLine(r.err);
			assert.match(r.err, pattern);
		}
		assert.ok(!fs.existsSync(path('elsewhere')), 'a link was followed');
		assert.ok(!fs.existsSync(path('anthropic-proxy.pid')), 'a pid file was left');
		taken.close();
	}));

test('config prints each value with its origin, secrets as fingerprints', () =>
	inFolder(async ({ run, path }) => {
		fs.writeFileSync(path('.env'), '# mine\nexport MAX_RETRIES=4\nPORT=1\n');
		const r = await run(['config', '-p', '4001'], {
			UPSTREAM_BASE_URL: 'https://api.example/v1',
			UPSTREAM_API_KEY: 'sk-hidden-key',
			PORT: '2',
		});
		assert.equal(r.code, 0);
		assert.equal(r.err, '');
		for (const line of [
			'MAX_RETRIES=4  # from ./.env line 2',
			'PORT=4001  # from --port',
			'IDLE_TIMEOUT=300  # default',
			'UPSTREAM_BASE_URL=https://api.example/v1  # from the environment; requests go to https://api.example/v1/chat/completions',
		])
			assert.ok(r.out.split('\n').includes(line), `${line}\nis not in\n${r.out}`);
		assert.match(r.out, /^UPSTREAM_API_KEY=sha256:[0-9a-f]{8} {2}# from the environment$/m);
		assert.ok(!r.out.includes('hidden'));
	}));

test('a daemon starts, tells its status, and stops', () =>
	inFolder(async ({ run, path }) => {
		const started = await run(['--demo', '--daemon', '-p', '0']);
		assert.equal(started.code, 0, started.err);
		const url = address(started.err);
		assert.equal((await get(url, '/health')).status, 200);
		const pid = Number(fs.readFileSync(path('anthropic-proxy.pid'), 'utf8'));
		assert.equal(mode(path('anthropic-proxy.pid')), 0o600);
		assert.equal(mode(path('anthropic-proxy.log')), 0o600);
		assert.ok(
			fs
				.readFileSync(path('anthropic-proxy.log'), 'utf8')
				.includes(`listening on ${url}`),
		);

		const status = await run(['status']);
		assert.equal(status.code, 0);
		assert.match(
			status.out,
			new RegExp(`^running: pid ${pid}, ${url}, up \\d+s, upstream demo, 0 requests \\(0 failed\\), 0 running, 0 tokens in \\(0 cached\\), 0 out\n$`),
		);

		const second = await run(['--demo', '--daemon', '-p', '0']);
		assert.equal(second.code, 1);
		oneLine(second.err);
		assert.match(second.err, new RegExp(`already running: pid ${pid} `));

		const stopped = await run(['stop']);
		assert.equal(stopped.code, 0, stopped.err);
		await until(() => !isAlive(pid), 2000, 'the daemon is gone');
		assert.ok(!fs.existsSync(path('anthropic-proxy.pid')));
		assert.ok(!fs.existsSync(path('anthropic-proxy.pid.info')));
		assert.equal((await run(['stop'])).code, 1);
	}));

test('a daemon is found by the pid file it was given', () =>
	inFolder(async ({ run, path }) => {
		const file = ['--pid-file', path('sub/folder/p.pid')];
		assert.equal(
			(await run(['--demo', '--daemon', '-p', '0', '--log-file', path('l'), ...file])).code,
			0,
		);
		assert.equal((await run(['stop'])).code, 1);
		assert.equal((await run(['status', ...file])).code, 0);
		assert.equal((await run(['status'], { PID_FILE: file[1] })).code, 0);
		assert.equal((await run(['stop', ...file])).code, 0);
		assert.ok(fs.existsSync(path('l')));
	}));

test('two daemons that start at once: one runs, one says why not', () =>
	inFolder(async ({ run }) => {
		const both = await Promise.all(
			[1, 2].map(() => run(['--demo', '--daemon', '-p', '0'])),
		);
		assert.deepEqual(both.map((r) => r.code).sort(), [0, 1]);
		assert.match(both.find((r) => r.code === 1).err, /already running/);
		assert.equal((await run(['stop'])).code, 0);
	}));

test('a stale pid file harms nobody and does not hinder the next daemon', () =>
	inFolder(async ({ run, path }) => {
		const bystander = start('sleep', ['60'], {});
		fs.writeFileSync(path('anthropic-proxy.pid'), `${bystander.pid}\n`);
		for (const command of ['status', 'stop']) {
			const r = await run([command]);
			assert.equal(r.code, 1);
			assert.match(r.out + r.err, /stale pid file .*anthropic-proxy\.pid/);
		}
		assert.ok(isAlive(bystander.pid), 'another program was stopped');
		for (const text of ['', 'x', '-1', '0', '1', '99999999999999999999\n']) {
			fs.writeFileSync(path('anthropic-proxy.pid'), text);
			assert.equal((await run(['stop'])).code, 1, text);
		}
		assert.equal((await run(['--demo', '--daemon', '-p', '0'])).code, 0);
		assert.equal((await run(['stop'])).code, 0);
		assert.ok(isAlive(bystander.pid), 'another program was stopped');
		bystander.kill();
	}));

test('stop and status do not follow a link in place of the pid file', () =>
	inFolder(async ({ run, path }) => {
		fs.writeFileSync(path('other'), `${process.pid}\n`);
		fs.symlinkSync(path('other'), path('anthropic-proxy.pid'));
		for (const command of ['status', 'stop']) {
			const r = await run([command]);
			assert.equal(r.code, 1);
			assert.match(r.out + r.err, /symbolic link/);
		}
	}));

test('status and stop work though the configuration could not serve', () =>
	inFolder(async ({ run }) => {
		assert.equal((await run(['--demo', '--daemon', '-p', '0'])).code, 0);
		const broken = { UPSTREAM_BASE_URL: 'nonsense', MAX_RETRIES: 'x' };
		assert.equal((await run(['status'], broken)).code, 0);
		assert.equal((await run(['stop'], broken)).code, 0);
	}));

test('without a pid file status asks the port', () =>
	inFolder(async ({ run }) => {
		await withProxy(
			null,
			{},
			async (proxy) => {
				const r = await run(['status'], { PORT: String(proxy.port) });
				assert.equal(r.code, 0, r.out);
				assert.match(r.out, new RegExp(`^running: ${proxy.url} `));
				assert.equal(
					(await run(['status', '--host', '0.0.0.0', '-p', String(proxy.port)]))
						.code,
					0,
				);
			},
			{ args: ['--demo'] },
		);
		const other = net
			.createServer((s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK'))
			.listen(0, '127.0.0.1');
		await new Promise((r) => other.once('listening', r));
		const r = await run(['status'], { PORT: String(other.address().port) });
		assert.equal(r.code, 1);
		assert.match(r.out, /something else/);
		other.close();
	}));

test('status gives up on a silent port within two seconds', () =>
	inFolder(async ({ run }) => {
		const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
		await new Promise((r) => silent.once('listening', r));
		const from = Date.now();
		assert.equal((await run(['status'], { PORT: String(silent.address().port) })).code, 1);
		assert.ok(Date.now() - from < 4000 * SLACK);
		silent.close();
	}));

test('the foreground prints listening once and ends with 0 on each signal', () =>
	inFolder(async ({ begin }) => {
		for (const signal of ['SIGTERM', 'SIGINT']) {
			const child = begin(['--demo', '-p', '0']);
			let err = '',
				out = '';
			child.stderr.on('data', (d) => (err += d));
			child.stdout.on('data', (d) => (out += d));
			const ended = new Promise((r) => child.on('close', (...how) => r(how)));
			await until(() => err.includes('listening on '), 5000, 'listening');
			child.kill(signal);
			assert.deepEqual(await ended, [0, null]);
			assert.equal(err.match(/listening on /g).length, 1);
			assert.match(err, /^listening on http:\/\/127\.0\.0\.1:\d+$/m);
			assert.equal(out, '');
		}
	}));

test('it serves an IPv6 address and a unix socket', () =>
	inFolder(async ({ begin, run, path }) => {
		const hosts = [`unix:${path('s')}`];
		const probe = net.createServer();
		const has6 = await new Promise((r) => {
			probe.once('error', () => r(false));
			probe.listen(0, '::1', () => r(true));
		});
		probe.close();
		if (has6) hosts.push('::1', '[::1]');
		for (const host of hosts) {
			const child = begin(['--demo', '-p', '0', '--host', host]);
			let err = '';
			child.stderr.on('data', (d) => (err += d));
			const ended = new Promise((r) => child.on('close', (...how) => r(how)));
			await until(() => err.includes('listening on '), 5000, 'listening');
			if (host.startsWith('unix:')) {
				assert.equal(mode(path('s')), 0o600);
				assert.equal((await run(['status', '--host', host])).code, 0);
			} else {
				const port = err.match(/listening on http:\/\/\[::1\]:(\d+)/)[1];
				assert.equal((await run(['status', '--host', host, '-p', port])).code, 0);
			}
			child.kill('SIGTERM');
			assert.deepEqual(await ended, [0, null]);
		}
	}));

test('SIGHUP reads the settings again; a bad file changes nothing', () =>
	inFolder(async ({ begin, path }) => {
		fs.writeFileSync(path('.env'), 'PROXY_API_KEY=first-key\n', { mode: 0o600 });
		const child = begin(['--demo', '-p', '0']);
		let err = '';
		child.stderr.on('data', (d) => (err += d));
		const ended = new Promise((r) => child.on('close', (...how) => r(how)));
		await until(() => err.includes('listening on '), 5000, 'listening');
		const url = address(err);
		const admits = async (key) =>
			(await get(url, '/nowhere', { headers: { 'x-api-key': key } })).status !== 401;
		assert.ok(await admits('first-key'));

		fs.writeFileSync(path('.env'), 'PROXY_API_KEY=second-key\nMAX_CONNECTIONS=9\n');
		child.kill('SIGHUP');
		await until(() => admits('second-key'), 3000, 'the new key');
		assert.ok(!(await admits('first-key')));
		assert.match(err, /MAX_CONNECTIONS needs a restart/);

		fs.writeFileSync(path('.env'), 'PROXY_API_KEY=third-key\nDEBUG=maybe\n');
		child.kill('SIGHUP');
		await until(() => /old settings stay.*DEBUG/.test(err), 3000, 'the complaint');
		assert.ok(await admits('second-key'));
		assert.ok(!(await admits('third-key')));
		child.kill('SIGTERM');
		assert.deepEqual(await ended, [0, null]);
	}));

test('SIGHUP opens the log file again', () =>
	inFolder(async ({ run, path }) => {
		assert.equal((await run(['--demo', '--daemon', '-p', '0'])).code, 0);
		const pid = Number(fs.readFileSync(path('anthropic-proxy.pid'), 'utf8'));
		fs.renameSync(path('anthropic-proxy.log'), path('old.log'));
		process.kill(pid, 'SIGHUP');
		await until(() => fs.existsSync(path('anthropic-proxy.log')), 3000, 'a new log');
		assert.equal((await run(['stop'])).code, 0);
		assert.match(fs.readFileSync(path('anthropic-proxy.log'), 'utf8'), /stopp/);
	}));

test('a listening socket of a service manager is taken', () =>
	inFolder(async ({ env, path }) => {
		const server = net.createServer().listen(0, '127.0.0.1');
		await new Promise((r) => server.once('listening', r));
		const { port } = server.address();
		const child = start('sh', ['-c', 'LISTEN_PID=$$ exec "$0" --demo -p 1', BINARY], {
			cwd: path('.'),
			env: { ...env, LISTEN_FDS: '1' },
			stdio: ['ignore', 'pipe', 'pipe', server._handle.fd],
		});
		let err = '';
		child.stderr.on('data', (d) => (err += d));
		const ended = new Promise((r) => child.on('close', (...how) => r(how)));
		await until(() => err.includes('listening on '), 5000, 'listening');
		assert.equal(address(err), `http://127.0.0.1:${port}`);
		server.close(); // the child has its own copy
		assert.equal((await get(address(err), '/health')).status, 200);
		child.kill('SIGTERM');
		assert.deepEqual(await ended, [0, null]);
	}));

test('a handed-over socket that is open to all needs a key, too', () =>
	inFolder(async ({ env, path }) => {
		const server = net.createServer().listen(0, '0.0.0.0');
		await new Promise((r) => server.once('listening', r));
		const child = start('sh', ['-c', 'LISTEN_PID=$$ exec "$0" --demo', BINARY], {
			cwd: path('.'),
			env: { ...env, LISTEN_FDS: '1' },
			stdio: ['ignore', 'pipe', 'pipe', server._handle.fd],
		});
		let err = '';
		child.stderr.on('data', (d) => (err += d));
		assert.deepEqual(await new Promise((r) => child.on('close', (...how) => r(how))), [2, null]);
		assert.match(err, /PROXY_API_KEY/);
		server.close();
	}));

// -- the demo ------------------------------------------------------------------

const READ = { name: 'read', description: 'x', input_schema: { type: 'object' } };
// A request whose answer is JSON.
const say = async (url, body) => {
	const r = await post(url, body);
	assert.equal(r.status, 200, r.text);
	return JSON.parse(r.text);
};
const ask = (content, extra = {}) => ({
	model: 'claude-x',
	max_tokens: 1000,
	messages: [{ role: 'user', content }],
	...extra,
});
const demo = (body) => withProxy(null, {}, body, { args: ['--demo'] });

test('the demo echoes, whole and in streamed words', () =>
	demo(async (proxy) => {
		const whole = await say(proxy.url, ask('hello out there'));
		assert.equal(
			whole.content[0].text,
			'This is the demo upstream. You said: hello out there',
		);
		assert.equal(whole.stop_reason, 'end_turn');
		assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
		const streamed = await post(proxy.url, ask('hello out there', { stream: true }));
		const pieces = [...streamed.text.matchAll(/"text_delta","text":"([^"]*)"/g)];
		assert.ok(pieces.length > 5, streamed.text);
		assert.equal(pieces.map((m) => m[1]).join(''), whole.content[0].text);
	}));

test('the demo calls a tool that is offered and quotes its result', () =>
	demo(async (proxy) => {
		const call = ask('Please call read {"path": "a b"}', { tools: [READ] });
		const r = await say(proxy.url, call);
		assert.equal(r.stop_reason, 'tool_use');
		const use = r.content.find((b) => b.type === 'tool_use');
		assert.deepEqual([use.name, use.input], ['read', { path: 'a b' }]);
		const streamed = await post(proxy.url, { ...call, stream: true });
		assert.match(streamed.text, /"type":"tool_use"/);
		assert.match(streamed.text, /"stop_reason":"tool_use"/);
		const next = await say(proxy.url, {
			...call,
			messages: [
				...call.messages,
				{ role: 'assistant', content: r.content },
				{
					role: 'user',
					content: [
						{
							type: 'tool_result',
							tool_use_id: use.id,
							content: 'forty-two',
						},
					],
				},
			],
		});
		assert.equal(next.stop_reason, 'end_turn');
		assert.match(next.content[0].text, /"forty-two"/);
	}));
