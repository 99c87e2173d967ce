/* SPDX-License-Identifier: MIT */
/* What refusals say of a request's parameters: one function for each kind of
 * them, the particular ones before any other key. */
#include <ctype.h>
#include <string.h>

#include "translate/dialect/mend.h"
#include "translate/error/phrase.h"
#include "translate/dialect/refusal.h"
#include "wire/words.h"

/* -- max_tokens ----------------------------------------------------------- */

/* The highest number of tokens that a sentence allows; 0: none told. */
static int64_t
read_limit(const char *text)
{
	/* #N is allowed, #X the first that is not. */
	static const char limits[] =
	    "at most #N completion|at most #N|less than or equal to #N|"
	    "less than or equal to '#N|should be [#A, #N]|is [#A, #N]|"
	    "in [#A, #N]|range [#A, #N]|in the range [#A, #N]|[#A,#N]|"
	    "between #A and #N|<= #N|> #N, which is the maximum|"
	    "supports up to #N|up to #N|cannot exceed #N|"
	    "must not exceed #N|model limit of #N|limit of #N|limit is #N|"
	    "maximum allowed is #N|maximum of #N|maximum is #N|"
	    "maximum value is #N|maximum value of #N|maximum: #N|max: #N|"
	    "(inclusive) to #X (exclusive)|must be less than #X|"
	    "should be less than #X|smaller than #X";
	struct phrase_found found;
	const char *limit = limits;

	while (phrase_next(&limit, text, &found)) {
		if (found.number['X' - 'A'] > 1)
			return found.number['X' - 'A'] - 1;
		if (found.number['N' - 'A'] > 0)
			return found.number['N' - 'A'];
	}
	return 0;
}

static bool
is_about_max_tokens(const struct refusal *r)
{
	static const char about[] =
	    "max_tokens|max_completion_tokens|max_new_tokens|"
	    "maxoutputtokens|max_output_tokens|maxtokens|max tokens|"
	    "maximum tokens you requested|completion tokens|output tokens";

	return refusal_names(r, "max_tokens") ||
	       refusal_names(r, "max_completion_tokens") ||
	       phrase_any(about, r->failure.text);
}

/*
 * Which of the two fields a text refuses: by the text alone, so that one
 * refusal cannot teach one thing and then the contrary.
 */
static const char *
refused_field(const struct refusal *r)
{
	static const char refused[] =
	    "unsupported|not supported|not support|unrecognized|unknown|"
	    "unexpected|not permitted|not allowed|deprecated";
	static const char *const old_name = "max_tokens";
	static const char *const new_name = "max_completion_tokens";

	if (refusal_says(r, "use 'max_completion_tokens'"))
		return old_name;
	if (refusal_says(r, "use 'max_tokens'"))
		return new_name;
	if (!phrase_any(refused, r->failure.text))
		return NULL;
	if (refusal_names(r, new_name))
		return new_name;
	if (refusal_names(r, old_name))
		return old_name;
	if (refusal_says(r, "'max_completion_tokens'") ||
	    refusal_says(r, ": max_completion_tokens"))
		return new_name;
	if (refusal_says(r, "'max_tokens'") || refusal_says(r, ": max_tokens"))
		return old_name;
	return NULL;
}

bool
learn_max_tokens(struct refusal *r)
{
	const cJSON *old_item = json_get(r->sent, "max_tokens");
	const cJSON *new_item = json_get(r->sent, "max_completion_tokens");
	const char *refused;
	int64_t sent, limit;

	if (!is_about_max_tokens(r) ||
	    body_int(old_item != NULL ? old_item : new_item, &sent) == -1)
		return false;
	limit = read_limit(r->failure.text);
	if (limit > 0 && !refusal_says(r, "use 'max_"))
		return limit < sent &&
		       refusal_teach(r, LESSON_LOWER_MAX_TOKENS, "", limit);
	refused = refused_field(r);
	if (refused == NULL || json_get(r->sent, refused) == NULL)
		return false;
	return refusal_teach(r,
	    strcmp(refused, "max_tokens") == 0
		? LESSON_USE_MAX_COMPLETION_TOKENS
		: LESSON_USE_MAX_TOKENS,
	    "", 0);
}

/* -- strict and schemas --------------------------------------------------- */

static bool
has_strict_tool(const cJSON *sent)
{
	const cJSON *tool;

	cJSON_ArrayForEach(tool, json_get(sent, "tools")) {
		if (json_get(json_get(tool, "function"), "strict") != NULL)
			return true;
	}
	return false;
}

