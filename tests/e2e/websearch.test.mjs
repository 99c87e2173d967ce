// SPDX-License-Identifier: MIT
// Anthropic's web_search on upstreams that search by themselves, and the
// clean refusal on those that do not.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { history, readStream, textOf } from './lib/anthropic.mjs';
import { stream as asStream, seen } from './lib/between.mjs';
import { recorded } from './lib/golden.mjs';
import { startHosted } from './lib/hosted.mjs';
import { assertError, assertMessage, message, open, post } from './lib/http.mjs';
import { startProxy } from './lib/proxy.mjs';
import { deferred, until } from './lib/time.mjs';
import {
	DONE,
	chunk,
	sayJson,
	sayOk,
	sayTurn,
	startEvents,
	startUpstream,
	turnMessage,
	usageChunk,
} from './lib/upstream.mjs';

const upstream = await startUpstream();
const hosts = {
	openrouter: await startHosted('http://openrouter.ai/api/v1', upstream, {
		PING_INTERVAL: '0.2',
	}),
	openai: await startHosted('http://api.openai.com/v1', upstream),
	plain: await startProxy(upstream.url),
	reject: await startProxy(upstream.url, { SERVER_TOOLS: 'reject' }),
	'by setting': await startProxy(upstream.url, { WEB_SEARCH: 'openrouter' }),
};

after(async () => {
	const ends = await Promise.allSettled(Object.values(hosts).map((p) => p.stop()));
	await upstream.stop();
	for (const e of ends) if (e.status === 'rejected') throw e.reason;
});

const SEARCH = { type: 'web_search_20250305', name: 'web_search' };
const OWN = { name: 'f', input_schema: { type: 'object', properties: {} } };
const QUESTION = 'Perform a web search for the query: capital of "France"';
const ask = (extra = {}) =>
	message({
		model: 'gpt-4o-search-preview',
		tools: [SEARCH],
		messages: [{ role: 'user', content: QUESTION }],
		...extra,
	});

// Places count characters, as the servers (Python) do.
const TEXT = 'Pâris 🎉 is the capital. It is big.';
const cite = (url, title, start, end) => ({
	type: 'url_citation',
	url_citation: { url, title, content: 'a page', start_index: start, end_index: end },
});
const CITES = [
	cite('https://a.example/x?y=1&z="q"', 'A "page"', 0, 23),
	cite('https://b.example/', 'B', 24, 34),
	cite('https://a.example/x?y=1&z="q"', 'A "page"', 24, 34),
];

const whole = (annotations, extra = {}) => {
	const m = turnMessage({ text: TEXT });
	Object.assign(m.choices[0].message, { annotations }, extra);
	return m;
};

// Annotations before, between and behind the text; some repeat the list.
const places = {
	'in one chunk behind the text': (res) => {
		res.write(chunk({ role: 'assistant', content: '' }));
		for (const p of TEXT.match(/.{1,6}/gsu)) res.write(chunk({ content: p }));
		res.write(chunk({ annotations: CITES }));
		res.end(chunk({}, 'stop') + usageChunk() + DONE);
	},
	'one by one between the text': (res) => {
		const parts = TEXT.match(/.{1,9}/gsu);
		parts.forEach((p, i) =>
			res.write(
				chunk({
					content: p,
					...(CITES[i] ? { annotations: [CITES[i]] } : {}),
				}),
			),
		);
		res.end(chunk({}, 'stop') + usageChunk() + DONE);
	},
	'the growing list each time': (res) => {
		res.write(chunk({ content: TEXT.slice(0, 10), annotations: CITES.slice(0, 1) }));
		res.write(chunk({ content: TEXT.slice(10, 20), annotations: CITES.slice(0, 2) }));
		res.write(chunk({ content: TEXT.slice(20), annotations: CITES }));
		res.end(chunk({ annotations: CITES }, 'stop') + usageChunk() + DONE);
	},
};

// The blocks of a search that found something.
function judge(m, text = TEXT) {
	assert.deepEqual(
		m.content.map((b) => b.type),
		['server_tool_use', 'web_search_tool_result', 'text'],
	);
	const [use, result, told] = m.content;
	assert.match(use.id, /^srvtoolu_/);
	assert.equal(use.name, 'web_search');
	assert.deepEqual(use.input, { query: QUESTION });
	assert.equal(result.tool_use_id, use.id);
	assert.deepEqual(
		result.content.map((r) => [r.type, r.url, r.title]),
		[
			['web_search_result', 'https://a.example/x?y=1&z="q"', 'A "page"'],
			['web_search_result', 'https://b.example/', 'B'],
		],
	);
	for (const r of result.content) assert.equal(typeof r.encrypted_content, 'string');
	assert.equal(told.text, text);
	assert.deepEqual(
		told.citations.map((c) => [c.type, c.url, c.cited_text]),
		[
			[
				'web_search_result_location',
				CITES[0].url_citation.url,
				'Pâris 🎉 is the capital.',
			],
			['web_search_result_location', 'https://b.example/', 'It is big.'],
			['web_search_result_location', CITES[0].url_citation.url, 'It is big.'],
		],
	);
	assert.equal(m.stop_reason, 'end_turn');
	assert.equal(m.usage.server_tool_use.web_search_requests, 1);
}

