/* SPDX-License-Identifier: MIT */
/* The thread that watches short deadlines.  Knows cancels, not libcurl. */
#include "server/deadline.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "server/cancel.h"

#define LOOK_EVERY_MS 100

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

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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

	pthread_mutex_lock(&all->lock);
	while (*at != NULL && *at != d)
		at = &(*at)->next;
	if (*at == d)
		*at = d->next;
	pthread_mutex_unlock(&all->lock);
}
