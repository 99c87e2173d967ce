/* SPDX-License-Identifier: MIT */
/*
 * Calls to the upstream by libcurl.  Knows HTTP's course, not what is in the
 * bodies.  upstream_handles.c keeps the connections, upstream_failure.c finds
 * the words for what went wrong.
 */
#include "server/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <curl/curl.h>
#include <openssl/ssl.h>

#include "server/cancel.h"
#include "server/deadline.h"
#include "server/headers.h"
#include "server/settings.h"
#include "server/upstream_failure.h"
#include "server/upstream_handles.h"
#include "wire/buf.h"

#define TICK_MS	       900 /* libcurl looks once a second, or sooner */
#define MAX_HEAD_BYTES ((size_t)256 * 1024)
/* One read of compressed bytes can hold any number of plain ones. */
#define MAX_READ_BYTES ((size_t)32 * 1024)

/*
 * How long a kept connection may have rested.  Small servers close theirs
 * after five seconds, front ends of the large ones after a minute or more;
 * a request that meets the close on its way is sent twice or fails.
 */
#define REST_NEAR_S 4L
#define REST_FAR_S  50L

struct upstream {
	struct handles *handles;
	struct deadlines *deadlines;
	atomic_ulong opened, reused;
	_Atomic long long heard_ms;
};

/* One call while it runs. */
struct run {
	const struct upstream_call *call;
	struct upstream *upstream;
	struct handle *handle;
	struct cancel *cancel;
	struct deadline deadline;
	struct curl_slist *lines;
	size_t max_reply_bytes, head_bytes, body_bytes;
	size_t read_bytes; /* of the body, since the last end_read() */
	long long started, last_tick; /* on deadline_now_ms()'s clock */
	bool has_head, is_sent, is_stopped, is_late, is_too_large, is_no_http;
};

/* -- what libcurl calls --------------------------------------------------- */

/* Connected, and the request is about to leave. */
static int
on_ask(void *cookie, char *ip, char *own_ip, int port, int own_port)
{
	struct run *r = cookie;

	(void)ip, (void)own_ip, (void)port, (void)own_port;
	if (handle_is_cancelled(r->handle))
		return CURL_PREREQFUNC_ABORT;
	deadline_ask(&r->deadline);
	return CURL_PREREQFUNC_OK;
}

