/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/doctor_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/settings.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct listed_model listed[] = { { .id = (char *)(uintptr_t) "claude-m",
    .window = 200000 } };
static struct settings *settings;
static struct findings found;
static struct diagnosis d;

/* All is well, then what a case changes. */
static int
all_is_well(void **state)
{
	char err[200];

	(void)state;
	settings = settings_new();
	assert_non_null(settings);
	assert_int_equal(settings_set_upstream(
			     settings, "http://h.example", err, sizeof(err)),
	    0);
	listed[0].id = (char *)(uintptr_t) "claude-m";
	listed[0].window = 200000;
	found = (struct findings){ .settings = settings,
		.model = "claude-m",
		.source = MODEL_LIST,
		.list = { listed, 1 } };
	for (size_t i = 0; i < N_PROBES; i++)
		found.probes[i] = (struct probe){ .asked = true,
			.status = 200,
			.is_events = true,
			.has_usage = true,
			.calls = 2,
			.says_red = true,
			.thinks = i != PROBE_QUIET,
			.form = FORM_REASONING,
			.token_field = "max_tokens" };
	return 0;
}

static int
forget(void **state)
{
	(void)state;
	settings_drop(settings);
	return 0;
}

static const struct row *
row(const char *name)
{
	for (size_t i = 0; i < d.n_rows; i++)
		if (strcmp(d.rows[i].name, name) == 0)
			return &d.rows[i];
	return NULL;
}

static void
assert_row(const char *name, enum verdict verdict, const char *part)
{
	const struct row *r = row(name);

	if (r == NULL)
		fail_msg("there is no row %s", name);
	else if (r->verdict != verdict || strstr(r->text, part) == NULL)
		fail_msg("%s: %d %s", name, (int)r->verdict, r->text);
}

static void
break_probe(
    enum probe_name name, enum fault_kind kind, int status, const char *message)
{
	found.probes[name].kind = kind;
	found.probes[name].status = status;
	snprintf(found.probes[name].message, sizeof(found.probes[name].message),
	    "%s", message);
}

static void
a_good_upstream_needs_nothing(void **state)
{
	(void)state;
	doctor_judge(&found, &d);
	assert_true(d.works);
	assert_int_equal(d.n_advice, 0);
	for (size_t i = 0; i < d.n_rows; i++)
		assert_row(d.rows[i].name, VERDICT_OK, "");
	assert_row("reasoning", VERDICT_OK, "in reasoning");
	assert_row("parallel tools", VERDICT_OK, "2 calls");
}

static void
each_lack_is_told_in_its_row_and_one_can_live_with_it(void **state)
{
	struct probe *p = found.probes;

	(void)state;
	p[PROBE_CHAT].is_events = p[PROBE_CHAT].has_usage = false;
	p[PROBE_TOOLS].calls = 1;
	p[PROBE_FORCED].calls = 0;
	p[PROBE_IMAGE].says_red = false;
	p[PROBE_THINKING].thinks = false;
	p[PROBE_QUIET].asked = false;
	break_probe(PROBE_RESULT, FAULT_BAD_REQUEST, 400, "order");
	listed[0].window = 8192;
	doctor_judge(&found, &d);
	assert_true(d.works);
	assert_row("stream", VERDICT_NO, "whole");
	assert_row("usage in stream", VERDICT_NO, "estimated");
	assert_row("tools", VERDICT_OK, "");
	assert_row("parallel tools", VERDICT_NO, "one");
	assert_row("forced tool", VERDICT_NO, "no effect");
	assert_row("tool results", VERDICT_NO, "order");
	assert_row("image", VERDICT_NO, "not recognised");
	assert_row("reasoning", VERDICT_NO, "none");
	assert_row("reasoning off", VERDICT_OPEN, "none to switch off");
	assert_row("context window", VERDICT_NO, "8192");
}

