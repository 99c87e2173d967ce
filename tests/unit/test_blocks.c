/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "translate/envelope.h"
#include "upstream_answer.h"

/* -- what goes home with a thought ------------------------------------------
 */

/* The envelope of a block, spelled form|text|details|opaque|id=signature. */
static const char *
sealed(int block)
{
	static struct buf line;
	const cJSON *json = cJSON_GetArrayItem(answer.content, block);
	const char *text = answer_member(json, "signature");
	struct envelope e;

	buf_clear(&line);
	buf_init(&line, SIZE_MAX / 2);
	if (*text == '\0')
		text = answer_member(json, "data");
	if (envelope_parse(text, strlen(text), &e) != 1)
		return "none of ours";
	buf_printf(&line, "%d|%s|%s|%s|", (int)e.form,
	    e.text == NULL ? "" : e.text, e.details == NULL ? "" : e.details,
	    e.opaque == NULL ? "" : e.opaque);
	for (size_t i = 0; i < e.n_signatures; i++)
		buf_printf(&line, "%s=%s;", e.signatures[i].tool_id,
		    e.signatures[i].signature);
	envelope_clear(&e);
	return buf_str(&line);
}

static void
a_thought_says_in_which_field_it_came(void **state)
{
	static const struct {
		const char *upstream, *sealed;
	} cases[] = {
		{ THOUGHT("a") FINISH("stop"), "1||||" },
		{ DELTA("\"reasoning\":\"a\"") FINISH("stop"), "2||||" },
		{ DELTA("\"reasoning_text\":\"a\"") FINISH("stop"), "3||||" },
		{ TEXT("<think>a</think>") FINISH("stop"), "6||||" },
		{ DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":"
			"\"a\"}]") FINISH("stop"),
		    "5||[{\"type\":\"thinking\",\"thinking\":\"a\"}]||" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(
		    PLAY(cases[i].upstream), "think(a) end_turn");
		assert_string_equal(sealed(0), cases[i].sealed);
	}
}

static void
a_thought_that_is_not_shown_goes_home_in_the_signature(void **state)
{
	(void)state;
	answer_terms.omit_thinking_text = true;
	assert_string_equal(PLAY(THOUGHT("\\n") THOUGHT("a\\u00e9") THOUGHT("b")
				    TEXT("t") FINISH("stop")),
	    "think() text(t) end_turn");
	assert_string_equal(sealed(0), "1|\na\xC3\xA9"
				       "b|||");
}

static void
fragments_of_details_are_joined_by_type_and_index(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\","
		       "\"text\":\"a\\ud83d\",\"index\":0,\"id\":null}]")
		    DELTA("\"reasoning_details\":[{\"type\":"
			  "\"reasoning.summary\",\"summary\":\"s\","
			  "\"index\":1}]")
			DELTA("\"reasoning_details\":[{\"type\":"
			      "\"reasoning.text\",\"text\":\"\\ude42\","
			      "\"index\":0,\"id\":\"x\"},{\"type\":"
			      "\"reasoning.text\",\"signature\":\"sig\","
			      "\"index\":0}]") TEXT("t") FINISH("stop")),
	    "think(a\xEF\xBF\xBDs\xEF\xBF\xBD) text(t) end_turn");
	assert_string_equal(sealed(0),
	    "4||[{\"type\":\"reasoning.text\",\"text\":\"a\\ud83d\\ude42\","
	    "\"index\":0,\"id\":\"x\",\"signature\":\"sig\"},{\"type\":"
	    "\"reasoning.summary\",\"summary\":\"s\",\"index\":1}]||");
}

static void
encrypted_details_of_two_calls_stay_two(void **state)
{
	(void)state;
	PLAY(DELTA("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\","
		   "\"data\":\"a\",\"id\":\"1\",\"index\":0},{\"type\":"
		   "\"reasoning.encrypted\",\"data\":\"b\",\"id\":\"2\","
		   "\"index\":0}]") TEXT("t") FINISH("stop"));
	assert_string_equal(
	    answer_spell(), "redacted_thinking text(t) end_turn");
	assert_string_equal(sealed(0),
	    "4||[{\"type\":\"reasoning.encrypted\",\"data\":\"a\",\"id\":"
	    "\"1\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":"
	    "\"b\",\"id\":\"2\",\"index\":0}]||");
}

