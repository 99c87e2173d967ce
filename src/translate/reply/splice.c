/* SPDX-License-Identifier: MIT */
/* Joins escaped bodies.  Knows nothing of what they say. */
#include "translate/reply/splice.h"

#include <string.h>

#define ESCAPE_LEN 6

size_t
splice_tail(struct json_slice body)
{
	const char *at;
	size_t before, slashes = 0;

	if (body.len < ESCAPE_LEN)
		return 0;
	at = body.text + body.len - ESCAPE_LEN;
	if (at[0] != '\\' || at[1] != 'u' || (at[2] | 0x20) != 'd' ||
	    strchr("89abAB", at[3]) == NULL || at[3] == '\0')
		return 0;
	/* In \\ud83d the backslash is itself escaped: that is plain text. */
	before = body.len - ESCAPE_LEN;
	while (slashes < before && at[-1 - (long)slashes] == '\\')
		slashes++;
	return slashes % 2 == 0 ? ESCAPE_LEN : 0;
}

struct json_slice
splice_next(struct splice *sp, struct json_slice body, struct buf *scratch)
{
	size_t tail;

	if (body.len == 0)
		return body;
	if (sp->is_held) {
		buf_reset(scratch);
		buf_add(scratch, sp->half, ESCAPE_LEN);
		buf_add(scratch, body.text, body.len);
		body = (struct json_slice){ buf_str(scratch), scratch->len };
		sp->is_held = false;
	}
	if ((tail = splice_tail(body)) != 0) {
		body.len -= tail;
		memcpy(sp->half, body.text + body.len, ESCAPE_LEN);
		sp->is_held = true;
	}
	return body;
}

struct json_slice
splice_rest(struct splice *sp)
{
	struct json_slice rest = { sp->half, sp->is_held ? ESCAPE_LEN : 0 };

	sp->is_held = false;
	return rest;
}

bool
splice_is_blank(struct json_slice body)
{
	for (size_t i = 0; i < body.len; i++) {
		if (body.text[i] == ' ')
			continue;
		if (body.text[i] != '\\' || ++i == body.len)
			return false;
		if (body.text[i] == 'u') {
			if (body.len - i < 5 ||
			    (memcmp(body.text + i + 1, "0020", 4) != 0 &&
				memcmp(body.text + i + 1, "0009", 4) != 0 &&
				memcmp(body.text + i + 1, "000", 3) != 0) ||
			    strchr("09aAdD", body.text[i + 4]) == NULL)
				return false;
			if (memcmp(body.text + i + 1, "0000", 4) == 0)
				return false;
			i += 4;
		} else if (strchr("ntrf", body.text[i]) == NULL) {
			return false;
		}
	}
	return true;
}
