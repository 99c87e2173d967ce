/* SPDX-License-Identifier: MIT */
/*
 * Schemas.  Property names are never taken for keywords: only members of a
 * schema object are looked at, and `properties` is a map, not a schema.
 */
#include "translate/request/schema.h"

#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "wire/buf.h"
#include "wire/words.h"

/* How far and how often $ref is followed; recursion in a schema ends there. */
#define REF_DEPTH_MAX 16
#define REFS_MAX      2000

/* -- strict --------------------------------------------------------------- */

/* What strict mode knows; all else makes a schema unfit. */
static const char strict_keywords[] =
    "$schema|$id|$defs|$ref|definitions|type|title|description|properties|"
    "required|additionalProperties|items|enum|const|anyOf|pattern|format|"
    "minimum|maximum|exclusiveMinimum|exclusiveMaximum|multipleOf|minItems|"
    "maxItems";

static bool is_strict(const cJSON *schema);

static bool
are_strict(const cJSON *children)
{
	const cJSON *child;

	cJSON_ArrayForEach(child, children) {
		if (!is_strict(child))
			return false;
	}
	return true;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether two lists of names hold the same, each name once. */
static bool
is_same_set(const char **a, size_t n_a, const char **b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	if (n_a == 0)
		return true;
	qsort(a, n_a, sizeof(*a), compare_texts);
	qsort(b, n_b, sizeof(*b), compare_texts);
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool
requires_all(const cJSON *properties, const cJSON *required)
{
	size_t n_names = 0, n_required = 0;
	const char **names;
	const cJSON *item;
	bool same = false;

	names = calloc((size_t)cJSON_GetArraySize(properties) +
			   (size_t)cJSON_GetArraySize(required) + 1,
	    sizeof(*names));
	if (names == NULL)
		return false;
	cJSON_ArrayForEach(item, properties) {
		names[n_names++] = item->string;
	}
	cJSON_ArrayForEach(item, required) {
		if (!cJSON_IsString(item))
			goto out;
		names[n_names + n_required++] = item->valuestring;
	}
	same = is_same_set(names, n_names, names + n_names, n_required);
out:
	free(names);
	return same;
}

static bool
says_object(const cJSON *type)
{
	const cJSON *word;

	if (json_is(type, "object"))
		return true;
	cJSON_ArrayForEach(word, type) {
		if (json_is(word, "object"))
			return true;
	}
	return false;
}

static bool
is_strict(const cJSON *schema)
{
	const cJSON *member, *properties = json_get(schema, "properties");
	bool is_typed = false;

	if (!cJSON_IsObject(schema))
		return false;
	cJSON_ArrayForEach(member, schema) {
		if (words_find(strict_keywords, member->string) == -1)
			return false;
		is_typed |= strcmp(member->string, "type") == 0 ||
			    strcmp(member->string, "$ref") == 0 ||
			    strcmp(member->string, "anyOf") == 0 ||
			    strcmp(member->string, "enum") == 0 ||
			    strcmp(member->string, "const") == 0;
	}
	if (!is_typed)
		return false;
	if (properties != NULL && !cJSON_IsObject(properties))
		return false;
	if (properties != NULL || says_object(json_get(schema, "type"))) {
		if (!cJSON_IsFalse(json_get(schema, "additionalProperties")) ||
		    !requires_all(properties, json_get(schema, "required")))
			return false;
	}
	member = json_get(schema, "items");
	return (member == NULL || is_strict(member)) &&
	       are_strict(properties) &&
	       are_strict(json_get(schema, "anyOf")) &&
	       are_strict(json_get(schema, "$defs")) &&
	       are_strict(json_get(schema, "definitions"));
}

bool
schema_is_strict(const cJSON *schema)
{
	return json_is(json_get(schema, "type"), "object") &&
	       json_get(schema, "anyOf") == NULL && is_strict(schema);
}

/* -- cleaning ------------------------------------------------------------- */

/* A schema on its way to a host that takes only some keywords. */
struct cleaner {
	const struct json_doc *doc;
	const cJSON *root;
	int mode;
	unsigned ref_depth, n_refs;
	struct buf *out;
};

/* What Gemini's OpenAI endpoint takes in a schema. */
static const char gemini_keywords[] =
    "type|title|description|properties|required|items|enum|anyOf|oneOf|"
    "const|format|minimum|maximum|minItems|maxItems|minLength|maxLength|"
    "pattern|nullable|$ref";

/* What Kimi's does not. */
static const char kimi_refused[] = "$schema|$id|$comment|prefixItems";

static void clean(struct cleaner *c, const cJSON *schema, const cJSON *type);

static void
put_slice(struct cleaner *c, const cJSON *item)
{
	struct json_slice slice = json_slice(c->doc, item);

	buf_add(c->out, slice.text, slice.len);
}

/* Begins a member: the comma, where one is due, and the key. */
static void
put_key(struct cleaner *c, const char *key, bool *first)
{
	if (!*first)
		buf_add_char(c->out, ',');
	*first = false;
	json_put_string(c->out, key);
	buf_add_char(c->out, ':');
}

static void
clean_map(struct cleaner *c, const cJSON *map)
{
	const cJSON *member;
	bool first = true;

	if (!cJSON_IsObject(map)) {
		put_slice(c, map);
		return;
	}
	buf_add_char(c->out, '{');
	cJSON_ArrayForEach(member, map) {
		put_key(c, member->string, &first);
		clean(c, member, NULL);
	}
	buf_add_char(c->out, '}');
}

/* `type` is what schemas without one get. */
static void
clean_list(struct cleaner *c, const cJSON *list, const cJSON *type)
{
	const cJSON *item;
	bool first = true;

	if (!cJSON_IsArray(list)) {
		put_slice(c, list);
		return;
	}
	buf_add_char(c->out, '[');
	cJSON_ArrayForEach(item, list) {
		if (!first)
			buf_add_char(c->out, ',');
		first = false;
		clean(c, item, type);
	}
	buf_add_char(c->out, ']');
}

/* Items by position are not known: any of them at any place. */
static void
clean_items(struct cleaner *c, const cJSON *items, bool *first)
{
	put_key(c, "items", first);
	if (!cJSON_IsArray(items)) {
		clean(c, items, NULL);
		return;
	}
	BUF_ADD_LIT(c->out, "{\"anyOf\":");
	clean_list(c, items, NULL);
	buf_add_char(c->out, '}');
}

/* The schema that a reference within the document names; NULL: elsewhere. */
static const cJSON *
find_ref(const struct cleaner *c, const char *ref)
{
	const char *name = NULL;

	if (strncmp(ref, "#/$defs/", 8) == 0)
		name = ref + 8;
	else if (strncmp(ref, "#/definitions/", 14) == 0)
		name = ref + 14;
	if (name == NULL)
		return NULL;
	return json_get(
	    json_get(c->root, ref[2] == '$' ? "$defs" : "definitions"), name);
}

static bool
is_all_strings(const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			return false;
	}
	return cJSON_IsArray(list) && list->child != NULL;
}

/* A list of types is one type and perhaps null. */
static void
clean_type(struct cleaner *c, const cJSON *type, bool *first)
{
	const cJSON *word, *chosen = NULL;
	bool nullable = false;

	cJSON_ArrayForEach(word, type) {
		if (json_is(word, "null"))
			nullable = true;
		else if (chosen == NULL)
			chosen = word;
	}
	if (cJSON_IsString(type))
		chosen = type;
	if (chosen != NULL) {
		put_key(c, "type", first);
		put_slice(c, chosen);
	}
	if (nullable) {
		put_key(c, "nullable", first);
		BUF_ADD_LIT(c->out, "true");
	}
}

/* One member of a schema for Gemini. */
static void
clean_for_gemini(struct cleaner *c, const cJSON *member, bool *first)
{
	const char *key = member->string;

	if (words_find(gemini_keywords, key) == -1)
		return;
	if (strcmp(key, "type") == 0) {
		clean_type(c, member, first);
	} else if (strcmp(key, "enum") == 0) {
		if (!is_all_strings(member))
			return;
		put_key(c, key, first);
		put_slice(c, member);
	} else if (strcmp(key, "const") == 0) {
		if (!cJSON_IsString(member))
			return;
		put_key(c, "enum", first);
		buf_add_char(c->out, '[');
		put_slice(c, member);
		buf_add_char(c->out, ']');
	} else if (strcmp(key, "format") == 0) {
		if (!json_is(member, "date-time"))
			return;
		put_key(c, key, first);
		put_slice(c, member);
	} else if (strcmp(key, "properties") == 0) {
		if (member->child == NULL)
			return;
		put_key(c, key, first);
		clean_map(c, member);
	} else if (strcmp(key, "items") == 0) {
		clean_items(c, member, first);
	} else if (strcmp(key, "anyOf") == 0 || strcmp(key, "oneOf") == 0) {
		put_key(c, "anyOf", first);
		clean_list(c, member, NULL);
	} else {
		put_key(c, key, first);
		put_slice(c, member);
	}
}

/* The same for Kimi, where a type may not stand beside anyOf. */
static void
clean_for_kimi(
    struct cleaner *c, const cJSON *schema, const cJSON *member, bool *first)
{
	const char *key = member->string;

	if (words_find(kimi_refused, key) != -1)
		return;
	if (strcmp(key, "type") == 0 && schema != c->root &&
	    json_get(schema, "anyOf") != NULL)
		return;
	if (strcmp(key, "items") == 0) {
		clean_items(c, member, first);
		return;
	}
	put_key(c, key, first);
	if (strcmp(key, "properties") == 0 || strcmp(key, "$defs") == 0 ||
	    strcmp(key, "definitions") == 0)
		clean_map(c, member);
	else if (strcmp(key, "anyOf") == 0)
		clean_list(c, member, json_get(schema, "type"));
	else if (strcmp(key, "oneOf") == 0 || strcmp(key, "allOf") == 0)
		clean_list(c, member, NULL);
	else if (strcmp(key, "additionalProperties") == 0 ||
		 strcmp(key, "not") == 0)
		clean(c, member, NULL);
	else
		put_slice(c, member);
}

/* Gemini knows no references: what they name stands in their place. */
static void
follow_ref(struct cleaner *c, const char *ref)
{
	const cJSON *target = NULL;

	if (c->ref_depth < REF_DEPTH_MAX && c->n_refs++ < REFS_MAX)
		target = find_ref(c, ref);
	c->ref_depth++;
	if (target != NULL)
		clean(c, target, NULL);
	else
		BUF_ADD_LIT(c->out, "{\"type\":\"object\"}");
	c->ref_depth--;
}

/* Whether a schema's values are words. */
static bool
is_word(const cJSON *schema)
{
	return is_all_strings(json_get(schema, "enum")) ||
	       cJSON_IsString(json_get(schema, "const"));
}

static void
clean(struct cleaner *c, const cJSON *schema, const cJSON *type)
{
	const char *ref = json_get_string(schema, "$ref");
	const cJSON *member;
	bool first = true;

	if (c->out->failed)
		return;
	if (!cJSON_IsObject(schema)) {
		if (c->mode == SCHEMA_GEMINI)
			BUF_ADD_LIT(c->out, "{}");
		else
			put_slice(c, schema);
		return;
	}
	if (c->mode == SCHEMA_GEMINI && ref != NULL) {
		follow_ref(c, ref);
		return;
	}
	buf_add_char(c->out, '{');
	if (json_get(schema, "type") == NULL) {
		if (type != NULL) {
			put_key(c, "type", &first);
			put_slice(c, type);
		} else if (c->mode == SCHEMA_GEMINI && is_word(schema)) {
			put_key(c, "type", &first);
			BUF_ADD_LIT(c->out, "\"string\"");
		}
	}
	cJSON_ArrayForEach(member, schema) {
		if (c->mode == SCHEMA_GEMINI)
			clean_for_gemini(c, member, &first);
		else
			clean_for_kimi(c, schema, member, &first);
	}
	buf_add_char(c->out, '}');
}

bool
schema_print(
    const struct json_doc *doc, const cJSON *schema, int mode, struct buf *out)
{
	struct json_slice slice = json_slice(doc, schema);
	struct cleaner c = { doc, schema, mode, 0, 0, out };
	const cJSON *properties = json_get(schema, "properties");

	if (mode == SCHEMA_GEMINI || mode == SCHEMA_KIMI) {
		if (mode == SCHEMA_GEMINI &&
		    (properties == NULL || properties->child == NULL))
			return false;
		clean(&c, schema, NULL);
		return true;
	}
	if (properties != NULL || slice.len == 0 ||
	    !json_is(json_get(schema, "type"), "object")) {
		buf_add(out, slice.text, slice.len);
		return true;
	}
	buf_add(out, slice.text, slice.len - 1);
	BUF_ADD_LIT(out, ",\"properties\":{}}");
	return true;
}
