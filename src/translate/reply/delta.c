/* SPDX-License-Identifier: MIT */
/* Reads what a delta or a message says.  Knows no choices and no ends. */
#include "translate/reply/delta.h"

#include "translate/reply/terms.h"
#include "wire/openai.h"

static void
read_refusal(struct answer *a, struct json_slice body, bool is_shown)
{
	if (body.len == 0)
		return;
	buf_add(&a->refusal, body.text, body.len);
	/* Too long for an explanation: the text has it all. */
	a->refusal.failed = false;
	if (is_shown)
		content_text(&a->content, body);
}

static void
read_thought_part(
    struct answer *a, const struct json_doc *doc, const cJSON *part)
{
	struct openai_texts texts;
	const cJSON *text;

	if (a->terms->ignore_reasoning)
		return;
	openai_texts_begin(&texts, part);
	while ((text = openai_texts_next(&texts)) != NULL &&
	       !a->has_reasoning_field)
		content_thought(
		    &a->content, FORM_CONTENT_PARTS, json_body(doc, text));
	blocks_details(&a->blocks, FORM_CONTENT_PARTS, doc, part, a->is_whole);
}

static void
read_part(struct answer *a, const struct json_doc *doc, const cJSON *part)
{
	enum openai_part_kind kind = openai_part_kind(part);
	struct openai_texts texts;
	const cJSON *text;

	if (cJSON_IsString(part)) {
		content_text(&a->content, json_body(doc, part));
		return;
	}
	if (kind == PART_THOUGHT) {
		read_thought_part(a, doc, part);
		return;
	}
	if (kind == PART_OTHER)
		return;
	openai_texts_begin(&texts, part);
	while ((text = openai_texts_next(&texts)) != NULL) {
		if (kind == PART_TEXT)
			content_text(&a->content, json_body(doc, text));
		else
			read_refusal(a, json_body(doc, text), true);
	}
}

static void
read_content(struct answer *a, const struct json_doc *doc, const cJSON *content)
{
	const cJSON *part;

	if (cJSON_IsString(content) && a->is_whole)
		content_text(&a->content, json_body(doc, content));
	else if (cJSON_IsString(content))
		content_delta(&a->content, json_body(doc, content));
	else if (cJSON_IsObject(content))
		read_part(a, doc, content);
	else if (cJSON_IsArray(content))
		cJSON_ArrayForEach(part, content)
			read_part(a, doc, part);
}

/* -- reasoning ------------------------------------------------------------- */

/* The first field that has text: the same thought may come in several. */
static bool
read_reasoning_field(
    struct answer *a, const struct json_doc *doc, const struct openai_delta *d)
{
	const struct {
		const cJSON *item;
		enum reasoning_form form;
	} fields[] = {
		{ d->reasoning_content, FORM_REASONING_CONTENT },
		{ d->reasoning, FORM_REASONING },
		{ d->reasoning_text, FORM_REASONING_TEXT },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct json_slice body;

		if (!cJSON_IsString(fields[i].item))
			continue;
		body = json_body(doc, fields[i].item);
		if (body.len == 0)
			continue;
		content_thought(&a->content, fields[i].form, body);
		return true;
	}
	return false;
}

static void
read_details(struct answer *a, const struct json_doc *doc, const cJSON *details,
    bool is_shown)
{
	const cJSON *entry, *text;
	struct openai_texts texts;

	if (!cJSON_IsArray(details))
		return;
	if (details->child == NULL)
		a->blocks.thought.details.has_empty = true;
	cJSON_ArrayForEach(entry, details) {
		blocks_details(&a->blocks, FORM_REASONING_DETAILS, doc, entry,
		    a->is_whole);
		if (!is_shown)
			continue;
		openai_texts_begin(&texts, entry);
		while ((text = openai_texts_next(&texts)) != NULL)
			content_thought(&a->content, FORM_REASONING_DETAILS,
			    json_body(doc, text));
	}
}

static void
read_reasoning(
    struct answer *a, const struct json_doc *doc, const struct openai_delta *d)
{
	bool has_text;

	if (a->terms->ignore_reasoning)
		return;
	has_text = read_reasoning_field(a, doc, d);
	a->has_reasoning_field |= has_text;
	read_details(a, doc, d->reasoning_details, !a->has_reasoning_field);
	read_details(a, doc, d->thinking_blocks, !a->has_reasoning_field);
	if (d->reasoning_opaque != NULL)
		blocks_opaque(&a->blocks, doc, d->reasoning_opaque);
}

/* -- what repeat.h may know ------------------------------------------ */

/* Whether a delta says nothing but its content or reasoning, if that. */
static bool
says_only_text(const struct openai_delta *d)
{
	return d->reasoning_details == NULL && d->thinking_blocks == NULL &&
	       d->reasoning_opaque == NULL && d->refusal == NULL &&
	       d->audio == NULL && d->function_call == NULL &&
	       d->annotations == NULL;
}

