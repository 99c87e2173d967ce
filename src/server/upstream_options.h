/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_OPTIONS_H
#define UPSTREAM_OPTIONS_H

/*
 * For upstream.c: what is asked, with which headers, over which connection.
 * The callbacks are upstream.c's own.
 */

struct curl_slist;
struct handle;
struct upstream_call;
struct upstream_result;

/* What libcurl borrows until the call is over. */
struct options {
	struct curl_slist *lines;
};

/* 0, or -1 with the result told.  `o` is good for options_unset() either
 * way. */
int options_set(struct options *o, struct handle *h,
    const struct upstream_call *call, struct upstream_result *result);

/* Nothing of the call may stay in a handle that goes back to the pool. */
void options_unset(struct options *o, struct handle *h);

#endif
