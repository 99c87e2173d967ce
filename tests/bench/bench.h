/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * What the programs of the benchmark share: a clock, bytes that wait in line,
 * and a way to give up.  Linux only (epoll, /proc).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Nanoseconds of CLOCK_MONOTONIC, the same for all processes here. */
uint64_t now_ns(void);

/* Says why on stderr and exits with 1. */
_Noreturn void
die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole number from the command line, or die() naming `what`. */
long whole_number(const char *text, const char *what, long min, long max);
double seconds(const char *text, const char *what);

/* As many open files as the system lets this process have. */
void raise_file_limit(void);

/* A non-blocking socket whose small writes leave at once. */
void prepare_socket(int fd);

/* Bytes added behind and taken in front: those from `at` to `len` wait. */
struct queue {
	char *data;
	size_t at, len, cap;
};

#define QUEUE_MAX_BYTES ((size_t)512 << 20) /* more: die() */

void queue_reserve(struct queue *q, size_t extra);
void queue_clear(struct queue *q);
void queue_add_number(struct queue *q, uint64_t n);

static inline void
queue_add(struct queue *q, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	if (q->cap - q->len < len)
		queue_reserve(q, len);
	memcpy(q->data + q->len, bytes, len);
	q->len += len;
}

static inline void
queue_add_text(struct queue *q, const char *text)
{
	queue_add(q, text, strlen(text));
}

static inline size_t
queue_waiting(const struct queue *q)
{
	return q->len - q->at;
}

static inline char *
queue_front(const struct queue *q)
{
	return q->data + q->at;
}

#endif
