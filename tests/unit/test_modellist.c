/* SPDX-License-Identifier: MIT */
/* Lists of models as vLLM, OpenRouter, llama.cpp and OpenAI give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "translate/modellist.h"
#include "wire/fault.h"

static void
every_form_of_a_window_is_read(void **state)
{
	static const char body[] =
	    "{\"object\":\"list\",\"data\":["
	    "{\"id\":\"v\",\"created\":1700000000,\"max_model_len\":32768},"
	    "{\"id\":\"r\",\"context_length\":131072,\"top_provider\":"
	    "{\"max_completion_tokens\":8192}},"
	    "{\"id\":\"l\",\"meta\":{\"n_ctx_train\":4096}},"
	    "{\"id\":\"m\",\"meta\":{\"n_ctx_train\":4096,\"n_ctx\":2048}},"
	    "{\"id\":\"o\",\"created\":\"soon\",\"max_model_len\":-5},"
	    "{\"object\":\"model\"}]}";
	struct model_list list;
	struct fault why = { 0 };

	(void)state;
	assert_int_equal(
	    model_list_parse(body, sizeof(body) - 1, &list, &why), 0);
	assert_int_equal(list.n, 5);
	assert_int_equal(model_list_find(&list, "v")->window, 32768);
	assert_int_equal(model_list_find(&list, "v")->created, 1700000000);
	assert_int_equal(model_list_find(&list, "r")->window, 131072);
	assert_int_equal(model_list_find(&list, "r")->max_output, 8192);
	assert_int_equal(model_list_find(&list, "l")->window, 4096);
	assert_int_equal(model_list_find(&list, "m")->window, 2048);
	assert_int_equal(model_list_find(&list, "o")->window, 0);
	assert_null(model_list_find(&list, "x"));
	model_list_clear(&list);
}

static void
what_is_no_list_is_said_so(void **state)
{
	static const char *const bodies[] = { "", "null", "{}", "<html>",
		"{\"data\":{}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct model_list list;
		struct fault why = { 0 };

		assert_int_equal(
		    model_list_parse(bodies[i], strlen(bodies[i]), &list, &why),
		    -1);
		assert_int_not_equal(why.kind, FAULT_NONE);
		model_list_clear(&list);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_window_is_read),
		cmocka_unit_test(what_is_no_list_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
