/* SPDX-License-Identifier: MIT */
#ifndef ROUTES_H
#define ROUTES_H

/* What is served where. */

struct exchange;
struct server;

/* The route of a path, for the log and the counters; "other": none. */
const char *routes_name(const char *path);

/* Serves a request whose body is complete; answers it. */
void routes_serve(struct server *server, struct exchange *x);

#endif
