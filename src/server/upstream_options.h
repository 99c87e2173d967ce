/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_OPTIONS_H
#define UPSTREAM_OPTIONS_H

/*
 * For upstream.c: what is asked, with which headers, over which connection.
 * The callbacks are upstream.c's own.
 */

struct handle;
struct upstream_call;
struct upstream_result;

/* 0, or -1 with the result told: the handle is then not to be given back. */
int options_set(struct handle *h, const struct upstream_call *call,
    struct upstream_result *result);

/* Nothing that the call lent may stay in a handle that goes back to the
 * pool; its headers do, for a next call that would have the same. */
void options_unset(struct handle *h);

#endif
