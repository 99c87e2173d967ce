/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "upstream_answer.h"

/* -- the order of events --------------------------------------------------- */

static void
the_worked_example_comes_out_event_by_event(void **state)
{
	static char weather[] = "get_weather", hour[] = "get_time";
	static struct reply_tool tools[] = { { hour, hour, NULL },
		{ weather, weather, NULL } };
	static const char *const want[] = { "message_start",
		"\"thinking\":\"\",\"signature\":\"\"", "Need both.",
		"\"type\":\"signature_delta\",\"signature\":\"tp1.",
		"content_block_stop",
		"\"index\":1,\"content_block\":{\"type\":\"tool_use\","
		"\"id\":\"call_a\",\"name\":\"get_weather\",\"input\":{},"
		"\"caller\":{\"type\":\"direct\"}}",
		"\"partial_json\":\"{\\\"city\\\":\"",
		"\"partial_json\":\"\\\"Paris\\\"}\"", "content_block_stop",
		"\"id\":\"call_b\"", "\"partial_json\":\"{}\"",
		"content_block_stop", "\"stop_reason\":\"tool_use\"",
		"message_stop" };
	const char *at;

	(void)state;
	answer_terms.tools = tools;
	answer_terms.n_tools = 2;
	assert_string_equal(
	    PLAY(DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA(
		"\"reasoning\":\"Need both.\"") BEGIN_CALL("0", "call_a",
		"get_weather") BEGIN_CALL("1", "call_b", "get_time")
		    DELTA("\"tool_calls\":[{\"index\":0,"
			  "\"function\":{\"arguments\":"
			  "\"{\\\"city\\\":\"}},{\"index\":1,"
			  "\"function\":{\"arguments\":\"{}\"}}]")
			ARGS("0", "\\\"Paris\\\"}") FINISH("tool_calls")
			    USAGE("\"prompt_tokens\":50,"
				  "\"completion_tokens\":30") DONE),
	    "think(Need both.) tool(get_weather,{\"city\":\"Paris\"}) "
	    "tool(get_time,{}) tool_use");
	at = buf_str(&answer_events);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		at = strstr(at, want[i]);
		assert_non_null(at);
		at += strlen(want[i]);
	}
}

static void
nothing_but_a_role_and_an_end_is_an_empty_message(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"role\":\"assistant\",\"content\":\"\"") FINISH("stop")
		    DONE),
	    "end_turn");
}

static void
blank_text_opens_no_block_but_leads_the_text_behind_it(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(TEXT("\\n\\n") FINISH("stop") DONE), "end_turn");
	assert_string_equal(
	    PLAY(TEXT("\\n") TEXT(" ") TEXT("a") TEXT(" ") FINISH("stop")),
	    "text(\n a ) end_turn");
}

static void
text_behind_thought_behind_text_are_blocks_of_their_own(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(THOUGHT("a") TEXT("b") THOUGHT("c") TEXT("d") FINISH("stop")),
	    "think(a) text(b) think(c) text(d) end_turn");
}

static void
message_start_bears_the_estimate_or_what_the_first_chunk_counts(void **state)
{
	(void)state;
	PLAY(TEXT("a") FINISH("stop"));
	assert_non_null(strstr(buf_str(&answer_events),
	    "\"usage\":{\"input_tokens\":7,\"output_tokens\":1,"));
	PLAY("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
	     "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":1}}"
	     "\n\n" FINISH("stop"));
	assert_non_null(strstr(buf_str(&answer_events),
	    "\"usage\":{\"input_tokens\":12,\"output_tokens\":1,"));
}

