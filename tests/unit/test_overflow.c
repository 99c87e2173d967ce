/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "translate/error/failure.h"
#include "translate/error/overflow.h"
#include "wire/buf.h"

/* What becomes of a text; "" if it is no overflow. */
static void
wording(const char *text, char out[static 200])
{
	static struct failure f;
	struct overflow o;
	struct buf b;

	out[0] = '\0';
	failure_read(&f, text, strlen(text));
	if (!overflow_find(&f, &o))
		return;
	buf_init(&b, 199);
	overflow_print(&o, &b);
	memcpy(out, buf_str(&b), b.len + 1);
	buf_clear(&b);
}

#define TOO_LONG(a, b) "prompt is too long: " a " tokens > " b " maximum"
#define TOO_MUCH(a, b, c)                                                      \
	"input length and `max_tokens` exceed context limit: " a " + " b " >"  \
	" " c

static const struct {
	const char *text, *want;
} cases[] = {
	{ "This model's maximum context length is 8192 tokens, however you "
	  "requested 9500 tokens (9000 in your prompt; 500 for the completion)."
	  " Please reduce your prompt; or completion length.",
	    TOO_LONG("9000", "8192") },
	{ "This model's maximum context length is 8,192 tokens. However, you "
	  "requested 9,500 tokens (7,000 in the messages, 1,000 in the "
	  "functions, and 1,500 in the completion).",
	    TOO_MUCH("8000", "1500", "8192") },
	{ "This endpoint's maximum context length is 131072 tokens. However, "
	  "you requested about 140000 tokens (100000 of text input, 20000 of "
	  "tool input, 20000 in the output).",
	    TOO_MUCH("120000", "20000", "131072") },
	{ "'max_tokens' or 'max_completion_tokens' is too large: 32000. This "
	  "model's maximum context length is 40960 tokens and your request has "
	  "12000 input tokens (32000 > 40960 - 12000).",
	    TOO_MUCH("12000", "32000", "40960") },
	{ "This model's maximum context length is 8192 tokens. However, you "
	  "requested 9001 tokens in the messages, Please reduce the length of "
	  "the messages.",
	    TOO_LONG("9001", "8192") },
	{ "This model's maximum context length is 100000 tokens. However, you "
	  "requested 32000 output tokens and your prompt contains 500000 "
	  "characters (more than 400000 characters, which is the upper bound "
	  "for 68000 input tokens).",
	    "prompt is too long" },
	{ "The prompt (total length 5000) is too long to fit into the model "
	  "(context length 4096). Make sure that",
	    TOO_LONG("5000", "4096") },
	{ "Requested tokens (5000) exceed context window of 4096",
	    TOO_LONG("5000", "4096") },
	{ "Trying to keep the first 9000 tokens when context the overflows. "
	  "However, the model is loaded with context length of only 4096 "
	  "tokens, which is not enough.",
	    TOO_LONG("9000", "4096") },
	{ "The number of tokens to keep from the initial prompt is greater "
	  "than the context length (n_keep: 9000>= n_ctx: 4096)",
	    TOO_LONG("9000", "4096") },
	{ "Unable to submit request because the input token count is 1200000 "
	  "but model only supports up to 1048576.",
	    TOO_LONG("1200000", "1048576") },
	{ "Please reduce the length of the messages or completion. Current "
	  "length is 70000 while limit is 65536",
	    TOO_LONG("70000", "65536") },
	{ "The prompt is too long: 140000, model maximum context length: "
	  "131072",
	    TOO_LONG("140000", "131072") },
	{ "prompt token count of 140000 exceeds the limit of 128000",
	    TOO_LONG("140000", "128000") },
	{ "Too many input tokens. Max input tokens: 8192, request input token "
	  "count: 9000",
	    TOO_LONG("9000", "8192") },
	{ "'inputs' must have less than 4096 tokens. Given: 5000",
	    TOO_LONG("5000", "4096") },
	{ "input length and `max_tokens` exceed context limit: 150000 + 64000 "
	  "> 200000, decrease input length",
	    TOO_MUCH("150000", "64000", "200000") },
	{ "Context size has been exceeded.", "prompt is too long" },
	{ "Prompt exceeds max length", "prompt is too long" },
	{ "{\"error\":{\"code\":\"1261\",\"message\":\"x\"}}",
	    "prompt is too long" },
	{ "{\"error\":{\"code\":\"model_max_prompt_tokens_exceeded\","
	  "\"message\":\"prompt token count of 9 exceeds the limit of 8\"}}",
	    TOO_LONG("9", "8") },
	{ "{\"error\":{\"message\":\"m\",\"type\":"
	  "\"exceed_context_size_error\",\"n_prompt_tokens\":9,\"n_ctx\":8}}",
	    TOO_LONG("9", "8") },
	/* things that sound alike */
	{ "Too many tokens, please wait before trying again.", "" },
	{ "Rate limit reached on tokens per min (TPM): Limit 30000, Requested "
	  "40000. The input or output tokens must be reduced.",
	    "" },
	{ "max_tokens is too large: 64000. This model supports at most 16384 "
	  "completion tokens, whereas you provided 64000.",
	    "" },
	{ "max_tokens: 64000 > 8192, which is the maximum allowed number of "
	  "output tokens",
	    "" },
	{ "Request body exceeds 20971520 bytes", "" },
	{ "string too long. Expected a string with maximum length 40", "" },
	{ "", "" },
};

static void
every_wording_becomes_one_of_two(void **state)
{
	char got[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wording(cases[i].text, got);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s\n\tbecame: %s\n\tnot: %s", cases[i].text,
			    got, cases[i].want);
	}
}

static void
numbers_that_cannot_be_are_not_told(void **state)
{
	char got[200];

	(void)state;
	wording("maximum context length is 100000 tokens. However, your "
		"messages resulted in 90000 tokens",
	    got);
	assert_string_equal(got, "prompt is too long");
	wording("maximum context length is 99999999999999999999999 tokens. "
		"However, your messages resulted in 5 tokens",
	    got);
	assert_string_equal(got, "prompt is too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_wording_becomes_one_of_two),
		cmocka_unit_test(numbers_that_cannot_be_are_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
