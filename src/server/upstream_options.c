/* SPDX-License-Identifier: MIT */
/* What a call sets on its handle, and takes back. */
#include "server/upstream_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ssl.h>

#include "server/headers.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "server/upstream_failure.h"
#include "server/upstream_handles.h"
#include "wire/buf.h"

/*
 * How long a kept connection may have rested.  Small servers close theirs
 * after five seconds, front ends of the large ones after a minute or more;
 * a request that meets the close on its way is sent twice or fails.
 */
#define REST_NEAR_S 4L
#define REST_FAR_S  50L

/* SSL_CERT_FILE is taken beside the system's certificates, which libcurl has
 * loaded by now, not instead of them. */
static CURLcode
on_tls(CURL *easy, void *tls, void *cookie)
{
	const char *file = cookie;

	(void)easy;
	if (X509_STORE_load_locations(
		SSL_CTX_get_cert_store(tls), file, NULL) != 1)
		return CURLE_SSL_CACERT_BADFILE;
	return CURLE_OK;
}

/* Appends to the list; false, and the list gone, when out of memory. */
static bool
add_line(struct curl_slist **lines, const char *line)
{
	struct curl_slist *more = curl_slist_append(*lines, line);

	if (more == NULL)
		curl_slist_free_all(*lines);
	*lines = more;
	return more != NULL;
}

static int
say_not_asked(const struct upstream_call *call, const char *why,
    struct upstream_result *result)
{
	failure_say(
	    result, CAUSE_PROTOCOL, call->url, " was not asked: %s", why);
	return -1;
}

/* `Name;` is how libcurl is told of an empty value; `Name:` takes a header
 * out that it would add by itself.  Not inlined: the list would
 * stay on the stack of a stream for as long as it lasts. */
__attribute__((noinline)) static bool
make_lines(struct handle *h, const struct headers_wanted *wanted, char *err,
    size_t cap)
{
	struct headers headers = { .n = 0 };
	struct buf line;
	bool is_whole = false;

	buf_init(&line, 32768);
	if (headers_build(&headers, wanted, err, cap) == -1)
		goto out;
	is_whole = add_line(&h->lines, "Expect:") &&
		   add_line(&h->lines, "Accept-Encoding:");
	for (size_t i = 0; is_whole && i < headers.n; i++) {
		const struct header *one = &headers.list[i];

		buf_reset(&line);
		buf_add_str(&line, one->name);
		buf_add_str(&line, one->value[0] == '\0' ? ";" : ": ");
		buf_add_str(&line, one->value);
		is_whole = !line.failed && add_line(&h->lines, buf_str(&line));
	}
	if (!is_whole)
		snprintf(err, cap, "out of memory");
out:
	buf_clear(&line);
	headers_clear(&headers);
	return is_whole;
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* False when out of memory. */
static bool
keep(char **kept, const char *text)
{
	free(*kept);
	*kept = text == NULL ? NULL : strdup(text);
	return *kept != NULL || text == NULL;
}

/*
 * The handle keeps the list, and with it all that it was made of: making it
 * took a tenth of what is allocated for a small request.
 */
static int
set_headers(struct handle *h, const struct upstream_call *call,
    struct upstream_result *result)
{
	const struct settings *s = call->settings;
	const struct headers_wanted wanted = {
		.settings = s,
		.client_key = call->client_key,
		.has_body = call->body != NULL,
		.want_events = call->want_events,
	};
	const char *key = headers_key(&wanted);
	unsigned kind = (unsigned)s->upstream.is_azure << 2 |
			(unsigned)wanted.has_body << 1 |
			(unsigned)wanted.want_events;
	char err[200] = "";

	if (h->lines == NULL || h->lines_kind != kind ||
	    !is_same(h->lines_key, key) ||
	    !is_same(h->lines_more, s->upstream_headers)) {
		curl_slist_free_all(h->lines);
		h->lines = NULL;
		if (!make_lines(h, &wanted, err, sizeof(err)))
			return say_not_asked(call, err, result);
		if (!keep(&h->lines_key, key) ||
		    !keep(&h->lines_more, s->upstream_headers))
			return say_not_asked(call, "out of memory", result);
		h->lines_kind = kind;
		curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->lines);
	}
	/* behind the two that are only taken out */
	if (call->on_head_line != NULL)
		for (const struct curl_slist *one = h->lines->next->next;
		     one != NULL; one = one->next)
			call->on_head_line(
			    call->cookie, one->data, strlen(one->data));
	return 0;
}

static void
set_request(struct handle *h, const struct upstream_call *call)
{
	CURL *easy = h->easy;

	if (call->body != NULL) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)call->body_len);
	} else {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
}

/*
 * libcurl sends a request again by itself where a kept connection dies
 * before the answer, even if the upstream had read it.  MAX_RETRIES=0 means
 * never twice, and only a fresh connection makes that sure.
 */
static void
set_connection(struct handle *h, const struct upstream_call *call)
{
	const struct settings *s = call->settings;
	const struct upstream_target *to = &s->upstream;
	bool only_once = s->max_retries == 0 && call->body != NULL;
	bool is_near = to->is_loopback || !to->is_https;
	const char *ca = s->ssl_cert_file;
	CURL *easy = h->easy;

	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
	    (long)(call->fresh_connection || only_once || handle_has_input(h)));
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)only_once);
	curl_easy_setopt(
	    easy, CURLOPT_MAXAGE_CONN, is_near ? REST_NEAR_S : REST_FAR_S);
	curl_easy_setopt(
	    easy, CURLOPT_CONNECTTIMEOUT_MS, s->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->total_timeout_ms);
	if (h->is_direct != to->is_loopback) {
		h->is_direct = to->is_loopback;
		curl_easy_setopt(
		    easy, CURLOPT_NOPROXY, h->is_direct ? "*" : NULL);
	}
	if (ca != NULL && ca[0] == '\0')
		ca = NULL;
	curl_easy_setopt(
	    easy, CURLOPT_SSL_CTX_FUNCTION, ca != NULL ? on_tls : NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, ca);
}

int
options_set(struct handle *h, const struct upstream_call *call,
    struct upstream_result *result)
{
	if (!handle_set_url(h, call->url))
		return say_not_asked(call, "its URL cannot be read", result);
	if (set_headers(h, call, result) == -1)
		return -1;
	set_request(h, call);
	set_connection(h, call);
	return 0;
}

void
options_unset(struct handle *h)
{
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(h->easy, CURLOPT_SSL_CTX_DATA, NULL);
}
