/* SPDX-License-Identifier: MIT */
#ifndef LESSONS_H
#define LESSONS_H

/*
 * What upstreams' refusals taught, by upstream and model, kept for a week in
 * STATE_DIR/lessons and shared by all threads.  What a lesson means is
 * translate/learn.h's.
 */

#include <stdbool.h>
#include <stddef.h>
#include "translate/dialect/learn.h"

struct profile;
struct lessons;

/* Of one upstream and model. */
#define LESSONS_PER_MODEL 32

/*
 * Reads the file; one that cannot be read or is damaged is ignored with a
 * line in the log.  dir NULL or "": kept in memory alone.  NULL: no memory.
 */
struct lessons *lessons_open(const char *dir);
void lessons_close(struct lessons *l);

/* `base` is an upstream's base URL; its query is ignored, since it may hold
 * a key. */

/* Bends a resolved profile by all that is known. */
void lessons_apply(struct lessons *l, const char *base, const char *model,
    struct profile *profile);

/* Copies them, the oldest first, for learn_mend(); returns how many. */
size_t lessons_get(struct lessons *l, const char *base, const char *model,
    struct lesson *out, size_t cap);

/* Keeps a lesson, in place of an older one about the same thing.  Returns
 * true if it is new: worth a line in the log. */
bool lessons_add(struct lessons *l, const char *base, const char *model,
    const struct lesson *lesson, long long now_unix);

/* Whether the other form of the upstream's URL is the one that works. */
bool lessons_prefers_other_url(struct lessons *l, const char *base);
/* Returns true if that is news. */
bool lessons_prefer_other_url(
    struct lessons *l, const char *base, bool other, long long now_unix);

#endif
