/* SPDX-License-Identifier: MIT */
/*
 * The tries of one request.  When to try again is again.c's; does
 * not know pipes, HTTP exchanges or the wire forms.
 */
#include "server/attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/again.h"
#include "server/cancel.h"
#include "server/capture.h"
#include "server/deadline.h"
#include "server/journal.h"
#include "server/lessons.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/scales.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/verbose.h"
#include "translate/error/errors.h"
#include "wire/json.h"

/* Of an answer that is no success: enough for any error body. */
#define MAX_REFUSAL_BYTES (1024 * 1024)
/* How long to wait for usage and [DONE] once the answer is finished. */
#define END_WAIT_MS 5000

static struct error_context
error_context(const struct attempts *a)
{
	return (struct error_context){
		.client_model = a->env.client_model,
		.host = a->settings->upstream.host,
		.own_key = a->settings->upstream_key,
		.now_unix = a->stage != NULL ? a->stage->now_unix
					     : (long long)time(NULL),
	};
}

void
attempts_init(
    struct attempts *a, struct server *server, const struct settings *settings)
{
	*a = (struct attempts){ .server = server, .settings = settings };
	buf_init(&a->sending, SIZE_MAX / 2);
	buf_init(&a->events, settings->max_reply_bytes);
	buf_init(&a->refusal, MAX_REFUSAL_BYTES);
}

/* A fresh machine for a fresh try. */
static int
renew_stream(struct attempts *a)
{
	stream_free(a->stream);
	a->env.fault = &a->fault;
	a->stream = stream_new(&a->translation.terms, &a->env);
	if (a->stream == NULL)
		return fault_no_memory(&a->fault);
	return 0;
}

/* -- while the answer comes ----------------------------------------------- */

static int
deliver(struct attempts *a)
{
	if (a->events.failed)
		return fault_no_memory(&a->fault);
	if (a->deliver == NULL || a->events.len == 0)
		return 0;
	a->delivered = true;
	a->delivered_ms = deadline_now_ms();
	capture_note(a->capture, "events", a->events.data, a->events.len);
	if (a->deliver(a->cookie, &a->events) == 0)
		return 0;
	capture_note(a->capture, "gone", NULL, 0);
	a->client_gone = true;
	return -1;
}

static int
on_head(void *cookie, const struct upstream_head *head)
{
	struct attempts *a = cookie;

	a->has_head = true;
	capture_head(a->capture, head->status);
	return 0;
}

static void
on_head_line(void *cookie, const char *line, size_t len)
{
	struct attempts *a = cookie;

	capture_header(a->capture, line, len);
}

static int
on_body(void *cookie, const char *bytes, size_t len)
{
	struct attempts *a = cookie;
	enum stream_state state;

	capture_note(a->capture, "bytes", bytes, len);
	if (!attempts_is_success(a->head.status)) {
		buf_add(&a->refusal, bytes, len);
		return a->refusal.failed ? -1 : 0;
	}
	verbose_body(a->settings, "from upstream", bytes, len);
	state = stream_push(a->stream, bytes, len, &a->events);
	return state == STREAM_OPEN ? 0 : -1;
}

/* Nothing more is there for now: one write for all the events. */
static int
on_read(void *cookie)
{
	return deliver(cookie);
}

/* The request is with the upstream: its bytes need not be kept. */
static int
on_sent(void *cookie)
{
	struct attempts *a = cookie;

	buf_clear(&a->sending);
	return 0;
}

static int
on_tick(void *cookie, long silent_ms)
{
	struct attempts *a = cookie;
	long long quiet = deadline_now_ms() - a->delivered_ms;

	memory_trim_stack(); /* a stream that lasts has no more deep parsing */
	capture_flush(a->capture);
	if (a->has_head && stream_awaits_end(a->stream) &&
	    silent_ms >= END_WAIT_MS)
		return -1;
	if (a->deliver == NULL || quiet < a->settings->ping_interval_ms ||
	    (a->has_head && !attempts_is_success(a->head.status)))
		return 0;
	capture_note(a->capture, "ping", NULL, 0);
	stream_ping(a->stream, &a->events);
	return deliver(a);
}

