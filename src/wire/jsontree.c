/* SPDX-License-Identifier: MIT */
/*
 * Trees to be sent: items that print what they are given, and printing a
 * tree straight into a buffer.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/json.h"
#include "wire/jsonscan.h"
#include "wire/utf8.h"

/*
 * An item with room for its text behind it, in one piece of memory: to cJSON
 * that is a text of somebody else's, which it does not free.
 */
static cJSON *
new_item(int type, size_t text_size)
{
	cJSON *item = cJSON_malloc(sizeof(*item) + text_size);

	if (item == NULL)
		return NULL;
	*item = (cJSON){ .type = type | cJSON_IsReference,
		.valuestring = (char *)(item + 1) };
	return item;
}

/* An item that prints these bytes; `quoted` puts quotes around them. */
static cJSON *
raw_item(const char *text, size_t len, bool quoted)
{
	cJSON *item = new_item(cJSON_Raw, len + 3);
	char *copy;

	if (item == NULL)
		return NULL;
	copy = item->valuestring;
	copy[0] = '"';
	if (len > 0)
		memcpy(copy + quoted, text, len);
	if (quoted)
		copy[1 + len] = '"';
	copy[len + 2 * (size_t)quoted] = '\0';
	return item;
}

cJSON *
json_raw(const char *text, size_t len)
{
	return raw_item(text, len, false);
}

/* The quoted text in `b` as an item; clears `b`. */
static cJSON *
item_of_buf(struct buf *b)
{
	cJSON *item = b->failed ? NULL : raw_item(b->data, b->len, true);

	buf_clear(b);
	return item;
}

cJSON *
json_body_item(struct json_slice body)
{
	const unsigned char *p = (const unsigned char *)body.text;
	struct buf whole;

	if (body.len == 0 || !json_may_have_lone_surrogate(p, p + body.len))
		return raw_item(body.text, body.len, true);
	buf_init(&whole, JSON_TEXT_CEILING);
	json_put_body(&whole, body);
	return item_of_buf(&whole);
}

cJSON *
json_text_item(const char *text)
{
	size_t len = strlen(text);
	struct buf whole;
	cJSON *item;

	if (utf8_is_valid(text, len)) {
		item = new_item(cJSON_String, len + 1);
		if (item != NULL)
			memcpy(item->valuestring, text, len + 1);
		return item;
	}
	buf_init(&whole, JSON_TEXT_CEILING);
	json_escape(&whole, text, len);
	return item_of_buf(&whole);
}

bool
json_add(cJSON *object, const char *key, cJSON *item)
{
	if (object != NULL && item != NULL &&
	    cJSON_AddItemToObjectCS(object, key, item))
		return true;
	cJSON_Delete(item);
	return false;
}

bool
json_add_body(cJSON *object, const char *key, struct json_slice body)
{
	return json_add(object, key, json_body_item(body));
}

bool
json_add_text(cJSON *object, const char *key, const char *text)
{
	return json_add(object, key, json_text_item(text));
}

bool
json_add_raw(cJSON *object, const char *key, struct json_slice raw)
{
	return json_add(object, key, json_raw(raw.text, raw.len));
}

bool
json_add_int(cJSON *object, const char *key, int64_t value)
{
	char digits[BUF_DIGITS];
	size_t len = buf_digits(value, digits);

	return json_add(object, key, json_raw(digits + BUF_DIGITS - len, len));
}

bool
json_add_bool(cJSON *object, const char *key, bool value)
{
	cJSON *item = cJSON_CreateNull();

	if (item != NULL)
		item->type = value ? cJSON_True : cJSON_False;
	return json_add(object, key, item);
}

/* The most that cJSON prints for a text. */
static size_t
text_estimate(const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end;
	size_t odd = 0;

	if (p == NULL)
		return 2;
	end = p + strlen(text);
	while ((p = json_skip_plain(p, end)) < end) {
		odd += *p < 0x20 ? 5 : *p < 0x80 ? 1 : 0;
		p++;
	}
	return (size_t)(end - (const unsigned char *)text) + odd + 2;
}

/* The most that cJSON prints for a tree, and the room that it asks for. */
static size_t
tree_estimate(const cJSON *item)
{
	size_t sum = 32; /* a word, a number, brackets, what cJSON asks over */

	if (item->string != NULL)
		sum += text_estimate(item->string) + 2;
	if (cJSON_IsRaw(item) && item->valuestring != NULL)
		return sum + strlen(item->valuestring);
	if (cJSON_IsString(item))
		return sum + text_estimate(item->valuestring);
	for (item = item->child; item != NULL; item = item->next)
		sum += tree_estimate(item);
	return sum;
}

int
json_print(const cJSON *tree, struct buf *out)
{
	size_t room;
	char *text;

	if (tree == NULL || out->failed)
		return -1;
	room = tree_estimate(tree);
	if (room <= INT_MAX && out->len + room <= out->max_bytes &&
	    (text = buf_reserve(out, room)) != NULL &&
	    cJSON_PrintPreallocated((cJSON *)tree, text, (int)room, 0)) {
		buf_commit(out, strlen(text));
		return 0;
	}
	if (out->failed || (text = cJSON_PrintUnformatted(tree)) == NULL)
		return -1;
	buf_add_str(out, text);
	cJSON_free(text);
	return out->failed ? -1 : 0;
}
