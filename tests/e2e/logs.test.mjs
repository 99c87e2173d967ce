// SPDX-License-Identifier: MIT
// The log: one line for each request that tells what became of it and why,
// and bodies only where they are asked for, without what must not stand there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { get, message, post } from './lib/http.mjs';
import { BINARY, withProxy } from './lib/proxy.mjs';
import { sleep, until } from './lib/time.mjs';
import { sayError, sayJson, sayOk, startUpstream, turnMessage } from './lib/upstream.mjs';

const upstream = await startUpstream();
after(() => upstream.stop());

const KEY = 'proxy-word-of-mouth';

// The lines of a request as objects (LOG_FORMAT=json).
const linesOf = (p, id) =>
	p
		.log()
		.split('\n')
		.filter((l) => l.startsWith('{'))
		.map((l) => JSON.parse(l))
		.filter((l) => l.req === id);

// The one line of a request's end.
async function endOf(p, r) {
	const id = r.headers['request-id'];
	const ends = () => linesOf(p, id).filter((l) => l.route);
	await until(() => ends().length > 0, 2000, `a line of ${id}`);
	assert.equal(ends().length, 1);
	return ends()[0];
}

test('a line tells route, models, status, tokens, times and why', async () => {
	upstream.script((call, res) =>
		sayJson(res, {
			...turnMessage({ text: 'ok' }),
			usage: {
				prompt_tokens: 100,
				completion_tokens: 20,
				prompt_tokens_details: { cached_tokens: 60 },
			},
		}),
	);
	const env = { LOG_FORMAT: 'json', MODEL_MAP: 'claude-haiku-*=small', REASONING_MODEL: 'deep' };
	await withProxy(upstream.url, env, async (p) => {
		const line = await endOf(p, await post(p.url, message({ model: 'claude-haiku-1' })));
		assert.equal(line.level, 'info');
		assert.equal(line.msg, 'done');
		assert.equal(line.route, '/v1/messages');
		assert.equal(line.status, 200);
		assert.equal(line.model, 'claude-haiku-1');
		assert.equal(line.upstream_model, 'small');
		assert.equal(line.chosen_by, 'MODEL_MAP');
		assert.equal(line.input_tokens, 40);
		assert.equal(line.cached_tokens, 60);
		assert.equal(line.output_tokens, 20);
		assert.equal(line.stop, 'end_turn');
		assert.ok(line.total_ms >= 0 && line.tries === 1);
		assert.ok(!('retries' in line) && !('repairs' in line) && !('error' in line));
		const thinking = { type: 'enabled', budget_tokens: 1024 };
		const deep = await endOf(p, await post(p.url, message({ thinking, max_tokens: 4096 })));
		assert.equal(deep.chosen_by, 'REASONING_MODEL');
		assert.equal(deep.upstream_model, 'deep');
		const own = await endOf(p, await post(p.url, message({ stream: true })));
		assert.ok(!('chosen_by' in own) && !('upstream_model' in own));
		assert.equal(own.stream, 'yes');
		assert.ok(own.first_token_ms >= 0 && own.first_token_ms <= own.total_ms);
	});
});

test('a retry is told with its cause, and the line counts it', async () => {
	let n = 0;
	upstream.script((call, res) =>
		n++ === 0 ? sayError(res, 503, 'busy now', {}, { 'retry-after': '0' }) : sayOk(call, res),
	);
	await withProxy(upstream.url, { LOG_FORMAT: 'json', MAX_RETRIES: '1' }, async (p) => {
		const r = await post(p.url, message());
		const end = await endOf(p, r);
		assert.equal(end.retries, 1);
		assert.equal(end.tries, 2);
		const said = linesOf(p, r.headers['request-id']).map((l) => l.msg);
		assert.ok(said.some((m) => /^try 1 failed, the next in \d+ ms: .*busy now/.test(m)), said);
	});
});

test('every refused request has a line with its id', async () => {
	upstream.script(sayOk);
	await withProxy(
		upstream.url,
		{ LOG_FORMAT: 'json', PROXY_API_KEY: KEY, MAX_BODY_BYTES: '4096' },
		async (p) => {
			const headers = { 'x-api-key': KEY };
			const cases = [
				[await post(p.url, message()), 401, 'authentication_error'],
				[await get(p.url, '/nowhere', { headers }), 404, 'not_found_error'],
				[await get(p.url, '/v1/messages', { headers }), 405, 'invalid_request_error'],
				[await post(p.url, 'x'.repeat(5000), { headers }), 413, 'request_too_large'],
				[
					await post(p.url, 'x'.repeat(5000), { headers, chunked: true }),
					413,
					'request_too_large',
				],
				[await post(p.url, '{', { headers }), 400, 'invalid_request_error'],
				[
					await post(p.url, message(), {
						headers: { ...headers, 'content-encoding': 'gzip' },
					}),
					400,
					'invalid_request_error',
				],
			];
			for (const [r, status, type] of cases) {
				assert.equal(r.status, status, r.text);
				const line = await endOf(p, r);
				assert.equal(line.status, status);
				assert.equal(line.error, type);
			}
			assert.equal((await endOf(p, cases[1][0])).route, '/nowhere');
			assert.doesNotMatch(p.log(), new RegExp(KEY));
		},
	);
});

test('a client that leaves while it sends has a line, and so has one that is cut', async () => {
	await withProxy(upstream.url, { LOG_FORMAT: 'json', REQUEST_TIMEOUT: '1' }, async (p) => {
		const lines = () =>
			p
				.log()
				.split('\n')
				.filter((l) => l.includes('"msg":"client left"'))
				.map((l) => JSON.parse(l));
		for (const leaves of [true, false]) {
			const before = lines().length;
			const socket = connect(p.port, '127.0.0.1');
			socket.on('error', () => {});
			socket.write('POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{');
			await sleep(100);
			if (leaves) socket.destroy();
			await until(() => lines().length === before + 1, 4000, 'the line');
			socket.destroy();
			assert.equal(lines().at(-1).status, 499);
			assert.match(lines().at(-1).req, /^req_/);
		}
	});
});

