// SPDX-License-Identifier: MIT
// Tools that are not there until they are found: hidden, then offered behind
// all that was offered before, and taken away again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, readStream } from './lib/anthropic.mjs';
import { startPair } from './lib/between.mjs';
import { recorded } from './lib/golden.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { complaints } from './lib/strict.mjs';
import { sayOk, sayTurn } from './lib/upstream.mjs';

const { upstream, proxy } = await startPair();

const schema = { type: 'object', properties: {} };
const tool = (name, extra = {}) => ({
	name,
	description: `does ${name}`,
	input_schema: schema,
	...extra,
});
const later = (name) => tool(name, { defer_loading: true });
const PLACEHOLDER = later('DeferredToolPlaceholder');

const user = (content) => ({ role: 'user', content });
const system = (...content) => ({ role: 'system', content });
const calls = (id, name = 'ToolSearch', input = {}) => ({
	role: 'assistant',
	content: [{ type: 'tool_use', id, name, input }],
});
const found = (id, ...names) =>
	user([
		{
			type: 'tool_result',
			tool_use_id: id,
			content: names.map((n) => ({ type: 'tool_reference', tool_name: n })),
		},
		{ type: 'text', text: 'Tool loaded.' },
	]);
const added = (name) => ({ type: 'tool_addition', tool: { type: 'tool_reference', name } });
const defined = (definition) => ({
	type: 'tool_addition',
	tool: { type: 'tool_definition', definition },
});
const removed = (name) => ({ type: 'tool_removal', tool: { type: 'tool_reference', name } });

async function sent(tools, messages, extra = {}) {
	upstream.script(sayOk);
	assertMessage(await post(proxy.url, message({ tools, messages, ...extra })));
	const { json } = upstream.last();
	assert.deepEqual(complaints(json, 'openai'), []);
	return json;
}
const names = (json) => json.tools?.map((t) => t.function.name);
const offered = async (...args) => names(await sent(...args));

const BASE = [tool('Read'), tool('ToolSearch'), tool('Write')];
const SEARCHED = [user('hi'), calls('toolu_1'), found('toolu_1', 'WebFetch', 'Agent')];

test('a deferred tool is hidden until a reference names it', async () => {
	const tools = [later('Agent'), ...BASE, later('WebFetch'), PLACEHOLDER];
	assert.deepEqual(await offered(tools, [user('hi')]), ['Read', 'ToolSearch', 'Write']);
	assert.deepEqual(await offered(tools, SEARCHED), [
		'Read',
		'ToolSearch',
		'Write',
		'WebFetch',
		'Agent',
	]);
});

test('the reference is told to the model as text', async () => {
	const json = await sent([...BASE, later('Agent'), later('WebFetch')], SEARCHED);
	const result = json.messages.find((m) => m.role === 'tool');
	assert.equal(result.content, 'Tools now available: WebFetch, Agent');
});

test('found tools are appended in the order in which they were found', async () => {
	// Claude Code sorts them in among the others; what was sent stays first.
	const steps = [
		[[...BASE, PLACEHOLDER], [user('hi')]],
		[
			[
				tool('Read'),
				later('Sleep'),
				tool('ToolSearch'),
				tool('Write'),
				PLACEHOLDER,
			],
			[user('hi'), calls('toolu_1'), found('toolu_1', 'Sleep')],
		],
		[
			[
				later('Agent'),
				tool('Read'),
				later('Sleep'),
				tool('ToolSearch'),
				later('WebFetch'),
				tool('Write'),
				PLACEHOLDER,
			],
			[
				user('hi'),
				calls('toolu_1'),
				found('toolu_1', 'Sleep'),
				calls('toolu_2'),
				found('toolu_2', 'WebFetch', 'Sleep', 'Agent'),
			],
		],
	];
	let before = [];
	for (const [tools, messages] of steps) {
		const json = await sent(tools, messages);
		const now = json.tools.map((t) => JSON.stringify(t));
		assert.deepEqual(now.slice(0, before.length), before);
		before = now;
	}
	assert.deepEqual(
		before.map((t) => JSON.parse(t).function.name),
		['Read', 'ToolSearch', 'Write', 'Sleep', 'WebFetch', 'Agent'],
	);
});

