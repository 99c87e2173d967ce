/* SPDX-License-Identifier: MIT */
#include "translate/request/request.h"

#include "translated.h"
#include "wire/sha256.h"

static void
the_body_begins_with_model_and_messages(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	send_with(&s, HELLO ",'stream':true,'temperature':1.0}", &p);
	assert_holds(&s,
	    "{'model':'m','messages':[{'role':'user','content':'hi'}],"
	    "'max_tokens':100,'stream':true,'stream_options':{'include_usage':"
	    "true},'temperature':1.0}");
	assert_true(s.out.upstream_stream);
	assert_true(s.out.terms.stream);
	assert_string_equal(s.out.terms.model_body, "c");
	sent_clear(&s);
	body_lacks(HELLO "}", &p, "stream");
	p.include_usage = USAGE_FALSE;
	body_lacks(HELLO ",'stream':true}", &p, "stream_options");
}

static void
max_tokens_goes_in_the_field_and_below_the_limit(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.max_tokens_field = MAX_TOKENS_NEW;
	body_holds(HELLO "}", &p, "],'max_completion_tokens':100}");
	p.max_tokens_field = MAX_TOKENS_BOTH;
	body_holds(
	    HELLO "}", &p, "'max_tokens':100,'max_completion_tokens':100}");
	p.max_tokens_limit = 64;
	body_holds(HELLO "}", &p, "'max_tokens':64,");
	p.max_tokens_field = MAX_TOKENS_AUTO;
	body_holds(HELLO "}", &p, "'max_tokens':64}");
}

static void
sampling_passes_as_it_is_written_or_not_at_all(void **state)
{
	struct profile p = plain_profile();
	const char *body = HELLO ",'temperature':0.50,'top_p':1e-1,'top_k':7}";

	(void)state;
	body_holds(body, &p, "'temperature':0.50,'top_p':1e-1}");
	p.top_k = TOP_K_PASS;
	body_holds(body, &p, "'top_k':7");
	p.sampling = SAMPLING_DROP;
	p.top_k = TOP_K_DROP;
	body_lacks(body, &p, "'t");
}

static void
stop_sequences_are_looked_for_here(void **state)
{
	struct profile p = plain_profile();
	const char *body = HELLO ",'stop_sequences':['a','b','c','d','e\\n']}";
	struct sent s;

	(void)state;
	send_with(&s, body, &p);
	assert_lacks(&s, "'stop'");
	assert_true(s.out.terms.local_stop);
	assert_false(s.out.terms.stream);
	assert_true(s.out.upstream_stream);
	assert_int_equal(s.out.terms.n_stop, 5);
	assert_string_equal(s.out.terms.stop[4], "e\n");
	sent_clear(&s);
	p.stop_mode = STOP_UPSTREAM;
	send_with(&s, body, &p);
	assert_holds(&s, "'stop':['a','b','c','d']");
	assert_lacks(&s, "'stream'");
	assert_false(s.out.terms.local_stop);
	sent_clear(&s);
	p.stop_mode = STOP_BOTH;
	send_with(&s, body, &p);
	assert_holds(&s, "'stop':['a','b','c','d']");
	assert_true(s.out.terms.local_stop);
	sent_clear(&s);
	body_lacks(HELLO ",'stop_sequences':[]}", &p, "stop");
}

static void
the_user_is_named_in_the_upstreams_field(void **state)
{
	struct profile p = plain_profile();
	const char *body = HELLO ",'metadata':{'user_id':'u-1'}}";
	char digest[65], part[100];

	(void)state;
	body_holds(body, &p, "'user':'u-1'");
	p.user_field = USER_SAFETY;
	body_holds(body, &p, "'safety_identifier':'u-1'");
	sha256_hex("\xC3\xA9", 2, digest);
	snprintf(part, sizeof(part), "'safety_identifier':'%s'", digest);
	body_holds(HELLO ",'metadata':{'user_id':'\\u00e9'}}", &p, part);
	p.user_field = USER_NONE;
	body_lacks(body, &p, "u-1");
}

static void
the_cache_key_is_the_session(void **state)
{
	struct profile p = plain_profile();
	struct request_context ctx = { .profile = &p, .model = "m" };
	char digest[65], part[100];
	struct sent s;

	(void)state;
	sha256_hex("s-1", 3, digest);
	snprintf(part, sizeof(part), "'prompt_cache_key':'%s'", digest);
	body_lacks(HELLO ",'metadata':{'user_id':'x_session_s-1'}}", &p,
	    "prompt_cache_key");
	p.prompt_cache_key = true;
	body_holds(HELLO ",'metadata':{'user_id':'x_session_s-1'}}", &p, part);
	body_holds(HELLO ",'metadata':{'user_id':'{\\u0022session_id\\u0022:"
			 "\\u0022s-1\\u0022}'}}",
	    &p, part);
	body_lacks(HELLO ",'metadata':{'user_id':'me'}}", &p, "cache_key");
	ctx.session_id = "s-1";
	send_as(&s, HELLO "}", &ctx);
	assert_holds(&s, part);
	sent_clear(&s);
}

