/* SPDX-License-Identifier: MIT */
/*
 * Recognises what a refusal is about.  A lesson is only taught if what it
 * changes is in the request that was refused, so none is taught twice.
 */
#include "translate/dialect/learn.h"

#include <ctype.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "translate/error/failure.h"
#include "translate/dialect/mend.h"
#include "translate/error/overflow.h"
#include "translate/error/phrase.h"
#include "translate/dialect/refusal.h"

bool
refusal_teach(const struct refusal *r, enum lesson_kind kind, const char *name,
    long long value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    strchr("_.$,*-", name[i]) == NULL)
			return false;
	if (len >= sizeof(r->lesson->name))
		return false;
	*r->lesson = (struct lesson){ .kind = kind, .value = value };
	memcpy(r->lesson->name, name, len + 1);
	return true;
}

bool
refusal_says(const struct refusal *r, const char *phrase)
{
	return phrase_find(phrase, r->failure.text, NULL);
}

bool
refusal_names(const struct refusal *r, const char *field)
{
	size_t len = strlen(field), n;

	for (size_t i = 0; i < r->failure.n_names; i++) {
		const char *name = r->failure.names[i];

		n = strlen(name);
		if (n >= len && strcmp(name + n - len, field) == 0 &&
		    (n == len || name[n - len - 1] == '.'))
			return true;
	}
	return false;
}

/* -- the order of messages ------------------------------------------------ */

static bool
has_inline_system(const cJSON *sent)
{
	const cJSON *messages = json_get(sent, "messages"), *message;

	cJSON_ArrayForEach(message, messages) {
		if (message != messages->child &&
		    body_is(json_get(message, "role"), "system"))
			return true;
	}
	return false;
}

static bool
has_media(const cJSON *content)
{
	const cJSON *part;

	cJSON_ArrayForEach(part, content) {
		if (!body_is(json_get(part, "type"), "text"))
			return true;
	}
	return false;
}

/* Whether a user's text stands right behind a tool's result.  Media there
 * cannot be folded into the result. */
static bool
has_user_after_tool(const cJSON *sent)
{
	const cJSON *message;
	bool after_tool = false;

	cJSON_ArrayForEach(message, json_get(sent, "messages")) {
		const cJSON *role = json_get(message, "role");

		if (after_tool && body_is(role, "user") &&
		    !has_media(json_get(message, "content")))
			return true;
		after_tool = body_is(role, "tool");
	}
	return false;
}

static bool
learn_order(struct refusal *r)
{
	static const char about_system[] =
	    "system message must be at the beginning|"
	    "system message must be the first|system message*only*first|"
	    "system message*at the start|system messages*at the start|"
	    "only one system message|multiple system messages|"
	    "more than one system message|'system' role|role 'system'|"
	    "got system|system role not supported|"
	    "system role is not supported|system role*first";
	static const char about_order[] =
	    "roles must alternate|role must alternate|"
	    "must alternate between|after the optional system message";
	static const char about_tools[] =
	    "after role 'tool'|user*after*tool message|"
	    "user message*after tool|role 'user' after|"
	    "roles must alternate|role must alternate|"
	    "must alternate between";
	const char *text = r->failure.text;

	if ((phrase_any(about_system, text) || phrase_any(about_order, text)) &&
	    has_inline_system(r->sent))
		return refusal_teach(r, LESSON_FOLD_SYSTEM, "", 0);
	if ((phrase_any(about_tools, text) || r->failure.code == 8007 ||
		r->failure.code == 3230) &&
	    has_user_after_tool(r->sent))
		return refusal_teach(r, LESSON_FOLD_USER_AFTER_TOOL, "", 0);
	return false;
}

/* -- what must come back with tool calls ---------------------------------- */

/* Whether some assistant message with calls (or with any content, where
 * none needs calls) lacks a field. */
