/* SPDX-License-Identifier: MIT */
#ifndef TOOLNAME_H
#define TOOLNAME_H

/* The function names under which an upstream knows the tools. */

#include "translate/request/tools.h"

/* Names all tools, no two alike.  0, or -1 with `why`. */
int toolname_all(struct tool_set *set, struct fault *why);

/* Appends the function name for a tool, also for one that is not declared. */
void toolname_put(const struct tool_set *set, const char *toolset,
    const char *name, struct buf *out);

#endif
