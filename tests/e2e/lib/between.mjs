// SPDX-License-Identifier: MIT
// A scripted upstream and a proxy before it, for one test.
import { withProxy } from './proxy.mjs';
import { message } from './http.mjs';
import { chunk, startEvents, startUpstream } from './upstream.mjs';

// others: what the upstream answers to all but chat completions.
export async function between(respond, env, body, { others, ...options } = {}) {
	const upstream = await startUpstream(respond, others);
	try {
		return await withProxy(
			upstream.url,
			env,
			(proxy) => body(proxy, upstream),
			options,
		);
	} finally {
		await upstream.stop();
	}
}

export const stream = (extra = {}) => message({ stream: true, ...extra });

// What a client has read so far.
export const seen = (o) => o.pieces.map((p) => p.text).join('');

// Answers the head and some text, then nothing until the connection closes.
export const silentAfter =
	(...texts) =>
	(call, res) => {
		startEvents(res);
		for (const t of texts) res.write(chunk({ content: t }));
	};
