/* SPDX-License-Identifier: MIT */
#ifndef POOL_H
#define POOL_H

/*
 * Threads for streams: an answer that is still being made needs one beside
 * libmicrohttpd's.  Kept for a while after a job, the last used is used first,
 * so that a burst's threads leave again.
 */

#include <stddef.h>

/*
 * The stack of any thread that handles a request: parsing deep JSON takes
 * 160 KiB.  Less would save nothing, since pages that are not touched are not
 * there.  The thread sanitizer puts 770 KiB of its own there.
 */
#if defined(__SANITIZE_THREAD__)
#define POOL_STACK_BYTES ((size_t)2048 * 1024)
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define POOL_STACK_BYTES ((size_t)2048 * 1024)
#endif
#endif
#ifndef POOL_STACK_BYTES
#define POOL_STACK_BYTES ((size_t)512 * 1024)
#endif

struct pool;

/* No thread is started yet; NULL with errno set. */
struct pool *pool_new(size_t max_threads);

/* Runs fn(arg) on a thread of its own.  Waits for nothing.
 * 0, or -1: as many run as may, no thread can be made, or it was stopped. */
int pool_run(struct pool *p, void (*fn)(void *arg), void *arg);

/* Lets the idle threads go, and waits until they have: the C library keeps
 * memory for each thread that is alive. */
void pool_trim(struct pool *p);

/* Threads that run a job now. */
size_t pool_busy(struct pool *p);

/* Takes no more jobs, waits for those that run, frees; pool_run() must not
 * be called any more. */
void pool_stop(struct pool *p);

#endif
