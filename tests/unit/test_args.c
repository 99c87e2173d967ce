/* SPDX-License-Identifier: MIT */
#include "translate/reply/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"

/* Scans a text (escaped first) in pieces of `step` bytes of it. */
static struct args
scan(const char *text, size_t step)
{
	size_t len = strlen(text), size;
	struct buf body;
	struct args a;

	args_init(&a);
	for (size_t at = 0; at < len; at += size) {
		size = len - at < step ? len - at : step;
		buf_init(&body, 100000);
		json_escape(&body, text + at, size);
		args_scan(&a, (struct json_slice){ body.data, body.len });
		buf_clear(&body);
	}
	return a;
}

static void
objects_are_known_to_be_complete_wherever_they_are_cut(void **state)
{
	static const char *const whole[] = { "{}", " { } ", "{\"a\":1}",
		"{\"a\":[],\"b\":{\"c\":[1,-0.5e+3,true,false,null,\"x\"]}}",
		"{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\":\"}\\u007D{\"}\n",
		"{\n\t\"a\" : 0 ,\r\n\"b\":0.1E-2 }", "{\"a\":1,\"a\":2}",
		"{\"a\":[[[[{}]]]]}",
		"{\"caf\xC3\xA9\":\"\xF0\x9F\x99\x82\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		assert_int_equal(
		    scan(whole[i], strlen(whole[i])).state, ARGS_DONE);
		for (size_t step = 4; step < 12; step++)
			assert_int_equal(scan(whole[i], step).state, ARGS_DONE);
	}
}

static void
what_is_no_json_is_seen(void **state)
{
	static const char *const bad[] = { "{a:1}", "{'a':1}", "{\"a\":01}",
		"{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1]",
		"{\"a\":[1}", "{\"a\":[,]}", "{\"a\":+1}", "{\"a\":.5}",
		"{\"a\":1.}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":True}",
		"{\"a\":nul }", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}", "{\"a\":1 2}", "{\"a\":/**/1}",
		"{\"a\":\xC3\xA9}", "{1:2}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(scan(bad[i], 100).state, ARGS_BAD);
		assert_int_equal(scan(bad[i], 1).state, ARGS_BAD);
	}
}

static void
other_values_are_held(void **state)
{
	(void)state;
	assert_int_equal(scan("", 1).state, ARGS_EMPTY);
	assert_int_equal(scan(" \n\t", 1).state, ARGS_EMPTY);
	assert_int_equal(scan("null", 1).state, ARGS_OTHER);
	assert_int_equal(scan("[{}]", 1).state, ARGS_OTHER);
	assert_int_equal(scan("\"{}\"", 1).state, ARGS_OTHER);
	assert_int_equal(scan("{\"a", 1).state, ARGS_OPEN);
}

static void
what_stands_behind_the_object_is_left(void **state)
{
	const struct json_slice body = { "{}\\n {\\\"a\\\":1}", 16 };
	struct args a;

	(void)state;
	args_init(&a);
	assert_int_equal(args_scan(&a, body), 5);
	assert_int_equal(a.state, ARGS_DONE);
}

static void
escapes_of_both_levels_are_read(void **state)
{
	static const char text[] =
	    "\\u007b\\\"a\\\"\\u003a\\\"\\ud83d\\ude42\\\\\\\"\\/\\\"}";
	const struct json_slice body = { text, sizeof(text) - 1 };
	struct args a;

	(void)state;
	args_init(&a);
	assert_int_equal(args_scan(&a, body), body.len);
	assert_int_equal(a.state, ARGS_DONE);
}

static void
depth_and_white_space_are_bounded(void **state)
{
	char deep[3000], blank[6000];

	(void)state;
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	deep[400] = '\0';
	assert_int_equal(scan(deep, 50).state, ARGS_OPEN);
	deep[400] = '[';
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(scan(deep, 50).state, ARGS_BAD);
	memset(blank, ' ', sizeof(blank));
	blank[0] = '{';
	blank[sizeof(blank) - 1] = '\0';
	assert_true(scan(blank, 50).is_endless);
	blank[3000] = '"';
	blank[3001] = 'a';
	assert_int_equal(scan(blank, 50).state, ARGS_OPEN);
	blank[0] = ' ';
	blank[3000] = ' ';
	blank[3001] = ' ';
	assert_true(scan(blank, 50).is_endless);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    objects_are_known_to_be_complete_wherever_they_are_cut),
		cmocka_unit_test(what_is_no_json_is_seen),
		cmocka_unit_test(other_values_are_held),
		cmocka_unit_test(what_stands_behind_the_object_is_left),
		cmocka_unit_test(escapes_of_both_levels_are_read),
		cmocka_unit_test(depth_and_white_space_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
