/* SPDX-License-Identifier: MIT */
/* Content parts.  Knows no blocks. */
#include "translate/request/parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "wire/buf.h"

void
parts_clear(struct parts *p)
{
	for (size_t i = 0; i < p->n; i++) {
		buf_clear(&p->list[i].own);
		cJSON_Delete(p->list[i].media);
	}
	if (p->list != &p->only)
		free(p->list);
	*p = (struct parts){ .n = 0 };
}

static bool
grow(struct parts *p)
{
	size_t cap = p->cap < 8 ? 8 : p->cap * 2;
	struct part *grown;

	if (p->cap == 0) {
		p->list = &p->only;
		p->cap = 1;
		return true;
	}
	grown =
	    realloc(p->list == &p->only ? NULL : p->list, cap * sizeof(*grown));
	if (grown == NULL)
		return false;
	if (p->list == &p->only)
		*grown = p->only;
	p->list = grown;
	p->cap = cap;
	return true;
}

/* Room for a part at `at`; NULL when out of memory. */
static struct part *
insert(struct parts *p, size_t at)
{
	p->failed = p->failed || (p->n == p->cap && !grow(p));
	if (p->failed)
		return NULL;
	memmove(&p->list[at + 1], &p->list[at], (p->n - at) * sizeof(*p->list));
	p->n++;
	p->list[at] = (struct part){ .media = NULL };
	return &p->list[at];
}

void
parts_add_text(struct parts *p, struct json_slice body)
{
	struct part *part;

	if (body.len > 0 && (part = insert(p, p->n)) != NULL)
		part->text = body;
}

/* Gives a part the bytes of `text`, which is left empty. */
static void
own(struct parts *p, struct part *part, struct buf *text)
{
	buf_clear(&part->own);
	part->own = *text;
	part->is_own = true;
	part->text = (struct json_slice){ part->own.data, part->own.len };
	p->failed |= part->own.failed;
	buf_init(text, text->max_bytes);
}

static void
insert_buf(struct parts *p, size_t at, struct buf *text)
{
	struct part *part;

	p->failed |= text->failed;
	if (text->len > 0 && (part = insert(p, at)) != NULL)
		own(p, part, text);
	buf_clear(text);
}

void
parts_add_buf(struct parts *p, struct buf *text)
{
	insert_buf(p, p->n, text);
}

void
parts_add_media(struct parts *p, cJSON *media)
{
	struct part *part;

	if (media == NULL || (part = insert(p, p->n)) == NULL) {
		p->failed = true;
		cJSON_Delete(media);
		return;
	}
	part->media = media;
	p->has_media = true;
}

void
parts_append(struct parts *p, struct buf *text)
{
	struct part *last = p->n > 0 ? &p->list[p->n - 1] : NULL;
	struct buf whole;

	if (last == NULL || last->media != NULL) {
		insert_buf(p, p->n, text);
		return;
	}
	if (!last->is_own) {
		buf_init(&whole, SIZE_MAX / 4);
		json_put_body(&whole, last->text);
		own(p, last, &whole);
	}
	BUF_ADD_LIT(&last->own, "\\n\\n");
	buf_add(&last->own, text->data, text->len);
	last->text = (struct json_slice){ last->own.data, last->own.len };
	p->failed |= last->own.failed || text->failed;
	buf_clear(text);
}

void
parts_prepend(struct parts *p, struct buf *text)
{
	struct part *first = p->n > 0 ? &p->list[0] : NULL;

	if (first == NULL || first->media != NULL) {
		insert_buf(p, 0, text);
		return;
	}
	BUF_ADD_LIT(text, "\\n\\n");
	json_put_body(text, first->text);
	own(p, first, text);
}

void
parts_join(const struct parts *p, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < p->n; i++) {
		if (p->list[i].media != NULL)
			continue;
		if (out->len > start)
			BUF_ADD_LIT(out, "\\n\\n");
		json_put_body(out, p->list[i].text);
	}
	out->failed |= p->failed;
}

/* A part with the upstream's word for "cache up to here". */
static bool
add_mark(cJSON *part, const struct cache_mark *mark)
{
	bool openai = mark->hints == HINTS_OPENAI;
	cJSON *hint = cJSON_CreateObject();

	if (openai ? !json_add_text(hint, "mode", "explicit")
		   : !json_add_text(hint, "type", "ephemeral")) {
		cJSON_Delete(hint);
		return false;
	}
	if (!openai && mark->ttl != NULL &&
	    !json_add_text(hint, "ttl", mark->ttl)) {
		cJSON_Delete(hint);
		return false;
	}
	return json_add(
	    part, openai ? "prompt_cache_breakpoint" : "cache_control", hint);
}

static cJSON *
part_item(struct part *part)
{
	cJSON *item = part->media;

	part->media = NULL;
	if (item != NULL)
		return item;
	item = cJSON_CreateObject();
	if (json_add_text(item, "type", "text") &&
	    json_add_body(item, "text", part->text))
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* Whether the upstream takes a mark on this part: text or image. */
static bool
can_bear_mark(const struct part *part)
{
	return part->media == NULL || json_get(part->media, "image_url");
}

static cJSON *
take_array(struct parts *p, const struct cache_mark *mark)
{
	cJSON *array = cJSON_CreateArray(), *item;
	size_t marked = p->n;

	if (mark->set && mark->hints > HINTS_NONE)
		for (size_t i = 0; i < p->n; i++)
			if (can_bear_mark(&p->list[i]))
				marked = i;
	for (size_t i = 0; array != NULL && i < p->n; i++) {
		item = part_item(&p->list[i]);
		if (item == NULL || (i == marked && !add_mark(item, mark)) ||
		    !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

cJSON *
parts_take(struct parts *p, const struct cache_mark *mark)
{
	cJSON *content = NULL;

	if (!p->failed) {
		if (p->n == 0)
			content = json_text_item("");
		else if (p->n == 1 && !p->has_media &&
			 mark->hints <= HINTS_NONE)
			content = json_body_item(p->list[0].text);
		else
			content = take_array(p, mark);
	}
	parts_clear(p);
	return content;
}
