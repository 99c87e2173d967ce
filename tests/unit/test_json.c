/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"
#include "wire/fault.h"

/* A document over a text that ends where its memory ends. */
struct parsed {
	struct json_doc doc;
	struct fault why;
	char *text;
	int rc;
};

typedef int parser(struct json_doc *, const char *, size_t,
    const struct json_limits *, struct fault *);

static struct parsed *
parse_with(parser *parse, const char *text, size_t len,
    const struct json_limits *limits)
{
	struct parsed *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->text = malloc(len > 0 ? len : 1);
	assert_non_null(p->text);
	memcpy(p->text, text, len);
	p->rc = parse(&p->doc, p->text, len, limits, &p->why);
	return p;
}

static struct parsed *
parsed(const char *text)
{
	struct parsed *p = parse_with(json_parse, text, strlen(text), NULL);

	if (p->rc != 0)
		fail_msg("%s: %s", text, p->why.message);
	return p;
}

static void
drop(struct parsed *p)
{
	json_doc_clear(&p->doc);
	json_doc_clear(&p->doc);
	free(p->text);
	free(p);
}

static void
slice_is(struct json_slice slice, const char *want)
{
	if (slice.len != strlen(want) ||
	    memcmp(slice.text, want, slice.len) != 0)
		fail_msg("%.*s is not %s", (int)slice.len, slice.text, want);
}

static void
what_the_grammar_allows_is_taken(void **state)
{
	static const char *const texts[] = { "0", "-0", "1.5", "1e5", "1E+5",
		"-1.0e-5", "1e400", "9007199254740993", "true", "false", "null",
		"\"\"", "\"a\"", "[]", "{}", " [ ] ", "\r\n\t{ }\n", "[1,2]",
		"[ 1 , 2 ]", "{\"\":0}", "{\"a\":{\"a\":[]}}", "[[],[[]],{}]",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\u0000\"",
		"\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"",
		"\"\\ud83d\\ud83d\\ude00\"", "\"\x7f\"",
		"\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", "\"\xEF\xBB\xBF\"",
		"{\"a\":1,\"a\":2}",
		"[1.000000000000000000000000000000000000"
		"0000000000000000000000000000000000]",
		"-1000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		drop(parsed(texts[i]));
		assert_int_equal(
		    json_check(texts[i], strlen(texts[i]), 0, NULL), 0);
	}
}

