// SPDX-License-Identifier: MIT
/*
 * CAPTURE_DIR and `replay`: what is captured is the exchange to the byte,
 * holds no key, and gives the same answer when it is played again.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	readdirSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { history, readStream } from './lib/anthropic.mjs';
import { assertMessage, message, open, post } from './lib/http.mjs';
import { BINARY, ROOT_DIR, withProxy } from './lib/proxy.mjs';
import { sleep } from './lib/time.mjs';
import {
	DONE,
	chunk,
	drip,
	sayError,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
	turnFrames,
} from './lib/upstream.mjs';

const KEY = 'sk-up-Zq7Zq8Zq9Zq0Zq1Zq2';
const upstream = await startUpstream();
const top = mkdtempSync(join(tmpdir(), 'anthropic-proxy-captures-'));
let count = 0;

after(async () => {
	await upstream.stop();
	rmSync(top, { recursive: true, force: true });
});

// The bytes of a text in a capture.
const bytesOf = (text) =>
	Buffer.concat(
		text
			.split(/(?<![\uD800-\uDBFF])([\uDC80-\uDCFF])/)
			.map((s, i) =>
				i % 2 ? Buffer.from([s.charCodeAt(0) & 0xff]) : Buffer.from(s),
			),
	);

const linesOf = (file) =>
	readFileSync(file, 'utf8')
		.split('\n')
		.filter((l) => l !== '')
		.map((l) => JSON.parse(l));
const of = (lines, kind) => lines.filter((l) => l.kind === kind);

function replay(file, ...options) {
	const r = spawnSync(BINARY, ['replay', ...options, file], { encoding: 'utf8' });
	return { status: r.status, out: r.stdout, err: r.stderr };
}

function assertEqual(file) {
	const r = replay(file);
	assert.equal(r.status, 0, `${r.out}${r.err}\n${readFileSync(file, 'utf8').slice(0, 4000)}`);
	assert.match(r.out, /^equal: /);
}

// Runs `body` before a proxy that captures; returns the files, oldest first.
async function captured(script, body, env = {}, options = {}) {
	const dir = join(top, String(count++));
	upstream.script(script);
	await withProxy(
		upstream.url,
		{ UPSTREAM_API_KEY: KEY, CAPTURE_DIR: dir, ...env },
		body,
		options,
	);
	return readdirSync(dir)
		.sort()
		.map((f) => join(dir, f));
}

const TOOLS = [{ name: 'look', input_schema: { type: 'object' } }];
const TURN = {
	thinking: 'I should look.',
	text: 'Grüße \u{1F600}',
	calls: [{ id: 'call_1', name: 'look', input: { at: 'x' } }],
};

test('a streamed tool call is captured to the byte and played again', async () => {
	let answer;
	const [file, more] = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => {
			answer = await post(p.url, message({ stream: true, tools: TOOLS }));
			readStream(answer);
		},
	);
	assert.equal(more, undefined, 'one exchange, one file');
	assert.match(file, /\/\d{8}T\d{6}\.\d{3}Z-req_\w{24}\.jsonl$/);
	assert.ok(file.includes(answer.headers['request-id']));
	const lines = linesOf(file);
	assert.deepEqual(
		[...new Set(lines.map((l) => l.kind))],
		['capture', 'settings', 'request', 'prepared', 'try', 'head', 'bytes', 'events', 'end', 'done'],
	);
	assert.equal(of(lines, 'try')[0].body, upstream.last().text);
	assert.equal(
		of(lines, 'bytes')
			.map((l) => l.text)
			.join(''),
		turnFrames(TURN).join(''),
	);
	assert.equal(
		of(lines, 'events')
			.map((l) => l.text)
			.join(''),
		answer.text,
	);
	assertEqual(file);
	const printed = replay(file, '--print');
	assert.equal(
		printed.out,
		`POST ${upstream.url}/v1/chat/completions\n${upstream.last().text}\n\n${answer.text}`,
	);
	assert.match(printed.err, /^equal: /);
});

test('a plain answer, a local refusal and max_tokens 0 are played again', async () => {
	const files = await captured(sayOk, async (p) => {
		assertMessage(await post(p.url, message()));
		assert.equal((await post(p.url, message({ max_tokens: 'x' }))).status, 400);
		assert.equal((await post(p.url, '{"model":')).status, 400);
		assertMessage(await post(p.url, message({ max_tokens: 0 })));
		assertMessage(await post(p.url, message({ model: 'claude-x', thinking: { type: 'adaptive' } })));
		const search = { type: 'web_search_20250305', name: 'web_search' };
		const forced = { tools: [search], tool_choice: { type: 'tool', name: 'web_search' } };
		const r = await post(p.url, message({ model: 'claude-x', ...forced }));
		assert.equal(r.status, 400);
	}, { MODEL_MAP: 'claude-*=mapped', UPSTREAM_BODY: '{"seed":7}', TOP_K: 'pass' });
	assert.equal(files.length, 6);
	for (const f of files) assertEqual(f);
	assert.equal(of(linesOf(files[5]), 'prepared')[0].model, 'mapped');
	const [, settings] = linesOf(files[4]);
	assert.deepEqual(settings.knobs, { TOP_K: 'pass' });
	assert.match(of(linesOf(files[4]), 'try')[0].body, /"mapped".*"seed":7/);
});

test('errors, retries, repairs and the other URL are played again', async () => {
	let n = 0;
	const script = (call, res) => {
		if (!call.url.includes('/v1/')) {
			res.writeHead(404).end('no such page');
			return;
		}
		n++;
		if (n === 1) sayError(res, 503, 'busy');
		else if (n === 2)
			sayError(res, 400, "Unsupported parameter: 'top_p' is not supported", {
				param: 'top_p',
				code: 'unsupported_parameter',
			});
		else if (n === 4) sayError(res, 401, 'no');
		else sayTurn(call, res, TURN);
	};
	const dir = join(top, String(count++));
	upstream.script(script);
	await withProxy(
		`${upstream.url}/openai`,
		{ UPSTREAM_API_KEY: KEY, CAPTURE_DIR: dir, MAX_RETRIES: '2' },
		async (p) => {
			const body = message({ stream: true, top_p: 0.5, tools: TOOLS });
			readStream(await post(p.url, body));
			assert.equal((await post(p.url, body)).status, 401);
		},
		{ allow: [/./] },
	);
	const files = readdirSync(dir).sort().map((f) => join(dir, f));
	const first = linesOf(files[0]);
	assert.ok(of(first, 'try').length >= 4, 'every try is there');
	assert.ok(of(first, 'head').some((h) => h.status === 503));
	assert.ok(
		of(first, 'try').some((t) => t.body === undefined),
		'a body that is sent again is told once',
	);
	assert.deepEqual(of(linesOf(files[1]), 'prepared')[0].lessons, ['drop top_p']);
	for (const f of files) assertEqual(f);
});

test('a client that left, and an upstream that broke, are played again', async () => {
	const files = await captured(
		async (call, res) => {
			startEvents(res);
			res.write(chunk({ content: 'one' }));
			await sleep(150);
			if (call.json.model === 'breaks') res.destroy();
		},
		async (p) => {
			const gone = open(`${p.url}/v1/messages`, { body: message({ stream: true }) });
			gone.done.catch(() => {});
			await gone.head;
			await sleep(50);
			gone.hangUp();
			const r = await post(p.url, message({ stream: true, model: 'breaks' }));
			assert.match(r.text, /event: error/);
			const early = open(`${p.url}/v1/messages`, { body: message() });
			early.done.catch(() => {});
			early.head.catch(() => {});
			await sleep(100);
			early.hangUp();
			await sleep(300);
		},
	);
	assert.equal(files.length, 3);
	for (const f of files) assertEqual(f);
});

test('a thinking round trip is played again, turn by turn', async () => {
	const files = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => {
			const first = {
				stream: true,
				tools: TOOLS,
				thinking: { type: 'enabled', budget_tokens: 4096 },
				max_tokens: 8192,
			};
			const a = readStream(await post(p.url, message(first)));
			const results = [{ type: 'tool_result', tool_use_id: a.content.at(-1).id, content: 'y' }];
			readStream(
				await post(
					p.url,
					message({
						...first,
						messages: [
							{ role: 'user', content: 'Hello' },
							{ role: 'assistant', content: history(a.content) },
							{ role: 'user', content: results },
						],
					}),
				),
			);
			assert.match(upstream.last().text, /I should look/);
		},
	);
	assert.equal(files.length, 2);
	for (const f of files) assertEqual(f);
});

test('bytes that are no text, cut anywhere, and pings come back as they were', async () => {
	const damaged = Buffer.concat([
		Buffer.from(chunk({ content: 'é\u{1F600}' })),
		Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"\xff\x00 \xe2\x82"}}]}\n\n', 'latin1'),
		Buffer.from(chunk({}, 'stop') + DONE),
	]);
	const [file] = await captured(
		async (call, res) => {
			startEvents(res);
			await sleep(2500);
			await drip(res, damaged, 1);
			res.end();
		},
		async (p) => {
			const r = await post(p.url, message({ stream: true }));
			assert.match(r.text, /event: ping/);
		},
		{ PING_INTERVAL: '1' },
	);
	const lines = linesOf(file);
	const got = Buffer.concat(of(lines, 'bytes').map((l) => bytesOf(l.text)));
	assert.deepEqual(got, damaged.subarray(0, got.length));
	assert.ok(got.length >= damaged.length - DONE.length);
	assert.ok(of(lines, 'ping').length >= 1);
	assert.ok(of(lines, 'bytes')[0].ms >= 2400, 'when it came');
	assertEqual(file);
});

test('no key is in a capture, not of one that the upstream echoes in pieces', async () => {
	const secrets = [KEY, 'in/the/body/4716', 'proxy-key-4711', 'client-key-4712', 'cookie-4713', 'header-secret-4714', 'query-4715'];
	const echo = JSON.stringify({ error: { message: `Incorrect API key provided: ${KEY}; saw Bearer ${secrets.join(' ')}` } });
	const dir = join(top, String(count++));
	const slashed = 'in\\/the\\/body\\/4716';
	upstream.script(async (call, res) => {
		res.writeHead(401, { 'set-cookie': 'session=cookie-4713', 'x-request-id': 'up-1' });
		await drip(res, Buffer.from(echo.replace('saw Bearer', `saw Bearer ${slashed}`)), 3);
		res.end();
	});
	await withProxy(
		`${upstream.url}/v1?api-key=query-4715`,
		{
			UPSTREAM_API_KEY: KEY,
			PROXY_API_KEY: [
				...Array.from({ length: 60 }, (_, i) => `other-proxy-key-${i}`),
				'proxy-key-4711',
			].join(),
			UPSTREAM_BODY: '{"api_key":"in/the/body/4716"}',
			UPSTREAM_HEADERS: '{"X-Api-Secret":"header-secret-4714"}',
			CAPTURE_DIR: dir,
		},
		async (p) => {
			const r = await post(p.url, message({ messages: [{ role: 'user', content: `my key is ${KEY}` }] }), {
				headers: {
					'x-api-key': 'proxy-key-4711',
					authorization: 'Bearer client-key-4712',
					cookie: 'session=cookie-4713',
				},
			});
			assert.equal(r.status, 401);
		},
	);
	const file = join(dir, readdirSync(dir)[0]);
	const text = readFileSync(file, 'utf8');
	const together = of(linesOf(file), 'bytes')
		.map((l) => l.text)
		.join('');
	for (const s of [...secrets, slashed]) {
		assert.ok(!text.includes(s), `${s} is in the file`);
		assert.ok(!together.includes(s), `${s} is in the pieces`);
	}
	assert.match(text, /sk-xx-Xx0Xx0Xx0Xx0Xx0Xx0/, 'but that there was one');
	assert.match(text, /authorization: \*\*\*/i);
	assert.match(together, /saw Bearer /, 'no more than keys is hidden');
	assert.match(text, /x-request-id: up-1/);
	assert.match(upstream.last().text, /in\/the\/body/, 'it is sent all the same');
	assertEqual(file);
});

