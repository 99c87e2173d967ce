// SPDX-License-Identifier: MIT
// Waiting.  SLACK=N says how many times slower all is; sanitizer builds take 4 by
// themselves.  No limit is hit where only the machine is slow: thrice that.
export const PACE = Number(process.env.SLACK ?? (/san/.test(process.env.PROXY ?? '') ? 4 : 1));
export const SLACK = 3 * PACE;

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// Waits until `look()` is truthy and returns it; throws after `ms`.
export async function until(look, ms, what = 'condition') {
	const end = Date.now() + ms * SLACK;
	for (;;) {
		const v = await look();
		if (v) return v;
		if (Date.now() > end) throw new Error(`${what}: not within ${ms * SLACK} ms`);
		await sleep(5);
	}
}

// A promise with its handles outside.
export function deferred() {
	let resolve, reject;
	const promise = new Promise((a, b) => {
		resolve = a;
		reject = b;
	});
	return { promise, resolve, reject };
}