test('a found tool can be called, and so can one that was not found', async () => {
	for (const stream of [true, false]) {
		upstream.script((call, res) =>
			sayTurn(call, res, {
				calls: [
					{ id: 'call_1', name: 'WebFetch', input: { url: 'x' } },
					{ id: 'call_2', name: 'Hidden', input: {} },
				],
			}),
		);
		const r = await post(
			proxy.url,
			message({
				stream,
				tools: [
					...BASE,
					later('Hidden'),
					later('WebFetch'),
					later('Agent'),
				],
				messages: SEARCHED,
			}),
		);
		const m = stream ? readStream(r) : assertMessage(r);
		assert.deepEqual(
			callsOf(m).map((c) => [c.name, c.input]),
			[
				['WebFetch', { url: 'x' }],
				['Hidden', {}],
			],
		);
	}
});

test('the placeholder is never offered, not even by name', async () => {
	const tools = [...BASE, PLACEHOLDER];
	const named = [user('hi'), calls('toolu_1'), found('toolu_1', 'DeferredToolPlaceholder')];
	assert.deepEqual(
		await offered(tools, named),
		names({ tools: BASE.map((t) => ({ function: t })) }),
	);
	assert.equal(await offered([PLACEHOLDER], [user('hi')]), undefined);
	assertError(
		await post(
			proxy.url,
			message({
				tools,
				tool_choice: { type: 'tool', name: 'DeferredToolPlaceholder' },
			}),
		),
		400,
		'invalid_request_error',
		/not found/,
	);
});

test('no tool left means no tools, no choice, no word about parallel calls', async () => {
	const json = await sent([later('Agent')], [user('hi')], {
		tool_choice: { type: 'auto', disable_parallel_tool_use: true },
	});
	for (const k of ['tools', 'tool_choice', 'parallel_tool_calls'])
		assert.equal(json[k], undefined, k);
});

test('a choice brings its tool along', async () => {
	const json = await sent([...BASE, later('Agent')], [user('hi')], {
		tool_choice: { type: 'tool', name: 'Agent' },
	});
	assert.deepEqual(names(json), ['Read', 'ToolSearch', 'Write', 'Agent']);
	assert.deepEqual(json.tool_choice, { type: 'function', function: { name: 'Agent' } });
});

test('additions and removals: the last one counts', async () => {
	const tools = [...BASE, later('Agent')];
	assert.deepEqual(await offered(tools, [user('hi'), system(added('Agent'))]), [
		'Read',
		'ToolSearch',
		'Write',
		'Agent',
	]);
	assert.deepEqual(
		await offered(tools, [
			user('hi'),
			system(added('Agent')),
			system(removed('Agent')),
		]),
		['Read', 'ToolSearch', 'Write'],
	);
	assert.deepEqual(await offered(tools, [user('hi'), system(removed('Read'))]), [
		'ToolSearch',
		'Write',
	]);
	assert.deepEqual(
		await offered(tools, [
			user('hi'),
			system(removed('Read'), added('Agent')),
			system(added('Read')),
		]),
		['ToolSearch', 'Write', 'Agent', 'Read'],
	);
});

test('a tool may be defined in mid-conversation, and anew', async () => {
	const one = await sent(BASE, [user('hi'), system(defined(tool('Extra')))]);
	assert.deepEqual(names(one), ['Read', 'ToolSearch', 'Write', 'Extra']);
	const two = await sent(BASE, [
		user('hi'),
		system(defined(tool('Read', { description: 'reads better' }))),
	]);
	assert.deepEqual(names(two), ['ToolSearch', 'Write', 'Read']);
	assert.equal(two.tools.at(-1).function.description, 'reads better');
	const three = await sent(BASE, [user('hi'), system(defined(later('Extra')))]);
	assert.deepEqual(names(three), ['Read', 'ToolSearch', 'Write']);
	const four = await sent(BASE, [
		user('hi'),
		system(defined(later('Extra')), added('Extra')),
	]);
	assert.deepEqual(names(four), ['Read', 'ToolSearch', 'Write', 'Extra']);
});

