/* SPDX-License-Identifier: MIT */
/*
 * Writes the blocks of a message, as events or whole; its head and its end
 * are in ends.c.  Knows nothing of upstreams.
 */
#include "wire/emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EMPTY_SIGNATURE "tp1.e30"

void
emit_init(struct emit *e, const struct emit_head *head, bool collect,
    size_t max_bytes)
{
	*e = (struct emit){ .head = *head, .collect = collect };
	buf_init(&e->message, max_bytes);
	buf_init(&e->citations, max_bytes);
}

void
emit_clear(struct emit *e)
{
	buf_clear(&e->message);
	buf_clear(&e->citations);
}

void
emit_to(struct emit *e, struct buf *out)
{
	e->out = out;
}

static void
put_slice(struct buf *out, struct json_slice slice)
{
	buf_add(out, slice.text, slice.len);
}

/* A body as it is where it has no escapes at all: most of them. */
static void
put_body(struct buf *out, struct json_slice body)
{
	if (body.len == 0)
		return;
	if (memchr(body.text, '\\', body.len) == NULL)
		buf_add(out, body.text, body.len);
	else
		json_put_body(out, body);
}

/* -- blocks ---------------------------------------------------------------- */

/* Events can only be written between start and end. */
static bool
is_writable(const struct emit *e)
{
	return !e->is_ended && (e->collect || e->is_started);
}

/* Begins a block and returns where its JSON object goes. */
static struct buf *
begin_block(struct emit *e)
{
	e->has_block = true;
	if (e->collect) {
		emit_begin(e);
		if (e->index++ > 0)
			BUF_ADD_LIT(&e->message, ",");
		return &e->message;
	}
	BUF_ADD_LIT(e->out,
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":");
	buf_add_int(e->out, e->index++);
	BUF_ADD_LIT(e->out, ",\"content_block\":");
	return e->out;
}

static void
end_start(struct emit *e)
{
	if (!e->collect)
		BUF_ADD_LIT(e->out, "}\n\n");
}

/* Keeps how the block's deltas begin; `head` is of the kind it has most of. */
static void
prepare_deltas(struct emit *e, enum emit_block block, const char *head)
{
	e->open = block;
	e->has_input = false;
	if (e->collect)
		return;
	e->delta_len = (size_t)snprintf(e->delta, sizeof(e->delta),
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":%" PRId64
	    ",\"delta\":",
	    e->index - 1);
	e->head_len = strlen(head);
	memcpy(e->delta + e->delta_len, head, e->head_len);
}

/* Of the block's kind.  A body without escapes goes in one piece with the rest:
 * that is most of what there is to do for most events. */
static void
put_delta(struct emit *e, struct json_slice body)
{
	static const char tail[] = "\"}}\n\n";
	size_t begin = e->delta_len + e->head_len;
	char *at;

	if (memchr(body.text, '\\', body.len) != NULL) {
		buf_add(e->out, e->delta, begin);
		json_put_body(e->out, body);
		buf_add_str(e->out, tail);
		return;
	}
	at = buf_reserve(e->out, begin + body.len + sizeof(tail) - 1);
	if (at == NULL)
		return;
	memcpy(at, e->delta, begin);
	memcpy(at + begin, body.text, body.len);
	memcpy(at + begin + body.len, tail, sizeof(tail) - 1);
	buf_commit(e->out, begin + body.len + sizeof(tail) - 1);
}

static void
stop_block(struct emit *e)
{
	e->open = EMIT_NONE;
	if (e->collect)
		return;
	BUF_ADD_LIT(e->out,
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":");
	buf_add_int(e->out, e->index - 1);
	BUF_ADD_LIT(e->out, "}\n\n");
}

void
emit_text(struct emit *e, struct json_slice body)
{
	if (!is_writable(e))
		return;
	if (e->open != EMIT_TEXT) {
		emit_close(e);
		buf_add_str(begin_block(e),
		    e->collect ? "{\"type\":\"text\",\"text\":\""
			       : "{\"type\":\"text\",\"text\":\"\","
				 "\"citations\":null}");
		end_start(e);
		prepare_deltas(
		    e, EMIT_TEXT, "{\"type\":\"text_delta\",\"text\":\"");
	}
	if (e->collect)
		put_body(&e->message, body);
	else if (body.len > 0)
		put_delta(e, body);
}

