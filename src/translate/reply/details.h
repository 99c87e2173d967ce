/* SPDX-License-Identifier: MIT */
#ifndef DETAILS_H
#define DETAILS_H

/*
 * Reasoning that has a form of its own: entries of reasoning_details, and
 * thinking parts of a content array.  In a stream their fragments are put
 * together again; everything else passes as it came.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/json.h"

struct buf;
struct detail;

/* Taking functions return 0, or -1 when out of memory or past a ceiling. */

struct details {
	struct detail *list;
	size_t n, cap;
	bool has_empty; /* an empty array was sent */
};

void details_clear(struct details *d);

/* Takes an entry of a whole answer, as it is. */
int
details_add(struct details *d, const struct json_doc *doc, const cJSON *entry);

/*
 * Takes a fragment of reasoning_details: joined to an earlier one of the same
 * type and index, unless both have ids that differ.  Of blocks as Anthropic
 * has them (thinking_blocks) only thinking comes in fragments, and a signature
 * is the end of its block.
 */
int details_join(
    struct details *d, const struct json_doc *doc, const cJSON *fragment);

/* Takes a fragment of a content part: joined to the last if of its type. */
int details_join_part(
    struct details *d, const struct json_doc *doc, const cJSON *fragment);

/* Appends the JSON array. */
void details_print(const struct details *d, struct buf *out);

#endif
