/* SPDX-License-Identifier: MIT */
#ifndef ROUTES_H
#define ROUTES_H

/* What is served where. */

struct exchange;
struct server;

/* Serves a request whose body is complete; answers it. */
void routes_serve(struct server *server, struct exchange *x);

#endif
