/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "translate/error/errors.h"
#include "translate/error/failure.h"
#include "wire/buf.h"
#include "wire/utf8.h"

static const struct error_context ctx = { .client_model = "claude-test",
	.host = "up.example",
	.now_unix = 1700000000 };

/* Single quotes in the tables below are double ones, ~ is a single one. */
static char *
unquoted(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
		else if (*p == '~')
			*p = '\'';
	return copy;
}

struct answer {
	int status;
	const char *body;
	int want;
	const char *message; /* a part of it */
};

static void
run(const struct answer *cases, size_t n)
{
	static struct fault why;

	for (size_t i = 0; i < n; i++) {
		char *body = unquoted(cases[i].body);
		char *part = unquoted(cases[i].message);

		fault_clear(&why);
		error_from_answer(
		    cases[i].status, NULL, body, strlen(body), &ctx, &why);
		if (fault_status(why.kind) != cases[i].want ||
		    strstr(why.message, part) == NULL)
			fail_msg("%d %s\n\tbecame %d %s\n\tnot %d %s",
			    cases[i].status, body, fault_status(why.kind),
			    why.message, cases[i].want, part);
		free(part);
		free(body);
	}
}

#define RUN(cases) run(cases, sizeof(cases) / sizeof(cases[0]))

static void
every_form_of_body_gives_its_sentence(void **state)
{
	static const struct answer cases[] = {
		{ 400, "{'error':{'message':'plain','type':'x'}}", 400,
		    "plain" },
		{ 400, "{'error':'just text'}", 400, "just text" },
		{ 400, "{'object':'error','message':'flat','code':40001}", 400,
		    "flat" },
		{ 400, "{'detail':'from a framework'}", 400,
		    "from a framework" },
		{ 422,
		    "{'detail':[{'type':'missing','loc':['body','messages',0,"
		    "'content'],'msg':'Field required'},{'loc':['body','n'],"
		    "'msg':'Too many'}]}",
		    400, "messages.0.content: Field required: n: Too many" },
		{ 422,
		    "{'object':'error','message':{'detail':[{'loc':['body',"
		    "'x'],'msg':'Extra inputs are not permitted'}]},'type':"
		    "'invalid_request_invalid_args'}",
		    400, "x: Extra inputs are not permitted" },
		{ 400, "{'detail':'{\\'error\\':{\\'message\\':\\'inner\\'}}'}",
		    400, "inner" },
		{ 400, "[{'error':{'code':400,'message':'in a list'}}]", 400,
		    "in a list" },
		{ 400,
		    "{'errors':[{'message':'first','code':1},{'message':"
		    "'second'}],'success':false}",
		    400, "first: second" },
		{ 200,
		    "{'base_resp':{'status_code':2013,'status_msg':'bad "
		    "params'}}",
		    400, "bad params" },
		{ 400,
		    "{'code':'InvalidParameter','message':'flat code',"
		    "'request_id':'r'}",
		    400, "flat code" },
		{ 400, "{'error_code':'BAD_REQUEST','message':'bricks'}", 400,
		    "bricks" },
		{ 403,
		    "{'title':'Forbidden','detail':'problem','type':"
		    "'urn:x'}",
		    403, "problem" },
		{ 404, "{'type':'urn:x','title':'Only A Title'}", 404,
		    "Only A Title" },
		{ 401,
		    "{'fault':{'faultstring':'Invalid ApiKey','detail':{"
		    "'errorcode':'oauth.v2.InvalidApiKey'}}}",
		    401, "Invalid ApiKey" },
		{ 429, "{'message':'Requests rate limit exceeded'}", 429,
		    "Requests rate limit exceeded" },
		{ 502,
		    "<html><head><title>502 Bad Gateway</title></head></html>",
		    502, "502 Bad Gateway" },
		{ 500,
		    "<!DOCTYPE html><style>p{}</style><p>Something "
		    "<b>broke</b></p>",
		    500, "Something broke" },
		{ 500, "  plain words\n", 500, "plain words" },
		{ 500, "", 500, "up.example answered 500 without a message" },
		{ 500, "{}", 500, "answered 500 without a message" },
		{ 400, "{'odd':'shape'}", 400, "{'odd':'shape'}" },
		{ 500,
		    "data: {'error':{'message':'as an event','code':'500'}}"
		    "\n\ndata: [DONE]\n\n",
		    500, "as an event" },
		{ 400, "\xEF\xBB\xBF {'error':{'message':'marked'}}", 400,
		    "marked" },
		{ 200, "not what was asked", 500, "not what was asked" },
		{ 200, "", 502, "empty answer" },
		{ 302, "", 502, "redirect (302)" },
		{ 400, "{'error':{'message':'no good','param':'tools'}}", 400,
		    "no good (tools)" },
	};

	(void)state;
	RUN(cases);
}

