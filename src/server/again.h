/* SPDX-License-Identifier: MIT */
#ifndef AGAIN_H
#define AGAIN_H

/*
 * For attempts.c: whether a request is tried once more after what the last
 * try has brought, and when.  Nothing has been delivered yet.
 */

#include <stdbool.h>

struct attempts;

/* A refusal that teaches: keeps the lesson and mends the request.  True: try
 * again at once. */
bool again_learn(struct attempts *a);

/* Whether the same request may well succeed: mapping of statuses, causes,
 * retry-after and x-should-retry to yes and no. */
bool again_is_worth(const struct attempts *a);

/* Waits as long as retry-after or the back-off says; false where the client
 * left or its stream may not wait so long. */
bool again_wait(struct attempts *a);

#endif
