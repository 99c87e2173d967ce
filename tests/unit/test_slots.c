/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "upstream_answer.h"

static char get[] = "get_", weather[] = "get_weather",
	    forecast[] = "get_weather_forecast", glob[] = "glob",
	    close_tab[] = "close_tab", browser[] = "browser__close_tab";
static struct reply_tool known[] = { { browser, close_tab, "browser" },
	{ get, get, NULL }, { weather, weather, NULL },
	{ forecast, forecast, NULL }, { glob, glob, NULL } };

static int
offer_tools(void **state)
{
	answer_setup(state);
	answer_terms.tools = known;
	answer_terms.n_tools = sizeof(known) / sizeof(*known);
	return 0;
}
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, offer_tools, answer_teardown)

static const char *
id_of(int block)
{
	return answer_member(cJSON_GetArrayItem(answer.content, block), "id");
}

/* -- which call ------------------------------------------------------------ */

static void
an_unseen_id_at_a_known_index_is_another_call(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "glob", "{}") BEGIN_CALL("0", "b", "glob")
		    ARGS("0", "{\\\"x\\\":1}") FINISH("stop")),
	    "tool(glob,{}) tool(glob,{\"x\":1}) tool_use");
	assert_string_equal(id_of(0), "a");
	assert_string_equal(id_of(1), "b");
}

static void
calls_at_one_index_are_told_apart_by_their_ids(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(BEGIN_CALL("0", "a", "glob") BEGIN_CALL("0", "b", "glob") CALL(
		"\"index\":0,\"id\":\"a\",\"function\":{"
		"\"arguments\":\"{\\\"n\\\":1}\"}")
		    CALL("\"index\":0,\"id\":\"b\",\"function\":{"
			 "\"arguments\":\"{\\\"n\\\":2}\"}") FINISH("stop")),
	    "tool(glob,{\"n\":1}) tool(glob,{\"n\":2}) tool_use");
}

static void
without_index_a_name_begins_a_call_once_the_last_is_complete(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(CALL("\"function\":{\"name\":\"glob\",\"arguments\":\"{\"}")
		    CALL("\"function\":{\"name\":\"glob\",\"arguments\":\"}\"}")
			CALL("\"function\":{\"name\":\"glob\",\"arguments\":"
			     "\"{\\\"a\\\":1}\"}") FINISH("stop")),
	    "tool(glob,{}) tool(glob,{\"a\":1}) tool_use");
	assert_string_equal(
	    PLAY(DELTA("\"tool_calls\":[{\"function\":{\"name\":\"glob\"}},"
		       "{\"function\":{\"name\":\"glob\"}}]") FINISH("stop")),
	    "tool(glob,{}) tool(glob,{}) tool_use");
	assert_string_equal(
	    PLAY(CALL("\"function\":{\"name\":\"glob\"}") CALL(
		"\"function\":{\"name\":\"get_weather\"}") FINISH("stop")),
	    "tool(glob,{}) tool(get_weather,{}) tool_use");
}

static void
another_name_behind_a_complete_call_is_another_call(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(CALL("\"index\":0,\"function\":{\"name\":\"glob\","
		      "\"arguments\":\"{}\"}")
		    CALL("\"index\":0,\"function\":{\"name\":"
			 "\"get_weather\",\"arguments\":\"{}\"}")
			CALL("\"index\":0,\"id\":\"x\",\"function\":{"
			     "\"name\":\"glob\",\"arguments\":\"{}\"}")
			    FINISH("stop")),
	    "tool(glob,{}) tool(get_weather,{}) tool(glob,{}) tool_use");
	assert_string_equal(
	    PLAY(CALL("\"id\":\"call_0\",\"function\":{\"name\":\"glob\","
		      "\"arguments\":\"{}\"}")
		    CALL("\"id\":\"call_0\",\"function\":{\"name\":"
			 "\"get_weather\",\"arguments\":\"{}\"}")
			FINISH("stop")),
	    "tool(glob,{}) tool(get_weather,{}) tool_use");
}

static void
odd_indexes_are_only_names(void **state)
{
	(void)state;
	assert_string_equal(PLAY(WHOLE_CALL("-1", "a", "glob", "{}") WHOLE_CALL(
				"9223372036854775807", "b", "glob", "{}")
				    BEGIN_CALL("1e400", "c", "glob")
					ARGS("1.5", "{}") FINISH("stop")),
	    "tool(glob,{}) tool(glob,{}) tool(glob,{}) tool_use");
}

