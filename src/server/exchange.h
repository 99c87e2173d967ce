/* SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * One HTTP request and its answer, without the HTTP library showing.  A
 * handler runs on the connection's own thread once the body is complete and
 * must answer exactly once; if it does not, the connection is closed.
 */

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct exchange;
struct fault;
struct settings;

const char *exchange_id(const struct exchange *x); /* "req_…" */
const char *exchange_method(const struct exchange *x);
const char *exchange_path(const struct exchange *x); /* no query */
/* A request header (any case), or NULL; of several the first. */
const char *exchange_header(struct exchange *x, const char *name);
/* Each argument of the query, as it is written there but for a + that is now
 * a space. */
void exchange_each_argument(struct exchange *x,
    void (*see)(void *cookie, const char *name, const char *value),
    void *cookie);
/* All values of a header joined by ", " into `out`. */
void exchange_header_all(struct exchange *x, const char *name, struct buf *out);
/* Shows all request headers, as they were sent. */
void exchange_each_header(struct exchange *x,
    void (*see)(void *cookie, const char *name, const char *value),
    void *cookie);
/* Hands the body over: an exchange ends when its client leaves, and what a
 * worker still reads must outlive that. */
void exchange_move_body(struct exchange *x, struct buf *to);
int exchange_status(const struct exchange *x); /* of the answer; 0: none yet */
/* Each request gets one line of the log: true for the first to ask, who then
 * sees to it. */
bool exchange_claim_log(struct exchange *x);
int exchange_fd(const struct exchange *x); /* client's socket */
/* The same for watch_add(); -1 if there is nothing to be seen on it. */
int exchange_watched_fd(const struct exchange *x);
long long exchange_started_ms(const struct exchange *x); /* monotonic */
/* The settings as they were when the request came; borrowed. */
const struct settings *exchange_settings(const struct exchange *x);

/* Adds a header to the answer to come.  Unsafe values are left out. */
void
exchange_add_header(struct exchange *x, const char *name, const char *value);

/* Answers with a whole body, which is taken (`body` is empty after). */
void exchange_answer(
    struct exchange *x, int status, const char *type, struct buf *body);

/* Answers with the error envelope, retry-after and x-should-retry. */
void exchange_answer_fault(struct exchange *x, const struct fault *why);

/*
 * Answers 200 with what comes out of the pipe's read end, which is taken.
 * `done` runs on the connection's thread after the last byte went out or the
 * client left.  -1 if it could not be queued (`done` is not called then).
 */
int exchange_answer_pipe(
    struct exchange *x, int read_fd, void (*done)(void *cookie), void *cookie);

/* Events that are made on the connection's own thread. */
struct exchange_events {
	/* Appends the next ones, waiting for them; false ends the answer. */
	bool (*next)(void *cookie, struct buf *out);
	void (*done)(void *cookie); /* as above */
	void *cookie;
	size_t max_bytes; /* of what one call appends */
	long ping_ms;	  /* something is appended so often */
};

/* Answers 200 with them; the exchange has no body.  -1 if it could not be
 * queued (`done` is not called then). */
int exchange_answer_events(struct exchange *x, const struct exchange_events *e);

#endif
