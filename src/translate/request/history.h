/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_H
#define HISTORY_H

/*
 * Thinking on its way back: what an assistant's turn holds of it, and the
 * field and form in which the upstream wants it again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "translate/envelope.h"
#include "wire/buf.h"
#include "wire/json.h"

struct conversion;
struct fault;
struct turn;

/* The reasoning details that were sent already: signed ones go but once. */
struct seen_details {
	uint64_t (*keys)[2];
	size_t n, cap;
};

void seen_details_clear(struct seen_details *seen);

struct thoughts {
	enum reasoning_form form; /* FORM_NONE: nothing to say in a form */
	struct buf text;	  /* escaped body */
	struct buf details;	  /* the items, commas between them */
	struct buf opaque;	  /* JSON */
	bool has_details;	  /* perhaps none, but the list was there */
	bool are_blocks; /* the details are LiteLLM's thinking_blocks */
	struct envelope_signature *signatures; /* sorted by tool id */
	size_t n_signatures;
};

/* Reads the thinking of a turn.  0, or -1 with `why`; good for
 * thoughts_clear() either way. */
int thoughts_read(struct thoughts *t, const struct conversion *c,
    const struct turn *turn, struct seen_details *seen, struct fault *why);

void thoughts_clear(struct thoughts *t);

/* Appends what of the thinking stands at the head of the content's text. */
void thoughts_put_tags(const struct thoughts *t, struct buf *content);

/* Whether the content is an array of parts which begins with the thinking;
 * its items are then in `details`. */
bool thoughts_are_parts(const struct thoughts *t);

/* Adds the fields of an assistant's message; false when out of memory. */
bool thoughts_add_fields(const struct thoughts *t, const struct conversion *c,
    bool has_calls, cJSON *message);

/* Adds the signature of a call; `is_first`: of its message. */
bool
thoughts_add_signature(const struct thoughts *t, const struct conversion *c,
    const char *tool_id, bool is_first, cJSON *call);

#endif
