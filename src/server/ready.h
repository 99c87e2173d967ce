/* SPDX-License-Identifier: MIT */
#ifndef READY_H
#define READY_H

/* Whether the upstream can be reached: GET /ready, for balancers. */

struct exchange;
struct ready;
struct server;

/* NULL: no memory. */
struct ready *ready_new(void);
void ready_free(struct ready *r);

/*
 * 200 where the upstream was heard of late.  Else it is asked for its models,
 * by one caller for all and not too often, and what came of that is told.
 */
void ready_serve(struct server *server, struct exchange *x);

#endif
