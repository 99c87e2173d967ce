// SPDX-License-Identifier: MIT
// `anthropic-proxy doctor` before upstreams of all kinds.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { start } from './lib/children.mjs';
import { BINARY } from './lib/proxy.mjs';
import { SLACK, until } from './lib/time.mjs';
import {
	chunk,
	closedPort,
	DONE,
	sayError,
	sayJson,
	sayTurn,
	startEvents,
	startUpstream,
} from './lib/upstream.mjs';

const KEY = 'sk-topsecret-0123456789';
const PASSED_ON = ['PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'];

// Runs it in a folder of its own, which is home too.
async function examine(args, env, { folder } = {}) {
	const home = folder ?? fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-doctor-'));
	const kept = Object.fromEntries(
		PASSED_ON.filter((k) => process.env[k]).map((k) => [k, process.env[k]]),
	);
	const child = start(BINARY, ['doctor', ...args], {
		cwd: home,
		env: { ...kept, HOME: home, STATE_DIR: join(home, 'state'), ...env },
	});
	let out = '',
		err = '';
	child.stdout.on('data', (d) => (out += d));
	child.stderr.on('data', (d) => (err += d));
	const limit = setTimeout(() => child.kill('SIGKILL'), 30000 * SLACK);
	const [code, signal] = await new Promise((r) => child.on('close', (...how) => r(how)));
	clearTimeout(limit);
	assert.equal(signal, null, `ended by ${signal}: ${err}`);
	assert.ok(!fs.existsSync(join(home, 'state')), 'it kept lessons');
	if (folder === undefined) fs.rmSync(home, { recursive: true, force: true });
	return { code, out, err, home };
}

const hasImage = (call) => call.text.includes('image_url');

// What a good model says to each of the questions.
function goodTurn(call) {
	const j = call.json;

	if (hasImage(call)) return { text: 'Red.' };
	if (j.messages.some((m) => m.role === 'tool')) return { text: 'sunny' };
	if (j.tools) {
		const cities = typeof j.tool_choice === 'object' ? ['Paris'] : ['Paris', 'Rome'];

		return {
			calls: cities.map((city, i) => ({
				id: `call_${i}`,
				name: 'get_weather',
				input: { city },
			})),
		};
	}
	if (j.reasoning_effort && j.reasoning_effort !== 'none')
		return { thinking: 'So.', text: '391' };
	return { text: 'ok' };
}

const good = (call, res) => sayTurn(call, res, goodTurn(call));
const lists =
	(...ids) =>
	(call, res) =>
		sayJson(res, {
			object: 'list',
			data: ids.map((id) => ({
				id,
				object: 'model',
				created: 1,
				context_length: 131072,
			})),
		});

async function before(respond, others, body) {
	const upstream = await startUpstream(respond, others);
	try {
		return await body(upstream, {
			UPSTREAM_BASE_URL: upstream.url,
			UPSTREAM_API_KEY: KEY,
		});
	} finally {
		await upstream.stop();
	}
}

async function judged(env, args = [], options) {
	const r = await examine(['--json', ...args], env, options);
	const j = JSON.parse(r.out);

	assert.equal(r.out.trim().split('\n').length, 1);
	return {
		...r,
		json: j,
		result: Object.fromEntries(j.checks.map((c) => [c.name, c.result])),
		detail: Object.fromEntries(j.checks.map((c) => [c.name, c.detail])),
	};
}

test('an upstream that has all is ok in each row, and needs no setting', () =>
	before(good, lists('claude-like', 'claude-other'), async (upstream, env) => {
		const r = await judged(env);

		assert.equal(r.code, 0, r.out + r.err);
		assert.deepEqual(
			r.json.checks.filter((c) => c.result !== 'ok'),
			[],
		);
		assert.deepEqual(r.json.settings, {});
		assert.equal(r.json.works, true);
		assert.equal(r.json.model, 'claude-like');
		assert.match(r.detail.reasoning, /reasoning_content/);
		assert.match(r.detail['context window'], /131072/);
		assert.match(r.err, /\(2\/8\) asking for a streamed word\n/);
		assert.equal(upstream.chats().length, 7, 'tiny and few');
		for (const c of upstream.chats()) assert.ok(c.text.length < 2000);
	}));

