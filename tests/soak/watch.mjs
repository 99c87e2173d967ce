// SPDX-License-Identifier: MIT
// What a process holds, as /proc tells it.
import { readFileSync, readdirSync } from 'node:fs';
import { sleep } from '../e2e/lib/time.mjs';

export function holdings(pid) {
	const status = readFileSync(`/proc/${pid}/status`, 'utf8');
	const kb = Number(status.match(/^RssAnon:\s+(\d+) kB$/m)[1]);
	return {
		descriptors: readdirSync(`/proc/${pid}/fd`).length,
		threads: readdirSync(`/proc/${pid}/task`).length,
		kB: kb,
	};
}

const NAMES = ['descriptors', 'threads', 'kB'];

/*
 * Waits until each figure is at most `limits` of it, or the time is over:
 * connections and threads that nobody needs are kept for a while.
 */
export async function atRest(pid, limits, ms) {
	const end = Date.now() + ms;
	for (;;) {
		const now = holdings(pid);
		if (NAMES.every((name) => now[name] <= limits[name]) || Date.now() > end) return now;
		await sleep(250);
	}
}

// The lowest of each figure in so many ms of rest.
export async function lowest(pid, ms) {
	const end = Date.now() + ms;
	let low = holdings(pid);
	while (Date.now() < end) {
		await sleep(250);
		const now = holdings(pid);
		low = Object.fromEntries(NAMES.map((name) => [name, Math.min(low[name], now[name])]));
	}
	return low;
}