static void
a_status_becomes_what_clients_know(void **state)
{
	static const struct answer cases[] = {
		{ 405, "{}", 400, "" },
		{ 415, "{}", 400, "" },
		{ 422, "{}", 400, "" },
		{ 418, "{}", 400, "" },
		{ 401, "{}", 401, "" },
		{ 402, "{}", 402, "" },
		{ 403, "{}", 403, "" },
		{ 404, "{}", 404, "" },
		{ 408, "{}", 504, "" },
		{ 504, "{}", 504, "" },
		{ 409, "{}", 409, "" },
		{ 413, "{}", 413, "" },
		{ 429, "{}", 429, "" },
		{ 498, "{}", 529, "" },
		{ 500, "{}", 500, "" },
		{ 501, "{}", 500, "" },
		{ 502, "{}", 502, "" },
		{ 503, "{}", 529, "" },
		{ 520, "{}", 502, "" },
		{ 522, "{}", 504, "" },
		{ 529, "{}", 529, "" },
		{ 301, "{}", 502, "" },
	};

	(void)state;
	RUN(cases);
}

static void
a_code_beats_the_text_and_the_text_the_status(void **state)
{
	static const struct answer cases[] = {
		/* billing is no rate limit, and not every quota is billing */
		{ 429, "{'error':{'code':'insufficient_quota','message':'x'}}",
		    402, "x" },
		{ 429,
		    "{'error':{'type':'exceeded_current_quota_error',"
		    "'message':'x'}}",
		    402, "x" },
		{ 400,
		    "{'error':{'code':'Arrearage','message':'Access denied'"
		    "}}",
		    402, "Access denied" },
		{ 403,
		    "{'code':'The caller does not have permission','error':"
		    "'Your team has either used all available credits or "
		    "reached its monthly spending limit.'}",
		    402, "monthly spending limit" },
		{ 200,
		    "{'base_resp':{'status_code':1008,'status_msg':"
		    "'insufficient balance'}}",
		    402, "insufficient balance" },
		{ 400, "{'error':{'code':'1113','message':'no resource'}}", 402,
		    "no resource" },
		{ 400,
		    "{'error':{'message':'Your credit balance is too low "
		    "to access the API'}}",
		    402, "credit balance is too low" },
		{ 429,
		    "[{'error':{'code':429,'message':'You exceeded your "
		    "current quota, please check your plan and billing "
		    "details.','status':'RESOURCE_EXHAUSTED'}}]",
		    429, "current quota" },
		/* overload */
		{ 429,
		    "{'error':{'type':'engine_overloaded_error','message':"
		    "'x'}}",
		    529, "x" },
		{ 429,
		    "{'message':'Service tier capacity exceeded for this "
		    "model.'}",
		    529, "capacity" },
		{ 500, "{'error':{'message':'The model is overloaded'}}", 529,
		    "overloaded" },
		{ 500, "{'errors':[{'code':3040,'message':'No capacity'}]}",
		    529, "" },
		/* rate limits under other statuses */
		{ 400, "{'code':'Throttling.RateQuota','message':'slow'}", 429,
		    "slow" },
		{ 500,
		    "{'error':{'message':'litellm.RateLimitError: slow "
		    "down','code':'429'}}",
		    429, "slow down" },
		{ 413,
		    "{'error':{'message':'Request too large for model `m` on "
		    "tokens per minute (TPM): Limit 6000, Requested 9000',"
		    "'type':'tokens','code':'rate_limit_exceeded'}}",
		    429, "TPM" },
		{ 400, "{'error':{'code':'1302','message':'too fast'}}", 429,
		    "too fast" },
		{ 500, "{'detail':'An error occurred (ThrottlingException)'}",
		    429, "Throttling" },
		/* keys */
		{ 400,
		    "[{'error':{'code':400,'message':'API key not valid. "
		    "Please pass a valid API key.','status':"
		    "'INVALID_ARGUMENT','details':[{'reason':"
		    "'API_KEY_INVALID'}]}}]",
		    401, "API key not valid" },
		{ 400,
		    "{'code':'Client specified an invalid argument','error':"
		    "'Incorrect API key provided: xa***45.'}",
		    401, "Incorrect API key" },
		/* content filters stay refusals of the request */
		{ 400,
		    "{'error':{'code':'content_filter','message':'filtered',"
		    "'innererror':{'code':'ResponsibleAIPolicyViolation'}}}",
		    400, "filtered" },
		{ 400, "{'code':'data_inspection_failed','message':'no'}", 400,
		    "no" },
		/* what is inside a gateway's answer */
		{ 500, "{'error':{'message':'inner','code':'400'}}", 400,
		    "inner" },
		{ 200, "{'error':{'message':'m','code':429}}", 429, "m" },
		{ 200, "{'error':{'message':'m','type':'server_error'}}", 500,
		    "m" },
		{ 200, "{'error':{'message':'m','type':'BadRequestError'}}",
		    400, "m" },
		{ 200, "{'error':{'message':'m','http_status_code':422}}", 400,
		    "m" },
		{ 503,
		    "{'error':{'message':'No available channel for model x',"
		    "'type':'new_api_error','code':'model_not_found'}}",
		    404, "model: claude-test" },
		{ 502,
		    "{'error':{'message':'Provider returned error','code':502,"
		    "'metadata':{'raw':'boom','provider_name':'Prov'}}}",
		    502, "Provider returned error: boom (Prov)" },
		{ 403,
		    "{'error':{'message':'flagged','code':403,'metadata':{"
		    "'reasons':['violence'],'flagged_input':'secret words'}}}",
		    403, "flagged: violence" },
	};

	(void)state;
	RUN(cases);
}

