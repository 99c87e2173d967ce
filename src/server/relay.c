/* SPDX-License-Identifier: MIT */
/*
 * One request's life.  Knows the order of things; what a request means is
 * translate's business, how it is tried is attempts'.
 */
#include "server/relay.h"

#include "server/asking.h"
#include "server/capture.h"
#include "server/exchange.h"
#include "server/ratelimit.h"
#include "server/relaying.h"
#include "server/request_log.h"
#include "server/scales.h"
#include "server/spoken.h"
#include "server/verbose.h"
#include "server/watch.h"

static void
answer_message(struct relay *r)
{
	struct attempts *a = &r->attempts;
	struct buf body;

	buf_init(&body, SIZE_MAX / 2);
	if (a->fault.kind == FAULT_NONE &&
	    stream_message(a->stream, &body, &a->fault) == 0) {
		ratelimit_pass(r->exchange, &a->head);
		r->out_bytes = body.len;
		verbose_body(r->settings, "to client", body.data, body.len);
		if (r->spoken != NULL)
			spoken_add_message(r->spoken, &body);
		capture_answer(a->capture, 200, body.data, body.len);
		exchange_answer(r->exchange, 200, "application/json", &body);
	} else {
		ratelimit_pass(r->exchange, &a->head);
		relaying_answer_fault(r);
	}
	buf_clear(&body);
}

static void
serve_plain(struct relay *r)
{
	watch_add(r->server->watch, r->watched_fd, &r->cancel);
	relaying_run(r);
	watch_remove(r->server->watch, r->watched_fd, &r->cancel);
	if (!r->attempts.client_gone)
		answer_message(r);
	relaying_end(r);
}

/* By itself, so that the room for its words is not on each stack. */
__attribute__((noinline)) static void
refuse(struct server *server, struct exchange *x)
{
	struct fault why = { 0 };

	fault_no_memory(&why);
	request_log_answered(server, x, &why);
	exchange_answer_fault(x, &why);
}

static struct relay *
begin(struct server *server, struct exchange *x)
{
	struct relay *r = relaying_new(server, x);

	if (r == NULL)
		refuse(server, x);
	return r;
}

void
relay_messages(struct server *server, struct exchange *x)
{
	struct relay *r = begin(server, x);

	if (r == NULL)
		return;
	if (relaying_prepare(r, false) == -1) {
		relaying_end(r);
		relaying_answer_fault(r);
	} else if (r->flight.stream) {
		relay_stream(r);
		return;
	} else {
		serve_plain(r);
	}
	relaying_drop(r);
}

/* As the upstream counts, where it can; else our estimate. */
static long long
count(struct relay *r)
{
	struct attempts *a = &r->attempts;
	int64_t tokens;

	watch_add(r->server->watch, r->watched_fd, &r->cancel);
	tokens = asking_count(r->server, r->settings, a->translation.body,
	    a->client_key, &r->cancel);
	watch_remove(r->server->watch, r->watched_fd, &r->cancel);
	if (tokens == -1)
		return a->translation.terms.input_tokens;
	scales_learn(r->server->scales, a->context.model, a->estimate, tokens);
	return tokens;
}

void
relay_count_tokens(struct server *server, struct exchange *x)
{
	struct relay *r = begin(server, x);
	struct buf body;
	long long tokens;

	if (r == NULL)
		return;
	if (relaying_prepare(r, true) == -1) {
		relaying_answer_fault(r);
	} else {
		tokens = count(r);
		buf_init(&body, 256);
		buf_printf(&body, "{\"input_tokens\":%lld", tokens);
		if (r->request.context_management)
			buf_printf(&body,
			    ",\"context_management\":{\"original_input_tokens"
			    "\":%lld}",
			    tokens);
		BUF_ADD_LIT(&body, "}");
		capture_answer(r->attempts.capture, 200, body.data, body.len);
		exchange_answer(x, 200, "application/json", &body);
	}
	relaying_end(r);
	relaying_drop(r);
}
