/* SPDX-License-Identifier: MIT */
/* links: server */
/* Keys and random text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "server/secret.h"

static void
only_an_equal_key_is_admitted(void **state)
{
	char *keys[] = { (char *)"sk-one", (char *)"sk-two" };

	(void)state;
	assert_true(secret_admits(keys, 2, "sk-one"));
	assert_true(secret_admits(keys, 2, "sk-two"));
	assert_false(secret_admits(keys, 2, "sk-on"));
	assert_false(secret_admits(keys, 2, "sk-one "));
	assert_false(secret_admits(keys, 2, ""));
	assert_false(secret_admits(keys, 2, NULL));
	assert_false(secret_admits(keys, 0, "sk-one"));
	assert_false(secret_admits(NULL, 0, ""));
}

static void
a_fingerprint_is_the_begin_of_the_digest(void **state)
{
	char out[20];

	(void)state;
	secret_fingerprint("abc", out);
	assert_string_equal(out, "sha256:ba7816bf");
}

static void
random_text_is_base62_and_even(void **state)
{
	unsigned seen[256] = { 0 };
	char text[6200], again[32], first[32];

	(void)state;
	secret_random_text(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++) {
		assert_true(isalnum((unsigned char)text[i]));
		seen[(unsigned char)text[i]]++;
	}
	/* 100 each are expected; 40 is six deviations away. */
	for (int c = 0; c < 256; c++)
		if (isalnum(c))
			assert_in_range(seen[c], 40, 160);
	secret_random_text(first, sizeof(first));
	secret_random_text(again, sizeof(again));
	assert_memory_not_equal(first, again, sizeof(again));
}

static void
no_more_is_written_than_asked(void **state)
{
	char text[8] = "#######";

	(void)state;
	secret_random_text(text, 3);
	assert_string_equal(text + 3, "####");
	secret_random_text(text, 0);
	secret_free(NULL);
	secret_free(strdup("sk-secret"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_equal_key_is_admitted),
		cmocka_unit_test(a_fingerprint_is_the_begin_of_the_digest),
		cmocka_unit_test(random_text_is_base62_and_even),
		cmocka_unit_test(no_more_is_written_than_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