static void
a_404_names_the_model_or_doubts_the_address(void **state)
{
	static const struct answer cases[] = {
		{ 404, "{'error':{'message':'model ~x~ not found'}}", 404,
		    "model: claude-test. model" },
		{ 404,
		    "{'error':{'code':'DeploymentNotFound','message':'The API "
		    "deployment for this resource does not exist.'}}",
		    404, "model: claude-test. The API" },
		{ 404, "{'error':{'message':'No endpoints found for a/b.'}}",
		    404, "model: claude-test" },
		{ 404, "404 page not found", 404,
		    "UPSTREAM_BASE_URL may be wrong. 404 page not found" },
		{ 404, "{'detail':'Not Found'}", 404,
		    "The upstream up.example has no such path or model" },
	};

	(void)state;
	RUN(cases);
}

static long
wait_of(int status, const char *body_text, const char *seconds,
    const char *milliseconds)
{
	static struct fault why;
	struct error_headers headers = { .retry_after = seconds,
		.retry_after_ms = milliseconds };
	char *body = unquoted(body_text);

	fault_clear(&why);
	error_from_answer(status, &headers, body, strlen(body), &ctx, &why);
	free(body);
	return why.retry_after_ms;
}

static void
the_wait_is_found_wherever_it_is_told(void **state)
{
	(void)state;
	assert_int_equal(wait_of(429, "{}", "7", NULL), 7000);
	assert_int_equal(wait_of(429, "{}", "7", "2980"), 7000);
	assert_int_equal(wait_of(429, "{}", NULL, "2980"), 2980);
	assert_int_equal(wait_of(500, "{}", "3", NULL), 3000);
	assert_int_equal(
	    wait_of(429, "{}", "Tue, 14 Nov 2023 22:13:50 GMT", NULL), 30000);
	assert_int_equal(
	    wait_of(429, "{}", "Tuesday, 14-Nov-23 22:13:50 GMT", NULL), 30000);
	assert_int_equal(
	    wait_of(429, "{}", "Tue Nov 14 22:13:50 2023", NULL), 30000);
	assert_int_equal(
	    wait_of(429, "{}", "Tue, 14 Nov 2023 22:13:10 GMT", NULL), 0);
	assert_int_equal(wait_of(429, "{}", "soon", NULL), 0);
	assert_int_equal(wait_of(429, "{}", "-5", NULL), 0);
	assert_int_equal(
	    wait_of(429, "{}", "99999999999999999999", NULL), 604800000);
	assert_int_equal(
	    wait_of(
		429, "{}", "Tue, 14 Nov 2023 9223372036854775807:59:59", NULL),
	    0);
	assert_int_equal(wait_of(429,
			     "{'error':{'message':'m','metadata':{"
			     "'retry_after_seconds':12.5}}}",
			     NULL, NULL),
	    12500);
	assert_int_equal(wait_of(429,
			     "[{'error':{'code':429,'message':'m','details':[{"
			     "'@type':'type.googleapis.com/google.rpc."
			     "RetryInfo','retryDelay':'34.074824224s'}]}}]",
			     NULL, NULL),
	    34075);
	assert_int_equal(
	    wait_of(429, "Please retry after 9 seconds.", NULL, NULL), 9000);
	assert_int_equal(
	    wait_of(429, "Please try again in 3s. Visit", NULL, NULL), 3000);
	assert_int_equal(
	    wait_of(429, "Please try again in 7m12.5s.", NULL, NULL), 432500);
	assert_int_equal(wait_of(429, "try again in 6m0s", NULL, NULL), 360000);
	assert_int_equal(wait_of(429, "try again in 17ms", NULL, NULL), 17);
	assert_int_equal(
	    wait_of(429, "Please retry in 59.5s.", NULL, NULL), 59500);
	assert_int_equal(
	    wait_of(429, "try again in 2 minutes", NULL, NULL), 120000);
	assert_int_equal(wait_of(429, "try again in 5", NULL, NULL), 0);
	assert_int_equal(
	    wait_of(400, "Please try again in 3s.", NULL, NULL), 0);
}

