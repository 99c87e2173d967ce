/* SPDX-License-Identifier: MIT */
/* Bytes as JSON text and back, and secrets in them that come in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/record.h"

static void
put(struct buf *out, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;)
		i += record_put_char(out, bytes + i, len - i);
}

static void
assert_back(const char *bytes, size_t len, const char *body)
{
	struct json_doc doc;
	struct buf line, back;

	buf_init(&line, 1 << 20);
	buf_init(&back, 1 << 20);
	buf_add_char(&line, '"');
	put(&line, bytes, len);
	buf_add_char(&line, '"');
	if (body != NULL) {
		assert_int_equal(line.len, strlen(body) + 2);
		assert_memory_equal(line.data + 1, body, strlen(body));
	}
	assert_int_equal(json_parse(&doc, line.data, line.len, NULL, NULL), 0);
	record_get(&back, json_body(&doc, doc.root));
	assert_int_equal(back.len, len);
	assert_memory_equal(buf_str(&back), bytes, len);
	json_doc_clear(&doc);
	buf_clear(&line);
	buf_clear(&back);
}

static void
text_stands_as_itself_and_all_else_comes_back_too(void **state)
{
	(void)state;
	assert_back("", 0, "");
	assert_back("a b/c", 5, "a b/c");
	assert_back("a\n\"\\\t", 5, "a\\n\\\"\\\\\\t");
	assert_back("\0\x01\x7f", 3, "\\u0000\\u0001\x7f");
	assert_back("\xc3\xa4\xf0\x9f\x98\x80", 6, "\xc3\xa4\xf0\x9f\x98\x80");
	assert_back("\xff"
		    "a\xc3",
	    3, "\\udcffa\\udcc3");
	assert_back("\xed\xb2\x80", 3, "\\udced\\udcb2\\udc80");
	assert_back("\\udc80", 6, "\\\\udc80");
	assert_back("\\\xff", 2, "\\\\\\udcff");
}

static void
every_pair_of_bytes_comes_back(void **state)
{
	char bytes[2];

	(void)state;
	for (int i = 0; i < 65536; i++) {
		bytes[0] = (char)(i >> 8);
		bytes[1] = (char)i;
		assert_back(bytes, 2, NULL);
	}
}

/* Writes `text` in pieces of `step`, with another text between them. */
static void
assert_masked(const char *secret, size_t keep, const char *text, size_t step,
    const char *want)
{
	size_t len = strlen(text), at;
	struct record_secret s;
	struct buf out, joined;

	buf_init(&out, 1 << 20);
	buf_init(&joined, 1 << 20);
	assert_int_equal(
	    record_secret_init(&s, secret, strlen(secret), keep), 0);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && i % step == 0)
			BUF_ADD_LIT(&out, "|");
		at = out.len;
		record_put_char(&out, text + i, 1);
		record_secret_see(&s, 1, (unsigned char)text[i], at, &out);
		/* another trail sees something else */
		record_secret_see(&s, 0, (unsigned char)secret[0], at, &out);
		s.trails[0].matched = 0;
	}
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] != '|')
			buf_add_char(&joined, out.data[i]);
	assert_string_equal(buf_str(&joined), want);
	buf_clear(&out);
	buf_clear(&joined);
	record_secret_clear(&s);
}

static void
a_secret_is_unreadable_however_it_is_cut(void **state)
{
	static const struct {
		const char *secret;
		size_t keep;
		const char *text, *want;
	} cases[] = {
		{ "sk-aB3", 3, "key sk-aB3.", "key sk-xX0." },
		{ "sk-aB3", 0, "sk-aB3sk-aB3", "xx-xX0xx-xX0" },
		{ "sk-aB3", 3, "sk-aB sk-aB4 sk-sk-aB3",
		    "sk-aB sk-aB4 sk-sk-xX0" },
		{ "aab1c", 0, "aaab1c aab1b", "axxx0x aab1b" },
		{ "abab2", 0, "abababab2 aba", "ababxxxx0 aba" },
		{ "aaaaa", 0, "aaaa aaaaaa", "aaaa xxxxxa" },
		{ "a\"b\\c", 0, "{a\"b\\c}", "{x\\\"x\\\\x}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 24; step++)
			assert_masked(cases[i].secret, cases[i].keep,
			    cases[i].text, step, cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    text_stands_as_itself_and_all_else_comes_back_too),
		cmocka_unit_test(every_pair_of_bytes_comes_back),
		cmocka_unit_test(a_secret_is_unreadable_however_it_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