test('a changed capture differs, and it is told where', async () => {
	const [file] = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => readStream(await post(p.url, message({ stream: true, tools: TOOLS }))),
	);
	const text = readFileSync(file, 'utf8');
	const doctored = join(top, 'doctored.jsonl');
	const change = (from, to) => {
		assert.match(text, from);
		writeFileSync(doctored, text.replace(from, to));
		return replay(doctored);
	};
	let r = change(/(text_delta[^]{0,40})Gr/, '$1XX');
	assert.equal(r.status, 1);
	assert.match(r.out, /^the stream of events differs in line \d+, byte \d+\n/);
	assert.match(r.out, /^  event: content_block_delta$/m);
	assert.match(r.out, /^- .*XX/m);
	assert.match(r.out, /^\+ .*Gr/m);
	r = change(/(kind":"try".*)max_tokens/, '$1min_tokens');
	assert.equal(r.status, 1);
	assert.match(r.out, /^try 1: the request to the upstream differs/);
	r = change(/(kind":"bytes".*)"stop"|tool_calls\\"}/, '$1length\\"}');
	assert.equal(r.status, 1);
	r = change(/Gr(?=[^]*events)/, '\u001b[31m');
	assert.doesNotMatch(r.out, /\u001b/, 'nothing that moves a cursor');
});

test('what is no capture is exit 2 with one line', async () => {
	const [file] = await captured(sayOk, async (p) => assertMessage(await post(p.url, message())));
	const text = readFileSync(file, 'utf8');
	const bad = join(top, 'bad.jsonl');
	for (const wrong of [
		'',
		'\n',
		'{}\n',
		'[]\n',
		'not JSON\n',
		'{"kind":7}\n',
		text.split('\n').slice(1).join('\n'),
		text.replace('"format":1', '"format":2'),
		text.replace(/"url":"[^"]*"/, '"url":"file:///etc/passwd"'),
		text.replace(/(\n.*){2}$/, '\n{"kind":"cut","bytes":9}\n'),
		`${'['.repeat(5000)}\n`,
		Buffer.alloc(70000, 0xff),
	]) {
		writeFileSync(bad, wrong);
		const r = replay(bad);
		assert.equal(r.status, 2, String(wrong).slice(0, 300));
		assert.match(r.err, /^anthropic-proxy: .*\n$/);
	}
	for (const args of [['replay'], ['replay', file, 'more'], ['replay', '--port', '1', file]])
		assert.equal(spawnSync(BINARY, args).status, 2);
	assert.equal(replay(join(top, 'missing')).status, 2);
	assert.equal(replay(top).status, 2);
});

test('a capture that was never finished is compared as far as it goes', async () => {
	const [file] = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => readStream(await post(p.url, message({ stream: true, tools: TOOLS }))),
	);
	const cut = join(top, 'cut.jsonl');
	const lines = readFileSync(file, 'utf8').split('\n');
	for (let n = 3; n < lines.length - 1; n++) {
		writeFileSync(cut, `${lines.slice(0, n).join('\n')}\n{"kind":"by`);
		const r = replay(cut);
		assert.notEqual(r.status, 2, r.err);
		assert.match(r.out, /never finished/);
	}
});

