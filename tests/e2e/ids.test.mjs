// SPDX-License-Identifier: MIT
// Long names and foreign ids: rewritten for those who do not take them, and
// restored exactly by a process that never saw them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, history, readStream } from './lib/anthropic.mjs';
import { assertMessage, message, post } from './lib/http.mjs';
import { proxiesBefore } from './lib/proxies.mjs';
import { startProxy } from './lib/proxy.mjs';
import { complaints } from './lib/strict.mjs';
import {
	DONE,
	chunk,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
	turnMessage,
} from './lib/upstream.mjs';

const upstream = await startUpstream();
// The second member of a key tells processes apart.
const proxyFor = proxiesBefore(upstream, (env = {}) => startProxy(upstream.url, env));

const TOOL = { name: 'f', input_schema: { type: 'object' } };

/* ---- names ---- */

const named = (name) => ({
	name,
	description: name,
	input_schema: { type: 'object', properties: {} },
});
const LONG = [
	'm'.repeat(65),
	`mcp__a_server_with_a_long_name__${'tool'.repeat(20)}_one`,
	`mcp__a_server_with_a_long_name__${'tool'.repeat(20)}_two`,
	'x'.repeat(128),
	'y'.repeat(64),
	'short',
];

for (const env of [{}, { TOOL_NAME_MAX: '32' }])
	test(`names over ${env.TOOL_NAME_MAX ?? 64} are shortened and restored by any process`, async () => {
		const max = Number(env.TOOL_NAME_MAX ?? 64);
		const tools = LONG.map(named);
		// The model calls every tool it was given, by the name it was given.
		const callsAll = (call, res) =>
			sayTurn(call, res, {
				calls: call.json.tools.map((t, i) => ({
					id: `call_${i}`,
					name: t.function.name,
					input: { i },
				})),
			});
		const sentNames = [];
		for (const which of [0, 1])
			for (const stream of [true, false]) {
				upstream.script(callsAll);
				const r = await post(
					(await proxyFor(env, which)).url,
					message({ stream, tools }),
				);
				const m = stream ? readStream(r) : assertMessage(r);
				assert.deepEqual(
					callsOf(m).map((c) => [c.name, c.input.i]),
					LONG.map((n, i) => [n, i]),
				);
				const names = upstream
					.last()
					.json.tools.map((t) => t.function.name);
				assert.ok(
					names.every(
						(n) =>
							/^[a-zA-Z0-9_-]+$/.test(n) &&
							n.length <= max,
					),
				);
				assert.equal(new Set(names).size, LONG.length);
				sentNames.push(names);

				// And back in the history, also beside fewer tools.
				upstream.script(sayOk);
				for (const offered of [tools, [named('short')]]) {
					await post(
						(await proxyFor(env, 1 - which)).url,
						message({
							tools: offered,
							messages: [
								{ role: 'user', content: 'a' },
								{
									role: 'assistant',
									content: history(m.content),
								},
								{
									role: 'user',
									content: callsOf(m).map(
										(c) => ({
											type: 'tool_result',
											tool_use_id:
												c.id,
											content: 'r',
										}),
									),
								},
							],
						}),
					);
					assert.deepEqual(
						upstream
							.last()
							.json.messages[1].tool_calls.map(
								(c) => c.function.name,
							),
						names,
					);
				}
			}
		for (const n of sentNames) assert.deepEqual(n, sentNames[0]);
	});

test('a long name can be forced', async () => {
	upstream.script(sayOk);
	await post(
		(await proxyFor()).url,
		message({ tools: LONG.map(named), tool_choice: { type: 'tool', name: LONG[3] } }),
	);
	const { json } = upstream.last();
	assert.deepEqual(complaints(json, 'openai'), []);
	assert.equal(json.tool_choice.function.name, json.tools[3].function.name);
});

test('names with foreign characters are made plain and restored', async () => {
	const names = ['a.b', 'a_b', 'a/b', 'größe', 'with space'];
	upstream.script((call, res) =>
		sayTurn(call, res, {
			calls: call.json.tools.map((t, i) => ({
				id: `call_${i}`,
				name: t.function.name,
				input: {},
			})),
		}),
	);
	const r = await post(
		(await proxyFor()).url,
		message({ stream: true, tools: names.map(named) }),
	);
	if (r.status === 400) return; // Anthropic refuses them too
	const m = readStream(r);
	assert.deepEqual(complaints(upstream.last().json, 'openai'), []);
	assert.deepEqual(
		callsOf(m).map((c) => c.name),
		names,
	);
});

/* ---- ids ---- */

