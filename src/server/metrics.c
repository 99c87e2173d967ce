/* SPDX-License-Identifier: MIT */
/* Prometheus's text format.  Counts nothing itself. */
#include "server/metrics.h"

#include <stdlib.h>

#include "server/exchange.h"
#include "server/journal.h"
#include "server/server.h"
#include "server/upstream.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define PREFIX	  "anthropic_proxy_"
#define MAX_BYTES ((size_t)256 * 1024)

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
	    name, help, name, type);
}

/* A family of one sample. */
static void
put(struct buf *out, const char *name, const char *type, const char *help,
    unsigned long long value)
{
	head(out, name, type, help);
	buf_printf(out, PREFIX "%s %llu\n", name, value);
}

/* Texts of the journal hold no newline. */
static void
put_label(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

static void
put_answers(struct buf *out, const struct journal_totals *t)
{
	head(out, "requests_total", "counter",
	    "Requests by route and status of the answer (499: the client "
	    "left).");
	for (size_t i = 0; i < t->n_answers; i++)
		buf_printf(out,
		    PREFIX "requests_total{route=\"%s\",status=\"%d\"} %llu\n",
		    t->answers[i].route, t->answers[i].status, t->answers[i].n);
}

static void
put_errors(struct buf *out, const struct journal_totals *t)
{
	char name[24];

	head(out, "upstream_errors_total", "counter",
	    "Failed tries at the upstream by kind.");
	for (size_t i = 0; i < JOURNAL_ERRORS; i++)
		if (i != JOURNAL_CAUSES)
			buf_printf(out,
			    PREFIX "upstream_errors_total{kind=\"%s\"} %llu\n",
			    journal_error_name(i, name), t->upstream_errors[i]);
}

static void
put_model(struct buf *out, const struct journal_model *m)
{
	const struct {
		const char *kind;
		unsigned long long n;
	} parts[] = {
		{ "input", m->tokens.input },
		{ "output", m->tokens.output },
		{ "cached", m->tokens.cached },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		BUF_ADD_LIT(out, PREFIX "tokens_total{model=\"");
		put_label(out, m->name);
		buf_printf(
		    out, "\",kind=\"%s\"} %llu\n", parts[i].kind, parts[i].n);
	}
}

static void
put_models(struct buf *out, const struct journal_totals *t)
{
	head(out, "tokens_total", "counter",
	    "Tokens by the upstream's model; input without what was read "
	    "from its cache (cached).");
	for (size_t i = 0; i < t->n_models; i++)
		put_model(out, &t->models[i]);
	put_model(out, &t->other);
}

static void
put_histogram(struct buf *out, const char *name, const char *help,
    const struct journal_histogram *h)
{
	unsigned long long sum = 0;

	head(out, name, "histogram", help);
	for (size_t i = 0; i < JOURNAL_BUCKETS; i++) {
		sum += h->counts[i];
		buf_printf(out, PREFIX "%s_bucket{le=\"", name);
		if (i < JOURNAL_BOUNDS)
			buf_printf(
			    out, "%g", (double)journal_bounds_ms[i] / 1000);
		else
			BUF_ADD_LIT(out, "+Inf");
		buf_printf(out, "\"} %llu\n", sum);
	}
	buf_printf(out, PREFIX "%s_sum %.3f\n" PREFIX "%s_count %llu\n", name,
	    (double)h->sum_ms / 1000, name, sum);
}

void
metrics_print(const struct journal_totals *t, const struct upstream_facts *up,
    struct buf *out)
{
	put_answers(out, t);
	put_errors(out, t);
	put(out, "failed_requests_total", "counter",
	    "Requests to /v1/messages and below that failed, in mid-stream "
	    "too.",
	    t->errors);
	put(out, "retries_total", "counter",
	    "Tries repeated after a passing failure.", t->retries);
	put(out, "repairs_total", "counter",
	    "Broken pieces of upstream answers that were mended.", t->repairs);
	put(out, "lessons_total", "counter",
	    "Refusals that taught how to ask this upstream.", t->lessons);
	put(out, "client_disconnects_total", "counter",
	    "Clients that left before their answer was complete.",
	    t->clients_left);
	put_models(out, t);
	put(out, "requests_in_flight", "gauge",
	    "Requests that wait for the upstream or its answer's end.",
	    t->flights);
	put(out, "streams_in_flight", "gauge",
	    "Those of them that are streams.", t->streams);
	put_histogram(out, "first_byte_seconds",
	    "Time until the first event of a stream.", &t->first_byte);
	put_histogram(out, "request_seconds",
	    "Time of whole requests to /v1/messages.", &t->total);
	head(out, "upstream_connections_total", "counter",
	    "Connections used by calls to the upstream.");
	buf_printf(out,
	    PREFIX "upstream_connections_total{reused=\"no\"} %lu\n" PREFIX
		   "upstream_connections_total{reused=\"yes\"} %lu\n",
	    up->opened, up->reused);
	head(out, "build_info", "gauge", "The version that runs.");
	BUF_ADD_LIT(out, PREFIX "build_info{version=\"" VERSION "\"} 1\n");
	buf_printf(out,
	    "# HELP process_start_time_seconds When the process started, in "
	    "seconds since 1970.\n# TYPE process_start_time_seconds gauge\n"
	    "process_start_time_seconds %.3f\n",
	    (double)t->since_unix_ms / 1000);
}

void
metrics_serve(struct server *server, struct exchange *x)
{
	struct journal_snapshot *s = journal_look(server->journal);
	struct upstream_facts up;
	struct fault why = { 0 };
	struct buf text;

	buf_init(&text, MAX_BYTES);
	upstream_tell(server->upstream, &up);
	if (s != NULL)
		metrics_print(&s->totals, &up, &text);
	free(s);
	if (s == NULL || text.failed) {
		fault_no_memory(&why);
		exchange_answer_fault(x, &why);
	} else {
		exchange_answer(
		    x, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
	}
	buf_clear(&text);
}