static void
details_of_a_completion_go_home_as_they_came(void **state)
{
	(void)state;
	PLAY(MESSAGE("\"content\":\"t\",\"reasoning\":\"a\","
		     "\"reasoning_details\":[ {\"type\":\"reasoning.text\","
		     "\"text\" : \"a\",\"n\":1.0},{\"x\":[{}]} ]",
	    "stop"));
	assert_string_equal(answer_spell(), "think(a) text(t) end_turn");
	assert_string_equal(sealed(0),
	    "2||[{\"type\":\"reasoning.text\",\"text\" : \"a\",\"n\":1.0},"
	    "{\"x\":[{}]}]||");
}

static void
an_empty_list_of_details_goes_home_with_a_thought(void **state)
{
	(void)state;
	PLAY(DELTA("\"reasoning\":\"a\",\"reasoning_details\":[]") TEXT("t")
		FINISH("stop"));
	assert_string_equal(sealed(0), "2||[]||");
	assert_string_equal(
	    PLAY(DELTA("\"content\":\"t\",\"reasoning_details\":[]")
		    FINISH("stop")),
	    "text(t) end_turn");
}

static void
parts_of_a_content_array_are_joined(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{"
		       "\"type\":\"text\",\"text\":\"a\"}]}]")
		    DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{"
			  "\"type\":\"text\",\"text\":\"b\"}],"
			  "\"closed\":true},{\"type\":\"text\",\"text\":"
			  "\"t\"}]") FINISH("stop")),
	    "think(ab) text(t) end_turn");
	assert_string_equal(sealed(0),
	    "5||[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\","
	    "\"text\":\"ab\"}],\"closed\":true}]||");
}

static void
an_opaque_state_goes_home(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(DELTA("\"reasoning_text\":\"a\"") TEXT("t")
		    DELTA("\"reasoning_opaque\":\"xyz\"") FINISH("stop")),
	    "think(a) text(t) redacted_thinking end_turn");
	assert_string_equal(sealed(2), "3|||\"xyz\"|");
}

#define SIGNED_CALL(id, signature)                                             \
	CALL("\"index\":0,\"id\":\"" id "\",\"function\":{\"name\":"           \
	     "\"f\",\"arguments\":\"{}\"},\"extra_content\":{"                 \
	     "\"google\":{\"thought_signature\":\"" signature "\"}}")

static void
the_signature_of_a_call_goes_home_before_it(void **state)
{
	(void)state;
	assert_string_equal(PLAY(SIGNED_CALL("c.1", "s1")
				    SIGNED_CALL("c2", "s2") FINISH("stop")),
	    "redacted_thinking tool(f,{}) redacted_thinking tool(f,{}) "
	    "tool_use");
	assert_string_equal(sealed(0), "0||||tcx_Yy4x=s1;");
	assert_string_equal(sealed(2), "0||||c2=s2;");
	assert_string_equal(
	    PLAY(THOUGHT("a") SIGNED_CALL("c1", "s1") FINISH("stop")),
	    "think(a) tool(f,{}) tool_use");
	assert_string_equal(sealed(0), "1||||c1=s1;");
}

static void
a_signature_behind_its_call_goes_home_last(void **state)
{
	(void)state;
	assert_string_equal(
	    PLAY(WHOLE_CALL("0", "c1", "f", "{}")
		    CALL("\"index\":0,\"extra_content\":{\"google\":{"
			 "\"thought_signature\":\"s\"}}") FINISH("stop")),
	    "tool(f,{}) redacted_thinking tool_use");
	assert_string_equal(sealed(1), "0||||c1=s;");
}

static void
without_thinking_nothing_goes_home(void **state)
{
	(void)state;
	answer_terms.show_thinking = false;
	assert_string_equal(
	    PLAY(DELTA("\"reasoning\":\"a\",\"reasoning_opaque\":\"x\","
		       "\"reasoning_details\":[{\"type\":\"t\"}]")
		    SIGNED_CALL("c1", "s1") FINISH("stop")),
	    "tool(f,{}) tool_use");
	answer_terms.show_thinking = true;
	answer_terms.ignore_reasoning = true;
	assert_string_equal(PLAY(DELTA("\"reasoning\":\"a\"")
				    TEXT("<think>b</think>") FINISH("stop")),
	    "text(<think>b</think>) end_turn");
}

