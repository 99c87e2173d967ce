/* SPDX-License-Identifier: MIT */
#ifndef WINDOW_H
#define WINDOW_H

/*
 * Whether a prompt fits its model's context window, judged by an estimate
 * that knows its own error.  What cannot fit is refused in the words on which
 * clients compact; what fits without its max_tokens gets fewer of them.
 */

#include <stdint.h>
#include "wire/json.h"

struct fault;

/*
 * `estimate` tokens against `window`; `samples`: usages the estimate has been
 * calibrated with (its error is 40 %, 10 % after three).  0, or -1 with `why`
 * ("prompt is too long: N tokens > M maximum") where the prompt cannot fit
 * even if the estimate is wrong by its whole error.
 */
int window_check(
    int64_t estimate, unsigned samples, int64_t window, struct fault *why);

/*
 * Lowers max_tokens (either name) of a built request so that it fits beside
 * the prompt.  Leaves alone what fits, and prompts without certain room.
 * Returns whether the body was changed; false too when out of memory.
 */
bool window_lower_max_tokens(
    cJSON *body, int64_t estimate, unsigned samples, int64_t window);

#endif
