/* SPDX-License-Identifier: MIT */
#ifndef STATUSPAGE_H
#define STATUSPAGE_H

/*
 * The status page and its events.  Who may see it without a key is decided
 * here: only who asks from this machine, by a name of this machine.
 */

struct exchange;
struct server;

/* GET /status */
void statuspage_serve(struct server *server, struct exchange *x);

/* GET /status/events: what stands in <main>, again after each change. */
void statuspage_events(struct server *server, struct exchange *x);

#endif
