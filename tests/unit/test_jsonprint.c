/* SPDX-License-Identifier: MIT */
/* The writing half of json.h, and UTF-8. */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"
#include "wire/utf8.h"

static struct json_slice
slice(const char *text)
{
	return (struct json_slice){ .text = text, .len = strlen(text) };
}

static void
holds(struct buf *b, const char *want)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(want));
	assert_string_equal(buf_str(b), want);
	buf_reset(b);
}

static void
text_is_escaped_into_valid_json(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_escape(&b, "a\"b\\c/\n\t\r\b\f\x01\x1f\x7f\0z", 16);
	holds(&b, "a\\\"b\\\\c/\\n\\t\\r\\b\\f\\u0001\\u001f\x7f\\u0000z");
	json_escape(&b, NULL, 0);
	holds(&b, "");
	json_escape(&b, "\xC3\xA9\xF0\x9F\x98\x80", 6);
	holds(&b, "\xC3\xA9\xF0\x9F\x98\x80");
	json_escape(&b, "x\xFFy\xE2\x82", 5);
	holds(&b, "x\xEF\xBF\xBDy\xEF\xBF\xBD");
	json_escape(&b, "{\"a\":\"\\u0000\\n\"}", 16);
	holds(&b, "{\\\"a\\\":\\\"\\\\u0000\\\\n\\\"}");
	json_put_string(&b, "a\"");
	holds(&b, "\"a\\\"\"");
	buf_clear(&b);
}

/* Each byte at each place of a long text, so that no fast path skips it. */
static void
an_odd_byte_is_escaped_wherever_it_stands(void **state)
{
	static const struct {
		const char *byte, *escaped;
	} cases[] = { { "\n", "\\n" }, { "\"", "\\\"" }, { "\\", "\\\\" },
		{ "\x1f", "\\u001f" }, { "\x80", "\xEF\xBF\xBD" } };
	char text[41], want[60];
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < 5; i++) {
		for (size_t at = 0; at < 40; at++) {
			size_t n = strlen(cases[i].escaped);

			memset(text, '!', 40);
			text[at] = cases[i].byte[0];
			memset(want, '!', 40 + n);
			memcpy(want + at, cases[i].escaped, n);
			want[39 + n] = '\0';
			json_escape(&b, text, 40);
			holds(&b, want);
		}
	}
	buf_clear(&b);
}

static void
a_body_passes_but_for_half_pairs(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_put_body(&b, slice("a\\u0000\\/\\ud83d\\ude00\\\\ud83d"));
	holds(&b, "a\\u0000\\/\\ud83d\\ude00\\\\ud83d");
	json_put_body(&b, slice("\\ud83d"));
	holds(&b, "\\ufffd");
	json_put_body(&b, slice("\\uD83Dx\\ude00\\ud83d\\ud83d\\ude00\\n"));
	holds(&b, "\\ufffdx\\ufffd\\ufffd\\ud83d\\ude00\\n");
	json_put_body(&b, (struct json_slice){ 0 });
	holds(&b, "");
	buf_clear(&b);
}

static void
a_half_pair_is_found_wherever_it_stands(void **state)
{
	struct buf body, b;

	(void)state;
	buf_init(&body, 1000);
	buf_init(&b, 1000);
	for (int before = 1; before < 80; before++)
		for (int after = 1; after < 80; after += 13) {
			buf_reset(&body);
			buf_printf(
			    &body, "%0*d\\uDC00%0*d", before, 0, after, 0);
			json_put_body(
			    &b, (struct json_slice){ body.data, body.len });
			assert_memory_equal(b.data + before, "\\ufffd0", 7);
			assert_int_equal(b.len, body.len);
			buf_reset(&b);
		}
	buf_clear(&body);
	buf_clear(&b);
}

static void
a_body_is_decoded_with_its_nuls(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_unescape(
	    &b, slice("a\\u0000b\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac"
		      "\\ud83d\\ude00\\ud83dz"));
	assert_int_equal(b.len, 24);
	assert_memory_equal(b.data,
	    "a\0b\"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC"
	    "\xF0\x9F\x98\x80\xEF\xBF\xBDz",
	    24);
	buf_clear(&b);
}

