/* SPDX-License-Identifier: MIT */
#ifndef ASKING_H
#define ASKING_H

/*
 * Asks upstreams that can count to count a prompt.  Which way an upstream
 * knows is found out once and remembered for a while; most know none.
 */

#include <stdint.h>
#include "wire/json.h"

struct asking;
struct cancel;
struct server;
struct settings;

struct asking *asking_new(void);
void asking_free(struct asking *a);

/* Forgets what was found out: the upstream may be another one now. */
void asking_forget(struct asking *a);

/* The tokens of a built request as the upstream counts them, or -1 where it
 * cannot or did not in two seconds. */
int64_t asking_count(struct server *server, const struct settings *s,
    const cJSON *chat, const char *client_key, struct cancel *cancel);

#endif
