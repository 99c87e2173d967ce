// SPDX-License-Identifier: MIT
// Debian's chromium without a window, told what to do over a pipe in its
// DevTools protocol.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../e2e/lib/children.mjs';
import { SLACK, until } from '../../e2e/lib/time.mjs';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((p) => existsSync(p));
export const skipBrowser =
	CHROMIUM || process.env.CI === 'true'
		? false
		: 'chromium is missing: scripts/packages clients';

const FLAGS = [
	'--headless',
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--disable-dev-shm-usage',
	'--no-first-run',
	'--no-default-browser-check',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--disable-extensions',
	'--no-proxy-server',
	'--remote-debugging-pipe',
];

// Commands go out and answers come in as JSON, each ended by a NUL.
function connect(child) {
	const [, , , to, from] = child.stdio;
	const waiting = new Map(),
		listeners = new Set();
	let text = '',
		last = 0;
	from.setEncoding('utf8');
	from.on('data', (d) => {
		const parts = (text + d).split('\0');
		text = parts.pop();
		for (const part of parts) {
			const m = JSON.parse(part);
			if (m.id === undefined) {
				for (const l of listeners) l(m);
				continue;
			}
			const { resolve, reject, method } = waiting.get(m.id);
			waiting.delete(m.id);
			if (m.error) reject(new Error(`${method}: ${m.error.message}`));
			else resolve(m.result);
		}
	});
	to.on('error', () => {});
	child.on('close', () => {
		for (const w of waiting.values()) w.reject(new Error(`${w.method}: chromium ended`));
	});
	return {
		listeners,
		send(method, params = {}, sessionId = undefined) {
			const id = ++last;
			to.write(JSON.stringify({ id, method, params, sessionId }) + '\0');
			return new Promise((resolve, reject) =>
				waiting.set(id, { resolve, reject, method }),
			);
		},
	};
}

/*
 * A page of its own profile.  complaints fills with what the console says:
 * errors, exceptions, breaches of the content security policy.
 */
async function openPage(wire, { dark, width, height, script, credentials }) {
	const { browserContextId } = await wire.send('Target.createBrowserContext');
	const { targetId } = await wire.send('Target.createTarget', {
		url: 'about:blank',
		browserContextId,
	});
	const { sessionId } = await wire.send('Target.attachToTarget', { targetId, flatten: true });
	const send = (method, params) => wire.send(method, params, sessionId);
	const complaints = [];
	let prompts = 0,
		loads = 0;
	const on = {
		'Page.loadEventFired': () => loads++,
		'Log.entryAdded': ({ entry }) => complaints.push(entry.text),
		'Runtime.exceptionThrown': ({ exceptionDetails: d }) =>
			complaints.push(d.exception?.description ?? d.text),
		'Runtime.consoleAPICalled': ({ type, args }) =>
			complaints.push(`${type}: ${args.map((a) => a.value).join(' ')}`),
		'Page.javascriptDialogOpening': ({ message }) => {
			complaints.push(`dialog: ${message}`);
			send('Page.handleJavaScriptDialog', { accept: true });
		},
		'Fetch.requestPaused': ({ requestId }) => send('Fetch.continueRequest', { requestId }),
		'Fetch.authRequired': ({ requestId }) => {
			prompts++;
			send('Fetch.continueWithAuth', {
				requestId,
				authChallengeResponse: credentials
					? { response: 'ProvideCredentials', ...credentials }
					: { response: 'CancelAuth' },
			});
		},
	};
	const listener = (m) => {
		if (m.sessionId === sessionId) on[m.method]?.(m.params);
	};
	wire.listeners.add(listener);
	for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
	await send('Fetch.enable', { handleAuthRequests: true });
	await send('Emulation.setDeviceMetricsOverride', {
		width,
		height,
		deviceScaleFactor: 1,
		mobile: false,
	});
	await send('Emulation.setEmulatedMedia', {
		features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
	});
	if (!script) await send('Emulation.setScriptExecutionDisabled', { value: true });

	const page = {
		complaints,
		prompts: () => prompts,
		loads: () => loads,
		send,
		async goto(url) {
			const before = loads;
			await send('Page.navigate', { url });
			await until(() => loads > before, 15000, `the page ${url}`);
		},
		// The value of an expression in the page.
		async run(expression) {
			const r = await send('Runtime.evaluate', {
				expression,
				returnByValue: true,
				awaitPromise: true,
			});
			if (r.exceptionDetails)
				throw new Error(`${expression}: ${r.exceptionDetails.exception?.description}`);
			return r.result.value;
		},
		until: (expression, ms = 5000) =>
			until(() => page.run(expression), ms, expression),
		// The whole page as PNG.
		async picture() {
			const { cssContentSize: size } = await send('Page.getLayoutMetrics');
			const { data } = await send('Page.captureScreenshot', {
				captureBeyondViewport: true,
				clip: { x: 0, y: 0, width, height: Math.max(size.height, 1), scale: 1 },
			});
			return Buffer.from(data, 'base64');
		},
		async close() {
			wire.listeners.delete(listener);
			await wire.send('Target.disposeBrowserContext', { browserContextId });
		},
	};
	return page;
}

// flags: further ones of the command line.
export async function startBrowser(flags = []) {
	const home = mkdtempSync(join(tmpdir(), 'anthropic-proxy-browser-'));
	const child = start(CHROMIUM, [...FLAGS, `--user-data-dir=${home}`, ...flags], {
		stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
		env: { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' },
	});
	const ended = new Promise((r) => child.on('close', r));
	const wire = connect(child);
	return {
		open: (options = {}) =>
			openPage(wire, {
				dark: false,
				width: 1280,
				height: 800,
				script: true,
				credentials: null,
				...options,
			}),
		async stop() {
			const limit = setTimeout(() => child.kill('SIGKILL'), 5000 * SLACK);
			await wire.send('Browser.close').catch(() => {});
			await ended;
			clearTimeout(limit);
			rmSync(home, { recursive: true, force: true, maxRetries: 5 });
		},
	};
}
