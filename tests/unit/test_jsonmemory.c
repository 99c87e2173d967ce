/* SPDX-License-Identifier: MIT */
/* What the json files do when cJSON's memory runs out at any point. */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"
#include "wire/fault.h"

static long left; /* allocations that still succeed */

static void *
scarce_malloc(size_t size)
{
	return left-- > 0 ? malloc(size) : NULL;
}

static int
make_scarce(void **state)
{
	cJSON_Hooks hooks = { .malloc_fn = scarce_malloc, .free_fn = free };

	(void)state;
	cJSON_InitHooks(&hooks);
	return 0;
}

static int
make_plentiful(void **state)
{
	(void)state;
	cJSON_InitHooks(NULL);
	return 0;
}

static void
a_parse_without_memory_is_an_internal_fault(void **state)
{
	const char *text =
	    "{\"a\":[1,\"x\\u0000\",{\"b\":null}],\"c\":\"\",\"d\":\""
	    "\\n\"}";
	long n = 0;
	int rc;

	(void)state;
	do {
		struct fault why = { 0 };
		struct json_doc doc;

		left = n++;
		rc = json_parse(&doc, text, strlen(text), NULL, &why);
		if (rc == -1)
			assert_int_equal(why.kind, FAULT_INTERNAL);
		json_doc_clear(&doc);
	} while (rc == -1);
	assert_int_equal(n, 2); /* a tree is one piece */
}

static bool
build(cJSON **object)
{
	struct json_slice body = { .text = "\\ud83dx", .len = 7 };
	struct json_slice raw = { .text = "[1.0]", .len = 5 };

	*object = cJSON_CreateObject();
	return json_add_text(*object, "t", "x") &&
	       json_add_text(*object, "bad", "\xFF") &&
	       json_add_body(*object, "b", body) &&
	       json_add_raw(*object, "r", raw) &&
	       json_add_int(*object, "i", -7) &&
	       json_add_bool(*object, "x", true);
}

static void
a_build_without_memory_says_so_and_leaks_nothing(void **state)
{
	cJSON *object;
	struct buf out;
	long n = 0;
	bool built;

	(void)state;
	do {
		left = n++;
		built = build(&object);
		if (!built)
			cJSON_Delete(object);
	} while (!built);
	assert_int_equal(n, 1 + 7); /* an item is one piece */
	left = 0;
	buf_init(&out, 1000);
	assert_int_equal(json_print(object, &out), 0); /* takes none */
	assert_string_equal(buf_str(&out),
	    "{\"t\":\"x\",\"bad\":\"\xEF\xBF\xBD\",\"b\":\"\\ufffdx\","
	    "\"r\":[1.0],\"i\":-7,\"x\":true}");
	buf_clear(&out);
	cJSON_Delete(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parse_without_memory_is_an_internal_fault),
		cmocka_unit_test(
		    a_build_without_memory_says_so_and_leaks_nothing),
	};

	return cmocka_run_group_tests_name(
	    "jsonmemory", tests, make_scarce, make_plentiful);
}