static void
what_the_grammar_forbids_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{ "", "the text ends too early at byte 0" },
		{ " ", "the text ends too early at byte 1" },
		{ "[", "the text ends too early at byte 1" },
		{ "[1", "the text ends too early at byte 2" },
		{ "[1,", "the text ends too early at byte 3" },
		{ "{", "the text ends too early at byte 1" },
		{ "{\"a\"", "the text ends too early at byte 4" },
		{ "{\"a\":", "the text ends too early at byte 5" },
		{ "{\"a\":1", "the text ends too early at byte 6" },
		{ "[1,]", "an unexpected character at byte 3" },
		{ "[,1]", "an unexpected character at byte 1" },
		{ "[1 2]", "a comma or ] is expected at byte 3" },
		{ "[1}", "a comma or ] is expected at byte 2" },
		{ "{\"a\":1]", "a comma or } is expected at byte 6" },
		{ "{\"a\":1,}", "a key is expected at byte 7" },
		{ "{,}", "a key is expected at byte 1" },
		{ "{1:2}", "a key is expected at byte 1" },
		{ "{a:2}", "a key is expected at byte 1" },
		{ "{\"a\",1}", "a colon is expected at byte 4" },
		{ "{}}", "more text behind its end at byte 2" },
		{ "1 2", "more text behind its end at byte 2" },
		{ "[]x", "more text behind its end at byte 2" },
		{ "01", "a bad number at byte 0" },
		{ "-", "a bad number at byte 0" },
		{ "[-a]", "a bad number at byte 1" },
		{ "1.", "a bad number at byte 0" },
		{ "1.e1", "a bad number at byte 0" },
		{ "1e", "a bad number at byte 0" },
		{ "1e+", "a bad number at byte 0" },
		{ ".5", "an unexpected character at byte 0" },
		{ "+1", "an unexpected character at byte 0" },
		{ "0x1", "more text behind its end at byte 1" },
		{ "NaN", "an unexpected character at byte 0" },
		{ "tru", "an unexpected character at byte 0" },
		{ "truex", "more text behind its end at byte 4" },
		{ "'a'", "an unexpected character at byte 0" },
		{ "/**/1", "an unexpected character at byte 0" },
		{ "\"a", "a string is not closed at byte 2" },
		{ "\"a\\", "a string is not closed at byte 3" },
		{ "\"\\\"", "a string is not closed at byte 3" },
		{ "\"\\x\"", "an unknown escape at byte 1" },
		{ "\"\\u12", "a bad \\u escape at byte 1" },
		{ "\"\\u12g4\"", "a bad \\u escape at byte 1" },
		{ "\"a\nb\"", "a control character in a string at byte 2" },
		{ "\"a\tb\"", "a control character in a string at byte 2" },
		{ "\"a\x80\"", "invalid UTF-8 at byte 2" },
		{ "\"\xC3\"", "invalid UTF-8 at byte 1" },
		{ "\"\xC0\x80\"", "invalid UTF-8 at byte 1" },
		{ "\"\xE0\x80\x80\"", "invalid UTF-8 at byte 1" },
		{ "\"\xED\xA0\x80\"", "invalid UTF-8 at byte 1" },
		{ "\"\xF4\x90\x80\x80\"", "invalid UTF-8 at byte 1" },
		{ "\"\xF5\x80\x80\x80\"", "invalid UTF-8 at byte 1" },
		{ "\"\xF0\x9F\x98\"", "invalid UTF-8 at byte 1" },
		{ "{\"\xFF\":1}", "invalid UTF-8 at byte 2" },
		{ "\xEF\xBB\xBF{}", "an unexpected character at byte 0" },
		{ "\x01", "an unexpected character at byte 0" },
	};
	char want[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		struct parsed *p =
		    parse_with(json_parse, cases[i].text, len, NULL);

		snprintf(want, sizeof(want),
		    "The request body is not valid JSON: %s", cases[i].what);
		assert_int_equal(p->rc, -1);
		assert_int_equal(p->why.kind, FAULT_BAD_REQUEST);
		assert_string_equal(p->why.message, want);
		assert_null(p->doc.root);
		assert_int_equal(json_check(p->text, len, 0, NULL), -1);
		drop(p);
	}
}

static void
a_nul_byte_is_refused_inside_and_outside_strings(void **state)
{
	struct parsed *p;

	(void)state;
	p = parse_with(json_parse, "\"a\0b\"", 5, NULL);
	assert_int_equal(p->rc, -1);
	drop(p);
	p = parse_with(json_parse, "[]\0", 3, NULL);
	assert_int_equal(p->rc, -1);
	drop(p);
	p = parse_with(json_parse, "\"\\\0\"", 4, NULL);
	assert_int_equal(p->rc, -1);
	drop(p);
}

/* Every prefix of a text fails or is one; none reads past its end. */
static void
every_prefix_is_handled(void **state)
{
	const char *text = "{\"a\":[1.5e3,-2,true,false,null,\"x\\u00e9\\n"
			   "\\ud83d\\ude00\xE2\x82\xAC\"],\"b\\u0000\":{}}";

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		struct parsed *p = parse_with(json_parse, text, len, NULL);

		assert_int_equal(p->rc, -1);
		drop(p);
	}
	drop(parsed(text));
}

static void
each_item_knows_how_it_is_written(void **state)
{
	struct parsed *p = parsed(" {\"n\": 9007199254740993 ,\"f\":1.0,"
				  "\"e\":1e400,\"s\":\"a\\u0000\\/\","
				  "\"a\":[ 1, {\"x\" : [ ] } ],\"t\":true} ");
	const cJSON *root = p->doc.root, *a = json_get(root, "a");

	(void)state;
	slice_is(json_slice(&p->doc, json_get(root, "n")), "9007199254740993");
	slice_is(json_slice(&p->doc, json_get(root, "f")), "1.0");
	slice_is(json_slice(&p->doc, json_get(root, "e")), "1e400");
	slice_is(json_slice(&p->doc, json_get(root, "s")), "\"a\\u0000\\/\"");
	slice_is(json_body(&p->doc, json_get(root, "s")), "a\\u0000\\/");
	slice_is(json_slice(&p->doc, json_get(root, "t")), "true");
	slice_is(json_slice(&p->doc, a), "[ 1, {\"x\" : [ ] } ]");
	slice_is(json_slice(&p->doc, a->child->next->child), "[ ]");
	slice_is(json_body(&p->doc, a), "");
	slice_is(json_slice(&p->doc, NULL), "");
	slice_is(json_body(&p->doc, NULL), "");
	assert_ptr_equal(json_slice(&p->doc, root).text, p->text + 1);
	drop(p);
}

