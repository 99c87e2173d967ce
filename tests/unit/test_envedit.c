/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/envedit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/envfile.h"
#include "wire/buf.h"

static void
only_the_line_that_counts_is_changed(void **state)
{
	static const struct {
		const char *text, *value, *edited;
	} cases[] = {
		{ "", "v", "K=v\n" },
		{ "A=1", "v", "A=1\nK=v\n" },
		{ "A=1\r\n", "v", "A=1\r\nK=v\r\n" },
		{ "\nA=1\n", "v", "\nA=1\nK=v\n" },
		{ "# K=x\n", "v", "# K=x\nK=v\n" },
		{ "K=old", "v", "K=v" },
		{ "K=old\r\nA=1\r\n", "v", "K=v\r\nA=1\r\n" },
		{ "K=1\nA=2\nK=3\nB=4\n", "v", "K=1\nA=2\nK=v\nB=4\n" },
		{ "export K = old  # why\n", "v", "export K =v  # why\n" },
		{ "K=a#b # c", "v", "K=v # c" },
		{ "K=a b  c  ", "v", "K=v  " },
		{ "K=", "v", "K=v" },
		{ "K= # none", "v", "K=v # none" },
		{ "K='a # b' # c", "v", "K=v # c" },
		{ "K=\"a \\\" # b\"# c", "v", "K=v # c" },
		{ "\xef\xbb\xbfK=old", "v", "\xef\xbb\xbfK=v" },
		{ "ALIAS=old # x\n", "v", "ALIAS=v # x\n" },
		{ "ALIAS=1\nK=2\n", "v", "ALIAS=1\nK=v\n" },
		{ "KK=1\n", "v", "KK=1\nK=v\n" },
		{ "K=1\n", "a b#c", "K='a b#c'\n" },
		{ "K=1\n", "it's\n\"$x\"", "K=\"it's\\n\\\"\\$x\\\"\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		struct envfile file;
		struct buf out;
		char err[200];
		bool is_alias = strncmp(text, "ALIAS=o", 7) == 0;

		buf_init(&out, 1000);
		envedit_put(
		    text, strlen(text), "K", "ALIAS", cases[i].value, &out);
		assert_string_equal(buf_str(&out), cases[i].edited);
		assert_int_equal(envfile_parse(&file, "f", out.data, out.len,
				     err, sizeof(err)),
		    0);
		assert_string_equal(
		    envfile_find(&file, is_alias ? "ALIAS" : "K")->value,
		    cases[i].value);
		envfile_clear(&file);
		buf_clear(&out);
	}
}

static char folder[] = "/tmp/test-envedit-XXXXXX";
static char path[128], other[128];

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/.env", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(folder); /* nothing else may be left in it */
}

static mode_t
mode_of(const char *name)
{
	struct stat about;

	assert_int_equal(lstat(name, &about), 0);
	return about.st_mode & 07777;
}

static void
a_file_is_exchanged_whole_and_keeps_its_mode(void **state)
{
	size_t len = 9;
	char *text;

	(void)state;
	text = envedit_read(path, &len);
	assert_non_null(text);
	assert_int_equal(len, 0);
	free(text);
	assert_int_equal(envedit_write(path, "A=1\n", 4), 0);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(envedit_write(path, "A=2\nB=3\n", 8), 0);
	assert_int_equal(mode_of(path), 0644);
	text = envedit_read(path, &len);
	assert_non_null(text);
	assert_string_equal(text, "A=2\nB=3\n");
	assert_int_equal(len, 8);
	free(text);
	unlink(path);
}

static void
a_link_is_neither_read_nor_written_through(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(envedit_write(other, "A=1\n", 4), 0);
	assert_int_equal(symlink("other", path), 0);
	assert_null(envedit_read(path, &len));
	assert_int_equal(errno, ELOOP);
	assert_int_equal(envedit_write(path, "B=1\n", 4), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(envedit_write(folder, "B=1\n", 4), -1);
	assert_int_equal(errno, EINVAL);
	unlink(path);
	/* a link to nothing would make a file elsewhere */
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(envedit_write(path, "B=1\n", 4), -1);
	assert_int_equal(errno, ELOOP);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_line_that_counts_is_changed),
		cmocka_unit_test(a_file_is_exchanged_whole_and_keeps_its_mode),
		cmocka_unit_test(a_link_is_neither_read_nor_written_through),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
