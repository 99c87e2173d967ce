/* SPDX-License-Identifier: MIT */
/* How answers end, in words.  Knows nothing of the reply. */
#include "translate/reply/finish.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *word;
	enum finish finish;
} words[] = {
	{ "", FINISH_NONE },
	{ "null", FINISH_NONE },
	{ "stop", FINISH_STOP },
	{ "eos", FINISH_STOP },
	{ "eos_token", FINISH_STOP },
	{ "end_turn", FINISH_STOP },
	{ "complete", FINISH_STOP },
	{ "stop_sequence", FINISH_STOP },
	{ "tool_calls", FINISH_TOOLS },
	{ "function_call", FINISH_TOOLS },
	{ "tool_use", FINISH_TOOLS },
	{ "length", FINISH_LENGTH },
	{ "max_tokens", FINISH_LENGTH },
	{ "max_output_tokens", FINISH_LENGTH },
	{ "model_length", FINISH_CONTEXT },
	{ "model_context_window_exceeded", FINISH_CONTEXT },
	{ "content_filter", FINISH_REFUSAL },
	{ "safety", FINISH_REFUSAL },
	{ "refusal", FINISH_REFUSAL },
	{ "recitation", FINISH_REFUSAL },
	{ "sensitive", FINISH_REFUSAL },
	{ "blocklist", FINISH_REFUSAL },
	{ "prohibited_content", FINISH_REFUSAL },
	{ "spii", FINISH_REFUSAL },
	{ "guardrail_intervened", FINISH_REFUSAL },
	{ "error", FINISH_ERROR },
	{ "abort", FINISH_ERROR },
	{ "aborted", FINISH_ERROR },
	{ "network_error", FINISH_ERROR },
	{ "function_call_filter", FINISH_ERROR },
	{ "malformed_function_call", FINISH_ERROR },
	{ "insufficient_system_resource", FINISH_OVERLOAD },
	{ "overloaded", FINISH_OVERLOAD },
};

enum finish
finish_read(const char *word)
{
	size_t len = strcspn(word, ":");

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].word) == len &&
		    strncasecmp(word, words[i].word, len) == 0)
			return words[i].finish;
	/* context_length, context_window_exceeded and their like */
	if (strncasecmp(word, "context_", 8) == 0)
		return FINISH_CONTEXT;
	return FINISH_STOP;
}

/* A cause that may be gone on the next try. */
static bool
is_transient(enum fault_kind kind)
{
	return kind == FAULT_BAD_GATEWAY || kind == FAULT_INTERNAL ||
	       kind == FAULT_TIMEOUT || kind == FAULT_RATE_LIMIT ||
	       kind == FAULT_OVERLOADED;
}

enum fault_kind
finish_event_kind(enum fault_kind kind, bool has_block)
{
	if (!has_block)
		return is_transient(kind) ? FAULT_OVERLOADED : kind;
	if (kind == FAULT_OVERLOADED || kind == FAULT_RATE_LIMIT ||
	    kind == FAULT_TIMEOUT || kind == FAULT_BAD_GATEWAY)
		return kind;
	return FAULT_INTERNAL;
}
