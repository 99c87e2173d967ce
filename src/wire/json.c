/* SPDX-License-Identifier: MIT */
/*
 * A cJSON tree whose items know their place in the text, and looking things
 * up in it.  Knows no meaning of any key.
 */
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/jsonscan.h"
#include "wire/utf8.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define KEY_HAS_NUL	(1 << 12) /* in a cJSON type, above cJSON's bits */

/* Who sent the text: decides how its faults are told. */
enum sender { CLIENT, UPSTREAM };

static int
tell(const struct json_scan *scan, enum sender sender, struct fault *why)
{
	enum fault_kind kind =
	    sender == CLIENT ? FAULT_BAD_REQUEST : FAULT_BAD_GATEWAY;
	const char *whose =
	    sender == CLIENT ? "The request body" : "The upstream's answer";

	if (scan->result == JSON_SCAN_NO_MEMORY)
		return fault_no_memory(why);
	if (scan->error_limit != 0)
		return fault_set(why, kind,
		    "%s cannot be read: %s %zu at byte %zu", whose, scan->error,
		    scan->error_limit, scan->error_at);
	return fault_set(why, kind, "%s is not valid JSON: %s at byte %zu",
	    whose, scan->error, scan->error_at);
}

static int
type_of(char first)
{
	switch (first) {
	case '{':
		return cJSON_Object;
	case '[':
		return cJSON_Array;
	case '"':
		return cJSON_String;
	case 't':
		return cJSON_True;
	case 'f':
		return cJSON_False;
	case 'n':
		return cJSON_NULL;
	default:
		return cJSON_Number;
	}
}

/* Decodes what is between two quotes into the room at `*to`. */
static char *
decode(char **to, const char *open, const char *close)
{
	char *text = *to;

	*to = json_decode(text, (const unsigned char *)open + 1,
	    (size_t)(close - open - 1), false);
	return text;
}

/* The key of the value at `at`: the only string since `from`. */
static char *
decode_key(char **to, const char *from, const char *at)
{
	while (*from != '"')
		from++;
	while (*--at != ':')
		;
	while (*--at != '"')
		;
	return decode(to, from, at);
}

static const char *
end_of(const struct json_doc *doc, const cJSON *item)
{
	struct json_slice slice = json_slice(doc, item);

	return slice.text + slice.len;
}

/* Makes the item at `at` the last one of `parent`. */
static void
append(const struct json_doc *doc, cJSON *parent, cJSON *item, const char *at,
    char **strings)
{
	const char *from = json_slice(doc, parent).text;
	cJSON *first = parent->child;

	if (first == NULL) {
		first = parent->child = item;
	} else {
		from = end_of(doc, first->prev);
		item->prev = first->prev;
		first->prev->next = item;
	}
	first->prev = item;
	if ((parent->type & cJSON_Object) != 0)
		item->string = decode_key(strings, from, at);
}

/* While a container is open its `next` is the one around it. */
static cJSON *
leave(cJSON *container)
{
	cJSON *outer = container->next;

	container->next = NULL;
	return outer;
}

/* Makes a tree of the items, which stand as their places do. */
static void
plant(const struct json_doc *doc, const struct json_scan *scan, char *strings)
{
	cJSON *item = doc->root, *parent = NULL;

	for (size_t i = 0; i < scan->n_places; i++, item++) {
		const struct json_place *place = &scan->places[i];
		const char *at = doc->text + place->offset;

		*item = (cJSON){
			.type = type_of(*at),
			.valuedouble = place->offset,
			.valueint = (int)place->len,
		};
		while (parent != NULL && at >= end_of(doc, parent))
			parent = leave(parent);
		if (parent != NULL)
			append(doc, parent, item, at, &strings);
		if (item->type == cJSON_String) {
			item->valuestring =
			    decode(&strings, at, at + place->len - 1);
		} else if ((item->type & (cJSON_Object | cJSON_Array)) != 0) {
			item->next = parent;
			parent = item;
		}
		if (place->key_has_nul)
			item->type |= KEY_HAS_NUL;
	}
	while (parent != NULL)
		parent = leave(parent);
}

/*
 * Builds the tree of a text that has been scanned in one piece of memory: the
 * items, then their strings.
 */
