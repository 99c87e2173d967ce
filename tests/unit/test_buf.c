/* SPDX-License-Identifier: MIT */
#include "wire/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
an_empty_buffer_is_an_empty_string_and_owns_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(buf_str(&b), "");
	assert_null(b.data);
	buf_clear(&b);
	buf_clear(&b);
}

static void
what_is_appended_stands_in_order_with_a_nul_behind(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add(&b, "ab\0c", 4);
	BUF_ADD_LIT(&b, "-");
	buf_add_str(&b, "x");
	buf_add_char(&b, 'y');
	buf_add_int(&b, 0);
	buf_add_int(&b, -12);
	buf_add_int(&b, INT64_MIN);
	buf_add_int(&b, INT64_MAX);
	buf_printf(&b, "%s=%d", "k", 5);
	buf_printf(&b, "%s", "");
	assert_memory_equal(b.data,
	    "ab\0c-xy0-12-92233720368547758089223372036854775807k=5",
	    b.len + 1);
	assert_false(b.failed);
	buf_clear(&b);
}

static void
the_ceiling_can_be_reached_and_not_passed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_add_str(&b, "abcd");
	assert_false(b.failed);
	buf_add_char(&b, 'e');
	assert_true(b.failed);
	assert_string_equal(buf_str(&b), "abcd");
	buf_clear(&b);
}

static void
a_failure_stays_until_the_buffer_is_emptied(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	buf_add_str(&b, "toolong");
	buf_add_char(&b, 'x');
	buf_printf(&b, "%d", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
	assert_null(buf_reserve(&b, 1));
	assert_null(buf_take(&b, NULL));
	assert_false(b.failed);
	buf_add_str(&b, "toolong");
	buf_reset(&b);
	buf_add_str(&b, "ok");
	assert_string_equal(buf_str(&b), "ok");
	buf_clear(&b);
}

static void
absurd_sizes_fail_instead_of_wrapping(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "a");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_reset(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_string_equal(buf_str(&b), "");
	buf_clear(&b);
}

static void
the_memory_does_not_outgrow_the_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, 'x');
	assert_false(b.failed);
	assert_true(b.cap <= 1001);
	assert_int_equal(strlen(b.data), 1000);
	buf_clear(&b);
}

static void
reserved_room_holds_what_is_committed(void **state)
{
	struct buf b;
	char *room;

	(void)state;
	buf_init(&b, 5000);
	buf_add_str(&b, "a");
	room = buf_reserve(&b, 4000);
	assert_non_null(room);
	memset(room, 'b', 4000);
	buf_commit(&b, 2);
	assert_string_equal(buf_str(&b), "abb");
	buf_clear(&b);
}

static void
consuming_drops_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_consume(&b, 3);
	buf_add_str(&b, "abcdef");
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "cdef");
	buf_consume(&b, 99);
	assert_string_equal(buf_str(&b), "");
	buf_add_str(&b, "g");
	assert_string_equal(buf_str(&b), "g");
	buf_clear(&b);
}

static void
taken_bytes_belong_to_the_taker(void **state)
{
	struct buf b;
	size_t len = 7;
	char *bytes;

	(void)state;
	buf_init(&b, 100);
	bytes = buf_take(&b, &len);
	assert_string_equal(bytes, "");
	assert_int_equal(len, 0);
	free(bytes);
	buf_add_str(&b, "abc");
	bytes = buf_take(&b, &len);
	assert_string_equal(bytes, "abc");
	assert_int_equal(len, 3);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max_bytes, 100);
	free(bytes);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_empty_buffer_is_an_empty_string_and_owns_nothing),
		cmocka_unit_test(
		    what_is_appended_stands_in_order_with_a_nul_behind),
		cmocka_unit_test(the_ceiling_can_be_reached_and_not_passed),
		cmocka_unit_test(a_failure_stays_until_the_buffer_is_emptied),
		cmocka_unit_test(absurd_sizes_fail_instead_of_wrapping),
		cmocka_unit_test(the_memory_does_not_outgrow_the_ceiling),
		cmocka_unit_test(reserved_room_holds_what_is_committed),
		cmocka_unit_test(consuming_drops_from_the_front),
		cmocka_unit_test(taken_bytes_belong_to_the_taker),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