/* The blank line: a 1xx is followed by another head. */
static int
end_head(struct run *r)
{
	long status = 0;
	long long now;
	int rc = 0;

	curl_easy_getinfo(r->handle->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return 0;
	r->call->head->status = (int)status;
	r->has_head = true;
	now = deadline_now_ms();
	if (status < 500)
		atomic_store(&r->upstream->heard_ms, now);
	deadline_pause(&r->deadline, now);
	if (r->call->on_head != NULL)
		rc = r->call->on_head(r->call->cookie, r->call->head);
	deadline_resume(&r->deadline);
	r->is_stopped |= rc == -1;
	return rc;
}

static size_t
on_header(char *line, size_t size, size_t len, void *cookie)
{
	struct run *r = cookie;
	int rc = 0;

	len *= size;
	deadline_byte(&r->deadline, deadline_now_ms());
	r->head_bytes += len;
	if (r->call->on_head_line != NULL && !r->has_head)
		r->call->on_head_line(r->call->cookie, line, len);
	if (r->head_bytes > MAX_HEAD_BYTES)
		r->is_no_http = true;
	else if (r->has_head)
		; /* a trailer */
	else if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		memset(r->call->head, 0, sizeof(*r->call->head));
	else if (len > 0 && (line[0] == '\r' || line[0] == '\n'))
		rc = end_head(r);
	else
		headers_read_line(r->call->head, line, len);
	return rc == -1 || r->is_no_http ? 0 : len;
}

/* The whole of a read has been through on_body. */
static int
end_read(struct run *r, long long now_ms)
{
	int rc = 0;

	r->read_bytes = 0;
	deadline_byte(&r->deadline, now_ms);
	if (r->call->on_read == NULL)
		return 0;
	deadline_pause(&r->deadline, now_ms);
	rc = r->call->on_read(r->call->cookie);
	deadline_resume(&r->deadline);
	return rc;
}

static size_t
on_body(char *bytes, size_t size, size_t len, void *cookie)
{
	struct run *r = cookie;
	int rc = 0;

	len *= size;
	if (!r->has_head) {
		r->is_no_http = true;
		return 0;
	}
	if (r->max_reply_bytes > 0 &&
	    len > r->max_reply_bytes - r->body_bytes) {
		r->is_too_large = true;
		return 0;
	}
	r->body_bytes += len;
	r->read_bytes += len;
	if (r->call->on_body != NULL)
		rc = r->call->on_body(r->call->cookie, bytes, len);
	if (rc == 0 && r->read_bytes >= MAX_READ_BYTES)
		rc = end_read(r, deadline_now_ms());
	r->is_stopped |= rc == -1;
	return rc == -1 ? 0 : len;
}

static int
tick(struct run *r, long long now_ms)
{
	int rc;

	r->last_tick = now_ms;
	deadline_pause(&r->deadline, now_ms);
	rc = r->call->on_tick(
	    r->call->cookie, (long)(now_ms - r->deadline.last_byte));
	deadline_resume(&r->deadline);
	return rc;
}

/* An answer may begin while the request is still being sent. */
static int
end_request(struct run *r)
{
	r->is_sent = true;
	return r->call->on_sent(r->call->cookie);
}

/* Comes after each read, however many chunks it held, and at least once a
 * second. */
static int
on_progress(void *cookie, curl_off_t down_total, curl_off_t down,
    curl_off_t up_total, curl_off_t up)
{
	struct run *r = cookie;
	long long now = deadline_now_ms();
	int rc = 0;

	(void)down_total, (void)down, (void)up_total;
	r->is_late |= r->read_bytes == 0 && deadline_is_over(&r->deadline, now);
	if (r->is_late || handle_is_cancelled(r->handle))
		return 1;
	if (r->read_bytes > 0)
		rc = end_read(r, now);
	if (rc == 0 && !r->is_sent && r->has_head &&
	    r->call->head->status < 300 && r->call->on_sent != NULL &&
	    (size_t)up >= r->call->body_len)
		rc = end_request(r);
	if (rc == 0 && r->call->on_tick != NULL &&
	    now - r->last_tick >= TICK_MS)
		rc = tick(r, now);
	r->is_stopped |= rc == -1;
	return rc == -1;
}

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

/* -- one call ------------------------------------------------------------- */

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
say_not_asked(
    const struct run *r, const char *why, struct upstream_result *result)
{
	failure_say(
	    result, CAUSE_PROTOCOL, r->call->url, " was not asked: %s", why);
	return -1;
}

/* `Name;` is how libcurl is told of an empty value; `Name:` takes a header
 * out that it would add by itself.  Not inlined: the list would
 * stay on the stack of a stream for as long as it lasts. */
__attribute__((noinline)) static int
set_headers(struct run *r, struct upstream_result *result)
{
	const struct headers_wanted wanted = {
		.settings = r->call->settings,
		.client_key = r->call->client_key,
		.has_body = r->call->body != NULL,
		.want_events = r->call->want_events,
	};
	struct headers headers = { .n = 0 };
	char err[200] = "";
	bool is_whole;
	struct buf line;

	if (headers_build(&headers, &wanted, err, sizeof(err)) == -1) {
		headers_clear(&headers);
		return say_not_asked(r, err, result);
	}
	is_whole = add_line(&r->lines, "Expect:") &&
		   add_line(&r->lines, "Accept-Encoding:");
	buf_init(&line, 32768);
	for (size_t i = 0; is_whole && i < headers.n; i++) {
		const struct header *h = &headers.list[i];

		buf_reset(&line);
		buf_add_str(&line, h->name);
		buf_add_str(&line, h->value[0] == '\0' ? ";" : ": ");
		buf_add_str(&line, h->value);
		is_whole = !line.failed && add_line(&r->lines, buf_str(&line));
		if (r->call->on_head_line != NULL)
			r->call->on_head_line(
			    r->call->cookie, buf_str(&line), line.len);
	}
	buf_clear(&line);
	headers_clear(&headers);
	curl_easy_setopt(r->handle->easy, CURLOPT_HTTPHEADER, r->lines);
	return is_whole ? 0 : say_not_asked(r, "out of memory", result);
}

static void
set_request(struct run *r)
{
	const struct upstream_call *call = r->call;
	CURL *easy = r->handle->easy;

	if (call->body != NULL) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)call->body_len);
	} else {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->handle->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ask);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, r);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, r);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

