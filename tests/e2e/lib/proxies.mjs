// SPDX-License-Identifier: MIT
// Several proxies of one test file: each started when it is first asked for,
// all ended, and their endings judged, with the file.
import { after } from 'node:test';

/*
 * start(key) starts one.  Returns a function from a key to its proxy; keys are
 * compared as JSON.
 */
export function proxiesBefore(upstream, start) {
	const made = new Map();
	after(async () => {
		const ends = await Promise.allSettled(
			[...made.values()].map(async (p) => (await p).stop()),
		);
		await upstream.stop();
		for (const e of ends) if (e.status === 'rejected') throw e.reason;
	});
	return (...key) => {
		const name = JSON.stringify(key);
		if (!made.has(name)) made.set(name, start(...key));
		return made.get(name);
	};
}
