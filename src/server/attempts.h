/* SPDX-License-Identifier: MIT */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

/*
 * All tries of one request at the upstream: the call itself, the other form
 * of the URL, what a refusal teaches, retries with back-off.  A try is only
 * repeated while nothing has been delivered to the client.
 */

#include <stdbool.h>
#include "server/lessons.h"
#include "server/upstream.h"
#include "translate/dialect/dialect.h"
#include "translate/request/request.h"
#include "translate/reply/stream.h"
#include "translate/tokens.h"
#include "wire/buf.h"
#include "wire/fault.h"

struct cancel;
struct capture;
struct server;
struct settings;

/* In place of the network and of what is known of the model: an exchange
 * that is played again. */
struct attempts_stage {
	void (*perform)(void *cookie, const struct upstream_call *call,
	    struct upstream_result *result);
	bool (*waits)(void *cookie); /* whether there was one more try */
	void *cookie;
	struct token_scale scale;
	int64_t window;
	long long now_unix;
};

struct attempts {
	/* given; see prepare.h for what is then made of it */
	struct server *server;
	const struct settings *settings;
	const struct message_request *request;
	struct request_context
	    context; /* profile and extra body are set here */
	struct profile profile;
	const char *client_key; /* or NULL */
	struct cancel *cancel;
	struct capture *capture;	    /* or NULL */
	const struct attempts_stage *stage; /* or NULL */
	struct stream_env env;
	long long began_ms; /* when the request came */
	/* Takes events as they are made and empties the buffer; -1 ends the
	 * request.  NULL where the client wants one message. */
	int (*deliver)(void *cookie, struct buf *events);
	void *cookie;

	/* the outcome */
	struct translation translation; /* of the last try */
	struct stream *stream;		/* of the last try; NULL before */
	struct fault fault;		/* kind NONE: the answer is complete */
	bool client_gone;		/* nobody is left to be answered */
	bool delivered;			/* something went to the client */
	struct upstream_head head;	/* of the last answer */
	struct upstream_result result;	/* of the last try */
	unsigned tries, retries, lessons;

	/* private */
	struct buf sending, events, refusal;
	long long delivered_ms;
	int64_t estimate; /* of the prompt, before any calibration */
	size_t n_known;	  /* lessons that made the last try */
	bool has_head;
};

/* Nothing tried yet; the other given members are then filled in. */
void attempts_init(
    struct attempts *a, struct server *server, const struct settings *settings);

/* Tries until the answer is complete, delivered in part, or hopeless: see
 * the outcome.  After prepare_request(). */
void attempts_run(struct attempts *a);

/* The empty message of max_tokens 0, out of the same machine: a cache was
 * filled, nothing said. */
void attempts_say_nothing(struct attempts *a);

static inline bool
attempts_is_success(int status)
{
	return status >= 200 && status < 300;
}

/* True once an answer has begun to go out: no other try will follow. */
bool attempts_is_answering(const struct attempts *a);

/* Frees what only another try would need; see attempts_is_answering().  The
 * request and the extra body may go then as well. */
void attempts_forget_request(struct attempts *a);

void attempts_clear(struct attempts *a);

#endif
