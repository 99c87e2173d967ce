// SPDX-License-Identifier: MIT
// The completions of the shells offer what --help lists; nobody keeps a second
// list.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { BINARY, ROOT_DIR } from './lib/proxy.mjs';

const DIR = join(ROOT_DIR, 'config/completions');

function run(command, args) {
	const home = mkdtempSync(join(tmpdir(), 'anthropic-proxy-shell-'));
	writeFileSync(join(home, 'a-file'), '');
	try {
		const r = spawnSync(command, args, {
			encoding: 'utf8',
			cwd: home,
			env: {
				PATH: `${dirname(BINARY)}:${process.env.PATH}`,
				HOME: home,
				TERM: 'dumb',
			},
			timeout: 20000,
		});
		assert.equal(r.status, 0, `${command} ${args.join(' ')}: ${r.stderr}`);
		return r.stdout;
	} finally {
		rmSync(home, { recursive: true, force: true });
	}
}

const has = (shell) =>
	process.env.PATH.split(':').some((d) => existsSync(join(d, shell)))
		? false
		: `no ${shell}`;
const lines = (text) => [...new Set(text.split('\n').filter((l) => l !== ''))].sort();
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

const HELP = run(BINARY, ['--help']);
const COMMANDS = [...HELP.matchAll(/^ {2}([a-z]+) /gm)].map((m) => m[1]).sort();
const OPTIONS = [...HELP.matchAll(/^ {2}(-\w), (--[a-z-]+)|^ {6}(--[a-z-]+)/gm)]
	.flatMap((m) => [m[1], m[2], m[3]])
	.filter(Boolean)
	.sort();

// offers(words): what the shell offers for the last of them.
const SHELLS = {
	bash: {
		parse: ['-n', join(DIR, 'anthropic-proxy.bash')],
		offers: (words) =>
			run('bash', [
				'-c',
				`. ${quoted(join(DIR, 'anthropic-proxy.bash'))}
				COMP_WORDS=(${words.map(quoted).join(' ')})
				COMP_CWORD=${words.length - 1}
				_anthropic_proxy anthropic-proxy
				printf '%s\\n' "\${COMPREPLY[@]}"`,
			]),
	},
	zsh: {
		parse: ['-n', join(DIR, '_anthropic-proxy')],
		offers: (words) =>
			run('zsh', [
				'-f',
				join(ROOT_DIR, 'tests/e2e/lib/offers.zsh'),
				DIR,
				words.join(' '),
			]),
	},
	fish: {
		parse: ['-n', join(DIR, 'anthropic-proxy.fish')],
		offers: (words) =>
			run('fish', [
				'-c',
				`source ${quoted(join(DIR, 'anthropic-proxy.fish'))}
				complete -C ${quoted(words.join(' '))}`,
			]).replace(/\t.*/g, ''),
	},
};

test('--help lists commands and options', () => {
	assert.ok(COMMANDS.includes('status') && COMMANDS.length >= 3, `${COMMANDS}`);
	for (const o of ['-c', '--config', '--demo', '--version'])
		assert.ok(OPTIONS.includes(o), `${o} in ${OPTIONS}`);
});

for (const [shell, { parse, offers }] of Object.entries(SHELLS))
	describe(`in ${shell}`, { skip: has(shell) }, () => {
		const ask = (...words) => lines(offers(['anthropic-proxy', ...words]));

		test('the file parses', () => {
			run(shell, parse);
		});

		test('every command and every option of --help is offered', () => {
			assert.deepEqual(ask(''), COMMANDS);
			assert.deepEqual(ask('-'), OPTIONS);
			assert.deepEqual(ask('status', '--pid-f'), ['--pid-file']);
		});

		test('files where a file is wanted, nothing where a number is', () => {
			assert.deepEqual(ask('--pid-file', ''), ['a-file']);
			assert.deepEqual(ask('-c', ''), ['a-file']);
			assert.deepEqual(ask('--port', ''), []);
		});

		test('behind -- another command line begins', () => {
			// which bash alone completes as a command, the others as its own
			const found = ask('run', '--', 'anthropic-proxy', 'stat');
			assert.ok(found.includes(shell === 'bash' ? 'stat' : 'status'), `${found}`);
		});
	});
