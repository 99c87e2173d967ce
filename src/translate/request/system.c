/* SPDX-License-Identifier: MIT */
/* System texts.  Knows nothing of where in the upstream's request they go. */
#include "translate/request/system.h"

#include <string.h>

#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define BILLING "x-anthropic-billing-header"

static bool
is_billing(const char *text)
{
	return strncmp(text, BILLING, sizeof(BILLING) - 1) == 0;
}

/* What of a string stands behind its billing line. */
static struct json_slice
behind_billing_line(struct json_slice body)
{
	size_t at = 0;

	while (at + 1 < body.len) {
		if (body.text[at] != '\\') {
			at++;
			continue;
		}
		if (body.text[at + 1] == 'n')
			return (struct json_slice){ body.text + at + 2,
				body.len - at - 2 };
		at += 2;
	}
	return (struct json_slice){ .text = "" };
}

/* The body of one text, without a billing line. */
static struct json_slice
text_to_send(
    const struct json_doc *doc, const cJSON *text, bool is_block, bool *billing)
{
	struct json_slice body = json_body(doc, text);

	if (!is_billing(text->valuestring))
		return body;
	*billing = true;
	if (!is_block)
		return behind_billing_line(body);
	return (struct json_slice){ .text = "" };
}

static int
check_block(const cJSON *block, const char *path, size_t i, bool is_inline,
    bool *silent, struct fault *why)
{
	const cJSON *type = json_get(block, "type");
	const cJSON *text = json_get(block, "text");

	if (!cJSON_IsObject(block))
		return REFUSE("%s.%zu: Input should be an object", path, i);
	if (is_inline &&
	    (json_is(type, "tool_addition") || json_is(type, "tool_removal")))
		return 0;
	if (!json_is(type, "text"))
		return REFUSE("%s.%zu.type: Input should be 'text'", path, i);
	if (text == NULL)
		return REFUSE("%s.%zu.text: Field required", path, i);
	if (!cJSON_IsString(text))
		return REFUSE(
		    "%s.%zu.text: Input should be a valid string", path, i);
	if (text->valuestring[0] != '\0' && !is_billing(text->valuestring))
		*silent = false;
	return 0;
}

int
system_check(const cJSON *content, const char *path, bool is_inline,
    bool *silent, struct fault *why)
{
	const cJSON *block;
	size_t i = 0;

	*silent = true;
	if (cJSON_IsString(content)) {
		*silent = content->valuestring[0] == '\0';
		return 0;
	}
	cJSON_ArrayForEach(block, content)
		if (check_block(block, path, i++, is_inline, silent, why) == -1)
			return -1;
	return 0;
}

bool
system_text(const struct json_doc *doc, const cJSON *content, struct buf *out)
{
	size_t start = out->len;
	struct json_slice body;
	bool billing = false;
	const cJSON *block, *text;

	if (cJSON_IsString(content)) {
		json_put_body(out, text_to_send(doc, content, false, &billing));
		return billing;
	}
	cJSON_ArrayForEach(block, content) {
		text = json_get(block, "text");
		if (!json_is(json_get(block, "type"), "text") || text == NULL)
			continue;
		body = text_to_send(doc, text, true, &billing);
		if (body.len == 0)
			continue;
		if (out->len > start)
			BUF_ADD_LIT(out, "\\n\\n");
		json_put_body(out, body);
	}
	return billing;
}
