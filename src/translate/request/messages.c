/* SPDX-License-Identifier: MIT */
/*
 * The order of upstream messages: the system prompt, then turn by turn; in a
 * user's turn the results first, in the order of the calls, then all else in
 * one user message.
 */
#include "translate/request/messages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/request/assistant.h"
#include "translate/request/conversion.h"
#include "translate/request/history.h"
#include "translate/request/media.h"
#include "translate/names.h"
#include "translate/request/parts.h"
#include "translate/request/results.h"
#include "translate/request/schema.h"
#include "translate/request/system.h"
#include "translate/request/toolname.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define TEXT_CEILING (SIZE_MAX / 4)

/* Upstreams write at most so many cache breakpoints. */
#define MARKS_MAX 4

/* Between a result and a user message, where the one may not follow the
 * other. */
#define BRIDGE "I will look at what is attached next."

struct writer {
	struct conversion *c;
	cJSON *messages;
	struct seen_details seen;
	struct cache_mark mark; /* of the message in the making */
	size_t marks_to_skip;	/* the earlier ones of too many */

	/* The user's side of the conversation up to the next answer. */
	struct parts parts;
	struct buf result; /* the last result's text, not yet written */
	const struct block *answer; /* which one that is; NULL: none */
	bool after_tool;
	struct buf waiting; /* folded system text without a place yet */
};

/* -- small ---------------------------------------------------------------- */

static bool
is_folding(const struct writer *w)
{
	return w->c->profile->inline_system == INLINE_FOLD;
}

/* Takes the message. */
static int
append(struct writer *w, cJSON *message, struct fault *why)
{
	if (message != NULL && cJSON_AddItemToArray(w->messages, message))
		return 0;
	cJSON_Delete(message);
	return fault_no_memory(why);
}

/* {"role":…,"content":…}; takes the content. */
static cJSON *
make_message(const char *role, cJSON *content)
{
	cJSON *message = cJSON_CreateObject();

	if (!json_add_text(message, "role", role)) {
		cJSON_Delete(content);
		cJSON_Delete(message);
		return NULL;
	}
	if (json_add(message, "content", content))
		return message;
	cJSON_Delete(message);
	return NULL;
}

/* A message of one text, which is taken. */
static int
append_text(
    struct writer *w, const char *role, struct buf *text, struct fault *why)
{
	struct parts parts = { .n = 0 };

	parts_add_buf(&parts, text);
	return append(w, make_message(role, parts_take(&parts, &w->mark)), why);
}

static const char *
system_role(const struct writer *w)
{
	return w->c->profile->system_role == SYSTEM_ROLE_DEVELOPER ? "developer"
								   : "system";
}

/* -- cache marks ---------------------------------------------------------- */

/* The cache_control of any block of a list; the last one counts. */
static const cJSON *
find_mark(const cJSON *content)
{
	const cJSON *block, *mark, *found = NULL;

	if (!cJSON_IsArray(content))
		return NULL;
	cJSON_ArrayForEach(block, content) {
		mark = json_get_set(block, "cache_control");
		if (mark != NULL)
			found = mark;
	}
	return found;
}

static const cJSON *
turn_mark(const struct writer *w, size_t i)
{
	const struct turn *turn = &w->c->turns.list[i];
	const cJSON *mark, *found = NULL;

	if (turn->role == ROLE_ASSISTANT)
		return NULL;
	if (turn->role == ROLE_SYSTEM)
		return find_mark(turn->message->content);
	for (size_t k = 0; k < turn->n_blocks; k++) {
		mark = json_get_set(turn->blocks[k].json, "cache_control");
		if (mark != NULL)
			found = mark;
	}
	/* One at the top of the request marks what is last. */
	if (found == NULL && i + 1 == w->c->turns.n)
		found = json_get_set(w->c->doc->root, "cache_control");
	return found;
}

