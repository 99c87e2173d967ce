/* SPDX-License-Identifier: MIT */
/* Brings text, thought and calls into Anthropic's order of blocks. */
#include "translate/reply/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "translate/reply/terms.h"
#include "translate/reply/splice.h"
#include "wire/fault.h"

#define EXPANSION 6 /* a byte may become \u00xx */

/* Text or thought that came while a call was incomplete. */
struct piece {
	enum emit_block block;
	enum reasoning_form form;
	size_t after; /* shown when so many calls are closed */
	struct buf body;
};

void
blocks_init(struct blocks *b, const struct emit_head *head,
    const struct reply_terms *terms, const struct stream_env *env,
    struct fault *why)
{
	size_t max = env->max_reply_bytes < SIZE_MAX / EXPANSION / 2
			 ? env->max_reply_bytes * EXPANSION + ((size_t)1 << 20)
			 : SIZE_MAX / 2;

	*b = (struct blocks){ .terms = terms, .env = env, .why = why };
	emit_init(&b->emit, head, !terms->stream, max);
	slots_init(&b->slots, terms, env);
	thought_init(&b->thought, max);
	search_init(&b->search, terms->search_query, max);
	buf_init(&b->lead, max);
	buf_init(&b->scratch, max);
	b->hold_arguments = !terms->stream;
}

void
blocks_clear(struct blocks *b)
{
	emit_clear(&b->emit);
	slots_clear(&b->slots);
	thought_clear(&b->thought);
	search_clear(&b->search);
	for (size_t i = 0; i < b->n_pieces; i++)
		buf_clear(&b->pieces[i].body);
	free(b->pieces);
	b->pieces = NULL;
	b->n_pieces = b->cap = 0;
	buf_clear(&b->lead);
	buf_clear(&b->scratch);
}

bool
blocks_failed(const struct blocks *b)
{
	return b->emit.message.failed || b->lead.failed || b->scratch.failed ||
	       b->search.text.failed || b->thought.hidden.failed ||
	       b->thought.opaque.failed;
}

/* -- thought --------------------------------------------------------------- */

/* Ends a thinking block with its envelope; what has to go back without a
 * block of its own goes into a redacted one. */
static void
flush_thought(struct blocks *b)
{
	struct buf *out = &b->scratch;

	buf_reset(out);
	if (b->emit.open == EMIT_THINKING) {
		thought_print(&b->thought, out);
		emit_signature(&b->emit, buf_str(out));
	} else if (thought_has_rest(&b->thought)) {
		BUF_ADD_LIT(out, "{\"type\":\"redacted_thinking\",\"data\":\"");
		thought_print(&b->thought, out);
		BUF_ADD_LIT(out, "\"}");
		emit_whole(
		    &b->emit, (struct json_slice){ buf_str(out), out->len });
	}
}

static void
open_block(struct blocks *b, enum emit_block block)
{
	struct json_slice lead = { buf_str(&b->lead), b->lead.len };

	if (b->lead_block != block)
		lead.len = 0;
	if (block == EMIT_TEXT) {
		flush_thought(b);
		emit_text(&b->emit, lead);
	} else {
		emit_open_thinking(&b->emit);
		if (!b->terms->omit_thinking_text)
			emit_thought(&b->emit, lead);
		else
			json_unescape(&b->thought.hidden, lead);
	}
	buf_reset(&b->lead);
}

/* Shows a piece now.  White space opens no block: clients refuse to send a
 * blank text back. */
static void
show(struct blocks *b, enum emit_block block, enum reasoning_form form,
    struct json_slice body)
{
	if (block == EMIT_TEXT && search_holds(&b->search)) {
		buf_add(&b->search.text, body.text, body.len);
		return;
	}
	if (b->emit.open != block) {
		if (splice_is_blank(body)) {
			if (b->lead_block != block)
				buf_reset(&b->lead);
			b->lead_block = block;
			buf_add(&b->lead, body.text, body.len);
			return;
		}
		open_block(b, block);
	}
	if (block == EMIT_TEXT) {
		emit_text(&b->emit, body);
		return;
	}
	if (b->thought.form == FORM_NONE)
		b->thought.form = form;
	if (b->terms->omit_thinking_text)
		json_unescape(&b->thought.hidden, body);
	else
		emit_thought(&b->emit, body);
}

/* -- what waits for a call ------------------------------------------------- */