static void
tiers_are_said_where_they_are_known(void **state)
{
	struct profile p = plain_profile();
	const char *fast = HELLO ",'speed':'fast'}";
	struct sent s;

	(void)state;
	body_lacks(HELLO ",'service_tier':'auto'}", &p, "tier");
	body_holds(HELLO ",'service_tier':'standard_only'}", &p,
	    "'service_tier':'default'");
	send_with(&s, fast, &p);
	assert_lacks(&s, "tier");
	assert_true(s.out.terms.fast);
	sent_clear(&s);
	p.fast_tier = true;
	body_holds(fast, &p, "'service_tier':'fast'");
	p.service_tier = TIER_DROP;
	body_lacks(HELLO ",'service_tier':'standard_only'}", &p, "tier");
	body_lacks(fast, &p, "tier");
}

#define FORMAT                                                                 \
	",'output_config':{'format':{'type':'json_schema','schema':{'type':"   \
	"'object','properties':{},'required':[],'additionalProperties':"       \
	"false}}}}"

static void
a_format_is_a_schema_or_told_in_words(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(HELLO FORMAT, &p,
	    "'response_format':{'type':'json_schema','json_schema':{'name':"
	    "'output','schema':{'type':'object','properties':{},'required':[],"
	    "'additionalProperties':false},'strict':true}}");
	p.strict_schema = STRICT_NEVER;
	body_lacks(HELLO FORMAT, &p, "strict");
	p.response_format = FORMAT_JSON_OBJECT;
	body_holds(
	    HELLO FORMAT, &p, "'response_format':{'type':'json_object'}");
	body_holds(HELLO FORMAT, &p,
	    "{'role':'system','content':'Answer with one JSON object");
	body_holds(HELLO ",'system':'s'" FORMAT, &p,
	    "'content':'s\\n\\nAnswer with one JSON object");
	p.response_format = FORMAT_NONE;
	body_lacks(HELLO FORMAT, &p, "response_format");
	body_holds(HELLO FORMAT, &p, "\\'additionalProperties\\':false");
}

static void
the_operator_has_the_last_word(void **state)
{
	struct profile p = plain_profile();
	struct request_context ctx = { .profile = &p, .model = "m" };
	char *json = quoted("{'temperature':0.10,'seed':7,'stream':false,"
			    "'provider':{'order':['x']}}");
	struct json_doc doc;
	struct sent s;

	(void)state;
	assert_int_equal(json_parse(&doc, json, strlen(json), NULL, NULL), 0);
	ctx.extra_body = doc.root;
	ctx.extra_doc = &doc;
	send_as(&s, HELLO ",'stream':true,'temperature':1}", &ctx);
	assert_holds(&s, "'stream':false,");
	assert_holds(&s, "'temperature':0.10,'seed':7,'provider':{'order':["
			 "'x']}}");
	assert_false(s.out.upstream_stream);
	sent_clear(&s);
	json_doc_clear(&doc);
	free(json);
}

static void
the_terms_know_what_the_reply_may_show(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	p.reasoning_response = RESPONSE_THINK_TAGS;
	send_with(&s,
	    HELLO ",'thinking':{'type':'adaptive','display':'omitted'},"
		  "'context_management':{}}",
	    &p);
	assert_true(s.out.terms.show_thinking);
	assert_true(s.out.terms.omit_thinking_text);
	assert_true(s.out.terms.think_tags_implicit);
	assert_true(s.out.terms.context_management);
	sent_clear(&s);
	p.reasoning_response = RESPONSE_REASONING_NONE;
	send_with(&s, HELLO ",'thinking':{'type':'disabled'}}", &p);
	assert_false(s.out.terms.show_thinking);
	assert_true(s.out.terms.ignore_reasoning);
	assert_false(s.out.terms.context_management);
	sent_clear(&s);
}

static void
ids_of_the_history_are_known(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	send_with(&s,
	    HEAD "'messages':[" SAYS(
		"a") ",{'role':'assistant','content':[{'type':'tool_use',"
		     "'id':'z','name':'f'},{'type':'tool_use','id':'b','name':"
		     "'f'}]},{'role':'user','content':[{'type':'tool_result',"
		     "'tool_use_id':'b'},{'type':'tool_result','tool_use_id':"
		     "'z'}]}]}",
	    &p);
	assert_true(reply_terms_has_id(&s.out.terms, "z"));
	assert_true(reply_terms_has_id(&s.out.terms, "b"));
	assert_false(reply_terms_has_id(&s.out.terms, "c"));
	sent_clear(&s);
	send_with(&s, HELLO "}", &p);
	assert_false(reply_terms_has_id(&s.out.terms, "z"));
	sent_clear(&s);
}

