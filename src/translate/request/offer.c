/* SPDX-License-Identifier: MIT */
/* Tool definitions and choice, printed.  Which tools: tools.c. */
#include "translate/request/offer.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/request/builtin.h"
#include "translate/request/conversion.h"
#include "translate/request/schema.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define TEXT_CEILING	   (SIZE_MAX / 4)
#define SEARCH_RESULTS	   5
#define SEARCH_RESULTS_MAX 10

/* -- definitions ---------------------------------------------------------- */

static void
put_examples(const struct conversion *c, const cJSON *json, struct buf *out)
{
	const cJSON *examples = json_get(json, "input_examples"), *item;
	struct json_slice text;

	if (!cJSON_IsArray(examples) || examples->child == NULL)
		return;
	if (out->len > 0)
		BUF_ADD_LIT(out, "\\n\\n");
	BUF_ADD_LIT(out, "Examples:");
	cJSON_ArrayForEach(item, examples) {
		text = json_slice(c->doc, item);
		BUF_ADD_LIT(out, "\\n");
		json_escape(out, text.text, text.len);
	}
}

/* The size of the screen that a computer tool works on. */
static void
put_display(
    const struct conversion *c, const struct tool *tool, struct buf *out)
{
	int64_t width, height;

	if (tool->toolset != NULL ||
	    json_int64(c->doc, json_get(tool->json, "display_width_px"),
		&width) == -1 ||
	    json_int64(c->doc, json_get(tool->json, "display_height_px"),
		&height) == -1)
		return;
	buf_printf(out,
	    " The screen is %" PRId64 " pixels wide and %" PRId64
	    " pixels high.",
	    width, height);
}

static bool
add_description(
    const struct conversion *c, const struct tool *tool, cJSON *function)
{
	const cJSON *own = json_get_set(tool->json, "description");
	bool done = true;
	struct buf text;

	buf_init(&text, TEXT_CEILING);
	if (tool->fixed != NULL) {
		json_escape(&text, tool->fixed->description,
		    strlen(tool->fixed->description));
		put_display(c, tool, &text);
	} else {
		json_put_body(&text, json_body(c->doc, own));
		put_examples(c, tool->json, &text);
	}
	if (text.len > 0 || own != NULL)
		done = json_add_body(function, "description",
		    (struct json_slice){ text.data, text.len });
	done = done && !text.failed;
	buf_clear(&text);
	return done;
}

static bool
add_parameters(
    const struct conversion *c, const struct tool *tool, cJSON *function)
{
	int mode = c->profile->tool_schema;
	const cJSON *schema;
	struct buf text;
	bool done = true;

	schema = json_get(tool->json, "input_schema");
	buf_init(&text, TEXT_CEILING);
	if (tool->fixed != NULL)
		builtin_parameters(tool->fixed, &text);
	if (tool->fixed != NULL || schema_print(c->doc, schema, mode, &text))
		done = !text.failed &&
		       json_add_raw(function, "parameters",
			   (struct json_slice){ text.data, text.len });
	buf_clear(&text);
	if (!done)
		return false;
	if (tool->fixed != NULL || c->profile->strict_tools == STRICT_NEVER ||
	    mode == SCHEMA_GEMINI || mode == SCHEMA_KIMI ||
	    !json_get_true(tool->json, "strict") || !schema_is_strict(schema))
		return true;
	return json_add_bool(function, "strict", true);
}

