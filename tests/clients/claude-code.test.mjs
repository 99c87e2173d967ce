// SPDX-License-Identifier: MIT
// The real Claude Code before the built proxy and a scripted upstream that is
// as strict as OpenAI's.  It works on a throw-away home and project.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../e2e/lib/anthropic.mjs';
import { BINARY, withProxy } from '../e2e/lib/proxy.mjs';
import { complaints, refusal } from '../e2e/lib/strict.mjs';
import { startTerminal } from '../e2e/lib/terminal.mjs';
import { sleep } from '../e2e/lib/time.mjs';
import {
	sayError,
	sayJson,
	sayTurn,
	startEvents,
	startUpstream,
	turnFrames,
} from '../e2e/lib/upstream.mjs';
import { CLAUDE, claudeCode, skipCode, startRecorder, workplace } from './lib/clients.mjs';

const options = { skip: skipCode, timeout: 90000 };
const ANSWER = 'All done: hello.txt has 2 lines.';

// Claude Code -> recorder -> proxy -> upstream, with respond() behind a
// strict judge; body gets {run, place, proxy, recorder, upstream, refused}.
async function chain(respond, body, env = {}) {
	const refused = [];
	const upstream = await startUpstream((call, res) => {
		const bad = complaints(call.json, 'openai', { reasoning: true });
		if (!bad.length) return respond(call, res);
		refused.push(...bad);
		const r = refusal(bad);
		return sayJson(res, r.body, r.status);
	});
	const place = workplace();
	try {
		return await withProxy(upstream.url, env, async (proxy) => {
			const recorder = await startRecorder(proxy.url);
			try {
				const run = (args, more) =>
					claudeCode(place, recorder.url, args, more);
				const result = await body({
					run,
					place,
					proxy,
					recorder,
					upstream,
					refused,
				});
				assert.deepEqual(refused, [], 'a strict server refused a request');
				return result;
			} finally {
				await recorder.stop();
			}
		});
	} finally {
		await upstream.stop();
		place.remove();
	}
}

const results = (body) => body.messages.filter((m) => m.role === 'tool');
const toolNames = (body) => (body.tools ?? []).map((t) => t.function.name);

// Write, Bash, two Reads in parallel, answer: by how many results there are.
function taskTurn(body, project) {
	const file = join(project, 'hello.txt'),
		count = join(project, 'count.txt');
	switch (results(body).length) {
		case 0:
			return {
				thinking: 'First I write the file.',
				text: 'Creating the file.',
				calls: [
					{
						id: 'call_write',
						name: 'Write',
						input: {
							file_path: file,
							content: 'hello "proxy" ☂\nline two\n',
						},
					},
				],
			};
		case 1:
			return {
				thinking: 'Now I count its lines.',
				calls: [
					{
						id: 'call_bash',
						name: 'Bash',
						input: {
							command: `wc -l < ${file} > ${count} && cat ${count}`,
							description: 'Count the lines',
						},
					},
				],
			};
		case 2:
			return {
				thinking: 'Both files can be read at once.',
				text: 'Reading both.',
				calls: [
					{
						id: 'call_read_a',
						name: 'Read',
						input: { file_path: file },
					},
					{
						id: 'call_read_b',
						name: 'Read',
						input: { file_path: count },
					},
				],
			};
		default:
			return { text: ANSWER };
	}
}

function assertDisk(place) {
	assert.equal(
		readFileSync(join(place.project, 'hello.txt'), 'utf8'),
		'hello "proxy" ☂\nline two\n',
	);
	assert.equal(readFileSync(join(place.project, 'count.txt'), 'utf8').trim(), '2');
}

// What the model got to see of the work.
function assertHistory(body) {
	const said = body.messages.filter((m) => m.role === 'assistant');
	assert.deepEqual(
		said.map((m) => m.reasoning_content),
		[
			'First I write the file.',
			'Now I count its lines.',
			'Both files can be read at once.',
		],
		'thinking goes back',
	);
	assert.deepEqual(
		said.map((m) => (m.tool_calls ?? []).map((c) => c.id)),
		[['call_write'], ['call_bash'], ['call_read_a', 'call_read_b']],
	);
	const tools = results(body);
	assert.deepEqual(
		tools.map((m) => m.tool_call_id),
		['call_write', 'call_bash', 'call_read_a', 'call_read_b'],
	);
	assert.match(tools[1].content, /2/);
	assert.match(tools[2].content, /hello "proxy" ☂[\s\S]*line two/);
	assert.match(tools[3].content, /2/);
}

