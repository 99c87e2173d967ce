/* SPDX-License-Identifier: MIT */
#ifndef DEMO_ANSWER_H
#define DEMO_ANSWER_H

/*
 * What the demo's upstream answers: a Chat Completions body goes in, another
 * comes out.  It echoes the last user text; where that says
 * `call NAME {json}` and NAME is an offered tool, it calls the tool; after a
 * tool's result it quotes the result.  No I/O.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"

#define DEMO_MODEL "demo"

/* Handed in, so that tests can fix them. */
struct demo_clock {
	long long created;    /* Unix seconds */
	unsigned long serial; /* of the request, for ids */
};

struct demo_answer {
	int status; /* 200, or an error's */
	bool is_stream;
	struct buf body; /* JSON, or events with a blank line behind each */
};

/* Always fills the answer; good for demo_answer_clear(). */
void demo_answer_make(struct demo_answer *a, const char *body, size_t len,
    const struct demo_clock *clock);
void demo_answer_clear(struct demo_answer *a);

/* The list of models: the one there is. */
void demo_answer_models(struct buf *out, const struct demo_clock *clock);

/* An error's body. */
void demo_answer_error(struct buf *out, const char *message);

#endif
