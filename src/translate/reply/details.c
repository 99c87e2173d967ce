/* SPDX-License-Identifier: MIT */
/* Puts reasoning fragments together.  Knows no events. */
#include "translate/reply/details.h"

#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"

#define ENTRIES_MAX 4096
#define MEMBERS_MAX 64
#define VALUE_MAX   ((size_t)1 << 30) /* the reply's own ceiling is lower */

enum member_kind { RAW, TEXT, LIST };

/* A member of an entry; a LIST's fragments are joined into one element. */
struct member {
	enum member_kind kind;
	struct buf key;	  /* escaped body */
	struct buf value; /* JSON text, or an escaped body */
	struct detail *element;
};

struct detail {
	struct member *members;
	size_t n;
	struct buf raw; /* an entry that is kept as it came */
};

static void
clear_entry(struct detail *entry)
{
	for (size_t i = 0; i < entry->n; i++) {
		struct member *m = &entry->members[i];

		buf_clear(&m->key);
		buf_clear(&m->value);
		if (m->element != NULL)
			clear_entry(m->element);
		free(m->element);
	}
	free(entry->members);
	buf_clear(&entry->raw);
}

void
details_clear(struct details *d)
{
	for (size_t i = 0; i < d->n; i++)
		clear_entry(&d->list[i]);
	free(d->list);
	*d = (struct details){ .list = NULL };
}

