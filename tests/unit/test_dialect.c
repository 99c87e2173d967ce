/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "translate/dialect/dialect.h"

static struct profile
resolved(const char *host, const char *model)
{
	struct profile configured, p;

	profile_defaults(&configured);
	dialect_resolve(&configured, host, model, &p);
	return p;
}

static void
every_word_of_every_knob_can_be_set_and_told(void **state)
{
	static const struct {
		const char *name, *words;
	} knobs[] = {
#define X(NAME, member, words) { #NAME, words },
		DIALECT_KNOBS(X)
#undef X
	};
	struct profile p;
	const char *allowed;
	char word[64];

	(void)state;
	profile_defaults(&p);
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		const char *at = knobs[i].words;

		while (*at != '\0') {
			size_t n = strcspn(at, "|");

			memcpy(word, at, n);
			word[n] = '\0';
			assert_int_equal(
			    profile_set(&p, knobs[i].name, word, &allowed), 1);
			assert_non_null(profile_word(&p, knobs[i].name));
			assert_string_equal(
			    profile_word(&p, knobs[i].name), word);
			at += n + (at[n] == '|');
		}
		allowed = NULL;
		assert_int_equal(
		    profile_set(&p, knobs[i].name, "nonsense", &allowed), -1);
		assert_string_equal(allowed, knobs[i].words);
		assert_int_equal(
		    profile_set(&p, knobs[i].name, "", &allowed), -1);
	}
}

static void
knobs_have_names_in_any_case(void **state)
{
	struct profile p;
	const char *allowed;

	(void)state;
	profile_defaults(&p);
	assert_int_equal(profile_set(&p, "top_k", "PASS", &allowed), 1);
	assert_int_equal(p.top_k, TOP_K_PASS);
	assert_int_equal(profile_set(&p, "NO_SUCH", "x", &allowed), 0);
	assert_null(profile_word(&p, "NO_SUCH"));
}

static void
an_unknown_server_gets_what_most_take(void **state)
{
	struct profile p = resolved("127.0.0.1", "claude-opus-5-5");

	(void)state;
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_OLD);
	assert_int_equal(p.inline_system, INLINE_KEEP);
	assert_int_equal(p.user_after_tool, USER_AFTER_TOOL_ALLOW);
	assert_int_equal(p.reasoning_request, REASONING_EFFORT);
	assert_int_equal(p.reasoning_history, HISTORY_AUTO);
	assert_int_equal(p.tools_need_effort_none, EFFORT_NONE_FALSE);
	assert_int_equal(p.sampling, SAMPLING_PASS);
	assert_int_equal(p.top_k, TOP_K_DROP);
	assert_int_equal(p.stop_mode, STOP_LOCAL);
	assert_int_equal(p.tool_id_mode, TOOL_ID_PASS);
	assert_int_equal(p.tool_schema, SCHEMA_PASS);
	assert_int_equal(p.image_url, IMAGE_URL_PASS);
	assert_int_equal(p.include_usage, USAGE_TRUE);
	assert_int_equal(p.prefill, PREFILL_PASS);
	assert_int_equal(p.cache_hints, HINTS_NONE);
	assert_int_equal(p.tool_choice, CHOICE_FORM_OPENAI);
	assert_int_equal(p.parallel_tool_calls, PARALLEL_SEND);
	assert_int_equal(p.user_field, USER_USER);
	assert_int_equal(p.service_tier, TIER_SEND);
	assert_int_equal(p.response_format, FORMAT_JSON_SCHEMA);
	assert_false(p.fast_tier);
	assert_false(p.prompt_cache_key);
	assert_false(p.is_gemini);
	assert_null(p.max_effort);
	assert_null(p.off_effort);
	p = resolved(NULL, "");
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_OLD);
}

