// SPDX-License-Identifier: MIT
// `run -- COMMAND`: a private proxy for one command, in its environment, with
// its signals, its terminal and its exit status.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { start } from './lib/children.mjs';
import { get, post, message } from './lib/http.mjs';
import { BINARY } from './lib/proxy.mjs';
import { startTerminal } from './lib/terminal.mjs';
import { SLACK, sleep } from './lib/time.mjs';
import { closedPort, sayJson, sayOk, startUpstream } from './lib/upstream.mjs';

const SECRET = 'sk-upstream-secret';

// A folder as the home, with a log of its own.
async function inHome(body) {
	const home = mkdtempSync(join(tmpdir(), 'anthropic-proxy-run-'));
	try {
		return await body(home);
	} finally {
		rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
	}
}

const environment = (home, env) => {
	const all = { PATH: process.env.PATH, HOME: home, STATE_DIR: '', MAX_RETRIES: '0', ...env };
	for (const k of ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'])
		if (process.env[k] !== undefined) all[k] = process.env[k];
	for (const k of Object.keys(all)) if (all[k] === undefined) delete all[k];
	return all;
};

// `anthropic-proxy ARGS`: {code, signal, stdout, stderr} and the child.
function run(home, args, env = {}) {
	const child = start(BINARY, args, {
		cwd: home,
		env: environment(home, env),
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	child.stdin.on('error', () => {});
	const out = { child, stdout: '', stderr: '' };
	child.stdout.on('data', (d) => {
		out.stdout += d;
	});
	child.stderr.on('data', (d) => {
		out.stderr += d;
	});
	const limit = setTimeout(() => child.kill('SIGKILL'), 20000 * SLACK);
	out.ended = new Promise((resolve) =>
		child.on('close', (code, signal) => {
			clearTimeout(limit);
			resolve({ code, signal, stdout: out.stdout, stderr: out.stderr });
		}),
	);
	out.sees = async (pattern) => {
		for (let i = 0; i < 400 * SLACK && !pattern.test(out.stdout); i++) await sleep(20);
		assert.match(out.stdout, pattern, out.stderr);
	};
	return out;
}

const shell = (home, script, env, options = []) =>
	run(home, ['run', ...options, '--', 'sh', '-c', script], env);
const demo = (home, script, env) => shell(home, script, env, ['--demo']);

const isAlive = (pid) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};
const listening = (text) => text.match(/listening on (http:\S+)/)[1];
const isGone = (url) =>
	get(url, '/health').then(
		() => false,
		() => true,
	);

async function environmentOf(home, env, options, args = []) {
	const r = await run(
		home,
		['run', ...options, '--', process.execPath, '-p', 'JSON.stringify(process.env)', ...args],
		env,
	).ended;
	assert.equal(r.code, 0, r.stderr);
	return { ...JSON.parse(r.stdout), stderr: r.stderr };
}

test('the command reaches a private proxy by its environment and stdout is its own', async () => {
	await inHome(async (home) => {
		const upstream = await startUpstream(sayOk);
		try {
			const r = demo(home, 'env; read line; exit 7', {});
			await r.sees(/ANTHROPIC_AUTH_TOKEN/);
			const url = r.stdout.match(/^ANTHROPIC_BASE_URL=(http:\/\/127\.0\.0\.1:\d+)$/m)[1];
			const token = r.stdout.match(/^ANTHROPIC_AUTH_TOKEN=(\w{32})$/m)[1];
			assert.equal(listening(r.stderr), url);
			const as = (key) => ({ headers: { 'x-api-key': undefined, authorization: `Bearer ${key}` } });
			assert.equal((await post(url, message(), as(token))).status, 200);
			assert.equal((await post(url, message(), as('other'))).status, 401);
			assert.equal((await post(url, message())).status, 401);
			r.child.stdin.end('go\n');
			const end = await r.ended;
			assert.equal(end.code, 7);
			assert.doesNotMatch(end.stdout, /anthropic-proxy:|level=/);
			assert.ok(await isGone(url), 'the proxy ends with the command');
			assert.match(
				readFileSync(join(home, '.cache/anthropic-proxy/anthropic-proxy.log'), 'utf8'),
				/route=\/v1\/messages status=200[\s\S]*msg=stopped/,
			);
			assert.ok(!existsSync(join(home, '.cache/anthropic-proxy/anthropic-proxy.pid')));
		} finally {
			await upstream.stop();
		}
	});
});

test('it says that auto mode is not there, and which to choose', async () => {
	await inHome(async (home) => {
		const r = await demo(home, 'true').ended;
		assert.equal(r.code, 0);
		assert.equal(r.stdout, '');
		assert.match(r.stderr, /auto permission mode is not available.*--permission-mode acceptEdits/);
		assert.equal(r.stderr.match(/listening on/g).length, 1);
		assert.match(r.stderr, /the log is \S+anthropic-proxy\.log$/m);
		assert.equal(r.stderr.trim().split('\n').length, 3, r.stderr);
	});
});

test("no secret of ours is in the command's environment, nor in that of its parents", async () => {
	await inHome(async (home) => {
		const upstream = await startUpstream(sayOk);
		try {
			const env = {
				UPSTREAM_BASE_URL: upstream.url,
				UPSTREAM_API_KEY: SECRET,
				OPENROUTER_API_KEY: SECRET,
				PROXY_API_KEY: SECRET,
				UPSTREAM_HEADERS: `{"x-key":"${SECRET}"}`,
				UPSTREAM_BODY: `{"user":"${SECRET}"}`,
				ANTHROPIC_API_KEY: 'sk-ant-real',
				CLAUDE_CODE_USE_BEDROCK: '1',
				PORT: '1',
				HOST: '0.0.0.0',
				OTHER: 'kept',
			};
			const script =
				'env; cat /proc/self/environ /proc/$PPID/environ 2>/dev/null | tr "\\0" "\\n";' +
				' curl -s -o /dev/null "$ANTHROPIC_BASE_URL/v1/messages"' +
				' -H "authorization: Bearer $ANTHROPIC_AUTH_TOKEN" -d \'' +
				JSON.stringify(message()) +
				"'";
			const r = await shell(home, script, env).ended;
			assert.equal(r.code, 0, r.stderr);
			assert.doesNotMatch(r.stdout, new RegExp(SECRET));
			assert.match(r.stdout, /^OTHER=kept$/m);
			assert.match(r.stdout, /^ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:\d+$/m);
			const got = upstream.last().headers;
			assert.equal(got.authorization, `Bearer ${SECRET}`, 'but they go upstream');
			assert.equal(got['x-key'], SECRET);
		} finally {
			await upstream.stop();
		}
	});
});

test('what leads past the proxy is taken out, what the user chose stays', async () => {
	await inHome(async (home) => {
		const e = await environmentOf(
			home,
			{
				ANTHROPIC_API_KEY: 'sk-ant-real',
				ANTHROPIC_BASE_URL: 'https://elsewhere.example',
				ANTHROPIC_AUTH_TOKEN: 'real',
				CLAUDE_CODE_USE_VERTEX: '1',
				CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '0',
				ANTHROPIC_DEFAULT_HAIKU_MODEL: 'mine',
				http_proxy: 'http://127.0.0.1:9',
				NO_PROXY: 'corp.example',
			},
			['--demo'],
		);
		assert.equal(e.ANTHROPIC_API_KEY, undefined);
		assert.equal(e.CLAUDE_CODE_USE_VERTEX, undefined);
		assert.match(e.ANTHROPIC_BASE_URL, /^http:\/\/127\.0\.0\.1:/);
		assert.notEqual(e.ANTHROPIC_AUTH_TOKEN, 'real');
		assert.equal(e.CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC, '0');
		assert.equal(e.CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL, '1');
		assert.equal(e.ANTHROPIC_DEFAULT_HAIKU_MODEL, 'mine');
		assert.equal(e.ANTHROPIC_DEFAULT_OPUS_MODEL, 'demo');
		assert.equal(e.NO_PROXY, 'corp.example,127.0.0.1,localhost');
		assert.equal(e.no_proxy, '127.0.0.1,localhost');
	});
});

const LIST = [
	{ id: 'big', context_length: 200000, top_provider: { max_completion_tokens: 8000 } },
	{ id: 'small', context_length: 32768 },
	{ id: 'evil\nLD_PRELOAD=/tmp/x.so', context_length: 1000 },
];
const cases = [
	[
		'MODEL_MAP: each tier by the name it leads to, limits of the main ones',
		LIST,
		{ MODEL_MAP: 'claude-haiku-*=small,claude-*=big' },
		[],
		{
			ANTHROPIC_DEFAULT_OPUS_MODEL: 'big',
			ANTHROPIC_DEFAULT_SONNET_MODEL: 'big',
			ANTHROPIC_DEFAULT_FABLE_MODEL: 'big',
			ANTHROPIC_DEFAULT_HAIKU_MODEL: 'small',
			CLAUDE_CODE_MAX_CONTEXT_TOKENS: '200000',
			CLAUDE_CODE_AUTO_COMPACT_WINDOW: '200000',
			CLAUDE_CODE_DISABLE_1M_CONTEXT: '1',
			CLAUDE_CODE_MAX_OUTPUT_TOKENS: '8000',
		},
	],
	[
		'a map that would lead elsewhere from the name it leads to',
		LIST,
		{ MODEL_MAP: 'claude-opus-*=big,*=small' },
		[],
		{
			ANTHROPIC_DEFAULT_OPUS_MODEL: undefined,
			ANTHROPIC_DEFAULT_SONNET_MODEL: 'small',
			CLAUDE_CODE_MAX_CONTEXT_TOKENS: '32768',
			CLAUDE_CODE_AUTO_COMPACT_WINDOW: undefined,
			CLAUDE_CODE_MAX_OUTPUT_TOKENS: '4096',
		},
	],
	[
		'by thinking',
		LIST,
		{ REASONING_MODEL: 'big', COMPLETION_MODEL: 'small' },
		[],
		{ ANTHROPIC_DEFAULT_OPUS_MODEL: 'big', ANTHROPIC_DEFAULT_HAIKU_MODEL: 'small' },
	],
	[
		'the model that the command names',
		LIST,
		{},
		['--model', 'small'],
		{
			ANTHROPIC_DEFAULT_OPUS_MODEL: 'small',
			ANTHROPIC_DEFAULT_HAIKU_MODEL: 'small',
			CLAUDE_CODE_MAX_CONTEXT_TOKENS: '32768',
		},
	],
	[
		'the only model there is',
		[{ id: 'only' }],
		{},
		['--model', 'opus'],
		{
			ANTHROPIC_DEFAULT_OPUS_MODEL: 'only',
			CLAUDE_CODE_MAX_CONTEXT_TOKENS: undefined,
			CLAUDE_CODE_MAX_OUTPUT_TOKENS: undefined,
		},
	],
	[
		'CONTEXT_WINDOW where the upstream tells none',
		[{ id: 'only' }],
		{ CONTEXT_WINDOW: '*=65536' },
		[],
		{ CLAUDE_CODE_MAX_CONTEXT_TOKENS: '65536', CLAUDE_CODE_MAX_OUTPUT_TOKENS: '8192' },
	],
];
for (const [name, list, env, args, wanted] of cases)
	test(`Claude Code is told of ${name}`, async () => {
		await inHome(async (home) => {
			const upstream = await startUpstream(sayOk, (call, res) =>
				sayJson(res, { data: list }),
			);
			try {
				const e = await environmentOf(
					home,
					{ UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: 'k', ...env },
					[],
					['--', ...args],
				);
				for (const [k, v] of Object.entries(wanted)) assert.equal(e[k], v, k);
				assert.equal(e.LD_PRELOAD, undefined);
				assert.doesNotMatch(e.stderr, /no model is chosen/);
			} finally {
				await upstream.stop();
			}
		});
	});

test('where no model is chosen it says so, and what there is', async () => {
	await inHome(async (home) => {
		const upstream = await startUpstream(sayOk, (call, res) => sayJson(res, { data: [{ id: '\u009b31mred' }, ...LIST] }));
		try {
			const env = { UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: 'k' };
			const e = await environmentOf(home, env, []);
			assert.match(e.stderr, /no model is chosen: .*--model.*MODEL_MAP.*\(the upstream has big, small/);
			assert.equal(e.ANTHROPIC_DEFAULT_OPUS_MODEL, undefined);
		} finally {
			await upstream.stop();
		}
	});
});

test('an upstream that is down does not keep the command from running', async () => {
	await inHome(async (home) => {
		const env = { UPSTREAM_BASE_URL: `http://127.0.0.1:${await closedPort()}`, MODEL_MAP: '*=m' };
		const e = await environmentOf(home, env, []);
		assert.equal(e.ANTHROPIC_DEFAULT_OPUS_MODEL, 'm');
	});
});

for (const [name, script, code] of [
	['exit 0', 'exit 0', 0],
	['exit 3', 'exit 3', 3],
	['SIGKILL', 'kill -KILL $$', 137],
	['SIGSEGV', 'kill -SEGV $$', 139],
])
	test(`ends as the command does: ${name}`, async () => {
		await inHome(async (home) => {
			const r = await demo(home, script).ended;
			assert.deepEqual([r.code, r.signal], [code, null]);
		});
	});

test('a command that cannot be run: 127 and 126, as in a shell', async () => {
	await inHome(async (home) => {
		writeFileSync(join(home, 'plain'), 'x');
		for (const [command, code] of [
			['no-such-command', 127],
			[join(home, 'plain'), 126],
		]) {
			const r = await run(home, ['run', '--demo', '--', command]).ended;
			assert.equal(r.code, code);
			assert.equal(r.stdout, '');
			assert.match(r.stderr, new RegExp(`anthropic-proxy: ${command}: `));
		}
	});
});

test('a proxy that cannot start never starts the command', async () => {
	await inHome(async (home) => {
		for (const [args, env, code, words] of [
			[[], {}, 2, /UPSTREAM_BASE_URL is not set/],
			[['--demo'], { PING_INTERVAL: 'x' }, 2, /PING_INTERVAL/],
			[['-c', '/no/such/file'], {}, 1, /\/no\/such\/file/],
			[['--demo', '--log-file', '/proc/nowhere/x'], {}, 1, /LOG_FILE/],
			[['--demo', '-p', '3000'], {}, 2, /--port does not go with run/],
			[['--demo', '--daemon'], {}, 2, /--daemon does not go with run/],
			[['--demo', '--pid-file', 'x'], {}, 2, /--pid-file does not go with run/],
		]) {
			const r = await run(home, ['run', ...args, '--', 'touch', 'started'], env).ended;
			assert.match(r.stderr, words);
			assert.ok(r.code === code || (r.code >= 1 && r.code <= 2), `${r.code}: ${r.stderr}`);
			assert.equal(r.stdout, '');
			assert.ok(!existsSync(join(home, 'started')));
		}
		for (const args of [['run'], ['run', '--']]) {
			const r = await run(home, args).ended;
			assert.equal(r.code, 2);
			assert.match(r.stderr, /run needs a command/);
		}
	});
});

test("the command's own options are not ours, with and without --", async () => {
	await inHome(async (home) => {
		for (const between of [['--'], []]) {
			const r = await run(home, [
				'run',
				'--demo',
				...between,
				'printf',
				'%s|',
				'--daemon',
				'--',
				'-p',
				'x y',
			]).ended;
			assert.equal(r.code, 0, r.stderr);
			assert.equal(r.stdout, '--daemon|--|-p|x y|');
		}
	});
});

test('signals that we are sent go on to the command, and its answer counts', async () => {
	await inHome(async (home) => {
		for (const name of ['TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2']) {
			const r = demo(
				home,
				`trap 'echo got; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`,
			);
			await r.sees(/ready/);
			const url = listening(r.stderr);
			r.child.kill(`SIG${name}`);
			const end = await r.ended;
			assert.equal(end.code, 5, name);
			assert.match(end.stdout, /got/);
			assert.ok(await isGone(url));
		}
		const r = demo(home, 'echo ready; exec sleep 30');
		await r.sees(/ready/);
		r.child.kill('SIGTERM');
		assert.equal((await r.ended).code, 143);
	});
});

test('a command that refuses to end keeps its proxy', async () => {
	await inHome(async (home) => {
		const r = demo(
			home,
			"trap 'echo no' TERM; echo ready; read a; sleep 0.1; read b; exit 4",
		);
		await r.sees(/ready/);
		r.child.kill('SIGTERM');
		r.child.stdin.write('\n');
		await r.sees(/no/);
		assert.equal((await get(listening(r.stderr), '/health')).status, 200);
		r.child.stdin.end('\n');
		assert.equal((await r.ended).code, 4);
	});
});

test('the proxy ends even where its parent is killed', async () => {
	await inHome(async (home) => {
		const r = demo(home, 'echo ready $$; exec sleep 3');
		await r.sees(/ready \d+/);
		const url = listening(r.stderr);
		r.child.kill('SIGKILL');
		let gone = false;
		for (let i = 0; i < 200 && !gone; i++) {
			await sleep(20);
			gone = await isGone(url);
		}
		assert.ok(gone);
		process.kill(Number(r.stdout.match(/ready (\d+)/)[1]), 'SIGKILL');
	});
});

test('the command does not wait for what it left running, and does wait for nobody', async () => {
	await inHome(async (home) => {
		const upstream = await startUpstream(() => {});
		try {
			const body = JSON.stringify(message({ stream: true }));
			const script = `(curl -s "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_AUTH_TOKEN" -d '${body}' >/dev/null 2>&1 &) ; sleep 0.3; exit 6`;
			const before = Date.now();
			const r = await shell(home, script, {
				UPSTREAM_BASE_URL: upstream.url,
				UPSTREAM_API_KEY: 'k',
				MODEL_MAP: '*=m',
			}).ended;
			assert.equal(r.code, 6);
			assert.ok(Date.now() - before < 8000 * SLACK, 'no drain of half a minute');
		} finally {
			await upstream.stop();
		}
	});
});

test('a proxy that is lost is told of at the end', async () => {
	await inHome(async (home) => {
		const r = demo(home, 'echo ready; read line; exit 9');
		await r.sees(/ready/);
		// the serving process is the parent's other child
		const ps = start('ps', ['-o', 'pid=', '--ppid', String(r.child.pid)]);
		let pids = '';
		ps.stdout.on('data', (d) => {
			pids += d;
		});
		await new Promise((resolve) => ps.on('close', resolve));
		const url = listening(r.stderr);
		for (const pid of pids.split('\n').map(Number).filter(Boolean)) {
			const comm = readFileSync(`/proc/${pid}/comm`, 'utf8');
			if (!comm.startsWith('anthropic-proxy')) continue;
			process.kill(pid, 'SIGKILL');
			// its sockets are closed a little before it is dead
			for (let i = 0; i < 500 * SLACK && existsSync(`/proc/${pid}`); i++) await sleep(20);
		}
		assert.ok(await isGone(url));
		r.child.stdin.end('\n');
		const end = await r.ended;
		assert.equal(end.code, 9);
		assert.match(end.stderr, /the proxy had ended before/);
	});
});

test('the log goes where LOG_FILE says, and a home that takes none is no hindrance', async () => {
	await inHome(async (home) => {
		const log = join(home, 'logs', 'run.log');
		const r = await demo(home, 'true', { LOG_FILE: log }).ended;
		assert.equal(r.code, 0, r.stderr);
		assert.match(readFileSync(log, 'utf8'), /listening on/);
		mkdirSync(join(home, 'file'));
		writeFileSync(join(home, 'file', '.cache'), 'not a folder');
		const q = await demo(home, 'true', { HOME: join(home, 'file') }).ended;
		assert.equal(q.code, 0, q.stderr);
		assert.match(q.stderr, /warning: no log: /);
		assert.doesNotMatch(q.stderr, /the log is/);
	});
});

// One process, and no shell: a shell that forks just then is not stopped by
// Ctrl-Z, because it waits for a child that is.
function writeJob(home) {
	const file = join(home, 'job.mjs');
	writeFileSync(
		file,
		`for (const s of ['INT', 'CONT']) process.on('SIG' + s, () => console.log('GOT-' + s));
setInterval(() => {}, 1000);
console.log('UP-' + process.pid);
`,
	);
	return `${BINARY} run --demo -- ${process.execPath} ${file}\n`;
}

test('in a terminal Ctrl-C, Ctrl-Z, fg and Ctrl-\\ are for the command, once each', async () => {
	await inHome(async (home) => {
		const t = startTerminal(home, environment(home));
		await t.after(writeJob(home), /UP-\d+/);
		const url = listening(t.text());
		const count = (word) => t.text().match(new RegExp(word, 'g'))?.length ?? 0;
		await t.after('\x03', /GOT-INT/);
		await t.after('\x03', /GOT-INT/);
		await t.after('\x1a', /Stopped/);
		assert.equal((await get(url, '/health')).status, 200, 'the proxy does not stop');
		await t.after('fg\n', /GOT-CONT/);
		await t.after('\x03', /GOT-INT/);
		await sleep(200);
		assert.equal(count('GOT-INT'), 3, t.text());
		assert.equal(count('GOT-CONT'), 1, t.text());
		await t.after('\x1c', /\$ /);
		await t.after('echo code=$?\n', /code=131/);
		assert.ok(await isGone(url));
		await t.leave();
	});
});

test('in the background and to the foreground again, and the terminal that goes away', async () => {
	await inHome(async (home) => {
		const t = startTerminal(home, environment(home));
		await t.after(writeJob(home), /UP-\d+/);
		const url = listening(t.text());
		const pid = Number(t.text().match(/UP-(\d+)/)[1]);
		await t.press('\x1a', /Stopped/);
		await t.after('bg\n', /&/);
		await t.after('jobs\n', /Running/);
		await t.after('fg\n', /run --demo/);
		await t.press('\x1a', /Stopped/);
		await t.after('fg\n', /run --demo/);
		await t.cut();
		for (let i = 0; i < 300 && (isAlive(pid) || !(await isGone(url))); i++) await sleep(20);
		assert.ok(!isAlive(pid), 'the command hung up');
		assert.ok(await isGone(url), 'and its proxy');
	});
});
