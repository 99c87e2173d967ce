/* SPDX-License-Identifier: MIT */
#ifndef SCALES_H
#define SCALES_H

/*
 * What is known of each upstream model's tokens: the calibration of our
 * estimate by the counts that the upstream reports, and the size of its
 * context window.  In memory, bounded, shared by all threads.
 */

#include <stdint.h>
#include "translate/tokens.h"

struct scales;

struct scales *scales_new(void);
void scales_free(struct scales *s);

/* The calibration; one that changes nothing for an unknown model. */
void scales_get(struct scales *s, const char *model, struct token_scale *out);
void scales_learn(
    struct scales *s, const char *model, int64_t estimated, int64_t reported);

/* The context window in tokens; 0: not known. */
int64_t scales_window_get(struct scales *s, const char *model);
void scales_window_set(struct scales *s, const char *model, int64_t tokens);

#endif