// Equal but for stream and the token limit: the same turn asked twice.
function repeats(turns) {
	const key = (t) => JSON.stringify(t.json.messages);
	return turns.filter((t, i) => turns.slice(0, i).some((u) => key(u) === key(t)));
}

// All that helps to see why a run went wrong.
function show({ code, stdout, stderr }, recorder) {
	const turns = (recorder?.turns() ?? []).map(
		(t) => `stream ${t.json?.stream}, status ${t.status}: ${t.text.slice(-300)}`,
	);
	return [`exit ${code}`, stdout.slice(-1500), stderr.slice(-1500), ...turns].join('\n');
}

test(
	'Claude Code writes a file, runs a command, reads two files at once and answers',
	options,
	async () => {
		await chain(
			(call, res) => sayTurn(call, res, taskTurn(call.json, project)),
			async ({ run, place, recorder, upstream }) => {
				project = place.project;
				const r = await run([
					'-p',
					'Create hello.txt, count its lines, read both files',
					'--dangerously-skip-permissions',
				]);
				assert.equal(r.code, 0, show(r));
				assert.equal(r.stdout.trim(), ANSWER);
				assertDisk(place);
				const turns = recorder.turns();
				assert.deepEqual(
					turns.map((t) => [t.json.stream, t.status]),
					Array.from({ length: 4 }, () => [true, 200]),
					'four streamed turns, none repeated',
				);
				assert.deepEqual(repeats(turns), [], 'a turn was asked twice');
				for (const t of turns) assert.deepEqual(assemble(t.text).bad, []);
				assert.equal(upstream.chats().length, 4);
				for (const c of upstream.chats()) assert.equal(c.json.stream, true);
				assertHistory(upstream.last().json);
				// Prefix caches live on this: each body begins with the one before.
				const sent = upstream.chats().map((c) => c.json.messages);
				for (let i = 1; i < sent.length; i++)
					assert.deepEqual(
						sent[i].slice(0, sent[i - 1].length),
						sent[i - 1],
						`turn ${i + 1} changes old messages`,
					);
				assert.ok(
					!toolNames(upstream.last().json).includes(
						'DeferredToolPlaceholder',
					),
				);
			},
		);
	},
);
let project = '';

test('the same task under `run`, which tells it all it needs', options, async () => {
	const place = workplace();
	project = place.project;
	const upstream = await startUpstream(
		(call, res) => sayTurn(call, res, taskTurn(call.json, project)),
		(call, res) =>
			call.url === '/v1/models'
				? sayJson(res, { data: [{ id: 'local-model', max_model_len: 131072 }] })
				: sayError(res, 404, 'Not Found'),
	);
	try {
		const r = await claudeCode(
			place,
			null,
			[
				'-p',
				'Create hello.txt, count its lines, read both files',
				'--output-format',
				'json',
				'--dangerously-skip-permissions',
			],
			{
				under: [BINARY, 'run', '--'],
				env: { UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: 'sk-up' },
			},
		);
		assert.equal(r.code, 0, show(r));
		const result = JSON.parse(r.stdout);
		assert.equal(result.result, ANSWER);
		assert.equal(result.modelUsage['local-model'].contextWindow, 131072);
		assertDisk(place);
		assertHistory(upstream.last().json);
		assert.equal(upstream.chats().length, 4);
		for (const c of upstream.chats()) {
			assert.equal(c.json.model, 'local-model');
			assert.equal(c.headers.authorization, 'Bearer sk-up');
			assert.ok((c.json.max_tokens ?? c.json.max_completion_tokens) <= 16384);
		}
		assert.match(r.stderr, /listening on http:\/\/127\.0\.0\.1:\d+/);
		assert.match(r.stderr, /auto permission mode is not available/);
		const log = join(place.home, '.cache/anthropic-proxy/anthropic-proxy.log');
		assert.match(readFileSync(log, 'utf8'), /stopped/);
	} finally {
		await upstream.stop();
		place.remove();
	}
});