/* Notes the text of a delta if that is all it says, for repeat.h.  Returns
 * how many texts it has. */
static int
note_plain_text(
    struct answer *a, const struct json_doc *doc, const struct openai_delta *d)
{
	const cJSON *strings[] = {
		[FORM_NONE] = d->content,
		[FORM_REASONING_CONTENT] = d->reasoning_content,
		[FORM_REASONING] = d->reasoning,
		[FORM_REASONING_TEXT] = d->reasoning_text,
	};
	struct json_slice body, found = { NULL, 0 };
	int n = 0;

	for (int i = FORM_NONE; i <= FORM_REASONING_TEXT; i++) {
		if (strings[i] == NULL)
			continue;
		body = json_body(doc, strings[i]);
		if (body.len == 0 && cJSON_IsString(strings[i]))
			continue;
		n++;
		found = body;
		a->plain_form = i;
	}
	if (n == 1 && d->tool_calls == NULL && says_only_text(d))
		a->plain = found;
	return n;
}

/* The same for arguments that go on. */
static void
note_plain_call(struct answer *a, const struct openai_call *call,
    const struct slots_context *context)
{
	if (!call->has_index || call->is_custom || call->id[0] != '\0' ||
	    call->name[0] != '\0' || call->thought_signature[0] != '\0')
		return;
	a->plain = call->text;
	a->plain_form = PLAIN_ARGUMENTS;
	/* The empty texts may stand in a document that is about to go. */
	a->plain_call = (struct openai_call){ .has_index = true,
		.index = call->index,
		.id = "",
		.name = "",
		.thought_signature = "" };
	a->plain_context = *context;
}

/* -- calls ----------------------------------------------------------------- */

static bool
tells_a_call(const struct openai_call *call)
{
	return call->id[0] != '\0' || call->name[0] != '\0' ||
	       call->text.len > 0 || call->object.len > 0 ||
	       call->thought_signature[0] != '\0';
}

static void
read_call(struct answer *a, const struct slots_context *context,
    const struct openai_call *call)
{
	if (!tells_a_call(call))
		return;
	content_flush(&a->content);
	if (!answer_must_end(a))
		blocks_call(&a->blocks, context, call);
}

static void
read_calls(struct answer *a, const struct json_doc *doc,
    const struct openai_delta *d, int64_t choice, bool is_all)
{
	struct slots_context context = { choice, a->is_whole, false, false };
	struct openai_call call;
	const cJSON *item = d->tool_calls;

	if (item != NULL && cJSON_IsArray(item)) {
		item = item->child;
		context.is_several = item != NULL && item->next != NULL;
	}
	for (; item != NULL; item = item->next) {
		if (cJSON_IsObject(item)) {
			openai_call_read(doc, item, &call);
			read_call(a, &context, &call);
			if (is_all && !context.is_several)
				note_plain_call(a, &call, &context);
		}
		if (item == d->tool_calls)
			break;
	}
	if (!cJSON_IsObject(d->function_call))
		return;
	context = (struct slots_context){ choice, false, false, true };
	openai_function_read(doc, d->function_call, &call);
	read_call(a, &context, &call);
}

/* -- all of it --------------------------------------------------------------
 */

/* Text and reasoning are those of the first choice that has any. */
static bool
is_text_choice(struct answer *a, int64_t choice, const struct openai_delta *d)
{
	if (a->has_text_choice)
		return a->text_choice == choice;
	if (!cJSON_IsArray(d->content) && !cJSON_IsObject(d->content) &&
	    (!cJSON_IsString(d->content) || *d->content->valuestring == '\0') &&
	    d->reasoning_content == NULL && d->reasoning == NULL &&
	    d->reasoning_text == NULL && d->refusal == NULL &&
	    d->reasoning_details == NULL && d->thinking_blocks == NULL &&
	    d->audio == NULL)
		return true;
	a->has_text_choice = true;
	a->text_choice = choice;
	return true;
}

void
delta_read(struct answer *a, const struct json_doc *doc, const cJSON *object,
    int64_t choice)
{
	struct openai_delta d;
	const cJSON *transcript;
	int n_texts;

	openai_delta_read(object, &d);
	n_texts = note_plain_text(a, doc, &d);
	if (!is_text_choice(a, choice, &d)) {
		a->plain.len = 0;
	} else {
		read_reasoning(a, doc, &d);
		read_content(a, doc, d.content);
		if (cJSON_IsString(d.refusal))
			read_refusal(a, json_body(doc, d.refusal),
			    !a->is_whole || a->blocks.text_bytes == 0);
		transcript = json_get(d.audio, "transcript");
		if (cJSON_IsString(transcript))
			content_text(&a->content, json_body(doc, transcript));
		if (search_read(&a->blocks.search, doc, d.annotations) == -1)
			fault_no_memory(a->why);
	}
	if (d.tool_calls != NULL || d.function_call != NULL)
		read_calls(
		    a, doc, &d, choice, n_texts == 0 && says_only_text(&d));
}