static void
a_ping_begins_the_answer_once(void **state)
{
	struct stream *s = stream_new(&answer_terms, &answer_env);
	struct buf *out = &answer_events;
	const char text[] = TEXT("a") FINISH("stop");

	(void)state;
	assert_false(stream_started(s));
	stream_ping(s, out);
	assert_true(stream_started(s));
	assert_false(stream_has_event(s));
	stream_ping(s, out);
	assert_int_equal(stream_push(s, text, strlen(text), out), STREAM_OPEN);
	assert_true(stream_has_event(s));
	assert_true(stream_awaits_end(s));
	assert_int_equal(stream_finish(s, out), STREAM_ENDED);
	assert_false(stream_awaits_end(s));
	stream_ping(s, out);
	strict_read(&answer, buf_str(out), out->len, true);
	assert_string_equal(answer.bad, "");
	assert_string_equal(stream_stop_reason(s), "end_turn");
	stream_free(s);
}

static void
a_collected_answer_has_no_events(void **state)
{
	(void)state;
	answer_terms.stream = false;
	assert_string_equal(
	    PLAY(THOUGHT("a") TEXT("b\\\"\\n") WHOLE_CALL(
		"0", "c1", "f", "{\\\"a\\\":1.0}") FINISH("tool_calls") DONE),
	    "think(a) text(b\"\n) tool(f,{\"a\":1}) tool_use");
	assert_int_equal(answer_events.len, 0);
}

static void
a_message_is_given_away_once(void **state)
{
	static const char body[] =
	    "{\"choices\":[{\"message\":{\"content\":\"a\\n\\u00e9\\/\"},"
	    "\"finish_reason\":\"stop\"}]}";
	struct fault why = { .kind = FAULT_NONE };
	struct stream *s;
	struct buf out;

	(void)state;
	answer_terms.stream = false;
	s = stream_new(&answer_terms, &answer_env);
	assert_non_null(s);
	buf_init(&out, 100000);
	stream_push(s, body, strlen(body), &out);
	assert_int_equal(stream_message(s, &out, NULL), -1);
	assert_int_equal(stream_finish(s, &out), STREAM_ENDED);
	buf_add_str(&out, "old");
	assert_int_equal(stream_message(s, &out, &why), 0);
	assert_int_equal(buf_str(&out)[0], '{');
	assert_int_equal(out.max_bytes, 100000);
	/* \u and \/ are not told as they came */
	assert_non_null(strstr(buf_str(&out), "\"a\\n\xC3\xA9/\""));
	assert_int_equal(stream_message(s, &out, &why), -1);
	assert_int_equal(why.kind, FAULT_INTERNAL);
	buf_clear(&out);
	stream_free(s);
}

/* -- what is asked of the answer --------------------------------------------
 */

static void
thought_that_was_not_asked_for_is_left_out(void **state)
{
	(void)state;
	answer_terms.show_thinking = false;
	assert_string_equal(
	    PLAY(THOUGHT("a") TEXT("b") FINISH("stop")), "text(b) end_turn");
	assert_string_equal(
	    PLAY(TEXT("<think>a</think>b") FINISH("stop")), "text(b) end_turn");
}

static void
context_management_is_answered_where_it_was_asked(void **state)
{
	(void)state;
	PLAY(TEXT("a") FINISH("stop"));
	assert_null(strstr(buf_str(&answer_events), "context_management"));
	answer_terms.context_management = true;
	PLAY(TEXT("a") FINISH("stop"));
	assert_non_null(strstr(buf_str(&answer_events),
	    "\"context_management\":{\"applied_edits\":[]}}"));
}

static void
a_fast_answer_is_called_fast(void **state)
{
	(void)state;
	answer_terms.fast = true;
	answer_terms.stream = false;
	PLAY("{\"service_tier\":\"priority\",\"choices\":[{\"message\":"
	     "{\"content\":\"a\"}}]}");
	assert_string_equal(answer_member(answer.usage, "speed"), "fast");
	assert_string_equal(
	    answer_member(answer.usage, "service_tier"), "priority");
	PLAY("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}");
	assert_string_equal(answer_member(answer.usage, "speed"), "standard");
}

static char stop_end[] = "END", stop_hash[] = "###";
static char *stops[] = { stop_end, stop_hash };

