// SPDX-License-Identifier: MIT
// The status page in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { message, open, post } from '../e2e/lib/http.mjs';
import { startProxy, withProxy } from '../e2e/lib/proxy.mjs';
import { until } from '../e2e/lib/time.mjs';
import {
	DONE,
	chunk,
	sayError,
	sayTurn,
	startEvents,
	startUpstream,
	usageChunk,
} from '../e2e/lib/upstream.mjs';
import { skipBrowser, startBrowser } from './lib/browser.mjs';
import { CLIENTS, suite } from './lib/clients.mjs';

const EVIL = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'';

// Texts whose contrast is below AA, as "text ratio".
const PALE = `(() => {
	const rgb = (s) => s.match(/[\\d.]+/g).map(Number);
	const light = (c) => {
		const [r, g, b] = c.map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const back = (e) => {
		const c = rgb(getComputedStyle(e).backgroundColor);
		return c.length === 3 || c[3] > 0 ? c.slice(0, 3) : back(e.parentElement);
	};
	const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
	const texts = [...document.body.querySelectorAll('*')].filter((e) =>
		[...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.tagName !== 'SCRIPT');
	const marks = [...document.querySelectorAll('path,i')];
	const bad = (e, color, least) => {
		const r = ratio(rgb(color), back(e.parentElement));
		return r < least ? [\`\${e.tagName} \${e.className.baseVal ?? e.className} \${e.textContent.slice(0, 20)} \${r.toFixed(2)}\`] : [];
	};
	return [
		...texts.flatMap((e) => bad(e, getComputedStyle(e).color, 4.5)),
		...marks.flatMap((e) => bad(e, e.tagName === 'I' ? getComputedStyle(e).backgroundColor : getComputedStyle(e).fill, 3)),
	];
})()`;

const skip = skipBrowser || (/newest-/.test(CLIENTS) ? 'no matter of the clients' : false);

