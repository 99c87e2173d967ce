/* SPDX-License-Identifier: MIT */
#ifndef EMIT_H
#define EMIT_H

/*
 * Anthropic answers out: a stream of events, or one message.  Whatever is
 * called in whatever order, what comes out is legal: one block open at a
 * time, indexes in sequence, one signature at the end of a thinking block,
 * nothing behind the end.  Source: the Messages streaming grammar, versions
 * 2023-06-01 and 2026-10-21.
 *
 * Texts are escaped bodies (json.h); lone surrogates in them become U+FFFD.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/buf.h"
#include "wire/json.h"

struct fault;

enum emit_block { EMIT_NONE, EMIT_TEXT, EMIT_THINKING, EMIT_TOOL };

/* What the message is called, borrowed. */
struct emit_head {
	const char *message_id;
	const char *request_id;
	const char *model_body;	 /* escaped body */
	bool context_management; /* answer with applied_edits */
};

struct emit_usage {
	int64_t input_tokens, output_tokens;
	int64_t cache_read_tokens, cache_write_tokens;
	int64_t thinking_tokens; /* -1: not known */
	int64_t web_searches;	 /* 0: none */
	const char *service_tier, *speed;
};

struct emit_tool {
	const char *type; /* "tool_use" or "server_tool_use" */
	const char *id;
	const char *name;
	const char *toolset; /* NULL: none */
};

struct emit_end {
	const char *stop_reason;
	const char *stop_sequence;     /* decoded, NULL: none */
	bool is_refusal;	       /* gives stop_details */
	struct json_slice explanation; /* of the refusal, may be empty */
};

struct emit {
	struct emit_head head;
	bool collect;	      /* one message instead of events */
	struct buf *out;      /* where events go, set by emit_to() */
	struct buf message;   /* collecting: so far */
	size_t expected;      /* bytes of its blocks, if that is known */
	struct buf citations; /* of the open text block, collecting */
	enum emit_block open;
	bool is_started, is_ended;
	bool has_block;	  /* any block was begun */
	bool has_input;	  /* the open tool block got input */
	int64_t index;	  /* of the next block */
	char delta[160];  /* how the open block's deltas begin */
	size_t delta_len; /* … any of them */
	size_t head_len;  /* … and then those of its own kind */
};

void emit_init(struct emit *e, const struct emit_head *head, bool collect,
    size_t max_bytes);
void emit_clear(struct emit *e);

/* Where events are appended until the next call; not used collecting. */
void emit_to(struct emit *e, struct buf *out);

/* message_start, once; later calls do nothing. */
void emit_start(struct emit *e, const struct emit_usage *usage);
void emit_ping(struct emit *e);

/* Text or thought: opens the block if it is not open. */
void emit_text(struct emit *e, struct json_slice body);
void emit_thought(struct emit *e, struct json_slice body);

/* Opens a thinking block that may stay without text. */
void emit_open_thinking(struct emit *e);

/* Ends the open thinking block with its signature (plain ASCII). */
void emit_signature(struct emit *e, const char *signature);

/* A citation (JSON text) of the open text block. */
void emit_citation(struct emit *e, struct json_slice citation);

/* Opens a tool block; then the escaped body of its input, in pieces.  One
 * that gets none has the input {}. */
void emit_open_tool(struct emit *e, const struct emit_tool *tool);
void emit_input(struct emit *e, struct json_slice body);

/* A block (JSON text) that is complete in its start. */
void emit_whole(struct emit *e, struct json_slice block);

/* Ends the open block, if there is one. */
void emit_close(struct emit *e);

/* The good end: message_delta and message_stop, or the message. */
void emit_end(
    struct emit *e, const struct emit_end *end, const struct emit_usage *usage);

/* The bad end: an error event; nothing collecting or before the start. */
void emit_error(struct emit *e, const struct fault *why);

/* Private to emit.c and ends.c: begins the message that is collected. */
void emit_begin(struct emit *e);

#endif
