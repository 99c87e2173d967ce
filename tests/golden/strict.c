/* SPDX-License-Identifier: MIT */
/* The rules of a Chat Completions request, one by one. */
#include "strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 4096

struct checker {
	const struct json_doc *doc;
	char *err;
	size_t cap;
	const char *open_ids[IDS_MAX]; /* calls that wait for their result */
	size_t n_open;
};

#define BREACH(...) (snprintf(c->err, c->cap, __VA_ARGS__), false)

static bool
has_only(struct checker *c, const cJSON *object, const char *where,
    const char *const *keys)
{
	const cJSON *member;
	size_t i;

	if (!cJSON_IsObject(object))
		return BREACH("%s: not an object", where);
	cJSON_ArrayForEach(member, object) {
		for (i = 0; keys[i] != NULL; i++)
			if (strcmp(keys[i], member->string) == 0)
				break;
		if (keys[i] == NULL)
			return BREACH(
			    "%s: unknown key %s", where, member->string);
		if (json_get(object, member->string) != member)
			return BREACH("%s: %s twice", where, member->string);
	}
	return true;
}

static bool
is_in(const cJSON *item, const char *const *words)
{
	for (; *words != NULL; words++)
		if (json_is(item, *words))
			return true;
	return false;
}

/* ^[a-zA-Z0-9_-]{1,max}$ */
static bool
is_plain(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len >= 1 && len <= max &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* -- content -------------------------------------------------------------- */

static bool
check_part(struct checker *c, const cJSON *part, const char *role, size_t i)
{
	static const char *const text[] = { "type", "text", NULL };
	static const char *const image[] = { "type", "image_url", NULL };
	static const char *const file[] = { "type", "file", NULL };
	const char *type = json_get_string(part, "type"), *url;
	bool is_user = strcmp(role, "user") == 0;

	if (type == NULL)
		return BREACH("messages[%zu]: a part without type", i);
	if (strcmp(type, "text") == 0)
		return has_only(c, part, "text part", text) &&
		       (json_get_string(part, "text") != NULL ||
			   BREACH("messages[%zu]: text part without text", i));
	if (strcmp(type, "image_url") == 0 && is_user) {
		url = json_get_string(json_get(part, "image_url"), "url");
		if (url == NULL || (strncmp(url, "data:image/", 11) != 0 &&
				       strncmp(url, "http", 4) != 0))
			return BREACH("messages[%zu]: no image url", i);
		return has_only(c, part, "image part", image);
	}
	if (strcmp(type, "file") == 0 && is_user) {
		url = json_get_string(json_get(part, "file"), "file_data");
		if (url == NULL ||
		    strncmp(url, "data:application/pdf;base64,", 28) != 0)
			return BREACH("messages[%zu]: no PDF data", i);
		return has_only(c, part, "file part", file);
	}
	return BREACH(
	    "messages[%zu]: a %s part in a %s message", i, type, role);
}

static bool
check_content(
    struct checker *c, const cJSON *message, const char *role, size_t i)
{
	const cJSON *content = json_get(message, "content"), *part;
	bool is_assistant = strcmp(role, "assistant") == 0;

	if (cJSON_IsString(content))
		return true;
	if (content == NULL || cJSON_IsNull(content))
		return (is_assistant &&
			   json_get(message, "tool_calls") != NULL) ||
		       BREACH("messages[%zu].content: required", i);
	if (!cJSON_IsArray(content) || content->child == NULL)
		return BREACH(
		    "messages[%zu].content: neither text nor parts", i);
	cJSON_ArrayForEach(part, content) {
		if (!check_part(c, part, role, i))
			return false;
	}
	return true;
}

/* -- calls ---------------------------------------------------------------- */

static bool
check_call(struct checker *c, const cJSON *call, size_t i)
{
	static const char *const call_keys[] = { "id", "type", "function",
		NULL };
	static const char *const keys[] = { "name", "arguments", NULL };
	const cJSON *function = json_get(call, "function");
	const char *id = json_get_string(call, "id");
	const char *name = json_get_string(function, "name");
	const char *text = json_get_string(function, "arguments");

	if (!has_only(c, call, "call", call_keys) ||
	    !has_only(c, function, "function", keys))
		return false;
	if (!json_is(json_get(call, "type"), "function"))
		return BREACH("messages[%zu]: call type", i);
	if (id == NULL || id[0] == '\0')
		return BREACH("messages[%zu]: call without id", i);
	for (size_t k = 0; k < c->n_open; k++)
		if (strcmp(c->open_ids[k], id) == 0)
			return BREACH("messages[%zu]: call id %s twice", i, id);
	if (name == NULL || !is_plain(name, 64))
		return BREACH("messages[%zu]: function name", i);
	if (text == NULL || json_check(text, strlen(text), '{', NULL) == -1)
		return BREACH("messages[%zu]: arguments are no object", i);
	if (c->n_open == IDS_MAX)
		return BREACH("messages[%zu]: too many calls", i);
	c->open_ids[c->n_open++] = id;
	return true;
}

static bool
check_assistant(struct checker *c, const cJSON *message, size_t i)
{
	const cJSON *calls = json_get(message, "tool_calls"), *call;

	if (calls == NULL)
		return true;
	if (!cJSON_IsArray(calls) || calls->child == NULL)
		return BREACH("messages[%zu].tool_calls: [] is too short", i);
	cJSON_ArrayForEach(call, calls) {
		if (!check_call(c, call, i))
			return false;
	}
	return true;
}

static bool
check_tool_message(struct checker *c, const cJSON *message, size_t i)
{
	const char *id = json_get_string(message, "tool_call_id");

	if (id == NULL)
		return BREACH("messages[%zu].tool_call_id: required", i);
	for (size_t k = 0; k < c->n_open; k++)
		if (strcmp(c->open_ids[k], id) == 0) {
			c->open_ids[k] = c->open_ids[--c->n_open];
			return true;
		}
	return BREACH("messages[%zu]: no call %s before this result", i, id);
}

static bool
check_message(struct checker *c, const cJSON *message, size_t i)
{
	static const char *const roles[] = { "system", "developer", "user",
		"assistant", "tool", NULL };
	static const char *const plain[] = { "role", "content", NULL };
	static const char *const assistant[] = { "role", "content",
		"tool_calls", "refusal", NULL };
	static const char *const tool[] = { "role", "content", "tool_call_id",
		NULL };
	const cJSON *role = json_get(message, "role");
	bool is_tool = json_is(role, "tool");
	bool is_assistant = json_is(role, "assistant");

	if (!is_in(role, roles))
		return BREACH("messages[%zu].role", i);
	if (!has_only(c, message, "message",
		is_tool	       ? tool
		: is_assistant ? assistant
			       : plain))
		return false;
	if (!is_tool && c->n_open > 0)
		return BREACH("messages[%zu]: call %s has no result before it",
		    i, c->open_ids[0]);
	if (!check_content(c, message, role->valuestring, i))
		return false;
	if (is_tool)
		return check_tool_message(c, message, i);
	return !is_assistant || check_assistant(c, message, i);
}

static bool
check_messages(struct checker *c)
{
	const cJSON *list = json_get(c->doc->root, "messages"), *message;
	size_t i = 0;

	if (!cJSON_IsArray(list) || list->child == NULL)
		return BREACH("messages: [] is too short");
	cJSON_ArrayForEach(message, list) {
		if (!check_message(c, message, i++))
			return false;
	}
	return c->n_open == 0 ||
	       BREACH("messages: call %s has no result", c->open_ids[0]);
}

/* -- tools ---------------------------------------------------------------- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
check_tool(struct checker *c, const cJSON *tool, size_t i)
{
	static const char *const keys[] = { "type", "function", NULL };
	static const char *const function_keys[] = { "name", "description",
		"parameters", "strict", NULL };
	const cJSON *function = json_get(tool, "function");
	const cJSON *parameters = json_get(function, "parameters");
	const cJSON *text = json_get(function, "description");
	const char *name = json_get_string(function, "name");

	if (!has_only(c, tool, "tool", keys) ||
	    !has_only(c, function, "tool.function", function_keys))
		return false;
	if (!json_is(json_get(tool, "type"), "function") || name == NULL ||
	    !is_plain(name, 64))
		return BREACH("tools[%zu].function.name", i);
	if (text != NULL && !cJSON_IsString(text))
		return BREACH("tools[%zu].function.description", i);
	if (parameters != NULL &&
	    (!json_is(json_get(parameters, "type"), "object") ||
		!cJSON_IsObject(json_get(parameters, "properties"))))
		return BREACH(
		    "tools[%zu]: object schema missing properties", i);
	return true;
}

static bool
check_choice(struct checker *c, const cJSON *tools)
{
	static const char *const words[] = { "auto", "none", "required", NULL };
	const cJSON *choice = json_get(c->doc->root, "tool_choice"), *tool;
	const char *name =
	    json_get_string(json_get(choice, "function"), "name");

	if (choice == NULL || is_in(choice, words))
		return true;
	if (!json_is(json_get(choice, "type"), "function") || name == NULL)
		return BREACH("tool_choice: unknown form");
	cJSON_ArrayForEach(tool, tools) {
		if (json_is(json_get(json_get(tool, "function"), "name"), name))
			return true;
	}
	return BREACH("tool_choice: no tool %s", name);
}

static bool
check_tools(struct checker *c)
{
	const cJSON *root = c->doc->root, *tools = json_get(root, "tools");
	const char *names[128];
	const cJSON *tool;
	size_t n = 0;

	if (tools == NULL)
		return (json_get(root, "tool_choice") == NULL &&
			   json_get(root, "parallel_tool_calls") == NULL) ||
		       BREACH("tool_choice is only allowed with tools");
	if (!cJSON_IsArray(tools) || tools->child == NULL)
		return BREACH("tools: [] is too short");
	cJSON_ArrayForEach(tool, tools) {
		if (n == 128)
			return BREACH("tools: more than 128");
		if (!check_tool(c, tool, n))
			return false;
		names[n++] =
		    json_get_string(json_get(tool, "function"), "name");
	}
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return BREACH("tools: %s twice", names[i]);
	return check_choice(c, tools);
}

/* -- the rest ------------------------------------------------------------- */

static bool
check_scalars(struct checker *c)
{
	static const char *const efforts[] = { "none", "minimal", "low",
		"medium", "high", "xhigh", "max", NULL };
	static const char *const format_keys[] = { "type", "json_schema",
		NULL };
	static const char *const schema_keys[] = { "name", "schema", "strict",
		"description", NULL };
	const cJSON *root = c->doc->root, *item;
	int64_t n;
	double x;

	if ((item = json_get(root, "max_tokens")) != NULL &&
	    (json_int64(c->doc, item, &n) == -1 || n < 1))
		return BREACH("max_tokens");
	if ((item = json_get(root, "temperature")) != NULL &&
	    (json_number(c->doc, item, &x) == -1 || x < 0 || x > 2))
		return BREACH("temperature");
	if ((item = json_get(root, "reasoning_effort")) != NULL &&
	    !is_in(item, efforts))
		return BREACH("reasoning_effort");
	if (json_get(root, "stream_options") != NULL &&
	    !json_get_true(root, "stream"))
		return BREACH("stream_options without stream");
	if (cJSON_GetArraySize(json_get(root, "stop")) > 4)
		return BREACH("stop: more than 4");
	item = json_get(root, "response_format");
	return item == NULL ||
	       (has_only(c, item, "response_format", format_keys) &&
		   has_only(c, json_get(item, "json_schema"), "json_schema",
		       schema_keys));
}

bool
strict_accepts(const struct json_doc *doc, char *err, size_t cap)
{
	static const char *const keys[] = { "model", "messages", "tools",
		"tool_choice", "parallel_tool_calls", "max_tokens",
		"max_completion_tokens", "stream", "stream_options",
		"reasoning_effort", "response_format", "temperature", "top_p",
		"stop", "user", "safety_identifier", "prompt_cache_key",
		"service_tier", NULL };
	struct checker checker = { .doc = doc, .err = err, .cap = cap };
	struct checker *c = &checker;
	const char *model = json_get_string(doc->root, "model");

	if (!has_only(c, doc->root, "request", keys))
		return false;
	if (model == NULL || model[0] == '\0')
		return BREACH("model: required");
	return check_messages(c) && check_tools(c) && check_scalars(c);
}
