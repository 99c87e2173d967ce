/* SPDX-License-Identifier: MIT */
/* Usage from upstream to client.  Knows counts, no events. */
#include "translate/reply/usage.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 9007199254740991.0 /* 2^53 - 1: exact in every client */

void
usage_init(struct usage *u)
{
	*u = (struct usage){ -1, -1, -1, -1, -1, -1, false };
}

/* A count in any spelling: integer, float or text; -1 for anything else. */
static int64_t
count_of(const struct json_doc *doc, const cJSON *item)
{
	int64_t whole;
	double number;
	char *end;

	if (item == NULL)
		return -1;
	if (json_int64(doc, item, &whole) == 0) {
		number = (double)whole;
	} else if (cJSON_IsString(item)) {
		number = strtod(item->valuestring, &end);
		if (end == item->valuestring || *end != '\0')
			return -1;
	} else if (json_number(doc, item, &number) == -1) {
		return -1;
	}
	return number >= 0 && number <= COUNT_MAX ? (int64_t)number : -1;
}

static void
take(int64_t *to, int64_t count)
{
	if (count > 0 || (count == 0 && *to < 0))
		*to = count;
}

static int64_t
read_count(const struct json_doc *doc, const cJSON *object, const char *key)
{
	return count_of(doc, json_get_set(object, key));
}

/* The first positive one, else 0 if any was told. */
static int64_t
read_cached(const struct json_doc *doc, const cJSON *usage)
{
	const struct {
		const char *object, *key;
	} places[] = {
		{ "prompt_tokens_details", "cached_tokens" },
		{ "prompt_token_details", "cached_tokens" },
		{ NULL, "prompt_cache_hit_tokens" },
		{ NULL, "cached_tokens" },
		{ NULL, "num_cached_tokens" },
	};
	int64_t found = -1;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const cJSON *object =
		    places[i].object == NULL
			? usage
			: json_get_set(usage, places[i].object);

		if (found <= 0)
			take(&found, read_count(doc, object, places[i].key));
	}
	return found;
}

void
usage_read(struct usage *u, const struct json_doc *doc, const cJSON *object)
{
	const cJSON *prompt = json_get_set(object, "prompt_tokens_details");
	const cJSON *output = json_get_set(object, "completion_tokens_details");

	if (!cJSON_IsObject(object))
		return;
	take(&u->prompt, read_count(doc, object, "prompt_tokens"));
	take(&u->completion, read_count(doc, object, "completion_tokens"));
	take(&u->total, read_count(doc, object, "total_tokens"));
	take(&u->cached, read_cached(doc, object));
	take(&u->cache_write, read_count(doc, prompt, "cache_write_tokens"));
	take(&u->reasoning, read_count(doc, output, "reasoning_tokens"));
}

void
usage_read_tier(struct usage *u, const char *tier)
{
	if (tier != NULL)
		u->is_priority =
		    strcmp(tier, "priority") == 0 || strcmp(tier, "fast") == 0;
}

static int64_t
at_least_0(int64_t n)
{
	return n < 0 ? 0 : n;
}

void
usage_settle(const struct usage *u, int64_t estimate_in, int64_t estimate_out,
    bool is_empty, struct stream_usage *settled)
{
	int64_t cached = at_least_0(u->cached);
	int64_t written = at_least_0(u->cache_write);
	int64_t prompt = u->prompt >= 0 ? u->prompt : at_least_0(estimate_in);
	int64_t output = u->completion;

	/* xAI does not count reasoning as completion; the total tells. */
	if (output >= 0 && u->prompt >= 0 && u->reasoning > 0 &&
	    u->total - u->prompt - output == u->reasoning)
		output += u->reasoning;
	if (output < 0 || (output == 0 && !is_empty))
		output = estimate_out > 0 ? estimate_out : 1;
	settled->reported = u->prompt >= 0;
	settled->prompt_tokens = prompt;
	settled->cache_read_tokens = cached;
	settled->cache_write_tokens = written;
	settled->output_tokens = output;
	if (prompt >= cached + written)
		settled->input_tokens = prompt - cached - written;
	else
		settled->input_tokens =
		    prompt >= cached ? prompt - cached : prompt;
}

void
usage_emit(const struct usage *u, const struct stream_usage *settled,
    bool asked_fast, struct emit_usage *out)
{
	int64_t thinking = u->reasoning;

	if (thinking > settled->output_tokens)
		thinking = settled->output_tokens;
	*out = (struct emit_usage){
		.input_tokens = settled->input_tokens,
		.output_tokens = settled->output_tokens,
		.cache_read_tokens = settled->cache_read_tokens,
		.cache_write_tokens = settled->cache_write_tokens,
		.thinking_tokens = thinking,
		.service_tier = u->is_priority ? "priority" : "standard",
		.speed = asked_fast && u->is_priority ? "fast" : "standard",
	};
}
