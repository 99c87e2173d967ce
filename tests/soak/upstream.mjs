// SPDX-License-Identifier: MIT
// An upstream that answers what the nonce asks for, or does it harm: faults
// are drawn anew for each call.
import { gzipSync } from 'node:zlib';
import { sleep } from '../e2e/lib/time.mjs';
import {
	DONE,
	chunk,
	drained,
	frame,
	sayError,
	sayJson,
	startEvents,
	startUpstream,
	turnFrames,
	turnMessage,
	usageChunk,
} from '../e2e/lib/upstream.mjs';
import { NONCE, callsFor, textFor } from './random.mjs';

const FOREIGN = 'Nfeedfeedfeedfeed' + 'Z';
const STATUSES = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529];

function turnOf(call) {
	const nonce = call.text.match(NONCE)?.[0] ?? 'none';
	const wantsCalls = (call.json?.tools ?? []).length > 0;
	return wantsCalls
		? { calls: callsFor(nonce), nonce }
		: { text: textFor(nonce, call.json?.model), nonce };
}

const framesOf = (turn) =>
	(turn.text ?? '').length < 2000
		? turnFrames(turn)
		: [
				...turn.text.match(/[^]{1,4000}/g).map((content) => chunk({ content })),
				chunk({}, 'stop'),
				usageChunk(),
				DONE,
			];

// All that there is to say, and what takes none of it is waited for.
async function play(call, res, list) {
	for (const text of list) {
		if (call.closed) return;
		if (!res.write(text)) await drained(res);
	}
}

async function flood(call, res, text) {
	startEvents(res);
	while (!call.closed) if (!res.write(text)) await drained(res);
}

function partOf(chance, turn) {
	const list = framesOf(turn);
	return list.slice(0, 1 + chance.below(Math.max(1, list.length - 3)));
}

const raw = (res, bytes) => res.socket?.write(bytes);
const jsonHead = (length, extra = '') =>
	`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${extra}\r\n`;

async function well(call, res, turn, chance) {
	if (!call.json?.stream) return sayJson(res, turnMessage(turn));
	startEvents(res);
	const list = framesOf(turn);
	const pause = chance.below(4) === 0 ? chance.below(60) : 0;
	for (let i = 0; i < list.length; i += 8) {
		await play(call, res, list.slice(i, i + 8));
		if (pause) await sleep(pause);
	}
	res.end();
	return null;
}

const FAULTS = {
	reset: (call, res) => res.socket?.resetAndDestroy(),
	close: (call, res) => res.destroy(),
	silent: () => {},
	late: async (call, res, turn, chance) => {
		await sleep(chance.below(2000));
		await well(call, res, turn, chance);
	},
	'half a head': async (call, res, turn, chance) => {
		raw(res, 'HTTP/1.1 200 OK\r\nContent-Ty');
		await sleep(chance.below(300));
		res.destroy();
	},
	garbage: (call, res, turn, chance) => {
		raw(res, chance.bytes(1 + chance.below(3000)));
		res.socket?.end();
	},
	status: (call, res, turn, chance) =>
		sayError(res, STATUSES[chance.below(STATUSES.length)], `refused ${turn.nonce}`, {}, {
			'retry-after': String(chance.below(2)),
		}),
	page: (call, res, turn) => {
		res.writeHead(502, { 'content-type': 'text/html' });
		res.end(`<html><title>502 Bad Gateway</title>${turn.nonce}</html>`);
	},
	'short content-length': (call, res, turn) => {
		const text = JSON.stringify(turnMessage(turn));
		raw(res, jsonHead(text.length + 50) + text.slice(0, -1));
		res.socket?.end();
	},
	'cut in the stream': async (call, res, turn, chance) => {
		startEvents(res);
		await play(call, res, partOf(chance, turn));
		await sleep(chance.below(50));
		[
			() => res.socket?.resetAndDestroy(),
			() => res.destroy(),
			() => res.end(),
		][chance.below(3)]();
	},
	'silence in the stream': async (call, res, turn, chance) => {
		startEvents(res);
		await play(call, res, partOf(chance, turn));
	},
	'error in the stream': async (call, res, turn, chance) => {
		startEvents(res);
		await play(call, res, partOf(chance, turn));
		res.end(frame({ error: { message: `on fire ${turn.nonce}`, code: 500 } }) + DONE);
	},
	'a line without end': (call, res) => flood(call, res, 'data: ' + 'x'.repeat(65536)),
	'comments without end': (call, res) => flood(call, res, ': wait\n\n'.repeat(4096)),
	'words without end': (call, res, turn) =>
		flood(call, res, chunk({ content: turn.nonce }).repeat(64)),
	'gzip that is none': (call, res, turn, chance) => {
		res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
		res.end(chance.bytes(200));
	},
	gzip: (call, res, turn) => {
		res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
		res.end(gzipSync(JSON.stringify(turnMessage(turn))));
	},
	'JSON for events': (call, res, turn) => sayJson(res, turnMessage(turn)),
	drip: async (call, res, turn) => {
		const bytes = Buffer.from(framesOf(turn).join('')).subarray(0, 1500);
		startEvents(res);
		for (let i = 0; i < bytes.length && !call.closed; i += 3) {
			res.write(bytes.subarray(i, i + 3));
			if (i % 99 === 0) await sleep(1);
		}
		res.end();
	},
	'more than the length': (call, res, turn) => {
		const text = JSON.stringify(turnMessage(turn));
		const more = JSON.stringify(turnMessage({ text: FOREIGN }));
		raw(res, jsonHead(text.length) + text + jsonHead(more.length) + more);
	},
	'deep JSON': (call, res) => sayJson(res, '['.repeat(100000)),
	'no end': async (call, res, turn) => {
		startEvents(res);
		await play(call, res, framesOf(turn).slice(0, -3));
		res.end(DONE);
	},
};

const MODELS = { object: 'list', data: [{ id: 'm' }, { id: 'flood', context_length: 9000000 }] };

/*
 * calm: whether all goes well at the moment.  The count of what was done
 * stands in `done`.
 */
export async function startHostile(chance, calm) {
	const done = {};
	const names = Object.keys(FAULTS);
	const count = (what) => {
		done[what] = (done[what] ?? 0) + 1;
	};
	const upstream = await startUpstream(
		(call, res) => {
			const name = chance.below(100) < 60 ? 'well' : names[chance.below(names.length)];
			const what = calm() ? 'well' : name;
			count(what);
			return (FAULTS[what] ?? well)(call, res, turnOf(call), chance);
		},
		(call, res) => {
			if (!/\/models$/.test(call.url)) return sayError(res, 404, 'Not Found');
			const bad = !calm() && chance.below(3) === 0;
			return bad ? res.destroy() : sayJson(res, MODELS);
		},
	);
	return {
		...upstream,
		done,
		// Cuts every connection, as a host that dies.
		kill() {
			count('all cut');
			upstream.cut();
			upstream.calls.length = 0;
		},
	};
}