static cJSON *
define(const struct conversion *c, const struct tool *tool)
{
	cJSON *item = cJSON_CreateObject();
	cJSON *function = cJSON_CreateObject();

	if (!json_add_text(function, "name", tool->upstream) ||
	    !add_description(c, tool, function) ||
	    !add_parameters(c, tool, function) ||
	    !json_add_text(item, "type", "function")) {
		cJSON_Delete(function);
		cJSON_Delete(item);
		return NULL;
	}
	if (json_add(item, "function", function))
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* Whether the upstream cannot be told to call just this tool, so that it is
 * given no other. */
static bool
is_alone(const struct conversion *c)
{
	return c->tools.chosen != NULL &&
	       (c->profile->tool_choice == CHOICE_FORM_ANY ||
		   c->profile->tool_choice == CHOICE_FORM_AUTO_ONLY);
}

static int
add_definitions(const struct conversion *c, cJSON *body, struct fault *why)
{
	cJSON *array = cJSON_CreateArray(), *item;

	for (size_t i = 0; array != NULL && i < c->tools.n_offered; i++) {
		if (is_alone(c) && c->tools.offered[i] != c->tools.chosen)
			continue;
		item = define(c, c->tools.offered[i]);
		if (item == NULL || !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			cJSON_Delete(array);
			return fault_no_memory(why);
		}
	}
	if (!json_add(body, "tools", array))
		return fault_no_memory(why);
	return 0;
}

/* -- choice --------------------------------------------------------------- */

static bool
add_named_choice(const struct conversion *c, cJSON *body)
{
	cJSON *choice = cJSON_CreateObject();
	cJSON *function = cJSON_CreateObject();

	if (!json_add_text(choice, "type", "function") ||
	    !json_add_text(function, "name", c->tools.chosen->upstream)) {
		cJSON_Delete(choice);
		cJSON_Delete(function);
		return false;
	}
	if (json_add(choice, "function", function))
		return json_add(body, "tool_choice", choice);
	cJSON_Delete(choice);
	return false;
}

/* The word for a choice; NULL: say nothing. */
static const char *
choice_word(const struct conversion *c)
{
	int form = c->profile->tool_choice;

	switch (c->req->choice) {
	case CHOICE_AUTO:
		return "auto";
	case CHOICE_NONE:
		return "none";
	case CHOICE_ANY:
	case CHOICE_TOOL:
		return form == CHOICE_FORM_AUTO_ONLY ? "auto"
		       : form == CHOICE_FORM_ANY     ? "any"
						     : "required";
	default:
		return NULL;
	}
}

static bool
add_choice(const struct conversion *c, cJSON *body)
{
	const char *word = choice_word(c);

	if (c->tools.chosen != NULL && !is_alone(c))
		return add_named_choice(c, body);
	if (word == NULL || c->tools.search_chosen)
		return true;
	return json_add_text(body, "tool_choice", word);
}

/* -- searching ------------------------------------------------------------ */

/* Copies a member as it is written, under another name. */
static bool
copy(const struct conversion *c, const cJSON *from, const char *key, cJSON *to,
    const char *as)
{
	const cJSON *member = json_get_set(from, key);

	return member == NULL ||
	       json_add_raw(to, as, json_slice(c->doc, member));
}

static cJSON *
search_plugin(const struct conversion *c)
{
	const cJSON *tool = c->tools.web_search;
	cJSON *plugin = cJSON_CreateObject(), *list;
	int64_t uses = SEARCH_RESULTS;

	if (json_int64(c->doc, json_get(tool, "max_uses"), &uses) == -1 ||
	    uses < 1)
		uses = SEARCH_RESULTS;
	if (uses > SEARCH_RESULTS_MAX)
		uses = SEARCH_RESULTS_MAX;
	if (!json_add_text(plugin, "id", "web") ||
	    !json_add_int(plugin, "max_results", uses) ||
	    !copy(c, tool, "allowed_domains", plugin, "include_domains") ||
	    !copy(c, tool, "blocked_domains", plugin, "exclude_domains") ||
	    (list = cJSON_CreateArray()) == NULL) {
		cJSON_Delete(plugin);
		return NULL;
	}
	cJSON_AddItemToArray(list, plugin);
	return list;
}

/* {"user_location":{"type":"approximate","approximate":{…}}} */
static cJSON *
search_options(const struct conversion *c)
{
	static const char *const keys[] = { "city", "country", "region",
		"timezone" };
	const cJSON *place = json_get_set(c->tools.web_search, "user_location");
	cJSON *options = cJSON_CreateObject(), *where, *approximate;

	if (place == NULL || options == NULL)
		return options;
	where = cJSON_AddObjectToObject(options, "user_location");
	if (!json_add_text(where, "type", "approximate") ||
	    (approximate = cJSON_AddObjectToObject(where, "approximate")) ==
		NULL)
		goto fail;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!copy(c, place, keys[i], approximate, keys[i]))
			goto fail;
	return options;
fail:
	cJSON_Delete(options);
	return NULL;
}

static int
add_search(const struct conversion *c, cJSON *body, struct fault *why)
{
	const cJSON *tool = c->tools.web_search;
	bool done;

	if (tool == NULL || c->req->choice == CHOICE_NONE)
		return 0;
	if (c->profile->web_search == SEARCH_OPENROUTER) {
		done = json_add(body, "plugins", search_plugin(c));
	} else {
		if (cJSON_GetArraySize(json_get(tool, "allowed_domains")) > 0 ||
		    cJSON_GetArraySize(json_get(tool, "blocked_domains")) > 0)
			return REFUSE("tools: web_search with allowed or "
				      "blocked domains is not available: the "
				      "upstream of this proxy cannot filter "
				      "its searches");
		done = json_add(body, "web_search_options", search_options(c));
	}
	return done ? 0 : fault_no_memory(why);
}

/* -- the whole ------------------------------------------------------------ */

int
offer_tools(const struct conversion *c, cJSON *body, struct fault *why)
{
	const struct profile *p = c->profile;

	if (add_search(c, body, why) == -1)
		return -1;
	if (c->tools.n_offered == 0)
		return 0;
	/* Who knows only "auto" cannot be told to call nothing. */
	if (c->req->choice == CHOICE_NONE &&
	    p->tool_choice == CHOICE_FORM_AUTO_ONLY)
		return 0;
	if (add_definitions(c, body, why) == -1)
		return -1;
	if (!add_choice(c, body))
		return fault_no_memory(why);
	if (c->req->one_call_only && p->parallel_tool_calls != PARALLEL_DROP &&
	    !json_add_bool(body, "parallel_tool_calls", false))
		return fault_no_memory(why);
	return 0;
}

static int
compare_reply_tools(const void *a, const void *b)
{
	return strcmp(((const struct reply_tool *)a)->upstream,
	    ((const struct reply_tool *)b)->upstream);
}

int
offer_terms(
    const struct tool_set *set, struct reply_terms *terms, struct fault *why)
{
	struct reply_tool *to;

	if (set->n_offered == 0)
		return 0;
	terms->tools = calloc(set->n_offered, sizeof(*terms->tools));
	if (terms->tools == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < set->n_offered; i++) {
		to = &terms->tools[terms->n_tools++];
		to->upstream = strdup(set->offered[i]->upstream);
		to->client = strdup(set->offered[i]->name);
		to->toolset = set->offered[i]->toolset;
		if (to->upstream == NULL || to->client == NULL)
			return fault_no_memory(why);
	}
	if (terms->n_tools > 1)
		qsort(terms->tools, terms->n_tools, sizeof(*terms->tools),
		    compare_reply_tools);
	return 0;
}
