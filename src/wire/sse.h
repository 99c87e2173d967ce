/* SPDX-License-Identifier: MIT */
#ifndef SSE_H
#define SSE_H

/*
 * Server-sent events out of bytes that are cut anywhere.  Pushed bytes, asked
 * for events; no I/O.  Rules: the HTML standard's event stream grammar, and
 * what real servers break of it (one newline between events, `error:` as a
 * field name, no blank line at the end).
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"

struct sse_event {
	const char *name; /* of the event: line; "" if none; NUL-terminated */
	const char
	    *data; /* data lines joined by \n; borrowed till the next call */
	size_t len;
	bool is_error_field; /* the data stood in an `error:` field */
	bool is_cut;	     /* ended by the end of input, not a blank line */
};

struct sse {
	struct buf bytes;	  /* what was pushed and is not yet consumed */
	size_t next;		  /* where in bytes the reader stands */
	size_t lf, cr;		  /* no such byte between next and here */
	size_t line_at, line_len; /* the only data line, still in bytes */
	struct buf data;	  /* several data lines, joined */
	struct buf name;
	size_t max_line_bytes;
	unsigned flags; /* private: byte order mark seen, last was CR, … */
};

void sse_init(struct sse *in, size_t max_line_bytes);
void sse_clear(struct sse *in);

/*
 * Looks at bytes that are not yet pushed: if nothing else is pending and they
 * begin with a whole event of one `data: ` line, both its lines ended by LF,
 * points to its data and returns how many bytes it is.  They need not be pushed
 * then.  0 otherwise, or if the line is too long; the data may hold a CR, with
 * which it is none.
 */
size_t sse_peek(const struct sse *in, const char *bytes, size_t len,
    const char **data, size_t *data_len);

/* Takes bytes; read all events after each push.  0, or -1 once sse_next() has
 * failed or memory ran out; the reader is then good for sse_clear. */
int sse_push(struct sse *in, const char *bytes, size_t len);

/* 1 with the next whole event that has data (comments, empty data, id and
 * retry are skipped), 0 if more bytes are needed, -1 once a line or an event
 * is longer than max_line_bytes or memory ran out. */
int sse_next(struct sse *in, struct sse_event *event);

/* After the last byte: what sse_next() would give, then the event that was
 * never ended by a blank line, its is_cut set; then 0. */
int sse_finish(struct sse *in, struct sse_event *event);

#endif
