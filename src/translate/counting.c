/* SPDX-License-Identifier: MIT */
/* Token counting requests of three upstreams.  Pure. */
#include "translate/counting.h"

#include <string.h>

#include "wire/buf.h"

static const struct {
	const char *path;
	bool at_root;
	const char *count; /* member of the answer */
} ways[COUNTING_WAYS] = {
	[COUNTING_LLAMA] = { "/chat/completions/input_tokens", false,
	    "input_tokens" },
	[COUNTING_VLLM] = { "/tokenize", true, "count" },
	[COUNTING_OPENAI] = { "/responses/input_tokens", false,
	    "input_tokens" },
};

/* Adds a copy of a member under a name, where it is there. */
static bool
copy_as(const cJSON *from, const char *key, cJSON *to, const char *as)
{
	const cJSON *item = json_get(from, key);

	return item == NULL || json_add(to, as, cJSON_Duplicate(item, true));
}

static bool
copy(const cJSON *from, const char *key, cJSON *to)
{
	return copy_as(from, key, to, key);
}

/* Whether a built string leaf (raw or not) has this text. */
static bool
says(const cJSON *item, const char *text)
{
	const char *value = item != NULL ? item->valuestring : NULL;
	size_t len = strlen(text);

	if (value == NULL)
		return false;
	if (cJSON_IsRaw(item))
		return strlen(value) == len + 2 && value[0] == '"' &&
		       strncmp(value + 1, text, len) == 0;
	return strcmp(value, text) == 0;
}

/* -- the shape of the Responses API --------------------------------------- */

static bool
add_part(cJSON *parts, const cJSON *part, bool assistant)
{
	cJSON *made = cJSON_CreateObject();
	const cJSON *type = json_get(part, "type");
	const cJSON *file = json_get(part, "file");
	bool ok;

	if (made == NULL || !cJSON_AddItemToArray(parts, made)) {
		cJSON_Delete(made);
		return false;
	}
	if (says(type, "image_url"))
		ok = json_add_text(made, "type", "input_image") &&
		     copy_as(
			 json_get(part, "image_url"), "url", made, "image_url");
	else if (says(type, "file"))
		ok = json_add_text(made, "type", "input_file") &&
		     copy(file, "filename", made) &&
		     copy(file, "file_data", made) &&
		     copy(file, "file_id", made);
	else
		ok = json_add_text(made, "type",
			 assistant ? "output_text" : "input_text") &&
		     copy(part, "text", made);
	return ok;
}

static bool
add_content(cJSON *item, const cJSON *content, bool assistant)
{
	const cJSON *part;
	cJSON *parts;

	if (!cJSON_IsArray(content))
		return json_add(
		    item, "content", cJSON_Duplicate(content, true));
	if ((parts = cJSON_CreateArray()) == NULL ||
	    !json_add(item, "content", parts))
		return false;
	cJSON_ArrayForEach(part, content) {
		if (!add_part(parts, part, assistant))
			return false;
	}
	return true;
}

/* A fresh object at the end of an array, NULL when out of memory. */
static cJSON *
append_object(cJSON *array)
{
	cJSON *item = cJSON_CreateObject();

	if (item != NULL && cJSON_AddItemToArray(array, item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

static bool
add_call(cJSON *input, const cJSON *call)
{
	const cJSON *function = json_get(call, "function");
	cJSON *item = append_object(input);

	return json_add_text(item, "type", "function_call") &&
	       copy_as(call, "id", item, "call_id") &&
	       copy(function, "name", item) &&
	       copy(function, "arguments", item);
}

static bool
add_message(cJSON *input, const cJSON *message)
{
	const cJSON *role = json_get(message, "role");
	const cJSON *content = json_get_set(message, "content");
	const cJSON *call;
	cJSON *item;

	if (says(role, "tool")) {
		item = append_object(input);
		return json_add_text(item, "type", "function_call_output") &&
		       copy_as(message, "tool_call_id", item, "call_id") &&
		       copy_as(message, "content", item, "output");
	}
	if (content != NULL && !says(content, "")) {
		item = append_object(input);
		if (!copy(message, "role", item) ||
		    !add_content(item, content, says(role, "assistant")))
			return false;
	}
	cJSON_ArrayForEach(call, json_get(message, "tool_calls")) {
		if (!add_call(input, call))
			return false;
	}
	return true;
}

static bool
add_tool(cJSON *tools, const cJSON *tool)
{
	const cJSON *function = json_get(tool, "function");
	cJSON *item = append_object(tools);

	return json_add_text(item, "type", "function") &&
	       copy(function, "name", item) &&
	       copy(function, "description", item) &&
	       copy(function, "parameters", item);
}

static bool
shape_responses(cJSON *to, const cJSON *chat)
{
	const cJSON *item, *tools = json_get(chat, "tools");
	cJSON *array = cJSON_CreateArray();

	if (!copy(chat, "model", to) || !json_add(to, "input", array))
		return false;
	cJSON_ArrayForEach(item, json_get(chat, "messages")) {
		if (!add_message(array, item))
			return false;
	}
	if (tools == NULL)
		return true;
	array = cJSON_CreateArray();
	if (!json_add(to, "tools", array))
		return false;
	cJSON_ArrayForEach(item, tools) {
		if (!add_tool(array, item))
			return false;
	}
	return true;
}

/* -- the three ways ------------------------------------------------------- */

int
counting_print(enum counting_way way, const cJSON *chat, struct buf *out)
{
	cJSON *to = cJSON_CreateObject();
	bool ok;

	if (way == COUNTING_OPENAI)
		ok = shape_responses(to, chat);
	else
		ok = copy(chat, "model", to) && copy(chat, "messages", to) &&
		     copy(chat, "tools", to);
	ok = ok && json_print(to, out) == 0;
	cJSON_Delete(to);
	return ok ? 0 : -1;
}

int
counting_url(
    enum counting_way way, const char *base, const char *query, struct buf *out)
{
	const char *host = strstr(base, "://");
	size_t stem = strlen(base);

	if (host == NULL)
		return -1;
	if (ways[way].at_root)
		stem = (size_t)(host + 3 - base) + strcspn(host + 3, "/");
	buf_add(out, base, stem);
	buf_add_str(out, ways[way].path);
	buf_add_str(out, query);
	return out->failed ? -1 : 0;
}

int64_t
counting_read(enum counting_way way, const char *body, size_t len)
{
	const struct json_limits limits = { 64, 4000000 };
	struct json_doc doc;
	int64_t count;

	if (json_parse_lenient(&doc, body, len, &limits, NULL) == -1 ||
	    json_int64(&doc, json_get(doc.root, ways[way].count), &count) ==
		-1 ||
	    count < 0)
		count = -1;
	json_doc_clear(&doc);
	return count;
}
