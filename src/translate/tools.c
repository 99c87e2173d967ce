/* SPDX-License-Identifier: MIT */
/*
 * Tools: reading, loading, naming.  How they are told to the upstream is in
 * offer.c.
 */
#include "translate/tools.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/builtin.h"
#include "translate/dialect.h"
#include "translate/names.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define TOOL_NAME_MAX_BYTES 128

/* Claude Code's stand-in for tools that are not loaded; no model may call it.
 */
#define PLACEHOLDER "DeferredToolPlaceholder"

/* What a conversation does to the list of tools, in order. */
struct change {
	enum { LOAD, REMOVE, DEFINE } kind;
	const char *name;
	size_t tool; /* of DEFINE: in the list */
};

/* The state of tools_read(). */
struct reading {
	struct tool_set *set;
	const struct message_request *req;
	const struct profile *profile;
	struct change *changes;
	size_t n_changes, cap_changes;
	const char *refused; /* a server tool that nobody can run */
	size_t n_client;
	bool refused_is_chosen;
};

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
check_display(const struct reading *r, const struct tool *tool,
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
add_member(struct reading *r, const cJSON *json, const struct builtin *member,
    const char *toolset, struct fault *why)
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
read_toolset(struct reading *r, const cJSON *json, const char *type,
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
read_server_tool(struct reading *r, const cJSON *json, const char *type)
{
	const char *name = json_get_string(json, "name");
	bool chosen = r->req->choice == CHOICE_TOOL && name != NULL &&
		      strcmp(name, r->req->choice_name) == 0;

	if (strncmp(type, "tool_search_tool", 16) == 0) {
		/* We cannot search for tools, but we can offer them all. */
		r->set->has_tool_search = true;
	} else if (strncmp(type, "web_search", 10) == 0 &&
		   r->profile->web_search) {
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
read_tool(struct reading *r, const cJSON *json, const char *path,
    bool is_inline, struct fault *why)
{
	const cJSON *type = json_get_set(json, "type");
	enum builtin_kind kind = BUILTIN_NONE;
	struct tool *tool;

	if (!cJSON_IsObject(json))
		return REFUSE("%s: Input should be an object", path);
	if (type != NULL && !cJSON_IsString(type))
		return REFUSE("%s.type: Input should be a valid string", path);
	if (type != NULL && !json_is(type, "custom")) {
		kind = builtin_kind(type->valuestring);
		if (kind == BUILTIN_NONE)
			return REFUSE("%s: Input tag '%s' found using 'type' "
				      "does not match any of the expected tags",
			    path, type->valuestring);
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
	tool->is_hidden =
	    !is_for_the_model(json) || strcmp(tool->name, PLACEHOLDER) == 0;
	r->n_client += strcmp(tool->name, PLACEHOLDER) != 0;
	return 0;
}

static int
read_declared(struct reading *r, struct fault *why)
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
add_change(struct reading *r, struct change change, struct fault *why)
{
	size_t cap = r->cap_changes == 0 ? 32 : r->cap_changes * 2;
	struct change *grown;

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
add_named(struct reading *r, const cJSON *name, int kind, struct fault *why)
{
	struct change change = { .name = cJSON_GetStringValue(name) };

	if (change.name == NULL)
		return 0;
	change.kind = kind;
	return add_change(r, change, why);
}

/* All tool_reference items of a list. */
static int
add_references(struct reading *r, const cJSON *list, struct fault *why)
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
read_addition(
    struct reading *r, const cJSON *block, const char *path, struct fault *why)
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
		if (add_change(r, (struct change){ DEFINE, NULL, at }, why) ==
		    -1)
			return -1;
	return 0;
}

static int
read_block(struct reading *r, const cJSON *block, size_t message, size_t place,
    struct fault *why)
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

static int
read_changes(struct reading *r, struct fault *why)
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

/* -- looking up ----------------------------------------------------------- */

static int
compare_key(const struct tool *a, const struct tool *b)
{
	int order = strcmp(a->toolset != NULL ? a->toolset : "",
	    b->toolset != NULL ? b->toolset : "");

	return order != 0 ? order : strcmp(a->name, b->name);
}

static int
compare_tools(const void *a, const void *b)
{
	const struct tool *x = *(struct tool *const *)a;
	const struct tool *y = *(struct tool *const *)b;
	int order = compare_key(x, y);

	return order != 0 ? order
			  : (x->order > y->order) - (x->order < y->order);
}

static int
index_tools(struct tool_set *set, struct fault *why)
{
	const struct tool *a, *b;

	set->by_name = calloc(set->n + 1, sizeof(struct tool *));
	set->offered = calloc(set->n + 1, sizeof(struct tool *));
	if (set->by_name == NULL || set->offered == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < set->n; i++)
		set->by_name[i] = &set->list[i];
	if (set->n > 1)
		qsort(
		    set->by_name, set->n, sizeof(struct tool *), compare_tools);
	for (size_t i = 1; i < set->n; i++) {
		a = set->by_name[i - 1];
		b = set->by_name[i];
		if (compare_key(a, b) == 0 && !a->is_inline && !b->is_inline)
			return REFUSE("tools: Tool names must be unique.");
	}
	return 0;
}

/* The first place in by_name that is not below the key. */
static size_t
first_of(const struct tool_set *set, const struct tool *key)
{
	size_t low = 0, high = set->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare_key(set->by_name[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Calls of a name that was defined anew mean the one in force. */
static struct tool *
find(const struct tool_set *set, const char *toolset, const char *name)
{
	const struct tool key = { .toolset = toolset, .name = name };
	size_t first = first_of(set, &key);

	for (size_t i = first;
	     i < set->n && compare_key(set->by_name[i], &key) == 0; i++)
		if (set->by_name[i]->is_active)
			return set->by_name[i];
	if (first < set->n && compare_key(set->by_name[first], &key) == 0)
		return set->by_name[first];
	return NULL;
}

/* A name in the conversation may also be a toolset's member. */
static struct tool *
find_anywhere(const struct tool_set *set, const char *name)
{
	struct tool *tool = find(set, NULL, name);

	if (tool == NULL)
		tool = find(set, "browser", name);
	return tool != NULL ? tool : find(set, "computer", name);
}

const struct tool *
tools_find(const struct tool_set *set, const char *toolset, const char *name)
{
	return find(set, toolset, name);
}

/* -- loading -------------------------------------------------------------- */

static void
load(struct tool *tool, size_t rank, size_t when)
{
	if (!tool->is_active) {
		tool->is_active = true;
		tool->rank = rank;
	}
	tool->is_removed = false;
	tool->loaded = when;
}

static void
deactivate(struct tool_set *set, const struct tool *key, bool is_removal)
{
	for (size_t i = first_of(set, key);
	     i < set->n && compare_key(set->by_name[i], key) == 0; i++) {
		set->by_name[i]->is_active = false;
		set->by_name[i]->is_removed |= is_removal;
	}
}

static void
apply_changes(struct reading *r)
{
	struct tool_set *set = r->set;
	const struct change *change;
	struct tool *tool;

	for (size_t i = 0; i < r->n_changes; i++) {
		change = &r->changes[i];
		if (change->kind == DEFINE) {
			tool = &set->list[change->tool];
			deactivate(set, tool, false);
			if (!tool->is_deferred)
				load(tool, set->n + i, i + 1);
			continue;
		}
		tool = find_anywhere(set, change->name);
		if (tool == NULL)
			continue;
		if (change->kind == LOAD)
			load(tool, set->n + i, i + 1);
		else
			deactivate(set, tool, true);
	}
}

/* Whether something brought this one back; else an inline one stays out. */
static void
start(struct tool_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		set->list[i].is_active =
		    !set->list[i].is_deferred && !set->list[i].is_inline;
		set->list[i].rank = i;
	}
}

static void
load_all(struct tool_set *set, size_t after)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->list[i].is_deferred && !set->list[i].is_removed &&
		    !set->list[i].is_active) {
			set->list[i].is_active = true;
			set->list[i].rank = after + i;
		}
}

/* -- what is offered ------------------------------------------------------ */

static int
compare_ranks(const void *a, const void *b)
{
	const struct tool *x = *(struct tool *const *)a;
	const struct tool *y = *(struct tool *const *)b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* First those that were there from the start, then the latest loaded. */
static int
compare_worth(const void *a, const void *b)
{
	const struct tool *x = *(struct tool *const *)a;
	const struct tool *y = *(struct tool *const *)b;

	if (x->is_deferred != y->is_deferred)
		return x->is_deferred ? 1 : -1;
	if (x->loaded != y->loaded)
		return x->loaded > y->loaded ? -1 : 1;
	return compare_ranks(a, b);
}

static int
refuse_too_many(size_t n, struct fault *why)
{
	if (why != NULL && why->kind == FAULT_NONE)
		snprintf(why->error_code, sizeof(why->error_code),
		    "available_tools_limit_exceeded");
	return REFUSE("tools: %zu tools are available to the model; at most %d "
		      "are supported",
	    n, TOOLS_MAX);
}

static int
offer(struct tool_set *set, struct fault *why)
{
	size_t n_fixed = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (!set->list[i].is_active || set->list[i].is_hidden)
			continue;
		n_fixed += !set->list[i].is_deferred;
		set->offered[set->n_offered++] = &set->list[i];
	}
	if (n_fixed > TOOLS_MAX)
		return refuse_too_many(n_fixed, why);
	if (set->n_offered > TOOLS_MAX) {
		qsort(set->offered, set->n_offered, sizeof(struct tool *),
		    compare_worth);
		set->n_offered = TOOLS_MAX;
	}
	if (set->n_offered > 1)
		qsort(set->offered, set->n_offered, sizeof(struct tool *),
		    compare_ranks);
	return 0;
}

/* -- names ---------------------------------------------------------------- */

static void
put_full_name(const char *toolset, const char *name, struct buf *out)
{
	if (toolset != NULL)
		buf_printf(out, "%s__", toolset);
	buf_add_str(out, name);
}

static int
compare_upstream(const void *a, const void *b)
{
	const struct tool *x = *(struct tool *const *)a;
	const struct tool *y = *(struct tool *const *)b;
	int order = strcmp(x->upstream, y->upstream);

	return order != 0 ? order
			  : (x->order > y->order) - (x->order < y->order);
}

static int
name_tool(struct tool_set *set, struct tool *tool, size_t hex)
{
	struct buf full, name;

	buf_init(&full, SIZE_MAX / 4);
	buf_init(&name, SIZE_MAX / 4);
	put_full_name(tool->toolset, tool->name, &full);
	if (hex == 0)
		name_short(buf_str(&full), set->name_max, &name);
	else
		name_short_distinct(buf_str(&full), set->name_max, hex, &name);
	name.failed |= full.failed;
	buf_clear(&full);
	free(tool->upstream);
	tool->upstream = buf_take(&name, NULL);
	return tool->upstream == NULL ? -1 : 0;
}

/* Names all tools; a short name that is taken gets more digits. */
static int
name_tools(struct tool_set *set, struct fault *why)
{
	struct tool **sorted = calloc(set->n + 1, sizeof(struct tool *));
	bool clash = true;
	int rc = 0;

	if (sorted == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < set->n && rc == 0; i++) {
		sorted[i] = &set->list[i];
		rc = name_tool(set, sorted[i], 0);
	}
	for (size_t hex = 16; hex <= 56 && clash && rc == 0 && set->n > 1;
	     hex += 8) {
		clash = false;
		qsort(sorted, set->n, sizeof(struct tool *), compare_upstream);
		for (size_t i = 1, first = 0; i < set->n && rc == 0; i++) {
			if (strcmp(sorted[first]->upstream,
				sorted[i]->upstream) != 0) {
				first = i;
			} else if (compare_key(sorted[first], sorted[i]) != 0) {
				clash = true;
				rc = name_tool(set, sorted[i], hex);
			}
		}
	}
	free(sorted);
	return rc == 0 ? 0 : fault_no_memory(why);
}

void
tools_put_name(const struct tool_set *set, const char *toolset,
    const char *name, struct buf *out)
{
	const struct tool *tool = find(set, toolset, name);
	struct buf full;

	if (tool != NULL && tool->upstream != NULL) {
		buf_add_str(out, tool->upstream);
		return;
	}
	buf_init(&full, SIZE_MAX / 4);
	put_full_name(toolset, name, &full);
	name_short(buf_str(&full), set->name_max, out);
	out->failed |= full.failed;
	buf_clear(&full);
}

/* -- the whole ------------------------------------------------------------ */

static int
refuse_server_tools(const struct reading *r, struct fault *why)
{
	bool searched = r->set->has_tool_search && r->n_client > 0;

	if (r->refused == NULL || r->req->choice == CHOICE_NONE)
		return 0;
	if (!r->refused_is_chosen &&
	    (r->n_client > 0 || r->set->web_search != NULL) &&
	    (r->profile->server_tools != SERVER_TOOLS_REJECT ||
		(searched && r->set->n_dropped == 1)))
		return 0;
	return REFUSE("tools: the server tool `%s` is not available: the "
		      "upstream of this proxy cannot run it",
	    r->refused);
}

static int
choose(struct reading *r, struct fault *why)
{
	struct tool_set *set = r->set;

	if (r->req->choice != CHOICE_TOOL || set->search_chosen)
		return 0;
	set->chosen = find_anywhere(set, r->req->choice_name);
	if (set->chosen == NULL || set->chosen->is_hidden)
		return REFUSE("tool_choice.tool.name: Tool '%s' not found in "
			      "provided tools",
		    r->req->choice_name);
	load(set->chosen, set->n + r->n_changes, r->n_changes + 1);
	return 0;
}

static int
read_all(struct reading *r, struct fault *why)
{
	struct tool_set *set = r->set;

	if (read_declared(r, why) == -1 || refuse_server_tools(r, why) == -1 ||
	    read_changes(r, why) == -1 || index_tools(set, why) == -1)
		return -1;
	start(set);
	apply_changes(r);
	if (choose(r, why) == -1)
		return -1;
	if (set->has_tool_search)
		load_all(set, set->n + r->n_changes + 1);
	if (name_tools(set, why) == -1)
		return -1;
	return offer(set, why);
}

int
tools_read(struct tool_set *set, const struct message_request *req,
    const struct profile *profile, struct fault *why)
{
	struct reading r = { .set = set, .req = req, .profile = profile };
	int rc;

	*set =
	    (struct tool_set){ .name_max = profile->tool_name_max > 0
					       ? (size_t)profile->tool_name_max
					       : 64 };
	rc = read_all(&r, why);
	free(r.changes);
	return rc;
}

void
tools_clear(struct tool_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->list[i].upstream);
	free(set->list);
	free(set->by_name);
	free(set->offered);
	*set = (struct tool_set){ .n = 0 };
}
