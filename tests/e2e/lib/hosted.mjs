// SPDX-License-Identifier: MIT
// A scripted upstream under the name of a real host: plain http through the
// mock as the proxy on the way, so that what `auto` decides by name holds.
import { startProxy, withProxy } from './proxy.mjs';
import { startUpstream } from './upstream.mjs';

const settings = (base, port, env) => ({
	UPSTREAM_BASE_URL: base,
	http_proxy: `http://127.0.0.1:${port}`,
	...env,
});

export const startHosted = (base, upstream, env = {}, options = {}) =>
	startProxy(null, settings(base, upstream.port, env), options);

export async function hosted(base, respond, env, body, { others, ...options } = {}) {
	const upstream = await startUpstream(respond, others);
	try {
		return await withProxy(
			null,
			settings(base, upstream.port, env),
			(proxy) => body(proxy, upstream),
			options,
		);
	} finally {
		await upstream.stop();
	}
}
