/* SPDX-License-Identifier: MIT */
#ifndef OPENAI_H
#define OPENAI_H

/*
 * A chunk of a Chat Completions stream, or a whole completion: found, not
 * judged.  All items are borrowed from the parsed document; NULL where a
 * member is absent or null.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

struct openai_chunk {
	const cJSON *choices; /* an array, or one object */
	const cJSON *usage;
	const cJSON *x_groq;
	const cJSON *service_tier;
	const cJSON *citations;
};

struct openai_choice {
	const cJSON *index;
	const cJSON *delta;
	const cJSON *message;
	const cJSON *finish_reason;
	const cJSON *stop_reason;  /* vLLM: the string that stopped it */
	const cJSON *matched_stop; /* SGLang: the same */
	const cJSON *usage;
	const cJSON *error;
};

/* The members of a delta or a message. */
struct openai_delta {
	const cJSON *content;
	const cJSON *reasoning_content;
	const cJSON *reasoning;
	const cJSON *reasoning_text;
	const cJSON *reasoning_details;
	const cJSON *thinking_blocks; /* LiteLLM: Anthropic's own */
	const cJSON *reasoning_opaque;
	const cJSON *refusal;
	const cJSON *audio;
	const cJSON *tool_calls; /* an array, or one object */
	const cJSON *function_call;
	const cJSON *annotations;
};

/* A tool call, or a fragment of one. */
struct openai_call {
	bool has_index;
	int64_t index;
	const char *id;		       /* decoded, "" if none */
	const char *name;	       /* decoded, "" if none */
	struct json_slice text;	       /* escaped body of the arguments */
	struct json_slice object;      /* or they themselves, where no string */
	bool is_custom;		       /* the text is free */
	const char *thought_signature; /* Gemini's, "" if none */
};

enum openai_part_kind { PART_OTHER, PART_TEXT, PART_THOUGHT, PART_REFUSAL };

void openai_chunk_read(const cJSON *object, struct openai_chunk *chunk);
void openai_choice_read(const cJSON *object, struct openai_choice *choice);
void openai_delta_read(const cJSON *object, struct openai_delta *delta);

/* Reads an entry of tool_calls. */
void openai_call_read(
    const struct json_doc *doc, const cJSON *object, struct openai_call *call);

/* Reads the function_call of old servers. */
void openai_function_read(
    const struct json_doc *doc, const cJSON *object, struct openai_call *call);

/* What a part of a content array is. */
enum openai_part_kind openai_part_kind(const cJSON *part);

/* The texts of a part, or of an entry of reasoning_details, one by one. */
struct openai_texts {
	const cJSON *next;
	bool is_list;
};
void openai_texts_begin(struct openai_texts *texts, const cJSON *part);

/* The next string item, NULL at the end. */
const cJSON *openai_texts_next(struct openai_texts *texts);

#endif