static void
a_stop_sequence_over_three_chunks_ends_the_answer_at_once(void **state)
{
	static const char upstream[] =
	    TEXT("alpha E") TEXT("N") TEXT("D beta") TEXT("gamma");

	(void)state;
	answer_terms.local_stop = true;
	answer_terms.stop = stops;
	answer_terms.n_stop = 2;
	assert_string_equal(PLAY(upstream), "text(alpha ) stop_sequence");
	assert_string_equal(
	    answer_member(answer.delta, "stop_sequence"), "END");
	assert_int_equal(answer_used, sizeof(upstream) - sizeof(TEXT("gamma")));
}

static void
a_near_miss_is_shown(void **state)
{
	(void)state;
	answer_terms.local_stop = true;
	answer_terms.stop = stops;
	answer_terms.n_stop = 2;
	assert_string_equal(PLAY(TEXT("a EN") TEXT("E ##") FINISH("stop")),
	    "text(a ENE ##) end_turn");
	assert_string_equal(
	    PLAY(TEXT("a EN") WHOLE_CALL("0", "i", "f", "{}") FINISH("stop")),
	    "text(a EN) tool(f,{}) tool_use");
	assert_string_equal(
	    PLAY(TEXT("a EN") THOUGHT("x") TEXT("D") FINISH("stop")),
	    "text(a EN) think(x) text(D) end_turn");
	answer_terms.show_thinking = false;
	assert_string_equal(
	    PLAY(TEXT("a EN") THOUGHT("x") TEXT("D") FINISH("stop")),
	    "text(a ) stop_sequence");
}

static void
a_stop_that_the_upstream_names_is_reported_if_it_is_the_clients(void **state)
{
	(void)state;
	answer_terms.stop = stops;
	answer_terms.n_stop = 2;
	assert_string_equal(
	    PLAY(TEXT("a") CHUNK("\"delta\":{},\"finish_reason\":\"stop\","
				 "\"stop_reason\":\"###\"")),
	    "text(a) stop_sequence");
	assert_string_equal(
	    PLAY(TEXT("a") CHUNK("\"delta\":{},\"finish_reason\":\"stop\","
				 "\"stop_reason\":\"<|im_end|>\"")),
	    "text(a) end_turn");
}

static void
a_prefill_that_is_repeated_is_dropped(void **state)
{
	static char prefill[] = "Dear \"X\"";

	(void)state;
	answer_terms.prefill = prefill;
	assert_string_equal(
	    PLAY(TEXT("De") TEXT("ar \\\"X\\\", hi") FINISH("stop")),
	    "text(, hi) end_turn");
	assert_string_equal(PLAY(TEXT("Dea") TEXT("th") FINISH("stop")),
	    "text(Death) end_turn");
	assert_string_equal(
	    PLAY(TEXT("Dea") FINISH("stop")), "text(Dea) end_turn");
}

/* -- characters ------------------------------------------------------------ */

static void
a_character_cut_in_two_is_joined(void **state)
{
	(void)state;
	assert_string_equal(PLAY(THOUGHT("x\\ud83d") THOUGHT("\\ude42") TEXT(
				"y\\uD83D") TEXT("\\uDE42z") FINISH("stop")),
	    "think(x\xF0\x9F\x99\x82) text(y\xF0\x9F\x99\x82z) end_turn");
	assert_string_equal(
	    PLAY(BEGIN_CALL("0", "i", "f") ARGS("0", "{\\\"a\\\":\\\"\\ud83d")
		    ARGS("0", "\\ude42\\\"}") FINISH("stop")),
	    "tool(f,{\"a\":\"\xF0\x9F\x99\x82\"}) tool_use");
}

static void
half_a_character_becomes_a_replacement(void **state)
{
	(void)state;
	assert_string_equal(PLAY(TEXT("x\\ud83d") FINISH("stop")),
	    "text(x\xEF\xBF\xBD) end_turn");
	assert_string_equal(
	    PLAY(THOUGHT("x\\ud83d") TEXT("\\ude42") FINISH("stop")),
	    "think(x\xEF\xBF\xBD) text(\xEF\xBF\xBD) end_turn");
	assert_string_equal(PLAY(TEXT("\\\\ud83d") TEXT("a") FINISH("stop")),
	    "text(\\ud83da) end_turn");
}

