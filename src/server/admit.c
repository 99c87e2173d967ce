/* SPDX-License-Identifier: MIT */
/* The door: judges a request by its head.  Knows no HTTP library. */
#include "server/admit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/exchange.h"
#include "server/exchange_mhd.h"
#include "server/secret.h"
#include "server/settings.h"
#include "wire/fault.h"

/* Of all headers; below what the library can hold, so that it is we who say
 * so. */
#define MAX_HEAD_BYTES 8192
/* Of a user and a password; no key is longer. */
#define MAX_BASIC_BYTES 1024

/* What the head says of the body, gathered header by header. */
struct framing {
	unsigned lengths, codings; /* how often each header came */
	const char *length, *coding;
	const char *odd; /* a name that only begins like one */
	const char *content_coding;
	const char *expect;
	size_t bytes;
};

static bool
begins(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static void
see_header(void *cookie, const char *name, const char *value)
{
	struct framing *f = cookie;

	f->bytes += strlen(name) + strlen(value) + 4;
	if (strchr("CcEeTt", name[0]) == NULL)
		return; /* none of these */
	if (strcasecmp(name, "content-length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(name, "transfer-encoding") == 0) {
		f->codings++;
		f->coding = value;
	} else if (begins(name, "content-length") ||
		   begins(name, "transfer-encoding")) {
		/* a folded or spaced header arrives under such a name */
		f->odd = name;
	} else if (strcasecmp(name, "content-encoding") == 0) {
		f->content_coding = value;
	} else if (strcasecmp(name, "expect") == 0) {
		f->expect = value;
	}
}

static int
read_length(const char *text, size_t *len, struct fault *why)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] < '0' ||
	    text[0] > '9')
		return fault_set(
		    why, FAULT_BAD_REQUEST, "Content-Length is not a number.");
	*len = (size_t)n;
	return 0;
}

static int
check_framing(struct exchange *x, struct admission *a, struct fault *why)
{
	struct framing f = { 0 };

	exchange_each_header(x, see_header, &f);
	if (f.bytes > MAX_HEAD_BYTES)
		return fault_set(why, FAULT_HEADERS_TOO_LARGE,
		    "The request's headers are too large: %zu bytes > %d.",
		    f.bytes, MAX_HEAD_BYTES);
	if (f.odd != NULL || f.lengths > 1 || f.codings > 1 ||
	    (f.lengths > 0 && f.codings > 0))
		return fault_set(why, FAULT_BAD_REQUEST,
		    "The request's framing is ambiguous: send exactly one of "
		    "Content-Length and Transfer-Encoding, once.");
	if (f.coding != NULL && strcasecmp(f.coding, "chunked") != 0)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "Transfer-Encoding may only be chunked.");
	if (f.length != NULL &&
	    read_length(f.length, &a->body_bytes, why) == -1)
		return -1;
	a->has_body = a->body_bytes > 0 || f.coding != NULL;
	a->expects_continue =
	    f.expect != NULL && strcasecmp(f.expect, "100-continue") == 0;
	if (f.content_coding != NULL && *f.content_coding != '\0' &&
	    strcasecmp(f.content_coding, "identity") != 0) {
		fault_set(why, FAULT_BAD_REQUEST,
		    "Request bodies must not be encoded: leave out "
		    "Content-Encoding.");
		memcpy(why->error_code, "request_body_encoding_unsupported",
		    sizeof("request_body_encoding_unsupported"));
		return -1;
	}
	return 0;
}

static bool
is_open_path(const char *path)
{
	return strcmp(path, "/") == 0 || strcmp(path, "/health") == 0 ||
	       strcmp(path, "/ready") == 0;
}

/* The status page is for browsers, whose way to send a key is a password. */
static bool
is_page_path(const char *path)
{
	return strcmp(path, "/status") == 0 ||
	       strncmp(path, "/status/", 8) == 0;
}

static int
base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, c);

	return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* Whether "user:password" in base64 has one of the keys as its password. */
static bool
admits_basic(const struct settings *s, const char *base64)
{
	char text[MAX_BASIC_BYTES], *password;
	size_t len = 0;
	unsigned bits = 0, n = 0;
	int value;

	for (; (value = base64_value(*base64)) != -1; base64++) {
		bits = bits << 6 | (unsigned)value;
		if ((n += 6) < 8)
			continue;
		if (len == sizeof(text) - 1)
			return false;
		n -= 8;
		text[len++] = (char)(bits >> n & 0xFF);
	}
	text[len] = '\0';
	password = strchr(text, ':');
	return base64[strspn(base64, "=")] == '\0' && strlen(text) == len &&
	       password != NULL &&
	       secret_admits(s->proxy_keys, s->n_proxy_keys, password + 1);
}

static int
check_key(struct exchange *x, struct fault *why)
{
	const struct settings *s = exchange_settings(x);
	bool admitted = false, is_page = is_page_path(exchange_path(x));
	const char *key, *bearer;

	if (s->n_proxy_keys == 0 || is_open_path(exchange_path(x)))
		return 0;
	key = exchange_header(x, "x-api-key");
	bearer = exchange_header(x, "authorization");
	if (key != NULL)
		admitted |= secret_admits(s->proxy_keys, s->n_proxy_keys, key);
	if (bearer != NULL && strncasecmp(bearer, "bearer ", 7) == 0)
		admitted |=
		    secret_admits(s->proxy_keys, s->n_proxy_keys, bearer + 7);
	if (is_page && bearer != NULL && strncasecmp(bearer, "basic ", 6) == 0)
		admitted |=
		    admits_basic(s, bearer + 6 + strspn(bearer + 6, " "));
	if (admitted)
		return 0;
	if (is_page)
		exchange_add_header(x, "www-authenticate",
		    "Basic realm=\"anthropic-proxy\", charset=\"UTF-8\"");
	fault_set(why, FAULT_AUTHENTICATION,
	    "This proxy asks for its own key: send it as x-api-key or "
	    "Authorization: Bearer.");
	why->should_retry = FAULT_RETRY_NO;
	return -1;
}

int
admit(struct exchange *x, bool draining, struct admission *a, struct fault *why)
{
	size_t max = exchange_settings(x)->max_body_bytes;

	*a = (struct admission){ 0 };
	if (check_framing(x, a, why) == -1 || check_key(x, why) == -1)
		return -1;
	if (draining && !is_open_path(exchange_path(x)))
		return fault_set(why, FAULT_OVERLOADED,
		    "The proxy is shutting down: try again.");
	if (a->body_bytes > max)
		return fault_set(why, FAULT_TOO_LARGE,
		    "Request exceeds the maximum size: %zu bytes > %zu "
		    "(MAX_BODY_BYTES).",
		    a->body_bytes, max);
	return 0;
}

int
admit_refuse_overload(struct fault *why)
{
	return fault_set(why, FAULT_OVERLOADED,
	    "Too many connections (MAX_CONNECTIONS): try again.");
}

const char *
admit_client_key(struct exchange *x)
{
	const struct settings *s = exchange_settings(x);
	const char *bearer, *key;

	if (s->upstream_key != NULL)
		return NULL;
	bearer = exchange_header(x, "authorization");
	key = exchange_header(x, "x-api-key");
	if (bearer != NULL && strncasecmp(bearer, "bearer ", 7) == 0) {
		bearer += 7;
		if (!secret_admits(s->proxy_keys, s->n_proxy_keys, bearer))
			return bearer;
	}
	if (key != NULL && !secret_admits(s->proxy_keys, s->n_proxy_keys, key))
		return key;
	return NULL;
}