static void
every_code_unit_survives_being_decoded_and_escaped(void **state)
{
	char escape[7] = "\\u0000";
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (unsigned c = 0x80; c < 0x10000; c++) {
		char want[4];
		size_t len;

		for (unsigned i = 0; i < 4; i++)
			escape[2 + i] =
			    "0123456789abcdef"[c >> (12 - 4 * i) & 15];
		len =
		    utf8_encode(c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c, want);
		json_unescape(&b, slice(escape));
		assert_int_equal(b.len, len);
		assert_memory_equal(b.data, want, len);
		assert_true(utf8_is_valid(b.data, b.len));
		buf_reset(&b);
	}
	buf_clear(&b);
}

static void
a_built_tree_prints_what_was_put_in(void **state)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	assert_true(json_add_text(o, "t", "a\"\n\xC3\xA9\x01"));
	assert_true(json_add_text(o, "bad", "\xFF\""));
	assert_true(json_add_body(o, "b", slice("\\u0000\\ud83d\\n")));
	assert_true(json_add_body(o, "empty", (struct json_slice){ 0 }));
	assert_true(json_add_raw(o, "r", slice("{\"n\": 1.0, \"n\":1e400}")));
	assert_true(json_add_int(o, "i", 1000000000000000));
	assert_true(json_add_int(o, "min", INT64_MIN));
	assert_true(json_add_bool(o, "yes", true));
	assert_true(json_add_bool(o, "no\"", false));
	cJSON_AddItemToArray(list, cJSON_CreateNull());
	cJSON_AddItemToArray(list, json_raw("9007199254740993", 16));
	cJSON_AddItemToArray(list, json_text_item("x"));
	cJSON_AddItemToArray(list, json_body_item(slice("\\t")));
	assert_true(json_add(o, "l", list));
	assert_int_equal(json_print(o, &b), 0);
	holds(&b, "{\"t\":\"a\\\"\\n\xC3\xA9\\u0001\",\"bad\":"
		  "\"\xEF\xBF\xBD\\\"\",\"b\":\"\\u0000\\ufffd\\n\",\"empty\":"
		  "\"\",\"r\":{\"n\": 1.0, \"n\":1e400},\"i\":1000000000000000,"
		  "\"min\":-9223372036854775808,\"yes\":true,\"no\\\"\":false,"
		  "\"l\":[null,9007199254740993,\"x\",\"\\t\"]}");
	cJSON_Delete(o);
	buf_clear(&b);
}

static void
adding_to_nothing_or_nothing_leaks_nothing(void **state)
{
	cJSON *o = cJSON_CreateObject();

	(void)state;
	assert_false(json_add_int(NULL, "a", 1));
	assert_false(json_add_text(NULL, "a", "x"));
	assert_false(json_add_body(NULL, "a", slice("x")));
	assert_false(json_add_raw(NULL, "a", slice("1")));
	assert_false(json_add_bool(NULL, "a", true));
	assert_false(json_add(o, "a", NULL));
	assert_null(o->child);
	cJSON_Delete(o);
}

/* An item's text is not a piece of memory of its own. */
static void
a_built_item_may_be_moved_replaced_and_copied(void **state)
{
	cJSON *o = cJSON_CreateObject(), *p = cJSON_CreateObject(), *copy;
	struct buf b;

	(void)state;
	assert_true(json_add_text(o, "a", "x\n"));
	assert_true(json_add_body(
	    o, "b", (struct json_slice){ "y\\n", strlen("y\\n") }));
	assert_true(json_add_int(o, "c", 7));
	copy = cJSON_Duplicate(o, true);
	assert_non_null(copy);
	assert_true(
	    cJSON_ReplaceItemInObjectCaseSensitive(o, "a", json_raw("[1]", 3)));
	cJSON_DeleteItemFromObjectCaseSensitive(o, "c");
	assert_true(cJSON_AddItemToObject(
	    p, "d", cJSON_DetachItemFromObjectCaseSensitive(o, "b")));
	assert_true(json_add(o, "p", p));
	buf_init(&b, 1000);
	assert_int_equal(json_print(o, &b), 0);
	cJSON_Delete(o);
	assert_int_equal(json_print(copy, &b), 0);
	cJSON_Delete(copy);
	holds(&b, "{\"a\":[1],\"p\":{\"d\":\"y\\n\"}}"
		  "{\"a\":\"x\\n\",\"b\":\"y\\n\",\"c\":7}");
	buf_clear(&b);
}