static void
a_thousand_items_keep_their_places(void **state)
{
	struct parsed *p;
	struct buf text;
	char want[32];
	size_t i = 0;

	(void)state;
	buf_init(&text, 100000);
	for (; i < 1000; i++)
		buf_printf(
		    &text, "%s[%zu,{\"k\":\"%zu\"}]", i ? "," : "[", i, i * 7);
	buf_add_str(&text, "]");
	p = parsed(buf_str(&text));
	i = 0;
	for (const cJSON *item = p->doc.root->child; item != NULL;
	     item = item->next, i++) {
		snprintf(want, sizeof(want), "[%zu,{\"k\":\"%zu\"}]", i, i * 7);
		slice_is(json_slice(&p->doc, item), want);
		snprintf(want, sizeof(want), "%zu", i * 7);
		slice_is(json_body(&p->doc, item->child->next->child), want);
	}
	assert_int_equal(i, 1000);
	drop(p);
	buf_clear(&text);
}

static void
same_text(const char *have, const char *want)
{
	assert_int_equal(have == NULL, want == NULL);
	if (want != NULL)
		assert_string_equal(have, want);
}

/* In all but the numbers, which hold the places. */
static void
same_tree(const cJSON *have, const cJSON *want)
{
	const cJSON *last = NULL, *first = have->child;

	assert_int_equal(have->type, want->type);
	same_text(have->valuestring, want->valuestring);
	same_text(have->string, want->string);
	have = have->child;
	for (want = want->child; want != NULL; want = want->next) {
		assert_non_null(have);
		same_tree(have, want);
		if (last != NULL)
			assert_ptr_equal(have->prev, last);
		last = have;
		have = have->next;
	}
	assert_null(have);
	if (first != NULL)
		assert_ptr_equal(first->prev, last);
}

static void
a_tree_is_what_cjson_would_make_of_the_text(void **state)
{
	static const char *const texts[] = {
		"7", " \"\" ", "null", "[]", "{}", "[[],[[]],{},[{}],1]",
		"{\"a\":{},\"a\":[],\"\":{\"b\":{}}}",
		" [ true , [ false,null ] , -1.5e3 ,\"x\" ] ",
		"{ \"a:\" : \":\" ,\n\t\"\\\"b\\\":\" : { \"c\" :[ 1 ,"
		"{\"d,\":\"}\"}] } , \"e\\\\\" : \"{\\\"\" }",
		"[\"\\u00e9\\ud83d\\ude00\\/"
		"\\b\\f\\n\\r\\t\\\"\\\\\",\"\\\\\"]",
		"{\"\\u0061\\\":\":\"b\",\"\xC3\xA9\":\"\xF0\x9F\x98\x80\"}",
		"[[[[1],2],3,[4,[5,[6]]]],{\"a\":[{\"b\":[{\"c\":0}]}]},\"\"]"
	};
	struct parsed *p;
	cJSON *want;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		p = parsed(texts[i]);
		assert_non_null(want = cJSON_Parse(texts[i]));
		same_tree(p->doc.root, want);
		cJSON_Delete(want);
		drop(p);
	}
}

static void
nuls_and_half_pairs_are_harmless_in_decoded_text(void **state)
{
	struct parsed *p =
	    parsed("[\"a\\u0000b\",\"\\ud83d\",\"\\ude00x\",\"\\ud83d\\ude00\","
		   "\"\\ud83d\\u0041\",\"\\\\u0000\",\"\\\\\\u0000\","
		   "\"\\uD83D\\uDE00\\uDE00\"]");
	static const char *const want[] = { "a\xEF\xBF\xBD"
					    "b",
		"\xEF\xBF\xBD", "\xEF\xBF\xBDx", "\xF0\x9F\x98\x80",
		"\xEF\xBF\xBD"
		"A",
		"\\u0000", "\\\xEF\xBF\xBD", "\xF0\x9F\x98\x80\xEF\xBF\xBD" };
	const cJSON *item = p->doc.root->child;

	(void)state;
	for (size_t i = 0; i < 8; i++, item = item->next)
		assert_string_equal(item->valuestring, want[i]);
	assert_false(p->doc.has_nul_key);
	drop(p);
}

