// SPDX-License-Identifier: MIT
// A shell with job control in a terminal of its own, by script(1).
import assert from 'node:assert/strict';
import { start } from './children.mjs';
import { SLACK, sleep } from './time.mjs';

export function startTerminal(cwd, env) {
	const child = start('script', ['-qfec', 'bash --norc -i', '/dev/null'], {
		cwd,
		// No .bash_history comes as the folder goes.
		env: { PS1: '$ ', TERM: 'dumb', HISTFILE: '', ...env },
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	child.stdin.on('error', () => {});
	let text = '';
	for (const out of [child.stdout, child.stderr])
		out.on('data', (d) => {
			text += d;
		});
	const ended = new Promise((resolve) => child.on('close', resolve));
	const limit = setTimeout(() => child.kill('SIGKILL'), 60000 * SLACK);
	ended.then(() => clearTimeout(limit));
	const sees = async (from, pattern, each = () => {}) => {
		for (let i = 0; i < 60 * SLACK && !pattern.test(text.slice(from)); i++) {
			each();
			for (let k = 0; k < 8 && !pattern.test(text.slice(from)); k++) await sleep(25);
		}
		assert.match(text.slice(from), pattern, `on the terminal: ${text.slice(-3000)}`);
	};
	return {
		text: () => text,
		say: (words) => child.stdin.write(words),
		// Types, and waits for what comes of it.
		after(words, pattern) {
			const from = text.length;
			child.stdin.write(words);
			return sees(from, pattern);
		},
		// A key that may come before the terminal is the command's: again.
		press: (key, pattern) => sees(text.length, pattern, () => child.stdin.write(key)),
		// The other end of the terminal goes away.
		async cut() {
			child.kill('SIGKILL');
			await ended;
		},
		async leave() {
			child.stdin.end('exit\n');
			await ended;
		},
	};
}
