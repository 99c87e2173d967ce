/* SPDX-License-Identifier: MIT */
#ifndef DEADLINE_H
#define DEADLINE_H

/*
 * How long an upstream may be silent, before its first byte and between
 * bytes.  libcurl's blocking call wakes once a second, which is too coarse for
 * limits of a second or two: those have a thread that looks more often and
 * wakes the call; it is started with the first such call.
 */

#include <stdatomic.h>
#include <stdbool.h>

struct cancel;
struct deadlines;

struct deadline {
	long first_byte_ms, idle_ms; /* limits; 0: none */
	/* Times on deadline_now_ms()'s clock; 0: not yet. */
	long long asked, answered, last_byte, paused;
	_Atomic long long at_ms; /* when it passes as things stand */
	atomic_bool has_passed;
	struct cancel *cancel; /* woken, without a reason, when it passes */
	struct deadline *next; /* private */
};

/* The clock stands still until deadline_ask(): connecting has a limit of its
 * own. */
void deadline_init(
    struct deadline *d, long first_byte_ms, long idle_ms, long long now_ms);

/* The request leaves; a byte came.  `now_ms` is deadline_now_ms(), read once
 * for all that is done with an event. */
void deadline_ask(struct deadline *d);
void deadline_byte(struct deadline *d, long long now_ms);

/* Between these the upstream's clock stands still: we may wait for a
 * slow client. */
void deadline_pause(struct deadline *d, long long now_ms);
void deadline_resume(struct deadline *d);

bool deadline_is_over(struct deadline *d, long long now_ms);

struct deadlines *deadlines_new(void);
void deadlines_free(struct deadlines *all);

/* Only a deadline of less than two seconds is really watched.  After remove
 * the deadline and its cancel are not touched again. */
void deadlines_add(struct deadlines *all, struct deadline *d);
void deadlines_remove(struct deadlines *all, struct deadline *d);

/* Milliseconds of a clock that is never set, and may be some behind: for
 * limits, not for figures that are shown. */
long long deadline_now_ms(void);

#endif