static void
each_entry_of_a_completion_is_a_call(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(MESSAGE(
		"\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{"
		"\"name\":\"glob\",\"arguments\":\"{}\"}},{\"index\":0,"
		"\"id\":\"a\",\"function\":{\"name\":\"glob\","
		"\"arguments\":\"{}\"}}]",
		"stop")),
	    "tool(glob,{}) tool(glob,{}) tool_use");
	assert_string_equal(id_of(0), "a");
	assert_int_equal(strlen(id_of(1)), 30);
}

static void
a_function_call_of_old_servers_is_a_call(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"function_call\":{\"name\":\"glob\","
		       "\"arguments\":\"\"}")
		    DELTA("\"function_call\":{\"arguments\":\"{}\"}")
			FINISH("function_call")),
	    "tool(glob,{}) tool_use");
}

static void
a_custom_call_has_its_text_as_input(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(CALL("\"index\":0,\"id\":\"a\",\"type\":\"custom\","
		      "\"custom\":{\"name\":\"glob\",\"input\":\"say \\\"\"}")
		    CALL("\"index\":0,\"custom\":{\"input\":\"hi\\\"\\n\"}")
			FINISH("tool_calls")),
	    "tool(glob,{\"input\":\"say \\\"hi\\\"\\n\"}) tool_use");
}

static void
only_the_first_call_is_kept_where_one_was_asked(void **state)
{
	(void)state;
	answer_terms.one_call_only = true;
	assert_string_equal(
	    PLAY(BEGIN_CALL("0", "a", "glob") BEGIN_CALL("1", "b", "glob") ARGS(
		"1", "{\\\"no") ARGS("0", "{}") TEXT("t") FINISH("tool_calls")),
	    "tool(glob,{}) text(t) tool_use");
}

static void
too_many_calls_are_an_error(void **state)
{
	static const char one[] =
	    CALL("\"function\":{\"name\":\"glob\",\"arguments\":\"{}\"}");
	struct buf many;

	(void)state;
	buf_init(&many, SIZE_MAX / 2);
	for (int i = 0; i < 3000; i++)
		buf_add_str(&many, one);
	buf_add_str(&many, DONE);
	answer_play(buf_str(&many), many.len, NULL);
	assert_string_equal(answer.bad, "");
	assert_int_equal(cJSON_GetArraySize(answer.content), 3000);
	buf_reset(&many);
	for (int i = 0; i < 5000; i++)
		buf_add_str(&many, one);
	answer_play(buf_str(&many), many.len, NULL);
	assert_string_equal(answer_member(answer.error, "message"),
	    "upstream sent more than 4096 tool calls");
	buf_clear(&many);
}

/* -- names ----------------------------------------------------------------- */

static void
a_name_may_come_in_pieces_or_again_and_again(void **state)
{
	(void)state;
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "get_") BEGIN_CALL("0",
				"a", "weather") ARGS("0", "{}") FINISH("stop")),
	    "tool(get_weather,{}) tool_use");
	assert_string_equal(
	    PLAY(BEGIN_CALL("0", "a", "glob") WHOLE_CALL("0", "a", "glob", "{")
		    ARGS("0", "}") FINISH("stop")),
	    "tool(glob,{}) tool_use");
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "get_weather")
				    BEGIN_CALL("0", "a", "_forecast")
					ARGS("0", "{}") FINISH("stop")),
	    "tool(get_weather_forecast,{}) tool_use");
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "xyz") BEGIN_CALL(
				"0", "a", "glob") FINISH("stop")),
	    "tool(glob,{}) tool_use");
}

static void
an_unknown_name_passes_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "Glob \\\"x", "{}") FINISH("stop")),
	    "tool(Glob \"x,{}) tool_use");
}

static void
a_call_without_a_name_is_an_error(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(TEXT("t") ARGS("0", "{}") FINISH("tool_calls")),
	    "text(t) api_error: upstream sent a tool call without a name");
}

static void
a_tool_of_a_toolset_gets_its_own_name_back(void **state)
{
	(void)state;
	assert_string_equal(PLAY(WHOLE_CALL("0", "a", "browser__close_tab",
				"{}") FINISH("stop")),
	    "tool(close_tab,{}) tool_use");
	assert_string_equal(answer_member(cJSON_GetArrayItem(answer.content, 0),
				"toolset_name"),
	    "browser");
}

/* -- ids ------------------------------------------------------------------- */

