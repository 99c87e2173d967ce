// SPDX-License-Identifier: MIT
// Children of a test end with it, however it ends.
import { spawn } from 'node:child_process';

const running = new Set();
process.on('exit', () => {
	for (const c of running) c.kill('SIGKILL');
});
for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(s, () => process.exit(1));

export function start(command, args, options) {
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	running.add(child);
	child.on('close', () => running.delete(child));
	child.on('error', () => running.delete(child));
	return child;
}
