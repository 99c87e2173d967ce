/* SPDX-License-Identifier: MIT */
#ifndef TARGET_H
#define TARGET_H

/* Where requests go: UPSTREAM_BASE_URL in all its forms. */

#include <stddef.h>

struct upstream_target;

/*
 * Fills `t` from a base URL (the rules: settings_set_upstream).  0, or -1
 * with what a good URL looks like in `err`; `t` is then cleared.
 */
int target_parse(
    struct upstream_target *t, const char *base_url, char *err, size_t cap);

/* Frees what it holds; it is then all zero. */
void target_clear(struct upstream_target *t);

#endif
