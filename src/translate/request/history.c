/* SPDX-License-Identifier: MIT */
/*
 * Thinking in the history.  Our own blocks say in their envelope how the
 * upstream gave its reasoning; foreign ones are only text.
 */
#include "translate/request/history.h"

#include <stdlib.h>
#include <string.h>

#include "translate/request/conversion.h"
#include "wire/fault.h"
#include "wire/sha256.h"

#define TEXT_CEILING (SIZE_MAX / 4)

/* What Gemini takes for a signature of a call that it did not make itself. */
#define NO_SIGNATURE "skip_thought_signature_validator"

static const struct json_limits envelope_limits = { .max_depth = 128 };

/* -- details seen --------------------------------------------------------- */

void
seen_details_clear(struct seen_details *seen)
{
	free(seen->keys);
	*seen = (struct seen_details){ .n = 0 };
}

static size_t
slot_of(const struct seen_details *seen, const uint64_t key[2])
{
	size_t slot = (size_t)key[0] & (seen->cap - 1);

	while ((seen->keys[slot][0] | seen->keys[slot][1]) != 0 &&
	       memcmp(seen->keys[slot], key, sizeof(seen->keys[slot])) != 0)
		slot = (slot + 1) & (seen->cap - 1);
	return slot;
}

static int
grow(struct seen_details *seen)
{
	struct seen_details grown = { .n = seen->n,
		.cap = seen->cap == 0 ? 64 : seen->cap * 2 };

	grown.keys = calloc(grown.cap, sizeof(*grown.keys));
	if (grown.keys == NULL)
		return -1;
	for (size_t i = 0; i < seen->cap; i++)
		if ((seen->keys[i][0] | seen->keys[i][1]) != 0)
			memcpy(grown.keys[slot_of(&grown, seen->keys[i])],
			    seen->keys[i], sizeof(*grown.keys));
	free(seen->keys);
	*seen = grown;
	return 0;
}

/* 1 if the text was not seen before (within `scope`), 0 if it was. */
static int
note_detail(struct seen_details *seen, struct json_slice item, uint64_t scope)
{
	char digest[65], half[17] = "";
	uint64_t key[2];
	size_t slot;

	sha256_hex(item.text, item.len, digest);
	for (int i = 0; i < 2; i++) {
		memcpy(half, digest + 16 * i, 16);
		key[i] = strtoull(half, NULL, 16);
	}
	key[0] ^= scope;
	key[1] |= 1; /* never the empty slot */
	if (2 * (seen->n + 1) > seen->cap && grow(seen) == -1)
		return -1;
	slot = slot_of(seen, key);
	if ((seen->keys[slot][0] | seen->keys[slot][1]) != 0)
		return 0;
	memcpy(seen->keys[slot], key, sizeof(key));
	seen->n++;
	return 1;
}

/* -- reading -------------------------------------------------------------- */

/* Whether a form's text is wanted though another hand wrote it. */
static bool
takes_foreign(int history)
{
	return history == HISTORY_REASONING_CONTENT ||
	       history == HISTORY_REASONING || history == HISTORY_DEEPSEEK;
}

/* What one of our blocks makes of the turn's form. */
static enum reasoning_form
form_for(int history, const struct envelope *e)
{
	switch (history) {
	case HISTORY_AUTO:
		return e->form;
	case HISTORY_REASONING_CONTENT:
	case HISTORY_DEEPSEEK:
		return FORM_REASONING_CONTENT;
	case HISTORY_REASONING:
		return FORM_REASONING;
	case HISTORY_DETAILS:
		return e->details != NULL && e->form != FORM_CONTENT_PARTS
			   ? FORM_REASONING_DETAILS
			   : FORM_NONE;
	case HISTORY_THINK_TAGS:
		return FORM_THINK_TAGS;
	default:
		return FORM_NONE;
	}
}

/* Signed and encrypted details are valid once in a conversation; a plain
 * thought may well be had twice. */
static bool
is_unique(const cJSON *item)
{
	return json_get_set(item, "data") != NULL ||
	       json_get_set(item, "signature") != NULL;
}

/* Entries of reasoning_details have types of their own: "reasoning.text". */
static bool
is_block(const cJSON *item)
{
	const cJSON *type = json_get(item, "type");

	return json_is(type, "thinking") || json_is(type, "redacted_thinking");
}

/* Adds the items of an envelope's list that are not there yet. */
static int
add_details(struct thoughts *t, const char *details, uint64_t turn,
    struct seen_details *seen)
{
	struct json_doc doc;
	struct json_slice item_text;
	const cJSON *item;
	int fresh = 0;

