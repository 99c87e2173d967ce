/* SPDX-License-Identifier: MIT */
#ifndef OVERFLOW_H
#define OVERFLOW_H

/*
 * A prompt that does not fit the context window, in the words of every
 * server, and in Anthropic's, on which clients act: one wording makes Claude
 * Code compact the conversation, the other lower max_tokens.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct failure;

struct overflow {
	int64_t prompt; /* tokens; 0: not told */
	int64_t output; /* tokens asked for; 0: not told */
	int64_t window; /* the limit; 0: not told */
};

/* Whether a failure is one.  Rate limits and a max_tokens above the model's
 * output limit are not.  Fills `o` with what numbers are told. */
bool overflow_find(const struct failure *f, struct overflow *o);

/* Appends Anthropic's wording, without a full stop. */
void overflow_print(const struct overflow *o, struct buf *out);

#endif