static int
build(struct json_doc *doc, const struct json_scan *scan, struct fault *why)
{
	size_t n = scan->n_places;

	if (n > (SIZE_MAX - scan->string_bytes) / sizeof(cJSON))
		return fault_no_memory(why);
	doc->root = cJSON_malloc(n * sizeof(cJSON) + scan->string_bytes);
	if (doc->root == NULL)
		return fault_no_memory(why);
	doc->has_nul_key = scan->has_nul_key;
	plant(doc, scan, (char *)(doc->root + n));
	return 0;
}

int
json_parse(struct json_doc *doc, const char *text, size_t len,
    const struct json_limits *limits, struct fault *why)
{
	struct json_scan scan;
	struct json_room room;
	int rc;

	*doc = (struct json_doc){ .text = text, .len = len };
	if (json_scan(&scan, &room, text, len, limits, true) == JSON_SCAN_OK)
		rc = build(doc, &scan, why);
	else
		rc = tell(&scan, CLIENT, why);
	json_scan_clear(&scan);
	return rc;
}

/* Copies one odd byte or more of a string; returns how many it took. */
static size_t
repair_bytes(struct buf *out, const unsigned char *p, size_t left)
{
	size_t len;

	if (*p < 0x20) {
		json_escape(out, (const char *)p, 1);
		return 1;
	}
	if (*p == '\\' && left > 1 && p[1] < 0x80)
		len = 2;
	else if (*p < 0x80)
		len = 1;
	else if ((len = utf8_char_len(p, left)) == 0) {
		BUF_ADD_LIT(out, UTF8_REPLACEMENT);
		return utf8_bad_len(p, left);
	}
	buf_add(out, p, len);
	return len;
}

/* Makes doc->owned out of a text with bytes that may not be in one. */
static int
repair(struct json_doc *doc)
{
	const unsigned char *p = (const unsigned char *)doc->text;
	const unsigned char *end = p + doc->len, *plain;
	bool in_string = false;
	struct buf out;

	buf_init(&out, JSON_TEXT_CEILING);
	while (p < end) {
		plain = p;
		p = json_skip_plain(p, end);
		buf_add(&out, plain, (size_t)(p - plain));
		if (p == end)
			break;
		if (*p == '"')
			in_string = !in_string;
		if (in_string || *p >= 0x80) {
			p += repair_bytes(&out, p, (size_t)(end - p));
		} else {
			buf_add(&out, p, 1);
			p++;
		}
	}
	doc->owned = buf_take(&out, &doc->len);
	doc->text = doc->owned;
	return doc->owned == NULL ? -1 : 0;
}

int
json_parse_lenient(struct json_doc *doc, const char *text, size_t len,
    const struct json_limits *limits, struct fault *why)
{
	struct json_scan scan;
	struct json_room room;
	int rc;

	if (len >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0)
		text += 3, len -= 3;
	*doc = (struct json_doc){ .text = text, .len = len };
	if (json_scan(&scan, &room, text, len, limits, true) ==
	    JSON_SCAN_BAD_BYTES) {
		json_scan_clear(&scan);
		if (repair(doc) == -1)
			return fault_no_memory(why);
		json_scan(&scan, &room, doc->text, doc->len, limits, true);
	}
	if (scan.result == JSON_SCAN_OK)
		rc = build(doc, &scan, why);
	else
		rc = tell(&scan, UPSTREAM, why);
	json_scan_clear(&scan);
	return rc;
}

void
json_doc_clear(struct json_doc *doc)
{
	cJSON_free(doc->root);
	free(doc->owned);
	*doc = (struct json_doc){ .text = "" };
}

