/* SPDX-License-Identifier: MIT */
/* Words for failed calls.  Knows libcurl's codes, makes no calls. */
#include "server/upstream_failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "HOST:PORT" of a URL, "the upstream" where it has none; and the host as
 * libcurl names it, an IPv6 address without its brackets. */
static void
name_peer(const char *url, char *host, size_t host_cap, char *peer, size_t cap)
{
	CURLU *parsed = curl_url();
	char *name = NULL, *port = NULL;

	snprintf(host, host_cap, "?");
	snprintf(peer, cap, "the upstream");
	if (parsed != NULL &&
	    curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
		CURLUE_OK) {
		const char *bare = name + (name[0] == '[');

		snprintf(host, host_cap, "%.*s", (int)strcspn(bare, "]"), bare);
		snprintf(peer, cap, "%.100s:%.6s", name, port);
	}
	curl_free(name);
	curl_free(port);
	curl_url_cleanup(parsed);
}

void
failure_say(struct upstream_result *result, enum error_cause cause,
    const char *url, const char *format, ...)
{
	char host[128], text[160];
	char peer[112];
	va_list args;

	name_peer(url, host, sizeof(host), peer, sizeof(peer));
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	result->end = UPSTREAM_BROKEN;
	result->cause = cause;
	snprintf(
	    result->detail, sizeof(result->detail), "%.100s%.150s", peer, text);
}

static bool
is_tls(CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_USE_SSL_FAILED:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_SHUTDOWN_FAILED:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return true;
	default:
		return false;
	}
}

/* No connection came about. */
static void
explain_connect(
    const struct failure *f, CURL *easy, struct upstream_result *result)
{
	char host[128], peer[112], why[120] = "";
	long number = 0;

	name_peer(f->url, host, sizeof(host), peer, sizeof(peer));
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	result->cause = CAUSE_CONNECT;
	if (f->code == CURLE_OPERATION_TIMEDOUT) {
		snprintf(result->detail, sizeof(result->detail),
		    "could not connect to %s within %.1f s", peer,
		    (double)f->connect_timeout_ms / 1000);
		return;
	}
	/* libcurl names the machine that it meant: where that is not the
	 * upstream, it is a proxy (HTTPS_PROXY). */
	if (number != 0 && strstr(f->curl_error, host) != NULL)
		strerror_r((int)number, why, sizeof(why));
	if (why[0] == '\0')
		snprintf(why, sizeof(why), "%.110s",
		    f->curl_error[0] != '\0' ? f->curl_error
					     : curl_easy_strerror(f->code));
	snprintf(result->detail, sizeof(result->detail),
	    "could not connect to %s: %s", peer, why);
}

static void
explain_early(
    const struct failure *f, CURL *easy, struct upstream_result *result)
{
	char host[128], peer[112];

	name_peer(f->url, host, sizeof(host), peer, sizeof(peer));
	if (f->code == CURLE_COULDNT_RESOLVE_HOST) {
		result->cause = CAUSE_DNS;
		snprintf(result->detail, sizeof(result->detail),
		    "could not resolve the host name %s", host);
	} else if (f->code == CURLE_COULDNT_RESOLVE_PROXY) {
		result->cause = CAUSE_DNS;
		snprintf(result->detail, sizeof(result->detail),
		    "could not resolve the proxy's name on the way to %s "
		    "(HTTPS_PROXY)",
		    peer);
	} else if (is_tls(f->code)) {
		result->cause = CAUSE_TLS;
		snprintf(result->detail, sizeof(result->detail),
		    "TLS with %s failed: %.120s", peer,
		    f->curl_error[0] != '\0' ? f->curl_error
					     : curl_easy_strerror(f->code));
	} else {
		explain_connect(f, easy, result);
	}
}

void
failure_explain(
    const struct failure *f, CURL *easy, struct upstream_result *result)
{
	const char *words = f->curl_error[0] != '\0'
				? f->curl_error
				: curl_easy_strerror(f->code);

	result->end = UPSTREAM_BROKEN;
	switch (f->code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE: /* a head of too many lines */
#endif
		failure_say(result, CAUSE_PROTOCOL, f->url, ": %s", words);
		return;
	case CURLE_OUT_OF_MEMORY:
		failure_say(result, CAUSE_PROTOCOL, f->url,
		    ": out of memory, or a header line without end");
		return;
	default:
		break;
	}
	if (!f->has_asked)
		explain_early(f, easy, result);
	else if (f->code == CURLE_OPERATION_TIMEDOUT)
		failure_say(
		    result, CAUSE_TIMEOUT, f->url, " did not answer in time");
	else if (f->code == CURLE_GOT_NOTHING)
		failure_say(result, CAUSE_EMPTY, f->url,
		    " closed the connection without an answer");
	else
		failure_say(result, CAUSE_RESET, f->url,
		    f->has_answered ? " broke off its answer: %s"
				    : " broke the connection off: %s",
		    words);
}
