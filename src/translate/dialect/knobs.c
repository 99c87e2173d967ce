/* SPDX-License-Identifier: MIT */
/* The knobs of a profile by name and word.  Knows no upstream. */
#include "translate/dialect/dialect.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOOL_NAME_DEFAULT 64

static const struct knob {
	const char *name, *words;
} knobs[] = {
#define X(NAME, member, words) { #NAME, words },
	DIALECT_KNOBS(X)
#undef X
};

/* Every word of the lists, each by itself. */
static const char words[] =
    "any\0allow\0auto\0auto_only\0both\0"
    "deepseek\0developer\0drop\0false\0file\0"
    "fold\0gemini\0hash40\0json_object\0json_schema\0"
    "keep\0kimi\0local\0max_completion_tokens\0max_tokens\0"
    "mistral9\0never\0none\0openai\0openrouter\0"
    "pass\0prefix\0reasoning\0reasoning_content\0reasoning_details\0"
    "reasoning_effort\0reject\0safety_identifier\0send\0system\0"
    "text-placeholder\0think_tags\0true\0upstream\0user\0"
    "vllm\0vllm_kwargs\0";

static const char efforts[][8] = { "none", "minimal", "low", "medium", "high",
	"xhigh", "max" };

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

const char *
profile_knob(size_t i)
{
	return i < N_KNOBS ? knobs[i].name : NULL;
}

/* The place of the knob in the list; N_KNOBS: there is no such knob. */
static size_t
find_knob(const char *name)
{
	size_t i = 0;

	while (i < N_KNOBS && strcasecmp(knobs[i].name, name) != 0)
		i++;
	return i;
}

void
profile_defaults(struct profile *p)
{
	*p = (struct profile){ .tool_name_max = TOOL_NAME_DEFAULT,
		.no_stream_options_without_stream = true };
}

int
profile_set(
    struct profile *p, const char *name, const char *word, const char **allowed)
{
	size_t i = find_knob(name);
	size_t len = strlen(word), n;
	const char *at;
	unsigned char value = 0;

	if (i == N_KNOBS)
		return 0;
	for (at = knobs[i].words;; at += n + 1, value++) {
		n = strcspn(at, "|");
		if (n == len && strncasecmp(at, word, n) == 0) {
			p->knobs[i] = value;
			return 1;
		}
		if (at[n] == '\0')
			break;
	}
	if (allowed != NULL)
		*allowed = knobs[i].words;
	return -1;
}

const char *
profile_word(const struct profile *p, const char *name)
{
	size_t i = find_knob(name), len;
	const char *at;

	if (i == N_KNOBS)
		return NULL;
	at = knobs[i].words;
	for (int n = p->knobs[i]; n > 0 && *at != '\0'; n--)
		at += strcspn(at, "|") + (strchr(at, '|') != NULL);
	len = strcspn(at, "|");
	for (const char *w = words; *w != '\0'; w += strlen(w) + 1)
		if (strlen(w) == len && memcmp(w, at, len) == 0)
			return w;
	return NULL;
}

const char *
effort_word(size_t rank)
{
	return rank < N_ELEMENTS(efforts) ? efforts[rank] : NULL;
}

int
effort_rank(const char *word)
{
	for (size_t i = 0; i < N_ELEMENTS(efforts); i++)
		if (strcasecmp(efforts[i], word) == 0)
			return (int)i;
	return -1;
}
