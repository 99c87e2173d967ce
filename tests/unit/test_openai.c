/* SPDX-License-Identifier: MIT */
#include "wire/openai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct json_doc doc;

static const cJSON *
parse(const char *text)
{
	static const struct json_limits limits = { 100, 1000 };

	json_doc_clear(&doc);
	assert_int_equal(
	    json_parse(&doc, text, strlen(text), &limits, NULL), 0);
	return doc.root;
}

static void
null_is_absent_and_the_last_of_duplicates_counts(void **state)
{
	struct openai_delta d;

	(void)state;
	openai_delta_read(parse("{\"content\":null,\"reasoning\":\"a\","
				"\"reasoning\":\"b\",\"Refusal\":\"x\"}"),
	    &d);
	assert_null(d.content);
	assert_null(d.refusal);
	assert_true(json_is(d.reasoning, "b"));
	openai_delta_read(parse("[\"content\"]"), &d);
	assert_null(d.content);
}

static void
a_call_is_read_in_every_form(void **state)
{
	struct openai_call call;

	(void)state;
	openai_call_read(&doc,
	    parse("{\"index\":-1,\"id\":\"i\",\"function\":{\"name\":\"f\","
		  "\"arguments\":\"{}\"},\"extra_content\":{\"google\":{"
		  "\"thought_signature\":\"s\"}}}"),
	    &call);
	assert_true(call.has_index);
	assert_int_equal(call.index, -1);
	assert_string_equal(call.id, "i");
	assert_string_equal(call.name, "f");
	assert_string_equal(call.thought_signature, "s");
	assert_false(call.is_custom);
	openai_call_read(&doc,
	    parse("{\"index\":\"0\",\"id\":null,\"custom\":{\"name\":\"g\","
		  "\"input\":\"x\"}}"),
	    &call);
	assert_false(call.has_index);
	assert_string_equal(call.id, "");
	assert_string_equal(call.name, "g");
	assert_true(call.is_custom);
	openai_call_read(&doc, parse("{\"function\":7}"), &call);
	assert_string_equal(call.name, "");
	assert_int_equal(call.text.len + call.object.len, 0);
}

/* The texts of a part, with a bar behind each. */
static const char *
texts_of(const char *json)
{
	static char line[128];
	struct openai_texts texts;
	const cJSON *text;

	line[0] = '\0';
	openai_texts_begin(&texts, parse(json));
	while ((text = openai_texts_next(&texts)) != NULL)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    "%s|", text->valuestring);
	return line;
}

static void
the_text_of_a_part_is_found_in_every_form(void **state)
{
	(void)state;
	assert_string_equal(texts_of("{\"text\":\"a\"}"), "a|");
	assert_string_equal(texts_of("{\"type\":\"reasoning.summary\","
				     "\"summary\":\"a\"}"),
	    "a|");
	assert_string_equal(texts_of("{\"thinking\":[{\"type\":\"text\","
				     "\"text\":\"a\"},3,{\"text\":\"b\"},"
				     "\"c\"]}"),
	    "a|b|c|");
	assert_string_equal(texts_of("{\"summary\":[]}"), "");
	assert_string_equal(texts_of("{\"data\":\"a\"}"), "");
	assert_string_equal(texts_of("7"), "");
}

static void
parts_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(
	    openai_part_kind(parse("{\"type\":\"output_text\"}")), PART_TEXT);
	assert_int_equal(
	    openai_part_kind(parse("{\"text\":\"a\"}")), PART_TEXT);
	assert_int_equal(
	    openai_part_kind(parse("{\"type\":\"thinking\"}")), PART_THOUGHT);
	assert_int_equal(
	    openai_part_kind(parse("{\"type\":\"reasoning\"}")), PART_THOUGHT);
	assert_int_equal(
	    openai_part_kind(parse("{\"type\":\"refusal\"}")), PART_REFUSAL);
	assert_int_equal(
	    openai_part_kind(parse("{\"type\":\"image_url\"}")), PART_OTHER);
	assert_int_equal(openai_part_kind(parse("null")), PART_OTHER);
}

static int
forget(void **state)
{
	(void)state;
	json_doc_clear(&doc);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    null_is_absent_and_the_last_of_duplicates_counts),
		cmocka_unit_test(a_call_is_read_in_every_form),
		cmocka_unit_test(the_text_of_a_part_is_found_in_every_form),
		cmocka_unit_test(parts_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