static void
chunks_that_differ_in_text_alone_are_read_as_carefully(void **state)
{
	(void)state;
	/* the third would be two members, the fourth is no string */
	assert_string_equal(
	    PLAY(TEXT("a") TEXT("b\\u00e9") TEXT("c\",\"content\":\"d")
		    TEXT("\\q") TEXT("\xC3\xA9") TEXT("e\\\\") FINISH("stop")),
	    "text(ab\xC3\xA9"
	    "d\xC3\xA9"
	    "e\\) end_turn");
}

/* -- whose text ------------------------------------------------------------ */

static void
text_is_the_first_choices_and_calls_are_everyones(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY("data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":"
		 "\"one\"}},{\"index\":0,\"delta\":{\"content\":\"two\","
		 "\"tool_calls\":[{\"index\":0,\"id\":\"i\",\"function\":{"
		 "\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n" FINISH(
		     "stop")),
	    "text(one) tool(f,{}) tool_use");
}

static void
a_last_chunk_with_the_whole_message_is_not_told_twice(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(TEXT("Hi") "data: {\"choices\":[{\"index\":0,\"message\":{"
			    "\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}"
			    "\n\n" DONE),
	    "text(Hi) end_turn");
}

static void
a_refusal_is_text_and_a_reason(void **state)
{
	(void)state;
	assert_string_equal(PLAY(DELTA("\"refusal\":\"No\"") DELTA(
				"\"refusal\":\"pe.\"") FINISH("stop")),
	    "text(Nope.) refusal");
	assert_string_equal(
	    answer_member(member(answer.delta, "stop_details"), "explanation"),
	    "Nope.");
	assert_string_equal(
	    PLAY(TEXT("a") FINISH("content_filter")), "text(a) refusal");
	assert_true(cJSON_IsNull(
	    member(member(answer.delta, "stop_details"), "explanation")));
	answer_terms.stream = false;
	assert_string_equal(
	    PLAY(MESSAGE("\"content\":\"Sorry.\",\"refusal\":\"No\"", "stop")),
	    "text(Sorry.) refusal");
}

static void
the_same_thought_under_two_names_is_told_once(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"reasoning\":\"a\",\"reasoning_content\":\"a\","
		       "\"reasoning_details\":[{\"type\":\"reasoning.text\","
		       "\"text\":\"a\",\"index\":0}]") TEXT("<think>a</think>b")
		    FINISH("stop")),
	    "think(a) text(b) end_turn");
}

/* -- ends ------------------------------------------------------------------ */

static void
the_last_word_decides_the_stop_reason(void **state)
{
	static const struct {
		const char *word, *reason;
	} cases[] = {
		{ "stop", "end_turn" },
		{ "EOS", "end_turn" },
		{ "COMPLETE", "end_turn" },
		{ "length", "max_tokens" },
		{ "MAX_TOKENS", "max_tokens" },
		{ "model_length", "model_context_window_exceeded" },
		{ "context_length_exceeded", "model_context_window_exceeded" },
		{ "tool_calls", "end_turn" },
		{ "SAFETY", "refusal" },
		{ "content_filter: PROHIBITED_CONTENT", "refusal" },
		{ "something_new", "end_turn" },
	};
	char upstream[512], want[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(upstream, sizeof(upstream), "%s%s%s%s", TEXT("a"),
		    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"",
		    cases[i].word, "\"}]}\n\n");
		snprintf(want, sizeof(want), "text(a) %s", cases[i].reason);
		assert_string_equal(PLAY(upstream), want);
	}
}

static void
a_limit_is_not_undone_by_a_later_stop(void **state)
{
	(void)state;
	assert_string_equal(PLAY(TEXT("a") FINISH("length") FINISH("stop")),
	    "text(a) max_tokens");
	assert_string_equal(
	    PLAY(TEXT("a") FINISH("stop") FINISH("content_filter")),
	    "text(a) refusal");
}

