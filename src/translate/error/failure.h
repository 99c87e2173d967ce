/* SPDX-License-Identifier: MIT */
#ifndef FAILURE_H
#define FAILURE_H

/*
 * What a failed answer says, out of any form of body that servers use: JSON
 * objects of a dozen shapes, lists of them, JSON inside strings, events, web
 * pages, text, nothing.  Only what is said, not what it means (errors.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

#define FAILURE_TEXT_MAX  2600
#define FAILURE_WORDS_MAX 600
#define FAILURE_NAMES_MAX 8

/* Whose numbers `code` is in. */
enum failure_form {
	FAILURE_COMMON,
	FAILURE_BASE_RESP, /* base_resp.status_code */
	FAILURE_LIST,	   /* errors[].code beside success:false */
};

struct failure {
	char text[FAILURE_TEXT_MAX];   /* the sentences; UTF-8, no controls */
	char words[FAILURE_WORDS_MAX]; /* codes, types, …: lower case, each
					  with a newline before and behind */
	char names[FAILURE_NAMES_MAX][64]; /* the fields it complains about:
					      param, loc joined by dots */
	size_t n_names;
	enum failure_form form;
	int64_t code;	       /* a number that is no HTTP status; 0: none */
	int status;	       /* an HTTP status inside the body; 0: none */
	int64_t prompt_tokens; /* where a field tells; 0: none */
	int64_t window_tokens;
	long retry_after_ms; /* where a field tells; 0: none */
	bool is_json, is_page;
};

void failure_read(struct failure *f, const char *body, size_t len);

/* The same from an object of an answer that was already parsed. */
void failure_read_object(
    struct failure *f, const struct json_doc *doc, const cJSON *object);

/* Whether a code or type of exactly one of these (lower-case) words, with
 * bars between them, was given. */
bool failure_has(const struct failure *f, const char *words);

/* Whether the sentences hold a phrase (phrase.h). */
bool failure_says(const struct failure *f, const char *phrase);

#endif
