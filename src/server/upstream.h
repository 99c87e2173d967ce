/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_H
#define UPSTREAM_H

/*
 * The only door to libcurl: one blocking call to the upstream with callbacks
 * as its bytes arrive.  Easy handles are kept in a last-in first-out pool, so
 * that the warmest connection is used again; DNS answers and TLS sessions are
 * shared between them.  The process must ignore SIGPIPE.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "translate/error/errors.h"

struct cancel;
struct settings;
struct upstream;

/* The head of an answer; "" where a header is absent. */
struct upstream_head {
	int status;
	char content_type[128];
	char retry_after[64], retry_after_ms[32], should_retry[8];
	char request_id[128]; /* the upstream's x-request-id */
	/* x-ratelimit-{limit,remaining,reset}-{requests,tokens} */
	char ratelimit[3][2][48];
};

struct upstream_call {
	const struct settings *settings;
	const char *method; /* "POST" or "GET" */
	const char *url;
	const char *body; /* borrowed, at least until on_sent; NULL for GET */
	size_t body_len;
	const char *client_key; /* the client's own credential, or NULL; used
				   where no key is configured */
	bool want_events;	/* Accept: text/event-stream */
	bool fresh_connection;	/* do not use a kept one */
	struct upstream_head *head; /* filled by on_head; or NULL */
	struct cancel *cancel;	    /* may be NULL */
	long first_byte_timeout_ms, idle_timeout_ms; /* 0: the settings' */
	long total_timeout_ms;			     /* 0: none */
	size_t max_reply_bytes; /* inflated; 0: the settings' */

	/* Each runs on the calling thread; -1 ends the call (UPSTREAM_STOPPED).
	 * on_head comes once, before the first on_body (not for 1xx), and does
	 * not wait. */
	int (*on_head)(void *cookie, const struct upstream_head *head);
	int (*on_body)(void *cookie, const char *bytes, size_t len);
	/* After the last on_body of a read from the socket: nothing more is
	 * there for now.  May be left out
	 * behind the last of all.  May wait for the client.
	 */
	int (*on_read)(void *cookie);
	/* Once, early in an answer that is a success: the body has been sent
	 * and is not read again.  May be left out. */
	int (*on_sent)(void *cookie);
	/* About once a second, also in silence, before the head too;
	 * silent_ms: since the last byte (or the start). */
	int (*on_tick)(void *cookie, long silent_ms);
	/* A line of the request's head, then of the answer's, its status line
	 * first; may be NULL. */
	void (*on_head_line)(void *cookie, const char *line, size_t len);
	void *cookie;
};

enum upstream_end {
	UPSTREAM_COMPLETE,  /* the whole body came */
	UPSTREAM_STOPPED,   /* a callback ended it */
	UPSTREAM_CANCELLED, /* see cancel_reason() */
	UPSTREAM_BROKEN,    /* see cause and detail */
};

struct upstream_result {
	enum upstream_end end;
	enum error_cause cause;
	char detail[256]; /* host and cause in words, no secrets */
	int status;	  /* 0 if no head came */
	bool sent;	  /* the request may have reached the upstream */
	bool reused;	  /* went over a kept connection */
};

/* Once per process, before any thread / after the last call. */
struct upstream *upstream_new(void);
void upstream_free(struct upstream *u);

/* Makes the call and waits for its end. */
void upstream_perform(struct upstream *u, const struct upstream_call *call,
    struct upstream_result *result);

/* Since the start; any thread may ask. */
struct upstream_facts {
	unsigned long opened, reused; /* connections, by calls */
	/* When an answer with a status below 500 last began, on
	 * server_now_ms()'s clock; 0: never, or the settings were reloaded. */
	long long heard_ms;
};
void upstream_tell(struct upstream *u, struct upstream_facts *out);

/* Drops kept connections (settings were reloaded). */
void upstream_forget(struct upstream *u);

/* Closes connections that have rested for a minute; worth a call now and then
 * when nothing is asked, which does it too. */
void upstream_trim(struct upstream *u);

#endif
