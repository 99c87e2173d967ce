/* SPDX-License-Identifier: MIT */
/* How answers end, in words.  Knows nothing of the reply. */
#include "translate/reply/finish.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "wire/words.h"

static const struct {
	const char *words;
	enum finish finish;
} meanings[] = {
	{ "|null", FINISH_NONE },
	{ "stop|eos|eos_token|end_turn|complete|stop_sequence", FINISH_STOP },
	{ "tool_calls|function_call|tool_use", FINISH_TOOLS },
	{ "length|max_tokens|max_output_tokens", FINISH_LENGTH },
	{ "model_length|model_context_window_exceeded", FINISH_CONTEXT },
	{ "content_filter|safety|refusal|recitation|sensitive|"
	  "blocklist|prohibited_content|spii|guardrail_intervened",
	    FINISH_REFUSAL },
	{ "error|abort|aborted|network_error|function_call_filter|"
	  "malformed_function_call",
	    FINISH_ERROR },
	{ "insufficient_system_resource|overloaded", FINISH_OVERLOAD },
};

enum finish
finish_read(const char *word)
{
	size_t len = strcspn(word, ":");

	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (words_find_any_case(meanings[i].words, word, len) != -1)
			return meanings[i].finish;
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