test('the table says the same for people', () =>
	before(good, lists('claude-like'), async (upstream, env) => {
		const r = await examine([], env);

		assert.equal(r.code, 0);
		assert.match(r.out, /^anthropic-proxy \d+\.\d+\.\d+, upstream http:\/\/127/);
		assert.match(r.out, /\n {2}ok {4}parallel tools {3}2 calls at once\n/);
		assert.match(r.out, /\nThe proxy works with this upstream\.\n/);
		assert.match(r.out, /No other settings are needed/);
	}));

test('UPSTREAM_BODY and UPSTREAM_HEADERS go with each question', () =>
	before(good, lists('claude-like'), async (upstream, env) => {
		const r = await judged({
			...env,
			UPSTREAM_BODY: '{"seed":7}',
			UPSTREAM_HEADERS: '{"x-more":"1"}',
		});

		assert.equal(r.code, 0);
		for (const c of upstream.chats()) assert.equal(c.json.seed, 7);
		for (const c of upstream.calls) assert.equal(c.headers['x-more'], '1');
	}));

test('the demo can be examined', async () => {
	const r = await examine(['--demo'], {});

	assert.equal(r.code, 0, r.out + r.err);
	assert.match(r.out, /\(the demo\)/);
	assert.match(r.out, /ok {4}tools/);
});

test('what the upstream refuses becomes a setting', () =>
	before(
		(call, res) => {
			const j = call.json;

			if ('max_tokens' in j)
				return sayError(
					res,
					400,
					"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
					{ param: 'max_tokens', code: 'unsupported_parameter' },
				);
			if ('stream_options' in j)
				return sayError(res, 400, 'Unknown parameter: stream_options');
			if (j.tools && typeof j.tool_choice === 'object')
				return sayError(
					res,
					400,
					"tool_choice must be 'auto', other values are not supported",
				);
			return sayTurn(call, res, goodTurn(call));
		},
		lists('claude-like'),
		async (upstream, env) => {
			const r = await judged(env);

			assert.equal(r.code, 0, r.out);
			assert.deepEqual(r.json.settings, {
				MAX_TOKENS_FIELD: 'max_completion_tokens',
				INCLUDE_USAGE: 'false',
				TOOL_CHOICE: 'auto_only',
			});
			assert.equal(r.detail['token field'], 'max_completion_tokens');
			// … and with them nothing more is recommended
			const again = await judged({ ...env, ...r.json.settings });
			assert.deepEqual(again.json.settings, {});
		},
	));

test('the other name of the token field is found as well', () =>
	before(
		(call, res) =>
			'max_completion_tokens' in call.json
				? sayError(res, 400, 'Unknown parameter: max_completion_tokens', {
						param: 'max_completion_tokens',
					})
				: good(call, res),
		lists('claude-like'),
		async (upstream, env) => {
			const r = await judged({
				...env,
				MAX_TOKENS_FIELD: 'max_completion_tokens',
			});

			assert.deepEqual(r.json.settings, { MAX_TOKENS_FIELD: 'max_tokens' });
		},
	));

test('a refused key fails, and neither it nor what repeats it is printed', () =>
	before(
		(call, res) =>
			sayError(
				res,
				401,
				`Incorrect API key: ${KEY}, header x-more: hidden-value-7, at ${call.url}`,
			),
		lists('m'),
		async (upstream, env) => {
			for (const args of [[], ['--json']]) {
				const r = await examine(args, {
					...env,
					UPSTREAM_BASE_URL: `${upstream.url}?api-version=1&sig=queryvalue99&t=v`,
					UPSTREAM_HEADERS: '{"x-more":"hidden-value-7"}',
				});

				assert.equal(r.code, 1);
				assert.match(r.out, /fail/);
				for (const secret of [
					KEY,
					'topsecret',
					'hidden-value',
					'queryvalue',
				])
					assert.ok(!(r.out + r.err).includes(secret), secret);
			}
		},
	));