test('files are for their owner alone', async () => {
	const dir = join(top, String(count++));
	upstream.script(sayOk);
	await withProxy(upstream.url, { CAPTURE_DIR: dir }, async (p) =>
		assertMessage(await post(p.url, message())),
	);
	assert.equal(statSync(dir).mode & 0o777, 0o700);
	for (const f of readdirSync(dir)) assert.equal(statSync(join(dir, f)).mode & 0o777, 0o600);
});

test('a directory that cannot be written costs one warning and no request', async () => {
	const file = join(top, 'a-file');
	writeFileSync(file, '');
	for (const dir of [file, '/proc/none/here']) {
		upstream.script(sayOk);
		await withProxy(upstream.url, { CAPTURE_DIR: dir, SANDBOX: '0' }, async (p) => {
			for (let i = 0; i < 3; i++) assertMessage(await post(p.url, message()));
			assert.equal(p.log().match(/level=warn.*CAPTURE_DIR/g)?.length, 1, p.log());
		});
	}
});

test('a disk that is full costs the rest of the file, one warning and no request', async () => {
	const dir = join(top, String(count++));
	upstream.script((call, res) => sayTurn(call, res, { text: 'x'.repeat(200000) }));
	await withProxy(upstream.url, { CAPTURE_DIR: dir }, async (p) => {
		const set = spawnSync('prlimit', [`--pid=${p.pid}`, '--fsize=100000']);
		assert.equal(set.status, 0, 'prlimit of util-linux');
		for (let i = 0; i < 3; i++)
			assert.equal(
				readStream(await post(p.url, message({ stream: true }))).stop_reason,
				'end_turn',
			);
		assert.equal(p.log().match(/level=warn.*CAPTURE_DIR/g)?.length, 1, p.log());
	});
	const files = readdirSync(dir).map((f) => join(dir, f));
	assert.equal(files.length, 3);
	for (const f of files) {
		assert.equal(statSync(f).size, 100000);
		assert.notEqual(replay(f).status, 2, 'what is there can be played');
	}
});

