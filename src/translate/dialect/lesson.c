/* SPDX-License-Identifier: MIT */
/* What a lesson changes in a profile and in a request, and its line in the
 * state file.  Knows no refusals. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "translate/dialect/learn.h"
#include "translate/dialect/mend.h"

/* The words of the state file, by kind. */
static const char *const words[] = {
	[LESSON_NONE] = "none",
	[LESSON_USE_MAX_COMPLETION_TOKENS] = "use_max_completion_tokens",
	[LESSON_USE_MAX_TOKENS] = "use_max_tokens",
	[LESSON_LOWER_MAX_TOKENS] = "lower_max_tokens",
	[LESSON_EFFORT_NONE] = "effort_none",
	[LESSON_EFFORT_WORDS] = "effort_words",
	[LESSON_FOLD_SYSTEM] = "fold_system",
	[LESSON_FOLD_USER_AFTER_TOOL] = "fold_user_after_tool",
	[LESSON_DROP] = "drop",
	[LESSON_DROP_STRICT] = "drop_strict",
	[LESSON_SCHEMA_KEYWORD] = "schema_keyword",
	[LESSON_REASONING_CONTENT] = "reasoning_content",
	[LESSON_THOUGHT_SIGNATURE] = "thought_signature",
	[LESSON_TOOL_IDS] = "tool_ids",
	[LESSON_TOOL_CHOICE] = "tool_choice",
	[LESSON_RESPONSE_FORMAT] = "response_format",
};

#define N_KINDS (sizeof(words) / sizeof(words[0]))

/* Keys for which there is a knob: the translation then knows of it too. */
static void
apply_drop(const char *key, struct profile *p)
{
	if (strcmp(key, "parallel_tool_calls") == 0)
		p->parallel_tool_calls = PARALLEL_DROP;
	else if (strcmp(key, "service_tier") == 0)
		p->service_tier = TIER_DROP;
	else if (strcmp(key, "stream_options") == 0)
		p->include_usage = USAGE_FALSE;
	else if (strcmp(key, "prompt_cache_key") == 0)
		p->prompt_cache_key = false;
	else if (strcmp(key, "safety_identifier") == 0)
		p->user_field = USER_USER;
	else if (strcmp(key, "user") == 0)
		p->user_field = USER_NONE;
	else if (strcmp(key, "top_k") == 0)
		p->top_k = TOP_K_DROP;
	else if (strcmp(key, "stop") == 0)
		p->stop_mode = STOP_LOCAL;
	else if (strcmp(key, "web_search_options") == 0 ||
		 strcmp(key, "plugins") == 0)
		p->web_search = SEARCH_NONE;
	else if (strcmp(key, "*.cache_control") == 0 ||
		 strcmp(key, "*.prompt_cache_breakpoint") == 0)
		p->cache_hints = HINTS_NONE;
	else if (strncmp(key, "*.reasoning", 11) == 0)
		p->reasoning_history = HISTORY_NONE;
	else if (strcmp(key, "*.extra_content") == 0)
		p->is_gemini = false;
	else if (strcmp(key, "reasoning_effort") == 0 ||
		 strcmp(key, "reasoning") == 0) {
		p->reasoning_request = REASONING_NONE;
		p->tools_need_effort_none = EFFORT_NONE_FALSE;
	}
}

static void
apply_efforts(const char *list, struct profile *p)
{
	const char *weakest = NULL, *strongest = NULL, *word;

	for (size_t i = 0; (word = effort_word(i)) != NULL; i++) {
		if (!list_has(list, word))
			continue;
		strongest = word;
		if (weakest == NULL)
			weakest = word;
	}
	if (strongest == NULL)
		return;
	p->max_effort = strongest;
	p->off_effort = weakest;
}

void
learn_apply(const struct lesson *lesson, struct profile *p)
{
	switch (lesson->kind) {
	case LESSON_NONE:
	case LESSON_SCHEMA_KEYWORD: /* only ever mended */
		break;
	case LESSON_USE_MAX_COMPLETION_TOKENS:
		p->max_tokens_field = MAX_TOKENS_NEW;
		break;
	case LESSON_USE_MAX_TOKENS:
		p->max_tokens_field = MAX_TOKENS_OLD;
		break;
	case LESSON_LOWER_MAX_TOKENS:
		if (lesson->value > 0 && lesson->value < 1000000000)
			p->max_tokens_limit = (int)lesson->value;
		break;
	case LESSON_EFFORT_NONE:
		p->tools_need_effort_none = EFFORT_NONE_TRUE;
		break;
	case LESSON_EFFORT_WORDS:
		apply_efforts(lesson->name, p);
		break;
	case LESSON_FOLD_SYSTEM:
		p->inline_system = INLINE_FOLD;
		break;
	case LESSON_FOLD_USER_AFTER_TOOL:
		p->user_after_tool = USER_AFTER_TOOL_FOLD;
		break;
	case LESSON_DROP:
		apply_drop(lesson->name, p);
		break;
	case LESSON_DROP_STRICT:
		if (strcmp(lesson->name, "tools") == 0)
			p->strict_tools = STRICT_NEVER;
		else
			p->strict_schema = STRICT_NEVER;
		break;
	case LESSON_REASONING_CONTENT:
		p->reasoning_history = HISTORY_DEEPSEEK;
		break;
	case LESSON_THOUGHT_SIGNATURE:
		p->is_gemini = true;
		break;
	case LESSON_TOOL_IDS:
		p->tool_id_mode = strcmp(lesson->name, "hash40") == 0
				      ? TOOL_ID_HASH40
				      : TOOL_ID_MISTRAL9;
		break;
	case LESSON_TOOL_CHOICE:
		p->tool_choice = strcmp(lesson->name, "any") == 0
				     ? CHOICE_FORM_ANY
				     : CHOICE_FORM_AUTO_ONLY;
		break;
	case LESSON_RESPONSE_FORMAT:
		p->response_format = strcmp(lesson->name, "none") == 0
					 ? FORMAT_NONE
					 : FORMAT_JSON_OBJECT;
		break;
	}
}

