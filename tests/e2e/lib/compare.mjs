// SPDX-License-Identifier: MIT
// Comparison with the expectation files: objects are subsets, arrays are
// exact, "<any>" and "<generated>" are any non-empty value.
const ANY = new Set(['<any>', '<generated>']);

const short = (v) => String(JSON.stringify(v)).slice(0, 120);

// The first difference as a sentence, or null.
export function difference(want, got, path = '') {
	if (typeof want === 'string' && ANY.has(want))
		return got === undefined || got === null || got === '' ? `${path} is absent` : null;
	if (Array.isArray(want)) {
		if (!Array.isArray(got)) return `${path} is ${short(got)}, expected an array`;
		if (want.length !== got.length)
			return `${path} has ${got.length} items, expected ${want.length}: ${short(got)}`;
		for (const [i, w] of want.entries()) {
			const d = difference(w, got[i], `${path}[${i}]`);
			if (d) return d;
		}
		return null;
	}
	if (want !== null && typeof want === 'object') {
		if (got === null || typeof got !== 'object')
			return `${path} is ${short(got)}, expected an object`;
		for (const k of Object.keys(want)) {
			const d = difference(want[k], got[k], `${path}.${k}`);
			if (d) return d;
		}
		return null;
	}
	return Object.is(want, got) ? null : `${path} is ${short(got)}, expected ${short(want)}`;
}

export const at = (object, path) => path.split('.').reduce((x, k) => x?.[k], object);