test('in a terminal under `run` it answers, is suspended, comes back and ends', options, async () => {
	const place = workplace();
	const known = { hasCompletedOnboarding: true, theme: 'dark', projects: {} };
	known.projects[place.project] = { hasTrustDialogAccepted: true };
	writeFileSync(join(place.home, '.claude.json'), JSON.stringify(known));
	const t = startTerminal(place.project, {
		PATH: '/usr/local/bin:/usr/bin:/bin',
		HOME: place.home,
		TMPDIR: place.tmp,
		LANG: 'C.UTF-8',
		TERM: 'xterm',
		PS1: '<status $?> ',
	});
	try {
		t.say('stty cols 100 rows 30\n');
		await t.after(
			`${BINARY} run --demo -- ${CLAUDE} --permission-mode acceptEdits\n`,
			/accept edits on/,
		);
		await t.after('morning', /morning/);
		await t.after('\r', /upstream/);
		await t.press('\x1a', /Stopped/);
		await t.after('fg\n', /upstream/);
		await sleep(500);
		await t.after('\x03', /again/);
		await t.after('\x03', /--resume[\s\S]*<status 0>/);
		assert.equal(
			t.text().match(/level=/g),
			null,
			'the log stays out of the terminal',
		);
	} finally {
		await t.leave();
		place.remove();
	}
});

test('the same task through the non-streaming fallback', options, async () => {
	await chain(
		async (call, res) => {
			const turn = taskTurn(call.json, project);
			if (!wantsStream(call)) return sayTurn(call, res, turn);
			// A stream that is cut in the middle of a text cannot be used.
			startEvents(res);
			for (const f of turnFrames({
				text: 'This will be cut off in the middle',
			}).slice(0, 4))
				res.write(f);
			await sleep(30);
			return res.destroy();
		},
		async ({ run, place, recorder, upstream }) => {
			project = place.project;
			const r = await run([
				'-p',
				'Create hello.txt, count its lines, read both files',
				'--dangerously-skip-permissions',
			]);
			assert.equal(r.code, 0, show(r, recorder));
			assert.equal(r.stdout.trim(), ANSWER);
			assertDisk(place);
			const plain = recorder.turns().filter((t) => !t.json.stream);
			assert.equal(plain.length, 4, 'each turn fell back once');
			for (const t of plain) assert.equal(JSON.parse(t.text).type, 'message');
			assertHistory(upstream.last().json);
		},
	);
});
const wantsStream = (call) => call.json.stream === true;

test('an overflow in a later turn makes it compact and go on', options, async () => {
	let overflows = 0,
		summaries = 0;
	await chain(
		(call, res) => {
			const text = JSON.stringify(call.json.messages);
			const last = JSON.stringify(
				call.json.messages.filter((m) => m.role === 'user').at(-1),
			);
			if (last.includes('Respond with TEXT ONLY')) {
				summaries++;
				return sayTurn(call, res, {
					text: '<summary>The user said first; I said one.</summary>',
				});
			}
			if (text.includes('second words') && summaries === 0) {
				overflows++;
				return sayError(
					res,
					400,
					"This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens. Please reduce the length of the messages.",
					{ code: 'context_length_exceeded', param: 'messages' },
				);
			}
			return sayTurn(call, res, {
				text: text.includes('second words')
					? 'two, after compaction'
					: 'one',
			});
		},
		async ({ run, recorder }) => {
			const first = await run(['-p', 'first words']);
			assert.equal(first.stdout.trim(), 'one', show(first));
			const second = await run(['-p', '--continue', 'second words']);
			assert.equal(second.code, 0, show(second, recorder));
			assert.equal(second.stdout.trim(), 'two, after compaction');
			assert.equal(overflows, 1);
			assert.equal(summaries, 1);
			const refused = recorder.turns().filter((t) => t.status === 400);
			assert.equal(refused.length, 1);
			assert.match(
				JSON.parse(refused[0].text).error.message,
				/^prompt is too long: 150000 tokens > 128000 maximum/,
			);
		},
	);
});

