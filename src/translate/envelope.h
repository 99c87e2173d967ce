/* SPDX-License-Identifier: MIT */
#ifndef ENVELOPE_H
#define ENVELOPE_H

/*
 * What a thinking block carries home: the `signature` (or the data of a
 * redacted_thinking block) holds in which field and form the upstream sent
 * its reasoning, so that the next request can give it back.  Stateless:
 * "tp1." + base64url(JSON {"k":dialect,"t":hidden text,"d":details,
 * "o":opaque,"g":{tool id: thought signature}}), empty members left out.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/json.h"

struct buf;

/* The field or form it came in: the "k" member. */
enum reasoning_form {
	FORM_NONE,		/* no "k" */
	FORM_REASONING_CONTENT, /* "reasoning_content" */
	FORM_REASONING,		/* "reasoning" */
	FORM_REASONING_TEXT,	/* "reasoning_text" (with reasoning_opaque) */
	FORM_REASONING_DETAILS, /* "reasoning_details" */
	FORM_CONTENT_PARTS,	/* "content": parts thinking/reasoning */
	FORM_THINK_TAGS,	/* "think" */
	FORM_THOUGHT_TAGS,	/* "thought": Gemini's spelling of the tags */
	FORM_LAST = FORM_THOUGHT_TAGS,
};

struct envelope_signature {
	char *tool_id; /* as the client knows the call */
	char *signature;
};

struct envelope {
	enum reasoning_form form;
	char *text; /* the thought, where the client did not get it; UTF-8 */
	size_t text_len;
	char
	    *details; /* raw JSON array of reasoning_details or content parts */
	char *opaque; /* raw JSON value of reasoning_opaque */
	struct envelope_signature *signatures;
	size_t n_signatures;
};

/* Appends "tp1.…"; an empty envelope gives "tp1.e30". */
void envelope_print(const struct envelope *e, struct buf *out);

/*
 * Reads a signature or redacted data.  1: ours; 0: foreign (another prefix,
 * undecodable, over 1 MiB); -1: no memory.  `e` is good for envelope_clear().
 */
int envelope_parse(const char *text, size_t len, struct envelope *e);

void envelope_clear(struct envelope *e);

#endif