test('a message of additions alone is no message upstream', async () => {
	const json = await sent([...BASE, later('Agent')], [user('hi'), system(added('Agent'))]);
	assert.deepEqual(json.messages, [user('hi')]);
});

test("with Anthropic's own search tool declared everything is loaded", async () => {
	const tools = [
		{ type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' },
		tool('Read'),
		later('Agent'),
		later('WebFetch'),
	];
	assert.deepEqual(await offered(tools, [user('hi')]), ['Read', 'Agent', 'WebFetch']);
	const many = [
		tools[0],
		tool('Read'),
		...Array.from({ length: 200 }, (_, i) => later(`t${i}`)),
	];
	assert.equal((await offered(many, [user('hi')])).length, 128);
});

test('its results in the history load their tools, without text of their own', async () => {
	const json = await sent(
		[tool('Read'), later('Agent')],
		[
			user('hi'),
			{
				role: 'assistant',
				content: [
					{
						type: 'server_tool_use',
						id: 'srvtoolu_1',
						name: 'tool_search_tool_regex',
						input: { query: 'agent' },
					},
					{
						type: 'tool_search_tool_result',
						tool_use_id: 'srvtoolu_1',
						content: {
							type: 'tool_search_tool_search_result',
							tool_references: [
								{
									type: 'tool_reference',
									tool_name: 'Agent',
								},
							],
						},
					},
					{ type: 'text', text: 'found it' },
				],
			},
			user('go'),
		],
	);
	assert.deepEqual(names(json), ['Read', 'Agent']);
	assert.ok(json.messages[1].content.includes('found it'));
});

test('more than 128 tools: the oldest found go first, fixed ones never', async () => {
	const tools = [
		...Array.from({ length: 127 }, (_, i) => tool(`fixed${i}`)),
		later('one'),
		later('two'),
	];
	const list = await offered(tools, [
		user('hi'),
		calls('toolu_1', 'fixed1'),
		found('toolu_1', 'one'),
		calls('toolu_2', 'fixed1'),
		found('toolu_2', 'two'),
	]);
	assert.equal(list.length, 128);
	assert.equal(list.at(-1), 'two');
	const e = assertError(
		await post(
			proxy.url,
			message({
				tools: Array.from({ length: 129 }, (_, i) => tool(`fixed${i}`)),
			}),
		),
		400,
		'invalid_request_error',
	);
	assert.equal(e.details?.error_code, 'available_tools_limit_exceeded');
});

test('references to unknown tools and to tools that are there change nothing', async () => {
	assert.deepEqual(
		await offered(BASE, [
			user('hi'),
			calls('toolu_1'),
			found('toolu_1', 'Gone', 'Read'),
		]),
		['Read', 'ToolSearch', 'Write'],
	);
});

test("Claude Code's recorded searches: what was found is offered, the placeholder is not", async () => {
	let loaded = 0;
	for (const { name, recorded: r } of recorded())
		for (const q of r.requests ?? [r]) {
			if (
				!/\/v1\/messages(\?|$)/.test(q.url ?? '') ||
				!q.body?.tools?.length ||
				q.body.thread
			)
				continue;
			if (/^websearch-servertool/.test(name)) continue;
			upstream.script(sayOk);
			const answer = await post(proxy.url, q.body);
			assert.equal(answer.status, 200, name);
			const got = names(upstream.last().json) ?? [];
			assert.ok(!got.includes('DeferredToolPlaceholder'), name);
			const references = JSON.stringify(q.body.messages).match(
				/(?<="type":"tool_reference","tool_name":")[^"]+/g,
			);
			const expected = q.body.tools
				.filter((t) => t.input_schema)
				.filter((t) => !t.defer_loading || references?.includes(t.name))
				.map((t) => t.name);
			assert.deepEqual([...got].sort(), [...new Set(expected)].sort(), name);
			loaded += references?.length ?? 0;
		}
	assert.ok(loaded > 0, 'a recording with a search');
});
