/* SPDX-License-Identifier: MIT */
/* Takes a refused keyword out of a schema.  Knows where schemas stand inside
 * schemas, and nothing of what keywords mean. */
#include "translate/dialect/schemacut.h"

#include <stdbool.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/json.h"
#include "wire/words.h"

static const struct json_limits limits = { .max_depth = 512,
	.max_values = 1000000 };

struct cut {
	const struct json_doc *doc;
	const char *keyword;
	struct buf *out;
	int found;
};

static void cut_schema(struct cut *c, const cJSON *schema);

static void
put_slice(struct cut *c, const cJSON *item)
{
	struct json_slice slice = json_slice(c->doc, item);

	buf_add(c->out, slice.text, slice.len);
}

/* Names of properties lead to schemas here. */
static void
cut_map(struct cut *c, const cJSON *map)
{
	const cJSON *member;

	if (!cJSON_IsObject(map)) {
		put_slice(c, map);
		return;
	}
	buf_add_char(c->out, '{');
	cJSON_ArrayForEach(member, map) {
		if (member != map->child)
			buf_add_char(c->out, ',');
		json_put_string(c->out, member->string);
		buf_add_char(c->out, ':');
		cut_schema(c, member);
	}
	buf_add_char(c->out, '}');
}

static void
cut_list(struct cut *c, const cJSON *list)
{
	const cJSON *item;

	buf_add_char(c->out, '[');
	cJSON_ArrayForEach(item, list) {
		if (item != list->child)
			buf_add_char(c->out, ',');
		cut_schema(c, item);
	}
	buf_add_char(c->out, ']');
}

static void
cut_member(struct cut *c, const cJSON *member)
{
	static const char maps[] =
	    "properties|patternProperties|$defs|definitions|"
	    "dependentSchemas";
	static const char schemas[] =
	    "items|prefixItems|anyOf|oneOf|allOf|not|if|then|else|contains|"
	    "propertyNames|additionalProperties|additionalItems|"
	    "unevaluatedProperties|unevaluatedItems";

	json_put_string(c->out, member->string);
	buf_add_char(c->out, ':');
	if (words_find(maps, member->string) != -1)
		cut_map(c, member);
	else if (words_find(schemas, member->string) != -1)
		cut_schema(c, member);
	else
		put_slice(c, member);
}

static void
cut_schema(struct cut *c, const cJSON *schema)
{
	const cJSON *member;
	bool is_first = true;

	if (cJSON_IsArray(schema)) {
		cut_list(c, schema);
		return;
	}
	if (!cJSON_IsObject(schema)) {
		put_slice(c, schema);
		return;
	}
	buf_add_char(c->out, '{');
	cJSON_ArrayForEach(member, schema) {
		if (strcmp(member->string, c->keyword) == 0) {
			c->found++;
			continue;
		}
		if (!is_first)
			buf_add_char(c->out, ',');
		is_first = false;
		cut_member(c, member);
	}
	buf_add_char(c->out, '}');
}

int
schema_cut(const char *text, size_t len, const char *keyword, struct buf *out)
{
	struct cut c = { .keyword = keyword, .out = out };
	struct json_doc doc;
	int found = -1;

	if (json_parse(&doc, text, len, &limits, NULL) == 0) {
		c.doc = &doc;
		cut_schema(&c, doc.root);
		found = c.found;
	}
	json_doc_clear(&doc);
	return found;
}