suite('the status page in chromium', { skip }, () => {
	let upstream, proxy, browser;

	before(async () => {
		browser = await startBrowser(['--host-resolver-rules=MAP evil.example 127.0.0.1']);
		upstream = await startUpstream((call, res) =>
			sayTurn(call, res, { text: 'ok', prompt: 61440, completion: 412 }),
		);
		proxy = await startProxy(upstream.url, { MODEL_MAP: 'claude-*=a-model-of-the-upstream' });
		await post(proxy.url, message({ stream: true }));
		await post(proxy.url, message({ model: EVIL }));
		upstream.script((call, res) => sayError(res, 400, `not this one: ${EVIL}`));
		await post(proxy.url, message({ model: 'x'.repeat(200) }));
		upstream.script((call, res) => sayError(res, 503, 'busy '.repeat(100)));
		await post(proxy.url, message());
	});
	after(async () => {
		try {
			await browser?.stop();
		} finally {
			await proxy?.stop();
			await upstream?.stop();
		}
	});

	// A page that is closed after `body`, without a word on its console.
	async function look(options, body, url = `${proxy.url}/status`) {
		const page = await browser.open(options);
		try {
			await page.goto(url);
			await body(page);
			assert.deepEqual(page.complaints, []);
		} finally {
			await page.close();
		}
	}
	const isLive = (page) => page.until(`live.textContent === 'Live'`);

	for (const dark of [false, true])
		for (const width of [320, 360, 700, 1024, 1600])
			test(`${dark ? 'dark' : 'light'}, ${width} wide`, () =>
				look({ dark, width }, async (page) => {
					await isLive(page);
					assert.ok(
						(await page.run('document.documentElement.scrollWidth')) <= width,
						'no scrolling to the side',
					);
					const cut = await page.run(
						`[...document.querySelectorAll('.table, figure')].filter((e) => e.scrollWidth > e.clientWidth + 1).length`,
					);
					assert.equal(cut, 0, 'nothing stands out of its box');
					assert.deepEqual(await page.run(PALE), []);
					const back = await page.run('getComputedStyle(document.body).backgroundColor');
					assert.equal(Number(back.match(/\d+/)[0]) < 128, dark, back);
				}));

	for (const width of [360, 1280])
		test(`a table for those who listen, ${width} wide`, () =>
			look({ width }, async (page) => {
				await isLive(page);
				await page.send('Accessibility.enable');
				const { nodes } = await page.send('Accessibility.getFullAXTree');
				const named = (role) =>
					nodes.filter((n) => n.role?.value === role).map((n) => n.name?.value);
				assert.ok(named('heading').includes('Recent'));
				assert.ok(named('table').length >= 2);
				assert.ok(named('columnheader').includes('First token'));
				assert.ok(named('rowheader').some((n) => n.startsWith('claude-test')));
				assert.ok(named('image').some((n) => /^Requests by minute/.test(n)));
				assert.equal(named('status').length, 1);
			}));

	test('what strangers wrote is text', () =>
		look({}, async (page) => {
			await isLive(page);
			const names = await page.run(
				`[...document.querySelectorAll('#recent .who')].map((e) => e.textContent)`,
			);
			assert.ok(names.includes(EVIL), names.join());
			const text = await page.run('document.body.textContent');
			assert.ok(text.includes(`not this one: ${EVIL}`));
			assert.equal(await page.run(`document.querySelectorAll('img, script').length`), 1);
		}));

	test('a stream is seen to begin, to go on and to end', async () => {
		let finish;
		upstream.script(async (call, res) => {
			startEvents(res);
			res.write(chunk({ content: 'a' }));
			await new Promise((r) => {
				finish = r;
			});
			res.end(chunk({}, 'stop') + usageChunk(1000, 777) + DONE);
		});
		await look({}, async (page) => {
			await isLive(page);
			await page.run(`window.mark = document.getElementById('models')`);
			const r = open(proxy.url + '/v1/messages', {
				body: message({ model: 'claude-live', stream: true }),
			});
			const row = `document.querySelector('#flights tbody tr')`;
			await page.until(`${row}?.textContent.includes('streaming')`);
			assert.match(await page.run(`${row}.textContent`), /claude-live→ a-model-of/);
			assert.equal(await page.run('document.title'), '(1) anthropic-proxy');
			const time = `${row}.querySelectorAll('.n')[1].textContent`;
			const first = await page.run(time);
			await page.until(`${time} !== ${JSON.stringify(first)}`);
			assert.ok(
				await page.run(`window.mark === document.getElementById('models')`),
				'what did not change stays',
			);
			finish();
			await r.done;
			await page.until(`!${row} && document.title === 'anthropic-proxy'`);
			const last = `document.querySelector('#recent tbody tr').textContent`;
			assert.match(await page.run(last), /claude-live.*done.*777end_turn/);
		});
	});

	test('selected text is left alone', () =>
		look({}, async (page) => {
			await isLive(page);
			await page.run(`getSelection().selectAllChildren(document.querySelector('#recent .id'))`);
			await post(proxy.url, {});
			await page.until(`live.textContent === 'Waits while text is selected'`);
			assert.match(await page.run('getSelection().toString()'), /^req_/);
			await page.run('getSelection().removeAllRanges()');
			await post(proxy.url, {});
			await isLive(page);
		}));

	test('without JavaScript it is a table that is loaded again', () =>
		look({ script: false }, async (page) => {
			assert.match(await page.run(`document.getElementById('live').textContent`), /^Refreshed every/);
			assert.ok((await page.run(`document.querySelectorAll('#recent tbody tr').length`)) >= 4);
			await until(() => page.loads() >= 2, 9000, 'the second load');
		}));

	test('it says when the proxy is gone, and is live again after', async () => {
		const page = await browser.open();
		let p = await startProxy(upstream.url);
		try {
			await page.goto(`${p.url}/status`);
			await isLive(page);
			assert.match(await page.run('document.body.textContent'), /No request yet/);
			const { port } = p;
			await p.stop();
			await page.until(`live.textContent === 'Not connected, trying again'`);
			p = await startProxy(upstream.url, { PORT: String(port) });
			await page.until(`live.textContent === 'Live'`, 12000);
		} finally {
			await page.close();
			await p.stop();
		}
	});

	test('a key is asked for as a password', async () => {
		const env = { PROXY_API_KEY: 'key-of-the-proxy' };
		await withProxy(upstream.url, env, async (p) => {
			const credentials = { username: 'me', password: 'key-of-the-proxy' };
			await look(
				{ credentials },
				async (page) => {
					await isLive(page);
					assert.equal(page.prompts(), 1, 'once, not for the events again');
				},
				`http://evil.example:${p.port}/status`,
			);
			const page = await browser.open();
			await page.goto(`${p.url}/status`);
			assert.equal(page.prompts(), 1);
			assert.match(await page.run('document.body.textContent'), /authentication_error/);
			await page.close();
		});
	});

	test('a name from elsewhere that points here reads nothing', async () => {
		const page = await browser.open();
		const there = `http://evil.example:${proxy.port}`;
		await page.goto(`${there}/health`);
		for (const path of ['/status', '/status/events'])
			assert.equal(
				await page.run(`fetch('${path}').then((r) => r.text()).then((t) => JSON.parse(t).error.type)`),
				'permission_error',
			);
		const read = await page.run(
			`fetch('${proxy.url}/status').then((r) => r.text(), () => 'refused')`,
		);
		assert.equal(read, 'refused', 'nor by its true name');
		await page.close();
	});
});