/* Whether the message in the making bears a mark of its own. */
static void
set_mark(struct writer *w, const cJSON *mark)
{
	const char *ttl = json_get_string(mark, "ttl");

	w->mark.hints = w->c->profile->cache_hints;
	if (mark == NULL) {
		/* What was folded into a marked message leaves it so. */
		w->mark.set &= w->parts.n > 0 || w->answer != NULL;
		return;
	}
	w->mark.set = w->marks_to_skip == 0;
	w->mark.ttl = ttl != NULL && strcmp(ttl, "1h") == 0 ? "1h" : NULL;
	if (w->marks_to_skip > 0)
		w->marks_to_skip--;
}

static void
count_marks(struct writer *w)
{
	size_t n = find_mark(w->c->req->system) != NULL;

	if (w->c->profile->cache_hints <= HINTS_NONE)
		return;
	for (size_t i = 0; i < w->c->turns.n; i++)
		n += turn_mark(w, i) != NULL;
	w->marks_to_skip = n > MARKS_MAX ? n - MARKS_MAX : 0;
}

/* -- system --------------------------------------------------------------- */

/* Who takes no schema is told of it in words. */
static void
put_format(const struct writer *w, struct buf *text)
{
	const struct conversion *c = w->c;
	struct json_slice schema;

	if (c->req->format_schema == NULL ||
	    (c->profile->response_format != FORMAT_JSON_OBJECT &&
		c->profile->response_format != FORMAT_NONE))
		return;
	schema = json_slice(c->doc, c->req->format_schema);
	if (text->len > 0)
		BUF_ADD_LIT(text, "\\n\\n");
	BUF_ADD_LIT(text, "Answer with one JSON object and nothing else. It "
			  "has to match this JSON schema:\\n");
	json_escape(text, schema.text, schema.len);
}

static int
add_system(struct writer *w, struct fault *why)
{
	const cJSON *system = w->c->req->system;
	struct buf text;
	bool silent;

	if (system_check(system, "system", false, &silent, why) == -1)
		return -1;
	buf_init(&text, TEXT_CEILING);
	w->c->out->dropped_billing = system_text(w->c->doc, system, &text);
	put_format(w, &text);
	set_mark(w, find_mark(system));
	if (text.failed || text.len > 0)
		return append_text(w, system_role(w), &text, why);
	buf_clear(&text);
	return 0;
}

/* -- the user's side ------------------------------------------------------ */

/* The tool message of the result in the making. */
static int
write_result(struct writer *w, struct fault *why)
{
	const struct conversion *c = w->c;
	const struct block *call = w->answer->call;
	struct parts parts = { .n = 0 };
	struct buf id, name;
	cJSON *message = cJSON_CreateObject();
	bool done;

	buf_init(&id, TEXT_CEILING);
	buf_init(&name, TEXT_CEILING);
	id_up(w->answer->id, c->profile->tool_id_mode, &name);
	json_escape(&id, name.data, name.len);
	id.failed |= name.failed;
	buf_reset(&name);
	toolname_put(&c->tools, json_get_string(call->json, "toolset_name"),
	    json_get_string(call->json, "name"), &name);
	parts_add_buf(&parts, &w->result);
	done = !id.failed && !name.failed &&
	       json_add_text(message, "role", "tool") &&
	       json_add_body(message, "tool_call_id",
		   (struct json_slice){ id.data, id.len }) &&
	       /* Mistral looks for the name, nobody else takes one. */
	       (c->profile->tool_id_mode != TOOL_ID_MISTRAL9 ||
		   json_add_text(message, "name", buf_str(&name))) &&
	       json_add(message, "content", parts_take(&parts, &w->mark));
	parts_clear(&parts);
	buf_clear(&id);
	buf_clear(&name);
	w->answer = NULL;
	w->after_tool = true;
	if (done)
		return append(w, message, why);
	cJSON_Delete(message);
	return fault_no_memory(why);
}

