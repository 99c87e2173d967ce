// SPDX-License-Identifier: MIT
// Chance that a seed decides, and answers that follow from a request's nonce.

function hash(text) {
	let h = 2166136261;
	for (const c of text) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
	return h >>> 0;
}

export class Chance {
	constructor(seed) {
		this.state = hash(String(seed));
	}

	next() {
		this.state = (this.state + 0x6d2b79f5) | 0;
		let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	}

	below(n) {
		return Math.floor(this.next() * n);
	}

	// One of [weight, value, …].
	pick(list) {
		let at = this.below(list.reduce((n, [w]) => n + w, 0));
		for (const [w, value] of list) {
			if (at < w) return value;
			at -= w;
		}
		throw new Error('no weights');
	}

	bytes(n) {
		return Buffer.from(Array.from({ length: n }, () => this.below(256)));
	}

	nonce() {
		const word = () => this.below(4294967296).toString(16).padStart(8, '0');
		return `N${word()}${word()}Z`;
	}
}

export const NONCE = /N[0-9a-f]{16}Z/g;

const FLOOD_WORDS = 60000;

// What the upstream says to a nonce, and so what the client must read.
export const textFor = (nonce, model) =>
	Array(model === 'flood' ? FLOOD_WORDS : 1 + (hash(nonce) % 40))
		.fill(nonce)
		.join(' ');

export function callsFor(nonce) {
	const h = hash(nonce);
	return Array.from({ length: 1 + (h % 3) }, (_, i) => ({
		id: `call_${nonce}_${i}`,
		name: 'f',
		input: { nonce, i, list: Array((h >>> 4) % 20).fill(nonce) },
	}));
}
