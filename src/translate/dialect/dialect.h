/* SPDX-License-Identifier: MIT */
#ifndef DIALECT_H
#define DIALECT_H

/*
 * How one upstream deviates from the common Chat Completions: the profile.
 * Every knob is a setting of the same name in upper case; `auto` is decided
 * by host name and model, then by lessons learned from the upstream's own
 * answers (learn.h).
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * The knobs: NAME, member, words in the order of its enum.  "auto" first
 * where the knob has it; the first word is the default.
 */
#define DIALECT_KNOBS(X)                                                       \
	X(MAX_TOKENS_FIELD, max_tokens_field,                                  \
	    "auto|max_tokens|max_completion_tokens|both")                      \
	X(SYSTEM_ROLE, system_role, "system|developer")                        \
	X(INLINE_SYSTEM, inline_system, "auto|keep|fold")                      \
	X(MERGE_ROLES, merge_roles, "true|false")                              \
	X(USER_AFTER_TOOL, user_after_tool, "auto|allow|fold")                 \
	X(REASONING_REQUEST, reasoning_request,                                \
	    "auto|reasoning_effort|openrouter|deepseek|vllm_kwargs|none")      \
	X(REASONING_RESPONSE, reasoning_response, "auto|none|think_tags")      \
	X(REASONING_HISTORY, reasoning_history,                                \
	    "auto|none|reasoning_content|reasoning|reasoning_details|"         \
	    "think_tags|deepseek")                                             \
	X(TOOLS_NEED_EFFORT_NONE, tools_need_effort_none, "auto|true|false")   \
	X(SAMPLING, sampling, "auto|pass|drop")                                \
	X(TOP_K, top_k, "auto|drop|pass")                                      \
	X(STOP_MODE, stop_mode, "local|upstream|both")                         \
	X(TOOL_ID_MODE, tool_id_mode, "auto|pass|hash40|mistral9")             \
	X(STRICT_TOOLS, strict_tools, "auto|never")                            \
	X(STRICT_SCHEMA, strict_schema, "auto|never")                          \
	X(TOOL_SCHEMA, tool_schema, "auto|pass|gemini|kimi")                   \
	X(IMAGE_URL, image_url, "auto|pass|reject")                            \
	X(PDF, pdf, "file|reject|text-placeholder")                            \
	X(INCLUDE_USAGE, include_usage, "auto|true|false")                     \
	X(PREFILL, prefill, "pass|vllm|prefix|reject")                         \
	X(CACHE_HINTS, cache_hints, "auto|none|openai|openrouter")             \
	X(SERVER_TOOLS, server_tools, "drop|reject")                           \
	X(WEB_SEARCH, web_search, "auto|none|openrouter|openai")               \
	X(TOOL_CHOICE, tool_choice, "auto|openai|any|auto_only")               \
	X(PARALLEL_TOOL_CALLS, parallel_tool_calls, "auto|send|drop")          \
	X(USER_FIELD, user_field, "auto|user|safety_identifier|none")          \
	X(SERVICE_TIER, service_tier, "auto|send|drop")                        \
	X(RESPONSE_FORMAT, response_format, "auto|json_schema|json_object|none")

/* A knob's value is its word's place in the list above; `auto` is resolved
 * by dialect_resolve(), so translating code never meets it. */
