/* SPDX-License-Identifier: MIT */
#ifndef CATALOG_H
#define CATALOG_H

/*
 * The upstream's list of models, kept for a while: context windows for the
 * check before a request is sent, and what is offered to clients.
 */

#include <stdint.h>

struct catalog;
struct model_list;
struct server;
struct settings;

struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/* Forgets the list: the upstream may be another one now. */
void catalog_forget(struct catalog *c);

/* Ends a fetch that runs: the process is about to. */
void catalog_cancel(struct catalog *c);

/*
 * Sees that the list is there and not older than ten minutes (that there
 * is none is remembered as long, another failure for half a minute).  The first
 * time the caller waits for it, at most two seconds; later it is fetched on a
 * worker while the old one serves. `client_key` as in upstream.h; copied.
 */
void catalog_refresh(
    struct server *server, struct settings *s, const char *client_key);

/*
 * Shows the list to `see`, under a lock: an empty one where there is none.
 * Waits for it as above, and where the client's own key goes up, also for one
 * that was got with this key: others see nothing of it.
 */
void
catalog_show(struct server *server, struct settings *s, const char *client_key,
    void (*see)(void *cookie, const struct model_list *list), void *cookie);

/* The context window of a model in tokens, 0 where it is not known. */
int64_t catalog_window(struct catalog *c, const char *model);

#endif
