/* SPDX-License-Identifier: MIT */
#include "translate/reply/splice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct json_slice
slice(const char *text)
{
	return (struct json_slice){ text, strlen(text) };
}

static void
only_an_escaped_first_half_is_held(void **state)
{
	(void)state;
	assert_int_equal(splice_tail(slice("a\\ud83d")), 6);
	assert_int_equal(splice_tail(slice("\\uDBFF")), 6);
	assert_int_equal(splice_tail(slice("\\\\\\ud83d")), 6);
	assert_int_equal(splice_tail(slice("\\\\ud83d")), 0);
	assert_int_equal(splice_tail(slice("\\ude42")), 0);
	assert_int_equal(splice_tail(slice("\\ud83d ")), 0);
	assert_int_equal(splice_tail(slice("\\u00e9")), 0);
	assert_int_equal(splice_tail(slice("ud83d")), 0);
	assert_int_equal(splice_tail(slice("")), 0);
}

static void
a_held_half_comes_with_the_next_piece(void **state)
{
	struct splice sp = { .is_held = false };
	struct json_slice got;
	struct buf scratch;

	(void)state;
	buf_init(&scratch, 1000);
	got = splice_next(&sp, slice("a\\ud83d"), &scratch);
	assert_int_equal(got.len, 1);
	assert_int_equal(splice_next(&sp, slice(""), &scratch).len, 0);
	got = splice_next(&sp, slice("\\ude42b\\ud83d"), &scratch);
	assert_int_equal(got.len, 13);
	assert_memory_equal(got.text, "\\ud83d\\ude42b", 13);
	assert_int_equal(splice_rest(&sp).len, 6);
	assert_int_equal(splice_rest(&sp).len, 0);
	buf_clear(&scratch);
}

static void
white_space_is_known_in_every_spelling(void **state)
{
	static const char *const blank[] = { "", " ", "\\n\\r\\t \\f",
		"\\u0020\\u0009\\u000a\\u000D" };
	static const char *const other[] = { "a", " a", "\\\\", "\\\"",
		"\\u0000", "\\u00a0", "\\u0021", "\\b", "\xC2\xA0" };

	(void)state;
	for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++)
		assert_true(splice_is_blank(slice(blank[i])));
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		assert_false(splice_is_blank(slice(other[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_escaped_first_half_is_held),
		cmocka_unit_test(a_held_half_comes_with_the_next_piece),
		cmocka_unit_test(white_space_is_known_in_every_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
