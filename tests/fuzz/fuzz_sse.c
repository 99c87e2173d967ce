/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an event stream: the events must not depend on where the
 * stream is cut.  The first byte picks the cuts.
 */
#include "wire/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_LINE 64

static void
put_event(struct buf *out, const struct sse_event *event)
{
	buf_add_str(out, event->name);
	buf_add_char(out, '\0');
	buf_add_int(out, (int64_t)event->len);
	buf_add_char(out, event->is_error_field ? '!' : '=');
	buf_add_char(out, event->is_cut ? '~' : ';');
	buf_add(out, event->data, event->len);
	if (event->len == 0 || event->len > MAX_LINE)
		abort();
}

/* Reads in pieces: whole if `seed` is 0, else of 1 to 16 bytes or so. */
static void
read_all(const char *text, size_t len, unsigned seed, struct buf *out)
{
	struct sse_event event;
	struct sse in;
	int rc = 0;

	sse_init(&in, MAX_LINE);
	for (size_t at = 0; at < len && rc == 0;) {
		size_t n = len - at;

		if (seed != 0) {
			seed = seed * 1103515245 + 12345;
			if (n > 1 + (seed >> 16) % 16)
				n = 1 + (seed >> 16) % 16;
		}
		if (sse_push(&in, text + at, n) == -1)
			abort();
		at += n;
		while ((rc = sse_next(&in, &event)) == 1)
			put_event(out, &event);
	}
	while (rc == 0 && (rc = sse_finish(&in, &event)) == 1) {
		put_event(out, &event);
		rc = 0;
		if (event.is_cut)
			break;
	}
	if (rc == -1)
		buf_add_char(out, '#');
	sse_clear(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;

	if (size == 0)
		return 0;
	buf_init(&whole, 1 << 24);
	buf_init(&cut, 1 << 24);
	read_all((const char *)data + 1, size - 1, 0, &whole);
	read_all((const char *)data + 1, size - 1, data[0] + 1u, &cut);
	if (whole.failed || cut.failed || whole.len != cut.len ||
	    memcmp(buf_str(&whole), buf_str(&cut), whole.len) != 0)
		abort();
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
