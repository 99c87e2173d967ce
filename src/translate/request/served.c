/* SPDX-License-Identifier: MIT */
/* Server tools in the history.  Encrypted contents are left out. */
#include "translate/request/served.h"

#include <string.h>

#include "translate/request/turns.h"
#include "wire/buf.h"

/* Appends a string member behind `before`, if it is there and not empty. */
static void
put_text(const struct json_doc *doc, const cJSON *object, const char *key,
    const char *before, struct buf *out)
{
	struct json_slice body = json_body(doc, json_get(object, key));

	if (body.len == 0)
		return;
	buf_add_str(out, before);
	json_put_body(out, body);
}

static void
put_json(const struct json_doc *doc, const cJSON *item, const char *before,
    struct buf *out)
{
	struct json_slice text = json_slice(doc, item);

	if (text.len == 0)
		return;
	buf_add_str(out, before);
	json_escape(out, text.text, text.len);
}

/* [web_search "query"], [server.tool {"input":1}] */
static void
put_use(const struct json_doc *doc, const struct block *b, struct buf *out)
{
	const cJSON *input = json_get_set(b->json, "input");
	const cJSON *asked = json_get(input, "query");
	const char *name = json_get_string(b->json, "name");

	/* What a search for tools found is offered as tools. */
	if (name != NULL && strncmp(name, "tool_search", 11) == 0)
		return;
	BUF_ADD_LIT(out, "\\n[");
	put_text(doc, b->json, "server_name", "", out);
	if (json_get(b->json, "server_name") != NULL)
		buf_add_char(out, '.');
	put_text(doc, b->json, "name", "", out);
	if (asked == NULL)
		asked = json_get(input, "url");
	put_json(doc, asked != NULL ? asked : input, " ", out);
	BUF_ADD_LIT(out, "]\\n");
}

static void
put_page(const struct json_doc *doc, const cJSON *page, struct buf *out)
{
	const cJSON *document = json_get(page, "content");

	BUF_ADD_LIT(out, "->");
	put_text(doc, page, "title", " ", out);
	put_text(doc, document, "title", " ", out);
	if (json_get_string(page, "title") != NULL ||
	    json_get_string(document, "title") != NULL)
		BUF_ADD_LIT(out, " -");
	put_text(doc, page, "url", " ", out);
	BUF_ADD_LIT(out, "\\n");
	if (json_is(json_get(json_get(document, "source"), "type"), "text")) {
		put_text(doc, json_get(document, "source"), "data", "", out);
		BUF_ADD_LIT(out, "\\n");
	}
}

/* The readable members of any other result. */
static void
put_facts(const struct json_doc *doc, const cJSON *result, struct buf *out)
{
	static const char *const texts[] = { "text", "stdout", "stderr",
		"content", "error_code", "error_message" };
	const cJSON *line;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (json_body(doc, json_get(result, texts[i])).len == 0)
			continue;
		BUF_ADD_LIT(out, "-> ");
		if (strncmp(texts[i], "error", 5) == 0 ||
		    strncmp(texts[i], "std", 3) == 0)
			buf_printf(out, "%s: ", texts[i]);
		put_text(doc, result, texts[i], "", out);
		BUF_ADD_LIT(out, "\\n");
	}
	if (cJSON_IsNumber(json_get(result, "return_code"))) {
		put_json(doc, json_get(result, "return_code"),
		    "-> return code: ", out);
		BUF_ADD_LIT(out, "\\n");
	}
	cJSON_ArrayForEach(line, json_get(result, "lines")) {
		json_put_body(out, json_body(doc, line));
		BUF_ADD_LIT(out, "\\n");
	}
}

static void
put_result(const struct json_doc *doc, const cJSON *result, struct buf *out)
{
	const char *type = json_get_string(result, "type");

	if (type != NULL && (strcmp(type, "web_search_result") == 0 ||
				strcmp(type, "web_fetch_result") == 0))
		put_page(doc, result, out);
	else
		put_facts(doc, result, out);
}

void
served_put(const struct json_doc *doc, const struct block *b, struct buf *out)
{
	const cJSON *content = json_get_set(b->json, "content"), *item;

	if (b->type == BLOCK_SERVER_USE) {
		put_use(doc, b, out);
		return;
	}
	if (cJSON_IsString(content)) {
		put_text(doc, b->json, "content", "-> ", out);
		BUF_ADD_LIT(out, "\\n");
	} else if (cJSON_IsArray(content)) {
		cJSON_ArrayForEach(item, content) {
			put_result(doc, item, out);
		}
	} else {
		put_result(doc, content, out);
	}
}
