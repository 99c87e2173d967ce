/* SPDX-License-Identifier: MIT */
/* Which texts of an exchange are secret.  What hiding one means is
 * wire/record.h's. */
#include "server/hiding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/settings.h"
#include "translate/error/errors.h"
#include "wire/buf.h"

/* Shorter ones are words, too. */
#define SECRET_MIN	 5
#define COOKIE_MIN	 8
#define HIDDEN_VALUE_MIN 12
#define SECRET_MAX	 8192
#define RUN_MAX		 65536

/* -- finding them --------------------------------------------------------- */

static int
add_one(struct hiding *h, const char *text, size_t len)
{
	struct record_secret *all;

	if (len < SECRET_MIN)
		return 0;
	if (len > SECRET_MAX)
		len = SECRET_MAX;
	for (size_t i = 0; i < h->n; i++)
		if (h->secrets[i].len == len &&
		    memcmp(h->secrets[i].bytes, text, len) == 0)
			return 0;
	if (h->n == h->cap) {
		all = realloc(h->secrets, (h->cap + 16) * sizeof(*all));
		if (all == NULL)
			return -1;
		h->secrets = all;
		h->cap += 16;
	}
	h->is_plain[(unsigned char)text[0]] = false;
	return record_secret_init(
	    &h->secrets[h->n++], text, len, error_key_prefix(text, len));
}

/* With slashes as some servers write them in JSON, too. */
static int
add(struct hiding *h, const char *text, size_t len)
{
	struct buf other;
	int rc = add_one(h, text, len);

	if (rc == -1 || memchr(text, '/', len) == NULL)
		return rc;
	buf_init(&other, (size_t)2 * SECRET_MAX);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '/')
			buf_add_char(&other, '\\');
		buf_add_char(&other, text[i]);
	}
	if (!other.failed)
		rc = add_one(h, other.data, other.len);
	buf_clear(&other);
	return rc;
}

bool
hiding_is_name(const char *name, size_t len)
{
	static const char *const parts[] = { "key", "auth", "cookie", "secret",
		"password", "credential", "sig" };
	static const char end[] = "token";
	size_t n = sizeof(end) - 1;

	if (len >= n && strncasecmp(name + len - n, end, n) == 0)
		return true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		n = strlen(parts[i]);
		for (size_t at = 0; at + n <= len; at++)
			if (strncasecmp(name + at, parts[i], n) == 0)
				return true;
	}
	return false;
}

/* ?name=value&name=value */
static int
add_query(struct hiding *h, const char *query)
{
	int rc = 0;

	while (query != NULL && *query != '\0' && rc == 0) {
		size_t name, value;

		query++;
		name = strcspn(query, "=&");
		value = strcspn(query + name, "&");
		if (value > 1 && hiding_is_name(query, name))
			rc = add(h, query + name + 1, value - 1);
		query += name + value;
	}
	return rc;
}

/* UPSTREAM_HEADERS, UPSTREAM_BODY: JSON objects, or NULL. */
static int
add_members(struct hiding *h, const char *json)
{
	const cJSON *member;
	struct json_doc doc;
	int rc = 0;

	if (json == NULL ||
	    json_parse(&doc, json, strlen(json), NULL, NULL) == -1)
		return 0;
	cJSON_ArrayForEach(member, doc.root) {
		const char *text = cJSON_GetStringValue(member);

		if (rc == 0 && text != NULL &&
		    strlen(text) >= HIDDEN_VALUE_MIN &&
		    hiding_is_name(member->string, strlen(member->string)))
			rc = add(h, text, strlen(text));
	}
	json_doc_clear(&doc);
	return rc;
}

int
hiding_init(struct hiding *h, const struct settings *s)
{
	int rc = 0;

	*h = (struct hiding){ .n = 0 };
	for (int i = 0x20; i < 0x7F; i++)
		h->is_plain[i] = i != '"' && i != '\\';
	if (s->upstream_key != NULL)
		rc = add(h, s->upstream_key, strlen(s->upstream_key));
	for (size_t i = 0; i < s->n_proxy_keys && rc == 0; i++)
		rc = add(h, s->proxy_keys[i], strlen(s->proxy_keys[i]));
	return rc == 0 && add_query(h, s->upstream.query) == 0 &&
		       add_members(h, s->upstream_headers) == 0 &&
		       add_members(h, s->upstream_body) == 0
		   ? 0
		   : -1;
}