static void
text_behind_the_finish_still_counts(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(TEXT("a") FINISH("stop") TEXT("b") DONE), "text(ab) end_turn");
	assert_string_equal(PLAY(TEXT("a") DONE TEXT("b")), "text(a) end_turn");
}

static void
a_stream_without_end_is_an_error(void **state)
{
	(void)state;
	assert_string_equal(PLAY(TEXT("a")),
	    "text(a) api_error: upstream closed the stream early");
	assert_string_equal(PLAY(DELTA("\"role\":\"assistant\"")),
	    "overloaded_error: upstream closed the stream early");
}

static void
events_without_choices_are_no_answer(void **state)
{
	(void)state;
	assert_string_equal(PLAY(USAGE("\"prompt_tokens\":1") DONE),
	    "overloaded_error: upstream returned no choices");
	assert_string_equal(
	    PLAY(DONE), "status 502: upstream sent an empty answer");
	assert_string_equal(PLAY(": hello\n\n: still here\n\n"),
	    "status 502: upstream sent an empty answer");
	assert_string_equal(
	    PLAY(""), "status 502: upstream sent an empty answer");
}

static void
a_break_is_called_by_what_the_client_can_do(void **state)
{
	static const struct {
		enum fault_kind kind;
		const char *before, *after;
	} cases[] = {
		{ FAULT_BAD_GATEWAY, "overloaded_error: x",
		    "text(a) api_error: x" },
		{ FAULT_TIMEOUT, "overloaded_error: x",
		    "text(a) timeout_error: x" },
		{ FAULT_RATE_LIMIT, "overloaded_error: x",
		    "text(a) rate_limit_error: x" },
		{ FAULT_OVERLOADED, "overloaded_error: x",
		    "text(a) overloaded_error: x" },
		{ FAULT_BAD_REQUEST, "invalid_request_error: x",
		    "text(a) api_error: x" },
		{ FAULT_BILLING, "billing_error: x", "text(a) api_error: x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fault cause = { .kind = cases[i].kind, .message = "x" };

		assert_string_equal(
		    BREAK(DELTA("\"role\":\"assistant\""), &cause),
		    cases[i].before);
		assert_string_equal(BREAK(TEXT("a"), &cause), cases[i].after);
		BREAK("", &cause);
		assert_int_equal(answer_fault.kind, cases[i].kind);
	}
}

static void
a_break_behind_a_complete_answer_ends_it_well(void **state)
{
	struct fault cause = { .kind = FAULT_BAD_GATEWAY, .message = "x" };

	(void)state;
	assert_string_equal(
	    BREAK(TEXT("a") FINISH("stop"), &cause), "text(a) end_turn");
	assert_string_equal(BREAK(BEGIN_CALL("0", "i", "f") ARGS("0", "{\\\"a")
				      FINISH("tool_calls"),
				&cause),
	    "tool(f,{}) api_error: x");
}

static void
an_error_may_hide_anywhere(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY("data: [{\"error\":{\"code\":429,\"message\":\"slow "
		 "down\"}}]\n\n"),
	    "status 429: slow down");
	assert_string_equal(
	    PLAY("data: {\"choices\":[{\"index\":0,\"delta\":{},\"error\":{"
		 "\"code\":502,\"message\":\"gone\"}}]}\n\n"),
	    "status 502: gone");
	assert_string_equal(
	    PLAY("error: {\"code\":500,\"message\":\"old llama\"}\n\n"),
	    "status 500: old llama");
	assert_string_equal(
	    PLAY("[{\"error\":{\"code\":400,\"message\":\"bad\"}}]"),
	    "status 400: bad");
}

/* -- what comes in place of events ------------------------------------------
 */

static void
a_completion_is_told_as_one_stream(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY("\xEF\xBB\xBF \n" MESSAGE(
		"\"content\":\"a\",\"reasoning\":\"b\"", "stop")),
	    "think(b) text(a) end_turn");
	assert_string_equal(PLAY("{\"choices\":[]}"),
	    "status 500: upstream returned no choices");
}