/* -- size ----------------------------------------------------------------- */

/* Sends what `put` writes n times between two texts. */
static void
send_many(
    struct sent *s, const char *head, const char *each, const char *tail, int n)
{
	struct profile p = plain_profile();
	struct buf body;

	buf_init(&body, 64 << 20);
	buf_add_str(&body, head);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(&body, ',');
		for (const char *at = each; *at != '\0'; at++)
			if (*at == '#')
				buf_add_int(&body, i);
			else
				buf_add_char(&body, *at);
	}
	buf_add_str(&body, tail);
	send_with(s, buf_str(&body), &p);
	buf_clear(&body);
}

static void
a_conversation_may_be_long(void **state)
{
	struct sent s;

	(void)state;
	send_many(&s, HEAD "'messages':[",
	    SAYS("q#") ",{'role':'assistant','content':[{'type':'tool_use',"
		       "'id':'t#','name':'f','input':{}}]},{'role':'system',"
		       "'content':'s#'},{'role':'user','content':[{'type':"
		       "'tool_result','tool_use_id':'t#','content':'r'}]}",
	    "]}", 5000);
	assert_holds(&s, "'content':'s4999'}]");
	assert_int_equal(s.out.terms.n_history_ids, 5000);
	sent_clear(&s);
}

static void
many_system_messages_may_be_folded(void **state)
{
	struct profile p = plain_profile();
	struct buf body;
	struct sent s;

	(void)state;
	p.inline_system = INLINE_FOLD;
	buf_init(&body, 64 << 20);
	buf_add_str(&body, HEAD "'messages':[" SAYS("a"));
	for (int i = 0; i < 50000; i++)
		buf_add_str(&body, ",{'role':'system','content':'a system "
				   "message of about sixty characters, folded "
				   "in'}");
	buf_add_str(&body, "]}");
	send_with(&s, buf_str(&body), &p);
	assert_holds(&s, "'content':'a\\n\\na system message");
	sent_clear(&s);
	buf_clear(&body);
}

static void
a_turn_may_have_many_calls(void **state)
{
	struct buf head;
	struct sent s;

	(void)state;
	buf_init(&head, 8 << 20);
	buf_add_str(&head,
	    HEAD "'messages':[" SAYS("a") ",{'role':'assistant','content':[");
	for (int i = 0; i < 10000; i++)
		buf_printf(&head,
		    "%s{'type':'tool_use','id':'t%d','name':'f%d','input':{}}",
		    i > 0 ? "," : "", i, i % 7);
	buf_add_str(&head, "]},{'role':'user','content':[");
	send_many(&s, buf_str(&head),
	    "{'type':'tool_result','tool_use_id':'t#','content':'r'}", "]}]}",
	    10000);
	assert_holds(&s, "'tool_call_id':'t9999'");
	sent_clear(&s);
	buf_clear(&head);
}

static void
many_tools_may_be_deferred(void **state)
{
	struct sent s;

	(void)state;
	send_many(&s, HELLO ",'tools':[",
	    "{'name':'t#','input_schema':{'type':'object'},'defer_loading':"
	    "true}",
	    ",{'name':'last','input_schema':{'type':'object'}}]}", 4000);
	assert_int_equal(s.out.terms.n_tools, 1);
	assert_holds(&s, "'name':'last'");
	sent_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_begins_with_model_and_messages),
		cmocka_unit_test(
		    max_tokens_goes_in_the_field_and_below_the_limit),
		cmocka_unit_test(
		    sampling_passes_as_it_is_written_or_not_at_all),
		cmocka_unit_test(stop_sequences_are_looked_for_here),
		cmocka_unit_test(the_user_is_named_in_the_upstreams_field),
		cmocka_unit_test(the_cache_key_is_the_session),
		cmocka_unit_test(tiers_are_said_where_they_are_known),
		cmocka_unit_test(a_format_is_a_schema_or_told_in_words),
		cmocka_unit_test(the_operator_has_the_last_word),
		cmocka_unit_test(the_terms_know_what_the_reply_may_show),
		cmocka_unit_test(ids_of_the_history_are_known),
		cmocka_unit_test(a_conversation_may_be_long),
		cmocka_unit_test(many_system_messages_may_be_folded),
		cmocka_unit_test(a_turn_may_have_many_calls),
		cmocka_unit_test(many_tools_may_be_deferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
