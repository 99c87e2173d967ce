/* SPDX-License-Identifier: MIT */
/* Assistant turns: texts joined, calls behind them, thinking beside. */
#include "translate/request/assistant.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/request/conversion.h"
#include "translate/request/history.h"
#include "translate/request/media.h"
#include "translate/names.h"
#include "translate/request/parts.h"
#include "translate/request/served.h"
#include "translate/request/toolname.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define TEXT_CEILING (SIZE_MAX / 4)

/* A document in an assistant's turn can only be text there. */
static int
put_document(const struct conversion *c, const struct block *b,
    struct buf *text, struct fault *why)
{
	char path[BLOCK_PATH_MAX];
	struct media_source from = { c->doc, c->profile, block_path(b, path) };
	struct parts parts = { .n = 0 };
	int rc = media_add_document(&from, b->json, &parts, why);

	if (rc == 0 && parts.has_media)
		rc = fault_set(why, FAULT_BAD_REQUEST,
		    "%s: only text documents are supported in `assistant` "
		    "messages",
		    path);
	if (rc == 0)
		parts_join(&parts, text);
	parts_clear(&parts);
	return rc;
}

/* Appends what a turn says, all texts in one. */
static int
put_texts(const struct conversion *c, const struct turn *turn, struct buf *text,
    struct fault *why)
{
	const struct block *b;

	for (size_t i = 0; i < turn->n_blocks; i++) {
		b = &turn->blocks[i];
		switch (b->type) {
		case BLOCK_TEXT:
			json_put_body(text, json_body(c->doc, b->text));
			break;
		case BLOCK_SERVER_USE:
		case BLOCK_SERVER_RESULT:
			served_put(c->doc, b, text);
			break;
		case BLOCK_COMPACTION:
			json_put_body(text,
			    json_body(c->doc, json_get(b->json, "content")));
			break;
		case BLOCK_DOCUMENT:
			if (put_document(c, b, text, why) == -1)
				return -1;
			break;
		default:
			break;
		}
	}
	return text->failed ? fault_no_memory(why) : 0;
}

/* {"name":…,"arguments":"…"} */
static cJSON *
call_function(const struct conversion *c, const struct block *b)
{
	const cJSON *input = json_get_set(b->json, "input");
	struct json_slice text = { "{}", 2 };
	cJSON *function = cJSON_CreateObject();
	struct buf name, arguments;
	bool done;

	if (input != NULL)
		text = json_slice(c->doc, input);
	buf_init(&name, TEXT_CEILING);
	buf_init(&arguments, TEXT_CEILING);
	toolname_put(&c->tools, json_get_string(b->json, "toolset_name"),
	    json_get_string(b->json, "name"), &name);
	json_escape(&arguments, text.text, text.len);
	done = !name.failed && !arguments.failed &&
	       json_add_text(function, "name", buf_str(&name)) &&
	       json_add_body(function, "arguments",
		   (struct json_slice){ arguments.data, arguments.len });
	buf_clear(&name);
	buf_clear(&arguments);
	if (done)
		return function;
	cJSON_Delete(function);
	return NULL;
}

static cJSON *
call_item(const struct conversion *c, const struct block *b,
    const struct thoughts *t, bool is_first)
{
	cJSON *call = cJSON_CreateObject(), *id_item;
	struct buf id, escaped;

	buf_init(&id, TEXT_CEILING);
	buf_init(&escaped, TEXT_CEILING);
	id_up(b->id, c->profile->tool_id_mode, &id);
	json_escape(&escaped, id.data, id.len);
	id_item = id.failed || escaped.failed
		      ? NULL
		      : json_body_item(
			    (struct json_slice){ escaped.data, escaped.len });
	buf_clear(&id);
	buf_clear(&escaped);
	if (json_add(call, "id", id_item) &&
	    json_add_text(call, "type", "function") &&
	    json_add(call, "function", call_function(c, b)) &&
	    thoughts_add_signature(t, c, b->id, is_first, call))
		return call;
	cJSON_Delete(call);
	return NULL;
}

