/* SPDX-License-Identifier: MIT */
/*
 * Calls to the upstream by libcurl.  Knows HTTP's course, not what is in the
 * bodies.  upstream_handles.c keeps the connections, upstream_options.c
 * says what is asked and how, upstream_failure.c finds the words for what
 * went wrong.
 */
#include "server/upstream.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "server/cancel.h"
#include "server/deadline.h"
#include "server/headers.h"
#include "server/settings.h"
#include "server/upstream_failure.h"
#include "server/upstream_handles.h"
#include "server/upstream_options.h"
#include "wire/buf.h"

#define TICK_MS	       900 /* libcurl looks once a second, or sooner */
#define MAX_HEAD_BYTES ((size_t)256 * 1024)
/* One read of compressed bytes can hold any number of plain ones. */
#define MAX_READ_BYTES ((size_t)32 * 1024)

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
	struct deadline deadline;
	size_t max_reply_bytes, head_bytes, body_bytes;
	size_t read_bytes;   /* of the body, since the last end_read() */
	long long last_tick; /* on deadline_now_ms()'s clock */
	bool has_come;	     /* a line of the head, since the last look */
	bool has_head, is_sent, is_stopped, is_late, is_too_large, is_no_http;
};

/* -- what libcurl calls --------------------------------------------------- */

/* Connected, and the request is about to leave. */
static int
on_ask(void *cookie, char *ip, char *own_ip, int port, int own_port)
{
	struct run *r = ((struct handle *)cookie)->run;

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

	curl_easy_getinfo(r->handle->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return 0;
	r->call->head->status = (int)status;
	r->has_head = true;
	now = deadline_now_ms();
	deadline_byte(&r->deadline, now);
	if (status < 500)
		atomic_store(&r->upstream->heard_ms, now);
	if (r->call->on_head != NULL)
		r->is_stopped |=
		    r->call->on_head(r->call->cookie, r->call->head) == -1;
	return r->is_stopped ? -1 : 0;
}

static size_t
on_header(char *line, size_t size, size_t len, void *cookie)
{
	struct run *r = ((struct handle *)cookie)->run;
	int rc = 0;

	len *= size;
	r->has_come = true;
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
	struct run *r = ((struct handle *)cookie)->run;
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
	struct run *r = ((struct handle *)cookie)->run;
	long long now = deadline_now_ms();
	int rc = 0;

	(void)down_total, (void)down, (void)up_total;
	if (r->has_come)
		deadline_byte(&r->deadline, now);
	r->has_come = false;
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

static void
set_callbacks(struct handle *h)
{
	CURL *easy = h->easy;

	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ask);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, h);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, h);
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
		.has_answered = r->head_bytes > 0,
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
	r->last_tick = deadline_now_ms();
	deadline_init(&r->deadline,
	    call->first_byte_timeout_ms > 0 ? call->first_byte_timeout_ms
					    : s->first_byte_timeout_ms,
	    call->idle_timeout_ms > 0 ? call->idle_timeout_ms
				      : s->idle_timeout_ms,
	    r->last_tick);
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
	h->run = &r;
	if (options_set(h, call, result) == 0)
		ask(u, &r, result);
	options_unset(h);
	h->run = NULL;
}

/* -- public --------------------------------------------------------------- */

struct upstream *
upstream_new(void)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	if ((u->handles = handles_new(set_callbacks)) == NULL ||
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
