/* SPDX-License-Identifier: MIT */
#ifndef REQUEST_LOG_H
#define REQUEST_LOG_H

/* The log's one line for each request, when it ends. */

#include <stdbool.h>
#include <stddef.h>

struct attempts;

/* What the connection's side knows of a request. */
struct request_facts {
	const char *route;
	const char *asked_model; /* NULL: the request could not be read */
	bool stream;
	size_t in_bytes, out_bytes;
	long long began_ms, first_event_ms; /* monotonic; 0: no event */
};

/* One line, and one more where it failed. */
void
request_log_end(const struct request_facts *facts, const struct attempts *a);

#endif