static bool
lacks_field(const cJSON *sent, const char *field, bool in_calls)
{
	bool some_has = false, some_lacks = false;
	const cJSON *message, *call;

	cJSON_ArrayForEach(message, json_get(sent, "messages")) {
		const cJSON *calls = json_get(message, "tool_calls");

		if (!body_is(json_get(message, "role"), "assistant"))
			continue;
		if (in_calls) {
			cJSON_ArrayForEach(call, calls) {
				some_has |= json_get(call, field) != NULL;
			}
			some_lacks |= calls != NULL;
		} else if (json_get(message, field) != NULL) {
			some_has = true;
		} else if (calls != NULL) {
			return true;
		} else {
			some_lacks = true;
		}
	}
	return some_lacks && !some_has;
}

static bool
learn_passing_back(struct refusal *r)
{
	static const char reasoning[] =
	    "reasoning_content*must be passed back|"
	    "missing 'reasoning_content'|missing reasoning_content|"
	    "reasoning_content is missing|reasoning_content is required|"
	    "must*pass*reasoning_content";

	if (phrase_any(reasoning, r->failure.text) &&
	    lacks_field(r->sent, "reasoning_content", false))
		return refusal_teach(r, LESSON_REASONING_CONTENT, "", 0);
	if (refusal_says(r, "missing a thought_signature") &&
	    lacks_field(r->sent, "extra_content", true))
		return refusal_teach(r, LESSON_THOUGHT_SIGNATURE, "", 0);
	return false;
}

/* Whether a call's id is longer, or not nine letters and digits. */
static bool
has_odd_id(const cJSON *sent, size_t max_len, bool exactly)
{
	const cJSON *message, *call;
	char id[512];

	cJSON_ArrayForEach(message, json_get(sent, "messages")) {
		cJSON_ArrayForEach(call, json_get(message, "tool_calls")) {
			size_t len;

			if (!body_text(json_get(call, "id"), id, sizeof(id)))
				return true;
			len = strlen(id);
			if (len > max_len || (exactly && len != max_len) ||
			    (exactly && strpbrk(id, "_-.:") != NULL))
				return true;
		}
	}
	return false;
}

static bool
learn_ids(struct refusal *r)
{
	static const char nine[] =
	    "tool call id*length of 9|"
	    "tool call ids should be alphanumeric strings with length 9";

	if (phrase_any(nine, r->failure.text) && has_odd_id(r->sent, 9, true))
		return refusal_teach(r, LESSON_TOOL_IDS, "mistral9", 0);
	if (refusal_says(r, "tool_call*maximum length 40") &&
	    has_odd_id(r->sent, 40, false))
		return refusal_teach(r, LESSON_TOOL_IDS, "hash40", 0);
	return false;
}

/* -- effort --------------------------------------------------------------- */

/* The efforts that a list of supported values names, with commas. */
static void
read_efforts(const char *text, char *words, size_t cap)
{
	static const char leads[] =
	    "supported values are|supported values:|must be one of|must be|"
	    "should be|expected one of|allowed values|valid values|"
	    "accepted values|one of";
	struct phrase_found found, word;
	const char *lead = leads, *effort;
	size_t at = 0, len;
	char list[256];

	words[0] = '\0';
	while (phrase_next(&lead, text, &found)) {
		len = strcspn(found.end, ".;\n");
		len = len < sizeof(list) ? len : sizeof(list) - 1;
		memcpy(list, found.end, len);
		list[len] = '\0';
		for (size_t k = 0; (effort = effort_word(k)) != NULL; k++) {
			const char *p = list;

			while (phrase_find(effort, p, &word) &&
			       ((word.at > list &&
				    isalpha((unsigned char)word.at[-1])) ||
				   isalpha((unsigned char)*word.end)))
				p = word.end;
			if (!phrase_find(effort, p, &word) ||
			    at + strlen(effort) + 2 > cap)
				continue;
			if (at > 0)
				words[at++] = ',';
			memcpy(words + at, effort, strlen(effort) + 1);
			at += strlen(effort);
		}
		if (at > 0)
			return;
	}
}

/* Whether a text is about another effort than this one. */
static bool
quotes_other_effort(const char *text, const char *asked)
{
	static const char *const all[] = { "'none'", "'minimal'", "'low'",
		"'medium'", "'high'", "'xhigh'", "'max'" };
	bool other = false;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool is_asked = effort_rank(asked) == (int)i;

		if (!phrase_find(all[i], text, NULL))
			continue;
		if (is_asked)
			return false;
		other = true;
	}
	return other;
}

