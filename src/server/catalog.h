/* SPDX-License-Identifier: MIT */
#ifndef CATALOG_H
#define CATALOG_H

/*
 * The upstream's list of models, kept for a while: context windows for the
 * check before a request is sent.
 */

#include <stdint.h>

struct catalog;
struct server;
struct settings;

struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/* Ends a fetch that runs: the process is about to. */
void catalog_cancel(struct catalog *c);

/*
 * Sees that the list is there and not older than ten minutes (a failure is
 * remembered as long).  The first time the caller waits for it, at most two
 * seconds; later it is fetched on a worker while the old one serves.
 * `client_key` as in upstream.h; copied.
 */
void catalog_refresh(
    struct server *server, struct settings *s, const char *client_key);

/* The context window of a model in tokens, 0 where it is not known. */
int64_t catalog_window(struct catalog *c, const char *model);

#endif