test('what is missing is told in its row', async () => {
	const cases = [
		[
			(call, res) =>
				sayError(
					res,
					404,
					`The model \`${call.json.model}\` does not exist`,
					{
						code: 'model_not_found',
					},
				),
			{ COMPLETION_MODEL: 'gone', REASONING_MODEL: 'gone' },
			1,
			{ key: 'ok', model: 'fail' },
		],
		[
			(call, res) =>
				sayJson(res, '<html>hello</html>', 200, {
					'content-type': 'text/html',
				}),
			{},
			1,
			{ stream: 'fail' },
		],
		[
			(call, res) => {
				startEvents(res);
				res.end(chunk({ content: 'ok' }) + chunk({}, 'stop') + DONE);
			},
			{},
			0,
			{
				'usage in stream': 'no',
				tools: 'no',
				'parallel tools': '?',
				'forced tool': 'no',
				image: 'no',
				reasoning: 'no',
				'reasoning off': '?',
			},
		],
		[
			(call, res) =>
				call.json.tools
					? sayError(res, 400, 'this model does not support tools')
					: good(call, res),
			{},
			0,
			{ tools: 'no', 'tool results': 'no', image: 'ok' },
		],
		[
			(call, res) =>
				hasImage(call)
					? sayError(res, 500, 'image input is not supported')
					: good(call, res),
			{},
			0,
			{ image: 'no', reasoning: 'ok' },
		],
		[
			(call, res) => sayError(res, 429, 'slow down'),
			{},
			1,
			{ reachable: 'ok', key: '?', stream: 'fail' },
		],
	];
	for (const [respond, env, code, rows] of cases)
		await before(respond, lists('claude-like'), async (upstream, base) => {
			const r = await judged({ ...base, ...env, MAX_RETRIES: '0' });

			assert.equal(r.code, code, r.out);
			for (const [name, result] of Object.entries(rows))
				assert.equal(r.result[name], result, `${name}: ${r.out}`);
			assert.equal(r.json.works, code === 0);
			if (code !== 0) assert.deepEqual(r.json.settings, {});
		});
});

// Each refusal is one that a real server gives.
test('what the order and the fields of a client meet is found', async () => {
	const inlineSystem = (j) => j.messages.findLastIndex((m) => m.role === 'system') > 0;
	const userAfterTool = (j) =>
		j.messages.some((m, i) => m.role === 'user' && j.messages[i - 1]?.role === 'tool');
	const cases = [
		[
			inlineSystem,
			400,
			'System message must be at the beginning.',
			{ INLINE_SYSTEM: 'fold' },
		],
		[
			userAfterTool,
			400,
			"Unexpected role 'user' after role 'tool'",
			{ USER_AFTER_TOOL: 'fold' },
		],
		[
			(j) => j.messages.some((m) => m.tool_calls && !('reasoning_content' in m)),
			400,
			'The reasoning_content in the thinking mode must be passed back to the API.',
			{ REASONING_HISTORY: 'deepseek' },
		],
		[
			(j) =>
				j.messages.some((m) =>
					m.tool_calls?.some((c) => !/^[a-zA-Z0-9]{9}$/.test(c.id)),
				),
			400,
			'Tool call id was toolu_01doctor but must be a-z, A-Z, 0-9, with a length of 9.',
			{ TOOL_ID_MODE: 'mistral9' },
		],
		[
			(j) => 'temperature' in j,
			400,
			"Unsupported parameter: 'temperature'",
			{ SAMPLING: 'drop' },
		],
		[
			(j) => 'user' in j,
			400,
			'Unrecognized request argument supplied: user',
			{ USER_FIELD: 'none' },
		],
		[
			(j) => 'parallel_tool_calls' in j,
			422,
			'Unknown field: parallel_tool_calls',
			{ PARALLEL_TOOL_CALLS: 'drop' },
		],
		[
			(j) => 'reasoning_effort' in j,
			400,
			'reasoning_effort is not supported by this model',
			{ REASONING_REQUEST: 'none' },
		],
		[
			(j) => j.tools && j.reasoning_effort !== 'none',
			400,
			"Function tools with reasoning_effort are not supported for this model. Please use /v1/responses or set reasoning_effort to 'none'.",
			{ TOOLS_NEED_EFFORT_NONE: 'true' },
		],
	];
	for (const [refuses, status, words, settings] of cases)
		await before(
			(call, res) =>
				refuses(call.json) ? sayError(res, status, words) : good(call, res),
			lists('claude-like'),
			async (upstream, env) => {
				const r = await judged(env);

				assert.equal(r.code, 0, words + r.out);
				assert.deepEqual(r.json.settings, settings, words);
				upstream.calls.length = 0;
				const again = await judged({ ...env, ...settings });
				assert.deepEqual(again.json.settings, {}, words);
				assert.ok(!upstream.chats().some((c) => refuses(c.json)), words);
			},
		);
});

test('what has no setting is said to be mended', () =>
	before(
		(call, res) =>
			call.text.includes('$schema')
				? sayError(
						res,
						400,
						"Invalid schema for tools[0].parameters: unknown field '$schema'",
					)
				: good(call, res),
		lists('claude-like'),
		async (upstream, env) => {
			const r = await judged(env);

			assert.deepEqual(r.json.settings, {});
			assert.match(r.detail.mended, /schema_keyword \$schema/);
		},
	));