/* -- a search of the upstream's own -----------------------------------------
 */

static char query[] = "cats \"and\" dogs";

#define CITED(start, end, url, title)                                          \
	"{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":" start  \
	",\"end_index\":" end ",\"url\":\"" url "\",\"title\":\"" title "\"}}"

static void
citations_become_a_search_and_its_results(void **state)
{
	const cJSON *block;

	(void)state;
	answer_terms.search_query = query;
	assert_string_equal(
	    PLAY(TEXT("C\\u00e4t") TEXT("s purr.") DELTA(
		"\"annotations\":[" CITED("0", "4", "u1", "T1") "," CITED(
		    "0", "4", "u1", "T1") "," CITED("5", "9", "u1",
		    "T1") "," CITED("5", "900", "u2", "") "]") FINISH("stop")),
	    "server_tool_use(web_search,{\"query\":\"cats \\\"and\\\" "
	    "dogs\"}) web_search_tool_result text(C\xC3\xA4ts purr.) "
	    "end_turn");
	block = cJSON_GetArrayItem(answer.content, 1);
	assert_int_equal(cJSON_GetArraySize(member(block, "content")), 2);
	assert_string_equal(answer_member(block, "tool_use_id"),
	    answer_member(cJSON_GetArrayItem(answer.content, 0), "id"));
	block = member(cJSON_GetArrayItem(answer.content, 2), "citations");
	assert_int_equal(cJSON_GetArraySize(block), 3);
	assert_string_equal(
	    answer_member(cJSON_GetArrayItem(block, 0), "cited_text"),
	    "C\xC3\xA4ts");
	assert_string_equal(
	    answer_member(cJSON_GetArrayItem(block, 1), "cited_text"), "purr");
	assert_string_equal(
	    answer_member(cJSON_GetArrayItem(block, 2), "cited_text"), "purr.");
	assert_int_equal(member(member(answer.usage, "server_tool_use"),
			     "web_search_requests")
			     ->valueint,
	    1);
}

static void
a_search_that_found_nothing_was_unavailable(void **state)
{
	(void)state;
	answer_terms.search_query = query;
	assert_string_equal(PLAY(THOUGHT("a") TEXT("t") FINISH("stop")),
	    "think(a) server_tool_use(web_search,{\"query\":\"cats "
	    "\\\"and\\\" dogs\"}) web_search_tool_result text(t) end_turn");
	assert_string_equal(
	    answer_member(
		member(cJSON_GetArrayItem(answer.content, 2), "content"),
		"error_code"),
	    "unavailable");
}

static void
a_call_of_another_tool_is_no_search(void **state)
{
	(void)state;
	answer_terms.search_query = query;
	assert_string_equal(PLAY(TEXT("t") WHOLE_CALL("0", "a", "f", "{}")
				    TEXT("u") FINISH("stop")),
	    "text(t) tool(f,{}) text(u) tool_use");
}

static void
addresses_beside_the_choices_are_citations(void **state)
{
	(void)state;
	answer_terms.search_query = query;
	answer_terms.stream = false;
	PLAY("{\"citations\":[\"https://a\",\"https://b\",\"https://a\"],"
	     "\"choices\":[{\"message\":{\"content\":\"t\"}}]}");
	assert_string_equal(answer.bad, "");
	assert_int_equal(cJSON_GetArraySize(member(
			     cJSON_GetArrayItem(answer.content, 1), "content")),
	    2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REST(a_thought_says_in_which_field_it_came),
		REST(a_thought_that_is_not_shown_goes_home_in_the_signature),
		REST(fragments_of_details_are_joined_by_type_and_index),
		REST(encrypted_details_of_two_calls_stay_two),
		REST(details_of_a_completion_go_home_as_they_came),
		REST(an_empty_list_of_details_goes_home_with_a_thought),
		REST(parts_of_a_content_array_are_joined),
		REST(an_opaque_state_goes_home),
		REST(the_signature_of_a_call_goes_home_before_it),
		REST(a_signature_behind_its_call_goes_home_last),
		REST(without_thinking_nothing_goes_home),
		REST(citations_become_a_search_and_its_results),
		REST(a_search_that_found_nothing_was_unavailable),
		REST(a_call_of_another_tool_is_no_search),
		REST(addresses_beside_the_choices_are_citations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
