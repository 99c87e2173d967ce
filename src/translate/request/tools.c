/* SPDX-License-Identifier: MIT */
/*
 * Which tools are offered.  How they are read is in toolread.c, how they are
 * told to the upstream in offer.c.
 */
#include "translate/request/tools.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "translate/request/toolname.h"
#include "translate/request/toolread.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

/* -- looking up ----------------------------------------------------------- */

int
tool_compare(const struct tool *a, const struct tool *b)
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
	int order = tool_compare(x, y);

	return order != 0 ? order
			  : (x->order > y->order) - (x->order < y->order);
}

static int
index_tools(struct tool_set *set, struct fault *why)
{
	const struct tool *a, *b;

	if (set->n == 0)
		return 0;
	set->by_name = calloc(set->n, sizeof(struct tool *));
	set->offered = calloc(set->n, sizeof(struct tool *));
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
		if (tool_compare(a, b) == 0 && !a->is_inline && !b->is_inline)
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
		if (tool_compare(set->by_name[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first of a name, which knows the one that counts; NULL: none. */
static struct tool *
first_named(const struct tool_set *set, const struct tool *key)
{
	size_t first = first_of(set, key);
	struct tool *found = first < set->n ? set->by_name[first] : NULL;

	return found != NULL && tool_compare(found, key) == 0 ? found : NULL;
}

/* Calls of a name that was defined anew mean the one in force. */
static struct tool *
find(const struct tool_set *set, const char *toolset, const char *name)
{
	const struct tool key = { .toolset = toolset, .name = name };
	struct tool *first = first_named(set, &key);

	if (first != NULL && first->in_force != NULL)
		return first->in_force;
	return first;
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
load(struct tool_set *set, struct tool *tool, size_t rank, size_t when)
{
	struct tool *first = first_named(set, tool);

	if (!tool->is_active) {
		tool->is_active = true;
		tool->rank = rank;
	}
	tool->loaded = when;
	first->is_removed = false;
	first->in_force = tool;
}

static void
deactivate(struct tool_set *set, const struct tool *tool)
{
	struct tool *first = first_named(set, tool);

	if (first->in_force != NULL)
		first->in_force->is_active = false;
	first->in_force = NULL;
	first->is_removed = true;
}

static void
apply_changes(struct tool_reading *r)
{
	struct tool_set *set = r->set;
	const struct tool_change *change;
	struct tool *tool;

	for (size_t i = 0; i < r->n_changes; i++) {
		change = &r->changes[i];
		if (change->kind == DEFINE) {
			tool = &set->list[change->tool];
			deactivate(set, tool);
			if (!tool->is_deferred)
				load(set, tool, set->n + i, i + 1);
			continue;
		}
		tool = find_anywhere(set, change->name);
		if (tool == NULL)
			continue;
		if (change->kind == LOAD)
			load(set, tool, set->n + i, i + 1);
		else
			deactivate(set, tool);
	}
}

/* What is there before anything is loaded. */
static void
start(struct tool_set *set)
{
	struct tool *tool;

	for (size_t i = 0; i < set->n; i++) {
		tool = &set->list[i];
		tool->rank = i;
		tool->is_active = !tool->is_deferred && !tool->is_inline;
		if (tool->is_active)
			first_named(set, tool)->in_force = tool;
	}
}

static void
load_all(struct tool_set *set, size_t after)
{
	const struct tool *first;

	for (size_t i = 0; i < set->n; i++) {
		first = first_named(set, &set->list[i]);
		if (!set->list[i].is_deferred || first->is_removed ||
		    first->in_force != NULL)
			continue;
		load(set, &set->list[i], after + i, 0);
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

/* -- the whole ------------------------------------------------------------ */

static int
refuse_server_tools(const struct tool_reading *r, struct fault *why)
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
choose(struct tool_reading *r, struct fault *why)
{
	struct tool_set *set = r->set;

	if (r->req->choice != CHOICE_TOOL || set->search_chosen)
		return 0;
	set->chosen = find_anywhere(set, r->req->choice_name);
	if (set->chosen == NULL || set->chosen->is_hidden)
		return REFUSE("tool_choice.tool.name: Tool '%s' not found in "
			      "provided tools",
		    r->req->choice_name);
	load(set, set->chosen, set->n + r->n_changes, r->n_changes + 1);
	return 0;
}

static int
read_all(struct tool_reading *r, struct fault *why)
{
	struct tool_set *set = r->set;

	if (toolread_declared(r, why) == -1 ||
	    refuse_server_tools(r, why) == -1 ||
	    toolread_changes(r, why) == -1 || index_tools(set, why) == -1)
		return -1;
	start(set);
	apply_changes(r);
	if (choose(r, why) == -1)
		return -1;
	if (set->has_tool_search)
		load_all(set, set->n + r->n_changes + 1);
	if (toolname_all(set, why) == -1)
		return -1;
	return offer(set, why);
}

int
tools_read(struct tool_set *set, const struct message_request *req,
    const struct profile *profile, struct fault *why)
{
	struct tool_reading r = { .set = set, .req = req, .profile = profile };
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