test('a deferred tool is hidden, found by ToolSearch, offered and used', options, async () => {
	const offered = [];
	await chain(
		(call, res) => {
			offered.push(toolNames(call.json));
			switch (results(call.json).length) {
				case 0:
					return sayTurn(call, res, {
						calls: [
							{
								id: 'call_search',
								name: 'ToolSearch',
								input: {
									query: 'select:NotebookEdit',
									max_results: 3,
								},
							},
						],
					});
				case 1:
					return sayTurn(call, res, {
						calls: [
							{
								id: 'call_edit',
								name: 'NotebookEdit',
								input: {
									notebook_path: join(
										project,
										'none.ipynb',
									),
									new_source: 'x',
								},
							},
						],
					});
				default:
					return sayTurn(call, res, { text: 'searched' });
			}
		},
		async ({ run, place, upstream, recorder }) => {
			project = place.project;
			const r = await run([
				'-p',
				'Edit the notebook',
				'--dangerously-skip-permissions',
			]);
			assert.equal(r.code, 0, show(r));
			assert.equal(r.stdout.trim(), 'searched');
			const asked = recorder.turns()[0].json.tools;
			assert.ok(
				asked.some((t) => t.defer_loading),
				'Claude Code sends deferred tools',
			);
			assert.ok(offered[0].includes('ToolSearch'));
			assert.ok(
				!offered[0].includes('NotebookEdit') &&
					!offered[0].includes('DeferredToolPlaceholder'),
				offered[0].join(),
			);
			assert.ok(offered[1].includes('NotebookEdit'), 'offered once it is named');
			assert.ok(!offered[1].includes('DeferredToolPlaceholder'));
			assert.deepEqual(
				offered[1].slice(0, offered[0].length),
				offered[0],
				'appended, so that the prefix stays',
			);
			assert.match(
				results(upstream.chats()[1].json)[0].content,
				/NotebookEdit/,
				'the result tells the name',
			);
		},
	);
});

test('a question on the context is counted', options, async () => {
	await chain(
		(call, res) => sayTurn(call, res, { text: 'x' }),
		async ({ run, recorder }) => {
			const r = await run(['-p', '/context']);
			assert.equal(r.code, 0, show(r));
			const counts = recorder.seen.filter((s) =>
				s.path.includes('/count_tokens'),
			);
			assert.ok(counts.length > 5, `${counts.length} counts`);
			for (const c of counts) {
				assert.equal(c.status, 200, c.text);
				assert.ok(JSON.parse(c.text).input_tokens >= 0);
			}
		},
	);
});

test('a wrong proxy key ends the turn at once', options, async () => {
	await chain(
		(call, res) => sayTurn(call, res, { text: 'x' }),
		async ({ run, recorder, upstream }) => {
			const from = Date.now();
			const r = await run(['-p', 'hello'], {
				env: { CLAUDE_CODE_MAX_RETRIES: '10' },
			});
			assert.notEqual(r.code, 0);
			assert.ok(Date.now() - from < 10000, 'it was retried');
			assert.equal(recorder.turns().length, 1);
			assert.equal(recorder.turns()[0].status, 401);
			assert.equal(upstream.chats().length, 0);
		},
		{ PROXY_API_KEY: 'another-key' },
	);
});

test('a base URL ending in /v1 works', options, async () => {
	await chain(
		(call, res) => sayTurn(call, res, { text: 'twice v1' }),
		async ({ place, recorder }) => {
			const r = await claudeCode(place, recorder.url + '/v1', ['-p', 'hello']);
			assert.equal(r.stdout.trim(), 'twice v1', show(r));
			assert.match(recorder.turns()[0].path, /^\/v1\/v1\/messages/);
			assert.ok(existsSync(place.home));
		},
	);
});

test('a picture that Claude Code reads is seen by the model', options, async () => {
	const png =
		'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
	const turns = [];
	await chain(
		(call, res) => {
			turns.push(call.json);
			const file = join(project, 'dot.png');
			if (results(call.json).length)
				return sayTurn(call, res, { text: 'One dot.' });
			return sayTurn(call, res, {
				calls: [
					{
						id: 'call_read',
						name: 'Read',
						input: { file_path: file },
					},
				],
			});
		},
		async ({ run, place }) => {
			project = place.project;
			writeFileSync(join(project, 'dot.png'), Buffer.from(png, 'base64'));
			const r = await run([
				'-p',
				'Look at dot.png',
				'--dangerously-skip-permissions',
			]);
			assert.equal(r.stdout.trim(), 'One dot.', show(r));
			const messages = turns.at(-1).messages;
			const at = messages.findIndex((m) => m.role === 'tool');
			assert.equal(typeof messages[at].content, 'string');
			assert.doesNotMatch(messages[at].content, /base64|iVBOR/);
			const parts = messages.slice(at + 1).flatMap((m) => m.content);
			const image = parts.find((p) => p?.type === 'image_url');
			assert.match(image?.image_url.url ?? '', /^data:image\/png;base64,/);
		},
	);
});