/* The piece that a text joins: the last, or a new one; NULL: no memory. */
static struct piece *
take_piece(struct blocks *b, enum emit_block block, enum reasoning_form form)
{
	struct piece *p;
	size_t cap = b->cap == 0 ? 4 : b->cap * 2;

	if (b->n_pieces > 0) {
		p = &b->pieces[b->n_pieces - 1];
		if (p->block == block && p->after == b->slots.n)
			return p;
	}
	if (b->n_pieces == b->cap) {
		p = realloc(b->pieces, cap * sizeof(*p));
		if (p == NULL)
			return NULL;
		b->pieces = p;
		b->cap = cap;
	}
	p = &b->pieces[b->n_pieces++];
	*p = (struct piece){ block, form, b->slots.n, { .data = NULL } };
	buf_init(&p->body, b->lead.max_bytes);
	return p;
}

static void
defer(struct blocks *b, enum emit_block block, enum reasoning_form form,
    struct json_slice body)
{
	struct piece *p = take_piece(b, block, form);

	if (p != NULL)
		buf_add(&p->body, body.text, body.len);
	if (p == NULL || p->body.failed)
		fault_no_memory(b->why);
}

/* Shows the pieces for which enough calls are closed. */
static void
show_pieces(struct blocks *b)
{
	size_t n = 0;

	while (n < b->n_pieces && b->pieces[n].after <= b->first_open) {
		struct piece *p = &b->pieces[n++];

		show(b, p->block, p->form,
		    (struct json_slice){ buf_str(&p->body), p->body.len });
		buf_clear(&p->body);
	}
	if (n == 0)
		return;
	b->n_pieces -= n;
	memmove(b->pieces, b->pieces + n, b->n_pieces * sizeof(*b->pieces));
}

/* -- calls ----------------------------------------------------------------- */

static void
keep_signature(struct blocks *b, struct slot *slot)
{
	char *signature = slot->signature;

	if (signature == NULL)
		return;
	slot->signature = NULL;
	if (!b->terms->show_thinking || b->terms->ignore_reasoning)
		free(signature);
	else if (thought_sign(&b->thought, slot->client_id, signature) == -1)
		fault_no_memory(b->why);
}

static int
start_call(struct blocks *b, struct slot *slot)
{
	const struct reply_tool *known =
	    reply_terms_tool(b->terms, buf_str(&slot->name), slot->name.len);
	struct emit_tool tool = { .type = "tool_use" };

	if (slots_give_id(&b->slots, slot, b->why) == -1)
		return -1;
	keep_signature(b, slot);
	flush_thought(b);
	search_emit(&b->search, &b->emit, b->env, true);
	buf_reset(&b->lead);
	tool.id = slot->client_id;
	tool.name = known != NULL ? known->client : buf_str(&slot->name);
	tool.toolset = known != NULL ? known->toolset : NULL;
	emit_open_tool(&b->emit, &tool);
	slot->is_started = true;
	b->has_calls = true;
	return 0;
}

/* Sends what has come of the arguments, as far as it is sound. */
static void
forward(struct blocks *b, struct slot *slot)
{
	struct json_slice text = { buf_str(&slot->text), slot->text.len };
	bool is_done = slot->args.state == ARGS_DONE;

	if (slot->is_custom ||
	    (!is_done && (b->hold_arguments || slot->args.state != ARGS_OPEN)))
		return;
	if (!is_done)
		text.len -= splice_tail(text);
	if (text.len <= slot->sent)
		return;
	emit_input(&b->emit, (struct json_slice){ text.text + slot->sent,
				 text.len - slot->sent });
	slot->sent = text.len;
}

static int
settle(struct blocks *b, struct slot *slot, bool is_cut)
{
	buf_reset(&b->scratch);
	if (slots_settle(&b->slots, slot, is_cut, &b->scratch, b->why) == -1)
		return -1;
	emit_input(&b->emit,
	    (struct json_slice){ buf_str(&b->scratch), b->scratch.len });
	slot->sent = slot->text.len;
	return 0;
}

static bool
can_start(const struct blocks *b, const struct slot *slot)
{
	return slot->name.len > 0 &&
	       (slots_name_is_final(&b->slots, slot) || slot->text.len > 0 ||
		   b->first_open + 1 < b->slots.n);
}

/*
 * Moves the lowest unfinished call on; 1 once it is closed, 0 while it waits
 * for more, -1 with the fault set.
 */
