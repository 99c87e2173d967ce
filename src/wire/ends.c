/* SPDX-License-Identifier: MIT */
/* Writes how a message begins and how it ends.  Knows no blocks. */
#include "wire/emit.h"

#include "wire/fault.h"

/* -- usage, head and tail -------------------------------------------------- */

static void
put_member(struct buf *out, const char *key, int64_t n)
{
	buf_add_str(out, key);
	buf_add_int(out, n);
}

static void
put_counts(struct buf *out, const struct emit_usage *u)
{
	put_member(out, "\"input_tokens\":", u->input_tokens);
	put_member(out, ",\"output_tokens\":", u->output_tokens);
	put_member(
	    out, ",\"cache_creation_input_tokens\":", u->cache_write_tokens);
	put_member(out, ",\"cache_read_input_tokens\":", u->cache_read_tokens);
	BUF_ADD_LIT(out, ",\"output_tokens_details\":");
	if (u->thinking_tokens >= 0) {
		put_member(out, "{\"thinking_tokens\":", u->thinking_tokens);
		buf_add_char(out, '}');
	} else {
		BUF_ADD_LIT(out, "null");
	}
	BUF_ADD_LIT(out, ",\"server_tool_use\":");
	if (u->web_searches > 0) {
		put_member(out, "{\"web_search_requests\":", u->web_searches);
		BUF_ADD_LIT(out, ",\"web_fetch_requests\":0}");
	} else {
		BUF_ADD_LIT(out, "null");
	}
}

static void
put_usage(struct buf *out, const struct emit_usage *u)
{
	buf_add_char(out, '{');
	put_counts(out, u);
	put_member(out, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":",
	    u->cache_write_tokens);
	BUF_ADD_LIT(out, ",\"ephemeral_1h_input_tokens\":0}");
	BUF_ADD_LIT(out, ",\"service_tier\":");
	json_put_string(out, u->service_tier);
	BUF_ADD_LIT(out, ",\"inference_geo\":null,\"speed\":");
	json_put_string(out, u->speed);
	buf_add_char(out, '}');
}

static void
put_head(struct buf *out, const struct emit_head *head)
{
	BUF_ADD_LIT(out, "{\"id\":");
	json_put_string(out, head->message_id);
	BUF_ADD_LIT(
	    out, ",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
	buf_add_str(out, head->model_body);
	BUF_ADD_LIT(out, "\",\"content\":[");
}

/* stop_reason … container: the same in message_delta and the message. */
static void
put_end(struct buf *out, const struct emit_end *end)
{
	BUF_ADD_LIT(out, "\"stop_reason\":");
	json_put_string(out, end->stop_reason);
	BUF_ADD_LIT(out, ",\"stop_sequence\":");
	if (end->stop_sequence != NULL)
		json_put_string(out, end->stop_sequence);
	else
		BUF_ADD_LIT(out, "null");
	BUF_ADD_LIT(out, ",\"stop_details\":");
	if (!end->is_refusal) {
		BUF_ADD_LIT(out, "null");
	} else {
		BUF_ADD_LIT(out, "{\"type\":\"refusal\",\"category\":null,"
				 "\"explanation\":");
		if (end->explanation.len > 0) {
			buf_add_char(out, '"');
			json_put_body(out, end->explanation);
			buf_add_char(out, '"');
		} else {
			BUF_ADD_LIT(out, "null");
		}
		buf_add_char(out, '}');
	}
	BUF_ADD_LIT(out, ",\"container\":null");
}

/* More than is written around the blocks, but for the model's name. */
#define AROUND_BLOCKS 768

void
emit_begin(struct emit *e)
{
	if (e->message.len > 0)
		return;
	buf_reserve(&e->message, AROUND_BLOCKS + e->expected);
	put_head(&e->message, &e->head);
}

/* -- the start ------------------------------------------------------------- */

void
emit_start(struct emit *e, const struct emit_usage *usage)
{
	if (e->collect || e->is_started || e->is_ended)
		return;
	e->is_started = true;
	BUF_ADD_LIT(e->out, "event: message_start\n"
			    "data: {\"type\":\"message_start\",\"message\":");
	put_head(e->out, &e->head);
	BUF_ADD_LIT(e->out, "],\"stop_reason\":null,\"stop_sequence\":null,"
			    "\"stop_details\":null,\"container\":null,"
			    "\"diagnostics\":null,\"usage\":");
	put_usage(e->out, usage);
	BUF_ADD_LIT(e->out, "}}\n\n");
}

void
emit_ping(struct emit *e)
{
	if (e->is_started && !e->is_ended)
		BUF_ADD_LIT(
		    e->out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

/* -- the end --------------------------------------------------------------- */

static void
put_message(
    struct emit *e, const struct emit_end *end, const struct emit_usage *usage)
{
	struct buf *out = &e->message;

	emit_begin(e);
	BUF_ADD_LIT(out, "],");
	put_end(out, end);
	BUF_ADD_LIT(out, ",\"diagnostics\":null,\"usage\":");
	put_usage(out, usage);
	if (e->head.context_management)
		BUF_ADD_LIT(
		    out, ",\"context_management\":{\"applied_edits\":[]}");
	buf_add_char(out, '}');
	out->failed |= e->citations.failed;
}

void
emit_end(
    struct emit *e, const struct emit_end *end, const struct emit_usage *usage)
{
	if (e->is_ended || (!e->collect && !e->is_started))
		return;
	emit_close(e);
	e->is_ended = true;
	if (e->collect) {
		put_message(e, end, usage);
		return;
	}
	BUF_ADD_LIT(e->out, "event: message_delta\n"
			    "data: {\"type\":\"message_delta\",\"delta\":{");
	put_end(e->out, end);
	BUF_ADD_LIT(e->out, "},\"usage\":{");
	put_counts(e->out, usage);
	buf_add_char(e->out, '}');
	if (e->head.context_management)
		BUF_ADD_LIT(
		    e->out, ",\"context_management\":{\"applied_edits\":[]}");
	BUF_ADD_LIT(e->out, "}\n\nevent: message_stop\n"
			    "data: {\"type\":\"message_stop\"}\n\n");
}

void
emit_error(struct emit *e, const struct fault *why)
{
	if (e->is_ended)
		return;
	e->is_ended = true;
	if (!e->is_started)
		return;
	BUF_ADD_LIT(e->out, "event: error\ndata: ");
	fault_print(why, e->head.request_id, e->out);
	BUF_ADD_LIT(e->out, "\n\n");
}