const IDS = [
	'functions.look:0',
	'call_plain-1',
	'call|with/odd+chars=',
	'ünïcode\u{1F600}',
	'x'.repeat(64),
	'y'.repeat(200),
	'tcx_looks-like-ours',
	'toolu_bdrk_01AbC',
	' spaces and "quotes" ',
];

for (const stream of [true, false])
	test(`ids with foreign characters come back exactly, by any process${stream ? ', streamed' : ''}`, async () => {
		upstream.script((call, res) =>
			sayTurn(call, res, {
				calls: IDS.map((id) => ({ id, name: 'f', input: {} })),
			}),
		);
		const ask = message({ tools: [TOOL] });
		const r = await post((await proxyFor()).url, { ...ask, stream });
		const m = stream ? readStream(r) : assertMessage(r);
		const ids = callsOf(m).map((c) => c.id);
		assert.equal(new Set(ids).size, IDS.length);
		for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]+$/);
		upstream.script(sayOk);
		await post((await proxyFor({}, 1)).url, {
			...ask,
			messages: [
				...ask.messages,
				{ role: 'assistant', content: history(m.content) },
				{
					role: 'user',
					content: ids.map((id) => ({
						type: 'tool_result',
						tool_use_id: id,
						content: id,
					})),
				},
			],
		});
		const { messages } = upstream.last().json;
		assert.deepEqual(
			messages[1].tool_calls.map((c) => c.id),
			IDS,
		);
		assert.deepEqual(
			messages.slice(2).map((x) => [x.role, x.tool_call_id, x.content]),
			IDS.map((id, i) => ['tool', id, ids[i]]),
		);
	});

test('ids that are empty, missing or had before are made anew, and differ', async () => {
	const made = [
		{ index: 0, id: '', function: { name: 'f', arguments: '{}' } },
		{ index: 1, function: { name: 'f', arguments: '{}' } },
		{
			index: 2,
			id: 'call_0',
			type: 'function',
			function: { name: 'f', arguments: '{}' },
		},
	];
	upstream.script((call, res) => {
		if (call.json.stream) {
			startEvents(res);
			for (const c of made) res.write(chunk({ tool_calls: [c] }));
			res.end(chunk({}, 'tool_calls') + DONE);
		} else {
			const m = turnMessage({ calls: [{ id: 'x', name: 'f', input: {} }] });
			m.choices[0].message.tool_calls = made.map(({ index, ...c }) => c);
			sayJson(res, m);
		}
	});
	for (const stream of [true, false]) {
		const r = await post(
			(await proxyFor()).url,
			message({
				stream,
				tools: [TOOL],
				messages: [
					{ role: 'user', content: 'a' },
					{
						role: 'assistant',
						content: [
							{
								type: 'tool_use',
								id: 'call_0',
								name: 'f',
								input: {},
							},
						],
					},
					{
						role: 'user',
						content: [
							{
								type: 'tool_result',
								tool_use_id: 'call_0',
								content: 'r',
							},
						],
					},
				],
			}),
		);
		const m = stream ? readStream(r) : assertMessage(r);
		const ids = callsOf(m).map((c) => c.id);
		assert.equal(new Set([...ids, 'call_0']).size, 4, ids.join());
		for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
	}
});

for (const [mode, form] of [
	['hash40', /^.{1,40}$/],
	['mistral9', /^[a-zA-Z0-9]{9}$/],
])
	test(`TOOL_ID_MODE=${mode}: calls and results agree, always the same`, async () => {
		const ids = [
			...IDS.slice(1, 2),
			'toolu_' + 'z'.repeat(50),
			'tcx_ZnVuY3Rpb25zLmY6MA',
		];
		const ask = message({
			tools: [TOOL],
			messages: [
				{ role: 'user', content: 'a' },
				{
					role: 'assistant',
					content: ids.map((id) => ({
						type: 'tool_use',
						id,
						name: 'f',
						input: {},
					})),
				},
				{
					role: 'user',
					content: ids.map((id) => ({
						type: 'tool_result',
						tool_use_id: id,
						content: 'r',
					})),
				},
			],
		});
		const texts = new Set();
		for (const which of [0, 1]) {
			upstream.script(sayOk);
			await post((await proxyFor({ TOOL_ID_MODE: mode }, which)).url, ask);
			const { messages } = upstream.last().json;
			texts.add(upstream.last().text);
			const sent = messages[1].tool_calls.map((c) => c.id);
			assert.equal(new Set(sent).size, ids.length);
			for (const id of sent) assert.match(id, form);
			assert.deepEqual(
				messages.slice(2).map((m) => m.tool_call_id),
				sent,
			);
		}
		assert.equal(texts.size, 1);
	});
