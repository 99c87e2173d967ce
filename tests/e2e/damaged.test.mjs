// SPDX-License-Identifier: MIT
// Streams damaged at random, but the same each time: lawful messages or
// errors; and streams that were cut: errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPair } from './lib/between.mjs';
import { streams } from './lib/golden.mjs';
import { message } from './lib/http.mjs';
import { ask, says } from './lib/rough.mjs';
import { sayOk } from './lib/upstream.mjs';

const { upstream, proxy } = await startPair(sayOk, { IDLE_TIMEOUT: '5' });

function dice(seed) {
	let s = seed >>> 0;
	return (n) => {
		s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
		return Math.floor((s / 2 ** 32) * n);
	};
}

const BITS = [
	'{',
	'}',
	'[',
	']',
	'"',
	':',
	',',
	'\n',
	'\n\n',
	'\\',
	'null',
	'-1',
	'1e999',
	'data: ',
	'[DONE]',
	'\u0000',
	'\xff',
	'error',
	'finish_reason',
];

function damage(wire, roll) {
	let b = Buffer.from(wire);
	for (let k = 1 + roll(3); k > 0; k--) {
		const at = roll(b.length + 1);
		switch (roll(4)) {
			case 0:
				b = Buffer.concat([
					b.subarray(0, at),
					b.subarray(at + 1 + roll(9)),
				]);
				break;
			case 1:
				b = Buffer.concat([
					b.subarray(0, at),
					Buffer.from(BITS[roll(BITS.length)], 'latin1'),
					b.subarray(at),
				]);
				break;
			case 2:
				if (b.length) b[roll(b.length)] = roll(256);
				break;
			default: {
				const to = roll(b.length + 1);
				const [x, y] = [Math.min(at, to), Math.max(at, to)];
				b = Buffer.concat([b.subarray(0, y), b.subarray(x)]);
			}
		}
	}
	return b;
}

const golden = streams().filter(({ wire }) => wire.length < 200000);

// All damaged answers are asked for at once, a few at a time.
async function each(list, work, width = 8) {
	const queue = [...list.entries()];
	await Promise.all(
		Array.from({ length: width }, async () => {
			for (let next; (next = queue.shift());) await work(...next);
		}),
	);
}

test('streams damaged at random are lawful messages or errors', async () => {
	const roll = dice(20261121);
	const cases = golden.flatMap(({ name, wire }) =>
		Array.from({ length: 4 }, () => ({
			name,
			wire: damage(wire, roll),
			stream: roll(2) === 0,
		})),
	);
	upstream.script((call, res) => says(cases[Number(call.json.model)].wire)(call, res));
	await each(cases, async (i, { name, stream }) => {
		try {
			await ask(proxy, stream, { model: String(i) });
		} catch (err) {
			err.message = `${name}, damaged (${i}): ${err.message}\n${JSON.stringify(cases[i].wire.toString('latin1')).slice(0, 1500)}`;
			throw err;
		}
	});
});

test('streams that are cut before their end are errors', async () => {
	const roll = dice(42);
	const cases = golden
		.filter(({ expect, wire }) => !expect.error && /finish_reason":\s*"/.test(wire))
		.flatMap(({ name, wire }) => {
			const end = wire.toString('latin1').search(/\n[^\n]*finish_reason":\s*"/);
			return Array.from({ length: 2 }, () => ({
				name,
				wire: wire.subarray(0, roll(end > 0 ? end : 1)),
				stream: roll(2) === 0,
			}));
		})
		.filter(({ wire }) => !wire.includes('[DONE]'));
	upstream.script((call, res) => says(cases[Number(call.json.model)].wire)(call, res));
	await each(cases, async (i, { name, stream }) => {
		const m = await ask(proxy, stream, { model: String(i) });
		assert.ok(m.error, `${name}: ${JSON.stringify(m.content)}`);
	});
});