static void
gpt_models_from_5_2_on_need_no_effort_beside_tools(void **state)
{
	static const struct {
		const char *host, *model;
		int want;
	} cases[] = {
		{ "127.0.0.1", "gpt-5.6-terra", EFFORT_NONE_TRUE },
		{ "127.0.0.1", "GPT-5.4", EFFORT_NONE_TRUE },
		{ "127.0.0.1", "openai/gpt-5.4", EFFORT_NONE_TRUE },
		{ "127.0.0.1", "gpt-6", EFFORT_NONE_TRUE },
		{ "api.openai.com", "gpt-5.2-codex", EFFORT_NONE_TRUE },
		{ "r.openai.azure.com", "gpt-5.10", EFFORT_NONE_TRUE },
		{ "127.0.0.1", "gpt-5.1", EFFORT_NONE_FALSE },
		{ "127.0.0.1", "gpt-5", EFFORT_NONE_FALSE },
		{ "127.0.0.1", "gpt-4.9", EFFORT_NONE_FALSE },
		{ "127.0.0.1", "gpt-oss-120b", EFFORT_NONE_FALSE },
		{ "127.0.0.1", "my-gpt-5.6", EFFORT_NONE_FALSE },
		{ "api.openai.com", "gpt-5.3-chat-latest", EFFORT_NONE_FALSE },
		{ "openrouter.ai", "openai/gpt-5.6", EFFORT_NONE_FALSE },
		{ "api.githubcopilot.com", "gpt-5.6", EFFORT_NONE_FALSE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(resolved(cases[i].host, cases[i].model)
				     .tools_need_effort_none,
		    cases[i].want);
}

static void
hosts_are_known_by_name(void **state)
{
	struct profile p = resolved("api.openai.com", "gpt-5.4");

	(void)state;
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_NEW);
	assert_int_equal(p.user_field, USER_SAFETY);
	assert_int_equal(p.sampling, SAMPLING_DROP);
	assert_string_equal(p.max_effort, "xhigh");
	assert_true(p.prompt_cache_key && p.fast_tier);
	p = resolved("api.openai.com", "gpt-4o");
	assert_int_equal(p.sampling, SAMPLING_PASS);
	assert_int_equal(p.reasoning_request, REASONING_NONE);
	p = resolved("api.openai.com", "o4-mini");
	assert_string_equal(p.off_effort, "low");
	p = resolved("r.openai.azure.com", "gpt-5");
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_NEW);
	assert_string_equal(p.off_effort, "minimal");
	p = resolved("openrouter.ai", "google/gemini-3-pro");
	assert_int_equal(p.reasoning_request, REASONING_OPENROUTER);
	assert_int_equal(p.reasoning_history, HISTORY_DETAILS);
	assert_int_equal(p.cache_hints, HINTS_OPENROUTER);
	assert_int_equal(p.web_search, SEARCH_OPENROUTER);
	assert_false(p.is_gemini);
	p = resolved("openrouter.ai", "mistralai/devstral");
	assert_int_equal(p.tool_id_mode, TOOL_ID_PASS);
	assert_int_equal(p.cache_hints, HINTS_NONE);
	p = resolved("api.mistral.ai", "mistral-large-latest");
	assert_int_equal(p.tool_id_mode, TOOL_ID_MISTRAL9);
	assert_int_equal(p.user_after_tool, USER_AFTER_TOOL_FOLD);
	assert_int_equal(p.include_usage, USAGE_FALSE);
	assert_int_equal(p.tool_choice, CHOICE_FORM_ANY);
	assert_int_equal(p.prefill, PREFILL_PREFIX);
	assert_int_equal(p.user_field, USER_NONE);
	p = resolved("api.deepseek.com", "deepseek-chat");
	assert_int_equal(p.reasoning_request, REASONING_DEEPSEEK);
	assert_int_equal(p.reasoning_history, HISTORY_DEEPSEEK);
	assert_int_equal(p.response_format, FORMAT_JSON_OBJECT);
	p = resolved("api.moonshot.ai", "kimi-k2.6");
	assert_int_equal(p.tool_schema, SCHEMA_KIMI);
	assert_int_equal(p.image_url, IMAGE_URL_REJECT);
	assert_true(p.is_kimi);
	p = resolved("generativelanguage.googleapis.com", "gemini-3-pro");
	assert_int_equal(p.tool_schema, SCHEMA_GEMINI);
	assert_int_equal(p.user_field, USER_NONE);
	assert_int_equal(p.parallel_tool_calls, PARALLEL_DROP);
	assert_true(p.is_gemini);
	p = resolved("api.z.ai", "glm-5");
	assert_int_equal(p.tool_choice, CHOICE_FORM_AUTO_ONLY);
	p = resolved("api.groq.com", "qwen3-32b");
	assert_int_equal(p.reasoning_history, HISTORY_NONE);
	assert_int_equal(p.reasoning_request, REASONING_NONE);
	p = resolved("api.groq.com", "openai/gpt-oss-120b");
	assert_int_equal(p.reasoning_history, HISTORY_REASONING);
	assert_int_equal(p.reasoning_request, REASONING_EFFORT);
	p = resolved("api.cerebras.ai", "llama");
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_NEW);
	p = resolved("dbc-1.cloud.databricks.com", "claude");
	assert_int_equal(p.parallel_tool_calls, PARALLEL_DROP);
}

