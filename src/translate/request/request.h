/* SPDX-License-Identifier: MIT */
#ifndef REQUEST_H
#define REQUEST_H

/*
 * An Anthropic request into a Chat Completions request.  Pure: equal input
 * gives equal bytes, no clock, no random ids; a history that only grows
 * changes the upstream body only behind the old end.
 */

#include "translate/reply/terms.h"
#include "wire/anthropic.h"
#include "wire/json.h"

struct fault;
struct profile;

struct request_context {
	const struct profile *profile; /* resolved */
	const char *model;	       /* the upstream's name for the model */
	const char *session_id;	       /* x-claude-code-session-id or NULL */
	const cJSON *extra_body; /* UPSTREAM_BODY, a parsed object, NULL */
	const struct json_doc *extra_doc; /* its document */
};

struct translation {
	cJSON *body; /* the upstream request; print with json_print */
	struct reply_terms terms;
	bool upstream_stream; /* what body says of `stream` */
	bool dropped_billing; /* for the log: a billing line was removed */
	size_t dropped_server_tools;
};

/*
 * Translates.  max_tokens 0 is the caller's case (no upstream call).
 * Returns 0, or -1 with `why`; `out` is good for translation_clear() either
 * way and does not point into `req`.
 */
int request_translate(const struct message_request *req,
    const struct request_context *ctx, struct translation *out,
    struct fault *why);

void translation_clear(struct translation *t);

#endif