test('the other form of the URL is found and recommended', async () => {
	const upstream = await startUpstream(
		(call, res) => {
			if (call.url.startsWith('/v1/')) {
				res.writeHead(404, { 'content-type': 'text/plain' });
				res.end('no page here');
			} else good(call, res);
		},
		(call, res) =>
			call.url === '/models'
				? lists('claude-x')(call, res)
				: res.writeHead(404).end(),
	);
	try {
		const r = await judged({ UPSTREAM_BASE_URL: upstream.url });

		assert.equal(r.code, 0, r.out);
		assert.deepEqual(r.json.settings, {
			UPSTREAM_BASE_URL: `${upstream.url}/chat/completions`,
		});
	} finally {
		await upstream.stop();
	}
});

test('an upstream that cannot be reached or says nothing ends in time', async () => {
	const refused = await judged({
		UPSTREAM_BASE_URL: `http://127.0.0.1:${await closedPort()}`,
	});
	assert.equal(refused.code, 1);
	assert.equal(refused.result.reachable, 'fail');
	assert.match(refused.detail.reachable, /refused/);

	const silent = net.createServer((s) => s.on('error', () => {})).listen(0, '127.0.0.1');
	await new Promise((r) => silent.once('listening', r));
	const { port } = silent.address();
	try {
		const tls = await judged({
			UPSTREAM_BASE_URL: `https://127.0.0.1:${port}`,
			CONNECT_TIMEOUT: '1',
		});
		assert.equal(tls.result.reachable, 'fail');
		const began = Date.now();
		const hung = await judged({
			UPSTREAM_BASE_URL: `http://127.0.0.1:${port}`,
			FIRST_BYTE_TIMEOUT: '1',
		});
		assert.equal(hung.code, 1);
		assert.equal(hung.result.reachable, 'fail');
		assert.ok(Date.now() - began < 8000 * SLACK);
	} finally {
		silent.close();
	}
});

test('plain HTTP where TLS was meant fails with a reason', () =>
	before(good, lists('m'), async (upstream) => {
		const r = await judged({
			UPSTREAM_BASE_URL: upstream.url.replace('http:', 'https:'),
		});

		assert.equal(r.code, 1);
		assert.match(r.detail.reachable, /TLS|SSL/);
	}));

test('an answer that never ends is left', () =>
	before(
		async (call, res) => {
			startEvents(res);
			while (!call.closed) {
				res.write(chunk({ content: 'more ' }));
				await new Promise((r) => setTimeout(r, 100));
			}
		},
		lists('m'),
		async (upstream, env) => {
			const r = await judged({ ...env, FIRST_BYTE_TIMEOUT: '2' });

			assert.equal(r.code, 1);
			assert.match(r.detail.stream, /no end of the answer/);
		},
	));

test('the model is the one that is said, set, or listed', () =>
	before(good, lists('text-embedding-3', 'first', 'second'), async (upstream, env) => {
		const cases = [
			[['--model', 'second'], {}, 'second'],
			[[], { COMPLETION_MODEL: 'c' }, 'c'],
			[[], { REASONING_MODEL: 'r', COMPLETION_MODEL: 'c' }, 'r'],
			[[], { MODEL_MAP: 'claude-*=m', REASONING_MODEL: 'r' }, 'm'],
			[[], { MODEL_MAP: 'other=m' }, 'm'],
			[[], {}, 'first'],
		];
		for (const [args, more, model] of cases) {
			const r = await judged({ ...env, ...more }, args);

			assert.equal(r.json.model, model);
			for (const c of upstream.chats()) assert.equal(c.json.model, model);
			upstream.calls.length = 0;
		}
		const r = await judged(env, ['--model', 'second']);
		assert.deepEqual(r.json.settings, {
			REASONING_MODEL: 'second',
			COMPLETION_MODEL: 'second',
		});
	}));

test('a model that thinks unasked is told to stop in the way that helps', () =>
	before(
		(call, res) => {
			const off = call.json.chat_template_kwargs?.enable_thinking === false;

			return sayTurn(call, res, {
				...goodTurn(call),
				...(call.json.tools || off ? {} : { thinking: 'Hm.' }),
			});
		},
		lists('claude-like'),
		async (upstream, env) => {
			const r = await judged(env);

			assert.equal(r.result['reasoning off'], 'no');
			assert.deepEqual(r.json.settings, { REASONING_REQUEST: 'vllm_kwargs' });
		},
	));

