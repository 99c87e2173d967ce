/* SPDX-License-Identifier: MIT */
/* The stop scanner.  Knows bytes, no events. */
#include "translate/reply/stop.h"

#include <string.h>

enum found { NOTHING, PERHAPS, MATCH };

void
stop_init(struct stop *st, char *const *sequences, size_t n, size_t max_bytes)
{
	*st = (struct stop){ .sequences = sequences, .n = n };
	buf_init(&st->held, max_bytes);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)sequences[i][0];

		st->first[c / 32] |= (uint32_t)1 << c % 32;
	}
}

void
stop_clear(struct stop *st)
{
	buf_clear(&st->held);
}

static bool
may_begin(const struct stop *st, char byte)
{
	unsigned char c = (unsigned char)byte;

	return (st->first[c / 32] >> c % 32 & 1) != 0;
}

/* The first of the list that stands, or may come to stand, at `text`. */
static enum found
look_at(struct stop *st, const char *text, size_t len, bool is_end)
{
	size_t want;

	for (size_t i = 0; i < st->n; i++) {
		want = strlen(st->sequences[i]);
		if (want == 0 || (want > len && is_end) ||
		    memcmp(text, st->sequences[i], want < len ? want : len) !=
			0)
			continue;
		if (want > len)
			return PERHAPS;
		st->match = st->sequences[i];
		return MATCH;
	}
	return NOTHING;
}

static bool
scan(struct stop *st, const char *bytes, size_t len, bool is_end,
    struct buf *out, size_t *kept)
{
	size_t at = 0;
	enum found found = NOTHING;

	while (at < len) {
		if (may_begin(st, bytes[at]) &&
		    (found = look_at(st, bytes + at, len - at, is_end)) !=
			NOTHING)
			break;
		at++;
	}
	buf_add(out, bytes, at);
	*kept = found == PERHAPS ? len - at : 0;
	return found == MATCH;
}

bool
stop_push(struct stop *st, const char *bytes, size_t len, struct buf *out)
{
	size_t kept;
	bool matched;

	if (st->match != NULL)
		return true;
	if (st->held.len == 0) {
		matched = scan(st, bytes, len, false, out, &kept);
		buf_add(&st->held, bytes + len - kept, kept);
		return matched;
	}
	buf_add(&st->held, bytes, len);
	matched = scan(st, buf_str(&st->held), st->held.len, false, out, &kept);
	buf_consume(&st->held, st->held.len - kept);
	return matched;
}

bool
stop_flush(struct stop *st, struct buf *out)
{
	size_t kept;
	bool matched;

	if (st->match != NULL)
		return true;
	matched = scan(st, buf_str(&st->held), st->held.len, true, out, &kept);
	buf_reset(&st->held);
	return matched;
}