static void
printing_appends_and_respects_the_ceiling(void **state)
{
	cJSON *o = cJSON_CreateObject();
	struct buf b;

	(void)state;
	json_add_text(o, "a", "\n\n\n\n");
	for (size_t max = 0; max < 24; max++) {
		buf_init(&b, max);
		buf_add_str(&b, "data: ");
		/* {"a":"\n\n\n\n"} is 16 long */
		assert_int_equal(json_print(o, &b), max >= 22 ? 0 : -1);
		if (max >= 22)
			holds(&b, "data: {\"a\":\"\\n\\n\\n\\n\"}");
		buf_clear(&b);
	}
	buf_init(&b, 100);
	assert_int_equal(json_print(NULL, &b), -1);
	buf_clear(&b);
	cJSON_Delete(o);
}

/* Numbers, words, empty things and odd bytes: the estimate must hold. */
static void
the_estimate_of_a_print_is_never_too_small(void **state)
{
	char odd[200];
	struct buf b;
	char *want;

	(void)state;
	for (size_t n = 0; n < 150; n++) {
		cJSON *o = cJSON_CreateObject(), *a = cJSON_CreateArray();

		memset(odd, (int)(n % 3 == 0 ? 1 : n % 3 == 1 ? '"' : 0xC3), n);
		odd[n] = '\0';
		cJSON_AddItemToObject(o, odd, cJSON_CreateString(odd));
		for (size_t i = 0; i < n % 7; i++) {
			cJSON_AddItemToArray(
			    a, cJSON_CreateNumber(-1.2345678901234567e-300));
			cJSON_AddItemToArray(a, cJSON_CreateArray());
			cJSON_AddItemToArray(a, cJSON_CreateFalse());
		}
		cJSON_AddItemToObject(o, "", a);
		buf_init(&b, 100000);
		want = cJSON_PrintUnformatted(o);
		assert_int_equal(json_print(o, &b), 0);
		holds(&b, want);
		free(want);
		buf_clear(&b);
		cJSON_Delete(o);
	}
}

static void
utf8_is_cut_at_borders_only(void **state)
{
	const char *text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };

	(void)state;
	for (size_t len = 0; len <= 10; len++)
		assert_int_equal(utf8_cut(text, len), want[len]);
	assert_true(utf8_is_valid(text, 10));
	assert_false(utf8_is_valid(text, 9));
	assert_false(utf8_is_valid("\xC1\xBF", 2));
	assert_true(utf8_is_valid("", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_escaped_into_valid_json),
		cmocka_unit_test(an_odd_byte_is_escaped_wherever_it_stands),
		cmocka_unit_test(a_body_passes_but_for_half_pairs),
		cmocka_unit_test(a_half_pair_is_found_wherever_it_stands),
		cmocka_unit_test(a_body_is_decoded_with_its_nuls),
		cmocka_unit_test(
		    every_code_unit_survives_being_decoded_and_escaped),
		cmocka_unit_test(a_built_tree_prints_what_was_put_in),
		cmocka_unit_test(adding_to_nothing_or_nothing_leaks_nothing),
		cmocka_unit_test(a_built_item_may_be_moved_replaced_and_copied),
		cmocka_unit_test(printing_appends_and_respects_the_ceiling),
		cmocka_unit_test(the_estimate_of_a_print_is_never_too_small),
		cmocka_unit_test(utf8_is_cut_at_borders_only),
	};

	return cmocka_run_group_tests_name("jsonprint", tests, NULL, NULL);
}