/*
 * libcurl sends a request again by itself where a kept connection dies
 * before the answer, even if the upstream had read it.  MAX_RETRIES=0 means
 * never twice, and only a fresh connection makes that sure.
 */
static void
set_connection(struct run *r)
{
	const struct settings *s = r->call->settings;
	const struct upstream_target *to = &s->upstream;
	bool only_once = s->max_retries == 0 && r->call->body != NULL;
	bool is_near = to->is_loopback || !to->is_https;
	const char *ca = s->ssl_cert_file;
	CURL *easy = r->handle->easy;

	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
	    (long)(r->call->fresh_connection || only_once ||
		   handle_has_input(r->handle)));
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)only_once);
	curl_easy_setopt(
	    easy, CURLOPT_MAXAGE_CONN, is_near ? REST_NEAR_S : REST_FAR_S);
	curl_easy_setopt(
	    easy, CURLOPT_CONNECTTIMEOUT_MS, s->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, r->call->total_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, to->is_loopback ? "*" : NULL);
	if (ca != NULL && ca[0] == '\0')
		ca = NULL;
	curl_easy_setopt(
	    easy, CURLOPT_SSL_CTX_FUNCTION, ca != NULL ? on_tls : NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, ca);
}

/* Nothing of the call may stay in a handle that goes back to the pool. */
static void
unset(struct run *r)
{
	CURL *easy = r->handle->easy;

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, NULL);
}

/* -- how it ended --------------------------------------------------------- */

static void
judge_late(const struct run *r, struct upstream_result *result)
{
	if (r->deadline.answered != 0)
		failure_say(result, CAUSE_TIMEOUT, r->call->url,
		    " fell silent: nothing came for %.1f s (IDLE_TIMEOUT)",
		    (double)r->deadline.idle_ms / 1000);
	else
		failure_say(result, CAUSE_TIMEOUT, r->call->url,
		    " did not begin to answer within %.1f s "
		    "(FIRST_BYTE_TIMEOUT)",
		    (double)r->deadline.first_byte_ms / 1000);
}

/* A shut socket may look like the proper end of an answer that has no
 * length, so what we did ourselves comes before what libcurl says. */
static void
judge(struct run *r, CURLcode code, struct upstream_result *result)
{
	const struct failure failure = {
		.code = code,
		.curl_error = r->handle->error,
		.url = r->call->url,
		.has_asked = r->deadline.asked != 0,
		.has_answered = r->deadline.answered != 0,
		.connect_timeout_ms = r->call->settings->connect_timeout_ms,
	};

	result->end = UPSTREAM_COMPLETE;
	if (r->is_stopped)
		result->end = UPSTREAM_STOPPED;
	else if (handle_is_cancelled(r->handle))
		result->end = UPSTREAM_CANCELLED;
	else if (r->is_late || atomic_load(&r->deadline.has_passed))
		judge_late(r, result);
	else if (r->is_too_large)
		failure_say(result, CAUSE_TOO_LARGE, r->call->url,
		    " sent more than %zu bytes (MAX_REPLY_BYTES)",
		    r->max_reply_bytes);
	else if (r->is_no_http)
		failure_say(result, CAUSE_PROTOCOL, r->call->url,
		    r->head_bytes > MAX_HEAD_BYTES ? " sent a head without end"
						   : " did not answer in HTTP");
	else if (code == CURLE_OK && !r->has_head)
		failure_say(result, CAUSE_RESET, r->call->url,
		    " broke off its answer in the head");
	else if (code != CURLE_OK)
		failure_explain(&failure, r->handle->easy, result);
}

static void
report(struct run *r, CURLcode code, struct upstream_result *result)
{
	CURL *easy = r->handle->easy;
	long connects = 0, request_bytes = 0;

	judge(r, code, result);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	result->status = r->has_head ? r->call->head->status : 0;
	result->sent = r->deadline.asked != 0 && request_bytes > 0;
	result->reused = r->deadline.asked != 0 && connects == 0;
	atomic_fetch_add(&r->upstream->opened, (unsigned long)connects);
	atomic_fetch_add(&r->upstream->reused, (unsigned long)result->reused);
	if (r->deadline.answered != 0)
		result->first_byte_ms =
		    (long)(r->deadline.answered - r->started);
}