bool
learn_strict(struct refusal *r)
{
	const cJSON *format = json_get(r->sent, "response_format");
	bool format_is_strict =
	    json_get(json_get(format, "json_schema"), "strict") != NULL;
	bool is_named =
	    refusal_names(r, "strict") || refusal_says(r, "'strict'") ||
	    refusal_says(r, "strict mode") || refusal_says(r, ".strict");
	bool is_format =
	    refusal_says(r, "invalid schema for response_format") ||
	    (is_named && refusal_says(r, "response_format"));

	if (is_format)
		return format_is_strict && refusal_teach(r, LESSON_DROP_STRICT,
					       "response_format", 0);
	if (!is_named &&
	    !(refusal_says(r, "invalid schema for function") &&
		refusal_says(r, "is required to be supplied")) &&
	    !(refusal_says(r, "invalid schema for function") &&
		refusal_says(r, "'additionalProperties' is required")))
		return false;
	if (has_strict_tool(r->sent))
		return refusal_teach(r, LESSON_DROP_STRICT, "tools", 0);
	return format_is_strict &&
	       refusal_teach(r, LESSON_DROP_STRICT, "response_format", 0);
}

bool
learn_keyword(struct refusal *r)
{
	static const char about[] =
	    "schema|function_declarations|parameters|'tools|tools[|tools.";
	static const char *const sentences[] = { "unknown name '@'",
		"'@' is not permitted", "keyword '@'", "keyword: '@'",
		"keyword: @", "keywords: @", "keyword(s): @",
		"'@' is not supported", "'@' not supported",
		"'@' is not allowed", "not support '@'", "unknown field '@'",
		"unrecognized field '@'", "unsupported field '@'",
		"unsupported keyword @", "field '@'", "unexpected '@'",
		"not support @" };
	/* Without these a schema says nothing any more. */
	static const char kept[] = "type|properties|items|required";
	struct phrase_found found;

	if (!phrase_any(about, r->failure.text) &&
	    !refusal_names(r, "parameters"))
		return false;
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		const char *p = r->failure.text;

		for (int n = 0; n < 32; n++, p = found.end) {
			if (!phrase_find(sentences[i], p, &found))
				break;
			if (words_find(kept, found.name) == -1 &&
			    strlen(found.name) < 32 &&
			    body_has_keyword(r->sent, found.name))
				return refusal_teach(
				    r, LESSON_SCHEMA_KEYWORD, found.name, 0);
		}
	}
	return false;
}

/* -- forms of a parameter ------------------------------------------------- */

bool
learn_response_format(struct refusal *r)
{
	static const char about[] =
	    "response_format|json_schema|json mode|structured output";
	static const char refused[] =
	    "unavailable|not support|unsupported|not available|"
	    "cannot be combined|not allowed|unknown|unrecognized|"
	    "unexpected|not permitted|should be 'text'|must be 'text'|"
	    "must be 'json_object'|should be 'json_object'|must be one of";
	const cJSON *format = json_get(r->sent, "response_format");
	bool is_schema = body_is(json_get(format, "type"), "json_schema");

	if (format == NULL ||
	    (!refusal_names(r, "response_format") &&
		!phrase_any(about, r->failure.text)) ||
	    !phrase_any(refused, r->failure.text))
		return false;
	if (is_schema && !refusal_says(r, "cannot be combined with tool"))
		return refusal_teach(
		    r, LESSON_RESPONSE_FORMAT, "json_object", 0);
	return refusal_teach(r, LESSON_RESPONSE_FORMAT, "none", 0);
}

bool
learn_tool_choice(struct refusal *r)
{
	static const char refused[] =
	    "not support|unsupported|incompatible|not allowed|only 'auto'|"
	    "only auto|must be 'auto'|should be 'auto'|not permitted|"
	    "unknown|unrecognized|unexpected";
	const cJSON *choice = json_get(r->sent, "tool_choice");

	if (choice == NULL || body_is(choice, "auto") ||
	    (!refusal_names(r, "tool_choice") &&
		!refusal_says(r, "tool_choice")) ||
	    !phrase_any(refused, r->failure.text))
		return false;
	if (refusal_says(r, "'any'") && !body_is(choice, "any"))
		return refusal_teach(r, LESSON_TOOL_CHOICE, "any", 0);
	return refusal_teach(r, LESSON_TOOL_CHOICE, "auto_only", 0);
}

/* -- any other key -------------------------------------------------------- */

/* Without these it is another request, or a rule of its own is above. */
static bool
is_droppable(const struct refusal *r, const char *key)
{
	static const char kept[] =
	    "model|messages|tools|stream|max_tokens|max_completion_tokens|"
	    "reasoning_effort|response_format|tool_choice";

	if (strcmp(key, "reasoning") == 0 && r->is_about_effort)
		return false;
	return words_find(kept, key) == -1 && strlen(key) < 32 &&
	       json_get(r->sent, key) != NULL;
}