test('two subagents work side by side', options, async () => {
	const prompts = [];
	await chain(
		(call, res) => {
			const said = JSON.stringify(call.json.messages);
			const mine = /task (one|two) for a helper/.exec(said)?.[1];
			if (!said.includes('Ask two helpers')) {
				prompts.push(mine);
				return sayTurn(call, res, { text: `result of task ${mine}` });
			}
			if (results(call.json).length >= 2)
				return sayTurn(call, res, { text: 'Both are done.' });
			const ask = (n) => ({
				id: `call_${n}`,
				name: 'Agent',
				input: {
					description: `Task ${n}`,
					prompt: `Do task ${n} for a helper`,
					subagent_type: 'general-purpose',
					run_in_background: false,
				},
			});
			return sayTurn(call, res, { calls: [ask('one'), ask('two')] });
		},
		async ({ run, upstream }) => {
			const r = await run([
				'-p',
				'Ask two helpers',
				'--dangerously-skip-permissions',
			]);
			assert.equal(r.stdout.trim(), 'Both are done.', show(r));
			assert.deepEqual(prompts.sort(), ['one', 'two']);
			const tools = results(upstream.last().json);
			assert.match(tools[0].content, /result of task one/);
			assert.match(tools[1].content, /result of task two/);
		},
	);
});

test('its gateway discovery finds the Claude names of MODEL_MAP', options, async () => {
	await chain(
		(call, res) => sayTurn(call, res, { text: 'Hello.' }),
		async ({ run, place, recorder, upstream }) => {
			const r = await run(['-p', 'Hello', '--model', 'claude-sonnet-5-5'], {
				env: { CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1' },
			});
			assert.equal(r.stdout.trim(), 'Hello.', show(r, recorder));
			assert.equal(upstream.last().json.model, 'upstream-model');
			const asked = recorder.seen.filter((s) => /\/models/.test(s.path));
			assert.deepEqual(
				asked.map((s) => [s.method, s.path, s.status]),
				[['GET', '/v1/models?limit=1000', 200]],
			);
			const cache = join(place.home, '.claude/cache/gateway-models.json');
			const found = JSON.parse(readFileSync(cache, 'utf8')).models;
			assert.deepEqual(
				found.map((m) => m.id),
				['claude-opus-5-5', 'claude-sonnet-5-5'],
			);
		},
		{ MODEL_MAP: 'claude-opus-*=upstream-model,*sonnet*=upstream-model' },
	);
});

test('a web search that cannot be made is told to the model', options, async () => {
	await chain(
		(call, res) => {
			switch (results(call.json).length) {
				case 0:
					return sayTurn(call, res, {
						calls: [
							{
								id: 'call_find',
								name: 'ToolSearch',
								input: {
									query: 'select:WebSearch',
									max_results: 1,
								},
							},
						],
					});
				case 1:
					return sayTurn(call, res, {
						calls: [
							{
								id: 'call_search',
								name: 'WebSearch',
								input: {
									query: 'weather in Paris',
								},
							},
						],
					});
				default:
					return sayTurn(call, res, {
						text: 'I cannot search here.',
					});
			}
		},
		async ({ run, recorder, upstream }) => {
			const r = await run([
				'-p',
				'Search the web',
				'--dangerously-skip-permissions',
			]);
			assert.equal(r.stdout.trim(), 'I cannot search here.', show(r, recorder));
			const refused = recorder.turns().filter((t) => t.status === 400);
			assert.ok(refused.length >= 1, 'the side request is refused');
			for (const t of refused) assert.match(t.text, /web_search/);
			assert.equal(upstream.chats().length, 3, 'no search was invented');
			const result = results(upstream.last().json).at(-1).content;
			assert.match(result, /error|unavailable|not supported/i);
		},
	);
});
