/* SPDX-License-Identifier: MIT */
#ifndef FETCH_H
#define FETCH_H

/* Small questions to the upstream, whose answer is wanted whole. */

struct buf;
struct upstream;
struct upstream_call;

/*
 * Makes the call (with callbacks and a reply ceiling of its own) and
 * appends the body, up to its ceiling.  Returns the status if a whole answer
 * came, else -1.  The body of a status other than 200 is not read.
 */
int fetch_whole(
    struct upstream *u, const struct upstream_call *asked, struct buf *body);

#endif
