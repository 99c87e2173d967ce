/* SPDX-License-Identifier: MIT */
#ifndef MODELSROUTE_H
#define MODELSROUTE_H

/* GET /v1/models and GET /v1/models/{id}. */

struct exchange;
struct server;

/* Each answers, also where the upstream has no list or is down. */
void modelsroute_list(struct server *server, struct exchange *x);
void modelsroute_one(struct server *server, struct exchange *x);

#endif
