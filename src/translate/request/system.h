/* SPDX-License-Identifier: MIT */
#ifndef SYSTEM_H
#define SYSTEM_H

/* The text of a system prompt or of a system message among the others. */

#include <stdbool.h>
#include "wire/json.h"

struct buf;
struct fault;

/*
 * Checks a system content (string, array or NULL); `path` tells where it
 * stands.  `is_inline`: it is a message's, which may also change the tools.
 * `*silent` tells whether it holds nothing to send.  0, or -1 with `why`.
 */
int system_check(const cJSON *content, const char *path, bool is_inline,
    bool *silent, struct fault *why);

/*
 * Appends the texts of a checked content as one escaped body, blank lines
 * between them.  Claude Code's billing line differs from conversation to
 * conversation and says nothing to a model: it is left out.  Returns whether
 * there was one.
 */
bool
system_text(const struct json_doc *doc, const cJSON *content, struct buf *out);

#endif