/* -- after the answer ----------------------------------------------------- */

static void
fault_of_refusal(struct attempts *a, struct fault *why)
{
	struct error_context ctx = error_context(a);
	struct error_headers headers = {
		.retry_after = a->head.retry_after,
		.retry_after_ms = a->head.retry_after_ms,
		.should_retry = a->head.should_retry,
	};

	error_from_answer(a->head.status, &headers, buf_str(&a->refusal),
	    a->refusal.len, &ctx, why);
}

static void
fault_of_break(struct attempts *a, struct fault *why)
{
	struct error_context ctx = error_context(a);

	if (a->result.end == UPSTREAM_CANCELLED)
		fault_set(why, FAULT_OVERLOADED,
		    "The proxy is shutting down: try again.");
	else
		error_from_cause(a->result.cause, a->result.detail, &ctx, why);
}

/* What became of the try: sets a->fault, or leaves it NONE when complete.
 * Not inlined: its fault would be on the stack of the call before it. */
__attribute__((noinline)) static void
settle(struct attempts *a)
{
	struct fault broke = { 0 };

	if (a->result.end == UPSTREAM_CANCELLED &&
	    cancel_reason(a->cancel) != CANCEL_DRAIN)
		a->client_gone = true;
	if (a->client_gone)
		return;
	if (a->fault.kind != FAULT_NONE) { /* the stream's verdict */
		stream_refusal(a->stream, &a->refusal);
		return;
	}
	if (a->has_head && !attempts_is_success(a->head.status) &&
	    a->result.end != UPSTREAM_CANCELLED) {
		fault_of_refusal(a, &a->fault);
		if (a->delivered) /* a ping went out before */
			stream_abort(a->stream, &a->fault, &a->events);
		return;
	}
	if (a->result.end == UPSTREAM_COMPLETE ||
	    (a->result.end == UPSTREAM_STOPPED &&
		stream_awaits_end(a->stream))) {
		stream_finish(a->stream, &a->events);
	} else if (a->result.end != UPSTREAM_STOPPED) {
		fault_of_break(a, &broke);
		stream_abort(a->stream, &broke, &a->events);
	}
	stream_refusal(a->stream, &a->refusal);
}

/* -- one try -------------------------------------------------------------- */

static void
call_upstream(struct attempts *a, const char *url)
{
	struct upstream_call call = {
		.settings = a->settings,
		.method = "POST",
		.url = url,
		.body = a->sending.data,
		.body_len = a->sending.len,
		.client_key = a->client_key,
		.want_events = a->translation.upstream_stream,
		.head = &a->head,
		.cancel = a->cancel,
		.max_reply_bytes = a->settings->max_reply_bytes,
		.on_head = on_head,
		.on_body = on_body,
		.on_read = a->deliver != NULL ? on_read : NULL,
		.on_sent = on_sent,
		.on_tick = on_tick,
		.on_head_line = a->capture != NULL ? on_head_line : NULL,
		.cookie = a,
	};

	verbose_body(a->settings, "to upstream", call.body, call.body_len);
	a->has_head = false;
	buf_reset(&a->refusal);
	a->tries++;
	capture_try(a->capture, url, &a->sending);
	if (a->stage != NULL)
		a->stage->perform(a->stage->cookie, &call, &a->result);
	else
		upstream_perform(a->server->upstream, &call, &a->result);
	capture_try_end(
	    a->capture, &a->result, cancel_reason(a->cancel) == CANCEL_DRAIN);
	/* whole: a key that it tells of may stand across two reads */
	verbose_body(
	    a->settings, "from upstream", buf_str(&a->refusal), a->refusal.len);
	if (!a->client_gone)
		deliver(a); /* what the last read brought */
}

/* A 404 or 405 that is no JSON error: the path may be the wrong one. */
static bool
is_wrong_path(const struct attempts *a)
{
	struct json_limits limits = { 64, 10000 };

	return a->has_head &&
	       (a->head.status == 404 || a->head.status == 405) &&
	       a->settings->upstream.other_url != NULL &&
	       json_check(buf_str(&a->refusal), a->refusal.len, '{', &limits) ==
		   -1;
}