static void
a_retry_is_advised_only_where_it_helps(void **state)
{
	static const struct {
		int status;
		const char *body, *header;
		enum fault_retry want;
	} cases[] = {
		{ 401, "{}", NULL, FAULT_RETRY_NO },
		{ 401, "{}", "true", FAULT_RETRY_NO },
		{ 402, "{}", NULL, FAULT_RETRY_NO },
		{ 429, "{\"error\":{\"code\":\"insufficient_quota\"}}", NULL,
		    FAULT_RETRY_NO },
		{ 500, "{}", "false", FAULT_RETRY_NO },
		{ 500, "{}", "true", FAULT_RETRY_YES },
		{ 500, "{}", "perhaps", FAULT_RETRY_UNSAID },
		{ 429, "{}", NULL, FAULT_RETRY_UNSAID },
		{ 400, "{\"error\":{\"code\":\"tool_use_failed\"}}", NULL,
		    FAULT_RETRY_YES },
	};
	static struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error_headers headers = { .should_retry =
						     cases[i].header };

		fault_clear(&why);
		error_from_answer(cases[i].status, &headers, cases[i].body,
		    strlen(cases[i].body), &ctx, &why);
		assert_int_equal(why.should_retry, cases[i].want);
	}
}

static void
a_refused_key_is_the_operators_where_it_is(void **state)
{
	static struct fault why;
	struct error_context own = ctx;

	(void)state;
	own.own_key = "Plain77key";
	error_from_answer(401, NULL, "nope", 4, &own, &why);
	assert_non_null(strstr(why.message, "UPSTREAM_API_KEY). nope"));
	fault_clear(&why);
	error_from_answer(401, NULL, "nope", 4, &ctx, &why);
	assert_string_equal(why.message, "nope");
}