// One thread reads and writes 64 MB: a minute, and no news, under ThreadSanitizer.
const slow = /tsan/.test(BINARY) ? 'too slow here' : false;
test('a file has a ceiling, and says so where it was cut', { skip: slow }, async () => {
	const content = '"'.repeat(9 * 1024 * 1024); // four bytes each, twice
	const [file] = await captured(sayOk, async (p) =>
		assertMessage(
			await post(p.url, message({ messages: [{ role: 'user', content }] }), {
				timeout: 60000,
			}),
		),
	);
	const text = readFileSync(file, 'latin1');
	assert.ok(text.length > 60 * 1024 * 1024 && text.length <= 64 * 1024 * 1024);
	assert.match(text.slice(-60), /\n\{"kind":"cut","bytes":\d+\}\n$/);
	const r = replay(file);
	assert.deepEqual([r.status, r.err], [
		2,
		`anthropic-proxy: ${file}: it was cut: the exchange was longer than a capture may be\n`,
	]);
	rmSync(file);
});

test('many at once, each in its own file', async () => {
	const files = await captured(
		async (call, res) => {
			startEvents(res);
			for (const f of turnFrames({ text: `for ${call.json.model}` })) {
				res.write(f);
				await sleep(1);
			}
			res.end();
		},
		(p) =>
			Promise.all(
				Array.from({ length: 24 }, async (_, i) =>
					readStream(await post(p.url, message({ model: `m${i}`, stream: true }))),
				),
			),
	);
	assert.equal(files.length, 24);
	for (const f of files) {
		const model = of(linesOf(f), 'prepared')[0].model;
		assert.match(replay(f, '--print').out, new RegExp(`"model":"${model}"`));
		assertEqual(f);
	}
});

