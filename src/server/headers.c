/* SPDX-License-Identifier: MIT */
/* Headers of both directions.  Knows their names, not how they travel. */
#include "server/headers.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/settings.h"
#include "server/upstream.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"
#include "wire/words.h"

#define MAX_VALUE_BYTES ((size_t)16 * 1024)

static const struct json_limits header_json = { .max_depth = 2,
	.max_values = 2 * HEADERS_MAX };

/* A token of RFC 9110. */
static bool
is_name(const char *text)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789!#$%&'*+-.^_`|~";
	size_t len = strlen(text);

	return len > 0 && len <= 256 && strspn(text, token) == len;
}

static bool
is_value(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') ||
		    text[i] == 0x7F)
			return false;
	return len <= MAX_VALUE_BYTES;
}

bool
headers_are_framed_by(const char *name)
{
	static const char ours[] =
	    "Content-Length|Transfer-Encoding|Connection|Keep-Alive|Expect|"
	    "Upgrade|TE|Trailer";

	return words_find_any_case(ours, name, strlen(name)) != -1;
}

static struct header *
find(struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcasecmp(h->list[i].name, name) == 0)
			return &h->list[i];
	return NULL;
}

/* Adds or replaces; 0, or -1 for want of memory or room. */
static int
put(struct headers *h, const char *name, const char *value)
{
	struct header *at = find(h, name);
	struct header made = { strdup(name), strdup(value) };

	if (made.name == NULL || made.value == NULL ||
	    (at == NULL && h->n == HEADERS_MAX)) {
		free(made.name);
		free(made.value);
		return -1;
	}
	if (at == NULL)
		at = &h->list[h->n++];
	free(at->name);
	free(at->value);
	*at = made;
	return 0;
}

const char *
headers_key(const struct headers_wanted *wanted)
{
	const char *key = wanted->settings->upstream_key;

	if (key == NULL || key[0] == '\0')
		key = wanted->client_key;
	return key == NULL || key[0] == '\0' ? NULL : key;
}

static int
put_key(struct headers *h, const struct headers_wanted *wanted, char *err,
    size_t cap)
{
	const char *key = headers_key(wanted);
	struct buf bearer;
	int rc;

	if (key == NULL)
		return 0;
	if (!is_value(key)) {
		snprintf(err, cap,
		    "the key for the upstream holds a control character or "
		    "is too long");
		return -1;
	}
	if (wanted->settings->upstream.is_azure) {
		rc = put(h, "api-key", key);
	} else {
		buf_init(&bearer, MAX_VALUE_BYTES + 16);
		BUF_ADD_LIT(&bearer, "Bearer ");
		buf_add_str(&bearer, key);
		rc = put(h, "Authorization", buf_str(&bearer));
		buf_clear(&bearer);
	}
	if (rc == -1)
		snprintf(err, cap, "out of memory");
	return rc;
}

/* One member of UPSTREAM_HEADERS. */
static int
put_member(struct headers *h, const cJSON *member, char *err, size_t cap)
{
	const char *name = member->string;

	if (!is_name(name) || headers_are_framed_by(name)) {
		snprintf(err, cap,
		    "UPSTREAM_HEADERS: \"%.60s\" is not a "
		    "header that may be set",
		    is_name(name) ? name : "?");
		return -1;
	}
	/* \u0000 became U+FFFD in the decoded text. */
	if (!cJSON_IsString(member) || !is_value(member->valuestring) ||
	    strstr(member->valuestring, "\xEF\xBF\xBD") != NULL) {
		snprintf(err, cap,
		    "UPSTREAM_HEADERS: the value of \"%s\" is "
		    "not one line of text",
		    name);
		return -1;
	}
	if (put(h, name, member->valuestring) == -1) {
		snprintf(err, cap, "UPSTREAM_HEADERS: more than %d headers",
		    HEADERS_MAX);
		return -1;
	}
	return 0;
}

static int
put_configured(struct headers *h, const char *json, char *err, size_t cap)
{
	struct json_doc doc;
	const cJSON *member;
	size_t n = 0;
	int rc = -1;

	if (json_parse(&doc, json, strlen(json), &header_json, NULL) == -1 ||
	    !cJSON_IsObject(doc.root)) {
		snprintf(err, cap,
		    "UPSTREAM_HEADERS is not a JSON object of "
		    "header names and texts");
		goto out;
	}
	cJSON_ArrayForEach(member, doc.root) {
		if (++n > HEADERS_MAX / 2) {
			snprintf(err, cap,
			    "UPSTREAM_HEADERS has more than %d headers",
			    HEADERS_MAX / 2);
			goto out;
		}
		if (put_member(h, member, err, cap) == -1)
			goto out;
	}
	rc = 0;
out:
	json_doc_clear(&doc);
	return rc;
}

int
headers_build(struct headers *h, const struct headers_wanted *wanted, char *err,
    size_t cap)
{
	const char *accept =
	    wanted->want_events ? "text/event-stream" : "application/json";

	h->n = 0;
	if (put(h, "User-Agent", "anthropic-proxy/" VERSION) == -1 ||
	    put(h, "Accept", accept) == -1 ||
	    (wanted->has_body &&
		put(h, "Content-Type", "application/json") == -1)) {
		snprintf(err, cap, "out of memory");
		return -1;
	}
	if (put_key(h, wanted, err, cap) == -1)
		return -1;
	if (wanted->settings->upstream_headers == NULL)
		return 0;
	return put_configured(h, wanted->settings->upstream_headers, err, cap);
}

void
headers_clear(struct headers *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->list[i].name);
		free(h->list[i].value);
	}
	h->n = 0;
}

/*
 * A value that is too long for its place is left out where a part of it
 * would mean something else, cut where it is only shown.
 */
static void
keep(char *place, size_t cap, const char *value, size_t len, bool may_cut)
{
	if (len >= cap && !may_cut)
		return;
	if (len >= cap)
		len = cap - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
			return;
	memcpy(place, value, len);
	place[len] = '\0';
}

/* What is kept of an answer's head, and where. */
#define PLACE(text, member, cut)                                               \
	{                                                                      \
		.name = text, .len = sizeof(text) - 1,                         \
		.at = offsetof(struct upstream_head, member),                  \
		.cap = sizeof(((struct upstream_head *)NULL)->member),         \
		.may_cut = cut                                                 \
	}
#define RATELIMIT(what, i)                                                     \
	PLACE("x-ratelimit-" what "-requests", ratelimit[i][0], false),        \
	    PLACE("x-ratelimit-" what "-tokens", ratelimit[i][1], false)

static const struct {
	char name[32];
	unsigned short len, at, cap;
	bool may_cut;
} places[] = {
	PLACE("content-type", content_type, true),
	PLACE("retry-after", retry_after, false),
	PLACE("retry-after-ms", retry_after_ms, false),
	PLACE("x-should-retry", should_retry, false),
	PLACE("x-request-id", request_id, true),
	RATELIMIT("limit", 0),
	RATELIMIT("remaining", 1),
	RATELIMIT("reset", 2),
};

void
headers_read_line(struct upstream_head *head, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;

	if (colon == NULL)
		return;
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	len = (size_t)(colon - line);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (len == places[i].len &&
		    strncasecmp(line, places[i].name, len) == 0)
			keep((char *)head + places[i].at, places[i].cap, value,
			    (size_t)(end - value), places[i].may_cut);
}
