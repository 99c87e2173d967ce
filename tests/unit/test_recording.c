/* SPDX-License-Identifier: MIT */
/* links: app */
/* Captures as they are read: what is one, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/difference.h"
#include "app/recording.h"
#include "wire/buf.h"

#define HEAD                                                                   \
	"{\"kind\":\"capture\",\"format\":1}\n{\"kind\":\"settings\"}\n"       \
	"{\"kind\":\"request\",\"body\":\"a\\udcff\"}\n"

static int
parse(struct recording *r, const char *text, size_t len, char err[static 256])
{
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return recording_parse(r, copy, len, err, 256);
}

static void
lines_are_found_by_their_kind(void **state)
{
	static const char text[] = HEAD "{\"kind\":\"bytes\",\"ms\":7}\n"
					"{\"kind\":\"bytes\",\"ms\":\"8\"}\n"
					"{\"kind\":\"ne";
	struct recording r;
	struct buf body;
	char err[256];

	(void)state;
	assert_int_equal(parse(&r, text, sizeof(text) - 1, err), 0);
	assert_int_equal(r.n, 5); /* the last was not yet written */
	assert_int_equal(recording_find(&r, "bytes", 0), 3);
	assert_int_equal(recording_find(&r, "bytes", 5), 5);
	assert_int_equal(recording_find(&r, "done", 0), 5);
	assert_int_equal(recording_number(&r.lines[3], "ms"), 7);
	assert_int_equal(recording_number(&r.lines[4], "ms"), 0);
	assert_null(recording_text(&r.lines[3], "ms"));
	buf_init(&body, 100);
	recording_bytes(&r.lines[2], "body", &body);
	recording_bytes(&r.lines[2], "none", &body);
	recording_bytes(&r.lines[3], "ms", &body);
	assert_string_equal(buf_str(&body), "a\xff");
	buf_clear(&body);
	recording_clear(&r);
}

static void
what_is_no_capture_is_refused_in_words(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "line 1 is not of kind \"capture\"" },
		{ "{}\n", "line 1 is not of a capture: it has no kind" },
		{ "7\n", "line 1 is not of a capture: it has no kind" },
		{ HEAD "{\"kind\":{}}\n",
		    "line 4 is not of a capture: it has no kind" },
		{ HEAD "\n", "line 4 is no JSON, so of no capture" },
		{ HEAD "{\"kind\":\"a\"}}\n",
		    "line 4 is no JSON, so of no capture" },
		{ HEAD "{\"kind\":\"a\",\"b\":[[[[[[[[[[[]]]]]]]]]]]}\n",
		    "line 4 is no JSON, so of no capture" },
		{ "{\"kind\":\"capture\",\"format\":2}\n{\"kind\":\"settings\"}"
		  "\n{\"kind\":\"request\"}\n",
		    "it has a form that this version does not know" },
		{ HEAD
		    "{\"kind\":\"bytes\",\"text\":\"ab\n{\"kind\":\"cut\"}\n",
		    "it was cut: the exchange was longer than a capture may "
		    "be" },
	};
	struct recording r;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    parse(&r, bad[i].text, strlen(bad[i].text), err), -1);
		assert_string_equal(err, bad[i].why);
		recording_clear(&r);
	}
	assert_int_equal(parse(&r, "\0\n\0", 3, err), -1);
	recording_clear(&r);
}

static void
a_million_lines_are_too_many(void **state)
{
	size_t len = (size_t)3 << 20;
	char *text = malloc(len), err[256];
	struct recording r;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = "{}\n"[i % 3];
	assert_int_equal(recording_parse(&r, text, len, err, 256), -1);
	assert_string_equal(err, "it has too many lines");
	recording_clear(&r);
}

static void
a_difference_is_shown_where_it_is_and_harmless(void **state)
{
	static const struct {
		const char *was, *is, *want;
	} cases[] = {
		{ "a\nb", "a\nb", "" },
		{ "", "x", "it differs in line 1, byte 1\n- \n+ x\n" },
		{ "a\nb\nc\nd\ne", "a\nb\nc\nX\ne",
		    "it differs in line 4, byte 1\n  b\n  c\n- d\n+ X\n" },
		{ "a\nb", "a\n",
		    "it differs in line 2, byte 1\n  a\n- b\n+ \n" },
		{ "\x1b[2J\xc2\x9b\xff", "\xc3\xa4",
		    "it differs in line 1, byte 1\n- \\x1b[2J\\x9b\\xff\n"
		    "+ \xc3\xa4\n" },
		{ "\xc3\xa4", "\xc3\xa5",
		    "it differs in line 1, byte 2\n- \xc3\xa4\n+ \xc3\xa5\n" },
	};
	char got[1024];
	FILE *out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_slice was = { cases[i].was, strlen(cases[i].was) };
		struct json_slice is = { cases[i].is, strlen(cases[i].is) };

		memset(got, 0, sizeof(got));
		out = fmemopen(got, sizeof(got) - 1, "w");
		assert_non_null(out);
		assert_int_equal(difference_print(out, "it", was, is),
		    cases[i].want[0] != '\0');
		fclose(out);
		assert_string_equal(got, cases[i].want);
	}
}

static void
a_long_line_is_shown_around_the_place(void **state)
{
	char was[1000], is[1000], got[2048] = "";
	FILE *out = fmemopen(got, sizeof(got) - 1, "w");

	(void)state;
	memset(was, 'a', sizeof(was));
	memset(is, 'a', sizeof(is));
	is[500] = 'X';
	assert_true(
	    difference_print(out, "it", (struct json_slice){ was, sizeof(was) },
		(struct json_slice){ is, sizeof(is) }));
	fclose(out);
	assert_non_null(strstr(got, "byte 501\n- ...aaa"));
	assert_non_null(strstr(got, "X"));
	assert_true(strlen(got) < 800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_found_by_their_kind),
		cmocka_unit_test(what_is_no_capture_is_refused_in_words),
		cmocka_unit_test(a_million_lines_are_too_many),
		cmocka_unit_test(
		    a_difference_is_shown_where_it_is_and_harmless),
		cmocka_unit_test(a_long_line_is_shown_around_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
