/* SPDX-License-Identifier: MIT */
#ifndef PARTS_H
#define PARTS_H

/*
 * The content of one upstream message while it grows: texts and media in
 * order.  A single text ends as a plain string, which every server takes.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"
#include "wire/json.h"

struct part {
	struct json_slice text; /* escaped body, where media is NULL */
	struct buf own;		/* what text points into, if it is ours */
	bool is_own;
	cJSON *media;
};

/* May not be copied or moved: what there mostly is has its place inside. */
struct parts {
	struct part only;
	struct part *list; /* &only, or allocated */
	size_t n, cap;
	bool failed; /* out of memory: sticky */
	bool has_media;
};

/* How a message's end is marked for the upstream's prompt cache. */
struct cache_mark {
	int hints;	 /* HINTS_… of dialect.h */
	bool set;	 /* mark this message */
	const char *ttl; /* "5m", "1h" or NULL */
};

void parts_clear(struct parts *p);

/* Adds a text that outlives the parts.  An empty one is not added. */
void parts_add_text(struct parts *p, struct json_slice body);

/* Adds the escaped body in `text`, which is taken and left empty. */
void parts_add_buf(struct parts *p, struct buf *text);

/* Adds a part that is no text; taken, NULL counts as out of memory. */
void parts_add_media(struct parts *p, cJSON *media);

/* Adds to the text at the end (start), a blank line between; where media
 * stands there, as a part of its own.  `text` is taken and left empty. */
void parts_append(struct parts *p, struct buf *text);
void parts_prepend(struct parts *p, struct buf *text);

/* Appends all texts, blank lines between them. */
void parts_join(const struct parts *p, struct buf *out);

/*
 * The content member: a string, or an array where there is more than one
 * text or the cache is to be hinted.  Empties the parts.  NULL when out of
 * memory.
 */
cJSON *parts_take(struct parts *p, const struct cache_mark *mark);

#endif
