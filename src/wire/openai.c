/* SPDX-License-Identifier: MIT */
/* Finds the members of Chat Completions objects.  Knows no Anthropic. */
#include "wire/openai.h"

#include <string.h>

struct field {
	const char *name;
	size_t offset;
};

/* One walk over the members; of duplicates the last counts, null is absent. */
static void
read_fields(
    const cJSON *object, const struct field *fields, size_t n, void *out)
{
	const cJSON *item;

	if (!cJSON_IsObject(object))
		return;
	cJSON_ArrayForEach(item, object) {
		for (size_t i = 0; i < n; i++) {
			if (fields[i].name[0] != item->string[0] ||
			    strcmp(fields[i].name, item->string) != 0)
				continue;
			*(const cJSON **)((char *)out + fields[i].offset) =
			    cJSON_IsNull(item) ? NULL : item;
			break;
		}
	}
}
#define READ(object, fields, out)                                              \
	read_fields(                                                           \
	    (object), (fields), sizeof(fields) / sizeof(*(fields)), (out))
#define FIELD(type, name)                                                      \
	{                                                                      \
#name, offsetof(struct type, name)                             \
	}

void
openai_chunk_read(const cJSON *object, struct openai_chunk *chunk)
{
	static const struct field fields[] = {
		FIELD(openai_chunk, choices),
		FIELD(openai_chunk, usage),
		FIELD(openai_chunk, x_groq),
		FIELD(openai_chunk, service_tier),
		FIELD(openai_chunk, citations),
	};

	*chunk = (struct openai_chunk){ .choices = NULL };
	READ(object, fields, chunk);
}

void
openai_choice_read(const cJSON *object, struct openai_choice *choice)
{
	static const struct field fields[] = {
		FIELD(openai_choice, index),
		FIELD(openai_choice, delta),
		FIELD(openai_choice, message),
		FIELD(openai_choice, finish_reason),
		FIELD(openai_choice, stop_reason),
		FIELD(openai_choice, matched_stop),
		FIELD(openai_choice, usage),
		FIELD(openai_choice, error),
	};

	*choice = (struct openai_choice){ .index = NULL };
	READ(object, fields, choice);
}

void
openai_delta_read(const cJSON *object, struct openai_delta *delta)
{
	static const struct field fields[] = {
		FIELD(openai_delta, content),
		FIELD(openai_delta, reasoning_content),
		FIELD(openai_delta, reasoning),
		FIELD(openai_delta, reasoning_text),
		FIELD(openai_delta, reasoning_details),
		FIELD(openai_delta, thinking_blocks),
		FIELD(openai_delta, reasoning_opaque),
		FIELD(openai_delta, refusal),
		FIELD(openai_delta, audio),
		FIELD(openai_delta, tool_calls),
		FIELD(openai_delta, function_call),
		FIELD(openai_delta, annotations),
	};

	*delta = (struct openai_delta){ .content = NULL };
	READ(object, fields, delta);
}

static const char *
text_of(const cJSON *object, const char *key)
{
	const char *text = json_get_string(object, key);

	return text == NULL ? "" : text;
}

static void
read_arguments(const struct json_doc *doc, const cJSON *arguments,
    struct openai_call *call)
{
	if (cJSON_IsString(arguments))
		call->text = json_body(doc, arguments);
	else if (arguments != NULL)
		call->object = json_slice(doc, arguments);
}

void
openai_function_read(
    const struct json_doc *doc, const cJSON *object, struct openai_call *call)
{
	*call = (struct openai_call){ .id = "", .thought_signature = "" };
	call->name = text_of(object, "name");
	read_arguments(doc, json_get_set(object, "arguments"), call);
}

void
openai_call_read(
    const struct json_doc *doc, const cJSON *object, struct openai_call *call)
{
	const cJSON *function = json_get_set(object, "function");
	const cJSON *custom = json_get_set(object, "custom");
	const cJSON *google =
	    json_get(json_get(object, "extra_content"), "google");

	openai_function_read(doc, function != NULL ? function : object, call);
	if (function == NULL && custom != NULL) {
		call->is_custom = true;
		call->name = text_of(custom, "name");
		read_arguments(doc, json_get_set(custom, "input"), call);
	}
	call->has_index =
	    json_int64(doc, json_get(object, "index"), &call->index) == 0;
	call->id = text_of(object, "id");
	call->thought_signature = text_of(google, "thought_signature");
}

enum openai_part_kind
openai_part_kind(const cJSON *part)
{
	static const struct {
		const char *type;
		enum openai_part_kind kind;
	} kinds[] = {
		{ "text", PART_TEXT },
		{ "output_text", PART_TEXT },
		{ "thinking", PART_THOUGHT },
		{ "reasoning", PART_THOUGHT },
		{ "refusal", PART_REFUSAL },
	};
	const char *type = json_get_string(part, "type");

	if (type == NULL)
		return json_get_string(part, "text") != NULL ? PART_TEXT
							     : PART_OTHER;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(type, kinds[i].type) == 0)
			return kinds[i].kind;
	return PART_OTHER;
}

/* The member that holds the text of a part, whatever its name. */
static const cJSON *
text_member(const cJSON *part)
{
	static const char *const names[] = { "text", "thinking", "summary",
		"reasoning", "refusal", "content" };
	const cJSON *item;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		item = json_get_set(part, names[i]);
		if (cJSON_IsString(item) || cJSON_IsArray(item))
			return item;
	}
	return NULL;
}

void
openai_texts_begin(struct openai_texts *texts, const cJSON *part)
{
	const cJSON *member = text_member(part);

	texts->is_list = cJSON_IsArray(member);
	texts->next = texts->is_list ? member->child : member;
}

const cJSON *
openai_texts_next(struct openai_texts *texts)
{
	const cJSON *item, *text;

	while ((item = texts->next) != NULL) {
		texts->next = texts->is_list ? item->next : NULL;
		text = cJSON_IsString(item) ? item : json_get(item, "text");
		if (cJSON_IsString(text))
			return text;
	}
	return NULL;
}