/* Not all keys look like one, and not all that is set is one. */
static void
our_own_key_is_in_no_error(void **state)
{
	static const struct {
		const char *key, *says, *want;
	} cases[] = {
		{ "Plainkeywithout77", "no Plainkeywithout77 here",
		    "no *** here" },
		{ "onlylettersinthis", "x onlylettersinthis onlylettersinthis",
		    "x *** ***" },
		{ "ollama", "ollama has no such thing",
		    "ollama has no such thing" },
		{ NULL, "nothing", "nothing" },
	};
	struct error_context own = ctx;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct fault why;

		fault_clear(&why);
		own.own_key = cases[i].key;
		error_from_answer(500, NULL, cases[i].says,
		    strlen(cases[i].says), &own, &why);
		assert_string_equal(why.message, cases[i].want);
	}
}

static bool
is_in_object(const char *text, struct fault *why)
{
	static const struct json_limits limits = { 64, 10000 };
	char *json = unquoted(text);
	struct json_doc doc;
	bool found;

	fault_clear(why);
	assert_int_equal(
	    json_parse(&doc, json, strlen(json), &limits, NULL), 0);
	found = error_in_object(&doc, doc.root, &ctx, why);
	json_doc_clear(&doc);
	free(json);
	return found;
}

static void
an_error_hides_in_an_answer_of_200(void **state)
{
	static const struct {
		const char *object;
		int status; /* 0: none */
	} cases[] = {
		{ "{'error':{'message':'m','code':500}}", 500 },
		{ "{'choices':[{'delta':{},'finish_reason':'error'}],'error':{"
		  "'code':502,'message':'m'}}",
		    502 },
		{ "{'choices':[{'error':{'code':429,'message':'m'}}]}", 429 },
		{ "{'code':'InvalidParameter','message':'m'}", 400 },
		{ "{'object':'error','message':'m','code':400}", 400 },
		{ "{'base_resp':{'status_code':1002,'status_msg':'m'},"
		  "'choices':null}",
		    429 },
		{ "{'detail':'m'}", 500 },
		{ "{'errors':[{'message':'m'}]}", 500 },
		{ "{'error_code':'BAD_REQUEST','message':'m'}", 400 },
		{ "{'error':'text'}", 500 },
		{ "[{'error':{'code':400,'message':'m'}}]", 400 },
		{ "{'error':null,'choices':[]}", 0 },
		{ "{'error':'','choices':[]}", 0 },
		{ "{'error':false}", 0 },
		{ "{'base_resp':{'status_code':0,'status_msg':''},'choices':[]"
		  "}",
		    0 },
		{ "{'choices':[{'delta':{'content':'a'}}],'detail':'x',"
		  "'code':1,'message':'m'}",
		    0 },
		{ "{'id':'x','choices':[],'usage':{}}", 0 },
		{ "{'errors':[]}", 0 },
		{ "{}", 0 },
		{ "[]", 0 },
	};
	static struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = is_in_object(cases[i].object, &why);

		if (found != (cases[i].status != 0) ||
		    (found && fault_status(why.kind) != cases[i].status))
			fail_msg("%s: %d %s", cases[i].object,
			    found ? fault_status(why.kind) : 0, why.message);
	}
}

static void
text_in_an_error_event_is_told(void **state)
{
	static struct fault why;

	(void)state;
	error_from_text("upstream timed out", 18, &ctx, &why);
	assert_int_equal(fault_status(why.kind), 500);
	assert_string_equal(why.message, "upstream timed out");
}

static void
a_broken_connection_names_host_and_cause(void **state)
{
	static struct fault why;

	(void)state;
	error_from_cause(
	    CAUSE_DNS, "Could not resolve: key sk-abcdefgh12345", &ctx, &why);
	assert_int_equal(fault_status(why.kind), 502);
	assert_string_equal(why.message,
	    "The upstream's name cannot be resolved (up.example): Could not "
	    "resolve: key sk-***");
	fault_clear(&why);
	error_from_cause(CAUSE_TIMEOUT, NULL, &ctx, &why);
	assert_int_equal(fault_status(why.kind), 504);
}

static void
the_first_fault_stays(void **state)
{
	static struct fault why;

	(void)state;
	fault_set(&why, FAULT_CONFLICT, "first");
	error_from_answer(500, NULL, "second", 6, &ctx, &why);
	assert_string_equal(why.message, "first");
	assert_int_equal(why.kind, FAULT_CONFLICT);
}

