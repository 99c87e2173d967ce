/* SPDX-License-Identifier: MIT */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

/*
 * The connections of a listener, so that idle ones can be closed and a drain
 * knows who may still ask.  Knows sockets, not what is said on them.
 */

#include <pthread.h>
#include <stdbool.h>

struct connection; /* its flags are set by its own thread */

struct connections { /* private */
	pthread_mutex_t lock;
	struct connection *list;
	int n;
	unsigned n_ever;
};

void connections_init(struct connections *all);
void connections_clear(struct connections *all);

/* `max`: if there are so many others, it is over the limit.  NULL: no
 * memory. */
struct connection *connections_add(struct connections *all, int fd, int max);
/* Frees it; its descriptor is still open. */
void connections_remove(struct connections *all, struct connection *c);
/* How many have come since the start. */
unsigned connections_ever(struct connections *all);

bool connection_is_over(const struct connection *c); /* the limit */
/* Its reading side was closed here, so that its end tells nothing of the
 * client; for its own thread, once it is marked as busy. */
bool connection_is_let_go(const struct connection *c);
/* Before the exchange that runs on it. */
bool connection_has_asked(const struct connection *c);

/* The first line of a head has come. */
void connections_mark_asking(struct connections *all, struct connection *c);
/* An exchange begins, or shows life; it is over. */
void
connections_mark_busy(struct connections *all, struct connection *c, bool busy);

/* Closes those that have been idle for at least so long. */
void connections_close_idle(struct connections *all, long idle_ms);

/* Closes those that ask nothing, so that no request is lost. */
void connections_let_idle_go(struct connections *all);

/* Whether somebody has connected in the last `newcomer_ms` and may still ask.
 */
bool connections_have_newcomers(struct connections *all, long newcomer_ms);

/*
 * Whether connections are left; `life_ms` becomes the last sign of an
 * exchange, if later.  Once none runs the idle ones go, too: until then they
 * are told to try again elsewhere.
 */
bool connections_are_left(struct connections *all, long long *life_ms);

#endif