test('SIGHUP turns it on, elsewhere and off', async () => {
	const dirs = [0, 1].map(() => join(top, String(count++)));
	const config = join(top, 'settings.env');
	const set = (dir) => writeFileSync(config, dir ? `CAPTURE_DIR=${dir}\n` : '#\n');
	set();
	upstream.script(sayOk);
	await withProxy(
		upstream.url,
		{ SANDBOX: '0' },
		async (p) => {
			for (const dir of [...dirs, null]) {
				assertMessage(await post(p.url, message()));
				set(dir);
				p.signal('SIGHUP');
				await sleep(300);
			}
			assertMessage(await post(p.url, message()));
		},
		{ args: ['-c', config] },
	);
	for (const dir of dirs) assert.equal(readdirSync(dir).length, 1);
});

test('a damaged capture of any kind ends the replay in order', async () => {
	const [file] = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => readStream(await post(p.url, message({ stream: true, tools: TOOLS }))),
	);
	const bytes = readFileSync(file);
	const damaged = join(top, 'damaged.jsonl');
	let seed = 7;
	const dice = (n) => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return seed % n;
	};
	for (let i = 0; i < 120; i++) {
		const b = Buffer.from(bytes);
		for (let j = 0; j <= dice(3); j++) b[dice(b.length)] = dice(256);
		const lines = b.toString('latin1').split('\n');
		if (i % 3 === 1) lines.splice(dice(lines.length), 1 + dice(3));
		if (i % 3 === 2) lines.splice(dice(lines.length), 0, lines[dice(lines.length)]);
		writeFileSync(damaged, lines.join('\n'), 'latin1');
		const r = replay(damaged, '--print');
		assert.ok([0, 1, 2].includes(r.status), `${r.status} ${r.err}`);
		assert.doesNotMatch(r.out + r.err, /[\u001b\u0000]/);
	}
});