static void
ids_are_unique_and_fit_the_client(void **state)
{
	static char used[] = "used";
	static char *history[] = { used };
	char upstream[2048], id[300];

	(void)state;
	answer_terms.history_ids = history;
	answer_terms.n_history_ids = 1;
	PLAY(WHOLE_CALL("0", "functions.glob:0", "glob", "{}") WHOLE_CALL(
	    "1", "used", "glob", "{}") WHOLE_CALL("2", "", "glob", "{}")
		WHOLE_CALL("3", "fine_-9", "glob", "{}") FINISH("stop"));
	assert_string_equal(answer.bad, "");
	assert_string_equal(id_of(0), "tcx_ZnVuY3Rpb25zLmdsb2I6MA");
	assert_string_equal(id_of(1), "toolu_000000000000000000000001");
	assert_string_equal(id_of(2), "toolu_000000000000000000000002");
	assert_string_equal(id_of(3), "fine_-9");
	memset(id, 'a', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	snprintf(upstream, sizeof(upstream),
	    "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"%s\","
	    "\"function\":{\"name\":\"glob\"}}]}}]}",
	    id);
	PLAY(upstream);
	assert_int_equal(strlen(id_of(0)), 30);
}

/* -- arguments ------------------------------------------------------------- */

static void
no_arguments_are_an_empty_object(void **state)
{
	static const char *const forms[] = { "\"\"", "\" \\n\"", "null",
		"\"null\"", "\" null \"", "\"\\\"\\\"\"", "{}" };
	char upstream[512];

	(void)state;
	for (int stream = 0; stream < 2; stream++) {
		answer_terms.stream = stream != 0;
		for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
			snprintf(upstream, sizeof(upstream),
			    "data: {\"choices\":[{\"delta\":{\"tool_calls\":["
			    "{\"id\":\"a\",\"function\":{\"name\":\"glob\","
			    "\"arguments\":%s}}]}}]}\n\n" DONE,
			    forms[i]);
			assert_string_equal(
			    PLAY(upstream), "tool(glob,{}) tool_use");
		}
	}
}

static void
an_object_is_its_own_text(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(CALL("\"id\":\"a\",\"function\":{\"name\":\"glob\","
		      "\"arguments\":{\"n\": 12345678901234567890, "
		      "\"s\":\"\\u0000\"}}") DONE),
	    "tool(glob,{\"n\": 12345678901234567890, \"s\":\"\\u0000\"}) "
	    "tool_use");
}

static void
arguments_encoded_twice_are_decoded_once_more(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "glob", "\\\"{\\\\\\\"a\\\\\\\": ")
		    ARGS("0", "\\\\\\\"b\\\\\\\"}\\\"") FINISH("stop")),
	    "tool(glob,{\"a\": \"b\"}) tool_use");
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "glob", "\\\"[1]\\\"") FINISH("stop")),
	    "tool(glob,{\"_invalid_arguments\":\"\\\"[1]\\\"\"}) tool_use");
}

static void
a_second_object_is_another_call_and_a_repetition_is_none(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "glob", "{\\\"n\\\":1}")
		    ARGS("0", "{\\\"n\\\":1}") ARGS("0", " \\n")
			ARGS("0", "{\\\"n\\\":2}{\\\"n\\\":3}") FINISH("stop")),
	    "tool(glob,{\"n\":1}) tool(glob,{\"n\":2}) tool(glob,{\"n\":3}) "
	    "tool_use");
	assert_string_equal(id_of(0), "a");
	assert_int_equal(strlen(id_of(1)), 30);
}

static void
what_is_no_object_is_never_run(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "a", "glob", "{'x': 1}") FINISH("stop")),
	    "tool(glob,{\"_invalid_arguments\":\"{'x': 1}\"}) tool_use");
	assert_string_equal(PLAY(WHOLE_CALL("0", "a", "glob", "1")
				    ARGS("0", "2") FINISH("stop")),
	    "tool(glob,{\"_invalid_arguments\":\"12\"}) tool_use");
	answer_terms.stream = false;
	assert_string_equal(PLAY(WHOLE_CALL("0", "a", "glob", "{\\\"x\\\":")
				    ARGS("0", "}") FINISH("stop")),
	    "tool(glob,{\"_invalid_arguments\":\"{\\\"x\\\":}\"}) tool_use");
	assert_string_equal(
	    PLAY(MESSAGE("\"tool_calls\":[{\"function\":{\"name\":\"glob\","
			 "\"arguments\":\"{} trailing\"}}]",
		"stop")),
	    "tool(glob,{\"_invalid_arguments\":\"{} trailing\"}) tool_use");
}

static void
what_turns_bad_on_its_way_ends_in_an_error(void **state)
{
	(void)state;
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "glob") ARGS("0",
				"{\\\"x\\\":") ARGS("0", "}") FINISH("stop")),
	    "tool(glob,{}) api_error: upstream produced malformed tool "
	    "arguments");
	assert_string_equal(PLAY(WHOLE_CALL("0", "a", "glob", "{}") TEXT("t")
				    ARGS("0", "x") FINISH("stop")),
	    "tool(glob,{}) text(t) api_error: upstream produced malformed "
	    "tool arguments");
}

