/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_BODY_H
#define CLIENT_BODY_H

/*
 * A request body like Claude Code's in the middle of a long task: system
 * blocks, a dozen tools, and turns of thoughts, tool calls and their results,
 * which are mostly source text.  The same bytes for the same size.
 */

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* Appends a body of about `bytes` (never under some 30 kB). */
void client_body_add(
    const char *model, bool stream, size_t bytes, struct queue *out);

#endif
