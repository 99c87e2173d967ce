/* SPDX-License-Identifier: MIT */
#ifndef SPLICE_H
#define SPLICE_H

/*
 * Escaped string bodies that arrive in pieces.  A character beyond the BMP
 * may be cut between its two \u escapes: the first half waits here for the
 * next piece.
 */

#include <stdbool.h>
#include "wire/buf.h"
#include "wire/json.h"

struct splice {
	char half[6];
	bool is_held;
};

/*
 * Joins a held half with `body` and holds back a half at its end.  The result
 * is borrowed from `body`, or from `scratch` where something was joined.
 */
struct json_slice
splice_next(struct splice *sp, struct json_slice body, struct buf *scratch);

/* The half that never met its other one, empty if there is none; forgotten
 * afterwards.  Borrowed from `sp`. */
struct json_slice splice_rest(struct splice *sp);

/* How many bytes at the end are an escaped first half: 0 or 6. */
size_t splice_tail(struct json_slice body);

/* Whether a body holds nothing but white space. */
bool splice_is_blank(struct json_slice body);

#endif
