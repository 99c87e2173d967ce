/* SPDX-License-Identifier: MIT */
#ifndef TERMS_H
#define TERMS_H

/*
 * What the request has promised the client about its answer: made by
 * request_translate(), read while the answer is translated (stream.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tool as the upstream knows it and as the client does. */
struct reply_tool {
	char *upstream;	     /* function name sent */
	char *client;	     /* name of the tool_use block, decoded */
	const char *toolset; /* "browser", "computer" or NULL; static */
};

struct reply_terms {
	char *model_body; /* the client's model name, escaped body */
	bool stream;	  /* the client asked for events */
	bool show_thinking;
	bool omit_thinking_text;  /* thinking blocks empty but signed */
	bool think_tags_implicit; /* the reply starts inside <think> */
	bool ignore_reasoning;	  /* reasoning_response none */
	bool one_call_only;	  /* keep the first tool call */
	bool context_management;  /* answer with {"applied_edits":[]} */
	bool fast;		  /* speed "fast" was asked */
	bool local_stop;	  /* scan the text for the sequences */
	char **stop;		  /* decoded, NUL-free */
	size_t n_stop;
	struct reply_tool *tools;
	size_t n_tools;
	char **history_ids; /* tool ids in the request, sorted */
	size_t n_history_ids;
	char *prefill;	      /* decoded text of a trailing assistant turn */
	char *search_query;   /* last user text, where a search was asked */
	int64_t input_tokens; /* our own estimate of the prompt */
};

/* Frees what the terms own; they are then all zero. */
void reply_terms_clear(struct reply_terms *t);

/* The tool of an upstream function name (len bytes), NULL if unknown. */
const struct reply_tool *
reply_terms_tool(const struct reply_terms *t, const char *name, size_t len);

bool reply_terms_has_id(const struct reply_terms *t, const char *id);

#endif
