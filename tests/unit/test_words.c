/* SPDX-License-Identifier: MIT */
#include "wire/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
a_word_is_found_whole(void **state)
{
	(void)state;
	assert_int_equal(words_find("low|high|xhigh", "low"), 0);
	assert_int_equal(words_find("low|high|xhigh", "high"), 1);
	assert_int_equal(words_find("low|high|xhigh", "xhigh"), 2);
	assert_int_equal(words_find("low|high|xhigh", "hi"), -1);
	assert_int_equal(words_find("low|high|xhigh", "higher"), -1);
	assert_int_equal(words_find("low|high|xhigh", "HIGH"), -1);
}

static void
a_bar_is_part_of_no_word(void **state)
{
	(void)state;
	assert_int_equal(words_find("low|high", "low|high"), -1);
	assert_int_equal(words_find("low|high", "|"), -1);
}

static void
nothing_is_found_where_the_list_has_it(void **state)
{
	(void)state;
	assert_int_equal(words_find("low|high", ""), -1);
	assert_int_equal(words_find("|high", ""), 0);
	assert_int_equal(words_find("|high", "high"), 1);
	assert_int_equal(words_find("", ""), 0);
}

static void
case_is_passed_over_where_asked_to(void **state)
{
	(void)state;
	assert_int_equal(words_find_any_case("Te|Expect", "expect: x", 6), 1);
	assert_int_equal(words_find_any_case("Te|Expect", "TE", 2), 0);
	assert_int_equal(words_find_any_case("Te|Expect", "Expected", 8), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_found_whole),
		cmocka_unit_test(a_bar_is_part_of_no_word),
		cmocka_unit_test(nothing_is_found_where_the_list_has_it),
		cmocka_unit_test(case_is_passed_over_where_asked_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
