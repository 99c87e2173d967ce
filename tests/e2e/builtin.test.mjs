// SPDX-License-Identifier: MIT
// Anthropic's own client tools before models that never heard of them: fixed
// functions upstream, their own blocks to the client, and back in the history.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { callsOf, history, readStream } from './lib/anthropic.mjs';
import { assertError, assertMessage, message, post } from './lib/http.mjs';
import { startProxy } from './lib/proxy.mjs';
import { complaints } from './lib/strict.mjs';
import { sayOk, sayTurn, startUpstream } from './lib/upstream.mjs';

const upstream = await startUpstream();
const proxy = await startProxy(upstream.url);
const gemini = await startProxy(upstream.url, {
	TOOL_SCHEMA: 'gemini',
	PARALLEL_TOOL_CALLS: 'drop',
	USER_FIELD: 'none',
});

after(async () => {
	const ends = await Promise.allSettled([proxy.stop(), gemini.stop()]);
	await upstream.stop();
	for (const e of ends) if (e.status === 'rejected') throw e.reason;
});

const SCREEN = { display_width_px: 1280, display_height_px: 800, name: 'computer' };
const commands = (f) => f.parameters.properties.command?.enum;
const actions = (f) => f.parameters.properties.action?.enum;

// type, what else the client declares, the function's name, a call of it,
// what else holds of the function.
const tools = [
	['bash_20250124', { name: 'bash' }, 'bash', { command: 'ls' }],
	['bash_20241022', { name: 'bash' }, 'bash', { restart: true }],
	[
		'text_editor_20241022',
		{ name: 'str_replace_editor' },
		'str_replace_editor',
		{ command: 'undo_edit', path: '/a' },
		(f) => assert.ok(commands(f).includes('undo_edit')),
	],
	[
		'text_editor_20250124',
		{ name: 'str_replace_editor' },
		'str_replace_editor',
		{ command: 'view', path: '/a', view_range: [1, -1] },
	],
	[
		'text_editor_20250429',
		{ name: 'str_replace_based_edit_tool' },
		'str_replace_based_edit_tool',
		{ command: 'insert', path: '/a', insert_line: 0, insert_text: 'x' },
		(f) => assert.ok(!commands(f).includes('undo_edit')),
	],
	[
		'text_editor_20250728',
		{ name: 'str_replace_based_edit_tool', max_characters: 10000 },
		'str_replace_based_edit_tool',
		{ command: 'str_replace', path: '/a', old_str: 'a', new_str: 'b' },
	],
	[
		'memory_20250818',
		{ name: 'memory' },
		'memory',
		{ command: 'rename', old_path: '/memories/a', new_path: '/memories/b' },
		(f) =>
			assert.deepEqual(commands(f), [
				'view',
				'create',
				'str_replace',
				'insert',
				'delete',
				'rename',
			]),
	],
	[
		'computer_20241022',
		SCREEN,
		'computer',
		{ action: 'left_click', coordinate: [10, 20] },
		(f) => {
			assert.match(f.description, /1280.*800/);
			assert.ok(!actions(f).includes('scroll'));
		},
	],
	[
		'computer_20250124',
		SCREEN,
		'computer',
		{
			action: 'scroll',
			coordinate: [1, 2],
			scroll_direction: 'down',
			scroll_amount: 3,
		},
		(f) => assert.ok(actions(f).includes('scroll') && !actions(f).includes('zoom')),
	],
	[
		'computer_20251124',
		{ ...SCREEN, enable_zoom: true },
		'computer',
		{ action: 'zoom', region: [0, 0, 10, 10] },
		(f) => assert.ok(actions(f).includes('zoom')),
	],
];

for (const [type, extra, name, input, holds] of tools)
	test(`${type} is a function with a fixed schema, its calls map back`, async () => {
		for (const [stream, p, kind] of [
			[true, proxy, 'openai'],
			[false, proxy, 'openai'],
			[true, gemini, 'gemini'],
		]) {
			upstream.script((call, res) =>
				sayTurn(call, res, { calls: [{ id: 'call_1', name, input }] }),
			);
			const ask = message({ stream, tools: [{ type, ...extra }] });
			const r = await post(p.url, ask);
			const m = stream ? readStream(r) : assertMessage(r);
			const { json } = upstream.last();
			assert.deepEqual(complaints(json, kind), []);
			assert.equal(json.tools.length, 1);
			const f = json.tools[0].function;
			assert.equal(f.name, name);
			assert.ok(f.description.length > 40);
			assert.deepEqual(f.parameters.type, 'object');
			for (const k of Object.keys(input))
				assert.ok(k in f.parameters.properties, `${k} is in the schema`);
			holds?.(f);
			assert.deepEqual(
				callsOf(m).map((c) => [c.name, c.input, c.toolset_name]),
				[[name, input, undefined]],
			);

			upstream.script(sayOk);
			await post(p.url, {
				...ask,
				stream: false,
				messages: [
					...ask.messages,
					{ role: 'assistant', content: history(m.content) },
					{
						role: 'user',
						content: [
							{
								type: 'tool_result',
								tool_use_id: 'call_1',
								content: 'ok',
							},
						],
					},
				],
			});
			const next = upstream.last().json;
			assert.deepEqual(complaints(next, kind), []);
			assert.deepEqual(next.tools, json.tools);
			assert.deepEqual(next.messages[1].tool_calls[0].function, {
				name,
				arguments: JSON.stringify(input),
			});
		}
	});

