/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_HANDLES_H
#define UPSTREAM_HANDLES_H

/*
 * For upstream.c: libcurl's easy handles, each with the one connection that
 * it keeps, in a last-in first-out pool, so that the warmest is used again.
 */

#include <stdbool.h>
#include <curl/curl.h>
#include "server/cancel.h"

struct handles;
struct run;

struct handle {
	CURL *easy;
	struct run *run; /* upstream.c's: the call that it now makes */
	struct handle *newer, *older; /* in the pool */
	unsigned generation;
	long long idle_since_ms;
	int sockets[CANCEL_SOCKETS]; /* -1: free */
	struct cancel *cancel;	     /* of the call it now makes, or NULL */
	char error[CURL_ERROR_SIZE]; /* libcurl's own words for it */
	CURLU *url;		     /* parsed, of `url_text`, or NULL */
	char *url_text;
	bool is_direct; /* its calls go past any proxy */
	/* upstream_options.c's: the headers of its last call, and what they
	 * were made of. */
	struct curl_slist *lines;
	char *lines_key, *lines_more;
	unsigned lines_kind;
};

/* Once per process: starts and ends libcurl.  `prepare` sees each new handle
 * once, before its first call. */
struct handles *handles_new(void (*prepare)(struct handle *h));
void handles_free(struct handles *all);

/* A handle with all options set that no call changes, and with those of the
 * call before; NULL: no memory. */
struct handle *handle_take(struct handles *all);
void handle_give_back(struct handles *all, struct handle *h);
/* Instead of giving it back: its connection is not to be used again. */
void handle_drop(struct handle *h);

/* The URL of the calls to come.  False when out of memory or when it is not
 * one.  Kept: parsing it costs an eighth of a small call. */
bool handle_set_url(struct handle *h, const char *url);

/* Between these two `c` reaches all sockets of the handle. */
void handle_attach(struct handle *h, struct cancel *c);
void handle_detach(struct handle *h);
bool handle_is_cancelled(const struct handle *h);

/* Whether something came, or an end, that no call has asked for: the next one
 * would take it for its answer, which not every libcurl prevents. */
bool handle_has_input(const struct handle *h);

/* Drops those that have rested for a minute; all: every one, and those in
 * use when they come back. */
void handles_trim(struct handles *all);
void handles_forget(struct handles *all);

#endif
