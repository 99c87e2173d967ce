// SPDX-License-Identifier: MIT
// Where the clients stand, how Claude Code is run without touching the
// machine, and a hop that writes down what a client asks the proxy.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { start } from '../../e2e/lib/children.mjs';

const CACHE = join(
	process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
	'anthropic-proxy-tests',
);
export const CLIENTS =
	process.env.CLIENTS ?? join(CACHE, 'code-2.1.330-sdk-1.12.0-0.137.0-ai-4.0.105');
const MODULES = join(CLIENTS, 'node_modules');

// A suite that is skipped counts as one skipped test, so that it is told.
export function suite(name, { skip, ...options }, body) {
	if (skip) test(name, { skip }, () => {});
	else describe(name, options, body);
}

const missing = `${CLIENTS} is missing: tests/clients/run installs it`;
export const skipSdk = existsSync(join(MODULES, 'sdk-new')) ? false : missing;

export const skipAiSdk = existsSync(join(MODULES, '@ai-sdk/anthropic')) ? false : missing;
export async function loadAiSdk() {
	const require = createRequire(join(MODULES, 'x.js'));
	const { createAnthropic } = await import(require.resolve('@ai-sdk/anthropic'));
	return createAnthropic;
}

// The program itself comes as an optional package for each platform.
const platform = `claude-code-${process.platform}-${process.arch}`;
export const CLAUDE = [platform, platform + '-musl']
	.map((p) => join(MODULES, '@anthropic-ai', p, 'claude'))
	.find(existsSync);
export const skipCode = CLAUDE
	? false
	: existsSync(MODULES)
		? `no Claude Code for ${process.platform}-${process.arch}`
		: missing;

export const sdks = ['sdk-new', 'sdk-old'];
export async function loadSdk(name) {
	const { default: Anthropic } = await import(join(MODULES, name, 'index.mjs'));
	const { betaTool } = await import(join(MODULES, name, 'helpers/beta/json-schema.mjs'));
	return { Anthropic, betaTool };
}

// A throw-away home, project and temporary folder.
export function workplace() {
	const root = mkdtempSync(join(tmpdir(), 'anthropic-proxy-client-'));
	const place = {
		root,
		home: join(root, 'home'),
		project: join(root, 'project'),
		tmp: join(root, 'tmp'),
	};
	for (const d of [place.home, place.project, place.tmp]) mkdirSync(d);
	return { ...place, remove: () => rmSync(root, { recursive: true, force: true }) };
}

// Claude Code with nothing of the caller's environment; {code, stdout, stderr}.
// `under`: the command that runs it, and tells it where to ask.
export function claudeCode(place, baseUrl, args, { env = {}, timeout = 60000, under } = {}) {
	const [file, ...words] = [...(under ?? []), CLAUDE, ...args];
	const child = start(file, words, {
		cwd: place.project,
		env: {
			PATH: '/usr/local/bin:/usr/bin:/bin',
			HOME: place.home,
			TMPDIR: place.tmp,
			LANG: 'C.UTF-8',
			TERM: 'dumb',
			...(under
				? {}
				: {
						ANTHROPIC_BASE_URL: baseUrl,
						ANTHROPIC_API_KEY: 'sk-test',
						CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
					}),
			IS_SANDBOX: '1',
			CLAUDE_CODE_MAX_RETRIES: '1',
			...env,
		},
	});
	let stdout = '',
		stderr = '';
	child.stdout.on('data', (d) => {
		stdout += d;
	});
	child.stderr.on('data', (d) => {
		stderr += d;
	});
	const limit = setTimeout(() => child.kill('SIGKILL'), timeout);
	return new Promise((resolve) =>
		child.on('close', (code, signal) => {
			clearTimeout(limit);
			resolve({ code: code ?? signal, stdout, stderr });
		}),
	);
}

// Passes everything on unchanged and keeps {path, json, status, text} of each
// request: what the client asked is not visible at the upstream.
export async function startRecorder(target) {
	const seen = [];
	const server = http.createServer((req, res) => {
		const parts = [];
		req.on('data', (d) => parts.push(d));
		req.on('end', () => {
			const body = Buffer.concat(parts);
			const one = {
				method: req.method,
				path: req.url,
				headers: req.headers,
				json: null,
				status: 0,
				text: '',
			};
			try {
				one.json = JSON.parse(body.toString('utf8'));
			} catch {
				/* none */
			}
			seen.push(one);
			const out = http.request(
				target + req.url,
				{ method: req.method, headers: req.headers, agent: false },
				(answer) => {
					one.status = answer.statusCode;
					res.writeHead(answer.statusCode, answer.headers);
					answer.on('data', (d) => {
						one.text += d.toString('utf8');
						res.write(d);
					});
					answer.on('end', () => res.end());
					answer.on('error', () => res.destroy());
				},
			);
			out.on('error', () => res.destroy());
			res.on('close', () => out.destroy());
			out.end(body);
		});
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		seen,
		turns: () =>
			seen.filter(
				(s) => s.method === 'POST' && /\/v1\/messages(\?|$)/.test(s.path),
			),
		async stop() {
			server.closeAllConnections();
			await new Promise((r) => server.close(r));
		},
	};
}
