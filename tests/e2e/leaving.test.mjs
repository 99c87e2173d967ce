// SPDX-License-Identifier: MIT
// Clients that leave, that are slow, and that are many.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, test } from 'node:test';
import { frames, readStream, textOf } from './lib/anthropic.mjs';
import { between, seen, silentAfter, stream } from './lib/between.mjs';
import { assertError, assertMessage, message, open, post, raw, rawRequest } from './lib/http.mjs';
import { SLACK, deferred, sleep, until } from './lib/time.mjs';
import { DONE, chunk, drained, sayError, sayOk, startEvents, usageChunk } from './lib/upstream.mjs';

// Each has a proxy of its own and mostly waits, so they wait together.
describe('leaving', { concurrency: 4 }, () => {
	/* ---- clients that leave ---- */

	const stages = {
		'before the upstream has answered': {
			body: stream(),
			respond: () => {},
			ready: () => true,
		},
		'before the first token': {
			body: stream(),
			respond: (call, res) => startEvents(res),
			ready: () => true,
		},
		'while comments come': {
			body: stream(),
			respond: async (call, res) => {
				startEvents(res);
				while (!call.closed) {
					res.write(': wait\n\n');
					await sleep(50);
				}
			},
			ready: () => true,
		},
		'while the upstream is silent': {
			body: stream(),
			respond: silentAfter('a', 'b'),
			ready: (o) => seen(o).includes('"text":"b"'),
		},
		'while tokens flow': {
			body: stream(),
			respond: async (call, res) => {
				startEvents(res);
				while (!call.closed) {
					res.write(chunk({ content: 'word ' }));
					await sleep(20);
				}
			},
			ready: (o) => seen(o).length > 2000,
		},
		'while a plain request waits': {
			body: message(),
			respond: () => {},
			ready: () => true,
		},
		'while a plain answer comes slowly': {
			body: message(),
			respond: async (call, res) => {
				res.writeHead(200, { 'content-type': 'application/json' });
				while (!call.closed) {
					res.write(' ');
					await sleep(50);
				}
			},
			ready: () => true,
		},
	};

	for (const [when, { body, respond, ready }] of Object.entries(stages))
		test(`a client that leaves ${when} frees the upstream within a second`, async () => {
			await between(respond, {}, async (proxy, upstream) => {
				const o = open(proxy.url + '/v1/messages', { body });
				await until(
					() => upstream.chats().length === 1 && ready(o),
					3000,
					'the stage',
				);
				await sleep(100);
				assert.equal(upstream.last().closed, false);
				const left = Date.now();
				o.hangUp();
				await until(
					() => upstream.last().closed,
					1000,
					'the upstream is let go',
				);
				assert.ok(upstream.last().closedAt - left < 1000 * SLACK);
				assert.equal(upstream.last().finished, false);
				upstream.script(sayOk);
				assertMessage(await post(proxy.url, message()));
			});
		});

	test('a client that leaves after pings frees the upstream', async () => {
		await between(
			() => {},
			{ PING_INTERVAL: '1' },
			async (proxy, upstream) => {
				const o = open(proxy.url + '/v1/messages', { body: stream() });
				await until(() => seen(o).includes('event: ping'), 4000, 'a ping');
				o.hangUp();
				await until(
					() => upstream.last().closed,
					1000,
					'the upstream is let go',
				);
			},
		);
	});

	test('a client that half-closes is taken as gone', async () => {
		await between(silentAfter('a'), {}, async (proxy, upstream) => {
			const s = net.connect(proxy.port, '127.0.0.1');
			let text = '';
			s.on('error', () => {});
			s.on('data', (d) => {
				text += d;
			});
			s.write(
				rawRequest('POST', '/v1/messages', {
					body: JSON.stringify(stream()),
				}),
			);
			await until(() => text.includes('"text":"a"'), 2000, 'the stream runs');
			s.end();
			await until(() => upstream.last().closed, 1000, 'the upstream is let go');
			s.destroy();
		});
	});

	test('a client that leaves in its upload disturbs nobody', async () => {
		await between(sayOk, {}, async (proxy, upstream) => {
			for (let i = 0; i < 20; i++) {
				const s = net.connect(proxy.port, '127.0.0.1');
				s.on('error', () => {});
				s.write(
					rawRequest('POST', '/v1/messages', {
						headers: { 'Content-Length': 100000 },
					}) + '{"model":',
				);
				await sleep(5);
				s.destroy();
			}
			assertMessage(await post(proxy.url, message()));
			assert.equal(upstream.chats().length, 1);
		});
	});

	test('what a client has read before it leaves is lawful up to there', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				while (!call.closed) {
					res.write(chunk({ content: 'w ' }));
					await sleep(5);
				}
			},
			{},
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', { body: stream() });
				await until(() => seen(o).length > 3000, 3000, 'bytes');
				o.hangUp();
				const text = seen(o);
				const whole = text.slice(0, text.lastIndexOf('\n\n') + 2);
				assert.deepEqual(frames(whole).bad, []);
			},
		);
	});

	/* ---- many, and slow ones ---- */

	test('200 streams at once are all right', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				for (let i = 0; i < 10; i++) {
					res.write(chunk({ content: `${call.json.model}.${i} ` }));
					await sleep(100);
				}
				res.end(chunk({}, 'stop') + usageChunk() + DONE);
			},
			{},
			async (proxy) => {
				const rs = await Promise.all(
					Array.from({ length: 200 }, (_, k) =>
						post(proxy.url, stream({ model: `m${k}` }), {
							timeout: 30000,
						}),
					),
				);
				rs.forEach((r, k) =>
					assert.equal(
						textOf(readStream(r)),
						Array.from(
							{ length: 10 },
							(_, i) => `m${k}.${i} `,
						).join(''),
					),
				);
			},
		);
	});

	// Reads nothing for a while: the rest must wait in the kernel and the pipe,
	// others must not, and afterwards nothing is lost.
	test('a slow reader holds up nobody but itself', async () => {
		const block = 'z'.repeat(4000),
			count = 4000;
		await between(
			async (call, res) => {
				if (call.json.model === 'quick') return sayOk(call, res);
				startEvents(res);
				for (let i = 0; i < count && !call.closed; i++)
					if (!res.write(chunk({ content: block })))
						await drained(res);
				res.end(chunk({}, 'stop') + DONE);
			},
			{},
			async (proxy) => {
				const o = open(proxy.url + '/v1/messages', {
					body: stream(),
					reading: false,
				});
				await o.head;
				await sleep(600);
				const from = Date.now();
				for (let i = 0; i < 5; i++)
					assertMessage(
						await post(proxy.url, message({ model: 'quick' })),
					);
				assert.ok(Date.now() - from < 1000 * SLACK);
				let bytes = 0,
					tail = '';
				o.response.on('data', (d) => {
					bytes += d.length;
					tail = (tail + d.toString('latin1')).slice(-400);
				});
				await o.done;
				assert.ok(bytes > count * block.length, `${bytes} bytes`);
				assert.match(tail, /event: message_stop\n/);
			},
		);
	});

	test('CLIENT_STALL_TIMEOUT lets go of a client that stopped reading', async () => {
		await between(
			async (call, res) => {
				startEvents(res);
				while (!call.closed)
					if (!res.write(chunk({ content: 'z'.repeat(4000) })))
						await drained(res);
			},
			{ CLIENT_STALL_TIMEOUT: '1' },
			async (proxy, upstream) => {
				const o = open(proxy.url + '/v1/messages', {
					body: stream(),
					reading: false,
				});
				await o.head;
				await until(
					() => upstream.last().closed,
					6000,
					'the upstream is let go',
				);
				// Half an event is not followed by a lawful end.
				o.response.resume();
				assert.equal((await o.done).cut, true);
			},
		);
	});

	test('REQUEST_TIMEOUT lets go of a client that sends nothing, half a head or half a body', async () => {
		await between(
			sayOk,
			{ REQUEST_TIMEOUT: '1', CLIENT_STALL_TIMEOUT: '1' },
			async (proxy) => {
				const whole = rawRequest('POST', '/v1/messages', {
					body: JSON.stringify(message()),
				});
				await Promise.all(
					[
						['nothing', ''],
						['half a head', whole.slice(0, 30)],
						['half a body', whole.slice(0, -10)],
					].map(async ([what, bytes]) => {
						const from = Date.now();
						const { closed } = await raw(proxy.port, bytes, {
							quiet: 8000,
							timeout: 8000,
						});
						assert.ok(
							closed,
							`${what}: still open after ${Date.now() - from} ms`,
						);
					}),
				);
				assertMessage(await post(proxy.url, message()));
			},
		);
	});

	test('a slow drip of head bytes does not outlive REQUEST_TIMEOUT', async () => {
		await between(sayOk, { REQUEST_TIMEOUT: '1' }, async (proxy) => {
			const s = net.connect(proxy.port, '127.0.0.1');
			let closed = false;
			s.on('error', () => {});
			s.on('close', () => {
				closed = true;
			});
			s.resume();
			const from = Date.now();
			s.write('GET /health HTTP/1.1\r\nHost: x\r\nX: ');
			while (!closed && Date.now() - from < 6000 * SLACK) {
				if (s.writable) s.write('a');
				await sleep(100);
			}
			assert.ok(closed, 'a drip of one byte each 100 ms held its thread for 6 s');
			s.destroy();
		});
	});

	test('past MAX_CONNECTIONS there is a 529 and no dropped connection', async () => {
		const release = deferred();
		await between(
			async (call, res) => {
				await release.promise;
				sayOk(call, res);
			},
			{ MAX_CONNECTIONS: '4' },
			async (proxy, upstream) => {
				const held = Array.from({ length: 4 }, () =>
					open(proxy.url + '/v1/messages', { body: message() }),
				);
				await until(
					() => upstream.chats().length === 4,
					3000,
					'four requests run',
				);
				const more = await post(proxy.url, message());
				assertError(more, 529, 'overloaded_error');
				release.resolve();
				for (const o of held) assertMessage(await o.done);
				await until(
					() =>
						post(proxy.url, message()).then(
							(r) => r.status === 200,
						),
					2000,
					'room again',
				);
			},
		);
	});

	/* ---- nothing is left behind ---- */

	// After a storm of every kind of ending, descriptors are back where they
	// were; threads that wait for work may stay a while.
	const count = (pid, what) => readdirSync(`/proc/${pid}/${what}`).length;

	test(
		'no descriptor is left behind',
		{ skip: existsSync('/proc/self/fd') ? false : 'no /proc' },
		async () => {
			await between(
				async (call, res) => {
					const way = call.json.model;
					if (way === 'refused') return sayError(res, 400, 'no');
					if (way === 'plain') return sayOk(call, res);
					startEvents(res);
					res.write(chunk({ content: 'a' }));
					if (way === 'cut') return res.destroy();
					if (way === 'left') return null;
					return res.end(chunk({}, 'stop') + DONE);
				},
				{},
				async (proxy) => {
					const ways = ['whole', 'cut', 'left', 'plain', 'refused'];
					const storm = () =>
						Promise.all(
							Array.from({ length: 40 }, async (_, k) => {
								const model = ways[k % ways.length];
								const body = message({
									model,
									stream: model !== 'plain',
								});
								const o = open(
									proxy.url + '/v1/messages',
									{ body },
								);
								if (model !== 'left') return o.done;
								await until(
									() =>
										seen(o).includes(
											'"a"',
										),
									5000,
									'text',
								);
								return o.hangUp();
							}),
						);
					// The first ones fill the stock of kept connections (three
					// descriptors each); what grows after that is lost.
					for (let i = 0; i < 4; i++) await storm();
					await sleep(300);
					const before = count(proxy.pid, 'fd');
					for (let i = 0; i < 12; i++) await storm();
					await until(
						() => count(proxy.pid, 'fd') <= before + 30,
						3000,
						`${before} descriptors again, now ${count(proxy.pid, 'fd')}`,
					);
					assert.ok(
						count(proxy.pid, 'task') < 120,
						`${count(proxy.pid, 'task')} threads`,
					);
				},
			);
		},
	);
});
