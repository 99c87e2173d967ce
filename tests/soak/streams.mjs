// SPDX-License-Identifier: MIT
/*
 * STREAMS (1000) at once through one proxy, all of them open at the same
 * moment, each told apart by its model's name: all end right, and the proxy
 * lets go of what they took.  Fewer where the limit of open files is low.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readStream, textOf } from '../e2e/lib/anthropic.mjs';
import { message, post } from '../e2e/lib/http.mjs';
import { startProxy } from '../e2e/lib/proxy.mjs';
import { deferred } from '../e2e/lib/time.mjs';
import { DONE, chunk, startEvents, startUpstream, usageChunk } from '../e2e/lib/upstream.mjs';
import { holdings } from './watch.mjs';

const WORDS = 10;
const PAUSE_MS = 200;

// The proxy takes six descriptors a stream, this process two.
const hard = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
const files = hard === 'unlimited' ? Infinity : Number(hard);
const wanted = Number(process.env.STREAMS ?? 1000);
const N = Math.min(wanted, Math.floor((files - 200) / 6));
if (N < wanted) console.log(`streams: ${hard} open files allow ${N} of ${wanted}`);

const all = deferred();
let open = 0;
const upstream = await startUpstream(async (call, res) => {
	startEvents(res);
	const say = (i) => res.write(chunk({ content: `${call.json.model}.${i} ` }));
	say(0);
	if (++open === N) all.resolve();
	await all.promise;
	for (let i = 1; i < WORDS; i++) {
		say(i);
		await new Promise((r) => setTimeout(r, PAUSE_MS));
	}
	res.end(chunk({}, 'stop') + usageChunk() + DONE);
});
const proxy = await startProxy(upstream.url, {}, {});
const from = Date.now();
let most = holdings(proxy.pid);
all.promise.then(() => {
	most = holdings(proxy.pid);
});
const answers = await Promise.all(
	Array.from({ length: N }, (_, k) =>
		post(proxy.url, message({ model: `m${k}`, stream: true }), { timeout: 60000 }),
	),
);
answers.forEach((r, k) => {
	const said = Array.from({ length: WORDS }, (_, i) => `m${k}.${i} `).join('');
	assert.equal(textOf(readStream(r)), said);
});
console.log(
	`streams: ${N} at once ended right in ${Date.now() - from} ms; at most ` +
		`${most.descriptors} descriptors, ${most.threads} threads, ${most.kB} kB`,
);
await proxy.stop();
await upstream.stop();
