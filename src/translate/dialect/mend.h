/* SPDX-License-Identifier: MIT */
#ifndef MEND_H
#define MEND_H

/* Changes to a built request body.  Its leaves may be raw JSON text. */

#include <stdbool.h>
#include <stdint.h>
#include "wire/json.h"

/* The text of a string leaf, quotes of a raw one left out; false: no string
 * or longer than the buffer. */
bool body_text(const cJSON *item, char *out, size_t cap);
bool body_is(const cJSON *item, const char *text);

/* An integer leaf; -1 if it is none. */
int body_int(const cJSON *item, int64_t *value);

/* Whether a key stands in a message, in one of its parts or in a tool. */
bool body_has_inside(const cJSON *body, const char *key);

/* Whether a keyword is used by a schema of a tool or of the answer. */
bool body_has_keyword(const cJSON *body, const char *keyword);

/* The effort asked for, wherever it stands; NULL: none. */
const cJSON *body_effort(const cJSON *body);

/* Each does nothing where there is nothing to do.  A key to drop stands at
 * the top, or anywhere in messages and tools if it begins with "*.". */
void mend_drop(cJSON *body, const char *key);
void mend_keyword(cJSON *body, const char *keyword);
void mend_strict(cJSON *body, const char *where);
void mend_rename(cJSON *body, const char *from, const char *to);
void mend_max_tokens(cJSON *body, int64_t limit);
/* A number of tokens for thinking that leaves none for the answer. */
void mend_budget(cJSON *body);
void mend_effort(cJSON *body, const char *words);
void mend_effort_none(cJSON *body);

/* Whether a list of words with commas holds one. */
bool list_has(const char *words, const char *word);

#endif
