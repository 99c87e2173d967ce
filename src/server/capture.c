/* SPDX-License-Identifier: MIT */
/*
 * Exchanges as files.  Knows what a line says, not how it is played again.
 * capture_files.c keeps the directory.
 */
#include "server/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/attempts.h"
#include "server/capture_files.h"
#include "server/exchange.h"
#include "server/hiding.h"
#include "server/server.h"
#include "server/settings.h"
#include "translate/dialect/learn.h"
#include "wire/sha256.h"

/* So much waits in memory for a write. */
#define WAITING_BYTES ((size_t)64 * 1024)

struct capture {
	int fd; /* -1: given up */
	long long began_ms;
	size_t written;
	struct buf out;
	struct hiding hiding;
	enum { NO_LIST, EMPTY_LIST, LIST } list; /* of headers, still open */
	char sent[65]; /* digest of the last body to the upstream */
};

const char *const capture_ends[] = { "complete", "stopped", "cancelled",
	"broken" };
const char *const capture_causes[] = { "connect", "dns", "tls", "reset",
	"timeout", "empty", "too_large", "protocol" };

/* -- what goes to the file ------------------------------------------------ */

static void
give_up(struct capture *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

void
capture_flush(struct capture *c)
{
	char cut[64];
	size_t len;

	if (c == NULL || c->fd == -1)
		return;
	len = hiding_settled(&c->hiding, c->out.len);
	if (c->out.failed ||
	    c->written + len > CAPTURE_MAX_BYTES - sizeof(cut)) {
		len = (size_t)snprintf(cut, sizeof(cut),
		    "\n{\"kind\":\"cut\",\"bytes\":%zu}\n", c->written);
		capture_files_write(c->fd, cut, len);
		give_up(c);
		return;
	}
	if (capture_files_write(c->fd, c->out.data, len) == -1) {
		give_up(c);
		return;
	}
	c->written += len;
	buf_consume(&c->out, len);
	hiding_moved(&c->hiding, len);
}

static void
put_text(struct capture *c, int trail, const char *text, size_t len)
{
	buf_add_char(&c->out, '"');
	for (size_t i = 0; i < len && c->fd != -1;) {
		i += hiding_put(&c->hiding, trail, text + i, len - i, &c->out);
		if (c->out.failed || c->out.len >= 2 * WAITING_BYTES)
			capture_flush(c);
	}
	buf_add_char(&c->out, '"');
	if (trail == HIDING_TEXTS)
		hiding_forget(&c->hiding, trail);
}

static void
put_member(struct capture *c, const char *key, const char *text, size_t len)
{
	buf_printf(&c->out, ",\"%s\":", key);
	put_text(c, HIDING_TEXTS, text, len);
}

static void
put_name(struct capture *c, const char *key, const char *text)
{
	put_member(c, key, text, strlen(text));
}

static void
put_number(struct capture *c, const char *key, long long number)
{
	buf_printf(&c->out, ",\"%s\":%lld", key, number);
}

static void
end_line(struct capture *c)
{
	BUF_ADD_LIT(&c->out, "}\n");
	if (c->out.len >= WAITING_BYTES)
		capture_flush(c);
}

static void
end_list(struct capture *c)
{
	if (c->list != NO_LIST)
		buf_add_char(&c->out, ']');
	c->list = NO_LIST;
}

static void
begin_list(struct capture *c)
{
	BUF_ADD_LIT(&c->out, ",\"headers\":[");
	c->list = EMPTY_LIST;
}

/* False where there is nothing to be written any more. */
static bool
begin_line(struct capture *c, const char *kind)
{
	if (c == NULL || c->fd == -1)
		return false;
	if (c->list != NO_LIST) {
		end_list(c);
		end_line(c);
	}
	buf_printf(&c->out, "{\"kind\":\"%s\",\"ms\":%lld", kind,
	    server_now_ms() - c->began_ms);
	return true;
}

/* -- lines ---------------------------------------------------------------- */

void
capture_header(struct capture *c, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value;

	while (len > 0 && strchr("\r\n", line[len - 1]) != NULL)
		len--;
	if (c == NULL || c->fd == -1 || len == 0)
		return;
	if (colon == NULL) { /* HTTP/1.1 200 */
		begin_line(c, "head");
		begin_list(c);
		return;
	}
	if (c->list == LIST)
		buf_add_char(&c->out, ',');
	c->list = LIST;
	if (!hiding_is_name(line, (size_t)(colon - line))) {
		put_text(c, HIDING_TEXTS, line, len);
		return;
	}
	for (value = colon + 1; value < line + len && *value == ' '; value++)
		continue;
	if (hiding_add_header(&c->hiding, line, (size_t)(colon - line), value,
		(size_t)(line + len - value)) == -1)
		give_up(c); /* rather than a file that tells it */
	buf_add_char(&c->out, '"');
	json_escape(&c->out, line, (size_t)(colon - line));
	BUF_ADD_LIT(&c->out, ": ***\"");
}

void
capture_head(struct capture *c, int status)
{
	if (c == NULL || c->fd == -1)
		return;
	end_list(c);
	put_number(c, "status", status);
	end_line(c);
}

static void
see_header(void *cookie, const char *name, const char *value)
{
	struct buf line;

	buf_init(&line, 64 * 1024);
	buf_printf(&line, "%s: %s", name, value);
	if (!line.failed)
		capture_header(cookie, line.data, line.len);
	buf_clear(&line);
}

/* A secret might be in the query. */
static void
put_url(struct capture *c, const char *key, const char *url)
{
	if (url != NULL)
		put_member(c, key, url, strcspn(url, "?"));
}

static void
put_settings(struct capture *c, const struct settings *s)
{
	struct profile usual;
	const char *between = "", *name, *word;

	begin_line(c, "settings");
	put_url(c, "url", s->upstream.url);
	put_url(c, "other_url", s->upstream.other_url);
	put_number(c, "own_key", s->upstream_key != NULL);
	put_number(c, "max_retries", s->max_retries);
	put_number(c, "max_reply_bytes", (long long)s->max_reply_bytes);
	put_number(c, "max_line_bytes", (long long)s->max_line_bytes);
	put_number(c, "tool_name_max", s->profile.tool_name_max);
	if (s->upstream_body != NULL)
		put_name(c, "body", s->upstream_body);
	profile_defaults(&usual);
	BUF_ADD_LIT(&c->out, ",\"knobs\":{");
	for (size_t i = 0; i < N_KNOBS; i++) {
		name = profile_knob(i);
		word = profile_word(&s->profile, name);
		if (strcmp(word, profile_word(&usual, name)) == 0)
			continue;
		buf_printf(&c->out, "%s\"%s\":\"%s\"", between, name, word);
		between = ",";
	}
	buf_add_char(&c->out, '}');
	end_line(c);
}

static void
put_request(struct capture *c, struct exchange *x, const struct buf *body)
{
	begin_line(c, "request");
	put_name(c, "path", exchange_path(x));
	begin_list(c);
	exchange_each_header(x, see_header, c);
	end_list(c);
	put_member(c, "body", buf_str(body), body->len);
	end_line(c);
}

struct capture *
capture_open(struct exchange *x, const struct buf *body, const char *message_id)
{
	const struct settings *s = exchange_settings(x);
	struct capture *c;
	char time_text[32];

	if (s->capture_dir == NULL || s->capture_dir[0] == '\0' ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	buf_init(&c->out, SIZE_MAX / 2);
	c->began_ms = exchange_started_ms(x);
	c->fd = capture_files_open(
	    s->capture_dir, exchange_id(x), time_text, sizeof(time_text));
	if (c->fd == -1) {
		free(c);
		return NULL;
	}
	if (hiding_init(&c->hiding, s) == -1)
		give_up(c);
	if (begin_line(c, "capture")) {
		put_number(c, "format", 1);
		put_name(c, "version", VERSION);
		put_name(c, "time", time_text);
		put_number(c, "unix", (long long)time(NULL));
		put_name(c, "id", exchange_id(x));
		put_name(c, "message_id", message_id);
		end_line(c);
		put_settings(c, s);
		put_request(c, x, body);
	}
	capture_flush(c);
	return c;
}

void
capture_prepared(struct capture *c, const struct attempts *a,
    const struct token_scale *scale, int64_t limit)
{
	const char *base = a->settings->upstream.base;
	char words[128];
	struct lesson known[LESSONS_PER_MODEL];
	size_t n;

	if (!begin_line(c, "prepared"))
		return;
	put_name(c, "model", a->context.model);
	buf_printf(&c->out, ",\"scale\":%.17g", scale->factor);
	put_number(c, "samples", scale->samples);
	put_number(c, "window", (long long)limit);
	put_number(c, "other_url",
	    lessons_prefers_other_url(a->server->lessons, base));
	BUF_ADD_LIT(&c->out, ",\"lessons\":[");
	n = lessons_get(a->server->lessons, base, a->context.model, known,
	    LESSONS_PER_MODEL);
	for (size_t i = 0; i < n; i++) {
		learn_print(&known[i], words, sizeof(words));
		if (i > 0)
			buf_add_char(&c->out, ',');
		put_text(c, HIDING_TEXTS, words, strlen(words));
	}
	buf_add_char(&c->out, ']');
	end_line(c);
}

void
capture_try(struct capture *c, const char *url, const struct buf *body)
{
	char digest[65];

	if (!begin_line(c, "try"))
		return;
	put_url(c, "url", url);
	sha256_hex(body->data, body->len, digest);
	if (strcmp(digest, c->sent) != 0) /* else it is the last one's */
		put_member(c, "body", body->data, body->len);
	memcpy(c->sent, digest, sizeof(digest));
	begin_list(c);
}

void
capture_try_end(
    struct capture *c, const struct upstream_result *result, bool is_draining)
{
	if (!begin_line(c, "end"))
		return;
	put_name(c, "how", capture_ends[result->end]);
	if (result->end == UPSTREAM_BROKEN) {
		put_name(c, "cause", capture_causes[result->cause]);
		put_name(c, "detail", result->detail);
	}
	put_number(c, "draining", is_draining);
	end_line(c);
	hiding_forget(&c->hiding, HIDING_BYTES);
	capture_flush(c);
}

void
capture_note(struct capture *c, const char *kind, const char *text, size_t len)
{
	if (!begin_line(c, kind))
		return;
	if (text != NULL) {
		BUF_ADD_LIT(&c->out, ",\"text\":");
		put_text(c,
		    strcmp(kind, "bytes") == 0 ? HIDING_BYTES : HIDING_TEXTS,
		    text, len);
	}
	end_line(c);
}

void
capture_answer(struct capture *c, int status, const char *text, size_t len)
{
	if (!begin_line(c, "answer"))
		return;
	put_number(c, "status", status);
	put_member(c, "body", text, len);
	end_line(c);
}

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (begin_line(c, "done"))
		end_line(c);
	hiding_forget(&c->hiding, HIDING_BYTES);
	capture_flush(c);
	give_up(c);
	hiding_clear(&c->hiding);
	buf_clear(&c->out);
	free(c);
}
