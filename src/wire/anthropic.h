/* SPDX-License-Identifier: MIT */
#ifndef ANTHROPIC_H
#define ANTHROPIC_H

/*
 * An Anthropic Messages request out of its bytes: checked, not yet changed.
 * Unknown fields are ignored; what is wrong is refused in Anthropic's words
 * and path style ("messages.3.content.0.tool_use.id: Field required").
 * Source of the shapes: the Messages API reference, versions 2023-06-01 and
 * 2026-10-21 alike.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

struct fault;

enum thinking_type {
	THINKING_ABSENT,
	THINKING_ENABLED,
	THINKING_ADAPTIVE,
	THINKING_DISABLED,
	THINKING_BETWEEN_TOOLS,
};

enum tool_choice_type {
	CHOICE_ABSENT,
	CHOICE_AUTO,
	CHOICE_ANY,
	CHOICE_TOOL,
	CHOICE_NONE,
};

enum role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM };

/* One entry of `messages`, as sent. */
struct message {
	enum role role;
	size_t index;	      /* in the request, for error paths */
	const cJSON *content; /* string, array, or NULL (system only) */
	const cJSON *json;    /* the whole entry */
};

struct message_request {
	struct json_doc doc; /* owns the tree everything below points into */
	const char *model;   /* decoded */
	struct json_slice model_body; /* escaped, echoed in the answer */
	int64_t max_tokens;	      /* -1 where count_tokens left it out */
	bool stream;
	const cJSON *system; /* string, array or NULL */
	struct message *messages;
	size_t n_messages;
	const cJSON *tools; /* array or NULL */
	enum tool_choice_type choice;
	const char *choice_name; /* of CHOICE_TOOL */
	bool one_call_only;	 /* disable_parallel_tool_use */
	enum thinking_type thinking;
	int64_t budget_tokens;	 /* of THINKING_ENABLED, else 0 */
	bool omit_thinking_text; /* thinking.display "omitted" */
	const char *effort; /* "low" … "max", NULL: none; inline ones win */
	const cJSON *format_schema; /* of output_config.format/output_format */
	const cJSON *temperature, *top_p, *top_k; /* numbers or NULL */
	const cJSON *stop_sequences; /* checked array of strings, or NULL */
	const char *user_id;	     /* metadata.user_id or NULL */
	struct json_slice user_id_body;
	const char *service_tier; /* NULL: none */
	bool fast;		  /* speed "fast" */
	bool context_management;  /* the field was sent and is not null */
};

struct request_rules {
	struct json_limits json;
	bool count_only;	   /* count_tokens: max_tokens may be absent */
	bool interleaved_thinking; /* the beta header names it */
};

/*
 * Parses and checks a body; `text` is borrowed and must outlive the request.
 * Refusals that need no look at the messages' blocks are made here: thread
 * first of all (error_code thread_unsupported_request), then compaction,
 * mcp_servers, container skills, bad scalars.  Blocks are checked where they
 * are translated.
 * Returns 0, or -1 with `why`; `req` is good for message_request_clear().
 */
int message_request_parse(struct message_request *req, const char *text,
    size_t len, const struct request_rules *rules, struct fault *why);

void message_request_clear(struct message_request *req);

#endif
