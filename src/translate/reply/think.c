/* SPDX-License-Identifier: MIT */
/* The parser of <think> and <thought>.  Knows bytes, no events. */
#include "translate/reply/think.h"

#include <string.h>

static const struct {
	const char *open, *close;
	size_t open_len, close_len;
} tags[] = {
	[THINK_TAGS_THINK] = { "<think>", "</think>", 7, 8 },
	[THINK_TAGS_THOUGHT] = { "<thought>", "</thought>", 9, 10 },
};

#define HELD_MAX 1024 /* bytes of white space held for a tag that may come */

void
think_init(struct think *t, enum think_place place, size_t max_bytes)
{
	t->place = place;
	t->tags = THINK_TAGS_THINK;
	buf_init(&t->held, max_bytes);
}

void
think_clear(struct think *t)
{
	buf_clear(&t->held);
}

static bool
is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || is_newline(c);
}

/* Finds the closing tag; NULL if there is none. */
static const char *
find_close(const struct think *t, const char *text, size_t len)
{
	const char *at = text, *end = text + len;

	while ((at = memchr(at, '<', (size_t)(end - at))) != NULL) {
		if ((size_t)(end - at) < tags[t->tags].close_len)
			return NULL;
		if (memcmp(at, tags[t->tags].close, tags[t->tags].close_len) ==
		    0)
			return at;
		at++;
	}
	return NULL;
}

/* How many bytes at the end may belong to the closing tag and its newlines. */
static size_t
may_close(const struct think *t, const char *text, size_t len)
{
	size_t tag = tags[t->tags].close_len - 1, newlines = 0;

	if (tag > len)
		tag = len;
	while (
	    tag > 0 && memcmp(text + len - tag, tags[t->tags].close, tag) != 0)
		tag--;
	while (newlines < HELD_MAX && newlines < len - tag &&
	       is_newline(text[len - tag - newlines - 1]))
		newlines++;
	return tag + newlines;
}

/* Each step reads from the front of what is held and returns whether the
 * next one can go on. */

static bool
read_start(struct think *t, think_piece *piece, void *cookie)
{
	const char *text = buf_str(&t->held);
	size_t blank = 0, rest;
	bool may_open = false;

	while (blank < t->held.len && is_blank(text[blank]))
		blank++;
	rest = t->held.len - blank;
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		const char *open = tags[i].open;
		size_t len = tags[i].open_len;

		if (rest >= len && memcmp(text + blank, open, len) == 0) {
			buf_consume(&t->held, blank + len);
			t->tags = (enum think_tags)i;
			t->place = THINK_OPENED;
			return true;
		}
		may_open |= rest < len && memcmp(text + blank, open, rest) == 0;
	}
	if (may_open) {
		if (blank <= HELD_MAX)
			return false;
		piece(cookie, false, text, blank);
		buf_consume(&t->held, blank);
		return false;
	}
	t->place = THINK_OFF;
	return true;
}

static bool
skip_newlines(struct think *t, enum think_place next)
{
	const char *text = buf_str(&t->held);
	size_t n = 0;

	while (n < t->held.len && is_newline(text[n]))
		n++;
	buf_consume(&t->held, n);
	if (t->held.len == 0)
		return false;
	t->place = next;
	return true;
}

static bool
read_inside(struct think *t, think_piece *piece, void *cookie)
{
	const char *text = buf_str(&t->held);
	const char *close = find_close(t, text, t->held.len);
	size_t keep, len;

	if (close == NULL) {
		keep = may_close(t, text, t->held.len);
		len = t->held.len - keep;
		if (len > 0)
			piece(cookie, true, text, len);
		buf_consume(&t->held, len);
		return false;
	}
	len = (size_t)(close - text);
	keep = len + tags[t->tags].close_len;
	while (len > 0 && is_newline(text[len - 1]))
		len--;
	if (len > 0)
		piece(cookie, true, text, len);
	buf_consume(&t->held, keep);
	t->place = THINK_CLOSED;
	return true;
}

static bool
step(struct think *t, think_piece *piece, void *cookie)
{
	switch (t->place) {
	case THINK_START:
		return read_start(t, piece, cookie);
	case THINK_OPENED:
		return skip_newlines(t, THINK_INSIDE);
	case THINK_INSIDE:
		return read_inside(t, piece, cookie);
	case THINK_CLOSED:
		return skip_newlines(t, THINK_OFF);
	case THINK_OFF:
		break;
	}
	if (t->held.len > 0)
		piece(cookie, false, t->held.data, t->held.len);
	buf_reset(&t->held);
	return false;
}

void
think_push(struct think *t, const char *bytes, size_t len, think_piece *piece,
    void *cookie)
{
	if (t->place == THINK_OFF) {
		piece(cookie, false, bytes, len);
		return;
	}
	buf_add(&t->held, bytes, len);
	while (!t->held.failed && step(t, piece, cookie))
		;
}

void
think_flush(struct think *t, think_piece *piece, void *cookie)
{
	bool is_thought = t->place == THINK_INSIDE;
	size_t len = t->held.len;

	while (is_thought && len > 0 && is_newline(t->held.data[len - 1]))
		len--;
	if (len > 0)
		piece(cookie, is_thought, t->held.data, len);
	buf_reset(&t->held);
	if (t->place == THINK_START && len > 0)
		t->place = THINK_OFF;
}
