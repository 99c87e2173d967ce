/* SPDX-License-Identifier: MIT */
#ifndef RESULTS_H
#define RESULTS_H

/*
 * A tool's result as the text of a tool message.  Media cannot stand in one:
 * it is handed over for the user message behind all results.
 */

#include "wire/json.h"

struct block;
struct buf;
struct conversion;
struct fault;
struct parts;

/*
 * Appends the escaped body of the text of a tool_result, and its media, each
 * with a text before it, to `media`.  0, or -1 with `why`.
 */
int result_render(const struct conversion *c, const struct block *result,
    struct buf *text, struct parts *media, struct fault *why);

#endif
