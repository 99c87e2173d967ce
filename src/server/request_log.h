/* SPDX-License-Identifier: MIT */
#ifndef REQUEST_LOG_H
#define REQUEST_LOG_H

/* What became of each request: one line of the log, and the journal. */

#include <stddef.h>

struct attempts;
struct exchange;
struct fault;
struct journal_flight;
struct server;

/* What the connection's side knows of a request that was read. */
struct request_facts {
	struct journal_flight *flight;
	size_t in_bytes, out_bytes;
};

/* The end of a request to the upstream. */
void
request_log_end(const struct request_facts *facts, const struct attempts *a);

/* The end of any other; before its answer leaves.  `why` is its fault, NULL
 * where exchange_status() tells enough: 0 is a client that left before there
 * was an answer.  Does nothing for a request that has its line. */
void request_log_answered(
    struct server *server, struct exchange *x, const struct fault *why);

#endif
