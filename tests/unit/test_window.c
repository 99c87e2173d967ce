/* SPDX-License-Identifier: MIT */
/* The window check against its own words: mapping of overflow, issue of the
 * 40 % and 10 % error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "translate/window.h"
#include "wire/buf.h"
#include "wire/fault.h"

static void
a_prompt_is_refused_only_past_the_error_of_its_estimate(void **state)
{
	static const struct {
		int64_t estimate;
		unsigned samples;
		int64_t window;
		int refused;
	} cases[] = {
		{ 1000, 0, 1000, 0 },
		{ 1400, 0, 1000, 0 },
		{ 1401, 0, 1000, -1 },
		{ 1101, 2, 1000, 0 },
		{ 1100, 3, 1000, 0 },
		{ 1101, 3, 1000, -1 },
		{ 1000000, 0, 0, 0 }, /* the window is not known */
		{ INT64_MAX, 0, 1000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault why = { 0 };

		assert_int_equal(window_check(cases[i].estimate,
				     cases[i].samples, cases[i].window, &why),
		    cases[i].refused);
		if (cases[i].refused == -1)
			assert_non_null(
			    strstr(why.message, "prompt is too long: "));
	}
}

static void
max_tokens_is_lowered_to_the_room_beside_the_prompt(void **state)
{
	static const struct {
		int64_t asked, estimate;
		unsigned samples;
		const char *want;
	} cases[] = {
		{ 100, 500, 3, "{\"max_tokens\":100}" },
		{ 900, 500, 3, "{\"max_tokens\":450}" },
		{ 900, 500, 0, "{\"max_tokens\":300}" },
		{ 900, 950, 3, "{\"max_tokens\":50}" },
		{ 900, 1000, 3, "{\"max_tokens\":900}" }, /* no room */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *body = cJSON_CreateObject();
		struct buf out;

		buf_init(&out, 1024);
		json_add_int(body, "max_tokens", cases[i].asked);
		window_lower_max_tokens(
		    body, cases[i].estimate, cases[i].samples, 1000);
		json_print(body, &out);
		assert_string_equal(buf_str(&out), cases[i].want);
		buf_clear(&out);
		cJSON_Delete(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_prompt_is_refused_only_past_the_error_of_its_estimate),
		cmocka_unit_test(
		    max_tokens_is_lowered_to_the_room_beside_the_prompt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
