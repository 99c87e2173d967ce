// SPDX-License-Identifier: MIT
// Starts the built proxy on a free loopback port, and ends it: every test
// expects exit 0 after SIGTERM and nothing unexpected on stderr.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './children.mjs';
import { SLACK, sleep } from './time.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const BINARY = resolve(process.env.PROXY ?? join(ROOT, 'build/anthropic-proxy'));
export const ROOT_DIR = ROOT;

// What skips a test where the system has no way to turn clients away from a
// socket before it is closed: one that connects between may be reset.
export const MAY_RESET =
	process.platform === 'linux' && !/portable/.test(BINARY)
		? false
		: 'closing a socket may reset who is in its queue';

const LISTENING = /listening on (http:\/\/\S+:(\d+)|unix:\S+)/;

// Lines of a healthy program; everything else is a test failure.
const EXPECTED = [LISTENING, /\blevel=(debug|info|warn)\b/, /"level":"(debug|info|warn)"/];

function unexpected(log, allow) {
	return log
		.split('\n')
		.filter(
			(line) =>
				line.trim() !== '' &&
				![...EXPECTED, ...allow].some((re) => re.test(line)),
		);
}

// Where sanitizers write is stderr and the exit code; their options only come
// from the caller's environment.
function environment(home, upstreamUrl, env) {
	const kept = {};
	for (const k of [
		'PATH',
		'SANDBOX',
		'ASAN_OPTIONS',
		'UBSAN_OPTIONS',
		'TSAN_OPTIONS',
		'LSAN_OPTIONS',
		'LD_LIBRARY_PATH',
	])
		if (process.env[k] !== undefined) kept[k] = process.env[k];
	return {
		...kept,
		HOME: home,
		HOST: '127.0.0.1',
		PORT: '0',
		STATE_DIR: '',
		...(upstreamUrl ? { UPSTREAM_BASE_URL: upstreamUrl } : {}),
		UPSTREAM_API_KEY: 'sk-up',
		MAX_RETRIES: '0',
		...env,
	};
}

/*
 * env: settings on top of the test's defaults; a value of undefined removes
 * one.  allow: regular expressions of log lines that this test provokes.
 * limits: shell words before the start, such as `ulimit -v 200000`.
 */
export async function startProxy(upstreamUrl, env = {}, { args = [], allow = [], limits } = {}) {
	if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run make, or set PROXY`);
	const home = mkdtempSync(join(tmpdir(), 'anthropic-proxy-test-'));
	const all = environment(home, upstreamUrl, env);
	for (const k of Object.keys(all)) if (all[k] === undefined) delete all[k];
	const child = limits
		? start('sh', ['-c', `${limits} && exec "$0" "$@"`, BINARY, ...args], {
				cwd: home,
				env: all,
			})
		: start(BINARY, args, { cwd: home, env: all });
	let log = '',
		exit = null;
	child.stdout.on('data', (d) => {
		log += d;
	});
	child.stderr.on('data', (d) => {
		log += d;
	});
	const ended = new Promise((r) =>
		child.on('close', (code, signal) => {
			exit = { code, signal };
			r(exit);
		}),
	);

	for (let i = 0; i < 400 * SLACK && !exit && !LISTENING.test(log); i++) await sleep(20);
	const m = log.match(LISTENING);
	if (!m) {
		child.kill('SIGKILL');
		await ended;
		rmSync(home, { recursive: true, force: true });
		throw new Error(
			`the proxy did not start (exit ${exit.code ?? exit.signal}): ${log.slice(-2000)}`,
		);
	}
	return {
		url: m[1],
		port: Number(m[2]),
		pid: child.pid,
		home,
		log: () => log,
		exited: () => exit,
		signal: (name) => child.kill(name),
		ended,
		// Ends it and checks how it ended.
		async stop(wait = 15000) {
			if (!exit) child.kill('SIGTERM');
			let hung = false;
			const limit = setTimeout(() => {
				hung = true;
				child.kill('SIGKILL');
			}, wait * SLACK);
			await ended;
			clearTimeout(limit);
			rmSync(home, { recursive: true, force: true });
			assert.ok(
				!hung,
				`SIGTERM did not end the proxy in ${wait} ms; log: ${log.slice(-1500)}`,
			);
			assert.deepEqual(
				exit,
				{ code: 0, signal: null },
				`exit after SIGTERM; log: ${log.slice(-3000)}`,
			);
			assert.deepEqual(unexpected(log, allow), [], 'unexpected lines on stderr');
		},
	};
}

// Runs `body` before a proxy of its own; the ending is checked also where the
// body failed, but the body's failure is the one that is reported.
export async function withProxy(upstreamUrl, env, body, options) {
	const proxy = await startProxy(upstreamUrl, env, options);
	let failure = null;
	try {
		return await body(proxy);
	} catch (err) {
		failure = err;
		err.message += `\n--- proxy log ---\n${proxy.log().slice(-1500)}`;
		throw err;
	} finally {
		if (failure) await proxy.stop().catch(() => {});
		else await proxy.stop();
	}
}
