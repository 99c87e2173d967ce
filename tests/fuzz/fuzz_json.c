/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as JSON, strictly and leniently.  What is read must be in its
 * place, valid by itself and the same when it is written and read again.
 */
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = { .max_depth = 100,
	.max_values = 5000 };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static bool
looks_like(const cJSON *item, struct json_slice slice)
{
	switch (item->type & 0xFF) {
	case cJSON_Object:
		return slice.text[0] == '{' && slice.text[slice.len - 1] == '}';
	case cJSON_Array:
		return slice.text[0] == '[' && slice.text[slice.len - 1] == ']';
	case cJSON_String:
		return slice.text[0] == '"' && slice.text[slice.len - 1] == '"';
	case cJSON_Number:
		return strchr("-0123456789", slice.text[0]) != NULL;
	case cJSON_True:
		return slice.len == 4 && memcmp(slice.text, "true", 4) == 0;
	case cJSON_False:
		return slice.len == 5 && memcmp(slice.text, "false", 5) == 0;
	default:
		return slice.len == 4 && memcmp(slice.text, "null", 4) == 0;
	}
}

/* A string's decoded text is its body's, but for NULs. */
static void
check_string(const struct json_doc *doc, const cJSON *item)
{
	struct json_slice body = json_body(doc, item);
	struct buf text, again;

	buf_init(&text, 1 << 24);
	buf_init(&again, 1 << 24);
	json_unescape(&text, body);
	must(!text.failed && utf8_is_valid(buf_str(&text), text.len));
	if (memchr(buf_str(&text), '\0', text.len) == NULL)
		must(strcmp(buf_str(&text), item->valuestring) == 0);
	buf_add_char(&again, '"');
	json_put_body(&again, body);
	buf_add_char(&again, '"');
	must(json_check(again.data, again.len, '"', &limits) == 0);
	buf_reset(&again);
	buf_add_char(&again, '"');
	json_escape(&again, buf_str(&text), text.len);
	buf_add_char(&again, '"');
	must(json_check(again.data, again.len, '"', &limits) == 0);
	buf_clear(&text);
	buf_clear(&again);
}

static void
check_item(
    const struct json_doc *doc, const cJSON *item, struct json_slice within)
{
	struct json_slice slice = json_slice(doc, item);
	int64_t integer;
	double number;

	must(slice.len > 0 && slice.text >= within.text &&
	     slice.text + slice.len <= within.text + within.len);
	must(looks_like(item, slice));
	if (cJSON_IsString(item))
		check_string(doc, item);
	if (json_int64(doc, item, &integer) == 0 &&
	    json_number(doc, item, &number) == 0)
		must((double)integer == number);
	within = slice;
	for (item = item->child; item != NULL; item = item->next) {
		check_item(doc, item, within);
		slice = json_slice(doc, item);
		must(slice.text > within.text); /* in order */
		within.len -= (size_t)(slice.text + slice.len - within.text);
		within.text = slice.text + slice.len;
		must(item->string == NULL ||
		     utf8_is_valid(item->string, strlen(item->string)));
	}
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* In all but the numbers, which hold the places. */
static void
same_tree(const cJSON *have, const cJSON *want)
{
	const cJSON *last = NULL, *first = have->child;

	must((have->type & 0xFF) == (want->type & 0xFF));
	must(same_text(have->valuestring, want->valuestring));
	must(same_text(have->string, want->string));
	have = have->child;
	for (want = want->child; want != NULL; want = want->next) {
		must(have != NULL);
		same_tree(have, want);
		must(last == NULL || have->prev == last);
		last = have;
		have = have->next;
	}
	must(have == NULL && (first == NULL || first->prev == last));
}

static bool
has_nul(const struct json_doc *doc)
{
	for (size_t i = 0; i + 6 <= doc->len; i++)
		if (memcmp(doc->text + i, "\\u0000", 6) == 0)
			return true;
	return false;
}

/* cJSON reads it alike, but what it refuses, or cuts at a NUL. */
static void
check_tree(const struct json_doc *doc)
{
	cJSON *tree =
	    has_nul(doc) ? NULL : cJSON_ParseWithLength(doc->text, doc->len);

	if (tree != NULL)
		same_tree(doc->root, tree);
	cJSON_Delete(tree);
}

static void
check_doc(const struct json_doc *doc)
{
	struct json_slice whole = { .text = doc->text, .len = doc->len };
	struct json_slice root = json_slice(doc, doc->root);
	cJSON *raw = json_raw(root.text, root.len);
	struct buf out;

	check_item(doc, doc->root, whole);
	check_tree(doc);
	must((json_find_nul_key(doc->root, NULL) != NULL) == doc->has_nul_key);
	must(json_check(doc->text, doc->len, root.text[0], &limits) == 0);
	buf_init(&out, 1 << 24);
	must(raw != NULL && json_print(raw, &out) == 0);
	must(out.len == root.len && memcmp(out.data, root.text, root.len) == 0);
	cJSON_Delete(raw);
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fault why;
	const char *text = (const char *)data;
	struct json_doc strict, lenient;
	struct buf out;

	fault_clear(&why);
	if (json_parse(&strict, text, size, &limits, &why) == 0)
		check_doc(&strict);
	else
		must(why.kind == FAULT_BAD_REQUEST);
	must(
	    (strict.root != NULL) == (json_check(text, size, 0, &limits) == 0));
	fault_clear(&why);
	if (json_parse_lenient(&lenient, text, size, &limits, &why) == 0)
		check_doc(&lenient);
	else
		must(why.kind == FAULT_BAD_GATEWAY && strict.root == NULL);
	if (strict.root != NULL)
		must(lenient.owned == NULL);
	json_doc_clear(&strict);
	json_doc_clear(&lenient);

	buf_init(&out, 1 << 24);
	buf_add_char(&out, '"');
	json_escape(&out, text, size);
	buf_add_char(&out, '"');
	must(json_check(out.data, out.len, '"', &limits) == 0);
	buf_reset(&out);
	/* no valid bodies: must only not fault */
	json_put_body(&out, (struct json_slice){ text, size });
	json_unescape(&out, (struct json_slice){ text, size });
	buf_clear(&out);
	return 0;
}
