/* SPDX-License-Identifier: MIT */
#ifndef CONTENT_H
#define CONTENT_H

/*
 * The way of a reply's content to its blocks: halves of characters joined, a
 * leading <think> parted off, a repeated prefill dropped, stop sequences
 * found.  Content that needs none of it passes as it is, undecoded.
 */

#include <stdbool.h>
#include <stddef.h>
#include "translate/envelope.h"
#include "translate/reply/splice.h"
#include "translate/reply/stop.h"
#include "translate/reply/think.h"
#include "wire/buf.h"
#include "wire/json.h"

struct blocks;
struct reply_terms;

struct content {
	struct blocks *blocks;
	const struct reply_terms *terms;
	struct splice text, thought; /* halves of either */
	struct think think;
	struct stop stop;
	size_t prefill_met;   /* bytes of the prefill met so far */
	bool is_prefill_over; /* met, or not repeated */
	struct buf joined, bytes, passed, body;
	struct buf told; /* the last delta, while each may repeat it */
	bool is_cumulative, is_cumulation_over;
};

void content_init(struct content *c, struct blocks *blocks,
    const struct reply_terms *terms, size_t max_bytes);
void content_clear(struct content *c);

/* A piece of content, an escaped body. */
void content_text(struct content *c, struct json_slice body);

/*
 * The same for a stream's delta.  Some servers (DashScope without
 * incremental_output) say with each delta all the text so far: where the
 * second one begins with the whole first one, only what is new counts.
 */
void content_delta(struct content *c, struct json_slice body);

/* A piece of reasoning that came in a form of its own. */
void content_thought(
    struct content *c, enum reasoning_form form, struct json_slice body);

/* The stop sequence that was met, NULL if none. */
const char *content_match(const struct content *c);

/* Something else than content follows: nothing is held back any longer. */
void content_flush(struct content *c);

bool content_failed(const struct content *c);

#endif
