/* SPDX-License-Identifier: MIT */
#ifndef OFFER_H
#define OFFER_H

/* How the chosen tools are told to the upstream. */

#include "wire/json.h"

struct conversion;
struct fault;
struct reply_terms;
struct tool_set;

/*
 * Adds tools, tool_choice and parallel_tool_calls, and what makes an upstream
 * search the web by itself.  Nothing of the first three where no tool is
 * offered.  0, or -1 with `why`.
 */
int offer_tools(const struct conversion *c, cJSON *body, struct fault *why);

/* Notes which function names stand for which tools, sorted. */
int offer_terms(
    const struct tool_set *set, struct reply_terms *terms, struct fault *why);

#endif