int
json_check(
    const char *text, size_t len, char type, const struct json_limits *limits)
{
	struct json_scan scan;
	struct json_room room;
	size_t at = 0;
	int rc = -1;

	while (
	    at < len && strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0')
		at++;
	if (at == len || (type != 0 && text[at] != type))
		return -1;
	if (json_scan(&scan, &room, text, len, limits, false) == JSON_SCAN_OK)
		rc = 0;
	json_scan_clear(&scan);
	return rc;
}

const cJSON *
json_get(const cJSON *object, const char *key)
{
	const cJSON *member, *found = NULL;

	if (object == NULL || (object->type & cJSON_Object) == 0)
		return NULL;
	for (member = object->child; member != NULL; member = member->next)
		if (member->string[0] == key[0] &&
		    strcmp(member->string, key) == 0)
			found = member;
	return found;
}

const cJSON *
json_get_set(const cJSON *object, const char *key)
{
	const cJSON *member = json_get(object, key);

	return cJSON_IsNull(member) ? NULL : member;
}

const char *
json_get_string(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(json_get(object, key));
}

bool
json_is(const cJSON *item, const char *text)
{
	return cJSON_IsString(item) && item->valuestring != NULL &&
	       strcmp(item->valuestring, text) == 0;
}

bool
json_get_true(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(json_get(object, key));
}

/* The exponent behind e or E, held within what cannot overflow. */
static long
read_exponent(const char *p, const char *end)
{
	bool negative = *p == '-';
	long value = 0;

	if (*p == '-' || *p == '+')
		p++;
	for (; p < end; p++)
		if (value < 1000000000)
			value = value * 10 + (*p - '0');
	return negative ? -value : value;
}

/* Appends a decimal digit.  False if it does not fit. */
static bool
add_digit(uint64_t *value, unsigned digit)
{
	if (*value > (UINT64_MAX - digit) / 10)
		return false;
	*value = *value * 10 + digit;
	return true;
}

int
json_int64(const struct json_doc *doc, const cJSON *item, int64_t *value)
{
	struct json_slice number = json_slice(doc, item);
	const char *p = number.text, *end = p + number.len;
	long scale = 0, zeros = 0; /* powers of ten not yet multiplied in */
	bool negative, in_fraction = false;
	uint64_t n = 0;

	if (!cJSON_IsNumber(item))
		return -1;
	if ((negative = *p == '-'))
		p++;
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			in_fraction = true;
			continue;
		}
		scale -= in_fraction;
		if (*p == '0') {
			zeros++;
			continue;
		}
		for (; zeros > 0 && n > 0; zeros--)
			if (!add_digit(&n, 0))
				return -1;
		zeros = 0;
		if (!add_digit(&n, (unsigned)(*p - '0')))
			return -1;
	}
	if (n > 0) {
		scale += zeros + (p < end ? read_exponent(p + 1, end) : 0);
		if (scale < 0)
			return -1;
		for (; scale > 0; scale--)
			if (!add_digit(&n, 0))
				return -1;
	}
	if (n > (uint64_t)INT64_MAX + negative)
		return -1;
	*value = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int
json_number(const struct json_doc *doc, const cJSON *item, double *value)
{
	struct json_slice number = json_slice(doc, item);
	char text[400];

	if (!cJSON_IsNumber(item) || number.len >= sizeof(text))
		return -1;
	memcpy(text, number.text, number.len);
	text[number.len] = '\0';
	*value = strtod(text, NULL);
	return 0;
}

struct json_slice
json_slice(const struct json_doc *doc, const cJSON *item)
{
	if (item == NULL)
		return (struct json_slice){ .text = "" };
	return (
	    struct json_slice){ .text = doc->text + (size_t)item->valuedouble,
		.len = (size_t)item->valueint };
}

struct json_slice
json_body(const struct json_doc *doc, const cJSON *item)
{
	struct json_slice body = { .text = "" };

	if (!cJSON_IsString(item))
		return body;
	body = json_slice(doc, item);
	body.text++;
	body.len -= 2;
	return body;
}

static bool
is_raw_key(const cJSON *item, const char *const *raw_keys)
{
	if (item->string == NULL || raw_keys == NULL)
		return false;
	for (; *raw_keys != NULL; raw_keys++)
		if (strcmp(item->string, *raw_keys) == 0)
			return true;
	return false;
}

const cJSON *
json_find_nul_key(const cJSON *item, const char *const *raw_keys)
{
	const cJSON *parents[JSON_DEPTH_CEILING];
	size_t depth = 0;

	if (item == NULL || item->child == NULL)
		return NULL;
	parents[depth++] = item;
	item = item->child;
	for (;;) {
		if ((item->type & KEY_HAS_NUL) != 0)
			return item;
		if (item->child != NULL && !is_raw_key(item, raw_keys)) {
			parents[depth++] = item;
			item = item->child;
			continue;
		}
		while (item->next == NULL && depth > 1)
			item = parents[--depth];
		if (item->next == NULL)
			return NULL;
		item = item->next;
	}
}