test('--write changes the lines it must and nothing else', () =>
	before(
		(call, res) =>
			'max_tokens' in call.json
				? sayError(
						res,
						400,
						"Use 'max_completion_tokens' instead of 'max_tokens'.",
					)
				: good(call, res),
		lists('only'),
		async (upstream) => {
			const folder = fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-doctor-'));
			const file = join(folder, '.env');
			const text = [
				'# mine',
				`export UPSTREAM_BASE_URL="${upstream.url}" # here`,
				'OTHER=1',
				'MAX_TOKENS_FIELD = max_tokens   # old',
				`UPSTREAM_API_KEY='${KEY}'`,
			].join('\n');
			fs.writeFileSync(file, text, { mode: 0o640 });
			fs.chmodSync(file, 0o640);
			try {
				const r = await examine(['--write'], {}, { folder });

				assert.equal(r.code, 0, r.out + r.err);
				assert.match(r.out, /now in ~\/\.env/);
				assert.equal(
					fs.readFileSync(file, 'utf8'),
					`${text.replace('= max_tokens   #', '=max_completion_tokens   #')}\nREASONING_MODEL=only\nCOMPLETION_MODEL=only\n`,
				);
				assert.equal(fs.statSync(file).mode & 0o777, 0o640);
				assert.deepEqual(fs.readdirSync(folder), ['.env']);
				const again = await judged({}, ['--write'], { folder });
				assert.deepEqual(again.json.settings, {});
				assert.equal(again.json.wrote, null);

				// never through a link
				fs.writeFileSync(join(folder, 'real'), text);
				fs.rmSync(file);
				fs.symlinkSync('real', file);
				const link = await examine(['--write'], {}, { folder });
				assert.equal(link.code, 1);
				assert.match(link.err, /symbolic link/);
				assert.equal(fs.readFileSync(join(folder, 'real'), 'utf8'), text);

				// a new file is nobody else's
				fs.rmSync(file);
				const made = await judged(
					{ UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: KEY },
					['--write'],
					{ folder },
				);
				assert.equal(made.json.wrote, './.env');
				assert.equal(fs.statSync(file).mode & 0o777, 0o600);
				assert.ok(!fs.readFileSync(file, 'utf8').includes(KEY));
			} finally {
				fs.rmSync(folder, { recursive: true, force: true });
			}
		},
	));

test('--write is for the file that was read', () =>
	before(
		(call, res) =>
			'user' in call.json
				? sayError(res, 400, 'Unknown parameter: user')
				: good(call, res),
		lists('claude-like'),
		async (upstream) => {
			const folder = fs.mkdtempSync(join(tmpdir(), 'anthropic-proxy-doctor-'));
			const file = join(folder, 'my.env');
			fs.writeFileSync(file, `UPSTREAM_BASE_URL=${upstream.url}\n`);
			fs.writeFileSync(join(folder, '.env'), 'PORT=1\n');
			try {
				const r = await judged(
					{ USER_FIELD: 'auto' },
					['--write', '-c', 'my.env'],
					{ folder },
				);

				assert.equal(r.json.wrote, '~/my.env', r.err);
				assert.match(r.err, /USER_FIELD: is set in the environment/);
				assert.match(fs.readFileSync(file, 'utf8'), /\nUSER_FIELD=none\n$/);
				assert.equal(
					fs.readFileSync(join(folder, '.env'), 'utf8'),
					'PORT=1\n',
				);
			} finally {
				fs.rmSync(folder, { recursive: true, force: true });
			}
		},
	));

test('Ctrl-C ends it at once', () =>
	before(
		() => {},
		() => {},
		async (upstream, env) => {
			const child = start(BINARY, ['doctor'], {
				env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
			});
			await until(() => upstream.calls.length > 0, 10000, 'a question');
			const began = Date.now();
			child.kill('SIGINT');
			const [code, signal] = await new Promise((r) =>
				child.on('close', (...how) => r(how)),
			);

			assert.equal(code, null);
			assert.equal(signal, 'SIGINT');
			assert.ok(Date.now() - began < 2000 * SLACK);
		},
	));

test('wrong words are usage errors', async () => {
	for (const args of [['--demo', '--write'], ['--port', '1'], []]) {
		const r = await examine(args, {});

		assert.equal(r.code, 2, r.err);
		assert.equal(r.out, '');
	}
});
