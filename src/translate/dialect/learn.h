/* SPDX-License-Identifier: MIT */
#ifndef LEARN_H
#define LEARN_H

/*
 * What a refusal teaches: which parameter of the request the upstream does
 * not take, and what to do instead.  Pure; where lessons are kept between
 * requests and runs is the server's business (server/lessons.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/json.h"

struct profile;

enum lesson_kind {
	LESSON_NONE,
	LESSON_USE_MAX_COMPLETION_TOKENS,
	LESSON_USE_MAX_TOKENS,
	LESSON_LOWER_MAX_TOKENS, /* value: the limit */
	LESSON_EFFORT_NONE,	 /* tools need reasoning_effort none */
	LESSON_EFFORT_WORDS,	 /* name: the words it takes, with commas */
	LESSON_FOLD_SYSTEM,
	LESSON_FOLD_USER_AFTER_TOOL,
	LESSON_DROP,		  /* name: the key to leave out, at the top, or
				     in messages and tools after "*." */
	LESSON_DROP_STRICT,	  /* name: tools or response_format */
	LESSON_SCHEMA_KEYWORD,	  /* name: the keyword to leave out */
	LESSON_REASONING_CONTENT, /* must be passed back: history deepseek */
	LESSON_THOUGHT_SIGNATURE, /* must be passed back: a Gemini model */
	LESSON_TOOL_IDS,	  /* name: mistral9 or hash40 */
	LESSON_TOOL_CHOICE,	  /* name: any or auto_only */
	LESSON_RESPONSE_FORMAT,	  /* name: json_object or none */
};

struct lesson {
	enum lesson_kind kind;
	char name[64];
	long long value;
};

/*
 * Reads a refusal (status 400 or 422, also of an error inside a 200, or a
 * chat template's error as 500) of `sent`.  Returns true with what to change;
 * false where it teaches nothing that is in the request.  What has been
 * mended is not taught again.
 */
bool learn_from_refusal(int status, const char *body, size_t len,
    const cJSON *sent, struct lesson *lesson);

/*
 * One refusal may name several keys or keywords: after such a lesson was
 * mended, what else the same refusal names in the request.  Nothing is
 * guessed here, a name has to be given as one.
 */
bool learn_more_from_refusal(
    const char *body, size_t len, const cJSON *sent, struct lesson *lesson);

/* Bends a resolved profile to a lesson, for all later requests. */
void learn_apply(const struct lesson *lesson, struct profile *profile);

/*
 * Changes a built request in place for lessons that need no new translation
 * (a dropped key, a renamed or lowered number, an effort).  Returns false
 * where the request must be translated again with the bent profile.
 * For later requests: learn_apply() before the translation and learn_mend()
 * behind it, which does nothing where there is nothing left to do.
 */
bool learn_mend(const struct lesson *lesson, cJSON *body);

/* A lesson's line in the state file and back (no secrets, no spaces but one
 * between fields).  parse: 0 or -1. */
void learn_print(const struct lesson *lesson, char *out, size_t cap);
int learn_parse(const char *line, struct lesson *lesson);

#endif