test('one command makes a golden case of a capture', async () => {
	const [file] = await captured(
		(call, res) => sayTurn(call, res, TURN),
		async (p) => readStream(await post(p.url, message({ stream: true, tools: TOOLS }))),
	);
	const cwd = join(top, 'house');
	mkdirSync(cwd);
	const golden = (env, ...args) =>
		spawnSync(join(ROOT_DIR, 'tests/golden/golden_captures'), args, {
			cwd,
			encoding: 'utf8',
			env: { ...process.env, PROXY: BINARY, ...env },
		});
	assert.equal(golden({}, '--accept', 'a-tool-call', file).status, 0);
	const kept = join(cwd, 'tests/golden/captures/a-tool-call');
	assert.deepEqual(readFileSync(`${kept}.jsonl`), readFileSync(file));
	let r = golden({ CASE: 'a-tool-call' });
	assert.deepEqual([r.status, r.stdout], [0, 'ok 1 - a-tool-call\n']);
	const right = readFileSync(`${kept}.expect`, 'utf8');
	writeFileSync(`${kept}.expect`, right.replace('Gr', 'XX'));
	r = golden();
	assert.equal(r.status, 1);
	assert.match(r.stdout, /^not ok 1 - a-tool-call\n(# .*\n)*# -.*XX/);
	assert.equal(golden({}, '--accept', 'a-tool-call').status, 0);
	assert.equal(readFileSync(`${kept}.expect`, 'utf8'), right);
	for (const bad of [[''], ['../up', file], ['b', join(top, 'missing')]])
		assert.equal(golden({}, '--accept', ...bad).status, 2);
	assert.deepEqual(readdirSync(join(kept, '..')).sort(), ['a-tool-call.expect', 'a-tool-call.jsonl']);
	assert.match(golden({ CASE: 'other' }).stdout, /SKIP/);
});

test('the oldest captures make room', async () => {
	const dir = join(top, String(count++));
	mkdirSync(dir, { mode: 0o700 });
	const name = (i) =>
		`20200101T000000.000Z-req_${String(i).padStart(24, '0')}.jsonl`;
	for (let i = 0; i < 1005; i++) writeFileSync(join(dir, name(i)), '');
	writeFileSync(join(dir, 'notes.txt'), 'mine');
	upstream.script(sayOk);
	await withProxy(upstream.url, { CAPTURE_DIR: dir }, async (p) =>
		assertMessage(await post(p.url, message())),
	);
	assert.ok(existsSync(join(dir, 'notes.txt')));
	assert.ok(!existsSync(join(dir, name(4))));
	assert.ok(existsSync(join(dir, name(5))));
	assert.equal(readdirSync(dir).length, 1002);
});

test('nothing is written where it is off', async () => {
	upstream.script(sayOk);
	await withProxy(upstream.url, { CAPTURE_DIR: '' }, async (p) => {
		assertMessage(await post(p.url, message()));
		assert.deepEqual(readdirSync(p.home), []);
	});
});
