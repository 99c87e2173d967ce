/* SPDX-License-Identifier: MIT */
/* Limits of silence.  Knows clocks and cancels, not libcurl. */
#include "server/deadline.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "server/cancel.h"

#define LOOK_EVERY_MS 100
#define SHORT_MS      2000
#define NEVER	      LLONG_MAX

/* No limit needs better than some milliseconds, and this clock is read some
 * twenty times for a small answer.  It may be behind by a tick: no limit is
 * over before that has passed as well. */
#ifdef CLOCK_MONOTONIC_COARSE
#define CLOCK  CLOCK_MONOTONIC_COARSE
#define LAG_MS 10
#else
#define CLOCK  CLOCK_MONOTONIC
#define LAG_MS 0
#endif

struct deadlines {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, is_stopping;
	struct deadline *first;
};

long long
deadline_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
arm(struct deadline *d)
{
	long long at = NEVER;

	if (d->answered != 0 && d->idle_ms > 0)
		at = d->last_byte + d->idle_ms + LAG_MS;
	else if (d->answered == 0 && d->asked != 0 && d->first_byte_ms > 0)
		at = d->asked + d->first_byte_ms + LAG_MS;
	atomic_store(&d->at_ms, at);
}

void
deadline_init(
    struct deadline *d, long first_byte_ms, long idle_ms, long long now_ms)
{
	*d = (struct deadline){ .first_byte_ms = first_byte_ms,
		.idle_ms = idle_ms,
		.last_byte = now_ms };
	arm(d);
}

/* A request that libcurl sends again has no more time than the first. */
void
deadline_ask(struct deadline *d)
{
	if (d->asked == 0)
		d->asked = deadline_now_ms();
	arm(d);
}

void
deadline_byte(struct deadline *d, long long now_ms)
{
	d->last_byte = now_ms;
	if (d->answered == 0)
		d->answered = d->last_byte;
	arm(d);
}

void
deadline_pause(struct deadline *d, long long now_ms)
{
	d->paused = now_ms;
	atomic_store(&d->at_ms, NEVER);
}

void
deadline_resume(struct deadline *d)
{
	long long lost = deadline_now_ms() - d->paused;

	d->last_byte += lost;
	if (d->asked != 0)
		d->asked += lost;
	arm(d);
}

bool
deadline_is_over(struct deadline *d, long long now_ms)
{
	return atomic_load(&d->has_passed) || now_ms >= atomic_load(&d->at_ms);
}

static bool
is_short(const struct deadline *d)
{
	return (d->first_byte_ms > 0 && d->first_byte_ms < SHORT_MS) ||
	       (d->idle_ms > 0 && d->idle_ms < SHORT_MS);
}

static void
look(struct deadlines *all)
{
	long long now = deadline_now_ms();

	for (struct deadline *d = all->first; d != NULL; d = d->next)
		if (now >= atomic_load(&d->at_ms) &&
		    !atomic_exchange(&d->has_passed, true))
			cancel_wake(d->cancel);
}

static void *
run(void *arg)
{
	struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
	struct deadlines *all = arg;

	pthread_mutex_lock(&all->lock);
	while (!all->is_stopping) {
		if (all->first == NULL) {
			pthread_cond_wait(&all->changed, &all->lock);
			continue;
		}
		look(all);
		pthread_mutex_unlock(&all->lock);
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&all->lock);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

struct deadlines *
deadlines_new(void)
{
	struct deadlines *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	if (pthread_mutex_init(&all->lock, NULL) != 0) {
		free(all);
		return NULL;
	}
	if (pthread_cond_init(&all->changed, NULL) != 0) {
		pthread_mutex_destroy(&all->lock);
		free(all);
		return NULL;
	}
	return all;
}

void
deadlines_free(struct deadlines *all)
{
	if (all == NULL)
		return;
	pthread_mutex_lock(&all->lock);
	all->is_stopping = true;
	pthread_cond_signal(&all->changed);
	pthread_mutex_unlock(&all->lock);
	if (all->has_thread)
		pthread_join(all->thread, NULL);
	pthread_cond_destroy(&all->changed);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* Where no thread can be had, the call still looks once a second. */
static void
start_thread(struct deadlines *all)
{
	sigset_t every, before;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	all->has_thread = pthread_create(&all->thread, NULL, run, all) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
deadlines_add(struct deadlines *all, struct deadline *d)
{
	if (!is_short(d))
		return;
	pthread_mutex_lock(&all->lock);
	d->next = all->first;
	all->first = d;
	if (!all->has_thread)
		start_thread(all);
	pthread_cond_signal(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

void
deadlines_remove(struct deadlines *all, struct deadline *d)
{
	struct deadline **at = &all->first;

	if (!is_short(d))
		return;
	pthread_mutex_lock(&all->lock);
	while (*at != NULL && *at != d)
		at = &(*at)->next;
	if (*at == d)
		*at = d->next;
	pthread_mutex_unlock(&all->lock);
}
