/* SPDX-License-Identifier: MIT */
#ifndef RECORD_H
#define RECORD_H

/*
 * Any bytes as the body of a JSON string and back, without loss and readable:
 * text stands as itself, and a byte that is no UTF-8 as \udcXX, half a
 * surrogate pair, which no text holds.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/json.h"

struct buf;

/* Appends what stands for the byte or the whole character at `p`; returns how
 * many bytes of it that took. */
size_t record_put_char(struct buf *out, const char *p, size_t left);

/* Appends the bytes that a body stands for. */
void record_get(struct buf *out, struct json_slice body);

/*
 * A secret that is looked for in bytes that come in pieces.  Its letters
 * become x and its digits 0 where they stand, so that lengths stay and a
 * reader still sees what it was; how it begins may stay too.
 */
struct record_secret {
	unsigned char *bytes; /* owned */
	size_t len, keep;     /* `keep`: how many stay, of its beginning */
	struct record_trail {
		size_t matched;
		unsigned *at; /* where the matched ones stand in `out` */
	} trails[2];	      /* of pieces that alternate */
};

/* 0, or -1 when out of memory; good for record_secret_clear() either way. */
int record_secret_init(
    struct record_secret *s, const char *text, size_t len, size_t keep);
void record_secret_clear(struct record_secret *s);

/* The next byte of a trail, which stands at `at` in `out`. */
void record_secret_see(struct record_secret *s, int trail, unsigned char byte,
    size_t at, struct buf *out);

#endif
