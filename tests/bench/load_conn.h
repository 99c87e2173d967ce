/* SPDX-License-Identifier: MIT */
#ifndef LOAD_CONN_H
#define LOAD_CONN_H

/*
 * One client of the load: it sends the same request again and again, on one
 * connection while that lasts, and reads the answers' events.
 */

#include <stdbool.h>
#include <sys/socket.h>
#include "bench.h"
#include "histogram.h"

/* What all clients do, and what came of it. */
struct load {
	int poller; /* an epoll; data.ptr is the client */
	struct sockaddr_storage address;
	socklen_t address_len;
	struct queue request;
	bool stream; /* an answer must end as a stream does */
	bool keep_alive;
	int status;	   /* what an answer's must be */
	long max_requests; /* -1: no end */
	bool is_measuring; /* past the warm-up */
	/* results: of all the run … */
	long started, completed;
	uint64_t errors;
	char first_error[200];
	/* … and of what was measured */
	uint64_t answers, events, stamps, bytes;
	struct histogram first_event, delay, total;
};

enum client_state {
	CLIENT_CLOSED,
	CLIENT_CONNECTING,
	CLIENT_SENDING,
	CLIENT_HEAD,
	CLIENT_LENGTH,	  /* a body of known length */
	CLIENT_UNTIL_END, /* a body until the connection closes */
	CLIENT_CHUNK_SIZE,
	CLIENT_CHUNK,
	CLIENT_CHUNK_END,
	CLIENT_TRAILER,
};

struct client {
	struct load *load;
	int fd; /* -1: none */
	enum client_state state;
	struct queue in;
	struct queue line; /* of the body, as far as it came */
	size_t sent;
	uint64_t left; /* of the body or chunk */
	int status;
	bool close_after, is_reused;
	bool has_event, has_end, has_error;
	uint64_t begun_ns;
};

/* Sends the next request, over a new connection if need be. */
void client_begin(struct client *c);

/* Goes on after epoll said so. */
void client_go_on(struct client *c, unsigned events);

#endif