static bool
learn_effort(struct refusal *r)
{
	static const char traps[] =
	    "function tools with reasoning_effort are not supported|"
	    "set reasoning_effort to 'none'|"
	    "tools*reasoning_effort*not supported";
	static const char about[] =
	    "reasoning_effort|reasoning.effort|reasoningeffort|"
	    "reasoning effort|reasoning value|think value|'effort'";
	const cJSON *effort = body_effort(r->sent);
	char asked[32] = "", words[64];
	const char *key = json_get(r->sent, "reasoning_effort") != NULL
			      ? "reasoning_effort"
			      : "reasoning";

	if (json_get(r->sent, "tools") != NULL &&
	    phrase_any(traps, r->failure.text)) {
		r->is_about_effort = true;
		return !body_is(effort, "none") &&
		       refusal_teach(r, LESSON_EFFORT_NONE, "", 0);
	}
	if (!body_text(effort, asked, sizeof(asked)))
		return false;
	if (refusal_says(r, "does not support thinking") ||
	    refusal_says(r, "does not support reasoning"))
		return refusal_teach(r, LESSON_DROP, key, 0);
	if (!phrase_any(about, r->failure.text) &&
	    !refusal_names(r, "reasoning_effort") &&
	    !refusal_names(r, "effort"))
		return false;
	r->is_about_effort = true;
	read_efforts(r->failure.text, words, sizeof(words));
	if (list_has(words, asked))
		return false;
	if (words[0] != '\0' && strcmp(words, "none") != 0)
		return refusal_teach(r, LESSON_EFFORT_WORDS, words, 0);
	if (words[0] == '\0' && quotes_other_effort(r->failure.text, asked))
		return false;
	if (effort_rank(asked) > effort_rank("high") &&
	    phrase_find(asked, r->failure.text, NULL))
		return refusal_teach(
		    r, LESSON_EFFORT_WORDS, "none,low,medium,high", 0);
	return refusal_teach(r, LESSON_DROP, key, 0);
}

/* -- all together --------------------------------------------------------- */

/* Whether a failure is a refusal of what the request looks like. */
static bool
is_refusal(int status, const struct failure *f, bool *is_template)
{
	static const char templates[] =
	    "jinja|template|must alternate|system message|system role|"
	    "after role 'tool'|tool call id";

	*is_template = false;
	if (status < 400 || status == 500 || status == 502)
		status = f->status != 0 ? f->status : status;
	if (status == 400 || status == 422)
		return true;
	if (status < 400)
		return failure_has(f, "invalid_request_error|badrequesterror");
	*is_template = status == 500 && phrase_any(templates, f->text);
	return *is_template;
}

bool
learn_from_refusal(int status, const char *body, size_t len, const cJSON *sent,
    struct lesson *lesson)
{
	static bool (*const learners[])(struct refusal *) = { learn_order,
		learn_passing_back, learn_ids, learn_effort, learn_max_tokens,
		learn_strict, learn_keyword, learn_response_format,
		learn_tool_choice, learn_inside, learn_named, learn_mentioned };
	const size_t n_template = 3, n = sizeof(learners) / sizeof(*learners);
	struct refusal r = { .sent = sent, .lesson = lesson };
	struct overflow overflow;
	bool is_template;

	*lesson = (struct lesson){ .kind = LESSON_NONE };
	failure_read(&r.failure, body, len);
	if (!is_refusal(status, &r.failure, &is_template) ||
	    overflow_find(&r.failure, &overflow))
		return false;
	for (size_t i = 0; i < (is_template ? n_template : n); i++)
		if (learners[i](&r))
			return true;
	return false;
}

bool
learn_more_from_refusal(
    const char *body, size_t len, const cJSON *sent, struct lesson *lesson)
{
	struct refusal r = { .sent = sent, .lesson = lesson };

	*lesson = (struct lesson){ .kind = LESSON_NONE };
	failure_read(&r.failure, body, len);
	return learn_keyword(&r) || learn_named(&r);
}