static struct detail *
new_entry(struct details *d)
{
	struct detail *grown;
	size_t cap;

	if (d->n == ENTRIES_MAX)
		return NULL;
	if (d->list == NULL || d->n == d->cap) {
		cap = d->cap == 0 ? 4 : d->cap * 2;
		grown = realloc(d->list, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		d->list = grown;
		d->cap = cap;
	}
	d->list[d->n] = (struct detail){ .members = NULL };
	buf_init(&d->list[d->n].raw, VALUE_MAX);
	return &d->list[d->n++];
}

int
details_add(struct details *d, const struct json_doc *doc, const cJSON *entry)
{
	struct json_slice slice = json_slice(doc, entry);
	struct detail *added = new_entry(d);

	if (added == NULL)
		return -1;
	buf_add(&added->raw, slice.text, slice.len);
	return added->raw.failed ? -1 : 0;
}

static const struct member *
find_member(const struct detail *entry, const char *key)
{
	for (size_t i = 0; i < entry->n; i++)
		if (strcmp(buf_str(&entry->members[i].key), key) == 0)
			return &entry->members[i];
	return NULL;
}

static struct member *
take_member(struct detail *entry, const char *key)
{
	struct member *m = (struct member *)find_member(entry, key);

	if (m != NULL || entry->n == MEMBERS_MAX)
		return m;
	m = realloc(entry->members, (entry->n + 1) * sizeof(*m));
	if (m == NULL)
		return NULL;
	entry->members = m;
	m += entry->n++;
	*m = (struct member){ .kind = RAW };
	buf_init(&m->key, VALUE_MAX);
	buf_init(&m->value, VALUE_MAX);
	json_escape(&m->key, key, strlen(key));
	return m;
}

/* Members that grow with each fragment; all others are replaced. */
static bool
is_growing(const char *key)
{
	static const char *const keys[] = { "text", "summary", "data",
		"thinking", "reasoning" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static bool
is_nothing(const struct json_doc *doc, const cJSON *item)
{
	return cJSON_IsNull(item) ||
	       (cJSON_IsString(item) && json_body(doc, item).len == 0);
}

static int join_object(struct detail *entry, const struct json_doc *doc,
    const cJSON *fragment, bool is_inner);

static int
join_list(struct member *m, const struct json_doc *doc, const cJSON *list)
{
	const cJSON *item;

	if (m->element == NULL &&
	    (m->element = calloc(1, sizeof(*m->element))) == NULL)
		return -1;
	m->kind = LIST;
	cJSON_ArrayForEach(item, list)
		if (cJSON_IsObject(item) &&
		    join_object(m->element, doc, item, true) == -1)
			return -1;
	return 0;
}

static int
join_member(struct detail *entry, const struct json_doc *doc, const cJSON *item,
    bool is_inner)
{
	struct member *m = take_member(entry, item->string);
	struct json_slice slice;

	if (m == NULL)
		return -1;
	if (is_growing(item->string) && cJSON_IsString(item)) {
		if (m->kind != TEXT)
			buf_reset(&m->value);
		m->kind = TEXT;
		slice = json_body(doc, item);
	} else if (is_growing(item->string) && cJSON_IsArray(item) &&
		   !is_inner) {
		return join_list(m, doc, item);
	} else {
		if (m->value.len > 0 && is_nothing(doc, item))
			return 0;
		m->kind = RAW;
		buf_reset(&m->value);
		slice = json_slice(doc, item);
	}
	buf_add(&m->value, slice.text, slice.len);
	return m->key.failed || m->value.failed ? -1 : 0;
}

static int
join_object(struct detail *entry, const struct json_doc *doc,
    const cJSON *fragment, bool is_inner)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, fragment)
		if (join_member(entry, doc, item, is_inner) == -1)
			return -1;
	return 0;
}

/* Whether a member of the entry is written like one of the fragment. */
static bool
is_same(const struct detail *entry, const struct json_doc *doc,
    const cJSON *fragment, const char *key)
{
	const struct member *m = find_member(entry, key);
	const cJSON *item = json_get(fragment, key);
	struct json_slice slice;

	if (m == NULL || item == NULL)
		return m == NULL && item == NULL;
	slice = json_slice(doc, item);
	return m->value.len == slice.len &&
	       memcmp(m->value.data, slice.text, slice.len) == 0;
}

static bool
is_told(const struct json_doc *doc, const cJSON *fragment, const char *key)
{
	const cJSON *item = json_get(fragment, key);

	return item != NULL && !is_nothing(doc, item);
}

static bool
belongs(const struct detail *entry, const struct json_doc *doc,
    const cJSON *fragment)
{
	const struct member *id = find_member(entry, "id");

	if (entry->raw.len > 0 || !is_same(entry, doc, fragment, "type") ||
	    !is_same(entry, doc, fragment, "index"))
		return false;
	return id == NULL || !is_told(doc, fragment, "id") ||
	       strcmp(buf_str(&id->value), "null") == 0 ||
	       strcmp(buf_str(&id->value), "\"\"") == 0 ||
	       is_same(entry, doc, fragment, "id");
}

static bool
is_signed(const struct detail *entry)
{
	const struct member *m = find_member(entry, "signature");

	return m != NULL && strcmp(buf_str(&m->value), "null") != 0 &&
	       strcmp(buf_str(&m->value), "\"\"") != 0;
}

int
details_join(
    struct details *d, const struct json_doc *doc, const cJSON *fragment)
{
	struct detail *entry = NULL;
	bool has_index = is_told(doc, fragment, "index");
	const cJSON *type = json_get(fragment, "type");

	if (!cJSON_IsObject(fragment) || json_is(type, "redacted_thinking"))
		return details_add(d, doc, fragment);
	if (json_is(type, "thinking") && d->n > 0 &&
	    is_signed(&d->list[d->n - 1]) && (entry = new_entry(d)) == NULL)
		return -1;
	/* Without an index only neighbours belong together. */
	for (size_t i = d->n; i > 0 && entry == NULL; i--) {
		if (belongs(&d->list[i - 1], doc, fragment))
			entry = &d->list[i - 1];
		if (!has_index)
			break;
	}
	if (entry == NULL && (entry = new_entry(d)) == NULL)
		return -1;
	return join_object(entry, doc, fragment, false);
}

int
details_join_part(
    struct details *d, const struct json_doc *doc, const cJSON *fragment)
{
	struct detail *entry = d->n == 0 ? NULL : &d->list[d->n - 1];

	if (entry == NULL || entry->raw.len > 0 ||
	    !is_same(entry, doc, fragment, "type"))
		entry = new_entry(d);
	if (entry == NULL)
		return -1;
	return join_object(entry, doc, fragment, false);
}

static void
print_entry(const struct detail *entry, struct buf *out)
{
	if (entry->raw.len > 0) {
		buf_add(out, entry->raw.data, entry->raw.len);
		return;
	}
	buf_add_char(out, '{');
	for (size_t i = 0; i < entry->n; i++) {
		const struct member *m = &entry->members[i];

		if (i > 0)
			buf_add_char(out, ',');
		buf_add_char(out, '"');
		buf_add(out, m->key.data, m->key.len);
		BUF_ADD_LIT(out, "\":");
		if (m->kind == LIST) {
			buf_add_char(out, '[');
			if (m->element->n > 0)
				print_entry(m->element, out);
			buf_add_char(out, ']');
		} else if (m->kind == TEXT) {
			buf_add_char(out, '"');
			json_put_body(
			    out, (struct json_slice){
				     buf_str(&m->value), m->value.len });
			buf_add_char(out, '"');
		} else {
			buf_add(out, m->value.data, m->value.len);
		}
	}
	buf_add_char(out, '}');
}

void
details_print(const struct details *d, struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < d->n; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		print_entry(&d->list[i], out);
	}
	buf_add_char(out, ']');
}
