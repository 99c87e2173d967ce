// SPDX-License-Identifier: MIT
// The golden folders that the C tests and these tests share.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_DIR } from './proxy.mjs';

const folder = (kind) => join(ROOT_DIR, 'tests/golden', kind);

function names(kind, ending) {
	const dir = folder(kind);
	if (!existsSync(dir)) throw new Error(`${dir} is missing`);
	const found = readdirSync(dir)
		.filter((f) => f.endsWith(ending))
		.map((f) => f.slice(0, -ending.length))
		.sort();
	if (!found.length) throw new Error(`${dir} holds no *${ending}`);
	return found;
}

const json = (kind, file) => JSON.parse(readFileSync(join(folder(kind), file), 'utf8'));

// [{name, vector}], [{name, wire, expect}], [{name, failure}], [{name, recorded}]
export const requests = () =>
	names('requests', '.json').map((name) => ({
		name,
		vector: json('requests', name + '.json'),
	}));
export const streams = () =>
	names('streams', '.sse').map((name) => ({
		name,
		wire: readFileSync(join(folder('streams'), name + '.sse')),
		expect: json('streams', name + '.expect.json'),
	}));
export const errors = () =>
	names('errors', '.json').map((name) => ({ name, failure: json('errors', name + '.json') }));
export const recorded = () =>
	names('claude-code', '.json').map((name) => ({
		name,
		recorded: json('claude-code', name + '.json'),
	}));
