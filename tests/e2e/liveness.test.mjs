// SPDX-License-Identifier: MIT
// Time: events leave as they arrive, silence is bridged by pings, deadlines
// hold.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readStream, textOf } from './lib/anthropic.mjs';
import { between, seen, silentAfter, stream } from './lib/between.mjs';
import { assertError, assertMessage, message, open, post } from './lib/http.mjs';
import { SLACK, deferred, sleep, until } from './lib/time.mjs';
import { DONE, chunk, frame, sayJson, sayOk, startEvents, usageChunk } from './lib/upstream.mjs';

// Each has a proxy of its own and mostly waits, so they wait together.
describe('time', { concurrency: 5 }, () => {
	/* ---- as they arrive ---- */

	test('each event leaves when it arrives', async () => {
		const arrived = Array.from({ length: 5 }, deferred);
		await between(
			async (call, res) => {
				startEvents(res);
				for (let i = 0; i < 5; i++) {
					res.write(chunk({ content: `word${i} ` }));
					await arrived[i].promise;
				}
				res.end(chunk({}, 'stop') + usageChunk() + DONE);
			},
			{},
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', { body: stream() });
				// The next is sent when this one is here.
				for (let i = 0; i < 5; i++) {
					await until(
						() => seen(o).includes(`"word${i} "`),
						5000,
						`word${i}`,
					);
					arrived[i].resolve();
				}
				assert.equal(
					textOf(readStream(await o.done)),
					Array.from({ length: 5 }, (_, i) => `word${i} `).join(''),
				);
			},
		);
	});

	test('the head comes with the first event, not at the end', async () => {
		const release = deferred();
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(chunk({ role: 'assistant', content: 'a' }));
				await release.promise;
				res.end(chunk({}, 'stop') + DONE);
			},
			{},
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', { body: stream() });
				assert.equal((await o.head).status, 200);
				await until(
					() => seen(o).includes('"text":"a"'),
					1000,
					'first event',
				);
				release.resolve();
				readStream(await o.done);
			},
		);
	});

	test('tool arguments leave as they arrive too', async () => {
		const release = deferred();
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(
					chunk({
						tool_calls: [
							{
								index: 0,
								id: 'call_1',
								type: 'function',
								function: {
									name: 'f',
									arguments: '{"a":',
								},
							},
						],
					}),
				);
				await release.promise;
				res.end(
					chunk({
						tool_calls: [
							{ index: 0, function: { arguments: '1}' } },
						],
					}) +
						chunk({}, 'tool_calls') +
						DONE,
				);
			},
			{},
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', {
					body: stream({
						tools: [
							{
								name: 'f',
								input_schema: { type: 'object' },
							},
						],
					}),
				});
				await until(
					() => /partial_json":"\{\\"a\\":/.test(seen(o)),
					1000,
					'first arguments',
				);
				release.resolve();
				assert.deepEqual(readStream(await o.done).content[0].input, {
					a: 1,
				});
			},
		);
	});

	test('a line of 3 MB goes through', async () => {
		const big = 'x'.repeat(3 * 1024 * 1024);
		await between(
			(call, res) => {
				startEvents(res);
				res.end(chunk({ content: big }) + chunk({}, 'stop') + DONE);
			},
			{},
			async (proxy) =>
				assert.equal(
					textOf(readStream(await post(proxy.url, stream()))).length,
					big.length,
				),
		);
	});

	test('a line over MAX_LINE_BYTES and a reply over MAX_REPLY_BYTES end in an error', async () => {
		await between(
			(call, res) => {
				startEvents(res);
				if (call.json.model === 'line')
					res.end(
						chunk({ content: 'a' }) +
							chunk({ content: 'x'.repeat(200000) }) +
							chunk({}, 'stop') +
							DONE,
					);
				else
					res.end(
						Array.from({ length: 3000 }, () =>
							chunk({ content: 'y'.repeat(400) }),
						).join('') +
							chunk({}, 'stop') +
							DONE,
					);
			},
			{ MAX_LINE_BYTES: '100000', MAX_REPLY_BYTES: '1000000' },
			async (proxy) => {
				for (const model of ['line', 'reply']) {
					const a = readStream(
						await post(proxy.url, stream({ model })),
					);
					assert.equal(
						a.error?.type,
						'api_error',
						`${model}: ${JSON.stringify(a.error)}`,
					);
					const r = await post(proxy.url, message({ model }));
					assert.ok(r.status >= 500, `${model}: ${r.status}`);
				}
			},
		);
	});

	/* ---- silence ---- */

	test('pings bridge silence in the middle of a text', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(chunk({ content: 'a' }));
				await sleep(3300);
				res.end(chunk({ content: 'b' }) + chunk({}, 'stop') + DONE);
			},
			{ PING_INTERVAL: '1' },
			async (proxy) => {
				const a = readStream(await post(proxy.url, stream()));
				assert.equal(textOf(a), 'ab');
				assert.ok(
					a.pings >= 2 && a.pings <= 4,
					`${a.pings} pings in 3.3 s`,
				);
			},
		);
	});

	test('pings begin before the first token, before the head and during comments', async () => {
		const ways = {
			head: async (call, res) => {
				await sleep(2500);
				startEvents(res);
			},
			token: async (call, res) => {
				startEvents(res);
				await sleep(2500);
			},
			comments: async (call, res) => {
				startEvents(res);
				for (let i = 0; i < 10; i++) {
					res.write(': PROCESSING\n\n');
					await sleep(250);
				}
			},
		};
		await between(
			async (call, res) => {
				await ways[call.json.model](call, res);
				res.end(chunk({ content: 'late' }) + chunk({}, 'stop') + DONE);
			},
			{ PING_INTERVAL: '1' },
			async (proxy) => {
				await Promise.all(
					Object.keys(ways).map(async (model) => {
						const o = open(proxy.url + '/v1/messages', {
							body: stream({ model }),
						});
						const from = Date.now();
						assert.equal((await o.head).status, 200);
						assert.ok(
							Date.now() - from < 2200 * SLACK,
							`${model}: the head took ${Date.now() - from} ms`,
						);
						const a = readStream(await o.done);
						assert.equal(textOf(a), 'late');
						assert.ok(a.pings >= 1, `${model}: no ping`);
						const kinds = a.events.map((e) => e.type);
						assert.equal(kinds[0], 'message_start', model);
					}),
				);
			},
		);
	});

	test('a plain request gets no ping and no byte before its answer', async () => {
		await between(
			async (call, res) => {
				await sleep(2500);
				sayOk(call, res);
			},
			{ PING_INTERVAL: '1' },
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', { body: message() });
				assertMessage(await o.done);
				assert.doesNotMatch(seen(o), /ping/);
			},
		);
	});

	test('a failure after a ping is an error event that clients retry', async () => {
		await between(
			async (call, res) => {
				await sleep(1700);
				sayJson(res, { error: { message: 'boom' } }, 503);
			},
			{ PING_INTERVAL: '1' },
			async (proxy) => {
				const a = readStream(await post(proxy.url, stream()));
				assert.equal(a.error?.type, 'overloaded_error');
				assert.deepEqual(a.content, []);
			},
		);
	});

	test('pings go on while the upstream sends what shows nothing', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(chunk({ content: 'a' }));
				for (let i = 0; i < 14; i++) {
					await sleep(200);
					res.write(
						frame({
							id: 'c',
							object: 'chat.completion.chunk',
							created: 1,
							model: 'm',
							choices: [
								{
									index: 0,
									delta: {
										reasoning_content:
											'hm',
									},
									finish_reason: null,
								},
							],
						}),
					);
				}
				res.end(chunk({}, 'stop') + DONE);
			},
			{ PING_INTERVAL: '1' },
			async (proxy) => {
				const a = readStream(await post(proxy.url, stream()));
				assert.deepEqual(
					a.content.map((b) => b.type),
					['text'],
					'thoughts are shown only where they were asked for',
				);
				assert.ok(a.pings >= 1, 'silence towards the client, and no ping');
			},
		);
	});

	/* ---- deadlines ---- */

	test('FIRST_BYTE_TIMEOUT ends a silent upstream with 504', async () => {
		await between(
			() => {},
			{ FIRST_BYTE_TIMEOUT: '1' },
			async (proxy, upstream) => {
				for (const body of [stream(), message()]) {
					const from = Date.now();
					const r = await post(proxy.url, body);
					assertError(r, 504, 'timeout_error');
					assert.ok(
						Date.now() - from < 3500 * SLACK,
						`${Date.now() - from} ms`,
					);
					await until(
						() => upstream.last().closed,
						1000,
						'the upstream is let go',
					);
				}
			},
		);
	});

	test('FIRST_BYTE_TIMEOUT after a ping is an error event', async () => {
		await between(
			() => {},
			{ FIRST_BYTE_TIMEOUT: '3', PING_INTERVAL: '1' },
			async (proxy) => {
				const a = readStream(await post(proxy.url, stream()));
				assert.equal(a.error?.type, 'overloaded_error');
				assert.ok(a.pings >= 1);
			},
		);
	});

	test('IDLE_TIMEOUT ends a stream that fell silent with an error event', async () => {
		await between(
			silentAfter('half'),
			{ IDLE_TIMEOUT: '1' },
			async (proxy, upstream) => {
				const from = Date.now();
				const a = readStream(await post(proxy.url, stream()));
				assert.equal(textOf(a), 'half');
				assert.equal(a.error?.type, 'timeout_error');
				assert.ok(Date.now() - from < 3500 * SLACK);
				await until(
					() => upstream.last().closed,
					1000,
					'the upstream is let go',
				);
			},
		);
	});

	test('comments count as bytes for IDLE_TIMEOUT', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				res.write(chunk({ content: 'a' }));
				for (let i = 0; i < 10; i++) {
					await sleep(300);
					res.write(': still here\n\n');
				}
				res.end(chunk({ content: 'b' }) + chunk({}, 'stop') + DONE);
			},
			{ IDLE_TIMEOUT: '2' },
			async (proxy) =>
				assert.equal(
					textOf(readStream(await post(proxy.url, stream()))),
					'ab',
				),
		);
	});

	test('a finished reply whose connection stays open ends soon', async () => {
		await between(
			(call, res) => {
				startEvents(res);
				res.write(
					chunk({ content: 'whole' }) +
						chunk({}, 'stop') +
						usageChunk(5, 6) +
						(call.json.model === 'done' ? DONE : ''),
				);
			},
			{},
			async (proxy, upstream) => {
				for (const [model, limit] of [
					['done', 1000],
					['open', 7500],
				]) {
					const from = Date.now();
					const a = readStream(
						await post(proxy.url, stream({ model })),
					);
					assert.equal(a.stop_reason, 'end_turn');
					assert.equal(a.usage.output_tokens, 6);
					assert.ok(
						Date.now() - from < limit * SLACK,
						`${model}: ${Date.now() - from} ms`,
					);
					await until(
						() => upstream.last().closed || model === 'done',
						1000,
						'the upstream is let go',
					);
				}
			},
		);
	});
});
