// SPDX-License-Identifier: MIT
// The Vercel AI SDK's Anthropic provider reads the proxy's answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assemble } from '../e2e/lib/anthropic.mjs';
import { streams } from '../e2e/lib/golden.mjs';
import { startProxy } from '../e2e/lib/proxy.mjs';
import { complaints } from '../e2e/lib/strict.mjs';
import { sayTurn, startUpstream } from '../e2e/lib/upstream.mjs';
import { loadAiSdk, skipAiSdk, suite } from './lib/clients.mjs';

const turn = {
	thinking: 'Both cities.',
	text: 'Let me look.',
	calls: [
		{ id: 'call_paris', name: 'get_weather', input: { city: 'Paris' } },
		{ id: 'call_rome', name: 'get_weather', input: { city: 'Rome' } },
	],
};
const tool = (name) => ({
	type: 'function',
	name,
	description: name,
	inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
});
const user = { role: 'user', content: [{ type: 'text', text: 'Paris and Rome?' }] };
const ask = (extra = {}) => ({
	prompt: [user],
	maxOutputTokens: 3000,
	providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
	...extra,
});

// The parts of a stream put together: what the SDK believes was said.
async function read(stream) {
	const out = { reasoning: '', text: '', calls: [], finish: null, errors: [] };
	for await (const part of stream) {
		if (part.type === 'reasoning-delta') out.reasoning += part.delta;
		if (part.type === 'text-delta') out.text += part.delta;
		if (part.type === 'tool-call')
			out.calls.push({
				id: part.toolCallId,
				name: part.toolName,
				input: part.input,
			});
		if (part.type === 'finish') out.finish = part;
		if (part.type === 'error') out.errors.push(part.error);
	}
	return out;
}

suite('@ai-sdk/anthropic', { skip: skipAiSdk }, () => {
	let upstream, proxy, model, lastText;

	before(async () => {
		const createAnthropic = await loadAiSdk();
		upstream = await startUpstream();
		proxy = await startProxy(upstream.url);
		const keeping = async (...args) => {
			const r = await fetch(...args);
			lastText = r.clone().text();
			return r;
		};
		model = createAnthropic({
			baseURL: proxy.url + '/v1',
			apiKey: 'sk-test',
			fetch: keeping,
		})('claude-test');
	});
	after(async () => {
		try {
			await proxy?.stop();
		} finally {
			await upstream?.stop();
		}
	});

	test('a stream of thoughts, text and parallel calls', async () => {
		upstream.script((call, res) => sayTurn(call, res, turn));
		const { stream } = await model.doStream(ask({ tools: [tool('get_weather')] }));
		const a = await read(stream);
		assert.deepEqual(a.errors, []);
		assert.equal(a.reasoning, turn.thinking);
		assert.equal(a.text, turn.text);
		assert.deepEqual(
			a.calls.map((c) => [c.id, JSON.parse(c.input)]),
			turn.calls.map((c) => [c.id, c.input]),
		);
		assert.equal(a.finish.finishReason.unified, 'tool-calls');
		assert.equal(a.finish.usage.inputTokens.total, 50);
		assert.equal(a.finish.usage.outputTokens.total, 20);
		assert.deepEqual(complaints(upstream.last().json), []);
	});

	test('a plain answer', async () => {
		upstream.script((call, res) => sayTurn(call, res, turn));
		const g = await model.doGenerate(ask({ tools: [tool('get_weather')] }));
		assert.deepEqual(
			g.content.map((p) => p.type),
			['reasoning', 'text', 'tool-call', 'tool-call'],
		);
		assert.equal(g.finishReason.unified, 'tool-calls');
	});

	test('thoughts and results go back', async () => {
		upstream.script((call, res) => sayTurn(call, res, turn));
		const first = await model.doGenerate(ask({ tools: [tool('get_weather')] }));
		const content = first.content.map(({ providerMetadata, ...p }) => ({
			...p,
			...(p.type === 'tool-call' ? { input: JSON.parse(p.input) } : {}),
			...(providerMetadata ? { providerOptions: providerMetadata } : {}),
		}));
		const results = turn.calls.map((c) => ({
			type: 'tool-result',
			toolCallId: c.id,
			toolName: c.name,
			output: { type: 'text', value: `rain in ${c.input.city}` },
		}));
		upstream.script((call, res) => sayTurn(call, res, { text: 'Rain in both.' }));
		const prompt = [
			user,
			{ role: 'assistant', content },
			{ role: 'tool', content: results },
		];
		const second = await model.doGenerate(
			ask({ prompt, tools: [tool('get_weather')] }),
		);
		assert.equal(second.content.at(-1).text, 'Rain in both.');
		const [, assistant, ...tools] = upstream.last().json.messages;
		assert.equal(assistant.reasoning_content, turn.thinking);
		assert.deepEqual(
			tools.map((t) => [t.tool_call_id, t.content]),
			[
				['call_paris', 'rain in Paris'],
				['call_rome', 'rain in Rome'],
			],
		);
	});

	for (const { name, wire, expect } of streams())
		test(`reads: ${name}`, async () => {
			upstream.script((call, res) => {
				res.writeHead(expect.response?.status ?? 200, {
					'content-type': 'text/event-stream',
					...(expect.response?.headers ?? {}),
				});
				res.end(wire);
			});
			const calls = (expect.content ?? []).filter((b) => b.type === 'tool_use');
			const names = [...new Set(calls.map((b) => b.name))];
			const params = ask(names.length ? { tools: names.map(tool) } : {});
			const got = await model.doStream(params).then(
				({ stream }) => read(stream),
				(err) => ({ errors: [err] }),
			);
			const mayFail =
				expect.error || (expect.accept_also ?? []).some((o) => o.error);
			if (got.errors.length) {
				assert.ok(mayFail, JSON.stringify(got.errors));
				return;
			}
			const a = assemble(await lastText);
			const said = (type, key) =>
				a.content
					.filter((b) => b.type === type)
					.map((b) => b[key])
					.join('');
			assert.equal(got.text, said('text', 'text'));
			assert.equal(got.reasoning, said('thinking', 'thinking'));
			assert.deepEqual(
				got.calls.map((c) => c.id),
				a.content.filter((b) => b.type === 'tool_use').map((b) => b.id),
			);
			assert.equal(got.finish.finishReason.raw, a.stop_reason);
		});
});
