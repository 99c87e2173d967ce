/* SPDX-License-Identifier: MIT */
#ifndef USAGE_H
#define USAGE_H

/* Token counts as upstreams tell them, in all their places, and as Anthropic
 * clients read them. */

#include <stdbool.h>
#include <stdint.h>
#include "translate/reply/stream.h"
#include "wire/emit.h"
#include "wire/json.h"

/* -1: not told. */
struct usage {
	int64_t prompt, completion, total;
	int64_t cached, cache_write, reasoning;
	bool is_priority; /* of the service tier */
};

void usage_init(struct usage *u);

/* Reads a usage object; what it tells replaces what was told before, but no
 * zero replaces a number. */
void
usage_read(struct usage *u, const struct json_doc *doc, const cJSON *object);

/* Reads the service_tier of an answer. */
void usage_read_tier(struct usage *u, const char *tier);

/*
 * The counts for the client.  `estimate_in` and `estimate_out` stand in where
 * the upstream told nothing; `is_empty`: it wrote nothing, so 0 may be true.
 */
void usage_settle(const struct usage *u, int64_t estimate_in,
    int64_t estimate_out, bool is_empty, struct stream_usage *settled);

/* The same as an Anthropic usage object's members. */
void usage_emit(const struct usage *u, const struct stream_usage *settled,
    bool asked_fast, struct emit_usage *out);

#endif