static void
a_host_is_matched_by_whole_labels(void **state)
{
	(void)state;
	assert_int_equal(
	    resolved("api.openai.com.evil.example", "m").user_field, USER_USER);
	assert_int_equal(resolved("notopenai.com", "m").user_field, USER_USER);
	assert_int_equal(resolved("openai.com", "m").user_field, USER_SAFETY);
	assert_int_equal(
	    resolved("eu.api.openai.com", "m").user_field, USER_SAFETY);
}

static void
models_are_known_wherever_they_are_served(void **state)
{
	(void)state;
	assert_int_equal(resolved("127.0.0.1", "Devstral-Small").tool_id_mode,
	    TOOL_ID_MISTRAL9);
	assert_true(resolved("127.0.0.1", "moonshotai/Kimi-K2").is_kimi);
	assert_true(resolved("127.0.0.1", "vertex/gemini-3-pro").is_gemini);
	assert_int_equal(
	    resolved("127.0.0.1", "deepseek-reasoner").reasoning_history,
	    HISTORY_DEEPSEEK);
	assert_int_equal(
	    resolved("h", "deepseek-ai/DeepSeek-V4").reasoning_history,
	    HISTORY_DEEPSEEK);
}

static void
what_was_set_by_hand_stays(void **state)
{
	struct profile configured, p;
	const char *allowed;

	(void)state;
	profile_defaults(&configured);
	profile_set(&configured, "MAX_TOKENS_FIELD", "max_tokens", &allowed);
	profile_set(&configured, "USER_FIELD", "none", &allowed);
	profile_set(&configured, "TOOLS_NEED_EFFORT_NONE", "false", &allowed);
	dialect_resolve(&configured, "api.openai.com", "gpt-5.6", &p);
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_OLD);
	assert_int_equal(p.user_field, USER_NONE);
	assert_int_equal(p.tools_need_effort_none, EFFORT_NONE_FALSE);
	assert_int_equal(p.service_tier, TIER_SEND);
}

static void
efforts_are_ranked(void **state)
{
	(void)state;
	assert_int_equal(effort_rank("none"), 0);
	assert_true(effort_rank("max") > effort_rank("xhigh"));
	assert_int_equal(effort_rank("extreme"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_of_every_knob_can_be_set_and_told),
		cmocka_unit_test(knobs_have_names_in_any_case),
		cmocka_unit_test(an_unknown_server_gets_what_most_take),
		cmocka_unit_test(
		    gpt_models_from_5_2_on_need_no_effort_beside_tools),
		cmocka_unit_test(hosts_are_known_by_name),
		cmocka_unit_test(a_host_is_matched_by_whole_labels),
		cmocka_unit_test(models_are_known_wherever_they_are_served),
		cmocka_unit_test(what_was_set_by_hand_stays),
		cmocka_unit_test(efforts_are_ranked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