void
emit_citation(struct emit *e, struct json_slice citation)
{
	if (!is_writable(e) || e->open != EMIT_TEXT)
		return;
	if (e->collect) {
		if (e->citations.len > 0)
			BUF_ADD_LIT(&e->citations, ",");
		put_slice(&e->citations, citation);
		return;
	}
	buf_add(e->out, e->delta, e->delta_len);
	BUF_ADD_LIT(e->out, "{\"type\":\"citations_delta\",\"citation\":");
	put_slice(e->out, citation);
	BUF_ADD_LIT(e->out, "}}\n\n");
}

void
emit_open_thinking(struct emit *e)
{
	if (!is_writable(e) || e->open == EMIT_THINKING)
		return;
	emit_close(e);
	buf_add_str(begin_block(e),
	    e->collect ? "{\"type\":\"thinking\",\"thinking\":\""
		       : "{\"type\":\"thinking\",\"thinking\":\"\","
			 "\"signature\":\"\"}");
	end_start(e);
	prepare_deltas(
	    e, EMIT_THINKING, "{\"type\":\"thinking_delta\",\"thinking\":\"");
}

void
emit_thought(struct emit *e, struct json_slice body)
{
	if (!is_writable(e))
		return;
	emit_open_thinking(e);
	if (e->collect)
		put_body(&e->message, body);
	else if (body.len > 0)
		put_delta(e, body);
}

void
emit_signature(struct emit *e, const char *signature)
{
	struct json_slice body = { signature, strlen(signature) };

	if (!is_writable(e) || e->open != EMIT_THINKING)
		return;
	if (e->collect) {
		BUF_ADD_LIT(&e->message, "\",\"signature\":\"");
		put_slice(&e->message, body);
		BUF_ADD_LIT(&e->message, "\"}");
	} else {
		buf_add(e->out, e->delta, e->delta_len);
		BUF_ADD_LIT(
		    e->out, "{\"type\":\"signature_delta\",\"signature\":\"");
		put_body(e->out, body);
		BUF_ADD_LIT(e->out, "\"}}\n\n");
	}
	stop_block(e);
}

static void
put_caller(struct buf *out, const struct emit_tool *tool)
{
	BUF_ADD_LIT(out, ",\"caller\":{\"type\":\"direct\"}");
	if (tool->toolset != NULL) {
		BUF_ADD_LIT(out, ",\"toolset_name\":");
		json_put_string(out, tool->toolset);
	}
}

void
emit_open_tool(struct emit *e, const struct emit_tool *tool)
{
	struct buf *out;

	if (!is_writable(e))
		return;
	emit_close(e);
	out = begin_block(e);
	BUF_ADD_LIT(out, "{\"type\":");
	json_put_string(out, tool->type);
	BUF_ADD_LIT(out, ",\"id\":");
	json_put_string(out, tool->id);
	BUF_ADD_LIT(out, ",\"name\":");
	json_put_string(out, tool->name);
	if (e->collect) {
		put_caller(out, tool);
		BUF_ADD_LIT(out, ",\"input\":");
	} else {
		BUF_ADD_LIT(out, ",\"input\":{}");
		put_caller(out, tool);
		BUF_ADD_LIT(out, "}");
	}
	end_start(e);
	prepare_deltas(
	    e, EMIT_TOOL, "{\"type\":\"input_json_delta\",\"partial_json\":\"");
}

void
emit_input(struct emit *e, struct json_slice body)
{
	if (!is_writable(e) || e->open != EMIT_TOOL || body.len == 0)
		return;
	e->has_input = true;
	if (e->collect)
		json_unescape(&e->message, body);
	else
		put_delta(e, body);
}

void
emit_whole(struct emit *e, struct json_slice block)
{
	if (!is_writable(e))
		return;
	emit_close(e);
	put_slice(begin_block(e), block);
	end_start(e);
	stop_block(e);
}

void
emit_close(struct emit *e)
{
	if (!is_writable(e) || e->open == EMIT_NONE)
		return;
	if (e->open == EMIT_THINKING) {
		emit_signature(e, EMPTY_SIGNATURE);
		return;
	}
	if (e->open == EMIT_TOOL && !e->has_input)
		emit_input(e, (struct json_slice){ "{}", 2 });
	if (e->collect && e->open == EMIT_TEXT) {
		BUF_ADD_LIT(&e->message, "\",\"citations\":");
		if (e->citations.len > 0) {
			BUF_ADD_LIT(&e->message, "[");
			buf_add(
			    &e->message, e->citations.data, e->citations.len);
			BUF_ADD_LIT(&e->message, "]");
			buf_reset(&e->citations);
		} else {
			BUF_ADD_LIT(&e->message, "null");
		}
	}
	if (e->collect)
		BUF_ADD_LIT(&e->message, "}");
	stop_block(e);
}