/* Long ones go eight bytes at a time. */
static void
strings_of_any_length_are_decoded_alike(void **state)
{
	static const struct {
		const char *escaped, *decoded;
	} odd[] = { { "\\u0000", "\xEF\xBF\xBD" },
		{ "\\ud83d", "\xEF\xBF\xBD" }, { "\\uDE00", "\xEF\xBF\xBD" },
		{ "\\ud83d\\ude00", "\xF0\x9F\x98\x80" }, { "\\\\", "\\" },
		{ "\\\\u0000", "\\u0000" }, { "\\\"", "\"" },
		{ "\\/\\b\\f\\n\\r\\t", "/\b\f\n\r\t" },
		{ "\\u00e9\\u20ac", "\xC3\xA9\xE2\x82\xAC" },
		{ "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" } };
	struct buf text, want;
	struct parsed *p;

	(void)state;
	buf_init(&text, 1000);
	buf_init(&want, 1000);
	for (size_t i = 0; i < 10 * 90 * 2; i++) {
		int before = (int)(i / 20), after = i % 20 < 10 ? 0 : 60;

		buf_reset(&text);
		buf_reset(&want);
		buf_printf(&text, "{\"a\":\"%0*d%s%0*d\",\"b\":[\"\",7]}",
		    before + 1, 1, odd[i % 10].escaped, after + 1, 2);
		buf_printf(&want, "%0*d%s%0*d", before + 1, 1,
		    odd[i % 10].decoded, after + 1, 2);
		p = parsed(buf_str(&text));
		assert_string_equal(
		    p->doc.root->child->valuestring, buf_str(&want));
		slice_is(json_slice(&p->doc, json_get(p->doc.root, "b")),
		    "[\"\",7]");
		assert_int_equal(json_body(&p->doc, p->doc.root->child).len,
		    text.len - strlen("{'a':'','b':['',7]}"));
		drop(p);
	}
	buf_clear(&text);
	buf_clear(&want);
}

static void
depth_is_limited_without_recursion(void **state)
{
	struct json_limits limits = { .max_depth = 3 };
	struct parsed *p;
	char deep[1802];

	(void)state;
	p = parse_with(json_parse, "[[{}]]", 6, &limits);
	assert_int_equal(p->rc, 0);
	drop(p);
	p = parse_with(json_parse, "[[[[]]]]", 8, &limits);
	assert_int_equal(p->rc, -1);
	assert_string_equal(p->why.message,
	    "The request body cannot be read: it is nested deeper than 3 at "
	    "byte 3");
	drop(p);
	limits.max_depth = 100000;
	memset(deep, '[', 901);
	memset(deep + 901, ']', 901);
	p = parse_with(json_parse, deep + 1, 1800, &limits);
	assert_int_equal(p->rc, 0);
	assert_int_equal(json_find_nul_key(p->doc.root, NULL) != NULL, 0);
	drop(p);
	p = parse_with(json_parse, deep, 1802, &limits);
	assert_int_equal(p->rc, -1);
	drop(p);
	assert_int_equal(json_check(deep, 1802, '[', &limits), -1);
	assert_int_equal(json_check(deep + 1, 1800, '[', &limits), 0);
	assert_int_equal(json_check(deep + 1, 1800, '[', NULL), -1);
}

static void
the_count_of_values_is_limited(void **state)
{
	struct json_limits limits = { .max_values = 4 };
	struct parsed *p;

	(void)state;
	p = parse_with(json_parse, "[1,2,3]", 7, &limits);
	assert_int_equal(p->rc, 0);
	drop(p);
	p = parse_with(json_parse, "[1,2,[]]", 8, &limits);
	assert_int_equal(p->rc, 0);
	drop(p);
	p = parse_with(json_parse, "[1,2,3,4]", 9, &limits);
	assert_int_equal(p->rc, -1);
	assert_string_equal(p->why.message,
	    "The request body cannot be read: it has more values than 4 at "
	    "byte 7");
	drop(p);
}

