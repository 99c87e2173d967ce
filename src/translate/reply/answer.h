/* SPDX-License-Identifier: MIT */
#ifndef ANSWER_H
#define ANSWER_H

/* The objects of an upstream's answer, one after the other, into content,
 * blocks and usage.  How they came (events, one body) is stream.h's. */

#include <stdbool.h>
#include <stdint.h>
#include "translate/reply/blocks.h"
#include "translate/reply/content.h"
#include "translate/reply/finish.h"
#include "translate/reply/stream.h"
#include "translate/reply/usage.h"

#define REFUSAL_MAX   65536 /* bytes kept for stop_details.explanation */
#define COMPLAINT_MAX 65536

/* Not a form of reasoning: see answer.plain_form. */
enum { PLAIN_ARGUMENTS = FORM_LAST + 1 };

struct answer {
	struct blocks blocks;
	struct content content;
	struct usage usage;
	const struct reply_terms *terms;
	const struct stream_env *env;
	struct fault *why;
	enum finish finish;
	bool is_whole;	 /* a completion, not chunks of one */
	bool has_object; /* anything was read */
	bool has_choice;
	bool has_delta;		  /* a delta told something */
	bool has_reasoning_field; /* a thought came as a string of its own */
	bool is_upstream_error;	  /* `why` is what the upstream said */
	bool has_text_choice;
	int64_t text_choice;	/* whose text and reasoning are shown */
	struct buf refusal;	/* escaped body */
	struct buf complaint;	/* the upstream's error as it came, cut */
	const char *stopped_by; /* what the upstream says; of terms->stop */
	struct json_slice
	    plain;	/* all that the last object said, in its text */
	int plain_form; /* of a thought, FORM_NONE or PLAIN_ARGUMENTS */
	struct openai_call plain_call; /* of PLAIN_ARGUMENTS */
	struct slots_context plain_context;
};

void answer_init(struct answer *a, const struct reply_terms *terms,
    const struct stream_env *env, struct fault *why);
void answer_clear(struct answer *a);

/* Reads a chunk or a completion; an error in it goes to `why`. */
void
answer_read(struct answer *a, const struct json_doc *doc, const cJSON *object);

/* Keeps what the upstream said of a failure. */
void answer_complain(struct answer *a, struct json_slice text);

/* Takes a text as if an object like the last one, which said no more than a
 * text of this form, had brought it. */
void answer_repeat(struct answer *a, struct json_slice body, int form);

/* Whether no more of the answer is wanted. */
bool answer_must_end(const struct answer *a);

/* Ends it well: all blocks and the message's end.  A failure goes to `why`.
 * Returns the stop reason. */
const char *answer_end(struct answer *a, struct stream_usage *usage);

/* The counts so far, with estimates for what is missing. */
void answer_usage(const struct answer *a, struct stream_usage *usage);

/* message_start, if it was not yet sent. */
void answer_start(struct answer *a);

bool answer_failed(const struct answer *a);

#endif
