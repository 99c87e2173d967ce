/* SPDX-License-Identifier: MIT */
/* Bodies for the log.  Knows what must not stand there. */
#include "server/verbose.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "server/log.h"
#include "server/settings.h"
#include "translate/error/errors.h"
#include "wire/buf.h"

/* What is longer is cut, a little before the log would do it without a word. */
#define MAX_LOGGED_BYTES (240 * 1024)
/* A run of base64 that is no word any more, and what is kept of it. */
#define LONG_BASE64 200
#define KEPT_BASE64 24

static size_t
base64_run(const char *at, const char *end)
{
	const char *p = at;

	for (;; p++) {
		if (end - p > 1 && p[0] == '\\' && p[1] == '/')
			p++; /* as some write it in JSON */
		if (p == end ||
		    (!isalnum((unsigned char)*p) &&
			strchr("+/=", *p) == NULL) ||
		    *p == '\0')
			return (size_t)(p - at);
	}
}

/* Copies, long runs of base64 replaced by their beginning and length. */
static void
shorten(struct buf *out, const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;

	while (at < end && out->len < MAX_LOGGED_BYTES) {
		size_t run = base64_run(at, end);

		if (run > LONG_BASE64) {
			buf_add(out, at, KEPT_BASE64);
			buf_printf(out, "...(%zu bytes of base64)", run);
		} else {
			buf_add(out, at, run);
		}
		at += run;
		if (at < end)
			buf_add_char(out, *at++);
	}
	if (at < end)
		BUF_ADD_LIT(out, "...(cut)");
}

void
verbose_hide_keys(const struct settings *s, struct buf *text)
{
	text->len = error_hide(text->data, text->len, s->upstream_key);
	for (size_t i = 0; i < s->n_proxy_keys; i++)
		text->len = error_hide(text->data, text->len, s->proxy_keys[i]);
	text->len = error_scrub(text->data, text->len, NULL);
	text->data[text->len] = '\0';
}

void
verbose_body(
    const struct settings *s, const char *what, const char *bytes, size_t len)
{
	struct buf text;

	if (!s->verbose || len == 0)
		return;
	buf_init(&text, 2 * MAX_LOGGED_BYTES);
	shorten(&text, bytes, len);
	if (text.len > 0) {
		verbose_hide_keys(s, &text);
		log_say(LOG_INFO, "%s: %s", what, text.data);
	}
	buf_clear(&text);
}