static void
keys_are_scrubbed(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "key sk-proj-abcDEF123456 bad", "key sk-*** bad" },
		{ "Incorrect API key provided: sk-abc*****xyz. You",
		    "Incorrect API key provided: ***. You" },
		{ "API key: abcdef123456", "API key: ***" },
		{ "api_key=abcdef123456&x=1", "api_key=***&x=1" },
		{ "x-api-key: 'abc123def'", "x-api-key: '***'" },
		{ "Authorization: Bearer abc.def-123", "Authorization: Bearer "
						       "***" },
		{ "bearer authentication is required",
		    "bearer authentication is required" },
		{ "gsk_abcdefghijklmnopqrstuvwxyz", "gsk_***" },
		{ "AIzaSyA1234567890abcdefghij", "AIza***" },
		{ "Hash (Token) =0123456789abcdef0123456789abcdef.",
		    "Hash (Token) =***." },
		{ "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJ***" },
		{ "the risk-free max_tokens: 163840 task-based",
		    "the risk-free max_tokens: 163840 task-based" },
		{ "https://h/?key=AIzaSyA1234567890abcdefghij",
		    "https://h/?key=***" },
		{ "install scikit sk-learn", "install scikit sk-learn" },
		{ "sk-*", "sk-*" },
		{ "", "" },
	};
	char text[200];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].text);
		memcpy(text, cases[i].text, len + 1);
		len = error_scrub(text, len, NULL);
		text[len] = '\0';
		assert_string_equal(text, cases[i].want);
	}
}

static void
a_message_is_bounded_and_valid(void **state)
{
	static struct fault why;
	size_t len = 300000;
	char *body = malloc(len);

	(void)state;
	for (int fill = 0; fill < 256; fill += 5) {
		memset(body, fill, len);
		fault_clear(&why);
		error_from_answer(500, NULL, body, len, &ctx, &why);
		assert_true(utf8_is_valid(why.message, strlen(why.message)));
		assert_true(strlen(why.message) < FAULT_MESSAGE_MAX);
	}
	memcpy(body, "{\"error\":\"", 10);
	for (size_t i = 10; i < len; i += 3)
		memcpy(body + i, "\xE2\x82\xAC", len - i < 3 ? len - i : 3);
	memcpy(body + 200000, "\"}", 2);
	fault_clear(&why);
	error_from_answer(500, NULL, body, 200002, &ctx, &why);
	assert_true(utf8_is_valid(why.message, strlen(why.message)));
	assert_true(strlen(why.message) > 2000);
	free(body);
}

static void
nesting_ends(void **state)
{
	static struct fault why;
	struct buf body;

	(void)state;
	buf_init(&body, 100000);
	for (int i = 0; i < 40; i++)
		BUF_ADD_LIT(&body, "{\"error\":");
	BUF_ADD_LIT(&body, "\"deep\"");
	for (int i = 0; i < 40; i++)
		BUF_ADD_LIT(&body, "}");
	error_from_answer(400, NULL, body.data, body.len, &ctx, &why);
	assert_int_equal(fault_status(why.kind), 400);
	assert_true(why.message[0] != '\0');
	buf_clear(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_body_gives_its_sentence),
		cmocka_unit_test(a_status_becomes_what_clients_know),
		cmocka_unit_test(a_code_beats_the_text_and_the_text_the_status),
		cmocka_unit_test(a_404_names_the_model_or_doubts_the_address),
		cmocka_unit_test(the_wait_is_found_wherever_it_is_told),
		cmocka_unit_test(a_retry_is_advised_only_where_it_helps),
		cmocka_unit_test(a_refused_key_is_the_operators_where_it_is),
		cmocka_unit_test(our_own_key_is_in_no_error),
		cmocka_unit_test(an_error_hides_in_an_answer_of_200),
		cmocka_unit_test(text_in_an_error_event_is_told),
		cmocka_unit_test(a_broken_connection_names_host_and_cause),
		cmocka_unit_test(the_first_fault_stays),
		cmocka_unit_test(keys_are_scrubbed),
		cmocka_unit_test(a_message_is_bounded_and_valid),
		cmocka_unit_test(nesting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