for (const host of ['openrouter', 'openai', 'by setting']) {
	for (const [place, say] of Object.entries(places))
		test(`${host}: citations ${place} become a search, its results and citations`, async () => {
			upstream.script((call, res) => {
				startEvents(res);
				say(res);
			});
			judge(readStream(await post(hosts[host].url, ask({ stream: true }))));
		});

	test(`${host}: the same in a whole answer`, async () => {
		upstream.script((call, res) => sayJson(res, whole(CITES)));
		judge(assertMessage(await post(hosts[host].url, ask())));
	});

	test(`${host}: a search without citations was unavailable`, async () => {
		for (const stream of [true, false]) {
			upstream.script(sayOk);
			const r = await post(hosts[host].url, ask({ stream }));
			const m = stream ? readStream(r) : assertMessage(r);
			assert.deepEqual(
				m.content.map((b) => b.type),
				['server_tool_use', 'web_search_tool_result', 'text'],
			);
			assert.deepEqual(m.content[1].content, {
				type: 'web_search_tool_result_error',
				error_code: 'unavailable',
			});
			assert.equal(textOf(m), 'ok');
		}
	});
}

test('the text waits until its citations are known; pings tell that it lives', async () => {
	const release = deferred();
	upstream.script(async (call, res) => {
		startEvents(res);
		for (const p of TEXT.match(/.{1,6}/gsu)) res.write(chunk({ content: p }));
		await release.promise;
		res.end(chunk({ annotations: CITES }, 'stop') + DONE);
	});
	const o = open(`${hosts.openrouter.url}/v1/messages`, { body: ask({ stream: true }) });
	await until(() => /event: ping/.test(seen(o)), 3000, 'a ping');
	assert.doesNotMatch(seen(o), /content_block/);
	release.resolve();
	judge(readStream(await o.done));
});

test('thinking does not wait', async () => {
	const release = deferred();
	upstream.script(async (call, res) => {
		startEvents(res);
		res.write(chunk({ reasoning: 'I shall search' }));
		await release.promise;
		res.end(
			chunk({ content: TEXT }) +
				chunk({ annotations: CITES }) +
				chunk({}, 'stop') +
				DONE,
		);
	});
	const o = open(`${hosts.openrouter.url}/v1/messages`, {
		body: ask({
			stream: true,
			thinking: { type: 'enabled', budget_tokens: 1024 },
			max_tokens: 2048,
		}),
	});
	await until(() => /thinking_delta/.test(seen(o)), 3000, 'the thought');
	release.resolve();
	const m = readStream(await o.done);
	assert.deepEqual(
		m.content.map((b) => b.type),
		['thinking', 'server_tool_use', 'web_search_tool_result', 'text'],
	);
});

test('OpenRouter is given its plugin, OpenAI its options, and no function', async () => {
	upstream.script(sayOk);
	const place = { type: 'approximate', city: 'Köln', country: 'DE' };
	await post(
		hosts.openrouter.url,
		ask({ tools: [{ ...SEARCH, max_uses: 8, allowed_domains: ['a.example'] }, OWN] }),
	);
	let { json } = upstream.last();
	assert.deepEqual(json.plugins, [
		{ id: 'web', max_results: 8, include_domains: ['a.example'] },
	]);
	assert.deepEqual(
		json.tools.map((t) => t.function.name),
		['f'],
	);
	await post(hosts.openai.url, ask({ tools: [{ ...SEARCH, user_location: place }] }));
	json = upstream.last().json;
	assert.deepEqual(json.web_search_options, {
		user_location: {
			type: 'approximate',
			approximate: { city: 'Köln', country: 'DE' },
		},
	});
	assert.equal(json.tools, undefined);
	assertError(
		await post(
			hosts.openai.url,
			ask({ tools: [{ ...SEARCH, blocked_domains: ['a'] }] }),
		),
		400,
		'invalid_request_error',
		/domains/,
	);
});

test('a forced search is a search; with none chosen there is no search', async () => {
	upstream.script(sayOk);
	await post(
		hosts.openrouter.url,
		ask({ tool_choice: { type: 'tool', name: 'web_search' } }),
	);
	assert.ok(upstream.last().json.plugins);
	assert.equal(upstream.last().json.tool_choice, undefined);
	await post(hosts.openrouter.url, ask({ tool_choice: { type: 'none' } }));
	assert.equal(upstream.last().json.plugins, undefined);
});

