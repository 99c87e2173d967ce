/* SPDX-License-Identifier: MIT */
#include "translate/reply/think.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
spell(void *cookie, bool is_thought, const char *bytes, size_t len)
{
	struct buf *got = cookie;
	static char last;

	if (got->len == 0)
		last = 0;
	if (last != (is_thought ? '!' : '.'))
		buf_add_char(got, is_thought ? '!' : '.');
	last = is_thought ? '!' : '.';
	buf_add(got, bytes, len);
}

/* What is thought stands behind !, what is text behind a point. */
static const char *
parse(const char *text, enum think_place place, size_t step)
{
	static struct buf got;
	size_t len = strlen(text), size;
	struct think t;

	buf_clear(&got);
	buf_init(&got, 100000);
	think_init(&t, place, 100000);
	for (size_t at = 0; at < len; at += size) {
		size = len - at < step ? len - at : step;
		think_push(&t, text + at, size, spell, &got);
	}
	think_flush(&t, spell, &got);
	think_clear(&t);
	return buf_str(&got);
}

static void
thought_and_text_are_parted_wherever_the_text_is_cut(void **state)
{
	static const struct {
		const char *text, *want;
		enum think_place place;
	} cases[] = {
		{ "<think>a</think>b", "!a.b", THINK_START },
		{ " \n<think>\n\na\n\n</think>\r\n\nb\n", "!a.b\n",
		    THINK_START },
		{ "<think>\n\n</think>\n\n", "", THINK_START },
		{ "<think>a", "!a", THINK_START },
		{ "<think>a</thi", "!a</thi", THINK_START },
		{ "<think>a\n", "!a", THINK_START },
		{ "<think>if (a < b) </thinking></think>c",
		    "!if (a < b) </thinking>.c", THINK_START },
		{ "a<think>b</think>", ".a<think>b</think>", THINK_START },
		{ "<thin", ".<thin", THINK_START },
		{ "<thinker>a</thinker>", ".<thinker>a</thinker>",
		    THINK_START },
		{ "<think>a</think><think>b</think>", "!a.<think>b</think>",
		    THINK_START },
		{ "\na</think>\nb", "!a.b", THINK_OPENED },
		{ "<think>a</think>", ".<think>a</think>", THINK_OFF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 40; step++)
			assert_string_equal(
			    parse(cases[i].text, cases[i].place, step),
			    cases[i].want);
}

static void
endless_newlines_are_not_held_forever(void **state)
{
	struct buf got;
	struct think t;

	(void)state;
	buf_init(&got, 100000);
	think_init(&t, THINK_START, 5000);
	for (int i = 0; i < 50000; i++)
		think_push(&t, "\n", 1, spell, &got);
	assert_false(t.held.failed);
	think_push(&t, "<think>a", 8, spell, &got);
	for (int i = 0; i < 40000; i++)
		think_push(&t, "\n", 1, spell, &got);
	assert_false(t.held.failed);
	think_clear(&t);
	buf_clear(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    thought_and_text_are_parted_wherever_the_text_is_cut),
		cmocka_unit_test(endless_newlines_are_not_held_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
