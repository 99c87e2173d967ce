/* SPDX-License-Identifier: MIT */
#ifndef REPEAT_H
#define REPEAT_H

/*
 * Most chunks of a stream differ from the one before in their text alone.
 * Such a chunk is known by its bytes and need not be parsed again.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"
#include "wire/json.h"

struct repeat {
	struct buf chunk; /* the last one that said nothing but text */
	size_t body_at, body_len;
	int form; /* of a thought, or FORM_NONE: content */
};

void repeat_init(struct repeat *r, size_t max_bytes);
void repeat_clear(struct repeat *r);

/* Remembers a chunk; `body`, within it, is all that it said. */
void repeat_learn(struct repeat *r, struct json_slice chunk,
    struct json_slice body, int form);

/* Whether a chunk is the remembered one with another text: then `body` is
 * that text, a valid escaped body within `chunk`. */
bool repeat_is(
    const struct repeat *r, struct json_slice chunk, struct json_slice *body);

#endif