test("a search that found nothing is not told before a call of the client's tool", async () => {
	for (const stream of [true, false]) {
		upstream.script((call, res) =>
			sayTurn(call, res, {
				text: 'I call',
				calls: [{ id: 'c1', name: 'f', input: {} }],
			}),
		);
		const r = await post(hosts.openrouter.url, ask({ stream, tools: [SEARCH, OWN] }));
		const m = stream ? readStream(r) : assertMessage(r);
		assert.deepEqual(
			m.content.map((b) => b.type),
			['text', 'tool_use'],
		);
		assert.equal(m.stop_reason, 'tool_use');
	}
});

test('a stream that breaks while the text is held loses no text silently', async () => {
	upstream.script((call, res) => {
		startEvents(res);
		res.write(chunk({ content: TEXT }));
		setTimeout(() => res.destroy(), 50);
	});
	const r = await post(hosts.openrouter.url, ask({ stream: true }));
	if (r.status === 200) {
		const m = readStream(r);
		assert.ok(m.error, 'an error event');
		assert.equal(m.stop_reason, null);
	} else {
		assertError(r, r.status, JSON.parse(r.text).error.type);
	}
});

test('the search in a history is text for the model', async () => {
	upstream.script((call, res) => sayJson(res, whole(CITES)));
	const m = assertMessage(await post(hosts.openrouter.url, ask()));
	upstream.script(sayOk);
	assertMessage(
		await post(hosts.openrouter.url, {
			...ask(),
			messages: [
				...ask().messages,
				{ role: 'assistant', content: m.content },
				{ role: 'user', content: 'thanks' },
			],
		}),
	);
	const [, told] = upstream.last().json.messages;
	assert.equal(told.tool_calls, undefined);
	for (const t of ['web_search', 'capital of', 'https://b.example/', TEXT])
		assert.ok(told.content.includes(t), `${t} in ${told.content}`);
	assert.ok(history(m.content).length === 3);
});

test('a search that is refused after all is refused to the client, from then on', async () => {
	const own = await startProxy(upstream.url, { WEB_SEARCH: 'openai' });
	try {
		upstream.script((call, res) =>
			call.json.web_search_options
				? sayJson(
						res,
						{
							error: {
								message: 'Unrecognized request argument supplied: web_search_options',
								type: 'invalid_request_error',
							},
						},
						400,
					)
				: sayOk(call, res),
		);
		for (let i = 0; i < 2; i++)
			assertError(
				await post(own.url, ask()),
				400,
				'invalid_request_error',
				/`web_search` is not available/,
			);
		assert.equal(upstream.chats().length, 1);
		const m = assertMessage(await post(own.url, ask({ tools: [SEARCH, OWN] })));
		assert.deepEqual(
			m.content.map((b) => b.type),
			['text'],
		);
	} finally {
		await own.stop();
	}
});

/* ---- upstreams without a search ---- */

for (const host of ['plain', 'reject'])
	test(`${host}: a search that nobody can run is refused with a sentence`, async () => {
		upstream.script(sayOk);
		for (const body of [
			ask(),
			ask({ stream: true }),
			ask({
				tools: [SEARCH, OWN],
				tool_choice: { type: 'tool', name: 'web_search' },
			}),
			...(host === 'reject' ? [ask({ tools: [SEARCH, OWN] })] : []),
		])
			assertError(
				await post(hosts[host].url, body),
				400,
				'invalid_request_error',
				/`web_search` is not available/,
			);
		assert.equal(upstream.chats().length, 0, 'nothing was asked');
	});

test('beside other tools it is left out', async () => {
	upstream.script(sayOk);
	assertMessage(await post(hosts.plain.url, ask({ tools: [SEARCH, OWN] })));
	assert.deepEqual(
		upstream.last().json.tools.map((t) => t.function.name),
		['f'],
	);
	assert.equal(upstream.last().json.plugins, undefined);
	assert.equal(upstream.last().json.web_search_options, undefined);
});

test("Claude Code's own search works where there is one and fails cleanly elsewhere", async () => {
	const bodies = recorded()
		.filter(({ name }) => /^websearch-servertool/.test(name))
		.flatMap(({ recorded: r }) => (r.requests ?? [r]).map((q) => q.body));
	assert.ok(bodies.length >= 2);
	for (const body of bodies) {
		upstream.script((call, res) => {
			if (!call.json.stream) return sayJson(res, whole(CITES));
			startEvents(res);
			return places['in one chunk behind the text'](res);
		});
		const r = await post(hosts.openrouter.url, body);
		const m = body.stream ? readStream(r) : assertMessage(r);
		assert.ok(m.content.some((b) => b.type === 'web_search_tool_result'));
		assertError(await post(hosts.plain.url, body), 400, 'invalid_request_error');
	}
	assertError(
		await post(hosts.plain.url, asStream({ tools: [SEARCH] })),
		400,
		'invalid_request_error',
	);
});
