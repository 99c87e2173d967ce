/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/envfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void
each_form_of_a_line_gives_its_value(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "K=v", "v" },
		{ "K=v\n", "v" },
		{ "K=v\r\n", "v" },
		{ "\xef\xbb\xbfK=v\n", "v" },
		{ "export K=v", "v" },
		{ "  export\tK = v  ", "v" },
		{ "K=", "" },
		{ "K=   ", "" },
		{ "K= # nothing", "" },
		{ "K=#ff0000", "#ff0000" },
		{ "K=a b  c  ", "a b  c" },
		{ "K=a # b", "a" },
		{ "K=a\t# b", "a" },
		{ "K=a#b", "a#b" },
		{ "K=a=b=c", "a=b=c" },
		{ "K='a # \"b\" \\n $X'", "a # \"b\" \\n $X" },
		{ "K='a' # b", "a" },
		{ "K=\"a # b\"", "a # b" },
		{ "K=\"a\"#b", "a" },
		{ "K=\"a\\nb\\rc\\td\"", "a\nb\rc\td" },
		{ "K=\"\\\"q\\\" \\\\ \\$HOME $HOME\"",
		    "\"q\" \\ $HOME $HOME" },
		{ "K=\"\\u00e4 \\x\"", "\\u00e4 \\x" },
		{ "K=\"\"", "" },
		{ "K={\"a\":1}", "{\"a\":1}" },
		{ "K=$HOME", "$HOME" },
		{ "# K=no\n\n   \n\t# x\nK=v", "v" },
		{ "K=first\nK=last", "last" },
		{ "K=a'b", "a'b" },
		{ "K=b\xc3\xbc", "b\xc3\xbc" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envfile file;
		char err[200] = "";

		assert_int_equal(envfile_parse(&file, "f", cases[i].text,
				     strlen(cases[i].text), err, sizeof(err)),
		    0);
		assert_non_null(envfile_find(&file, "K"));
		assert_string_equal(
		    envfile_find(&file, "K")->value, cases[i].value);
		envfile_clear(&file);
	}
}

static void
a_bad_line_is_named_with_file_and_line(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "A=1\nnonsense\n", "x.env:2: this is not KEY=value" },
		{ "=v", "x.env:1: this is not KEY=value" },
		{ "1A=v", "x.env:1: this is not KEY=value" },
		{ "A-B=v", "x.env:1: this is not KEY=value" },
		{ "export\n", "x.env:1: this is not KEY=value" },
		{ "A=\"b", "x.env:1: the \" is not closed on its line" },
		{ "A=\"b\\\"", "x.env:1: the \" is not closed on its line" },
		{ "\n\nA='b\n'", "x.env:3: the ' is not closed on its line" },
		{ "A='b'c", "x.env:1: there is text behind the closing quote" },
		{ "A=b\x01", "x.env:1: there is a control character in it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envfile file;
		char err[200] = "";

		assert_int_equal(envfile_parse(&file, "x.env", cases[i].text,
				     strlen(cases[i].text), err, sizeof(err)),
		    -1);
		assert_string_equal(err, cases[i].complaint);
		envfile_clear(&file);
	}
}

static void
a_nul_is_refused(void **state)
{
	struct envfile file;
	char err[200] = "";

	(void)state;
	assert_int_equal(
	    envfile_parse(&file, "f", "A=b\0c", 5, err, sizeof(err)), -1);
	envfile_clear(&file);
}

static void
a_key_that_begins_with_export_is_a_key(void **state)
{
	static const char text[] = "exported=1\nexport=2\nexport =3";
	struct envfile file;
	char err[200] = "";

	(void)state;
	assert_int_equal(
	    envfile_parse(&file, "f", text, strlen(text), err, sizeof(err)), 0);
	assert_string_equal(envfile_find(&file, "exported")->value, "1");
	assert_string_equal(envfile_find(&file, "export")->value, "3");
	assert_int_equal(envfile_find(&file, "export")->line, 3);
	assert_null(envfile_find(&file, "EXPORT"));
	envfile_clear(&file);
}

/* Each copy ends with its allocation: a sanitizer sees one byte too far. */
static void
nothing_is_read_behind_the_text(void **state)
{
	static const char text[] = "export AB='c d' # e\r\nF=\"\\\\\\\"g\"";

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		char *copy = malloc(cut + (cut == 0)), err[200];
		struct envfile file;

		assert_non_null(copy);
		memcpy(copy, text, cut);
		(void)envfile_parse(&file, "f", copy, cut, err, sizeof(err));
		envfile_clear(&file);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_line_gives_its_value),
		cmocka_unit_test(a_bad_line_is_named_with_file_and_line),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(a_key_that_begins_with_export_is_a_key),
		cmocka_unit_test(nothing_is_read_behind_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
