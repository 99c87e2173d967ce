/* SPDX-License-Identifier: MIT */
#ifndef BLOCKS_H
#define BLOCKS_H

/*
 * The order of a reply's blocks: text, thought and tool calls as they come
 * from the upstream, interleaved as it likes, into blocks of which one is
 * open at a time.  What comes while a call is incomplete waits for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "translate/reply/search.h"
#include "translate/reply/slots.h"
#include "translate/reply/thought.h"
#include "wire/emit.h"

struct fault;
struct piece;
struct reply_terms;

struct blocks {
	struct emit emit;
	struct slots slots;
	struct thought thought;
	struct search search;
	const struct reply_terms *terms;
	const struct stream_env *env;
	struct fault *why;    /* where failures go */
	size_t first_open;    /* of slots: all before are closed */
	struct piece *pieces; /* text and thought that wait for a call */
	size_t n_pieces, cap;
	struct buf lead; /* white space that opens no block yet */
	enum emit_block lead_block;
	struct buf scratch;
	int64_t text_bytes;  /* of all that the model wrote */
	bool hold_arguments; /* forward a call's arguments only complete */
	bool must_end;	     /* a call went wrong: end the answer now */
	bool has_calls;
	bool has_reasoning; /* a reasoning text came in a field of its own */
};

void blocks_init(struct blocks *b, const struct emit_head *head,
    const struct reply_terms *terms, const struct stream_env *env,
    struct fault *why);
void blocks_clear(struct blocks *b);

/* A piece of text, an escaped body without a half character at its end. */
void blocks_text(struct blocks *b, struct json_slice body);

/* A piece of thought, and in which form it came. */
void blocks_thought(
    struct blocks *b, enum reasoning_form form, struct json_slice body);

/* Entries of reasoning_details, or thinking parts of a content array. */
void blocks_details(struct blocks *b, enum reasoning_form form,
    const struct json_doc *doc, const cJSON *entry, bool is_whole);

/* A reasoning_opaque. */
void
blocks_opaque(struct blocks *b, const struct json_doc *doc, const cJSON *value);

/* A tool call's fragment. */
void blocks_call(struct blocks *b, const struct slots_context *context,
    const struct openai_call *call);

/* Whether no call is incomplete. */
bool blocks_is_complete(const struct blocks *b);

/* Writes all that waits and closes the last block.  `is_cut`: the answer
 * ended at a limit. */
void blocks_end(struct blocks *b, bool is_cut);

/* Out of memory, or past the ceiling, somewhere within. */
bool blocks_failed(const struct blocks *b);

#endif
