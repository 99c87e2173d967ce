/* SPDX-License-Identifier: MIT */
#ifndef ASSISTANT_H
#define ASSISTANT_H

/* An assistant's turn as one upstream message. */

#include "wire/json.h"

struct conversion;
struct fault;
struct seen_details;
struct turn;

/*
 * The message of a turn; `is_last` makes it a prefill, which the profile may
 * refuse.  NULL with `why`, or without it where the turn leaves nothing to
 * say at the end.
 */
cJSON *assistant_message(struct conversion *c, const struct turn *turn,
    bool is_last, struct seen_details *seen, struct fault *why);

#endif
