/* SPDX-License-Identifier: MIT */
#include "translate/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"

static void
an_empty_envelope_is_the_empty_object(void **state)
{
	const struct envelope e = { .form = FORM_NONE };
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	envelope_print(&e, &out);
	assert_string_equal(buf_str(&out), "tp1.e30");
	buf_clear(&out);
}

static void
what_is_put_in_comes_out(void **state)
{
	char text[] = "a\0b\"\n\xC3\xA9", details[] = "[ {\"x\":1.0} ]";
	char opaque[] = "{\"o\":[9007199254740993]}", id[] = "call_1";
	char signature[] = "sig\"1", id2[] = "call_2", signature2[] = "s2";
	struct envelope_signature signatures[] = { { id, signature },
		{ id2, signature2 } };
	struct envelope e, back;
	struct buf out;

	(void)state;
	for (int form = FORM_NONE; form <= FORM_LAST; form++) {
		e = (struct envelope){ (enum reasoning_form)form, text,
			sizeof(text) - 1, details, opaque, signatures, 2 };
		buf_init(&out, 10000);
		envelope_print(&e, &out);
		assert_int_equal(
		    envelope_parse(buf_str(&out), out.len, &back), 1);
		assert_int_equal(back.form, form);
		assert_int_equal(back.text_len, sizeof(text) - 1);
		assert_memory_equal(back.text, text, sizeof(text));
		assert_string_equal(back.details, details);
		assert_string_equal(back.opaque, opaque);
		assert_int_equal(back.n_signatures, 2);
		assert_string_equal(back.signatures[0].tool_id, id);
		assert_string_equal(back.signatures[1].signature, signature2);
		envelope_clear(&back);
		buf_clear(&out);
	}
}

static void
every_length_survives_base64(void **state)
{
	char text[64];
	struct envelope e = { .form = FORM_NONE, .text = text }, back;
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (e.text_len = 1; e.text_len < sizeof(text); e.text_len++) {
		buf_init(&out, 10000);
		envelope_print(&e, &out);
		assert_null(strpbrk(buf_str(&out), "+/="));
		assert_int_equal(
		    envelope_parse(buf_str(&out), out.len, &back), 1);
		assert_int_equal(back.text_len, e.text_len);
		envelope_clear(&back);
		buf_clear(&out);
	}
}

static void
foreign_signatures_are_told_apart(void **state)
{
	static const char *const foreign[] = { "", "tp1", "tp1.", "tp1.e",
		"tp1.e30=", "tp1.e 0", "tp2.e30", "ErUBCkYICBgCIkC",
		"tp1.bm90IGpzb24", "tp1.W10", "tp1.e317fQ" };
	struct envelope e;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		assert_int_equal(
		    envelope_parse(foreign[i], strlen(foreign[i]), &e), 0);
	assert_int_equal(envelope_parse("tp1.e30", 7, &e), 1);
	envelope_clear(&e);
}

static void
what_is_too_large_is_foreign(void **state)
{
	size_t len = ((size_t)1 << 20) + 5;
	char *text = malloc(len);
	struct envelope e;

	(void)state;
	assert_non_null(text);
	memset(text, 'A', len);
	memcpy(text, "tp1.", 4);
	assert_int_equal(envelope_parse(text, len, &e), 0);
	free(text);
}

static void
members_of_a_wrong_type_are_left_out(void **state)
{
	/* {"k":1,"t":[],"d":{},"o":null,"g":{"a":1,"b":"s"}} */
	static const char odd[] =
	    "tp1.eyJrIjoxLCJ0IjpbXSwiZCI6e30sIm8iOm51bGwsImciOnsiYSI6MSwiYiI6"
	    "InMifX0";
	struct envelope e;

	(void)state;
	assert_int_equal(envelope_parse(odd, sizeof(odd) - 1, &e), 1);
	assert_int_equal(e.form, FORM_NONE);
	assert_null(e.text);
	assert_null(e.details);
	assert_null(e.opaque);
	assert_int_equal(e.n_signatures, 1);
	assert_string_equal(e.signatures[0].tool_id, "b");
	envelope_clear(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_envelope_is_the_empty_object),
		cmocka_unit_test(what_is_put_in_comes_out),
		cmocka_unit_test(every_length_survives_base64),
		cmocka_unit_test(foreign_signatures_are_told_apart),
		cmocka_unit_test(what_is_too_large_is_foreign),
		cmocka_unit_test(members_of_a_wrong_type_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
