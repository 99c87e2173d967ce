/* SPDX-License-Identifier: MIT */
#include "translate/names.h"

#include "translated.h"

static void
is_short(const char *name, size_t max, const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	name_short(name, max, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_clear(&out);
}

static void
names_within_the_limit_stay(void **state)
{
	(void)state;
	is_short("get_weather", 64, "get_weather");
	is_short("mcp__a-b__c", 64, "mcp__a-b__c");
}

static void
foreign_characters_become_underscores(void **state)
{
	(void)state;
	is_short("a.b c/d", 64, "a_b_c_d");
	is_short("caf\xC3\xA9", 64, "caf__");
}

static void
long_names_end_in_eight_digits_of_their_hash(void **state)
{
	(void)state;
	is_short("mcp__very_long_server_name__read_the_whole_document_slowly_"
		 "read_t",
	    64,
	    "mcp__very_long_server_name__read_the_whole_document_slo_40325188");
}

static void
a_taken_short_name_gets_more_digits(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	name_short_distinct("a.b", 64, 16, &out);
	assert_int_equal(out.len, 3 + 1 + 16);
	assert_memory_equal(out.data, "a_b_", 4);
	buf_clear(&out);
	name_short_distinct("abcdefghij", 8, 56, &out);
	assert_int_equal(out.len, 8);
	buf_clear(&out);
}

static void
is_down(const char *id, const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	assert_true(id_down(id, strlen(id), &out));
	assert_string_equal(buf_str(&out), expected);
	buf_clear(&out);
}

static void
is_up(const char *id, int mode, const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	id_up(id, mode, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_clear(&out);
}

static void
plain_ids_stay(void **state)
{
	(void)state;
	is_down("call_aB3-x", "call_aB3-x");
	is_up("call_aB3-x", TOOL_ID_PASS, "call_aB3-x");
	is_up("toolu_01", TOOL_ID_AUTO, "toolu_01");
}

static void
plain_ids_too_long_to_be_carried_stay_too(void **state)
{
	char id[ID_MAX_SHOWN + 1];
	struct buf out;

	(void)state;
	memset(id, 'a', ID_MAX_SHOWN);
	id[ID_MAX_SHOWN] = '\0';
	is_down(id, id);
	is_up(id, TOOL_ID_PASS, id);
	id[190] = '\0';
	is_down(id, id);
	id[189] = '\0';
	buf_init(&out, 1024);
	assert_true(id_down(id, 189, &out));
	assert_memory_equal(out.data, "tcx_", 4);
	assert_int_equal(out.len, ID_MAX_SHOWN);
	buf_clear(&out);
}

static void
foreign_and_long_ids_are_carried_and_come_back(void **state)
{
	static const char *const ids[] = { "functions.add:0", "a b",
		"\xE2\x82"
		"\xAC",
		"tcx_abcd", "tcx_",
		"x123456789x123456789x123456789x123456789x123456789x123456789"
		"xxxxxxxx" };
	struct buf down, up;

	(void)state;
	is_down("functions.add:0", "tcx_ZnVuY3Rpb25zLmFkZDow");
	buf_init(&down, 1 << 16);
	buf_init(&up, 1 << 16);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		buf_reset(&down);
		buf_reset(&up);
		assert_true(id_down(ids[i], strlen(ids[i]), &down));
		assert_memory_equal(down.data, "tcx_", 4);
		assert_int_equal(
		    strspn(down.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
				      "OPQRSTUVWXYZ0123456789_-"),
		    down.len);
		id_up(buf_str(&down), TOOL_ID_PASS, &up);
		assert_string_equal(buf_str(&up), ids[i]);
	}
	buf_clear(&down);
	buf_clear(&up);
}

static void
what_only_looks_carried_stays(void **state)
{
	(void)state;
	is_up("tcx_", TOOL_ID_PASS, "tcx_");
	is_up("tcx_a", TOOL_ID_PASS, "tcx_a");
	is_up("tcx_a.b", TOOL_ID_PASS, "tcx_a.b");
	is_up("tcx_ab", TOOL_ID_PASS, "tcx_ab"); /* not canonical */
}

static void
ids_not_worth_keeping_are_left_to_the_caller(void **state)
{
	char big[ID_MAX_UPSTREAM + 1];
	struct buf out;

	(void)state;
	memset(big, 'a', sizeof(big));
	buf_init(&out, 10000);
	assert_false(id_down("", 0, &out));
	assert_false(id_down(big, sizeof(big), &out));
	assert_int_equal(out.len, 0);
	assert_true(id_down(big, sizeof(big) - 1, &out));
	assert_true(out.len <= ID_MAX_CLIENT);
	buf_clear(&out);
}

static void
hash40_shortens_only_what_is_longer(void **state)
{
	(void)state;
	is_up("a123456789a123456789a123456789a123456789", TOOL_ID_HASH40,
	    "a123456789a123456789a123456789a123456789");
	/* printf %s a…0 | sha256sum */
	is_up("a123456789a123456789a123456789a1234567890", TOOL_ID_HASH40,
	    "call_ee2f10e68c47fb52abe69eb23cbda58d");
}

static void
mistral_ids_have_nine_characters(void **state)
{
	struct buf a, b;

	(void)state;
	is_up("aB3dE6gH9", TOOL_ID_MISTRAL9, "aB3dE6gH9");
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	id_up("toolu_1", TOOL_ID_MISTRAL9, &a);
	id_up("toolu_1", TOOL_ID_MISTRAL9, &b);
	assert_int_equal(a.len, 9);
	assert_string_equal(buf_str(&a), buf_str(&b));
	buf_reset(&b);
	id_up("toolu_2", TOOL_ID_MISTRAL9, &b);
	assert_string_not_equal(buf_str(&a), buf_str(&b));
	buf_clear(&a);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_within_the_limit_stay),
		cmocka_unit_test(foreign_characters_become_underscores),
		cmocka_unit_test(long_names_end_in_eight_digits_of_their_hash),
		cmocka_unit_test(a_taken_short_name_gets_more_digits),
		cmocka_unit_test(plain_ids_stay),
		cmocka_unit_test(plain_ids_too_long_to_be_carried_stay_too),
		cmocka_unit_test(
		    foreign_and_long_ids_are_carried_and_come_back),
		cmocka_unit_test(what_only_looks_carried_stays),
		cmocka_unit_test(ids_not_worth_keeping_are_left_to_the_caller),
		cmocka_unit_test(hash40_shortens_only_what_is_longer),
		cmocka_unit_test(mistral_ids_have_nine_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
