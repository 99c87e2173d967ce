/* SPDX-License-Identifier: MIT */
/* Small changes to a built request.  Knows what a body looks like, not why
 * it is changed (learn.c). */
#include "translate/dialect/mend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "translate/dialect/schemacut.h"
#include "wire/buf.h"

#define SCHEMA_MAX (16 * 1024 * 1024)
#define BUDGET_MIN 1024 /* models take no less for their thinking */

/* -- reading -------------------------------------------------------------- */

bool
body_text(const cJSON *item, char *out, size_t cap)
{
	const char *text;
	size_t len;

	if (item == NULL || item->valuestring == NULL)
		return false;
	text = item->valuestring;
	len = strlen(text);
	if (cJSON_IsRaw(item)) {
		if (len < 2 || text[0] != '"' || text[len - 1] != '"')
			return false;
		text++;
		len -= 2;
	} else if (!cJSON_IsString(item)) {
		return false;
	}
	if (len >= cap)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

bool
body_is(const cJSON *item, const char *text)
{
	char own[64];

	return body_text(item, own, sizeof(own)) && strcmp(own, text) == 0;
}

int
body_int(const cJSON *item, int64_t *value)
{
	char *end;

	if (item == NULL)
		return -1;
	if (cJSON_IsNumber(item)) {
		*value = (int64_t)item->valuedouble;
		return 0;
	}
	if (!cJSON_IsRaw(item) || item->valuestring == NULL)
		return -1;
	*value = strtoll(item->valuestring, &end, 10);
	return end == item->valuestring || *end != '\0' ? -1 : 0;
}

static bool
has_in_items(const cJSON *list, const char *key)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (json_get(item, key) != NULL ||
		    has_in_items(json_get(item, "content"), key) ||
		    has_in_items(json_get(item, "tool_calls"), key))
			return true;
	}
	return false;
}

bool
body_has_inside(const cJSON *body, const char *key)
{
	return has_in_items(json_get(body, "messages"), key) ||
	       has_in_items(json_get(body, "tools"), key);
}

const cJSON *
body_effort(const cJSON *body)
{
	const cJSON *effort = json_get(body, "reasoning_effort");

	return effort != NULL ? effort
			      : json_get(json_get(body, "reasoning"), "effort");
}

/* -- schemas -------------------------------------------------------------- */

/* Cuts one raw schema; with `only_look` it stays.  True if it was there. */
static bool
cut_item(cJSON *holder, const char *key, const char *keyword, bool only_look)
{
	const cJSON *schema = json_get(holder, key);
	struct buf out;
	char *text;
	int found;

	if (!cJSON_IsRaw(schema) || schema->valuestring == NULL ||
	    strstr(schema->valuestring, keyword) == NULL)
		return false;
	buf_init(&out, SCHEMA_MAX);
	found = schema_cut(
	    schema->valuestring, strlen(schema->valuestring), keyword, &out);
	if (found > 0 && !only_look && (text = buf_take(&out, NULL)) != NULL) {
		cJSON *cut = json_raw(text, strlen(text));

		free(text);
		if (cut != NULL)
			cJSON_ReplaceItemInObjectCaseSensitive(
			    holder, key, cut);
	}
	buf_clear(&out);
	return found > 0;
}

static bool
cut_all(cJSON *body, const char *keyword, bool only_look)
{
	cJSON *tool, *format;
	bool found = false;

	cJSON_ArrayForEach(
	    tool, cJSON_GetObjectItemCaseSensitive(body, "tools")) {
		found |=
		    cut_item(cJSON_GetObjectItemCaseSensitive(tool, "function"),
			"parameters", keyword, only_look);
	}
	format = cJSON_GetObjectItemCaseSensitive(body, "response_format");
	format = cJSON_GetObjectItemCaseSensitive(format, "json_schema");
	return cut_item(format, "schema", keyword, only_look) || found;
}

bool
body_has_keyword(const cJSON *body, const char *keyword)
{
	/* Nothing is changed when only looking. */
	return cut_all((cJSON *)(uintptr_t)body, keyword, true);
}

void
mend_keyword(cJSON *body, const char *keyword)
{
	cut_all(body, keyword, false);
}

/* -- keys ----------------------------------------------------------------- */

static void
drop_in_items(cJSON *list, const char *key)
{
	cJSON *item;

	cJSON_ArrayForEach(item, list) {
		cJSON_DeleteItemFromObjectCaseSensitive(item, key);
		drop_in_items(
		    cJSON_GetObjectItemCaseSensitive(item, "content"), key);
		drop_in_items(
		    cJSON_GetObjectItemCaseSensitive(item, "tool_calls"), key);
	}
}