/* The top-level key of a place: without "body." and what is behind it, and
 * with underscores for capitals. */
static void
top_key(const char *place, char key[static 64])
{
	static const char *const heads[] = { "body.", "parameter.",
		"parameters.", "$.", "request." };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(place, heads[i], strlen(heads[i])) == 0)
			place += strlen(heads[i]);
	for (; *place != '\0' && strchr(".[]", *place) == NULL && n < 62;
	     place++) {
		if (isupper((unsigned char)*place) && n > 0)
			key[n++] = '_';
		key[n++] = (char)tolower((unsigned char)*place);
	}
	key[n] = '\0';
}

/* Keys inside of messages and tools that some servers do not know. */
bool
learn_inside(struct refusal *r)
{
	static const char *const keys[] = { "cache_control",
		"prompt_cache_breakpoint", "reasoning_content",
		"reasoning_details", "reasoning", "extra_content" };
	static const char refused[] =
	    "not permitted|not support|unsupported|unknown|unrecognized|"
	    "unexpected|not allowed|additional properties|extra|"
	    "please remove";
	char inside[40] = "*.";

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *key = keys[i];
		bool is_plain = strchr(key, '_') == NULL;

		if (!(refusal_names(r, key) ||
			(!is_plain && refusal_says(r, key))) ||
		    !phrase_any(refused, r->failure.text) ||
		    !body_has_inside(r->sent, key))
			continue;
		memcpy(inside + 2, key, strlen(key) + 1);
		return refusal_teach(r, LESSON_DROP, inside, 0);
	}
	return false;
}

bool
learn_named(struct refusal *r)
{
	static const char *const sentences[] = { "argument supplied: @",
		"arguments supplied: @", "parameter: '@'", "parameter: @",
		"parameters: '@'", "parameters: @", "parameter '@'",
		"value: '@'", "unknown name '@'", "property '@'", "field '@'",
		"field: @", "argument '@'", "argument: @", "key '@'", "key: @",
		"'@' is not supported", "'@' is unsupported",
		"'@' is not allowed", "'@' is not permitted", "('@' was",
		"does not support parameter @", "does not support '@'",
		"not supported on this model: @", "'loc': ('body', '@'",
		"parameter.@ must", "option '@'", "invalid @:" };
	struct phrase_found found;
	char key[64];

	for (size_t i = 0; i < r->failure.n_names; i++) {
		top_key(r->failure.names[i], key);
		if (is_droppable(r, key))
			return refusal_teach(r, LESSON_DROP, key, 0);
	}
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		const char *p = r->failure.text;

		for (int n = 0; n < 16; n++, p = found.end) {
			if (!phrase_find(sentences[i], p, &found))
				break;
			top_key(found.name, key);
			if (is_droppable(r, key))
				return refusal_teach(r, LESSON_DROP, key, 0);
		}
	}
	return false;
}

/* Whether a text speaks of a key; of one that is a common word, only
 * between quotes. */
static bool
mentions(const char *text, const char *key)
{
	bool is_common =
	    strchr(key, '_') == NULL && strcmp(key, "temperature") != 0;
	struct phrase_found found;

	for (const char *p = text; phrase_find(key, p, &found); p = found.end) {
		char before = found.at > text ? found.at[-1] : ' ';

		if (isalnum((unsigned char)before) || before == '_' ||
		    isalnum((unsigned char)*found.end) || *found.end == '_')
			continue;
		if (!is_common || strchr("'\"`", before) != NULL)
			return true;
	}
	return false;
}

bool
learn_mentioned(struct refusal *r)
{
	static const char refused[] =
	    "not support|unsupported|unknown|unrecognized|not recognized|"
	    "unexpected|not permitted|not allowed|not available|"
	    "not enabled|invalid|cannot|can only|only|deprecated|extra|"
	    "must be|should be|does not accept|incompatible";
	const char *text = r->failure.text;
	const cJSON *member;
	char key[64];

	if (refusal_says(r, "stream options can only") &&
	    is_droppable(r, "stream_options"))
		return refusal_teach(r, LESSON_DROP, "stream_options", 0);
	if (!phrase_any(refused, text))
		return false;
	if (mentions(text, "temperature") && mentions(text, "top_p"))
		return is_droppable(r, "top_p") &&
		       is_droppable(r, "temperature") &&
		       refusal_teach(r, LESSON_DROP, "top_p", 0);
	cJSON_ArrayForEach(member, r->sent) {
		if (member->string == NULL || strlen(member->string) >= 32)
			continue;
		memcpy(key, member->string, strlen(member->string) + 1);
		if (is_droppable(r, key) && mentions(text, key))
			return refusal_teach(r, LESSON_DROP, key, 0);
	}
	return false;
}
