/* SPDX-License-Identifier: MIT */
#include "translate/reply/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct json_limits limits = { 100, 1000 };

static void
read_text(struct usage *u, const char *text)
{
	struct json_doc doc;

	assert_int_equal(
	    json_parse(&doc, text, strlen(text), &limits, NULL), 0);
	usage_read(u, &doc, doc.root);
	json_doc_clear(&doc);
}

/* "input output cache_read cache_write thinking" of a usage object. */
static const char *
settle(const char *text)
{
	static char line[128];
	struct stream_usage settled;
	struct emit_usage told;
	struct usage u;

	usage_init(&u);
	read_text(&u, text);
	usage_settle(&u, 70, 30, false, &settled);
	usage_emit(&u, &settled, false, &told);
	snprintf(line, sizeof(line), "%lld %lld %lld %lld %lld",
	    (long long)told.input_tokens, (long long)told.output_tokens,
	    (long long)told.cache_read_tokens,
	    (long long)told.cache_write_tokens,
	    (long long)told.thinking_tokens);
	return line;
}

static void
every_place_of_a_cached_count_is_known(void **state)
{
	static const char *const places[] = {
		"\"prompt_tokens_details\":{\"cached_tokens\":60}",
		"\"prompt_token_details\":{\"cached_tokens\":60}",
		"\"prompt_tokens_details\":{\"cached_tokens\":0},"
		"\"prompt_cache_hit_tokens\":60",
		"\"prompt_cache_hit_tokens\":60,\"prompt_cache_miss_tokens\":"
		"40",
		"\"cached_tokens\":60",
		"\"num_cached_tokens\":60",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(text, sizeof(text),
		    "{\"prompt_tokens\":100,\"completion_tokens\":5,%s}",
		    places[i]);
		assert_string_equal(settle(text), "40 5 60 0 -1");
	}
}

static void
input_never_becomes_negative(void **state)
{
	(void)state;
	assert_string_equal(
	    settle("{\"prompt_tokens\":100,\"completion_tokens\":5,"
		   "\"prompt_tokens_details\":{\"cached_tokens\":60,"
		   "\"cache_write_tokens\":30}}"),
	    "10 5 60 30 -1");
	assert_string_equal(
	    settle("{\"prompt_tokens\":100,\"completion_tokens\":5,"
		   "\"prompt_tokens_details\":{\"cached_tokens\":60,"
		   "\"cache_write_tokens\":50}}"),
	    "40 5 60 50 -1");
	assert_string_equal(
	    settle("{\"prompt_tokens\":100,\"completion_tokens\":5,"
		   "\"prompt_tokens_details\":{\"cached_tokens\":160}}"),
	    "100 5 160 0 -1");
}

static void
reasoning_that_is_not_in_completion_is_added(void **state)
{
	(void)state;
	assert_string_equal(
	    settle("{\"prompt_tokens\":12,\"completion_tokens\":1,"
		   "\"total_tokens\":303,\"completion_tokens_details\":{"
		   "\"reasoning_tokens\":290}}"),
	    "12 291 0 0 290");
	assert_string_equal(
	    settle("{\"prompt_tokens\":12,\"completion_tokens\":300,"
		   "\"total_tokens\":312,\"completion_tokens_details\":{"
		   "\"reasoning_tokens\":290}}"),
	    "12 300 0 0 290");
	assert_string_equal(
	    settle("{\"prompt_tokens\":12,\"completion_tokens\":3,"
		   "\"completion_tokens_details\":{"
		   "\"reasoning_tokens\":290}}"),
	    "12 3 0 0 3");
}

static void
sloppy_counts_are_read_or_estimated(void **state)
{
	(void)state;
	assert_string_equal(settle("{\"prompt_tokens\":100.0,"
				   "\"completion_tokens\":\"5\"}"),
	    "100 5 0 0 -1");
	assert_string_equal(
	    settle("{\"prompt_tokens\":null,\"completion_tokens\":null}"),
	    "70 30 0 0 -1");
	assert_string_equal(
	    settle("{\"prompt_tokens\":-3,\"completion_tokens\":1e300}"),
	    "70 30 0 0 -1");
	assert_string_equal(
	    settle("{\"prompt_tokens\":\"x\"}"), "70 30 0 0 -1");
	assert_string_equal(settle("{}"), "70 30 0 0 -1");
	assert_string_equal(settle("[1]"), "70 30 0 0 -1");
}

static void
a_later_zero_does_not_undo_a_count(void **state)
{
	struct stream_usage settled;
	struct usage u;

	(void)state;
	usage_init(&u);
	read_text(&u, "{\"prompt_tokens\":10,\"completion_tokens\":5}");
	read_text(&u, "{\"prompt_tokens\":0,\"completion_tokens\":0}");
	read_text(&u, "{\"prompt_tokens\":null,\"completion_tokens\":6}");
	usage_settle(&u, 70, 30, false, &settled);
	assert_int_equal(settled.input_tokens, 10);
	assert_int_equal(settled.output_tokens, 6);
	assert_true(settled.reported);
}

static void
an_answer_without_a_word_may_cost_nothing(void **state)
{
	struct stream_usage settled;
	struct usage u;

	(void)state;
	usage_init(&u);
	read_text(&u, "{\"prompt_tokens\":10,\"completion_tokens\":0}");
	usage_settle(&u, 70, 30, true, &settled);
	assert_int_equal(settled.output_tokens, 0);
	usage_settle(&u, 70, 30, false, &settled);
	assert_int_equal(settled.output_tokens, 30);
	usage_init(&u);
	usage_settle(&u, 70, 0, false, &settled);
	assert_int_equal(settled.output_tokens, 1);
	assert_false(settled.reported);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_of_a_cached_count_is_known),
		cmocka_unit_test(input_never_becomes_negative),
		cmocka_unit_test(reasoning_that_is_not_in_completion_is_added),
		cmocka_unit_test(sloppy_counts_are_read_or_estimated),
		cmocka_unit_test(a_later_zero_does_not_undo_a_count),
		cmocka_unit_test(an_answer_without_a_word_may_cost_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