static void
run_init(struct run *r, const struct upstream_call *call, struct handle *h)
{
	const struct settings *s = call->settings;

	memset(r, 0, sizeof(*r));
	memset(call->head, 0, sizeof(*call->head));
	h->error[0] = '\0';
	r->call = call;
	r->handle = h;
	r->max_reply_bytes = call->max_reply_bytes > 0 ? call->max_reply_bytes
						       : s->max_reply_bytes;
	r->started = r->last_tick = deadline_now_ms();
	deadline_init(&r->deadline,
	    call->first_byte_timeout_ms > 0 ? call->first_byte_timeout_ms
					    : s->first_byte_timeout_ms,
	    call->idle_timeout_ms > 0 ? call->idle_timeout_ms
				      : s->idle_timeout_ms);
}

/* The blocking call, reached by cancels and short deadlines. */
static void
ask(struct upstream *u, struct run *r, struct upstream_result *result)
{
	CURLcode code;

	handle_attach(r->handle, r->call->cancel);
	r->deadline.cancel = r->call->cancel;
	deadlines_add(u->deadlines, &r->deadline);
	code = curl_easy_perform(r->handle->easy);
	deadlines_remove(u->deadlines, &r->deadline);
	report(r, code, result);
	handle_detach(r->handle);
}

static void
perform(struct upstream *u, const struct upstream_call *call, struct handle *h,
    struct upstream_result *result)
{
	struct run r;

	run_init(&r, call, h);
	r.upstream = u;
	if (!handle_set_url(h, call->url)) {
		say_not_asked(&r, "its URL cannot be read", result);
		goto out;
	}
	if (set_headers(&r, result) == -1)
		goto out;
	set_request(&r);
	set_connection(&r);
	ask(u, &r, result);
out:
	unset(&r);
	curl_slist_free_all(r.lines);
}

/* -- public --------------------------------------------------------------- */

struct upstream *
upstream_new(void)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	if ((u->handles = handles_new()) == NULL ||
	    (u->deadlines = deadlines_new()) == NULL) {
		upstream_free(u);
		return NULL;
	}
	return u;
}

void
upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	deadlines_free(u->deadlines);
	handles_free(u->handles);
	free(u);
}

/* Lends what the caller does not have; not inlined, for the sake of the
 * others' stacks. */
__attribute__((noinline)) static void
perform_with_own(struct upstream *u, const struct upstream_call *call,
    struct upstream_result *result)
{
	struct upstream_call own = *call;
	struct upstream_head head;
	struct cancel cancel;

	if (cancel_init(&cancel) == -1) {
		failure_say(result, CAUSE_CONNECT, call->url,
		    " was not asked: out of memory");
		return;
	}
	if (own.cancel == NULL)
		own.cancel = &cancel;
	if (own.head == NULL)
		own.head = &head;
	upstream_perform(u, &own, result);
	cancel_clear(&cancel);
}

void
upstream_perform(struct upstream *u, const struct upstream_call *call,
    struct upstream_result *result)
{
	struct handle *h;

	memset(result, 0, sizeof(*result));
	if (call->cancel == NULL || call->head == NULL) {
		perform_with_own(u, call, result);
		return;
	}
	if (cancel_reason(call->cancel)) {
		result->end = UPSTREAM_CANCELLED;
		return;
	}
	if ((h = handle_take(u->handles)) == NULL) {
		failure_say(result, CAUSE_CONNECT, call->url,
		    " was not asked: out of memory");
		return;
	}
	perform(u, call, h, result);
	if (result->end == UPSTREAM_COMPLETE)
		handle_give_back(u->handles, h);
	else
		handle_drop(h);
}

void
upstream_forget(struct upstream *u)
{
	atomic_store(&u->heard_ms, 0);
	handles_forget(u->handles);
}

void
upstream_tell(struct upstream *u, struct upstream_facts *out)
{
	out->opened = atomic_load(&u->opened);
	out->reused = atomic_load(&u->reused);
	out->heard_ms = atomic_load(&u->heard_ms);
}

void
upstream_trim(struct upstream *u)
{
	handles_trim(u->handles);
}
