/* SPDX-License-Identifier: MIT */
/* Tool results.  Knows no order of messages. */
#include "translate/request/results.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "translate/request/conversion.h"
#include "translate/request/media.h"
#include "translate/names.h"
#include "translate/request/parts.h"
#include "translate/request/toolname.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define TEXT_CEILING (SIZE_MAX / 4)

/* A result on its way into text. */
struct rendering {
	const struct conversion *c;
	const struct block *result;
	struct buf *text;
	size_t start; /* where in text the result begins */
	struct parts *media;
	size_t n_images, n_documents;
	bool has_references;
};

static void
new_line(struct rendering *r)
{
	if (r->text->len > r->start)
		BUF_ADD_LIT(r->text, "\\n");
}

/* Moves what is no text behind the results and leaves a note of it. */
static void
attach(struct rendering *r, cJSON *media)
{
	bool is_image = json_get(media, "image_url") != NULL;
	const char *what = is_image ? "image" : "document";
	size_t number = is_image ? ++r->n_images : ++r->n_documents;
	struct buf note, id;

	new_line(r);
	buf_printf(r->text,
	    "[%s %zu of this result is attached in the next message]", what,
	    number);
	buf_init(&note, TEXT_CEILING);
	buf_init(&id, TEXT_CEILING);
	id_up(r->result->id, r->c->profile->tool_id_mode, &id);
	buf_printf(&note, "[%s %zu of the result of tool call ", what, number);
	json_escape(&note, id.data, id.len);
	BUF_ADD_LIT(&note, "]");
	note.failed |= id.failed;
	buf_clear(&id);
	parts_add_buf(r->media, &note);
	parts_add_media(r->media, media);
}

/* Takes the parts of a block apart: texts here, media behind. */
static int
spread(struct rendering *r, struct parts *parts, struct fault *why)
{
	if (parts->failed) {
		parts_clear(parts);
		return fault_no_memory(why);
	}
	for (size_t i = 0; i < parts->n; i++) {
		if (parts->list[i].media != NULL) {
			attach(r, parts->list[i].media);
			parts->list[i].media = NULL;
			continue;
		}
		new_line(r);
		json_put_body(r->text, parts->list[i].text);
	}
	parts_clear(parts);
	return 0;
}

/* All references of a result in one line, where the first stands. */
static void
add_references(struct rendering *r, const cJSON *content)
{
	const cJSON *item, *name;
	bool first = true;

	if (r->has_references)
		return;
	r->has_references = true;
	new_line(r);
	BUF_ADD_LIT(r->text, "Tools now available: ");
	cJSON_ArrayForEach(item, content) {
		name = json_get(item, "tool_name");
		if (!json_is(json_get(item, "type"), "tool_reference") ||
		    !cJSON_IsString(name))
			continue;
		if (!first)
			BUF_ADD_LIT(r->text, ", ");
		first = false;
		toolname_put(&r->c->tools, NULL, name->valuestring, r->text);
	}
}

/* One member as name=value, if it is there. */
static void
add_fact(struct rendering *r, const cJSON *object, const char *key)
{
	const cJSON *member = json_get_set(object, key);
	struct json_slice value = json_slice(r->c->doc, member);

	if (member == NULL)
		return;
	buf_printf(r->text, " %s=", key);
	json_escape(r->text, value.text, value.len);
}

static void
add_browser_state(struct rendering *r, const cJSON *block)
{
	static const char *const facts[] = { "tab_id", "download_id", "url",
		"path", "size_bytes", "error" };
	const cJSON *tab, *change;
	const char *type;

	new_line(r);
	BUF_ADD_LIT(r->text, "Browser tabs:");
	cJSON_ArrayForEach(tab, json_get(block, "tabs")) {
		BUF_ADD_LIT(r->text, "\\n-");
		add_fact(r, tab, "tab_id");
		add_fact(r, tab, "title");
		add_fact(r, tab, "url");
		if (json_get_true(tab, "active"))
			BUF_ADD_LIT(r->text, " (active)");
	}
	cJSON_ArrayForEach(change, json_get(block, "state_changes")) {
		type = json_get_string(change, "type");
		BUF_ADD_LIT(r->text, "\\n* ");
		if (type != NULL)
			json_escape(r->text, type, strlen(type));
		for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
			add_fact(r, change, facts[i]);
	}
}

static int
add_text_block(struct rendering *r, const cJSON *block, const char *path,
    struct fault *why)
{
	const cJSON *text = json_get(block, "text");

	if (text == NULL)
		return REFUSE("%s.text.text: Field required", path);
	if (!cJSON_IsString(text))
		return REFUSE(
		    "%s.text.text: Input should be a valid string", path);
	if (text->valuestring[0] == '\0')
		return 0;
	new_line(r);
	json_put_body(r->text, json_body(r->c->doc, text));
	return 0;
}

static int
add_block(struct rendering *r, const cJSON *content, const cJSON *block,
    const char *path, struct fault *why)
{
	struct media_source from = { r->c->doc, r->c->profile, path };
	const char *type = json_get_string(block, "type");
	struct parts parts = { .n = 0 };
	int rc;

	if (type == NULL)
		return REFUSE("%s.type: Field required", path);
	if (strcmp(type, "text") == 0)
		return add_text_block(r, block, path, why);
	if (strcmp(type, "tool_reference") == 0) {
		add_references(r, content);
		return 0;
	}
	if (strcmp(type, "browser_state") == 0) {
		add_browser_state(r, block);
		return 0;
	}
	if (strcmp(type, "image") == 0)
		rc = media_add_image(&from, block, &parts, why);
	else if (strcmp(type, "document") == 0)
		rc = media_add_document(&from, block, &parts, why);
	else if (strcmp(type, "search_result") == 0)
		rc = media_add_search_result(&from, block, &parts, why);
	else
		rc = fault_unknown_tag(path, ".type", type,
		    ": 'browser_state', 'document', 'image', 'search_result', "
		    "'text', 'tool_reference'",
		    why);
	if (rc == -1) {
		parts_clear(&parts);
		return -1;
	}
	return spread(r, &parts, why);
}

/* Chat Completions has no flag for a failed call. */
static void
add_error_prefix(const struct block *b, const cJSON *content, struct buf *text)
{
	const char *said = cJSON_GetStringValue(content);

	if (!json_get_true(b->json, "is_error"))
		return;
	if (said == NULL)
		said = json_get_string(
		    content != NULL ? content->child : NULL, "text");
	if (said == NULL ||
	    (strncmp(said, "Error", 5) != 0 && strncmp(said, "error", 5) != 0))
		BUF_ADD_LIT(text, "Error: ");
}

int
result_render(const struct conversion *c, const struct block *result,
    struct buf *text, struct parts *media, struct fault *why)
{
	const cJSON *content = json_get_set(result->json, "content"), *item;
	struct rendering r = {
		.c = c, .result = result, .text = text, .media = media
	};
	char path[2 * BLOCK_PATH_MAX], own[BLOCK_PATH_MAX];
	size_t i = 0;

	add_error_prefix(result, content, text);
	r.start = text->len;
	if (cJSON_IsString(content)) {
		json_put_body(text, json_body(c->doc, content));
		return 0;
	}
	if (content != NULL && !cJSON_IsArray(content))
		return REFUSE("%s.tool_result.content: Input should be a valid "
			      "string or list",
		    block_path(result, own));
	cJSON_ArrayForEach(item, content) {
		snprintf(path, sizeof(path), "%s.content.%zu",
		    block_path(result, own), i++);
		if (add_block(&r, content, item, path, why) == -1)
			return -1;
	}
	return 0;
}
