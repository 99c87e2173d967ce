/* SPDX-License-Identifier: MIT */
#ifndef SEARCH_H
#define SEARCH_H

/*
 * A search that the upstream ran by itself, told as Anthropic's web_search:
 * the call, its results, then the text with its citations.  The text waits
 * until the citations are known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "translate/reply/stream.h"
#include "wire/buf.h"
#include "wire/emit.h"
#include "wire/json.h"

struct citation {
	char *url, *title;  /* escaped bodies */
	int64_t start, end; /* characters of the text; -1: not told */
};

struct search {
	const char *query; /* NULL: no search was asked for */
	struct buf text;   /* held, an escaped body */
	struct citation *list;
	size_t n, cap;
	bool is_told;
	bool has_call; /* the search was told, not only the text */
};

void search_init(struct search *s, const char *query, size_t max_bytes);
void search_clear(struct search *s);

/* Whether text has to be held. */
bool search_holds(const struct search *s);

/* Takes annotations (objects) or citations (URLs).  0, or -1: no memory. */
int search_read(
    struct search *s, const struct json_doc *doc, const cJSON *citations);

/* Writes the blocks and the held text.  Before a call of another tool a
 * search that found nothing is not told. */
void search_emit(struct search *s, struct emit *e, const struct stream_env *env,
    bool before_call);

#endif
