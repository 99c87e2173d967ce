/* SPDX-License-Identifier: MIT */
#ifndef RELAYING_H
#define RELAYING_H

/*
 * For relay.c and relay_stream.c: one request while it is served, what was
 * read of it, and how it is told of.
 */

#include <pthread.h>
#include <stdbool.h>
#include "server/attempts.h"
#include "server/cancel.h"
#include "server/journal.h"
#include "server/server.h"
#include "wire/anthropic.h"
#include "wire/buf.h"

struct exchange;
struct settings;
struct spoken_answer;

enum relay_state { RELAY_UNDECIDED, RELAY_STREAMING, RELAY_OVER };

struct relay {
	struct server *server;
	struct settings *settings;
	struct exchange *exchange; /* only on the connection's thread */
	int client_fd, watched_fd;
	/* The worker's own: the exchange may end before it does. */
	struct buf body;
	char *client_key, *session_id, *asked_model; /* or NULL */
	bool has_forgotten;
	bool is_cut; /* not all of an event could be written */
	unsigned deliveries;
	struct message_request request;
	struct json_doc extra; /* UPSTREAM_BODY */
	struct attempts attempts;
	struct cancel cancel;
	struct job job;
	char request_id[32], message_id[32];
	size_t in_bytes, out_bytes;
	struct journal_flight flight;
	struct spoken_answer *spoken; /* or NULL */

	/* between the worker and the connection's thread, under lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum relay_state state;
	int pipe_read, pipe_write; /* -1: not open */
	bool has_head; /* had it, when that was decided: it stays as it is */
	bool has_left; /* the connection: its socket may be another's now */
	int holders;   /* worker, connection */

	struct relay *next; /* of the spare ones */
};

/* With one hold; NULL when out of memory. */
struct relay *relaying_new(struct server *server, struct exchange *x);

/* Lets go of a hold; the last one frees, or keeps the memory for others. */
void relaying_drop(struct relay *r);

/* Frees what is kept so. */
void relaying_trim(struct server *server);

/* Everything up to the upstream call; `count_only`: count_tokens.
 * 0, or -1 with the fault of the attempts set. */
int relaying_prepare(struct relay *r, bool count_only);

/* All tries. */
void relaying_run(struct relay *r);

/* To the journal and the log: once, when what became of it is known. */
void relaying_end(struct relay *r);

/* The fault of the attempts as the answer; on the connection's thread. */
void relaying_answer_fault(struct relay *r);

/* A stream: answers, drops the caller's hold. */
void relay_stream(struct relay *r);

#endif
