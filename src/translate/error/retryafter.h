/* SPDX-License-Identifier: MIT */
#ifndef RETRYAFTER_H
#define RETRYAFTER_H

/* How long an upstream asks to be left alone, in the forms it is told. */

/*
 * A retry-after header: seconds, or an HTTP date, which is measured from
 * `now_unix` (0: dates are not understood).  Milliseconds, 0 if it tells
 * nothing; a moment in the past is 0 too.  At most a week.
 */
long retry_after_header(const char *value, long long now_unix);

/* A sentence such as "Please try again in 6m0s": milliseconds or 0. */
long retry_after_text(const char *text);

/*
 * A duration at the start of a text: 6m0s, 17ms, 34.07s, 9 seconds, 1h 2m.
 * A number without a unit is in units of `bare_unit_ms` (0: is none).
 * Milliseconds, rounded up, or -1.
 */
long duration_ms(const char *text, long bare_unit_ms);

#endif
