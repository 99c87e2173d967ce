/* SPDX-License-Identifier: MIT */
/*
 * thinking, budget_tokens and effort as the reasoning switches of a dialect.
 * Precedence: thinking off, an explicit effort, the budget.
 */
#include "translate/request/effort.h"

#include <string.h>

#include "translate/request/conversion.h"

/* What is asked for, before a dialect's words for it. */
struct wish {
	bool off;	  /* no reasoning */
	const char *word; /* an effort, or NULL: as the model likes */
	int64_t budget;	  /* tokens, where no effort was given; else 0 */
};

/* The effort that a budget comes to. */
static const char *
word_of_budget(int64_t budget)
{
	return budget < 4096	? "low"
	       : budget < 16000 ? "medium"
	       : budget < 32000 ? "high"
				: "xhigh";
}

/* No stronger a word than the upstream knows. */
static const char *
clamp(const struct profile *p, const char *word)
{
	const char *max = p->max_effort;

	if (word == NULL || max == NULL ||
	    effort_rank(word) <= effort_rank(max))
		return word;
	return max;
}

static struct wish
read_wish(const struct conversion *c, bool has_tools)
{
	const struct message_request *req = c->req;
	struct wish wish = { .word = req->effort };

	if (req->thinking == THINKING_DISABLED ||
	    req->thinking == THINKING_BETWEEN_TOOLS ||
	    (has_tools &&
		c->profile->tools_need_effort_none == EFFORT_NONE_TRUE))
		return (struct wish){ .off = true };
	if (wish.word == NULL && req->thinking == THINKING_ENABLED) {
		wish.budget = req->budget_tokens;
		wish.word = word_of_budget(wish.budget);
	}
	wish.word = clamp(c->profile, wish.word);
	return wish;
}

static const char *
off_word(const struct profile *p)
{
	return p->off_effort != NULL ? p->off_effort : "none";
}

static bool
add_effort(const struct conversion *c, const struct wish *wish, bool has_tools,
    cJSON *body)
{
	const char *word = wish->off ? off_word(c->profile) : wish->word;

	/* Tools are refused beside any other effort than none. */
	if (has_tools && c->profile->tools_need_effort_none == EFFORT_NONE_TRUE)
		word = "none";
	return word == NULL || json_add_text(body, "reasoning_effort", word);
}

static bool
add_openrouter(const struct conversion *c, const struct wish *wish, cJSON *body)
{
	const char *word = wish->off ? off_word(c->profile) : wish->word;
	cJSON *reasoning;

	if (word == NULL)
		return true;
	reasoning = cJSON_AddObjectToObject(body, "reasoning");
	if (wish->budget > 0)
		return json_add_int(reasoning, "max_tokens", wish->budget);
	return json_add_text(reasoning, "effort", word);
}

/* DeepSeek thinks unless told not to, and nobody asked to see it. */
static bool
add_deepseek(const struct conversion *c, const struct wish *wish, cJSON *body)
{
	bool on = !wish->off && c->req->thinking != THINKING_ABSENT;
	cJSON *thinking = cJSON_AddObjectToObject(body, "thinking");
	const char *word = wish->word;

	if (!json_add_text(thinking, "type", on ? "enabled" : "disabled"))
		return false;
	if (!on || word == NULL)
		return true;
	if (strcmp(word, "medium") == 0)
		word = "high";
	else if (strcmp(word, "xhigh") == 0)
		word = clamp(c->profile, "max");
	return json_add_text(body, "reasoning_effort", word);
}

static bool
add_vllm(const struct conversion *c, const struct wish *wish, bool has_tools,
    cJSON *body)
{
	cJSON *kwargs;

	if (wish->off) {
		kwargs = cJSON_AddObjectToObject(body, "chat_template_kwargs");
		if (!json_add_bool(kwargs, "enable_thinking", false))
			return false;
	} else if (wish->budget > 0 &&
		   !json_add_int(body, "thinking_token_budget", wish->budget)) {
		return false;
	}
	return add_effort(c, wish, has_tools, body);
}

bool
effort_add(const struct conversion *c, bool has_tools, cJSON *body)
{
	struct wish wish = read_wish(c, has_tools);

	switch (c->profile->reasoning_request) {
	case REASONING_OPENROUTER:
		return add_openrouter(c, &wish, body);
	case REASONING_DEEPSEEK:
		return add_deepseek(c, &wish, body);
	case REASONING_VLLM:
		return add_vllm(c, &wish, has_tools, body);
	case REASONING_NONE:
		return true;
	default:
		return add_effort(c, &wish, has_tools, body);
	}
}