const MEMBERS = {
	browser: [
		'navigate',
		'list_tabs',
		'new_tab',
		'switch_tab',
		'close_tab',
		'read_page',
		'get_page_text',
		'read_console',
		'read_network',
		'find',
		'form_input',
		'file_upload',
		'scroll_to',
		'screenshot',
		'zoom',
		'left_click',
		'right_click',
		'middle_click',
		'double_click',
		'triple_click',
		'hover',
		'left_click_drag',
		'left_mouse_down',
		'left_mouse_up',
		'mouse_move',
		'scroll',
		'type',
		'key',
		'hold_key',
		'wait',
		'javascript_exec',
	],
	computer: [
		'key',
		'hold_key',
		'type',
		'cursor_position',
		'mouse_move',
		'left_mouse_down',
		'left_mouse_up',
		'left_click',
		'right_click',
		'middle_click',
		'double_click',
		'triple_click',
		'left_click_drag',
		'scroll',
		'wait',
		'screenshot',
		'zoom',
	],
};
const TOOLSETS = Object.keys(MEMBERS).map((s) => ({ type: `${s}_toolset_20260801` }));

test('a toolset is a function for each member', async () => {
	upstream.script(sayOk);
	await post(proxy.url, message({ tools: TOOLSETS }));
	const { json } = upstream.last();
	assert.deepEqual(complaints(json, 'openai'), []);
	assert.deepEqual(
		json.tools.map((t) => t.function.name).sort(),
		Object.entries(MEMBERS)
			.flatMap(([set, list]) => list.map((m) => `${set}__${m}`))
			.sort(),
	);
	await post(gemini.url, message({ tools: TOOLSETS }));
	assert.deepEqual(complaints(upstream.last().json, 'gemini'), []);
});

test('calls of a toolset bear its name, and so do their results', async () => {
	const made = [
		{ id: 'call_1', name: 'browser__screenshot', input: {} },
		{ id: 'call_2', name: 'computer__screenshot', input: {} },
		{
			id: 'call_3',
			name: 'browser__left_click',
			input: { target: { type: 'ref', ref: 'r1' } },
		},
		{ id: 'call_4', name: 'screenshot', input: { mine: true } },
	];
	const own = { name: 'screenshot', input_schema: { type: 'object', properties: {} } };
	for (const stream of [true, false]) {
		upstream.script((call, res) => sayTurn(call, res, { calls: made }));
		const ask = message({ stream, tools: [...TOOLSETS, own] });
		const r = await post(proxy.url, ask);
		const m = stream ? readStream(r) : assertMessage(r);
		assert.deepEqual(
			callsOf(m).map((c) => [c.toolset_name, c.name, c.input]),
			[
				['browser', 'screenshot', {}],
				['computer', 'screenshot', {}],
				['browser', 'left_click', { target: { type: 'ref', ref: 'r1' } }],
				[undefined, 'screenshot', { mine: true }],
			],
		);
		upstream.script(sayOk);
		assertMessage(
			await post(proxy.url, {
				...ask,
				stream: false,
				messages: [
					...ask.messages,
					{ role: 'assistant', content: history(m.content) },
					{
						role: 'user',
						content: callsOf(m).map((c) => ({
							type: 'tool_result',
							tool_use_id: c.id,
							...(c.toolset_name
								? { toolset_name: c.toolset_name }
								: {}),
							content:
								c.id === 'call_1'
									? [
											{
												type: 'text',
												text: 'seen',
											},
											{
												type: 'browser_state',
												tabs: [
													{
														tab_id: 't1',
														title: 'Home',
														url: 'https://home.example/',
														active: true,
													},
												],
												state_changes:
													[
														{
															type: 'tab_opened',
															tab_id: 't1',
														},
													],
											},
										]
									: 'done',
						})),
					},
				],
			}),
		);
		const { json } = upstream.last();
		assert.deepEqual(complaints(json, 'openai'), []);
		assert.deepEqual(
			json.messages[1].tool_calls.map((c) => c.function.name),
			made.map((c) => c.name),
		);
		const state = json.messages.find((x) => x.tool_call_id === 'call_1').content;
		for (const t of ['seen', 't1', 'Home', 'https://home.example/'])
			assert.ok(state.includes(t), state);
	}
});

test('members can be switched off or deferred', async () => {
	upstream.script(sayOk);
	const tools = [
		{
			type: 'computer_toolset_20260801',
			configs: { zoom: { enabled: false }, wait: { defer_loading: true } },
		},
	];
	await post(proxy.url, message({ tools }));
	const list = upstream.last().json.tools.map((t) => t.function.name);
	assert.ok(!list.includes('computer__zoom') && !list.includes('computer__wait'));
	assert.equal(list.length, MEMBERS.computer.length - 2);
	assertError(
		await post(
			proxy.url,
			message({
				tools: [{ type: 'browser_toolset_20260801', configs: { fly: {} } }],
			}),
		),
		400,
		'invalid_request_error',
		/configs\.fly: Extra inputs are not permitted/,
	);
});

test('a screen without a size is refused', async () => {
	assertError(
		await post(
			proxy.url,
			message({ tools: [{ type: 'computer_20250124', name: 'computer' }] }),
		),
		400,
		'invalid_request_error',
		/tools\.0\.computer\.display_width_px/,
	);
});

test('a built-in tool can be forced', async () => {
	upstream.script(sayOk);
	await post(
		proxy.url,
		message({
			tools: [{ type: 'bash_20250124', name: 'bash' }],
			tool_choice: { type: 'tool', name: 'bash' },
		}),
	);
	assert.deepEqual(upstream.last().json.tool_choice, {
		type: 'function',
		function: { name: 'bash' },
	});
});
