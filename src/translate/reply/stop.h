/* SPDX-License-Identifier: MIT */
#ifndef STOP_H
#define STOP_H

/*
 * Finds stop sequences in text that arrives in pieces.  The earliest place
 * wins, at one place the first of the list.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/buf.h"

struct stop {
	char *const *sequences; /* borrowed */
	size_t n;
	uint32_t first[8]; /* which bytes a sequence begins with */
	struct buf held;   /* may be the beginning of a sequence */
	const char *match; /* borrowed; NULL until one was found */
};

void
stop_init(struct stop *st, char *const *sequences, size_t n, size_t max_bytes);
void stop_clear(struct stop *st);

/*
 * Takes text and appends to `out` what is surely before any sequence.
 * True once one was found: `match` tells which, and no more text counts.
 */
bool stop_push(struct stop *st, const char *bytes, size_t len, struct buf *out);

/* The text ends here: appends what was held, unless that holds a sequence. */
bool stop_flush(struct stop *st, struct buf *out);

#endif
