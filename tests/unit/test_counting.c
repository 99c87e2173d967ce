/* SPDX-License-Identifier: MIT */
/* Counting requests: llama.cpp's and vLLM's take the chat body, OpenAI's is
 * in the shape of the Responses API (input items, flat tools). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "translate/counting.h"
#include "wire/buf.h"

static const char chat_text[] =
    "{\"model\":\"m\",\"messages\":["
    "{\"role\":\"system\",\"content\":\"be brief\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\","
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
    "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"},"
    "{\"role\":\"assistant\",\"content\":\"\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"parameters\":{\"type\":\"object\"}}}],\"stream\":true}";

static char *
printed(enum counting_way way)
{
	cJSON *chat = cJSON_Parse(chat_text);
	struct buf out;
	char *text;

	buf_init(&out, 65536);
	assert_int_equal(counting_print(way, chat, &out), 0);
	cJSON_Delete(chat);
	text = buf_take(&out, NULL);
	assert_non_null(text);
	return text;
}

static void
the_chat_form_keeps_model_messages_and_tools_only(void **state)
{
	char *text = printed(COUNTING_LLAMA);

	(void)state;
	assert_non_null(strstr(text, "\"tool_call_id\":\"c1\""));
	assert_non_null(strstr(text, "\"tools\":["));
	assert_null(strstr(text, "stream"));
	cJSON_free(text);
}

static void
the_responses_form_turns_calls_and_results_into_items(void **state)
{
	static const char want[] =
	    "{\"model\":\"m\",\"input\":["
	    "{\"role\":\"system\",\"content\":\"be brief\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
	    "\"text\":\"see\"},{\"type\":\"input_image\",\"image_url\":"
	    "\"data:x\"}]},"
	    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\","
	    "\"arguments\":\"{}\"},"
	    "{\"type\":\"function_call_output\",\"call_id\":\"c1\","
	    "\"output\":\"ok\"}],"
	    "\"tools\":[{\"type\":\"function\",\"name\":\"f\","
	    "\"parameters\":{\"type\":\"object\"}}]}";
	char *text = printed(COUNTING_OPENAI);

	(void)state;
	assert_string_equal(text, want);
	cJSON_free(text);
}

static void
urls_keep_the_query_and_vllm_counts_at_the_root(void **state)
{
	static const struct {
		enum counting_way way;
		const char *base, *query, *want;
	} cases[] = {
		{ COUNTING_LLAMA, "http://h:1/v1", "",
		    "http://h:1/v1/chat/completions/input_tokens" },
		{ COUNTING_VLLM, "http://h:1/v1", "", "http://h:1/tokenize" },
		{ COUNTING_VLLM, "http://h:1", "", "http://h:1/tokenize" },
		{ COUNTING_OPENAI, "https://h/openai/v1", "?api-version=x",
		    "https://h/openai/v1/responses/"
		    "input_tokens?api-version=x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf url;

		buf_init(&url, 1024);
		assert_int_equal(counting_url(cases[i].way, cases[i].base,
				     cases[i].query, &url),
		    0);
		assert_string_equal(buf_str(&url), cases[i].want);
		buf_clear(&url);
	}
}

static void
a_count_is_read_or_there_is_none(void **state)
{
	static const struct {
		enum counting_way way;
		const char *body;
		int64_t want;
	} cases[] = {
		{ COUNTING_LLAMA, "{\"object\":\"x\",\"input_tokens\":17}",
		    17 },
		{ COUNTING_VLLM, "{\"count\":3,\"tokens\":[1,2,3]}", 3 },
		{ COUNTING_VLLM, "{\"count\":\"x\"}", -1 },
		{ COUNTING_VLLM, "404", -1 },
		{ COUNTING_LLAMA, "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(counting_read(cases[i].way, cases[i].body,
				     strlen(cases[i].body)),
		    cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_chat_form_keeps_model_messages_and_tools_only),
		cmocka_unit_test(
		    the_responses_form_turns_calls_and_results_into_items),
		cmocka_unit_test(
		    urls_keep_the_query_and_vllm_counts_at_the_root),
		cmocka_unit_test(a_count_is_read_or_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
