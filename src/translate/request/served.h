/* SPDX-License-Identifier: MIT */
#ifndef SERVED_H
#define SERVED_H

/*
 * What Anthropic's servers once did in a conversation (searches, fetches,
 * code runs, MCP calls), as text: no client can answer such a call again.
 */

#include "wire/json.h"

struct block;
struct buf;

/* Appends the escaped body of a BLOCK_SERVER_USE or BLOCK_SERVER_RESULT. */
void
served_put(const struct json_doc *doc, const struct block *b, struct buf *out);

#endif
