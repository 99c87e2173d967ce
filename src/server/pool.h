/* SPDX-License-Identifier: MIT */
#ifndef POOL_H
#define POOL_H

/*
 * Threads for streams: an answer that is still being made needs one beside
 * libmicrohttpd's.  Kept for a while after a job, the last used is used first,
 * so that a burst's threads leave again.
 */

#include <stddef.h>

struct pool;

/* No thread is started yet; NULL with errno set. */
struct pool *pool_new(size_t max_threads);

/* Runs fn(arg) on a thread of its own.  Waits for nothing.
 * 0, or -1: as many run as may, no thread can be made, or it was stopped. */
int pool_run(struct pool *p, void (*fn)(void *arg), void *arg);

/* Threads that run a job now. */
size_t pool_busy(struct pool *p);

/* Takes no more jobs, waits for those that run, frees; pool_run() must not
 * be called any more. */
void pool_stop(struct pool *p);

#endif
