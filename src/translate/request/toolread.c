/* SPDX-License-Identifier: MIT */
/* Tools as they are written.  Which of them are offered is not known here. */
#include "translate/request/toolread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/request/builtin.h"
#include "translate/dialect/dialect.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define TOOL_NAME_MAX_BYTES 128

/* Claude Code's stand-in for tools that are not loaded; no model may call it.
 */
#define PLACEHOLDER "DeferredToolPlaceholder"

/* -- one entry ------------------------------------------------------------ */

static struct tool *
add_tool(struct tool_set *set)
{
	size_t cap = set->cap == 0 ? 32 : set->cap * 2;
	struct tool *grown;

	if (set->n == set->cap) {
		grown = realloc(set->list, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		set->list = grown;
		set->cap = cap;
	}
	set->list[set->n] = (struct tool){ .order = set->n };
	return &set->list[set->n++];
}

/* Tools that only code in Anthropic's sandbox may call are not for a model. */
static bool
is_for_the_model(const cJSON *json)
{
	const cJSON *callers = json_get_set(json, "allowed_callers"), *item;

	if (!cJSON_IsArray(callers))
		return true;
	cJSON_ArrayForEach(item, callers) {
		if (json_is(item, "direct"))
			return true;
	}
	return false;
}

static int
check_name(
    const cJSON *json, const char *path, const char **name, struct fault *why)
{
	const cJSON *member = json_get(json, "name");

	if (member == NULL)
		return REFUSE("%s.custom.name: Field required", path);
	if (!cJSON_IsString(member))
		return REFUSE(
		    "%s.custom.name: Input should be a valid string", path);
	if (member->valuestring[0] == '\0')
		return REFUSE("%s.custom.name: String should have at least 1 "
			      "character",
		    path);
	if (strlen(member->valuestring) > TOOL_NAME_MAX_BYTES)
		return REFUSE("%s.custom.name: String should have at most %d "
			      "characters",
		    path, TOOL_NAME_MAX_BYTES);
	*name = member->valuestring;
	return 0;
}

static int
check_custom(const cJSON *json, const char *path, struct fault *why)
{
	const cJSON *schema = json_get(json, "input_schema");
	const cJSON *description = json_get_set(json, "description");
	const cJSON *type = json_get(schema, "type");

	if (description != NULL && !cJSON_IsString(description))
		return REFUSE("%s.custom.description: Input should be a valid "
			      "string",
		    path);
	if (schema == NULL)
		return REFUSE("%s.custom.input_schema: Field required", path);
	if (!cJSON_IsObject(schema))
		return REFUSE("%s.custom.input_schema: Input should be an "
			      "object",
		    path);
	if (type == NULL)
		return REFUSE(
		    "%s.custom.input_schema.type: Field required", path);
	if (!json_is(type, "object"))
		return REFUSE("%s.custom.input_schema.type: Input should be "
			      "'object'",
		    path);
	return 0;
}

/* The size of the screen that a computer tool works on has to be told. */
static int
check_display(const struct tool_reading *r, const struct tool *tool,
    const char *path, struct fault *why)
{
	static const char *const keys[] = { "display_width_px",
		"display_height_px" };
	int64_t size;

	if (strcmp(tool->name, "computer") != 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (json_int64(&r->req->doc, json_get(tool->json, keys[i]),
			&size) == -1 ||
		    size < 1)
			return REFUSE("%s.computer.%s: Input should be a valid "
				      "integer greater than 0",
			    path, keys[i]);
	return 0;
}

/* Adds a function of a toolset unless its configs switch it off. */
static int
add_member(struct tool_reading *r, const cJSON *json,
    const struct builtin *member, const char *toolset, struct fault *why)
{
	const cJSON *config = json_get(json_get(json, "configs"), member->name);
	struct tool *tool;

	if (cJSON_IsFalse(json_get(config, "enabled")))
		return 0;
	if ((tool = add_tool(r->set)) == NULL)
		return fault_no_memory(why);
	tool->name = member->name;
	tool->toolset = toolset;
	tool->json = json;
	tool->fixed = member;
	tool->is_deferred = json_get_true(config, "defer_loading") ||
			    json_get_true(json, "defer_loading");
	tool->is_hidden = !is_for_the_model(json);
	return 0;
}

static int
read_toolset(struct tool_reading *r, const cJSON *json, const char *type,
    const char *path, struct fault *why)
{
	const cJSON *configs = json_get_set(json, "configs"), *config;
	const struct builtin *members;
	const char *toolset;
	size_t n, i;

	members = builtin_members(type, &n, &toolset);
	cJSON_ArrayForEach(config, configs) {
		for (i = 0; i < n; i++)
			if (config->string != NULL &&
			    strcmp(config->string, members[i].name) == 0)
				break;
		if (i == n)
			return REFUSE("%s.%s.configs.%s: Extra inputs are not "
				      "permitted",
			    path, type,
			    config->string != NULL ? config->string : "");
	}
	for (i = 0; i < n; i++)
		if (add_member(r, json, &members[i], toolset, why) == -1)
			return -1;
	r->n_client++;
	return 0;
}

/* A tool that Anthropic's servers would run. */
static void
read_server_tool(struct tool_reading *r, const cJSON *json, const char *type)
{
	const char *name = json_get_string(json, "name");
	bool chosen = r->req->choice == CHOICE_TOOL && name != NULL &&
		      strcmp(name, r->req->choice_name) == 0;

	if (strncmp(type, "tool_search_tool", 16) == 0) {
		/* We cannot search for tools, but we can offer them all. */
		r->set->has_tool_search = true;
	} else if (strncmp(type, "web_search", 10) == 0 &&
		   r->profile->web_search > SEARCH_NONE) {
		r->set->web_search = json;
		r->set->search_chosen |= chosen;
		return;
	}
	r->set->n_dropped++;
	if (r->refused == NULL || chosen)
		r->refused = name != NULL ? name : type;
	r->refused_is_chosen |= chosen;
}

/* Reads an entry of `tools` or a definition given in the conversation. */
static int
read_tool(struct tool_reading *r, const cJSON *json, const char *path,
    bool is_inline, struct fault *why)
{
	const cJSON *type = json_get_set(json, "type");
	enum builtin_kind kind = BUILTIN_NONE;
	struct tool *tool;
	bool is_placeholder;

	if (!cJSON_IsObject(json))
		return fault_should_be(path, "an object", why);
	if (type != NULL && !cJSON_IsString(type))
		return REFUSE("%s.type: Input should be a valid string", path);
	if (type != NULL && !json_is(type, "custom")) {
		kind = builtin_kind(type->valuestring);
		if (kind == BUILTIN_NONE)
			return fault_unknown_tag(
			    path, "", type->valuestring, "", why);
	}
	if (kind == BUILTIN_SERVER) {
		read_server_tool(r, json, type->valuestring);
		return 0;
	}
	if (kind == BUILTIN_TOOLSET)
		return read_toolset(r, json, type->valuestring, path, why);
	if ((tool = add_tool(r->set)) == NULL)
		return fault_no_memory(why);
	tool->json = json;
	tool->is_inline = is_inline;
	tool->is_deferred = json_get_true(json, "defer_loading");
	if (kind == BUILTIN_TOOL) {
		tool->fixed = builtin_tool(
		    type->valuestring, json_get_true(json, "enable_zoom"));
		tool->name = tool->fixed->name;
		if (check_display(r, tool, path, why) == -1)
			return -1;
	} else if (check_name(json, path, &tool->name, why) == -1 ||
		   check_custom(json, path, why) == -1) {
		return -1;
	}
	is_placeholder =
	    tool->name == NULL || strcmp(tool->name, PLACEHOLDER) == 0;
	tool->is_hidden = is_placeholder || !is_for_the_model(json);
	r->n_client += !is_placeholder;
	return 0;
}

int
toolread_declared(struct tool_reading *r, struct fault *why)
{
	const cJSON *json;
	char path[64];
	size_t i = 0;

	cJSON_ArrayForEach(json, r->req->tools) {
		snprintf(path, sizeof(path), "tools.%zu", i++);
		if (read_tool(r, json, path, false, why) == -1)
			return -1;
	}
	return 0;
}

/* -- what the conversation changes ---------------------------------------- */

static int
add_change(struct tool_reading *r, struct tool_change change, struct fault *why)
{
	size_t cap = r->cap_changes == 0 ? 32 : r->cap_changes * 2;
	struct tool_change *grown;

	if (r->n_changes == r->cap_changes) {
		grown = realloc(r->changes, cap * sizeof(*grown));
		if (grown == NULL)
			return fault_no_memory(why);
		r->changes = grown;
		r->cap_changes = cap;
	}
	r->changes[r->n_changes++] = change;
	return 0;
}

static int
add_named(
    struct tool_reading *r, const cJSON *name, int kind, struct fault *why)
{
	struct tool_change change = { .name = cJSON_GetStringValue(name) };

	if (change.name == NULL)
		return 0;
	change.kind = kind;
	return add_change(r, change, why);
}

/* All tool_reference items of a list. */
static int
add_references(struct tool_reading *r, const cJSON *list, struct fault *why)
{
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return 0;
	cJSON_ArrayForEach(item, list) {
		if (json_is(json_get(item, "type"), "tool_reference") &&
		    add_named(r, json_get(item, "tool_name"), LOAD, why) == -1)
			return -1;
	}
	return 0;
}

static int
read_addition(struct tool_reading *r, const cJSON *block, const char *path,
    struct fault *why)
{
	const cJSON *tool = json_get(block, "tool");
	size_t at = r->set->n;

	if (json_is(json_get(tool, "type"), "tool_reference"))
		return add_named(r, json_get(tool, "name"), LOAD, why);
	if (!json_is(json_get(tool, "type"), "tool_definition"))
		return 0;
	if (read_tool(r, json_get(tool, "definition"), path, true, why) == -1)
		return -1;
	for (; at < r->set->n; at++)
		if (add_change(
			r, (struct tool_change){ DEFINE, NULL, at }, why) == -1)
			return -1;
	return 0;
}

static int
read_block(struct tool_reading *r, const cJSON *block, size_t message,
    size_t place, struct fault *why)
{
	const char *type = json_get_string(block, "type");
	char path[96];

	if (type == NULL)
		return 0;
	if (strcmp(type, "tool_result") == 0)
		return add_references(r, json_get(block, "content"), why);
	if (strcmp(type, "tool_search_tool_result") == 0)
		return add_references(r,
		    json_get(json_get(block, "content"), "tool_references"),
		    why);
	if (strcmp(type, "tool_removal") == 0)
		return add_named(
		    r, json_get(json_get(block, "tool"), "name"), REMOVE, why);
	if (strcmp(type, "tool_addition") != 0)
		return 0;
	snprintf(path, sizeof(path), "messages.%zu.content.%zu.tool.definition",
	    message, place);
	return read_addition(r, block, path, why);
}

int
toolread_changes(struct tool_reading *r, struct fault *why)
{
	const cJSON *block;
	size_t place;

	for (size_t i = 0; i < r->req->n_messages; i++) {
		if (!cJSON_IsArray(r->req->messages[i].content))
			continue;
		place = 0;
		cJSON_ArrayForEach(block, r->req->messages[i].content) {
			if (read_block(r, block, i, place++, why) == -1)
				return -1;
		}
	}
	return 0;
}
