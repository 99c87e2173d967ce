/* SPDX-License-Identifier: MIT */
#ifndef TURNS_H
#define TURNS_H

/*
 * The conversation put in order: messages of one role merged into turns,
 * blocks named and checked for where they stand, system messages moved out
 * of a tool call and its results, every call paired with its result.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/anthropic.h"

struct fault;

enum block_type {
	BLOCK_TEXT,
	BLOCK_IMAGE,
	BLOCK_DOCUMENT,
	BLOCK_SEARCH_RESULT,
	BLOCK_TOOL_USE,
	BLOCK_TOOL_RESULT,
	BLOCK_THINKING,
	BLOCK_REDACTED_THINKING,
	BLOCK_SERVER_USE, /* a tool that ran at the server, mcp_tool_use too */
	BLOCK_SERVER_RESULT,
	BLOCK_CONTAINER_UPLOAD,
	BLOCK_COMPACTION,
	BLOCK_SILENT, /* nothing to show: tool changes, listings, … */
};

struct block {
	enum block_type type;
	const cJSON *json; /* the block; of a string content the string */
	const cJSON *text; /* of BLOCK_TEXT: the string */
	const char *id;	   /* of BLOCK_TOOL_USE and BLOCK_TOOL_RESULT */
	const struct block *call; /* of BLOCK_TOOL_RESULT: what it answers */
	size_t message, place;	  /* messages.N.content.M */
};

struct turn {
	enum role role;
	const struct message *message; /* the first of it */
	const struct block *blocks;
	size_t n_blocks;
	const struct block *const *answers; /* results, in the calls' order */
	size_t n_answers;
	size_t n_calls;
};

struct turns {
	struct turn *list; /* behind the blocks, in their memory */
	size_t n;
	struct block *blocks;
	size_t n_blocks;
	const struct block **answers;
};

/*
 * `merge`: also merge where nothing but the wish for alternating roles asks
 * for it.  A system message that says nothing (or was to be cleared) makes no
 * turn.  Returns 0, or -1 with `why`; good for turns_clear() either way.
 */
int turns_make(struct turns *t, const struct message_request *req, bool merge,
    struct fault *why);

void turns_clear(struct turns *t);

/* "messages.N.content.M" of a block, for what is said about it. */
#define BLOCK_PATH_MAX 64
const char *block_path(const struct block *b, char out[BLOCK_PATH_MAX]);

#endif
