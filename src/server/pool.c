/* SPDX-License-Identifier: MIT */
/* Worker threads.  Knows nothing of what they do. */
#include "server/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define IDLE_S 30

struct worker {
	struct pool *pool;
	struct worker *next; /* in the idle or the left list */
	pthread_t thread;
	pthread_cond_t given;
	void (*fn)(void *arg); /* NULL: nothing to do */
	void *arg;
	bool is_dismissed; /* by pool_trim(), which joins it */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t all_left;
	pthread_attr_t attr;
	size_t max_threads, n_threads, n_idle;
	struct worker *idle; /* the last used first */
	struct worker *left; /* ended, to be joined */
	bool is_stopping;
};

static void
leave_idle(struct pool *p, struct worker *me)
{
	struct worker **at = &p->idle;

	while (*at != NULL && *at != me)
		at = &(*at)->next;
	if (*at == me) {
		*at = me->next;
		p->n_idle--;
	}
}

/* Under the lock.  False when nothing came for IDLE_S or the pool stops. */
static bool
wait_for_job(struct pool *p, struct worker *me)
{
	struct timespec until;

	me->next = p->idle;
	p->idle = me;
	p->n_idle++;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_S;
	while (me->fn == NULL && !p->is_stopping && !me->is_dismissed)
		if (pthread_cond_timedwait(&me->given, &p->lock, &until) ==
		    ETIMEDOUT)
			break;
	if (me->fn == NULL)
		leave_idle(p, me);
	return me->fn != NULL;
}

/* Joins threads that are past their last line. */
static void
bury(struct worker *left)
{
	struct worker *next;

	for (; left != NULL; left = next) {
		next = left->next;
		pthread_join(left->thread, NULL);
		pthread_cond_destroy(&left->given);
		free(left);
	}
}

/* Whoever leaves buries who left before, so that no stacks pile up. */
static void *
work(void *arg)
{
	struct worker *me = arg, *left;
	struct pool *p = me->pool;

	pthread_mutex_lock(&p->lock);
	do {
		pthread_mutex_unlock(&p->lock);
		me->fn(me->arg);
		pthread_mutex_lock(&p->lock);
		me->fn = NULL;
	} while (!p->is_stopping && wait_for_job(p, me));
	left = p->left;
	p->left = NULL;
	if (!me->is_dismissed) {
		me->next = NULL;
		p->left = me;
	}
	p->n_threads--;
	if (p->n_threads == 0)
		pthread_cond_signal(&p->all_left);
	pthread_mutex_unlock(&p->lock);
	bury(left);
	return NULL;
}

static int
prepare(struct pool *p)
{
	int rc;

	if ((rc = pthread_mutex_init(&p->lock, NULL)) != 0)
		return rc;
	if ((rc = pthread_cond_init(&p->all_left, NULL)) != 0)
		goto no_cond;
	if ((rc = pthread_attr_init(&p->attr)) != 0)
		goto no_attr;
	pthread_attr_setstacksize(&p->attr, POOL_STACK_BYTES);
	return 0;
no_attr:
	pthread_cond_destroy(&p->all_left);
no_cond:
	pthread_mutex_destroy(&p->lock);
	return rc;
}

struct pool *
pool_new(size_t max_threads)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->max_threads = max_threads;
	if ((errno = prepare(p)) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Signals belong to the main thread: a new one inherits a full mask. */
static int
start_thread(struct pool *p, struct worker *me)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&me->thread, &p->attr, work, me);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Under the lock, so that the thread cannot end before its name is known. */
static int
add_worker(struct pool *p, void (*fn)(void *arg), void *arg)
{
	struct worker *me;

	if (p->n_threads >= p->max_threads ||
	    (me = calloc(1, sizeof(*me))) == NULL)
		return -1;
	*me = (struct worker){ .pool = p, .fn = fn, .arg = arg };
	if (pthread_cond_init(&me->given, NULL) != 0) {
		free(me);
		return -1;
	}
	if (start_thread(p, me) != 0) {
		pthread_cond_destroy(&me->given);
		free(me);
		return -1;
	}
	p->n_threads++;
	return 0;
}

int
pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
	struct worker *idle, *left;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	left = p->left;
	p->left = NULL;
	idle = p->idle;
	if (p->is_stopping) {
		rc = -1;
	} else if (idle != NULL) {
		p->idle = idle->next;
		p->n_idle--;
		idle->fn = fn;
		idle->arg = arg;
		pthread_cond_signal(&idle->given);
	} else {
		rc = add_worker(p, fn, arg);
	}
	pthread_mutex_unlock(&p->lock);
	bury(left);
	return rc;
}

void
pool_trim(struct pool *p)
{
	struct worker *idle;

	pthread_mutex_lock(&p->lock);
	idle = p->idle;
	p->idle = NULL;
	p->n_idle = 0;
	for (struct worker *w = idle; w != NULL; w = w->next) {
		w->is_dismissed = true;
		pthread_cond_signal(&w->given);
	}
	pthread_mutex_unlock(&p->lock);
	bury(idle);
}

size_t
pool_busy(struct pool *p)
{
	size_t busy;

	pthread_mutex_lock(&p->lock);
	busy = p->n_threads - p->n_idle;
	pthread_mutex_unlock(&p->lock);
	return busy;
}

void
pool_stop(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	for (struct worker *w = p->idle; w != NULL; w = w->next)
		pthread_cond_signal(&w->given);
	while (p->n_threads > 0)
		pthread_cond_wait(&p->all_left, &p->lock);
	pthread_mutex_unlock(&p->lock);
	bury(p->left);
	pthread_attr_destroy(&p->attr);
	pthread_cond_destroy(&p->all_left);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
