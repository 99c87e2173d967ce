/* SPDX-License-Identifier: MIT */
/* The knobs of a profile by name and word.  Knows no upstream. */
#include "translate/dialect/dialect.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOOL_NAME_DEFAULT 64

static const struct knob {
	const char *name;
	size_t at; /* of the member in struct profile */
	const char *words;
} knobs[] = {
#define X(NAME, member, words)                                                 \
	{ #NAME, offsetof(struct profile, member), words },
	DIALECT_KNOBS(X)
#undef X
};

/* Every word of the lists, each by itself. */
static const char *const words[] = {
	"any",
	"allow",
	"auto",
	"auto_only",
	"both",
	"deepseek",
	"developer",
	"drop",
	"false",
	"file",
	"fold",
	"gemini",
	"hash40",
	"json_object",
	"json_schema",
	"keep",
	"kimi",
	"local",
	"max_completion_tokens",
	"max_tokens",
	"mistral9",
	"never",
	"none",
	"openai",
	"openrouter",
	"pass",
	"prefix",
	"reasoning",
	"reasoning_content",
	"reasoning_details",
	"reasoning_effort",
	"reject",
	"safety_identifier",
	"send",
	"system",
	"text-placeholder",
	"think_tags",
	"true",
	"upstream",
	"user",
	"vllm",
	"vllm_kwargs",
};

static const char *const efforts[] = {
	"none",
	"minimal",
	"low",
	"medium",
	"high",
	"xhigh",
	"max",
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static const struct knob *
find_knob(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(knobs); i++)
		if (strcasecmp(knobs[i].name, name) == 0)
			return &knobs[i];
	return NULL;
}

static int *
member_of(struct profile *p, const struct knob *knob)
{
	return (int *)(void *)((char *)p + knob->at);
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
	const struct knob *knob = find_knob(name);
	size_t len = strlen(word), n;
	const char *at;
	int value = 0;

	if (knob == NULL)
		return 0;
	for (at = knob->words;; at += n + 1, value++) {
		n = strcspn(at, "|");
		if (n == len && strncasecmp(at, word, n) == 0) {
			*member_of(p, knob) = value;
			return 1;
		}
		if (at[n] == '\0')
			break;
	}
	if (allowed != NULL)
		*allowed = knob->words;
	return -1;
}

const char *
profile_word(const struct profile *p, const char *name)
{
	const struct knob *knob = find_knob(name);
	const char *at;
	size_t len;

	if (knob == NULL)
		return NULL;
	at = knob->words;
	for (int n = *(const int *)(const void *)((const char *)p + knob->at);
	     n > 0 && *at != '\0'; n--)
		at += strcspn(at, "|") + (strchr(at, '|') != NULL);
	len = strcspn(at, "|");
	for (size_t i = 0; i < N_ELEMENTS(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], at, len) == 0)
			return words[i];
	return NULL;
}

int
effort_rank(const char *word)
{
	for (size_t i = 0; i < N_ELEMENTS(efforts); i++)
		if (strcasecmp(efforts[i], word) == 0)
			return (int)i;
	return -1;
}
