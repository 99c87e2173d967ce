/* SPDX-License-Identifier: MIT */
#ifndef SLOTS_H
#define SLOTS_H

/*
 * Tool calls being put together from fragments: which fragment belongs to
 * which call, its name, its id, its arguments.  Knows no events; the order in
 * which calls are shown is calls.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "translate/reply/args.h"
#include "translate/reply/stream.h"
#include "wire/buf.h"
#include "wire/openai.h"

struct fault;
struct reply_terms;

#define SLOTS_MAX 4096

struct slot {
	int64_t choice;
	bool has_index;
	int64_t index;
	char *up_id;	 /* as the upstream calls it, NULL: not told */
	char *client_id; /* as the client does; set by slots_give_id() */
	char *signature; /* Gemini's, not yet handed on; or NULL */
	struct buf name; /* what has been collected of it */
	struct args args;
	struct buf text; /* escaped body of the arguments so far */
	size_t sent;	 /* bytes of text that were forwarded */
	bool is_started; /* its block was opened */
	bool is_closed;
	bool is_custom;	  /* text is free text */
	bool is_ignored;  /* swallowed: only one call was asked for */
	bool has_made_id; /* split off another call: gets an id of its own */
};

struct slots {
	struct slot *list;
	size_t n, cap;
	size_t last;	  /* of the latest fragment */
	unsigned repairs; /* arguments that were not what they should be */
	const struct reply_terms *terms;
	const struct stream_env *env;
};

void slots_init(struct slots *s, const struct reply_terms *terms,
    const struct stream_env *env);
void slots_clear(struct slots *s);

/* How a fragment stands among others. */
struct slots_context {
	int64_t choice;
	bool is_whole;	 /* of a whole completion: each entry is a call */
	bool is_several; /* more than one entry in this chunk */
	bool is_legacy;	 /* function_call: one call a choice */
};

/*
 * Takes a fragment into its call, which may be a new one or several.
 * Returns 0, or -1 with `why`.
 */
int slots_take(struct slots *s, const struct slots_context *context,
    const struct openai_call *call, struct fault *why);

/* Whether no longer known tool can still come out of the name. */
bool slots_name_is_final(const struct slots *s, const struct slot *slot);

/* Makes the client's id: the upstream's own where it can be, unique in this
 * answer and in the request's history. */
int slots_give_id(struct slots *s, struct slot *slot, struct fault *why);

/*
 * What the arguments come to when no more will follow: appends to `out` the
 * escaped body of what is still to be sent.  `is_cut`: the answer ended at
 * its limit and this is its last call.
 * Returns 0, or -1 with `why` where they cannot be saved.
 */
int slots_settle(struct slots *s, const struct slot *slot, bool is_cut,
    struct buf *out, struct fault *why);

#endif