/* name=value; name=value.  Of Set-Cookie the first alone is a secret. */
static int
add_cookies(struct hiding *h, const char *text, size_t len, bool only_one)
{
	const char *end = text + len, *at = text, *stop;
	int rc = 0;

	while (rc == 0 && (at = memchr(at, '=', (size_t)(end - at))) != NULL) {
		at++;
		stop = memchr(at, ';', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (stop - at >= COOKIE_MIN)
			rc = add(h, at, (size_t)(stop - at));
		if (only_one)
			break;
		at = stop;
	}
	return rc;
}

int
hiding_add_header(struct hiding *h, const char *name, size_t name_len,
    const char *value, size_t len)
{
	static const char auth[] = "authorization";
	size_t n = sizeof(auth) - 1, scheme = 0;

	if (name_len >= 6 && strncasecmp(name + name_len - 6, "cookie", 6) == 0)
		return add_cookies(h, value, len, name_len > 6);
	if (name_len >= n && strncasecmp(name + name_len - n, auth, n) == 0)
		while (scheme < len && value[scheme++] != ' ')
			continue; /* Bearer KEY */
	if (scheme == len)
		scheme = 0; /* KEY alone */
	return add(h, value + scheme, len - scheme);
}

void
hiding_clear(struct hiding *h)
{
	for (size_t i = 0; i < h->n; i++)
		record_secret_clear(&h->secrets[i]);
	free(h->secrets);
	h->secrets = NULL;
	h->n = h->cap = 0;
}

/* -- hiding them ---------------------------------------------------------- */

static void
see(struct hiding *h, int trail, unsigned char byte, size_t at, struct buf *out)
{
	bool is_seeing = false;

	if (!h->is_seeing[trail] && h->is_plain[byte])
		return;
	for (size_t i = 0; i < h->n; i++) {
		record_secret_see(&h->secrets[i], trail, byte, at, out);
		is_seeing |= h->secrets[i].trails[trail].matched > 0;
	}
	h->is_seeing[trail] = is_seeing;
}

/* How many bytes go as they are and concern no secret. */
static size_t
plain_run(const struct hiding *h, int trail, const char *text, size_t len)
{
	size_t n = 0;

	if (h->is_seeing[trail])
		return 0;
	if (len > RUN_MAX)
		len = RUN_MAX;
	while (n < len && h->is_plain[(unsigned char)text[n]])
		n++;
	return n;
}

size_t
hiding_put(
    struct hiding *h, int trail, const char *text, size_t len, struct buf *out)
{
	size_t at = out->len, n = plain_run(h, trail, text, len);

	if (n > 0) {
		buf_add(out, text, n);
		return n;
	}
	n = record_put_char(out, text, len);
	for (size_t i = 0; i < n && !out->failed; i++)
		see(h, trail, (unsigned char)text[i], at, out);
	return n;
}

void
hiding_forget(struct hiding *h, int trail)
{
	for (size_t i = 0; i < h->n; i++)
		h->secrets[i].trails[trail].matched = 0;
	h->is_seeing[trail] = false;
}

size_t
hiding_settled(const struct hiding *h, size_t len)
{
	for (size_t i = 0; i < 2 * h->n; i++) {
		const struct record_trail *t = &h->secrets[i / 2].trails[i % 2];

		if (t->matched > 0 && t->at[0] < len)
			len = t->at[0];
	}
	return len;
}

void
hiding_moved(struct hiding *h, size_t by)
{
	for (size_t i = 0; i < 2 * h->n; i++) {
		struct record_trail *t = &h->secrets[i / 2].trails[i % 2];

		for (size_t j = 0; j < t->matched; j++)
			t->at[j] -= (unsigned)by;
	}
}
