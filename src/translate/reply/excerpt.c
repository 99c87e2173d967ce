/* SPDX-License-Identifier: MIT */
/* What an upstream said in place of an answer. */
#include "translate/reply/excerpt.h"

#include <stdbool.h>
#include <string.h>

#include "translate/error/errors.h"
#include "wire/fault.h"
#include "wire/utf8.h"

void
excerpt_add(struct excerpt *e, const char *bytes, size_t len)
{
	size_t room = sizeof(e->bytes) - e->len;

	if (len > room)
		len = room;
	memcpy(e->bytes + e->len, bytes, len);
	e->len += len;
}

/* Comments and white space are no word of an answer. */
static bool
is_empty(const struct excerpt *e)
{
	static const char mark[] = { '\xEF', '\xBB', '\xBF' };
	bool in_comment = false, at_start = true;

	for (size_t i = 0; i < e->len; i++) {
		char c = e->bytes[i];

		if (c == '\n' || c == '\r') {
			in_comment = false;
			at_start = true;
		} else if (!in_comment) {
			in_comment = at_start && c == ':';
			if (!in_comment && c != ' ' && c != '\t' &&
			    memchr(mark, c, sizeof(mark)) == NULL)
				return false;
		}
	}
	return true;
}

/* The bytes as one line of clean text; returns its length. */
static size_t
clean(const struct excerpt *e, char text[static EXCERPT_MAX + 1])
{
	const unsigned char *p = (const unsigned char *)e->bytes;
	size_t len = 0, n;

	for (size_t i = 0; i < e->len; i += n == 0 ? 1 : n) {
		n = utf8_char_len(p + i, e->len - i);
		if (n == 0 || p[i] == 0x7F) {
			text[len++] = '?';
		} else if (p[i] > ' ') {
			memcpy(text + len, p + i, n);
			len += n;
		} else if (len > 0 && text[len - 1] != ' ') {
			text[len++] = ' ';
		}
	}
	return len;
}

void
excerpt_tell(const struct excerpt *e, const char *own_key, struct fault *why)
{
	char text[EXCERPT_MAX + 1];
	size_t len;

	if (is_empty(e)) {
		fault_set(
		    why, FAULT_BAD_GATEWAY, "upstream sent an empty answer");
		return;
	}
	if (e->len >= 2 && memcmp(e->bytes, "\x1F\x8B", 2) == 0) {
		fault_set(why, FAULT_INTERNAL,
		    "upstream sent a compressed answer that nobody asked for");
		return;
	}
	len = error_scrub(text, clean(e, text), own_key);
	text[len] = '\0';
	fault_set(why, FAULT_INTERNAL,
	    "upstream sent no chat completion but: %s", text);
}