test('questions after its health fill no log, but stand in that of --debug', async () => {
	for (const DEBUG of ['0', '1'])
		await withProxy(upstream.url, { LOG_FORMAT: 'json', DEBUG }, async (p) => {
			const r = await get(p.url, '/health');
			await sleep(50);
			assert.equal(linesOf(p, r.headers['request-id']).length, Number(DEBUG));
		});
});

test('--debug tells how the upstream is asked', async () => {
	upstream.script(sayOk);
	const env = { LOG_FORMAT: 'json', DEBUG: '1', MAX_TOKENS_FIELD: 'max_completion_tokens' };
	await withProxy(upstream.url, env, async (p) => {
		const r = await post(p.url, message());
		await endOf(p, r);
		const line = linesOf(p, r.headers['request-id']).find((l) => l.msg === 'profile');
		assert.equal(line.level, 'debug');
		assert.equal(line.MAX_TOKENS_FIELD, 'max_completion_tokens');
		assert.equal(line.model, 'claude-test');
		assert.ok(Object.keys(line).length > 25);
	});
});

test('VERBOSE logs both directions, short and without keys', async () => {
	const image = Buffer.alloc(3000, 7).toString('base64');
	const escaped = Buffer.alloc(3000, 0xff).toString('base64').replace(/\//g, '\\/');
	upstream.script((call, res) => sayJson(res, turnMessage({ text: `echo ${image}` })));
	const env = {
		VERBOSE: '1',
		LOG_FORMAT: 'json',
		UPSTREAM_API_KEY: 'plain-words',
		PROXY_API_KEY: KEY,
	};
	await withProxy(upstream.url, env, async (p) => {
		const headers = { 'x-api-key': KEY };
		const content = [
			{ type: 'text', text: `sk-abcdefghijklmnop123 plain-words ${KEY} NEAR` },
			{
				type: 'image',
				source: { type: 'base64', media_type: 'image/png', data: image },
			},
		];
		const text = JSON.stringify(message({ messages: [{ role: 'user', content }] }));
		const r = await post(p.url, text.replace('NEAR', escaped), { headers });
		assert.equal(r.status, 200, r.text);
		await endOf(p, r);
		const bodies = linesOf(p, r.headers['request-id']).map((l) => l.msg);
		for (const way of ['from client', 'to upstream', 'from upstream', 'to client']) {
			const body = bodies.find((b) => b.startsWith(`${way}: `));
			assert.ok(body, `${way} is logged`);
			assert.ok(body.length < 2000, `${way}: ${body.length} characters`);
			assert.match(body, /\.\.\.\(\d+ bytes of base64\)/);
		}
		for (const secret of ['sk-abcdef', 'plain-words', KEY])
			assert.ok(!p.log().includes(secret), secret);
	});
});

test('a refusal that tells a key in two pieces is logged without it', async () => {
	upstream.script(async (call, res) => {
		res.writeHead(401, { 'content-type': 'application/json' });
		res.write('{"error":{"message":"Incorrect: sk-abcd');
		await sleep(60);
		res.end('efgh12345678zz"}}');
	});
	await withProxy(upstream.url, { VERBOSE: '1', LOG_FORMAT: 'json' }, async (p) => {
		const r = await post(p.url, message());
		await endOf(p, r);
		assert.match(p.log(), /from upstream: [^\n]*Incorrect/);
		assert.doesNotMatch(p.log(), /efgh12345678zz/);
	});
});

test('a body without end is cut in the log', async () => {
	upstream.script(sayOk);
	await withProxy(upstream.url, { VERBOSE: '1', LOG_FORMAT: 'json' }, async (p) => {
		const content = 'all work and no play '.repeat(100000);
		const r = await post(p.url, message({ messages: [{ role: 'user', content }] }));
		await endOf(p, r);
		const sizes = linesOf(p, r.headers['request-id']).map((l) => l.msg.length);
		assert.ok(Math.max(...sizes) < 300000, `${sizes}`);
		assert.ok(p.log().includes('...(cut)'));
	});
});

// What the proxy says when its stderr is a terminal, of util-linux's script.
function onTerminal(env) {
	return new Promise((resolve, reject) => {
		const command = `timeout -s TERM 1 '${BINARY}' -p 0 --demo`;
		const child = execFile(
			'script',
			['-qec', command, '/dev/null'],
			{ env: { PATH: process.env.PATH, HOME: '/nonexistent', STATE_DIR: '', ...env } },
			(err, out) => (err && !out ? reject(err) : resolve(out)),
		);
		child.stdin.end();
	});
}

test('colours are for terminals, and not where NO_COLOR is set', async () => {
	const [bright, plain, empty] = await Promise.all([
		onTerminal({}),
		onTerminal({ NO_COLOR: '1' }),
		onTerminal({ NO_COLOR: '' }),
	]);
	assert.match(bright, /\x1b\[32minfo\x1b\[0m/);
	assert.match(bright, /listening on http/);
	assert.match(empty, /\x1b\[32minfo/);
	assert.match(plain, /level=info/);
	assert.doesNotMatch(plain, /\x1b/);
	upstream.script(sayOk);
	await withProxy(upstream.url, {}, async (p) => {
		await post(p.url, message());
		assert.doesNotMatch(p.log(), /\x1b/);
	});
});