static int
write_user(struct writer *w, struct fault *why)
{
	struct buf bridge;

	if (w->after_tool &&
	    w->c->profile->user_after_tool == USER_AFTER_TOOL_FOLD) {
		buf_init(&bridge, sizeof(BRIDGE));
		BUF_ADD_LIT(&bridge, BRIDGE);
		if (append_text(w, "assistant", &bridge, why) == -1)
			return -1;
	}
	return append(
	    w, make_message("user", parts_take(&w->parts, &w->mark)), why);
}

/* Writes what the user's side has gathered. */
static int
flush(struct writer *w, struct fault *why)
{
	bool is_marked = w->mark.set;

	if (w->parts.failed)
		return fault_no_memory(why);
	if (w->waiting.len > 0)
		parts_prepend(&w->parts, &w->waiting);
	if (w->answer != NULL &&
	    w->c->profile->user_after_tool == USER_AFTER_TOOL_FOLD &&
	    !w->parts.has_media && w->parts.n > 0) {
		if (w->result.len > 0)
			BUF_ADD_LIT(&w->result, "\\n\\n");
		parts_join(&w->parts, &w->result);
		parts_clear(&w->parts);
	}
	w->mark.set = is_marked && w->parts.n == 0;
	if (w->answer != NULL && write_result(w, why) == -1)
		return -1;
	w->mark.set = is_marked;
	if (w->parts.n > 0 && write_user(w, why) == -1)
		return -1;
	w->after_tool = false;
	return 0;
}

static int
add_results(struct writer *w, const struct turn *turn, struct fault *why)
{
	bool is_marked = w->mark.set;

	for (size_t i = 0; i < turn->n_answers; i++) {
		w->mark.set = false;
		if (w->answer != NULL && write_result(w, why) == -1)
			return -1;
		w->answer = turn->answers[i];
		if (result_render(
			w->c, w->answer, &w->result, &w->parts, why) == -1)
			return -1;
	}
	w->mark.set = is_marked;
	return 0;
}

static void
add_summary(struct writer *w, const struct block *b)
{
	struct json_slice body =
	    json_body(w->c->doc, json_get(b->json, "content"));
	struct buf text;

	if (body.len == 0)
		return;
	buf_init(&text, TEXT_CEILING);
	BUF_ADD_LIT(&text, "[Summary of the conversation so far]\\n");
	json_put_body(&text, body);
	parts_add_buf(&w->parts, &text);
}

static int
add_block(struct writer *w, const struct block *b, struct fault *why)
{
	char path[BLOCK_PATH_MAX];
	struct media_source from = { w->c->doc, w->c->profile, path };

	if (b->type == BLOCK_TEXT) {
		parts_add_text(&w->parts, json_body(w->c->doc, b->text));
		return 0;
	}
	block_path(b, path);
	switch (b->type) {
	case BLOCK_IMAGE:
		return media_add_image(&from, b->json, &w->parts, why);
	case BLOCK_DOCUMENT:
		return media_add_document(&from, b->json, &w->parts, why);
	case BLOCK_SEARCH_RESULT:
		return media_add_search_result(&from, b->json, &w->parts, why);
	case BLOCK_COMPACTION:
		add_summary(w, b);
		return 0;
	case BLOCK_CONTAINER_UPLOAD:
		return fault_set(why, FAULT_BAD_REQUEST,
		    "%s.container_upload: containers are not supported", path);
	default:
		return 0;
	}
}

static int
add_user_turn(struct writer *w, const struct turn *turn, struct fault *why)
{
	if (add_results(w, turn, why) == -1)
		return -1;
	for (size_t i = 0; i < turn->n_blocks; i++)
		if (add_block(w, &turn->blocks[i], why) == -1)
			return -1;
	if (w->waiting.len > 0)
		parts_prepend(&w->parts, &w->waiting);
	return is_folding(w) ? 0 : flush(w, why);
}