enum { MAX_TOKENS_AUTO, MAX_TOKENS_OLD, MAX_TOKENS_NEW, MAX_TOKENS_BOTH };
enum { SYSTEM_ROLE_SYSTEM, SYSTEM_ROLE_DEVELOPER };
enum { INLINE_AUTO, INLINE_KEEP, INLINE_FOLD };
enum { MERGE_TRUE, MERGE_FALSE };
enum { USER_AFTER_TOOL_AUTO, USER_AFTER_TOOL_ALLOW, USER_AFTER_TOOL_FOLD };
enum {
	REASONING_AUTO,
	REASONING_EFFORT,
	REASONING_OPENROUTER,
	REASONING_DEEPSEEK,
	REASONING_VLLM,
	REASONING_NONE,
};
enum { RESPONSE_REASONING_AUTO, RESPONSE_REASONING_NONE, RESPONSE_THINK_TAGS };
enum {
	HISTORY_AUTO, /* as it came: stays possible after dialect_resolve() */
	HISTORY_NONE,
	HISTORY_REASONING_CONTENT,
	HISTORY_REASONING,
	HISTORY_DETAILS,
	HISTORY_THINK_TAGS,
	HISTORY_DEEPSEEK,
};
enum { EFFORT_NONE_AUTO, EFFORT_NONE_TRUE, EFFORT_NONE_FALSE };
enum { SAMPLING_AUTO, SAMPLING_PASS, SAMPLING_DROP };
enum { TOP_K_AUTO, TOP_K_DROP, TOP_K_PASS };
enum { STOP_LOCAL, STOP_UPSTREAM, STOP_BOTH };
enum { TOOL_ID_AUTO, TOOL_ID_PASS, TOOL_ID_HASH40, TOOL_ID_MISTRAL9 };
enum { STRICT_AUTO, STRICT_NEVER };
enum { SCHEMA_AUTO, SCHEMA_PASS, SCHEMA_GEMINI, SCHEMA_KIMI };
enum { IMAGE_URL_AUTO, IMAGE_URL_PASS, IMAGE_URL_REJECT };
enum { PDF_FILE, PDF_REJECT, PDF_PLACEHOLDER };
enum { USAGE_AUTO, USAGE_TRUE, USAGE_FALSE };
enum { PREFILL_PASS, PREFILL_VLLM, PREFILL_PREFIX, PREFILL_REJECT };
enum { HINTS_AUTO, HINTS_NONE, HINTS_OPENAI, HINTS_OPENROUTER };
enum { SERVER_TOOLS_DROP, SERVER_TOOLS_REJECT };
enum { SEARCH_AUTO, SEARCH_NONE, SEARCH_OPENROUTER, SEARCH_OPENAI };
enum {
	CHOICE_FORM_AUTO,
	CHOICE_FORM_OPENAI,
	CHOICE_FORM_ANY,
	CHOICE_FORM_AUTO_ONLY
};
enum { PARALLEL_AUTO, PARALLEL_SEND, PARALLEL_DROP };
enum { USER_AUTO, USER_USER, USER_SAFETY, USER_NONE };
enum { TIER_AUTO, TIER_SEND, TIER_DROP };
enum { FORMAT_AUTO, FORMAT_JSON_SCHEMA, FORMAT_JSON_OBJECT, FORMAT_NONE };

enum {
#define X(NAME, member, words) KNOB_##NAME,
	DIALECT_KNOBS(X)
#undef X
	    N_KNOBS
};

struct profile {
	union { /* each by name, and by its place in the list */
		struct {
#define X(NAME, member, words) unsigned char member;
			DIALECT_KNOBS(X)
#undef X
		};
		unsigned char knobs[N_KNOBS];
	};
	int tool_name_max;     /* bytes of a function name; default 64 */
	bool is_gemini;	       /* thought signatures on tool calls */
	bool is_kimi;	       /* ids such as functions.NAME:N are meaningful */
	bool prompt_cache_key; /* takes prompt_cache_key */
	bool no_stream_options_without_stream;
	const char *max_effort; /* the strongest word it takes; NULL: all */
	const char *off_effort; /* the word that comes nearest to no thinking;
				   NULL: "none" */
	bool fast_tier;		/* takes service_tier "fast" */
	int max_tokens_limit;	/* the model's own ceiling; 0: not known */
};

/* All knobs at their defaults. */
void profile_defaults(struct profile *p);

/* The name of a knob, by its place in the list; NULL past the last. */
const char *profile_knob(size_t i);

/* The efforts, weakest first; NULL past the last. */
const char *effort_word(size_t rank);

/* How strong an effort ("none" … "max") is: 0 for "none", -1 for no such
 * word. */
int effort_rank(const char *word);

/*
 * Sets the knob called `name` (any case) to `word`.  1: done, 0: there is no
 * such knob, -1: it has no such word (`allowed` then lists them, borrowed).
 */
int profile_set(struct profile *p, const char *name, const char *word,
    const char **allowed);

/* A knob's word, for printing; NULL if there is no such knob. */
const char *profile_word(const struct profile *p, const char *name);

/*
 * Decides what `configured` leaves to auto, from the upstream's host name
 * (lower case, no port) and the model's upstream name.  Knobs set by hand
 * stay.  Lessons are applied afterwards, by learn_apply().
 */
void dialect_resolve(const struct profile *configured, const char *host,
    const char *model, struct profile *out);

#endif