static void
try_once(struct attempts *a)
{
	const struct upstream_target *up = &a->settings->upstream;
	bool other = lessons_prefers_other_url(a->server->lessons, up->base);

	buf_reset(&a->sending);
	if (renew_stream(a) == -1)
		return;
	if (json_print(a->translation.body, &a->sending) == -1) {
		fault_no_memory(&a->fault);
	} else {
		call_upstream(a,
		    other && up->other_url != NULL ? up->other_url : up->url);
		if (!other && is_wrong_path(a)) {
			call_upstream(a, up->other_url);
			if (a->has_head &&
			    attempts_is_success(a->head.status) &&
			    lessons_prefer_other_url(a->server->lessons,
				up->base, true, (long long)time(NULL)))
				log_say(LOG_INFO, "the upstream's path is %.*s",
				    (int)strcspn(up->other_url, "?"),
				    up->other_url);
		}
		settle(a);
	}
}

/* Tells the scales what the upstream counted. */
static void
calibrate(struct attempts *a)
{
	const struct stream_usage *usage = stream_usage(a->stream);

	if (usage->reported && usage->prompt_tokens > 0)
		scales_learn(a->server->scales, a->context.model, a->estimate,
		    usage->prompt_tokens);
}

/* A ping has begun the answer: the lesson is for the next request. */
__attribute__((noinline)) static void
learn_for_later(struct attempts *a)
{
	struct fault told = a->fault;

	again_learn(a);
	a->fault = told;
}

/* Each failed try counts, also one that is tried again. */
static void
note_failure(const struct attempts *a)
{
	if (a->result.end == UPSTREAM_CANCELLED)
		return;
	journal_upstream_failed(a->server->journal, a->result.cause,
	    a->result.end == UPSTREAM_BROKEN &&
		    (!a->has_head || attempts_is_success(a->head.status))
		? FAULT_NONE
		: a->fault.kind);
}

void
attempts_run(struct attempts *a)
{
	a->delivered_ms = a->began_ms;
	for (;;) {
		try_once(a);
		if (a->client_gone || a->fault.kind == FAULT_NONE)
			break;
		note_failure(a);
		if (a->delivered) {
			learn_for_later(a);
			break;
		}
		if (again_learn(a))
			continue;
		if (a->retries >= (unsigned)a->settings->max_retries ||
		    !again_is_worth(a) || !again_wait(a))
			break;
		a->retries++;
		fault_clear(&a->fault);
	}
	if (a->deliver != NULL && !a->client_gone &&
	    (a->delivered || a->fault.kind == FAULT_NONE))
		deliver(a);
	if (a->fault.kind == FAULT_NONE && a->stream != NULL)
		calibrate(a);
	if (cancel_reason(a->cancel) == CANCEL_CLIENT_GONE)
		a->client_gone = true;
}

void
attempts_say_nothing(struct attempts *a)
{
	char completion[256];

	snprintf(completion, sizeof(completion),
	    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
	    "\"content\":null},\"finish_reason\":\"length\"}],\"usage\":{"
	    "\"prompt_tokens\":%lld,\"completion_tokens\":0}}",
	    (long long)a->translation.terms.input_tokens);
	a->delivered_ms = a->began_ms;
	if (renew_stream(a) == -1)
		return;
	if (stream_push(a->stream, completion, strlen(completion),
		&a->events) == STREAM_OPEN)
		stream_finish(a->stream, &a->events);
	if (a->deliver != NULL)
		deliver(a);
}

bool
attempts_is_answering(const struct attempts *a)
{
	return a->delivered && a->has_head &&
	       attempts_is_success(a->head.status) &&
	       stream_fault(a->stream)->kind == FAULT_NONE;
}

void
attempts_forget_request(struct attempts *a)
{
	cJSON_Delete(a->translation.body);
	a->translation.body = NULL;
	a->request = NULL;
	a->context.extra_body = NULL;
	a->context.extra_doc = NULL;
}

void
attempts_clear(struct attempts *a)
{
	stream_free(a->stream);
	a->stream = NULL;
	translation_clear(&a->translation);
	buf_clear(&a->sending);
	buf_clear(&a->events);
	buf_clear(&a->refusal);
}
