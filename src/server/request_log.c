/* SPDX-License-Identifier: MIT */
/* What became of a request, in one line. */
#include "server/request_log.h"

#include "server/attempts.h"
#include "server/log.h"
#include "server/server.h"

/* No status went out: the client had left. */
#define STATUS_CLIENT_LEFT 499

static int
status_of(const struct attempts *a)
{
	if (a->client_gone)
		return STATUS_CLIENT_LEFT;
	if (a->fault.kind == FAULT_NONE || a->delivered)
		return 200;
	return fault_status(a->fault.kind);
}

static const char *
or_dash(const char *text)
{
	return text != NULL && *text != '\0' ? text : "-";
}

void
request_log_end(const struct request_facts *f, const struct attempts *a)
{
	static const struct stream_usage none;
	const struct stream_usage *usage =
	    a->stream != NULL ? stream_usage(a->stream) : &none;
	const char *stop =
	    a->stream != NULL ? stream_stop_reason(a->stream) : NULL;
	const struct log_field fields[] = {
		{ "route", f->route, 0 },
		{ "model", or_dash(f->asked_model), 0 },
		{ "upstream_model", or_dash(a->context.model), 0 },
		{ "stream", f->stream ? "yes" : "no", 0 },
		{ "status", NULL, status_of(a) },
		{ "in_bytes", NULL, (long long)f->in_bytes },
		{ "out_bytes", NULL, (long long)f->out_bytes },
		{ "first_event_ms", NULL,
		    f->first_event_ms ? f->first_event_ms - f->began_ms : -1 },
		{ "total_ms", NULL, server_now_ms() - f->began_ms },
		{ "tries", NULL, a->tries },
		{ "input_tokens", NULL, usage->input_tokens },
		{ "cached_tokens", NULL, usage->cache_read_tokens },
		{ "output_tokens", NULL, usage->output_tokens },
		{ "stop", or_dash(stop), 0 },
		{ "upstream_request", or_dash(a->head.request_id), 0 },
	};

	log_fields(LOG_INFO, a->client_gone ? "client left" : "done", fields,
	    sizeof(fields) / sizeof(fields[0]));
	if (!a->client_gone && a->fault.kind != FAULT_NONE)
		log_say(
		    a->fault.kind == FAULT_BAD_REQUEST ? LOG_INFO : LOG_WARN,
		    "%s: %s", fault_type(a->fault.kind), a->fault.message);
}