static void
lookups_are_exact_and_the_last_of_duplicates_wins(void **state)
{
	struct parsed *p = parsed("{\"A\":1,\"a\":2,\"a\":\"x\",\"n\":null,"
				  "\"b\":true,\"c\":false,\"\":[]}");
	const cJSON *root = p->doc.root;

	(void)state;
	assert_true(json_is(json_get(root, "a"), "x"));
	assert_string_equal(json_get_string(root, "a"), "x");
	assert_null(json_get_string(root, "A"));
	assert_null(json_get(root, "B"));
	assert_null(json_get(NULL, "a"));
	assert_null(json_get(json_get(root, ""), "a"));
	assert_true(cJSON_IsArray(json_get(root, "")));
	assert_non_null(json_get(root, "n"));
	assert_null(json_get_set(root, "n"));
	assert_null(json_get_set(root, "zz"));
	assert_true(json_get_true(root, "b"));
	assert_false(json_get_true(root, "c"));
	assert_false(json_get_true(root, "A"));
	assert_false(json_is(json_get(root, "b"), "true"));
	assert_false(json_is(NULL, ""));
	drop(p);
}

static void
a_key_with_a_nul_is_not_the_key_before_it(void **state)
{
	struct parsed *p = parsed("{\"model\\u0000x\":1,\"model\\u0000\":2}");

	(void)state;
	assert_null(json_get(p->doc.root, "model"));
	drop(p);
}