static int
advance_one(struct blocks *b, struct slot *slot, bool is_end, bool is_cut)
{
	bool has_next = b->first_open + 1 < b->slots.n || b->n_pieces > 0;

	if (slot->is_ignored)
		return 1;
	if (!slot->is_started) {
		if (is_end && slot->name.len == 0)
			return fault_set(b->why, FAULT_BAD_GATEWAY,
			    "upstream sent a tool call without a name");
		if (!is_end && !can_start(b, slot))
			return 0;
		if (start_call(b, slot) == -1)
			return -1;
	}
	forward(b, slot);
	if (!is_end && (slot->args.state != ARGS_DONE || !has_next))
		return 0;
	if (is_end && settle(b, slot, is_cut) == -1)
		return -1;
	emit_close(&b->emit);
	slot->is_closed = true;
	return 1;
}

static void
advance(struct blocks *b, bool is_end, bool is_cut)
{
	while (b->first_open < b->slots.n) {
		show_pieces(b);
		if (advance_one(
			b, &b->slots.list[b->first_open], is_end, is_cut) != 1)
			return;
		b->first_open++;
	}
	show_pieces(b);
}

/* -- public ---------------------------------------------------------------- */

static void
take(struct blocks *b, enum emit_block block, enum reasoning_form form,
    struct json_slice body)
{
	if (body.len == 0)
		return;
	if (b->first_open == b->slots.n) {
		show(b, block, form, body);
		return;
	}
	defer(b, block, form, body);
	advance(b, false, false);
}

void
blocks_text(struct blocks *b, struct json_slice body)
{
	b->text_bytes += (int64_t)body.len;
	take(b, EMIT_TEXT, FORM_NONE, body);
}

void
blocks_thought(
    struct blocks *b, enum reasoning_form form, struct json_slice body)
{
	b->text_bytes += (int64_t)body.len;
	if (b->terms->show_thinking)
		take(b, EMIT_THINKING, form, body);
}

void
blocks_details(struct blocks *b, enum reasoning_form form,
    const struct json_doc *doc, const cJSON *entry, bool is_whole)
{
	struct details *details = &b->thought.details;
	int rc;

	if (!b->terms->show_thinking)
		return;
	b->thought.details_form = form;
	if (is_whole)
		rc = details_add(details, doc, entry);
	else if (form == FORM_REASONING_DETAILS)
		rc = details_join(details, doc, entry);
	else
		rc = details_join_part(details, doc, entry);
	if (rc == -1)
		fault_set(b->why, FAULT_BAD_GATEWAY,
		    "upstream sent more reasoning details than can be kept");
}

void
blocks_opaque(struct blocks *b, const struct json_doc *doc, const cJSON *value)
{
	struct json_slice raw = json_slice(doc, value);

	if (!b->terms->show_thinking)
		return;
	buf_reset(&b->thought.opaque);
	buf_add(&b->thought.opaque, raw.text, raw.len);
}

void
blocks_call(struct blocks *b, const struct slots_context *context,
    const struct openai_call *call)
{
	struct slot *slot;

	b->text_bytes += (int64_t)(call->text.len + call->object.len);
	if (slots_take(&b->slots, context, call, b->why) == -1)
		return;
	slot = &b->slots.list[b->slots.last];
	if (slot->is_started)
		keep_signature(b, slot);
	if (slot->args.is_endless) {
		b->must_end = slot->sent == 0 && !context->is_whole;
		if (slot->sent > 0)
			fault_set(b->why, FAULT_BAD_GATEWAY,
			    "upstream sent endless white space in the "
			    "arguments of a tool call");
	}
	advance(b, false, false);
}

bool
blocks_is_complete(const struct blocks *b)
{
	for (size_t i = 0; i < b->slots.n; i++) {
		const struct slot *slot = &b->slots.list[i];

		if (!slot->is_ignored && (slot->args.state == ARGS_OPEN ||
					     slot->args.state == ARGS_BAD))
			return false;
	}
	return true;
}

void
blocks_end(struct blocks *b, bool is_cut)
{
	advance(b, true, is_cut);
	if (b->why->kind != FAULT_NONE)
		return;
	/* What came behind a call that was complete and is closed. */
	for (size_t i = 0; i < b->slots.n; i++)
		if (b->slots.list[i].args.state == ARGS_BAD &&
		    b->slots.list[i].is_closed &&
		    b->slots.list[i].sent < b->slots.list[i].text.len) {
			fault_set(b->why, FAULT_BAD_GATEWAY,
			    "upstream produced malformed tool arguments");
			return;
		}
	if (search_holds(&b->search)) {
		flush_thought(b);
		search_emit(&b->search, &b->emit, b->env, b->has_calls);
	}
	if (b->emit.open != EMIT_THINKING)
		emit_close(&b->emit);
	flush_thought(b);
}
