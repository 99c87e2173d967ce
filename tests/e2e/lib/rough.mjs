// SPDX-License-Identifier: MIT
// Upstreams that send whatever bytes, and what a client may have of them.
import { readStream } from './anthropic.mjs';
import { assertError, assertMessage, message, post } from './http.mjs';

const TOOLS = ['f', 'get_weather', 'get_time'].map((name) => ({
	name,
	input_schema: { type: 'object' },
}));

// Asks with tools and thinking; returns {error, status, content} or what the
// answer says.
export async function ask(proxy, stream, extra = {}) {
	const r = await post(
		proxy.url,
		message({
			stream,
			max_tokens: 4096,
			thinking: { type: 'enabled', budget_tokens: 1024 },
			tools: TOOLS,
			...extra,
		}),
	);
	// One of: a message, a stream, an error.
	if (r.status !== 200) {
		const type = JSON.parse(r.text).error.type;
		return { error: assertError(r, r.status, type), status: r.status, content: [] };
	}
	return stream ? readStream(r) : assertMessage(r);
}

export const says =
	(bytes, headers = { 'content-type': 'text/event-stream' }, status = 200) =>
	(call, res) => {
		res.writeHead(status, headers);
		res.end(bytes);
	};
