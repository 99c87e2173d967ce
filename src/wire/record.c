/* SPDX-License-Identifier: MIT */
/* Bytes in JSON strings, and what must not be read there.  Knows no kinds of
 * lines. */
#include "wire/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/jsonscan.h"
#include "wire/utf8.h"

size_t
record_put_char(struct buf *out, const char *p, size_t left)
{
	unsigned char c = (unsigned char)*p;
	size_t n = utf8_char_len((const unsigned char *)p, left);

	if (n == 0) {
		buf_printf(out, "\\udc%02x", c);
		return 1;
	}
	if (c < 0x20 || c == '"' || c == '\\')
		json_escape(out, p, 1);
	else
		buf_add(out, p, n);
	return n;
}

void
record_get(struct buf *out, struct json_slice body)
{
	const char *p = body.text, *end = p + body.len, *text = p;
	bool pair;
	int code;

	if (body.len == 0)
		return;
	while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		const unsigned char *at = (const unsigned char *)p;

		if (json_lone_surrogate(
			at, (const unsigned char *)end, &pair) == 0 ||
		    (code = json_hex4(at + 2)) < 0xDC80 || code > 0xDCFF) {
			p += end - p >= 2 ? 2 : 1;
			continue;
		}
		json_unescape(
		    out, (struct json_slice){ text, (size_t)(p - text) });
		buf_add_char(out, (char)(code & 0xFF));
		text = p += 6;
	}
	json_unescape(out, (struct json_slice){ text, (size_t)(end - text) });
}

int
record_secret_init(
    struct record_secret *s, const char *text, size_t len, size_t keep)
{
	*s = (struct record_secret){ .len = len, .keep = keep };
	s->bytes = malloc(len);
	for (int i = 0; i < 2; i++)
		s->trails[i].at = calloc(len, sizeof(*s->trails[i].at));
	if (s->bytes == NULL || s->trails[0].at == NULL ||
	    s->trails[1].at == NULL)
		return -1;
	memcpy(s->bytes, text, len);
	return 0;
}

void
record_secret_clear(struct record_secret *s)
{
	volatile unsigned char *at = s->bytes; /* memset() may be left out */

	for (size_t i = 0; at != NULL && i < s->len; i++)
		at[i] = 0;
	free(s->bytes);
	free(s->trails[0].at);
	free(s->trails[1].at);
	*s = (struct record_secret){ 0 };
}

/* The longest shorter beginning of the secret that still ends here. */
static void
fall_back(struct record_secret *s, struct record_trail *t)
{
	size_t have = t->matched;

	while (--t->matched > 0 &&
	       memcmp(s->bytes, s->bytes + have - t->matched, t->matched) != 0)
		continue;
	memmove(t->at, t->at + have - t->matched, t->matched * sizeof(*t->at));
}

static void
mask(const struct record_secret *s, const struct record_trail *t,
    struct buf *out)
{
	for (size_t i = s->keep; i < s->len; i++) {
		unsigned char c = s->bytes[i];

		if (isdigit(c))
			out->data[t->at[i]] = '0';
		else if (isalpha(c))
			out->data[t->at[i]] = isupper(c) ? 'X' : 'x';
	}
}

void
record_secret_see(struct record_secret *s, int trail, unsigned char byte,
    size_t at, struct buf *out)
{
	struct record_trail *t = &s->trails[trail];

	while (t->matched > 0 && s->bytes[t->matched] != byte)
		fall_back(s, t);
	if (s->bytes[t->matched] != byte)
		return;
	t->at[t->matched++] = (unsigned)at;
	if (t->matched < s->len)
		return;
	mask(s, t, out);
	t->matched = 0;
}
