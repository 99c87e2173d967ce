/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a request (or a golden file that holds one as `body`), to an
 * upstream of any kind.  What is translated must be valid JSON, the same a
 * second time, and leave terms that can be looked up.
 */
#include "translate/request/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "wire/buf.h"
#include "wire/fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = { .max_depth = 200,
	.max_values = 20000 };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* Sets every knob to one of its words. */
static void
roll_profile(struct profile *p, uint64_t dice)
{
	const char *words, *bar;
	char word[64];
	int n, at;

	profile_defaults(p);
#define X(NAME, member, list)                                                  \
	words = list;                                                          \
	for (n = 1, bar = words; (bar = strchr(bar, '|')) != NULL; bar++)      \
		n++;                                                           \
	for (at = (int)(dice % (unsigned)n); at > 0; at--)                     \
		words = strchr(words, '|') + 1;                                \
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(words, "|"), words); \
	must(profile_set(p, #NAME, word, &bar) == 1);                          \
	dice = dice * 6364136223846793005U + 1442695040888963407U;             \
	dice ^= dice >> 29;
	DIALECT_KNOBS(X)
#undef X
	p->is_gemini = dice & 1;
	p->is_kimi = dice & 2;
	p->web_search = (int)(dice >> 2 & 3);
	p->prompt_cache_key = dice & 16;
	p->fast_tier = dice & 32;
	p->max_effort = dice & 64 ? "high" : NULL;
	p->max_tokens_limit = dice & 128 ? 64 : 0;
	p->tool_name_max = dice & 256 ? 64 : 12;
}

static int
translate(struct json_slice text, const struct profile *profile,
    struct buf *out, struct fault *why)
{
	const struct request_rules rules = { .json = limits };
	struct request_context ctx = {
		.profile = profile, .model = "m", .session_id = "s"
	};
	struct message_request req;
	struct translation t = { .body = NULL };
	int rc = -1;

	fault_clear(why);
	if (message_request_parse(&req, text.text, text.len, &rules, why) ==
		0 &&
	    request_translate(&req, &ctx, &t, why) == 0) {
		must(json_print(t.body, out) == 0);
		for (size_t i = 0; i < t.terms.n_tools; i++)
			must(reply_terms_tool(&t.terms,
				 t.terms.tools[i].upstream,
				 strlen(t.terms.tools[i].upstream)) ==
			     &t.terms.tools[i]);
		for (size_t i = 0; i < t.terms.n_history_ids; i++)
			must(reply_terms_has_id(
			    &t.terms, t.terms.history_ids[i]));
		rc = 0;
	} else {
		must(why->kind != FAULT_NONE);
	}
	translation_clear(&t);
	message_request_clear(&req);
	return rc;
}

static void
try_request(struct json_slice text, uint64_t dice)
{
	struct profile profile;
	struct buf first, second;
	struct json_doc doc;
	struct fault why;

	buf_init(&first, 1 << 28);
	buf_init(&second, 1 << 28);
	roll_profile(&profile, dice);
	if (translate(text, &profile, &first, &why) == 0) {
		must(json_parse(&doc, first.data, first.len, NULL, &why) == 0);
		must(cJSON_IsArray(json_get(doc.root, "messages")));
		json_doc_clear(&doc);
		must(translate(text, &profile, &second, &why) == 0);
		must(first.len == second.len &&
		     memcmp(first.data, second.data, first.len) == 0);
	}
	buf_clear(&first);
	buf_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_slice text = { (const char *)data, size };
	uint64_t dice = 1469598103934665603U;
	const cJSON *body;
	struct json_doc doc;
	struct buf raw;

	for (size_t i = 0; i < size; i++)
		dice = (dice ^ data[i]) * 1099511628211U;
	buf_init(&raw, 1 << 26);
	if (json_parse(&doc, text.text, text.len, &limits, NULL) == 0) {
		body = json_get(doc.root, "body");
		if (body == NULL)
			body = json_get(doc.root, "raw");
		if (cJSON_IsObject(body)) {
			text = json_slice(&doc, body);
		} else if (cJSON_IsString(body)) {
			json_unescape(&raw, json_body(&doc, body));
			text = (struct json_slice){ buf_str(&raw), raw.len };
		}
	}
	try_request(text, dice);
	json_doc_clear(&doc);
	buf_clear(&raw);
	return 0;
}