static void
a_failure_stands_in_the_row_of_its_cause(void **state)
{
	static const struct {
		enum fault_kind kind;
		int status;
		const char *message, *row;
	} cases[] = {
		{ FAULT_BAD_GATEWAY, 0, "refused", "reachable" },
		{ FAULT_NOT_FOUND, 404, "no page", "reachable" },
		{ FAULT_AUTHENTICATION, 401, "bad key", "key" },
		{ FAULT_PERMISSION, 403, "not you", "key" },
		{ FAULT_BILLING, 402, "no money", "key" },
		{ FAULT_NOT_FOUND, 404, "model: m. gone", "model" },
		{ FAULT_RATE_LIMIT, 429, "slow down", "stream" },
		{ FAULT_INTERNAL, 500, "crashed", "stream" },
		{ FAULT_BAD_REQUEST, 400, "no streams", "stream" },
		{ FAULT_TIMEOUT, 0, "silent", "reachable" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		for (size_t k = PROBE_CHAT; k < N_PROBES; k++)
			found.probes[k].asked = k == PROBE_CHAT;
		break_probe(PROBE_CHAT, cases[i].kind, cases[i].status,
		    cases[i].message);
		found.quiet_style = "vllm_kwargs";
		doctor_judge(&found, &d);
		assert_false(d.works);
		assert_int_equal(d.n_advice, 0);
		for (size_t k = 0; k < d.n_rows; k++)
			if ((strcmp(d.rows[k].name, cases[i].row) == 0) !=
			    (d.rows[k].verdict == VERDICT_FAIL))
				fail_msg("%s: %s: %s", cases[i].message,
				    d.rows[k].name, d.rows[k].text);
	}
}

static void
a_key_is_shown_as_a_fingerprint(void **state)
{
	static char key[] = "sk-something-secret";

	(void)state;
	settings->upstream_key = key;
	doctor_judge(&found, &d);
	settings->upstream_key = NULL;
	assert_row("key", VERDICT_OK, "sha256:");
	assert_null(strstr(row("key")->text, "secret"));
}

static void
what_was_learned_becomes_the_setting_that_says_so(void **state)
{
	static const struct {
		struct lesson lesson;
		const char *name, *value;
	} cases[] = {
		{ { .kind = LESSON_USE_MAX_COMPLETION_TOKENS },
		    "MAX_TOKENS_FIELD", "max_completion_tokens" },
		{ { .kind = LESSON_FOLD_SYSTEM }, "INLINE_SYSTEM", "fold" },
		{ { .kind = LESSON_FOLD_USER_AFTER_TOOL }, "USER_AFTER_TOOL",
		    "fold" },
		{ { .kind = LESSON_EFFORT_NONE }, "TOOLS_NEED_EFFORT_NONE",
		    "true" },
		{ { .kind = LESSON_REASONING_CONTENT }, "REASONING_HISTORY",
		    "deepseek" },
		{ { .kind = LESSON_DROP, .name = "stream_options" },
		    "INCLUDE_USAGE", "false" },
		{ { .kind = LESSON_DROP, .name = "parallel_tool_calls" },
		    "PARALLEL_TOOL_CALLS", "drop" },
		{ { .kind = LESSON_DROP, .name = "temperature" }, "SAMPLING",
		    "drop" },
		{ { .kind = LESSON_DROP, .name = "user" }, "USER_FIELD",
		    "none" },
		{ { .kind = LESSON_DROP, .name = "reasoning_effort" },
		    "REASONING_REQUEST", "none" },
		{ { .kind = LESSON_TOOL_IDS, .name = "mistral9" },
		    "TOOL_ID_MODE", "mistral9" },
		{ { .kind = LESSON_TOOL_CHOICE, .name = "any" }, "TOOL_CHOICE",
		    "any" },
		{ { .kind = LESSON_SCHEMA_KEYWORD, .name = "$schema" }, NULL,
		    "schema_keyword $schema" },
		{ { .kind = LESSON_USE_MAX_TOKENS }, NULL, "use_max_tokens" },
	};
	const char *allowed;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		found.lessons[0] = cases[i].lesson;
		found.n_lessons = 1;
		doctor_judge(&found, &d);
		if (cases[i].name == NULL) {
			assert_int_equal(d.n_advice, 0);
			assert_row("mended", VERDICT_OK, cases[i].value);
			continue;
		}
		assert_null(row("mended"));
		assert_int_equal(d.n_advice, 1);
		assert_string_equal(d.advice[0].name, cases[i].name);
		assert_string_equal(d.advice[0].value, cases[i].value);
		/* the setting takes it, and then there is nothing to say */
		assert_int_equal(profile_set(&settings->profile, cases[i].name,
				     cases[i].value, &allowed),
		    1);
		doctor_judge(&found, &d);
		assert_int_equal(d.n_advice, 0);
		profile_defaults(&settings->profile);
	}
}

