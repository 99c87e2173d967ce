/* SPDX-License-Identifier: MIT */
#ifndef RELAY_H
#define RELAY_H

/*
 * One request's life: parse, translate, ask the upstream, answer.
 *
 * A plain answer needs the connection's own thread only.  A stream needs two:
 * the library sends only after the handler returned, and then waits in a
 * blocking read of the pipe, so a worker makes the upstream call and owns the
 * pipe's write end, while the handler waits until the status is decided.
 */

struct exchange;
struct server;

void relay_messages(struct server *server, struct exchange *x);
void relay_count_tokens(struct server *server, struct exchange *x);

#endif