	if (details == NULL)
		return 0;
	if (json_parse(
		&doc, details, strlen(details), &envelope_limits, NULL) == -1 ||
	    !cJSON_IsArray(doc.root)) {
		json_doc_clear(&doc);
		return 0;
	}
	t->has_details = true;
	cJSON_ArrayForEach(item, doc.root) {
		item_text = json_slice(&doc, item);
		fresh = note_detail(
		    seen, item_text, is_unique(item) ? 0 : turn + 1);
		if (fresh == -1)
			break;
		if (fresh == 0)
			continue;
		if (t->details.len > 0)
			buf_add_char(&t->details, ',');
		else
			t->are_blocks = is_block(item);
		buf_add(&t->details, item_text.text, item_text.len);
	}
	json_doc_clear(&doc);
	return fresh == -1 ? -1 : 0;
}

static int
add_signatures(struct thoughts *t, struct envelope *e)
{
	struct envelope_signature *grown;

	if (e->n_signatures == 0)
		return 0;
	grown = realloc(t->signatures,
	    (t->n_signatures + e->n_signatures) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	t->signatures = grown;
	for (size_t i = 0; i < e->n_signatures; i++) {
		t->signatures[t->n_signatures++] = e->signatures[i];
		e->signatures[i] = (struct envelope_signature){ NULL, NULL };
	}
	return 0;
}

static int
add_own(struct thoughts *t, const struct conversion *c, struct envelope *e,
    struct json_slice shown, uint64_t turn, struct seen_details *seen)
{
	enum reasoning_form form = form_for(c->profile->reasoning_history, e);
	bool wants_details = c->profile->reasoning_history == HISTORY_AUTO ||
			     form == FORM_REASONING_DETAILS;

	if (add_signatures(t, e) == -1)
		return -1;
	if (form == FORM_NONE)
		return 0;
	if (t->form == FORM_NONE)
		t->form = form;
	if (shown.len > 0)
		json_put_body(&t->text, shown);
	else if (e->text != NULL)
		json_escape(&t->text, e->text, e->text_len);
	if (e->opaque != NULL && form == FORM_REASONING_TEXT &&
	    json_check(e->opaque, strlen(e->opaque), 0, &envelope_limits) ==
		0) {
		buf_reset(&t->opaque);
		buf_add_str(&t->opaque, e->opaque);
	}
	if (!wants_details)
		return 0;
	return add_details(t, e->details, turn, seen);
}

static void
add_foreign(struct thoughts *t, int history, struct json_slice shown)
{
	if (!takes_foreign(history) || shown.len == 0)
		return;
	if (t->form == FORM_NONE)
		t->form = history == HISTORY_REASONING ? FORM_REASONING
						       : FORM_REASONING_CONTENT;
	json_put_body(&t->text, shown);
}

static int
read_block(struct thoughts *t, const struct conversion *c,
    const struct block *b, uint64_t turn, struct seen_details *seen,
    struct fault *why)
{
	bool is_redacted = b->type == BLOCK_REDACTED_THINKING;
	const char *signature =
	    json_get_string(b->json, is_redacted ? "data" : "signature");
	const cJSON *thinking = json_get(b->json, "thinking");
	struct json_slice shown = { .text = "" };
	char path[BLOCK_PATH_MAX];
	struct envelope e = { .form = FORM_NONE };
	int ours = 0, rc = 0;

	if (is_redacted) {
		if (signature == NULL)
			return fault_set(why, FAULT_BAD_REQUEST,
			    "%s.redacted_thinking.data: Field required",
			    block_path(b, path));
	} else if (!cJSON_IsString(thinking)) {
		return fault_set(why, FAULT_BAD_REQUEST,
		    "%s.thinking.thinking: Field required",
		    block_path(b, path));
	} else {
		shown = json_body(c->doc, thinking);
	}
	if (signature != NULL)
		ours = envelope_parse(signature, strlen(signature), &e);
	if (ours == -1 ||
	    (ours == 1 && add_own(t, c, &e, shown, turn, seen) == -1))
		rc = fault_no_memory(why);
	else if (ours == 0)
		add_foreign(t, c->profile->reasoning_history, shown);
	envelope_clear(&e);
	return rc;
}

static int
compare_signatures(const void *a, const void *b)
{
	return strcmp(((const struct envelope_signature *)a)->tool_id,
	    ((const struct envelope_signature *)b)->tool_id);
}

int
thoughts_read(struct thoughts *t, const struct conversion *c,
    const struct turn *turn, struct seen_details *seen, struct fault *why)
{
	const struct block *b;

	*t = (struct thoughts){ .form = FORM_NONE };
	buf_init(&t->text, TEXT_CEILING);
	buf_init(&t->details, TEXT_CEILING);
	buf_init(&t->opaque, TEXT_CEILING);
	for (size_t i = 0; i < turn->n_blocks; i++) {
		b = &turn->blocks[i];
		if ((b->type == BLOCK_THINKING ||
			b->type == BLOCK_REDACTED_THINKING) &&
		    read_block(t, c, b, turn->message->index, seen, why) == -1)
			return -1;
	}
	if (t->text.failed || t->details.failed || t->opaque.failed)
		return fault_no_memory(why);
	if (t->n_signatures > 1)
		qsort(t->signatures, t->n_signatures, sizeof(*t->signatures),
		    compare_signatures);
	return 0;
}

void
thoughts_clear(struct thoughts *t)
{
	for (size_t i = 0; i < t->n_signatures; i++) {
		free(t->signatures[i].tool_id);
		free(t->signatures[i].signature);
	}
	free(t->signatures);
	buf_clear(&t->text);
	buf_clear(&t->details);
	buf_clear(&t->opaque);
	*t = (struct thoughts){ .form = FORM_NONE };
}

/* -- writing -------------------------------------------------------------- */

void
thoughts_put_tags(const struct thoughts *t, struct buf *content)
{
	bool is_thought = t->form == FORM_THOUGHT_TAGS;

	if ((t->form != FORM_THINK_TAGS && !is_thought) || t->text.len == 0)
		return;
	buf_add_str(content, is_thought ? "<thought>\\n" : "<think>\\n");
	buf_add(content, t->text.data, t->text.len);
	buf_add_str(
	    content, is_thought ? "\\n</thought>\\n\\n" : "\\n</think>\\n\\n");
}

bool
thoughts_are_parts(const struct thoughts *t)
{
	return t->form == FORM_CONTENT_PARTS && t->details.len > 0;
}

static bool
add_text(cJSON *message, const char *key, const struct thoughts *t)
{
	return json_add_body(
	    message, key, (struct json_slice){ t->text.data, t->text.len });
}

static bool
add_details_field(cJSON *message, const struct thoughts *t)
{
	struct buf list;
	bool done;

	if (!t->has_details)
		return true;
	buf_init(&list, TEXT_CEILING);
	buf_add_char(&list, '[');
	buf_add(&list, t->details.data, t->details.len);
	buf_add_char(&list, ']');
	done = !list.failed &&
	       json_add_raw(message,
		   t->are_blocks ? "thinking_blocks" : "reasoning_details",
		   (struct json_slice){ list.data, list.len });
	buf_clear(&list);
	return done;
}

bool
thoughts_add_fields(const struct thoughts *t, const struct conversion *c,
    bool has_calls, cJSON *message)
{
	bool must = c->profile->reasoning_history == HISTORY_DEEPSEEK &&
		    (has_calls || c->tools.n_offered > 0);

	switch (t->form) {
	case FORM_REASONING_CONTENT:
		if ((t->text.len > 0 || must) &&
		    !add_text(message, "reasoning_content", t))
			return false;
		must = false;
		break;
	case FORM_REASONING:
		if (t->text.len > 0 && !add_text(message, "reasoning", t))
			return false;
		break;
	case FORM_REASONING_TEXT:
		if (t->text.len > 0 && !add_text(message, "reasoning_text", t))
			return false;
		if (t->opaque.len > 0 &&
		    !json_add_raw(message, "reasoning_opaque",
			(struct json_slice){ t->opaque.data, t->opaque.len }))
			return false;
		break;
	default:
		break;
	}
	if (must && !json_add_text(message, "reasoning_content", ""))
		return false;
	return t->form == FORM_CONTENT_PARTS || add_details_field(message, t);
}

static const char *
find_signature(const struct thoughts *t, const char *tool_id)
{
	size_t low = 0, high = t->n_signatures, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(tool_id, t->signatures[middle].tool_id);
		if (order == 0)
			return t->signatures[middle].signature;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
thoughts_add_signature(const struct thoughts *t, const struct conversion *c,
    const char *tool_id, bool is_first, cJSON *call)
{
	const struct profile *p = c->profile;
	const char *signature = NULL;
	cJSON *extra, *google;

	if (p->is_gemini || p->reasoning_history == HISTORY_AUTO)
		signature = find_signature(t, tool_id);
	if (signature == NULL && p->is_gemini && is_first)
		signature = NO_SIGNATURE;
	if (signature == NULL)
		return true;
	extra = cJSON_AddObjectToObject(call, "extra_content");
	google = cJSON_AddObjectToObject(extra, "google");
	return json_add_text(google, "thought_signature", signature);
}
