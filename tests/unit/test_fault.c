/* SPDX-License-Identifier: MIT */
#include "wire/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"
#include "wire/utf8.h"

static void
the_first_fault_is_kept(void **state)
{
	struct fault why = { 0 };

	(void)state;
	assert_int_equal(
	    fault_set(&why, FAULT_NOT_FOUND, "model: %s", "x"), -1);
	assert_int_equal(fault_no_memory(&why), -1);
	assert_int_equal(fault_set_text(&why, FAULT_TIMEOUT, "no", 2), -1);
	assert_int_equal(why.kind, FAULT_NOT_FOUND);
	assert_string_equal(why.message, "model: x");
	fault_clear(&why);
	assert_int_equal(why.kind, FAULT_NONE);
	assert_string_equal(why.message, "");
	fault_no_memory(&why);
	assert_int_equal(why.kind, FAULT_INTERNAL);
	assert_int_equal(fault_set(NULL, FAULT_TIMEOUT, "nobody asks"), -1);
}

static void
a_long_message_is_cut_between_characters(void **state)
{
	static const char *const characters[] = { "a", "\xC3\xA9",
		"\xE2\x82\xAC", "\xF0\x9F\x98\x80" };
	char text[FAULT_MESSAGE_MAX + 64];
	struct fault why;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(characters[i]);

		for (size_t lead = 0; lead < 4; lead++) {
			size_t at = lead;

			memset(text, 'x', lead);
			for (; at + n < sizeof(text); at += n)
				memcpy(text + at, characters[i], n);
			text[at] = '\0';
			memset(&why, 0, sizeof(why));
			fault_set(&why, FAULT_BAD_REQUEST, "%s", text);
			assert_true(
			    utf8_is_valid(why.message, strlen(why.message)));
			assert_true(
			    strlen(why.message) + n >= FAULT_MESSAGE_MAX);
			fault_clear(&why);
			fault_set_text(&why, FAULT_BAD_REQUEST, text, at);
			assert_true(
			    utf8_is_valid(why.message, strlen(why.message)));
			assert_true(
			    strlen(why.message) + n >= FAULT_MESSAGE_MAX);
		}
	}
}

static void
a_message_of_odd_bytes_becomes_text(void **state)
{
	struct fault why = { 0 };

	(void)state;
	fault_set_text(&why, FAULT_BAD_GATEWAY, "a\0b%s\xff\xc3", 7);
	assert_string_equal(why.message, "a b%s??");
	fault_clear(&why);
	fault_set(&why, FAULT_BAD_GATEWAY, "it said \"%s\"", "\x80z\xe2\x82");
	assert_string_equal(why.message, "it said \"?z??\"");
}

static void
statuses_and_types_are_those_of_the_api(void **state)
{
	(void)state;
	assert_int_equal(fault_status(FAULT_BAD_REQUEST), 400);
	assert_string_equal(
	    fault_type(FAULT_BAD_REQUEST), "invalid_request_error");
	assert_int_equal(fault_status(FAULT_TOO_LARGE), 413);
	assert_string_equal(fault_type(FAULT_TOO_LARGE), "request_too_large");
	assert_int_equal(fault_status(FAULT_RATE_LIMIT), 429);
	assert_string_equal(fault_type(FAULT_RATE_LIMIT), "rate_limit_error");
	assert_int_equal(fault_status(FAULT_OVERLOADED), 529);
	assert_string_equal(fault_type(FAULT_OVERLOADED), "overloaded_error");
	assert_string_equal(fault_type(FAULT_INTERNAL), "api_error");
}

static void
the_envelope_is_one_line_of_json(void **state)
{
	struct fault why = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	fault_set(&why, FAULT_BAD_REQUEST, "a \"b\"\n");
	fault_print(&why, "req_1", &out);
	assert_string_equal(buf_str(&out),
	    "{\"type\":\"error\",\"error\":{\"type\":"
	    "\"invalid_request_error\",\"message\":\"a \\\"b\\\"\\n\"},"
	    "\"request_id\":\"req_1\"}");
	buf_reset(&out);
	memcpy(why.error_code, "thread_unsupported_request", 27);
	fault_print(&why, NULL, &out);
	assert_string_equal(buf_str(&out),
	    "{\"type\":\"error\",\"error\":{\"type\":"
	    "\"invalid_request_error\",\"message\":\"a \\\"b\\\"\\n\","
	    "\"details\":{\"error_code\":\"thread_unsupported_request\"}},"
	    "\"request_id\":null}");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_fault_is_kept),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(a_message_of_odd_bytes_becomes_text),
		cmocka_unit_test(statuses_and_types_are_those_of_the_api),
		cmocka_unit_test(the_envelope_is_one_line_of_json),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
