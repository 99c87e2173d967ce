/* SPDX-License-Identifier: MIT */
/*
 * Exchanges as files.  Knows what a line says, not how it is played again.
 * capture_files.c keeps the directory.
 */
#include "server/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "server/attempts.h"
#include "server/capture_files.h"
#include "server/exchange.h"
#include "server/server.h"
#include "server/settings.h"
#include "translate/dialect/learn.h"
#include "translate/error/errors.h"
#include "wire/record.h"
#include "wire/sha256.h"

/* So much waits in memory for a write. */
#define WAITING_BYTES ((size_t)64 * 1024)
/* Shorter ones are words, too. */
#define SECRET_MIN	 5
#define HIDDEN_VALUE_MIN 12
#define COOKIE_MIN	 8
#define SECRET_MAX	 8192
#define SECRETS_MAX	 24

enum { OF_TEXTS, OF_BYTES };

struct capture {
	int fd; /* -1: given up */
	long long began_ms;
	size_t written;
	struct buf out;
	struct record_secret secrets[SECRETS_MAX];
	size_t n_secrets;
	bool begins[256]; /* a secret may, with this byte */
	bool is_seeing[2];
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

static void
forget_trail(struct capture *c, int trail)
{
	for (size_t i = 0; i < c->n_secrets; i++)
		c->secrets[i].trails[trail].matched = 0;
	c->is_seeing[trail] = false;
}

/* All but what may yet turn out to be a secret. */
static size_t
settled_bytes(const struct capture *c)
{
	size_t len = c->out.len;

	for (size_t i = 0; i < 2 * c->n_secrets; i++) {
		const struct record_trail *t = &c->secrets[i / 2].trails[i % 2];

		if (t->matched > 0 && t->at[0] < len)
			len = t->at[0];
	}
	return len;
}

void
capture_flush(struct capture *c)
{
	char cut[64];
	size_t len;

	if (c == NULL || c->fd == -1)
		return;
	len = settled_bytes(c);
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
	for (size_t i = 0; i < 2 * c->n_secrets; i++) {
		struct record_trail *t = &c->secrets[i / 2].trails[i % 2];

		for (size_t j = 0; j < t->matched; j++)
			t->at[j] -= (unsigned)len;
	}
}

static void
see(struct capture *c, int trail, unsigned char byte, size_t at)
{
	bool is_seeing = false;

	if (!c->is_seeing[trail] && !c->begins[byte])
		return;
	for (size_t i = 0; i < c->n_secrets; i++) {
		record_secret_see(&c->secrets[i], trail, byte, at, &c->out);
		is_seeing |= c->secrets[i].trails[trail].matched > 0;
	}
	c->is_seeing[trail] = is_seeing;
}

static void
put_text(struct capture *c, int trail, const char *text, size_t len)
{
	size_t at, n;

	buf_add_char(&c->out, '"');
	for (size_t i = 0; i < len && c->fd != -1; i += n) {
		at = c->out.len;
		n = record_put_char(&c->out, text + i, len - i);
		if (c->out.failed) {
			capture_flush(c);
			return;
		}
		for (size_t j = 0; j < n; j++)
			see(c, trail, (unsigned char)text[i + j], at);
		if (c->out.len >= WAITING_BYTES && settled_bytes(c) > 0)
			capture_flush(c);
	}
	buf_add_char(&c->out, '"');
	if (trail == OF_TEXTS)
		forget_trail(c, trail);
}

static void
put_member(struct capture *c, const char *key, const char *text, size_t len)
{
	buf_printf(&c->out, ",\"%s\":", key);
	put_text(c, OF_TEXTS, text, len);
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

/* -- secrets -------------------------------------------------------------- */

static void
add_secret(struct capture *c, const char *text, size_t len)
{
	struct record_secret *s = &c->secrets[c->n_secrets];
	size_t keep;

	if (len < SECRET_MIN || c->n_secrets == SECRETS_MAX)
		return;
	if (len > SECRET_MAX)
		len = SECRET_MAX;
	for (size_t i = 0; i < c->n_secrets; i++)
		if (c->secrets[i].len == len &&
		    memcmp(c->secrets[i].bytes, text, len) == 0)
			return;
	keep = error_key_prefix(text, len);
	c->n_secrets++;
	if (record_secret_init(s, text, len, keep) == -1)
		give_up(c); /* rather than a file that tells it */
	else
		c->begins[s->bytes[0]] = true;
}

/* A header or parameter whose value nobody is to see. */
static bool
is_secret_name(const char *name, size_t len)
{
	static const char *const parts[] = { "key", "auth", "cookie", "secret",
		"password", "credential", "sig" };
	static const char end[] = "token";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (size_t at = 0, n = strlen(parts[i]); at + n <= len; at++)
			if (strncasecmp(name + at, parts[i], n) == 0)
				return true;
	return len >= sizeof(end) - 1 &&
	       strncasecmp(
		   name + len - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
}

/* ?name=value&name=value */
static void
add_query_secrets(struct capture *c, const char *query)
{
	while (*query != '\0') {
		size_t name, value;

		query++;
		name = strcspn(query, "=&");
		value = strcspn(query + name, "&");
		if (value > 1 && is_secret_name(query, name))
			add_secret(c, query + name + 1, value - 1);
		query += name + value;
	}
}

/* UPSTREAM_HEADERS, UPSTREAM_BODY: JSON objects, or NULL. */
static void
add_member_secrets(struct capture *c, const char *json)
{
	const cJSON *member;
	struct json_doc doc;

	if (json == NULL ||
	    json_parse(&doc, json, strlen(json), NULL, NULL) == -1)
		return;
	cJSON_ArrayForEach(member, doc.root) {
		const char *text = cJSON_GetStringValue(member);

		if (text != NULL && strlen(text) >= HIDDEN_VALUE_MIN &&
		    is_secret_name(member->string, strlen(member->string)))
			add_secret(c, text, strlen(text));
	}
	json_doc_clear(&doc);
}

/* name=value; name=value */
static void
add_cookie_secrets(struct capture *c, const char *name, size_t name_len,
    const char *text, size_t len)
{
	const char *end = text + len, *at = text, *stop;

	if (name_len < 6 || strncasecmp(name + name_len - 6, "cookie", 6) != 0)
		return;
	while ((at = memchr(at, '=', (size_t)(end - at))) != NULL) {
		at++;
		stop = memchr(at, ';', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (stop - at >= COOKIE_MIN)
			add_secret(c, at, (size_t)(stop - at));
		if (name_len > 6) /* Set-Cookie: the rest is no secret */
			return;
		at = stop;
	}
}

static void
add_secrets(struct capture *c, const struct settings *s)
{
	if (s->upstream_key != NULL)
		add_secret(c, s->upstream_key, strlen(s->upstream_key));
	for (size_t i = 0; i < s->n_proxy_keys; i++)
		add_secret(c, s->proxy_keys[i], strlen(s->proxy_keys[i]));
	add_query_secrets(c, s->upstream.query);
	add_member_secrets(c, s->upstream_headers);
	add_member_secrets(c, s->upstream_body);
}

/* -- lines ---------------------------------------------------------------- */

void
capture_header(struct capture *c, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value, *blank;
	size_t n;

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
	if (!is_secret_name(line, (size_t)(colon - line))) {
		put_text(c, OF_TEXTS, line, len);
		return;
	}
	for (value = colon + 1; value < line + len && *value == ' '; value++)
		continue;
	n = (size_t)(line + len - value);
	add_secret(c, value, n);
	add_cookie_secrets(c, line, (size_t)(colon - line), value, n);
	if ((blank = memchr(value, ' ', n)) != NULL) /* Bearer KEY */
		add_secret(c, blank + 1, (size_t)(line + len - blank) - 1);
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
	static const char *const knobs[] = {
#define X(NAME, member, words) #NAME,
		DIALECT_KNOBS(X)
#undef X
	};
	struct profile usual;
	const char *between = "", *word;

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
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		word = profile_word(&s->profile, knobs[i]);
		if (strcmp(word, profile_word(&usual, knobs[i])) == 0)
			continue;
		buf_printf(&c->out, "%s\"%s\":\"%s\"", between, knobs[i], word);
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
	add_secrets(c, s);
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

	if (!begin_line(c, "prepared"))
		return;
	put_name(c, "model", a->context.model);
	buf_printf(&c->out, ",\"scale\":%.17g", scale->factor);
	put_number(c, "samples", scale->samples);
	put_number(c, "window", (long long)limit);
	put_number(c, "other_url",
	    lessons_prefers_other_url(a->server->lessons, base));
	BUF_ADD_LIT(&c->out, ",\"lessons\":[");
	for (size_t i = 0; i < a->n_known; i++) {
		learn_print(&a->known[i], words, sizeof(words));
		if (i > 0)
			buf_add_char(&c->out, ',');
		put_text(c, OF_TEXTS, words, strlen(words));
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
	forget_trail(c, OF_BYTES);
	capture_flush(c);
}

void
capture_note(struct capture *c, const char *kind, const char *text, size_t len)
{
	int trail = strcmp(kind, "bytes") == 0 ? OF_BYTES : OF_TEXTS;

	if (!begin_line(c, kind))
		return;
	if (text != NULL) {
		BUF_ADD_LIT(&c->out, ",\"text\":");
		put_text(c, trail, text, len);
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
	forget_trail(c, OF_BYTES);
	capture_flush(c);
	give_up(c);
	for (size_t i = 0; i < c->n_secrets; i++)
		record_secret_clear(&c->secrets[i]);
	buf_clear(&c->out);
	free(c);
}
