// SPDX-License-Identifier: MIT
/*
 * A real llama-server as the upstream.  LLAMA_SERVER: its path; LLAMA_MODEL: a
 * gguf that calls a tool named Bash with `echo hello-from-llama`, other tools
 * in two parallel get_weather calls, and thinks before it speaks (a model made
 * for tests does).  Skipped where they are not set.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start } from '../e2e/lib/children.mjs';
import { callsOf, history, readStream, textOf } from '../e2e/lib/anthropic.mjs';
import { assertMessage, message, open, post } from '../e2e/lib/http.mjs';
import { startProxy } from '../e2e/lib/proxy.mjs';
import { sleep, until } from '../e2e/lib/time.mjs';
import { closedPort } from '../e2e/lib/upstream.mjs';
import {
	claudeCode,
	loadSdk,
	sdks,
	skipCode,
	skipSdk,
	startRecorder,
	suite,
	workplace,
} from './lib/clients.mjs';

const { LLAMA_SERVER, LLAMA_MODEL } = process.env;
const skip = LLAMA_SERVER && LLAMA_MODEL ? false : 'LLAMA_SERVER and LLAMA_MODEL are not set';

const weather = {
	name: 'get_weather',
	description: 'Weather of a city',
	input_schema: {
		type: 'object',
		properties: { city: { type: 'string' } },
		required: ['city'],
	},
};
const shell = {
	name: 'bash',
	description: 'Runs a command',
	input_schema: {
		type: 'object',
		properties: { command: { type: 'string' } },
		required: ['command'],
	},
};
const thinking = { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 4096 };

suite('before a real llama-server', { skip, timeout: 180000 }, () => {
	let llama,
		proxy,
		log = '';

	before(async () => {
		const port = await closedPort();
		llama = start(LLAMA_SERVER, [
			'-m',
			LLAMA_MODEL,
			'--host',
			'127.0.0.1',
			'--port',
			String(port),
			'-c',
			'262144',
			'-np',
			'2',
			'--jinja',
			'--no-webui',
			'-t',
			'2',
		]);
		llama.stdout.on('data', (d) => {
			log = (log + d).slice(-20000);
		});
		llama.stderr.on('data', (d) => {
			log = (log + d).slice(-20000);
		});
		const url = `http://127.0.0.1:${port}`;
		await until(
			() =>
				fetch(url + '/health').then(
					(r) => r.ok,
					() => false,
				),
			60000,
			`llama-server is up; its log: ${log.slice(-800)}`,
		);
		proxy = await startProxy(url, { UPSTREAM_API_KEY: undefined });
	});
	after(async () => {
		try {
			await proxy?.stop();
		} finally {
			if (llama && llama.exitCode === null) {
				const gone = new Promise((r) => llama.once('exit', r));
				llama.kill('SIGTERM');
				await Promise.race([
					gone,
					sleep(5000).then(() => llama.kill('SIGKILL')),
				]);
			}
		}
	});

	const ask = (extra) => post(proxy.url, message(extra), { timeout: 60000 });

	test('a plain greeting, streamed and whole, with true usage', async () => {
		const a = readStream(await ask({ stream: true, max_tokens: 64 }));
		const m = assertMessage(await ask({ max_tokens: 64 }));
		assert.ok(textOf(a).length > 0);
		assert.equal(textOf(a), textOf(m));
		for (const u of [a.usage, m.usage])
			assert.ok(
				u.output_tokens > 0 &&
					u.input_tokens + (u.cache_read_input_tokens ?? 0) > 0,
				JSON.stringify(u),
			);
	});

	test('thinking and two parallel calls, streamed and whole', async () => {
		const a = readStream(await ask({ stream: true, ...thinking, tools: [weather] }));
		const m = assertMessage(await ask({ ...thinking, tools: [weather] }));
		for (const x of [a, m]) {
			assert.equal(callsOf(x).length, 2, JSON.stringify(x.content));
			for (const c of callsOf(x)) {
				assert.equal(c.name, 'get_weather');
				assert.equal(typeof c.input, 'object');
			}
			assert.equal(x.stop_reason, 'tool_use');
		}
	});

	test('a shell call with thinking, its result, and the final answer', async () => {
		const first = readStream(await ask({ stream: true, ...thinking, tools: [shell] }));
		assert.equal(first.content[0].type, 'thinking');
		const [call] = callsOf(first);
		assert.match(call.input.command, /echo hello-from-llama/);
		const second = readStream(
			await ask({
				stream: true,
				...thinking,
				tools: [shell],
				messages: [
					{ role: 'user', content: 'Hello' },
					{ role: 'assistant', content: history(first.content) },
					{
						role: 'user',
						content: [
							{
								type: 'tool_result',
								tool_use_id: call.id,
								content: 'hello-from-llama',
							},
						],
					},
				],
			}),
		);
		assert.ok(textOf(second).length > 0);
		assert.equal(second.stop_reason, 'end_turn');
	});

	test('max_tokens cuts, a stop sequence stops and is told', async () => {
		const say = { messages: [{ role: 'user', content: 'SAY-LONG' }] };
		const cut = readStream(await ask({ stream: true, max_tokens: 20, ...say }));
		assert.equal(cut.stop_reason, 'max_tokens');
		const word = textOf(cut).trim().split(/\s+/)[3];
		const stopped = readStream(
			await ask({
				stream: true,
				max_tokens: 200,
				...say,
				stop_sequences: [word],
			}),
		);
		assert.equal(stopped.stop_reason, 'stop_sequence');
		assert.equal(stopped.stop_sequence, word);
		assert.ok(!textOf(stopped).includes(word));
		const whole = assertMessage(
			await ask({ max_tokens: 200, ...say, stop_sequences: [word] }),
		);
		assert.equal(whole.stop_sequence, word);
	});

	test('a client that leaves an endless answer frees the slot', async () => {
		for (let i = 0; i < 4; i++) {
			const o = open(proxy.url + '/v1/messages', {
				body: message({
					stream: true,
					max_tokens: 100000,
					messages: [{ role: 'user', content: 'SAY-LONG' }],
				}),
			});
			await until(() => o.pieces.length > 3, 20000, 'tokens');
			o.hangUp();
		}
		const from = Date.now();
		assertMessage(await ask({ max_tokens: 8 }));
		assert.ok(Date.now() - from < 8000, 'both slots were still busy');
	});

	test('count_tokens answers', async () => {
		const r = await post(proxy.url, message({ tools: [shell] }), {
			path: '/v1/messages/count_tokens',
		});
		assert.equal(r.status, 200);
		assert.ok(JSON.parse(r.text).input_tokens > 0);
	});

	for (const name of sdks)
		test(`${name} streams thinking and tools`, { skip: skipSdk }, async () => {
			const { Anthropic, betaTool } = await loadSdk(name);
			const client = new Anthropic({
				baseURL: proxy.url,
				apiKey: 'sk-test',
				maxRetries: 0,
			});
			const m = await client.messages
				.stream({
					model: 'claude-test',
					messages: [{ role: 'user', content: 'Hello' }],
					tools: [shell],
					...thinking,
				})
				.finalMessage();
			assert.deepEqual(
				m.content.map((b) => b.type).filter((t) => t !== 'text'),
				['thinking', 'tool_use'],
			);
			const ran = [];
			const tool = betaTool({
				name: 'bash',
				description: 'Runs',
				inputSchema: shell.input_schema,
				run: (input) => {
					ran.push(input.command);
					return 'hello-from-llama';
				},
			});
			const last = await client.beta.messages
				.toolRunner({
					model: 'claude-test',
					max_tokens: 1000,
					messages: [{ role: 'user', content: 'Hello' }],
					tools: [tool],
				})
				.runUntilDone();
			assert.equal(ran.length, 1);
			assert.equal(last.stop_reason, 'end_turn');
		});

	test(
		'Claude Code runs the command that the model asks for',
		{ skip: skipCode, timeout: 120000 },
		async () => {
			const place = workplace(),
				recorder = await startRecorder(proxy.url);
			try {
				const r = await claudeCode(
					place,
					recorder.url,
					[
						'-p',
						'Say hello by a command',
						'--dangerously-skip-permissions',
					],
					{ timeout: 100000 },
				);
				assert.equal(r.code, 0, `${r.stdout}\n${r.stderr}`);
				assert.ok(r.stdout.trim().length > 0);
				const turns = recorder.turns();
				assert.deepEqual(
					turns.map((t) => [t.json.stream, t.status]),
					turns.map(() => [true, 200]),
					'no turn was repeated unstreamed',
				);
				const results = turns
					.at(-1)
					.json.messages.flatMap((m) =>
						Array.isArray(m.content) ? m.content : [],
					)
					.filter((b) => b.type === 'tool_result');
				assert.equal(results.length, 1);
				assert.match(
					JSON.stringify(results[0].content),
					/hello-from-llama/,
				);
			} finally {
				await recorder.stop();
				place.remove();
			}
		},
	);
});