/*
 * A system message among the others stays where it is, or becomes part of the
 * nearest text of the user's side.  Never the system prompt's: that would
 * change the head of the request with every turn.
 */
static int
add_system_turn(struct writer *w, const struct turn *turn, struct fault *why)
{
	struct buf text;

	buf_init(&text, TEXT_CEILING);
	w->c->out->dropped_billing |=
	    system_text(w->c->doc, turn->message->content, &text);
	if (!is_folding(w))
		return append_text(w, system_role(w), &text, why);
	if (w->parts.n > 0) {
		parts_append(&w->parts, &text);
		return 0;
	}
	if (w->answer != NULL || w->waiting.len > 0) {
		struct buf *to = w->answer != NULL ? &w->result : &w->waiting;

		if (to->len > 0)
			BUF_ADD_LIT(to, "\\n\\n");
		buf_add(to, text.data, text.len);
		to->failed |= text.failed;
		buf_clear(&text);
		return 0;
	}
	buf_clear(&w->waiting);
	w->waiting = text;
	return 0;
}

/* -- the whole ------------------------------------------------------------ */

static int
add_assistant_turn(
    struct writer *w, const struct turn *turn, bool is_last, struct fault *why)
{
	cJSON *message;

	message = assistant_message(w->c, turn, is_last, &w->seen, why);
	if (message != NULL)
		return append(w, message, why);
	return why->kind == FAULT_NONE ? 0 : -1;
}

static int
add_turns(struct writer *w, struct fault *why)
{
	const struct turns *turns = &w->c->turns;
	const struct turn *turn;
	int rc = 0;

	for (size_t i = 0; i < turns->n && rc == 0; i++) {
		turn = &turns->list[i];
		if (turn->role == ROLE_ASSISTANT)
			rc = flush(w, why);
		if (rc == -1)
			break;
		set_mark(w, turn_mark(w, i));
		if (turn->role == ROLE_USER)
			rc = add_user_turn(w, turn, why);
		else if (turn->role == ROLE_SYSTEM)
			rc = add_system_turn(w, turn, why);
		else
			rc =
			    add_assistant_turn(w, turn, i + 1 == turns->n, why);
	}
	return rc == -1 ? -1 : flush(w, why);
}

/* The last thing the user wrote: what a search is for. */
static int
note_query(struct conversion *c, struct fault *why)
{
	const struct block *b = NULL;

	if (c->tools.web_search == NULL || c->req->choice == CHOICE_NONE)
		return 0;
	for (size_t i = c->turns.n; i > 0 && b == NULL; i--)
		for (size_t k = c->turns.list[i - 1].n_blocks;
		     c->turns.list[i - 1].role == ROLE_USER && k > 0; k--)
			if (c->turns.list[i - 1].blocks[k - 1].type ==
			    BLOCK_TEXT) {
				b = &c->turns.list[i - 1].blocks[k - 1];
				break;
			}
	c->out->terms.search_query =
	    strdup(b != NULL ? b->text->valuestring : "");
	return c->out->terms.search_query == NULL ? fault_no_memory(why) : 0;
}

int
messages_add(struct conversion *c, cJSON *body, struct fault *why)
{
	struct writer w = { .c = c };
	int rc = -1;

	buf_init(&w.result, TEXT_CEILING);
	buf_init(&w.waiting, TEXT_CEILING);
	w.messages = cJSON_CreateArray();
	if (!json_add(body, "messages", w.messages)) {
		fault_no_memory(why);
		goto out;
	}
	count_marks(&w);
	if (add_system(&w, why) == -1 || add_turns(&w, why) == -1 ||
	    note_query(c, why) == -1)
		goto out;
	rc = 0;
out:
	parts_clear(&w.parts);
	buf_clear(&w.result);
	buf_clear(&w.waiting);
	seen_details_clear(&w.seen);
	return rc;
}
