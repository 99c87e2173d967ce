/* SPDX-License-Identifier: MIT */
/* One line for each request, and its entry in the journal. */
#include "server/request_log.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "server/attempts.h"
#include "server/exchange.h"
#include "server/journal.h"
#include "server/log.h"
#include "server/routes.h"
#include "server/server.h"

/* No status went out: the client had left. */
#define STATUS_CLIENT_LEFT 499
/* Of a path that is not ours. */
#define MAX_PATH_SHOWN 200
#define MAX_FIELDS     24

/* The fields of a line: those that tell nothing are left out. */
struct line {
	struct log_field fields[MAX_FIELDS];
	size_t n;
};

static void
put_text(struct line *l, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0' && l->n < MAX_FIELDS)
		l->fields[l->n++] = (struct log_field){ key, text, 0 };
}

static void
put_number(struct line *l, const char *key, long long number)
{
	if (l->n < MAX_FIELDS)
		l->fields[l->n++] = (struct log_field){ key, NULL, number };
}

static void
put_count(struct line *l, const char *key, long long number)
{
	if (number > 0)
		put_number(l, key, number);
}

static int
status_of(const struct attempts *a)
{
	if (a->client_gone)
		return STATUS_CLIENT_LEFT;
	if (a->fault.kind == FAULT_NONE || a->delivered)
		return 200;
	return fault_status(a->fault.kind);
}

static long long
unix_ms_before(long ms)
{
	return (long long)time(NULL) * 1000 - ms;
}

static long
since(long long began_ms, long long at_ms)
{
	return at_ms != 0 ? (long)(at_ms - began_ms) : -1;
}

static void
set_fault(struct journal_entry *e, const struct fault *why)
{
	e->error = "";
	if (why == NULL || why->kind == FAULT_NONE)
		return;
	e->error = fault_type(why->kind);
	journal_copy(e->cause, sizeof(e->cause), why->message);
}

/* -- requests to the upstream --------------------------------------------- */

static void
fill(struct journal_entry *e, const struct journal_flight *f,
    const struct attempts *a)
{
	const struct stream_usage *usage;

	*e = (struct journal_entry){
		.route = f->route,
		.chosen_by = f->chosen_by,
		.stream = f->stream,
		.status = status_of(a),
		.first_byte_ms = since(f->began_ms, f->first_byte_ms),
		.first_token_ms = since(f->began_ms, f->first_token_ms),
		.total_ms = (long)(server_now_ms() - f->began_ms),
		.tries = a->tries,
		.retries = a->retries,
		.lessons = a->lessons,
	};
	e->began_unix_ms = unix_ms_before(e->total_ms);
	journal_copy(e->id, sizeof(e->id), f->id);
	journal_copy(e->asked, sizeof(e->asked), f->asked);
	journal_copy(e->used, sizeof(e->used), f->used);
	set_fault(e, a->client_gone ? NULL : &a->fault);
	if (a->stream == NULL)
		return;
	usage = stream_usage(a->stream);
	e->tokens.input = (unsigned long long)usage->input_tokens;
	e->tokens.output = (unsigned long long)usage->output_tokens;
	e->tokens.cached = (unsigned long long)usage->cache_read_tokens;
	e->repairs = stream_repairs(a->stream);
	journal_copy(e->stop, sizeof(e->stop), stream_stop_reason(a->stream));
}