void
mend_drop(cJSON *body, const char *key)
{
	if (strncmp(key, "*.", 2) != 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, key);
		return;
	}
	key += 2;
	drop_in_items(cJSON_GetObjectItemCaseSensitive(body, "messages"), key);
	drop_in_items(cJSON_GetObjectItemCaseSensitive(body, "tools"), key);
}

void
mend_strict(cJSON *body, const char *where)
{
	cJSON *tool, *format;

	if (strcmp(where, "tools") == 0) {
		cJSON_ArrayForEach(
		    tool, cJSON_GetObjectItemCaseSensitive(body, "tools")) {
			cJSON_DeleteItemFromObjectCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(tool, "function"),
			    "strict");
		}
		return;
	}
	format = cJSON_GetObjectItemCaseSensitive(body, "response_format");
	cJSON_DeleteItemFromObjectCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(format, "json_schema"), "strict");
}

void
mend_rename(cJSON *body, const char *from, const char *to)
{
	cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(body, from);

	if (item == NULL)
		return;
	if (json_get(body, to) != NULL ||
	    !cJSON_AddItemToObject(body, to, item))
		cJSON_Delete(item);
}

static void
replace(cJSON *object, const char *key, cJSON *item)
{
	if (item == NULL)
		return;
	if (json_get(object, key) == NULL)
		cJSON_AddItemToObject(object, key, item);
	else
		cJSON_ReplaceItemInObjectCaseSensitive(object, key, item);
}

void
mend_max_tokens(cJSON *body, int64_t limit)
{
	static const char *const keys[] = { "max_tokens",
		"max_completion_tokens" };
	char digits[24];
	int64_t value;
	int len = snprintf(digits, sizeof(digits), "%" PRId64, limit);

	for (size_t i = 0; i < 2; i++)
		if (body_int(json_get(body, keys[i]), &value) == 0 &&
		    value > limit)
			replace(body, keys[i], json_raw(digits, (size_t)len));
	mend_budget(body);
}

/* No answer is left where thinking may take all of it: four fifths do. */
static int64_t
budget_within(const cJSON *budget, int64_t limit)
{
	int64_t value;

	if (body_int(budget, &value) == -1 || value < limit)
		return -1;
	return limit * 4 / 5;
}

static void
replace_int(cJSON *object, const char *key, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, value);

	replace(object, key, json_raw(digits, (size_t)len));
}

void
mend_budget(cJSON *body)
{
	cJSON *reasoning = cJSON_GetObjectItemCaseSensitive(body, "reasoning");
	int64_t limit, budget;

	if (body_int(json_get(body, "max_tokens"), &limit) == -1 &&
	    body_int(json_get(body, "max_completion_tokens"), &limit) == -1)
		return;
	budget = budget_within(json_get(body, "thinking_token_budget"), limit);
	if (budget >= 0)
		replace_int(body, "thinking_token_budget", budget);
	budget = budget_within(json_get(reasoning, "max_tokens"), limit);
	if (budget >= BUDGET_MIN) {
		replace_int(reasoning, "max_tokens", budget);
	} else if (budget >= 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(
		    reasoning, "max_tokens");
		replace(reasoning, "effort", cJSON_CreateString("low"));
	}
}

bool
list_has(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words != '\0'; words += n + (words[n] == ',')) {
		n = strcspn(words, ",");
		if (n == len && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

/* The word of the list that comes nearest: the next weaker one, or the
 * weakest. */
static const char *
nearest_effort(const char *words, const char *asked)
{
	const char *nearest = NULL, *word;

	for (size_t i = 0; (word = effort_word(i)) != NULL; i++)
		if (list_has(words, word) &&
		    (nearest == NULL || (int)i <= effort_rank(asked)))
			nearest = word;
	return nearest;
}

void
mend_effort(cJSON *body, const char *words)
{
	const cJSON *effort = body_effort(body);
	const char *nearest;
	char asked[32];

	if (!body_text(effort, asked, sizeof(asked)) ||
	    list_has(words, asked) ||
	    (nearest = nearest_effort(words, asked)) == NULL)
		return;
	if (json_get(body, "reasoning_effort") != NULL)
		replace(body, "reasoning_effort", cJSON_CreateString(nearest));
	else
		replace(cJSON_GetObjectItemCaseSensitive(body, "reasoning"),
		    "effort", cJSON_CreateString(nearest));
}

void
mend_effort_none(cJSON *body)
{
	if (json_get(body, "tools") == NULL)
		return;
	replace(body, "reasoning_effort", cJSON_CreateString("none"));
	cJSON_DeleteItemFromObjectCaseSensitive(body, "reasoning");
}
