/* SPDX-License-Identifier: MIT */
#ifndef LISTENER_H
#define LISTENER_H

/*
 * The listening half of the server: libmicrohttpd, a thread per connection.
 * listener.c and exchange.c are the only files that know the library.
 */

#include <stdbool.h>

struct fault;
struct listener;
struct model_list;
struct settings;

/*
 * Serves at a socket that listens; it is closed at the end, also where this
 * fails.  A shared one is open elsewhere, too, and goes on taking connections.
 * Holds the settings.  All signals must be blocked already.  NULL with `why`.
 */
struct listener *
listener_start(struct settings *s, int fd, bool is_shared, struct fault *why);

/* "http://127.0.0.1:3000", "http://[::1]:3000" or "unix:/path". */
const char *listener_address(const struct listener *l);

/* Shows the upstream's models to `see`, as catalog_show() does. */
void listener_show_models(struct listener *l,
    void (*see)(void *cookie, const struct model_list *list), void *cookie);

/* Later requests use these settings; running ones keep theirs. */
void listener_reload(struct listener *l, struct settings *s);

/*
 * Stops accepting, refuses new work on kept connections, and waits until the
 * running requests are done, but at most timeout_ms, and no longer once
 * `wake_fd` (-1: none) is readable.  What still runs then is ended with an
 * error event.
 */
void listener_drain(struct listener *l, long timeout_ms, int wake_fd);

/* Closes everything and frees.  A unix socket's file stays. */
void listener_stop(struct listener *l);

#endif
