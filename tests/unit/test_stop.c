/* SPDX-License-Identifier: MIT */
#include "translate/reply/stop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char end[] = "END", ends[] = "ENDS", aab[] = "aab",
	    accent[] = "\xC3\xA9!";
static char *sequences[] = { ends, end, aab, accent };

/* Pushes text in pieces of `step` and flushes; "" in front of what matched. */
static const char *
scan(const char *text, size_t n, size_t step)
{
	static struct buf out;
	size_t len = strlen(text), size;
	struct stop st;

	buf_clear(&out);
	buf_init(&out, 1000);
	stop_init(&st, sequences, n, 1000);
	for (size_t at = 0; at < len; at += size) {
		size = len - at < step ? len - at : step;
		if (stop_push(&st, text + at, size, &out))
			break;
	}
	stop_flush(&st, &out);
	buf_add_char(&out, '|');
	if (st.match != NULL)
		buf_add_str(&out, st.match);
	stop_clear(&st);
	return buf_str(&out);
}

static void
matches_do_not_depend_on_where_the_text_is_cut(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "|" },
		{ "plain", "plain|" },
		{ "alpha END beta", "alpha |END" },
		{ "alpha ENDS", "alpha |ENDS" },
		{ "EN", "EN|" },
		{ "ENENEN", "ENENEN|" },
		{ "ENEND", "EN|END" },
		{ "aaaab", "aa|aab" },
		{ "aaaa", "aaaa|" },
		{ "caf\xC3\xA9, caf\xC3\xA9!", "caf\xC3\xA9, caf|\xC3\xA9!" },
		{ "END first, aab later", "|END" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 20; step++)
			assert_string_equal(
			    scan(cases[i].text, 4, step), cases[i].want);
}

static void
of_two_at_one_place_the_first_of_the_list_wins(void **state)
{
	(void)state;
	/* END stands, but ENDS, which comes first, may still */
	assert_string_equal(scan("xEND.", 2, 1), "x|END");
	assert_string_equal(scan("xENDS", 2, 1), "x|ENDS");
	assert_string_equal(scan("xEND", 2, 1), "x|END");
}

static void
without_sequences_all_text_passes(void **state)
{
	(void)state;
	assert_string_equal(scan("END", 0, 1), "END|");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    matches_do_not_depend_on_where_the_text_is_cut),
		cmocka_unit_test(
		    of_two_at_one_place_the_first_of_the_list_wins),
		cmocka_unit_test(without_sequences_all_text_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