static void
integers_are_read_exactly_in_any_spelling(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = { { "0", 0 }, { "-0", 0 }, { "0.0", 0 }, { "0e99", 0 },
		{ "1", 1 }, { "100.0", 100 }, { "1e3", 1000 }, { "1E+3", 1000 },
		{ "1.5e1", 15 }, { "1500e-2", 15 }, { "0.00015e5", 15 },
		{ "9007199254740993", 9007199254740993 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
		{ "-9223372036854775808.000", INT64_MIN },
		{ "10000000000000000000000e-20", 100 },
		{ "0.00000000000000000000000000001e30", 10 } };
	static const char *const bad[] = { "0.5", "1e-1", "1.05e1",
		"9223372036854775808", "-9223372036854775809", "1e19", "1e400",
		"1e999999999999999999999", "1e-999999999999999999999",
		"99999999999999999999", "true", "null", "\"1\"", "[1]", "{}" };
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct parsed *p = parsed(good[i].text);

		if (json_int64(&p->doc, p->doc.root, &value) != 0 ||
		    value != good[i].value)
			fail_msg("%s", good[i].text);
		drop(p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct parsed *p = parsed(bad[i]);

		value = 77;
		if (json_int64(&p->doc, p->doc.root, &value) != -1)
			fail_msg("%s", bad[i]);
		assert_int_equal(value, 77);
		assert_int_equal(json_int64(&p->doc, NULL, &value), -1);
		drop(p);
	}
}

static void
numbers_are_read_as_doubles(void **state)
{
	struct parsed *p = parsed("[0.1,-2.5e3,1e400,\"1\"]");
	const cJSON *item = p->doc.root->child;
	double value;

	(void)state;
	assert_int_equal(json_number(&p->doc, item, &value), 0);
	assert_true(value == 0.1);
	item = item->next;
	assert_int_equal(json_number(&p->doc, item, &value), 0);
	assert_true(value == -2500);
	item = item->next;
	assert_int_equal(json_number(&p->doc, item, &value), 0);
	assert_true(value > 1e308);
	item = item->next;
	assert_int_equal(json_number(&p->doc, item, &value), -1);
	assert_int_equal(json_number(&p->doc, NULL, &value), -1);
	drop(p);
}

static void
keys_with_nuls_are_found_outside_raw_members(void **state)
{
	static const char *const raw[] = { "input", "input_schema", NULL };
	struct parsed *p;

	(void)state;
	p = parsed("{\"a\":[{\"input\":{\"k\\u0000\":1}}],\"b\":\"\\u0000\"}");
	assert_true(p->doc.has_nul_key);
	assert_null(json_find_nul_key(p->doc.root, raw));
	assert_non_null(json_find_nul_key(p->doc.root, NULL));
	drop(p);
	p = parsed("{\"a\":[{\"input\":{\"k\\u0000\":1}},[],"
		   "{\"x\":{\"b\\u0000\":\"here\"}}]}");
	assert_true(json_is(json_find_nul_key(p->doc.root, raw), "here"));
	drop(p);
	p = parsed("{\"\\u0000\":{}}");
	assert_ptr_equal(
	    json_find_nul_key(p->doc.root, raw), p->doc.root->child);
	assert_null(json_find_nul_key(p->doc.root->child, raw));
	drop(p);
	p = parsed("{\"a\":\"\\u0000\"}");
	assert_false(p->doc.has_nul_key);
	assert_null(json_find_nul_key(p->doc.root, NULL));
	drop(p);
	assert_null(json_find_nul_key(NULL, raw));
}

static void
an_upstreams_text_is_repaired_and_not_more(void **state)
{
	static const struct {
		const char *text, *root;
	} good[] = {
		{ "\xEF\xBB\xBF [1]", "[1]" },
		{ "[\"a\tb\nc\x01\"]", "[\"a\\tb\\nc\\u0001\"]" },
		{ "[\"\xFF\"]", "[\"\xEF\xBF\xBD\"]" },
		{ "[\"\xE2\x82z\xC3\"]", "[\"\xEF\xBF\xBDz\xEF\xBF\xBD\"]" },
		{ "[\"\xED\xA0\x80\"]",
		    "[\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"]" },
		{ "{\"k\xFF\":\"\\\"\t\\\\\"}",
		    "{\"k\xEF\xBF\xBD\":\"\\\"\\t\\\\\"}" },
		{ "[\"\xC3\xA9\t\xE2\x82\xAC\"]",
		    "[\"\xC3\xA9\\t\xE2\x82\xAC\"]" },
		{ "[1.0]\n", "[1.0]" },
	};
	static const char *const bad[] = { "[\"a\t]", "[\"a\\\n\"]", "\xFF",
		"[\xC3\xA9]", "[\"\x01\"", "", "[1]x", "[\"\t\",]" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct parsed *p = parse_with(json_parse_lenient, good[i].text,
		    strlen(good[i].text), NULL);

		assert_int_equal(p->rc, 0);
		slice_is(json_slice(&p->doc, p->doc.root), good[i].root);
		drop(p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct parsed *p = parse_with(
		    json_parse_lenient, bad[i], strlen(bad[i]), NULL);

		assert_int_equal(p->rc, -1);
		assert_int_equal(p->why.kind, FAULT_BAD_GATEWAY);
		drop(p);
	}
}

static void
a_sound_answer_is_not_copied(void **state)
{
	struct parsed *p =
	    parse_with(json_parse_lenient, "{\"a\":\"\xC3\xA9\"}", 10, NULL);

	(void)state;
	assert_int_equal(p->rc, 0);
	assert_null(p->doc.owned);
	assert_ptr_equal(p->doc.text, p->text);
	drop(p);
}

static void
a_check_tells_the_type_it_was_asked_for(void **state)
{
	(void)state;
	assert_int_equal(json_check(" \n{\"a\":1} ", 10, '{', NULL), 0);
	assert_int_equal(json_check("[]", 2, '{', NULL), -1);
	assert_int_equal(json_check("[]", 2, '[', NULL), 0);
	assert_int_equal(json_check("{}", 2, 0, NULL), 0);
	assert_int_equal(json_check("{\"a\":}", 6, '{', NULL), -1);
	assert_int_equal(json_check("", 0, 0, NULL), -1);
	assert_int_equal(json_check("  ", 2, 0, NULL), -1);
	assert_int_equal(json_check("{} {}", 5, '{', NULL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_grammar_allows_is_taken),
		cmocka_unit_test(
		    what_the_grammar_forbids_is_refused_with_its_place),
		cmocka_unit_test(
		    a_nul_byte_is_refused_inside_and_outside_strings),
		cmocka_unit_test(every_prefix_is_handled),
		cmocka_unit_test(each_item_knows_how_it_is_written),
		cmocka_unit_test(a_thousand_items_keep_their_places),
		cmocka_unit_test(a_tree_is_what_cjson_would_make_of_the_text),
		cmocka_unit_test(
		    nuls_and_half_pairs_are_harmless_in_decoded_text),
		cmocka_unit_test(strings_of_any_length_are_decoded_alike),
		cmocka_unit_test(depth_is_limited_without_recursion),
		cmocka_unit_test(the_count_of_values_is_limited),
		cmocka_unit_test(
		    lookups_are_exact_and_the_last_of_duplicates_wins),
		cmocka_unit_test(a_key_with_a_nul_is_not_the_key_before_it),
		cmocka_unit_test(integers_are_read_exactly_in_any_spelling),
		cmocka_unit_test(numbers_are_read_as_doubles),
		cmocka_unit_test(keys_with_nuls_are_found_outside_raw_members),
		cmocka_unit_test(an_upstreams_text_is_repaired_and_not_more),
		cmocka_unit_test(a_sound_answer_is_not_copied),
		cmocka_unit_test(a_check_tells_the_type_it_was_asked_for),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
