/* SPDX-License-Identifier: MIT */
#ifndef TOKENS_H
#define TOKENS_H

/*
 * How many tokens a request has, roughly, from its translated body: bytes of
 * text, JSON of tools and arguments, messages, images by their size.  The
 * ratio is calibrated per model from what upstreams report (the server keeps
 * the calibration; this file is pure).
 */

#include <stdint.h>
#include "wire/json.h"

struct token_parts {
	int64_t text_bytes; /* ASCII and other non-CJK text */
	int64_t cjk_chars;
	int64_t json_bytes; /* tools and tool arguments */
	int64_t messages;
	int64_t tools;
	int64_t media_tokens; /* images and PDFs, already in tokens */
};

/* Weighs a built request body (see request.h). */
void tokens_weigh(const cJSON *body, struct token_parts *parts);

/* The uncalibrated estimate, at least 1. */
int64_t tokens_estimate(const struct token_parts *parts);

/* Tokens of reply text that an upstream did not count, at least 1. */
int64_t tokens_of_text(int64_t bytes);

#define TOKEN_SAMPLES 5

/*
 * Calibration of one model: a factor on the estimate, the median of what the
 * last samples said (large requests count more, up to a point), so that one
 * odd report moves nothing.  All zero is a good beginning.
 */
struct token_scale {
	double factor;	  /* of no meaning without samples: then 1 */
	unsigned samples; /* all that ever counted */
	struct {
		double factor, weight;
	} recent[TOKEN_SAMPLES]; /* a ring */
};

/* Takes what an upstream reported for a request of `estimated` (not scaled)
 * tokens.  What cannot be meant, such as 0, is ignored. */
void
tokens_learn(struct token_scale *scale, int64_t estimated, int64_t reported);

/* The calibrated estimate, at least 1. */
int64_t tokens_scaled(const struct token_scale *scale, int64_t estimated);

#endif
