/* SPDX-License-Identifier: MIT */
#ifndef DEADLINE_H
#define DEADLINE_H

/*
 * Wakes calls whose time is up sooner than libcurl would look: its blocking
 * call wakes once a second, which is too coarse for limits of a second or
 * two.  One thread, started with the first such call.
 */

#include <stdatomic.h>
#include <stdbool.h>

struct cancel;
struct deadlines;

#define DEADLINE_NEVER LLONG_MAX

struct deadline {
	_Atomic long long at_ms; /* on deadline_now_ms()'s clock */
	atomic_bool has_passed;
	struct cancel *cancel; /* woken, without a reason, at that time */
	struct deadline *next; /* private */
};

struct deadlines *deadlines_new(void);
void deadlines_free(struct deadlines *all);

/* at_ms may change at any time in between.  After remove the deadline and
 * its cancel are not touched again. */
void deadlines_add(struct deadlines *all, struct deadline *d);
void deadlines_remove(struct deadlines *all, struct deadline *d);

/* Milliseconds of a clock that is never set. */
long long deadline_now_ms(void);

#endif