static void
a_style_that_switches_thinking_off_is_advised(void **state)
{
	(void)state;
	found.probes[PROBE_QUIET].thinks = true;
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 0);
	assert_row("reasoning off", VERDICT_NO, "all the same");
	found.quiet_style = "vllm_kwargs";
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 1);
	assert_string_equal(d.advice[0].name, "REASONING_REQUEST");
	assert_string_equal(d.advice[0].value, "vllm_kwargs");
}

static void
the_other_url_is_advised(void **state)
{
	(void)state;
	found.other_url = true;
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 1);
	assert_string_equal(
	    d.advice[0].value, "http://h.example/chat/completions");
	assert_row("reachable", VERDICT_OK, "http://h.example/chat");
}

static void
models_are_advised_only_where_there_is_no_choice(void **state)
{
	static struct listed_model two[] = {
		{ .id = (char *)(uintptr_t) "a" },
		{ .id = (char *)(uintptr_t) "b\n\x1b[1m\xc2\x9b"
					    "31mB=2" },
	};

	(void)state;
	found.list = (struct model_list){ two, 1 };
	found.model = "a";
	doctor_judge(&found, &d);
	assert_row("model names", VERDICT_NO, "COMPLETION_MODEL");
	assert_int_equal(d.n_advice, 2);
	assert_string_equal(d.advice[0].name, "REASONING_MODEL");
	assert_string_equal(d.advice[0].value, "a");
	assert_string_equal(d.advice[1].name, "COMPLETION_MODEL");

	found.list.n = 2; /* any of them might be meant … */
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 0);
	found.source = MODEL_OPTION; /* … but this one was said */
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 2);
	found.model = "c"; /* answered, yet nobody knows it */
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 0);

	two[0].id = (char *)(uintptr_t) "models/c"; /* so some lists have it */
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 2);
	two[0].id = (char *)(uintptr_t) "c:latest";
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 2);
	two[0].id = (char *)(uintptr_t) "anthropic/claude-m"; /* another name */
	found.model = "anthropic/claude-m";
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 2);

	found.model = two[1].id; /* would break out of its line */
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 0);
	for (size_t i = 0; i < d.n_rows; i++) {
		assert_null(strpbrk(d.rows[i].text, "\n\x1b"));
		assert_null(strstr(d.rows[i].text, "\xc2\x9b"));
	}

	found.model = two[0].id;
	settings->demo = true;
	doctor_judge(&found, &d);
	assert_int_equal(d.n_advice, 0);
}

static void
models_of_other_trades_are_told_by_their_names(void **state)
{
	static const struct {
		const char *id;
		bool chats;
	} cases[] = { { "gpt-5.2", true }, { "text-embedding-3-small", false },
		{ "whisper-1", false }, { "qwen3:8b", true },
		{ "gpt-image-1", false }, { "", true } };

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(
		    doctor_is_chat_model(cases[i].id), cases[i].chats);
}

static void
without_any_model_nothing_is_tried(void **state)
{
	(void)state;
	for (size_t k = PROBE_CHAT; k < N_PROBES; k++)
		found.probes[k] = (struct probe){ 0 };
	found.model = NULL;
	found.source = MODEL_NONE;
	found.list.n = 0;
	doctor_judge(&found, &d);
	assert_false(d.works);
	assert_row("model", VERDICT_FAIL, "COMPLETION_MODEL");
	break_probe(PROBE_LIST, FAULT_BAD_GATEWAY, 0, "refused");
	doctor_judge(&found, &d);
	assert_row("model", VERDICT_OPEN, "not tried");
	assert_row("reachable", VERDICT_FAIL, "refused");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, all_is_well, forget)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_good_upstream_needs_nothing),
		CASE(each_lack_is_told_in_its_row_and_one_can_live_with_it),
		CASE(a_failure_stands_in_the_row_of_its_cause),
		CASE(a_key_is_shown_as_a_fingerprint),
		CASE(what_was_learned_becomes_the_setting_that_says_so),
		CASE(a_style_that_switches_thinking_off_is_advised),
		CASE(the_other_url_is_advised),
		CASE(models_are_advised_only_where_there_is_no_choice),
		CASE(models_of_other_trades_are_told_by_their_names),
		CASE(without_any_model_nothing_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
