// SPDX-License-Identifier: MIT
/*
 * What a refusal teaches: exactly one more request, mended in exactly the
 * refused thing, and never again for that model, also after a restart.
 * The mock is many servers, one a model name, each of which refuses in the
 * words of one make until the request suits it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { hosted } from './lib/hosted.mjs';
import { startProxy } from './lib/proxy.mjs';
import { cases, refuses, without } from './lib/refusals.mjs';
import './lib/refusals-inside.mjs';
import { sleep } from './lib/time.mjs';
import { sayJson, sayOk, startUpstream } from './lib/upstream.mjs';
import { words } from './lib/wordings.mjs';

const ENV = { TOP_K: 'pass', STOP_MODE: 'both' };
const SECRETS = ['sk-up', 'sk-test', 'the-secret-question', 'secret-user'];

const upstream = await startUpstream((call, res) => {
	const c = cases.get(call.json.model.replace(/^other-/, ''));
	const no = c?.judge(call.json);
	if (!no) sayOk(call, res);
	else if (typeof no === 'function') no(res);
	else sayJson(res, no[1], no[0]);
});
const state = mkdtempSync(join(tmpdir(), 'anthropic-proxy-state-'));
let proxy;

before(async () => {
	proxy = await startProxy(upstream.url, { ...ENV, STATE_DIR: state });
});
after(async () => {
	try {
		await proxy.stop();
	} finally {
		await upstream.stop();
		rmSync(state, { recursive: true, force: true });
	}
});

const SCHEMA = {
	$schema: 'https://json-schema.org/draft/2020-12/schema',
	type: 'object',
	properties: {
		n: { type: 'integer', exclusiveMinimum: 0 },
		map: {
			type: 'object',
			propertyNames: { type: 'string' },
			properties: { exclusiveMinimum: { type: 'string' } },
		},
	},
};
const STRICT = {
	type: 'object',
	properties: { a: { type: 'string' } },
	required: ['a'],
	additionalProperties: false,
};

const ask = (model, c) =>
	message({
		model,
		max_tokens: 64000,
		stream: true,
		system: 'a system prompt',
		temperature: 0.5,
		top_p: 0.9,
		top_k: 40,
		stop_sequences: ['STOP'],
		service_tier: 'standard_only',
		metadata: { user_id: 'secret-user' },
		output_config: { effort: 'high' },
		tools: [
			{ name: 'f', input_schema: SCHEMA },
			{ name: 'g', strict: true, input_schema: STRICT },
		],
		tool_choice: { type: 'auto', disable_parallel_tool_use: true },
		messages: c.messages ?? [{ role: 'user', content: 'the-secret-question' }],
		...c.extra,
	});

async function asked(model, c) {
	upstream.calls.length = 0;
	const a = readStream(await post(proxy.url, ask(model, c)));
	assert.equal(textOf(a), 'ok');
	return upstream.chats().map((x) => x.json);
}

const lines = (model) =>
	proxy
		.log()
		.split('\n')
		.filter((l) => /learned of /.test(l) && l.includes(`model ${model}:`));

for (const [model, c] of cases)
	test(`learned: ${c.name}`, async () => {
		const first = await asked(model, c);
		assert.equal(first.length, 2, `requests upstream; log: ${lines(model).join('\n')}`);
		c.mended(first[0], first[1]);
		const second = await asked(model, c);
		assert.equal(second.length, 1, 'the lesson is known');
		assert.deepEqual(second[0], first[1], 'and gives the same request');
		assert.equal(lines(model).length, c.lessons ?? 1, lines(model).join('\n'));
	});

test('a lesson is of one model', async () => {
	const [model, c] = cases.entries().next().value;
	assert.equal((await asked(`other-${model}`, c)).length, 2);
	assert.equal((await asked(`other-${model}`, c)).length, 1);
});

test('the state holds no secrets and is for its owner alone', () => {
	for (const f of readdirSync(state)) {
		const text = readFileSync(join(state, f), 'utf8');
		for (const s of SECRETS) assert.ok(!text.includes(s), `${s} in ${f}`);
		assert.equal(statSync(join(state, f)).mode & 0o077, 0, f);
	}
	assert.deepEqual(
		SECRETS.filter((s) => proxy.log().includes(s)),
		[],
	);
});

test('the lessons outlive the proxy', async () => {
	await proxy.stop();
	proxy = await startProxy(upstream.url, { ...ENV, STATE_DIR: state });
	for (const [model, c] of cases) {
		const bodies = await asked(model, c);
		assert.equal(bodies.length, 1, `${c.name}: ${lines(model).join('\n')}`);
	}
	assert.doesNotMatch(proxy.log(), /learned of /);
});

test('a stop sequence still stops where the upstream refuses to look for it', async () => {
	const upstreamStops = await startProxy(upstream.url, { STOP_MODE: 'upstream' });
	try {
		upstream.script((call, res) => {
			if (call.json.stop) sayJson(res, words.openai('stop')[1], 400);
			else sayOk(call, res);
		});
		for (let i = 0; i < 2; i++) {
			const m = assertMessage(
				await post(upstreamStops.url, message({ stop_sequences: ['k'] })),
			);
			assert.deepEqual(
				[m.content, m.stop_reason, m.stop_sequence],
				[
					[{ type: 'text', text: 'o', citations: null }],
					'stop_sequence',
					'k',
				],
			);
		}
		assert.equal(upstream.chats().length, 3);
	} finally {
		await upstreamStops.stop();
	}
});

// What a host's name decides is unlearned too where the host says so.
for (const [base, model, extra, refused, judge, mended] of [
	[
		'http://api.openai.com/v1',
		'gpt-4o',
		{},
		'max_completion_tokens',
		refuses('max_completion_tokens', words.fastapi),
		({ max_completion_tokens: n, ...rest }, second) =>
			assert.deepEqual(second, { ...rest, max_tokens: n }),
	],
	...['safety_identifier', 'prompt_cache_key'].map((key) => [
		'http://api.openai.com/v1',
		'gpt-4o',
		{ metadata: { user_id: 'user_x_session_y' } },
		key,
		refuses(key, words.openai),
		(first, second) => assert.equal(second[key], undefined),
	]),
	[
		'http://api.deepseek.com',
		'deepseek-chat',
		{},
		'thinking',
		refuses('thinking', words['old openai']),
		without('thinking'),
	],
	[
		'http://integrate.api.nvidia.com/v1',
		'some/model',
		{ thinking: { type: 'disabled' } },
		'chat_template_kwargs',
		refuses('chat_template_kwargs', words.vllm),
		without('chat_template_kwargs'),
	],
	[
		'http://openrouter.ai/api/v1',
		'some/model',
		{ thinking: { type: 'enabled', budget_tokens: 1024 } },
		'reasoning',
		refuses('reasoning', words.openai),
		without('reasoning'),
	],
])
	test(`${new URL(base).host} may refuse ${refused} all the same`, () =>
		hosted(
			base,
			(call, res) => {
				const no = judge(call.json);
				if (no) sayJson(res, no[1], no[0]);
				else sayOk(call, res);
			},
			{},
			async (own, up) => {
				const body = message({ model, max_tokens: 4096, ...extra });
				for (let i = 0; i < 2; i++)
					assertMessage(await post(own.url, body));
				const bodies = up.chats().map((c) => c.json);
				assert.equal(bodies.length, 3);
				mended(bodies[0], bodies[1]);
				// The user's name may go under its older name from then on.
				const { user, ...rest } = bodies[2];
				assert.deepEqual(rest, bodies[1]);
				assert.ok(user === undefined || refused === 'safety_identifier');
			},
		));

test('a refusal behind a ping cannot be mended any more, but teaches', async () => {
	const slow = await startProxy(upstream.url, { PING_INTERVAL: '0.1' });
	try {
		upstream.script(async (call, res) => {
			if (!('temperature' in call.json)) return sayOk(call, res);
			await sleep(1500);
			return sayJson(res, words.openai('temperature')[1], 400);
		});
		const body = message({ model: 'slow', stream: true, temperature: 1 });
		const first = readStream(await post(slow.url, body));
		assert.equal(first.error?.type, 'invalid_request_error');
		assert.equal(upstream.chats().length, 1);
		assert.equal(textOf(readStream(await post(slow.url, body))), 'ok');
		assert.equal(upstream.chats().length, 2);
	} finally {
		await slow.stop();
	}
});

test('many requests that learn the same at once say so once', async () => {
	upstream.script((call, res) =>
		'temperature' in call.json
			? sayJson(res, words.openai('temperature')[1], 400)
			: sayOk(call, res),
	);
	const answers = await Promise.all(
		Array.from({ length: 20 }, () =>
			post(proxy.url, message({ model: 'crowd', temperature: 1 })),
		),
	);
	for (const r of answers) assertMessage(r);
	assert.ok(upstream.chats().length <= 40);
	assert.equal(lines('crowd').length, 1);
});

test('what cannot be mended is told after one request, or once more if mending did not help', async () => {
	upstream.script((call, res) =>
		sayJson(res, { error: { message: 'I do not like you', type: 'x' } }, 400),
	);
	assertError(
		await post(proxy.url, message()),
		400,
		'invalid_request_error',
		/I do not like you/,
	);
	assert.equal(upstream.chats().length, 1);
	upstream.script((call, res) => sayJson(res, words.openai('temperature')[1], 400));
	assertError(
		await post(proxy.url, message({ model: 'stubborn', temperature: 1 })),
		400,
		'invalid_request_error',
		/temperature/,
	);
	assert.equal(upstream.chats().length, 2);
});