static void
chunks_as_lines_of_json_are_read(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n"
		 "{\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n"
		 "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n"),
	    "text(ab) end_turn");
	assert_string_equal(
	    PLAY("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n"
		 "{\"choices\":[{\"delta\":{\"cont"),
	    "text(a) api_error: upstream closed the stream early");
}

static void
pages_and_garbage_are_quoted_in_an_error(void **state)
{
	char page[2000];

	(void)state;
	assert_string_equal(PLAY("<html>\n<b>Bad\tGateway</b>\x01\xFF"),
	    "status 500: upstream sent no chat completion but: <html> "
	    "<b>Bad Gateway</b> ?");
	assert_string_equal(PLAY("no healthy upstream"),
	    "status 500: upstream sent no chat completion but: no healthy "
	    "upstream");
	assert_string_equal(PLAY("{\"choices\": tru"),
	    "status 500: upstream sent no chat completion but: "
	    "{\"choices\": tru");
	assert_string_equal(PLAY("\x1F\x8B\x08garbage"),
	    "status 500: upstream sent a compressed answer that nobody asked "
	    "for");
	memset(page, 'a', sizeof(page));
	page[0] = '<';
	page[sizeof(page) - 1] = '\0';
	assert_true(strlen(PLAY(page)) < 600);
}

static void
a_line_and_an_answer_have_their_ceilings(void **state)
{
	char line[4000];

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "data: ", 6);
	line[sizeof(line) - 1] = '\0';
	answer_env.max_line_bytes = 1000;
	assert_string_equal(PLAY(line),
	    "status 502: upstream sent a line longer than 1000 bytes");
	answer_env.max_reply_bytes = 3000;
	assert_string_equal(PLAY(line),
	    "status 502: upstream's answer is larger than 3000 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REST(the_worked_example_comes_out_event_by_event),
		REST(nothing_but_a_role_and_an_end_is_an_empty_message),
		REST(blank_text_opens_no_block_but_leads_the_text_behind_it),
		REST(text_behind_thought_behind_text_are_blocks_of_their_own),
		REST(
		    message_start_bears_the_estimate_or_what_the_first_chunk_counts),
		REST(a_ping_begins_the_answer_once),
		REST(a_collected_answer_has_no_events),
		REST(a_message_is_given_away_once),
		REST(thought_that_was_not_asked_for_is_left_out),
		REST(context_management_is_answered_where_it_was_asked),
		REST(a_fast_answer_is_called_fast),
		REST(a_stop_sequence_over_three_chunks_ends_the_answer_at_once),
		REST(a_near_miss_is_shown),
		REST(
		    a_stop_that_the_upstream_names_is_reported_if_it_is_the_clients),
		REST(a_prefill_that_is_repeated_is_dropped),
		REST(a_character_cut_in_two_is_joined),
		REST(half_a_character_becomes_a_replacement),
		REST(chunks_that_differ_in_text_alone_are_read_as_carefully),
		REST(text_is_the_first_choices_and_calls_are_everyones),
		REST(a_last_chunk_with_the_whole_message_is_not_told_twice),
		REST(a_refusal_is_text_and_a_reason),
		REST(the_same_thought_under_two_names_is_told_once),
		REST(the_last_word_decides_the_stop_reason),
		REST(a_limit_is_not_undone_by_a_later_stop),
		REST(text_behind_the_finish_still_counts),
		REST(a_stream_without_end_is_an_error),
		REST(events_without_choices_are_no_answer),
		REST(a_break_is_called_by_what_the_client_can_do),
		REST(a_break_behind_a_complete_answer_ends_it_well),
		REST(an_error_may_hide_anywhere),
		REST(a_completion_is_told_as_one_stream),
		REST(chunks_as_lines_of_json_are_read),
		REST(pages_and_garbage_are_quoted_in_an_error),
		REST(a_line_and_an_answer_have_their_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
