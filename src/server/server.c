/* SPDX-License-Identifier: MIT */
/* Shared state and the list of running requests.  Knows no HTTP. */
#include "server/server.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "server/asking.h"
#include "server/cancel.h"
#include "server/catalog.h"
#include "server/journal.h"
#include "server/lessons.h"
#include "server/pool.h"
#include "server/ready.h"
#include "server/relaying.h"
#include "server/scales.h"
#include "server/settings.h"
#include "server/spoken.h"
#include "server/upstream.h"
#include "server/watch.h"

/* How often a drain looks at the wake descriptor. */
#define DRAIN_STEP_MS 50
/* The limit of connections is the real one; this is a backstop. */
#define MAX_WORKERS 200000

struct server *
server_new(struct settings *s)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->idle, NULL);
	server->settings = settings_hold(s);
	if ((server->upstream = upstream_new()) == NULL ||
	    (server->watch = watch_start()) == NULL ||
	    (server->pool = pool_new(MAX_WORKERS)) == NULL ||
	    (server->lessons = lessons_open(s->state_dir)) == NULL ||
	    (server->scales = scales_new()) == NULL ||
	    (server->catalog = catalog_new()) == NULL ||
	    (server->asking = asking_new()) == NULL ||
	    (server->journal = journal_new()) == NULL ||
	    (server->spoken = spoken_new()) == NULL ||
	    (server->ready = ready_new()) == NULL) {
		server_free(server);
		return NULL;
	}
	return server;
}

void
server_free(struct server *server)
{
	if (server == NULL)
		return;
	catalog_cancel(server->catalog);
	pool_stop(server->pool);
	watch_stop(server->watch);
	upstream_free(server->upstream);
	lessons_close(server->lessons);
	scales_free(server->scales);
	catalog_free(server->catalog);
	asking_free(server->asking);
	journal_free(server->journal);
	spoken_free(server->spoken);
	ready_free(server->ready);
	relaying_trim(server);
	settings_drop(server->settings);
	pthread_cond_destroy(&server->idle);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

struct settings *
server_settings(struct server *server)
{
	struct settings *s;

	pthread_mutex_lock(&server->lock);
	s = settings_hold(server->settings);
	pthread_mutex_unlock(&server->lock);
	return s;
}

void
server_set_settings(struct server *server, struct settings *s)
{
	struct settings *old;

	pthread_mutex_lock(&server->lock);
	old = server->settings;
	server->settings = settings_hold(s);
	pthread_mutex_unlock(&server->lock);
	settings_drop(old);
	if (!s->status_bodies)
		spoken_forget(server->spoken);
	upstream_forget(server->upstream);
	asking_forget(server->asking);
	catalog_forget(server->catalog);
}

void
server_add_job(struct server *server, struct job *job)
{
	pthread_mutex_lock(&server->lock);
	job->prev = NULL;
	job->next = server->jobs;
	if (job->next != NULL)
		job->next->prev = job;
	server->jobs = job;
	server->n_jobs++;
	server->had_job = true;
	pthread_mutex_unlock(&server->lock);
}

void
server_remove_job(struct server *server, struct job *job)
{
	pthread_mutex_lock(&server->lock);
	if (job->prev != NULL)
		job->prev->next = job->next;
	else
		server->jobs = job->next;
	if (job->next != NULL)
		job->next->prev = job->prev;
	if (--server->n_jobs == 0)
		pthread_cond_broadcast(&server->idle);
	pthread_mutex_unlock(&server->lock);
}

bool
server_is_busy(struct server *server)
{
	bool busy;

	pthread_mutex_lock(&server->lock);
	busy = server->n_jobs > 0 || server->had_job;
	server->had_job = false;
	pthread_mutex_unlock(&server->lock);
	return busy;
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* The condition variable's clock is the wall clock: steps are short, so that
 * a clock that is set does not matter. */
static struct timespec
step_from_now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += DRAIN_STEP_MS * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return at;
}

bool
server_wait_idle(struct server *server, long timeout_ms, int wake_fd)
{
	long long end = server_now_ms() + timeout_ms;
	bool idle;

	pthread_mutex_lock(&server->lock);
	while (server->n_jobs > 0 && server_now_ms() < end &&
	       !is_readable(wake_fd)) {
		struct timespec at = step_from_now();

		pthread_cond_timedwait(&server->idle, &server->lock, &at);
	}
	idle = server->n_jobs == 0;
	pthread_mutex_unlock(&server->lock);
	return idle;
}

void
server_cancel_jobs(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	for (struct job *job = server->jobs; job != NULL; job = job->next)
		cancel_fire(job->cancel, CANCEL_DRAIN);
	pthread_mutex_unlock(&server->lock);
}

long long
server_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
