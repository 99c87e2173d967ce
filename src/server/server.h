/* SPDX-License-Identifier: MIT */
#ifndef SERVER_H
#define SERVER_H

/* What all requests share, and the list of those that run. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct asking;
struct cancel;
struct catalog;
struct journal;
struct lessons;
struct pool;
struct ready;
struct relay;
struct scales;
struct settings;
struct spoken;
struct upstream;
struct watch;

/* A running request, so that a drain can wait for it and end it. */
struct job {
	struct job *prev, *next;
	struct cancel *cancel;
};

struct server {
	struct settings *settings; /* under lock; see server_settings() */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* signalled when no job runs */
	struct job *jobs;    /* under lock */
	unsigned n_jobs;
	bool had_job;		    /* since server_is_busy() was asked */
	struct relay *spare_relays; /* under lock, relaying.c's own */
	int n_spare_relays;

	struct upstream *upstream;
	struct watch *watch;
	struct pool *pool;
	struct lessons *lessons;
	struct scales *scales;
	struct catalog *catalog;
	struct asking *asking;
	struct journal *journal;
	struct spoken *spoken;
	struct ready *ready;

	/* Apart from what is under lock: gcc reads neighbours together. */
	atomic_bool draining;
	atomic_uint watchers; /* of the status page */
};

/* Takes its own hold on `s`.  NULL with errno. */
struct server *server_new(struct settings *s);
void server_free(struct server *server);

/* The current settings, held for the caller: settings_drop() them. */
struct settings *server_settings(struct server *server);
void server_set_settings(struct server *server, struct settings *s);

void server_add_job(struct server *server, struct job *job);
void server_remove_job(struct server *server, struct job *job);

/* Whether a request ran since the last call, or runs now. */
bool server_is_busy(struct server *server);

/* Waits until no job runs: at most timeout_ms, or until wake_fd (-1: none)
 * is readable.  True if none runs. */
bool server_wait_idle(struct server *server, long timeout_ms, int wake_fd);

/* Fires every running job's cancel with CANCEL_DRAIN. */
void server_cancel_jobs(struct server *server);

/* Milliseconds of the monotonic clock. */
long long server_now_ms(void);

#endif
