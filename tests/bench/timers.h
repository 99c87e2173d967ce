/* SPDX-License-Identifier: MIT */
#ifndef TIMERS_H
#define TIMERS_H

/* Timers, the next one first: a binary heap. */

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t due_ns;
	size_t place; /* private: 1 + its place in the heap; 0: not set */
};

/* Sets the timer, also one that is set already. */
void timer_set(struct timer *t, uint64_t due_ns);
void timer_stop(struct timer *t);

/* The timer that is due next, or NULL. */
struct timer *timer_next(void);

#endif