static void
an_unfinished_call_is_no_call_unless_the_limit_was_met(void **state)
{
	(void)state;
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "glob") ARGS("0",
				"{\\\"x\\\":\\\"rm") FINISH("tool_calls") DONE),
	    "tool(glob,{}) api_error: upstream ended inside the arguments of "
	    "a tool call");
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "glob") ARGS("0",
				"{\\\"x\\\":\\\"rm") FINISH("length") DONE),
	    "tool(glob,{\"x\":\"rm) max_tokens");
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "glob") FINISH("length")),
	    "tool(glob,{\"_invalid_arguments\":\"\"}) max_tokens");
	answer_terms.stream = false;
	assert_string_equal(PLAY(BEGIN_CALL("0", "a", "glob") ARGS("0",
				"{\\\"x\\\":\\\"rm") FINISH("length") DONE),
	    "tool(glob,{\"_invalid_arguments\":\"{\\\"x\\\":\\\"rm\"}) "
	    "max_tokens");
}

static void
endless_white_space_ends_the_answer(void **state)
{
	struct buf upstream;

	(void)state;
	buf_init(&upstream, SIZE_MAX / 2);
	buf_add_str(
	    &upstream, BEGIN_CALL("0", "a", "glob") ARGS("0", "{\\\"x\\\":"));
	for (int i = 0; i < 500; i++)
		buf_add_str(&upstream, ARGS("0", "\\n         "));
	answer_play(buf_str(&upstream), upstream.len, NULL);
	assert_string_equal(answer_spell(),
	    "tool(glob,{}) api_error: upstream sent endless white space in "
	    "the arguments of a tool call");
	assert_true(answer_used < upstream.len);
	answer_terms.stream = false;
	answer_play(buf_str(&upstream), upstream.len, NULL);
	assert_non_null(strstr(answer_spell(), "_invalid_arguments"));
	assert_non_null(strstr(answer_spell(), "tool_use"));
	assert_true(answer_used < upstream.len);
	buf_clear(&upstream);
}

/* -- the order of blocks --------------------------------------------------- */

static void
text_waits_for_a_call_that_is_incomplete(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(BEGIN_CALL("0", "a", "glob") ARGS("0", "{") TEXT("b") THOUGHT(
		"c") BEGIN_CALL("1", "d", "glob") TEXT("e") ARGS("0", "}")
		    ARGS("1", "{}") TEXT("f") FINISH("stop")),
	    "tool(glob,{}) text(b) think(c) tool(glob,{}) text(ef) tool_use");
}

static void
a_call_closes_only_when_something_follows(void **state)
{
	(void)state;
	assert_string_equal(PLAY(WHOLE_CALL("0", "a", "glob", "{}")
				    WHOLE_CALL("1", "b", "glob", "{") TEXT(" ")
					ARGS("1", "}") FINISH("stop")),
	    "tool(glob,{}) tool(glob,{}) tool_use");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_unseen_id_at_a_known_index_is_another_call),
		CASE(calls_at_one_index_are_told_apart_by_their_ids),
		CASE(
		    without_index_a_name_begins_a_call_once_the_last_is_complete),
		CASE(another_name_behind_a_complete_call_is_another_call),
		CASE(odd_indexes_are_only_names),
		CASE(each_entry_of_a_completion_is_a_call),
		CASE(a_function_call_of_old_servers_is_a_call),
		CASE(a_custom_call_has_its_text_as_input),
		CASE(only_the_first_call_is_kept_where_one_was_asked),
		CASE(too_many_calls_are_an_error),
		CASE(a_name_may_come_in_pieces_or_again_and_again),
		CASE(an_unknown_name_passes_as_it_is),
		CASE(a_call_without_a_name_is_an_error),
		CASE(a_tool_of_a_toolset_gets_its_own_name_back),
		CASE(ids_are_unique_and_fit_the_client),
		CASE(no_arguments_are_an_empty_object),
		CASE(an_object_is_its_own_text),
		CASE(arguments_encoded_twice_are_decoded_once_more),
		CASE(a_second_object_is_another_call_and_a_repetition_is_none),
		CASE(what_is_no_object_is_never_run),
		CASE(what_turns_bad_on_its_way_ends_in_an_error),
		CASE(an_unfinished_call_is_no_call_unless_the_limit_was_met),
		CASE(endless_white_space_ends_the_answer),
		CASE(text_waits_for_a_call_that_is_incomplete),
		CASE(a_call_closes_only_when_something_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