/* Keys with which the client was promised something of the answer: without
 * them it is decided anew who keeps the promise. */
static bool
promises_more(const char *key)
{
	return strcmp(key, "stop") == 0 || strcmp(key, "plugins") == 0 ||
	       strcmp(key, "web_search_options") == 0;
}

bool
learn_mend(const struct lesson *lesson, cJSON *body)
{
	bool had_more;

	switch (lesson->kind) {
	case LESSON_USE_MAX_COMPLETION_TOKENS:
		mend_rename(body, "max_tokens", "max_completion_tokens");
		return true;
	case LESSON_USE_MAX_TOKENS:
		mend_rename(body, "max_completion_tokens", "max_tokens");
		return true;
	case LESSON_LOWER_MAX_TOKENS:
		mend_max_tokens(body, lesson->value);
		return true;
	case LESSON_EFFORT_NONE:
		mend_effort_none(body);
		return true;
	case LESSON_EFFORT_WORDS:
		mend_effort(body, lesson->name);
		return true;
	case LESSON_DROP:
		had_more = promises_more(lesson->name) &&
			   json_get(body, lesson->name) != NULL;
		mend_drop(body, lesson->name);
		return !had_more;
	case LESSON_DROP_STRICT:
		mend_strict(body, lesson->name);
		return true;
	case LESSON_SCHEMA_KEYWORD:
		mend_keyword(body, lesson->name);
		return true;
	case LESSON_TOOL_CHOICE:
		if (strcmp(lesson->name, "any") == 0)
			return false;
		mend_drop(body, "tool_choice");
		return true;
	default:
		return false;
	}
}

void
learn_print(const struct lesson *lesson, char *out, size_t cap)
{
	if (lesson->kind == LESSON_LOWER_MAX_TOKENS)
		snprintf(
		    out, cap, "%s %lld", words[lesson->kind], lesson->value);
	else
		snprintf(out, cap, "%s%s%s", words[lesson->kind],
		    lesson->name[0] != '\0' ? " " : "", lesson->name);
}

/* Which lessons bear a name, and what it may be ("": anything). */
static bool
is_good_name(enum lesson_kind kind, const char *name)
{
	switch (kind) {
	case LESSON_DROP:
	case LESSON_SCHEMA_KEYWORD:
		return name[0] != '\0' && strlen(name) < 32;
	case LESSON_EFFORT_WORDS:
		return name[0] != '\0';
	case LESSON_DROP_STRICT:
		return strcmp(name, "tools") == 0 ||
		       strcmp(name, "response_format") == 0;
	case LESSON_TOOL_IDS:
		return strcmp(name, "mistral9") == 0 ||
		       strcmp(name, "hash40") == 0;
	case LESSON_TOOL_CHOICE:
		return strcmp(name, "any") == 0 ||
		       strcmp(name, "auto_only") == 0;
	case LESSON_RESPONSE_FORMAT:
		return strcmp(name, "json_object") == 0 ||
		       strcmp(name, "none") == 0;
	default:
		return name[0] == '\0';
	}
}

int
learn_parse(const char *line, struct lesson *lesson)
{
	size_t len = strcspn(line, " "), kind = LESSON_NONE + 1;
	const char *name = line[len] == ' ' ? line + len + 1 : "";
	char *end;

	*lesson = (struct lesson){ .kind = LESSON_NONE };
	for (; kind < N_KINDS; kind++)
		if (strlen(words[kind]) == len &&
		    memcmp(words[kind], line, len) == 0)
			break;
	if (kind == N_KINDS || strlen(name) >= sizeof(lesson->name) ||
	    strpbrk(name, " \t\r\n") != NULL)
		return -1;
	if (kind == LESSON_LOWER_MAX_TOKENS) {
		lesson->value = strtoll(name, &end, 10);
		if (end == name || *end != '\0' || lesson->value < 1)
			return -1;
	} else if (is_good_name((enum lesson_kind)kind, name)) {
		memcpy(lesson->name, name, strlen(name) + 1);
	} else {
		return -1;
	}
	lesson->kind = (enum lesson_kind)kind;
	return 0;
}