static void
say(const struct journal_entry *e, const struct request_facts *f,
    const struct attempts *a)
{
	bool failed = e->error[0] != '\0';
	struct line l;

	l.n = 0;
	put_text(&l, "route", e->route);
	put_number(&l, "status", e->status);
	put_text(&l, "model", f->flight->asked);
	if (strcmp(f->flight->asked, f->flight->used) != 0)
		put_text(&l, "upstream_model", f->flight->used);
	put_text(&l, "chosen_by", e->chosen_by);
	put_text(&l, "stream", e->stream ? "yes" : "no");
	if (a->stream != NULL) {
		put_number(&l, "input_tokens", (long long)e->tokens.input);
		put_count(&l, "cached_tokens", (long long)e->tokens.cached);
		put_number(&l, "output_tokens", (long long)e->tokens.output);
	}
	put_text(&l, "stop", e->stop);
	if (e->first_token_ms >= 0)
		put_number(&l, "first_token_ms", e->first_token_ms);
	put_number(&l, "total_ms", e->total_ms);
	put_number(&l, "in_bytes", (long long)f->in_bytes);
	put_number(&l, "out_bytes", (long long)f->out_bytes);
	put_number(&l, "tries", e->tries);
	put_count(&l, "retries", e->retries);
	put_count(&l, "lessons", e->lessons);
	put_count(&l, "lessons_known", (long long)a->n_known);
	put_count(&l, "repairs", e->repairs);
	put_count(&l, "tools_left_out",
	    (long long)a->translation.dropped_server_tools);
	put_text(&l, "upstream_request", a->head.request_id);
	put_text(&l, "error", e->error);
	if (failed)
		put_text(&l, "cause", a->fault.message);
	/* a warning: a request was lost, and not by the client's fault */
	log_fields(
	    failed && a->fault.kind != FAULT_BAD_REQUEST ? LOG_WARN : LOG_INFO,
	    a->client_gone ? "client left"
	    : failed	   ? "failed"
			   : "done",
	    l.fields, l.n);
}

void
request_log_end(const struct request_facts *f, const struct attempts *a)
{
	struct journal_entry e;

	fill(&e, f->flight, a);
	say(&e, f, a);
	journal_end(a->server->journal, f->flight, &e);
}

/* -- all others ----------------------------------------------------------- */

static void
tell_answered(
    struct server *server, struct exchange *x, const struct fault *why)
{
	const char *route = routes_name(exchange_path(x));
	char path[MAX_PATH_SHOWN];
	struct journal_entry e = {
		.route = route,
		.chosen_by = "",
		.status =
		    why != NULL ? fault_status(why->kind) : exchange_status(x),
		.first_byte_ms = -1,
		.first_token_ms = -1,
		.total_ms = (long)(server_now_ms() - exchange_started_ms(x)),
	};
	struct line l = { .n = 0 };

	if (e.status == 0)
		e.status = STATUS_CLIENT_LEFT;
	set_fault(&e, why);
	/* Who has no key must not push others out of what is remembered. */
	if (strncmp(route, "/v1/messages", 12) == 0 &&
	    (why == NULL || why->kind != FAULT_AUTHENTICATION)) {
		e.began_unix_ms = unix_ms_before(e.total_ms);
		journal_copy(e.id, sizeof(e.id), exchange_id(x));
		journal_end(server->journal, NULL, &e);
	} else {
		journal_answered(server->journal, route, e.status);
	}
	/* A client chose the path, so it is shown only where it is wrong. */
	journal_copy(path, sizeof(path), exchange_path(x));
	put_text(&l, "method", exchange_method(x));
	put_text(&l, "route", strcmp(route, "other") == 0 ? path : route);
	put_number(&l, "status", e.status);
	put_number(&l, "total_ms", e.total_ms);
	put_text(&l, "error", e.error);
	put_text(&l, "cause", e.cause);
	log_set_request(exchange_id(x));
	/* What only looks after the proxy comes every few seconds. */
	log_fields(e.status < 400 && strncmp(route, "/v1/", 4) != 0 ? LOG_DEBUG
								    : LOG_INFO,
	    e.status < 400		     ? "done"
	    : e.status == STATUS_CLIENT_LEFT ? "client left"
					     : "refused",
	    l.fields, l.n);
	log_set_request(NULL);
}

void
request_log_answered(
    struct server *server, struct exchange *x, const struct fault *why)
{
	if (exchange_claim_log(x))
		tell_answered(server, x, why);
}
