/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "translate/error/phrase.h"

static void
letters_match_in_either_case_and_quotes_match_any(void **state)
{
	(void)state;
	assert_true(phrase_find("the 'x' Is", "say THE `X`  is so", NULL));
	assert_true(phrase_find("the 'x' is", "the \"x\"\nis", NULL));
	assert_false(phrase_find("the 'x' is", "the x is", NULL));
	assert_false(phrase_find("longer", "long", NULL));
	assert_false(phrase_find("a", "", NULL));
}

static void
numbers_are_read_with_their_separators(void **state)
{
	struct phrase_found found;

	(void)state;
	assert_true(
	    phrase_find("of #L, got #P.", "max of 1,234, got 5_678.", &found));
	assert_int_equal(found.number['L' - 'A'], 1234);
	assert_int_equal(found.number['P' - 'A'], 5678);
	/* A name that somebody chose may be looked for, too. */
	assert_false(phrase_find("#", "12", &found));
	assert_false(phrase_find("#1", "12", &found));
	assert_true(phrase_find("[#A, #N]", "range [1, 8192]", &found));
	assert_int_equal(found.number['N' - 'A'], 8192);
	assert_false(phrase_find("of #L", "of 99999999999999999999", NULL));
}

static void
stars_skip_and_names_are_caught(void **state)
{
	struct phrase_found found;

	(void)state;
	assert_true(phrase_find("a*c '@' is", "xaXXbc b c 'top.k' is", &found));
	assert_string_equal(found.name, "top.k");
	assert_true(phrase_find("supplied: @", "supplied: stop.", &found));
	assert_string_equal(found.name, "stop");
	assert_false(phrase_find("a*b*c", "a c b", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    letters_match_in_either_case_and_quotes_match_any),
		cmocka_unit_test(numbers_are_read_with_their_separators),
		cmocka_unit_test(stars_skip_and_names_are_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
