/* SPDX-License-Identifier: MIT */
#ifndef THOUGHT_H
#define THOUGHT_H

/* What of an upstream's reasoning has to come back to it and was not yet
 * given to the client: the envelope being filled (envelope.h). */

#include <stdbool.h>
#include <stddef.h>
#include "translate/reply/details.h"
#include "translate/envelope.h"
#include "wire/buf.h"

struct thought {
	enum reasoning_form form;	  /* of the shown text */
	enum reasoning_form details_form; /* what `details` are */
	struct details details;
	struct buf hidden; /* text that the client does not get */
	struct buf opaque; /* raw JSON */
	struct envelope_signature *signatures;
	size_t n_signatures, cap;
};

void thought_init(struct thought *t, size_t max_bytes);
void thought_clear(struct thought *t);

/* Keeps Gemini's signature of a call; `signature` is taken.  0 or -1. */
int thought_sign(struct thought *t, const char *tool_id, char *signature);

/* Whether something would be lost if the text alone went to the client. */
bool thought_has_rest(const struct thought *t);

/* Appends the envelope and forgets what was in it. */
void thought_print(struct thought *t, struct buf *out);

#endif
