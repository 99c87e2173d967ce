// SPDX-License-Identifier: MIT
// A strict reader of Prometheus's text format 0.0.4: refuses what promtool
// would refuse, and what a scraper would only read by luck.
import assert from 'node:assert/strict';
import { get } from './http.mjs';

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=[a-zA-Z_])|$)/;

function labels(text) {
	const out = {};
	while (text) {
		const m = text.match(LABEL);
		assert.ok(m, `labels: ${text}`);
		assert.ok(!(m[1] in out), `twice ${m[1]}`);
		out[m[1]] = m[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
		text = text.slice(m[0].length);
	}
	return out;
}

// A histogram's buckets rise to +Inf, which equals its count.
function checkHistogram(name, samples) {
	let last = -Infinity,
		sum = 0;
	const buckets = samples.filter((s) => s.name === `${name}_bucket`);
	for (const b of buckets) {
		const le = b.labels.le === '+Inf' ? Infinity : Number(b.labels.le);
		assert.ok(le > last, `${name}: le ${b.labels.le} after ${last}`);
		assert.ok(b.value >= sum, `${name}: buckets must add up`);
		last = le;
		sum = b.value;
	}
	assert.equal(last, Infinity, `${name} ends in +Inf`);
	assert.equal(samples.find((s) => s.name === `${name}_count`)?.value, sum);
	assert.ok(samples.find((s) => s.name === `${name}_sum`)?.value >= 0);
}

export function parseMetrics(text) {
	const families = new Map(),
		seen = new Set();
	let family = null;
	assert.ok(text.endsWith('\n'), 'the last line ends');
	for (const line of text.slice(0, -1).split('\n')) {
		const comment = line.match(new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`));
		if (comment) {
			const [, what, name, rest] = comment;
			if (what === 'HELP') {
				assert.ok(!families.has(name), `${name} comes twice`);
				family = { name, help: rest, type: null, samples: [] };
				families.set(name, family);
			} else {
				assert.equal(name, family?.name, 'TYPE follows its HELP');
				assert.match(rest, /^(counter|gauge|histogram)$/);
				family.type = rest;
			}
			continue;
		}
		const m = line.match(SAMPLE);
		assert.ok(m, `no sample: ${line}`);
		const base = family.type === 'histogram' ? m[1].replace(/_(bucket|sum|count)$/, '') : m[1];
		assert.equal(base, family.name, 'samples stand under their family');
		assert.ok(family.type, `${family.name} has a type`);
		if (family.type === 'counter') assert.match(family.name, /_total$/);
		const id = JSON.stringify([m[1], m[2] ?? '']);
		assert.ok(!seen.has(id), `twice: ${line}`);
		seen.add(id);
		assert.match(m[3], /^-?\d+(\.\d+)?$/, `value: ${line}`);
		family.samples.push({ name: m[1], labels: labels(m[2] ?? ''), value: Number(m[3]) });
	}
	for (const f of families.values()) {
		assert.ok(f.type, `${f.name} has a type`);
		if (f.type === 'histogram') checkHistogram(f.name, f.samples);
	}
	return families;
}

/* The metrics of a proxy: value(name, labels) is 0 where there is none. */
export async function readMetrics(proxy, headers = {}) {
	const r = await get(proxy.url, '/metrics', { headers });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
	const families = parseMetrics(r.text);
	const all = [...families.values()].flatMap((f) => f.samples);
	return {
		text: r.text,
		families,
		value(name, want = {}) {
			const hits = all.filter(
				(s) =>
					s.name === `anthropic_proxy_${name}` &&
					Object.entries(want).every(([k, v]) => s.labels[k] === v),
			);
			return hits.reduce((n, s) => n + s.value, 0);
		},
	};
}