static bool
add_calls(const struct conversion *c, const struct turn *turn,
    const struct thoughts *t, cJSON *message)
{
	cJSON *calls, *call;
	bool first = true;

	if (turn->n_calls == 0)
		return true;
	calls = cJSON_AddArrayToObject(message, "tool_calls");
	for (size_t i = 0; calls != NULL && i < turn->n_blocks; i++) {
		if (turn->blocks[i].type != BLOCK_TOOL_USE)
			continue;
		call = call_item(c, &turn->blocks[i], t, first);
		if (call == NULL || !cJSON_AddItemToArray(calls, call)) {
			cJSON_Delete(call);
			return false;
		}
		first = false;
	}
	return calls != NULL;
}

/* The content as parts, the thinking's own before the text. */
static cJSON *
content_parts(const struct thoughts *t, const struct buf *text)
{
	struct json_slice body = { text->data, text->len };
	cJSON *array = cJSON_CreateArray(), *item;

	item = json_raw(t->details.data, t->details.len);
	if (array == NULL || item == NULL) {
		cJSON_Delete(array);
		cJSON_Delete(item);
		return NULL;
	}
	cJSON_AddItemToArray(array, item);
	if (text->len == 0)
		return array;
	item = cJSON_CreateObject();
	if (json_add_text(item, "type", "text") &&
	    json_add_body(item, "text", body)) {
		cJSON_AddItemToArray(array, item);
		return array;
	}
	cJSON_Delete(item);
	cJSON_Delete(array);
	return NULL;
}

static cJSON *
content_item(
    const struct turn *turn, const struct thoughts *t, const struct buf *text)
{
	struct buf whole;
	cJSON *item;

	if (thoughts_are_parts(t))
		return content_parts(t, text);
	buf_init(&whole, TEXT_CEILING);
	thoughts_put_tags(t, &whole);
	buf_add(&whole, text->data, text->len);
	if (whole.failed)
		item = NULL;
	else if (whole.len == 0 && turn->n_calls > 0)
		item = cJSON_CreateNull();
	else
		item = json_body_item(
		    (struct json_slice){ whole.data, whole.len });
	buf_clear(&whole);
	return item;
}

/* What the upstream is to go on from. */
static int
note_prefill(struct conversion *c, const struct buf *text, struct fault *why)
{
	struct buf plain;

	if (c->profile->prefill == PREFILL_REJECT)
		return fault_set(why, FAULT_BAD_REQUEST,
		    "This model does not support assistant message prefill. "
		    "The conversation must end with a user message.");
	buf_init(&plain, TEXT_CEILING);
	json_unescape(&plain, (struct json_slice){ text->data, text->len });
	if (plain.failed || memchr(plain.data, '\0', plain.len) == NULL)
		c->out->terms.prefill = buf_take(&plain, NULL);
	if (plain.failed)
		return fault_no_memory(why);
	buf_clear(&plain);
	return 0;
}

static cJSON *
build(const struct conversion *c, const struct turn *turn,
    const struct thoughts *t, const struct buf *text, bool is_prefill)
{
	cJSON *message = cJSON_CreateObject();

	if (json_add_text(message, "role", "assistant") &&
	    json_add(message, "content", content_item(turn, t, text)) &&
	    thoughts_add_fields(t, c, turn->n_calls > 0, message) &&
	    add_calls(c, turn, t, message) &&
	    (!is_prefill || c->profile->prefill != PREFILL_PREFIX ||
		json_add_bool(message, "prefix", true)))
		return message;
	cJSON_Delete(message);
	return NULL;
}

cJSON *
assistant_message(struct conversion *c, const struct turn *turn, bool is_last,
    struct seen_details *seen, struct fault *why)
{
	struct thoughts t;
	cJSON *message = NULL;
	struct buf text;

	buf_init(&text, TEXT_CEILING);
	if (thoughts_read(&t, c, turn, seen, why) == -1 ||
	    put_texts(c, turn, &text, why) == -1)
		goto out;
	if (is_last) {
		if (text.len == 0 || note_prefill(c, &text, why) == -1)
			goto out;
	}
	message = build(c, turn, &t, &text, is_last);
	if (message == NULL)
		fault_no_memory(why);
out:
	thoughts_clear(&t);
	buf_clear(&text);
	return message;
}
