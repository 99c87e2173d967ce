/* SPDX-License-Identifier: MIT */
#include "wire/anthropic.h"

#include "translated.h"

#define MESSAGES "'messages':[" SAYS("hi") "]"

static void
what_is_missing_is_named(void **state)
{
	(void)state;
	body_refused("{'max_tokens':1," MESSAGES "}", "model: Field required");
	body_refused(
	    "{'model':'m'," MESSAGES "}", "max_tokens: Field required");
	body_refused(HEAD "'stream':true}", "messages: Field required");
	body_refused(HEAD "'messages':[]}", "at least one message is required");
	body_refused(HEAD "'messages':[{'content':'x'}]}",
	    "messages.0.role: Field required");
	body_refused(HEAD "'messages':[{'role':'user'}]}",
	    "messages.0.content: Field required");
	body_refused(HEAD "'messages':[{'role':'system'}]}",
	    "messages.0.content: Field required");
}

static void
wrong_scalars_are_refused(void **state)
{
	static const struct {
		const char *member, *says;
	} cases[] = {
		{ "'stream':1", "stream: Input should be a valid boolean" },
		{ "'temperature':1.2", "temperature: Input should be less" },
		{ "'temperature':-1", "temperature: Input should be greater" },
		{ "'temperature':'hot'", "temperature: Input should be" },
		{ "'top_p':1e400", "top_p: Input should be less" },
		{ "'top_k':1.5", "top_k: Input should be a valid integer" },
		{ "'top_k':-1", "top_k: Input should be greater" },
		{ "'stop_sequences':'x'", "stop_sequences: Input should be" },
		{ "'stop_sequences':[1]", "stop_sequences.0: Input" },
		{ "'stop_sequences':['a',' \\n']",
		    "each stop sequence must contain non-whitespace" },
		{ "'metadata':[]", "metadata: Input should be an object" },
		{ "'metadata':{'user_id':7}", "metadata.user_id: Input" },
		{ "'service_tier':'best'", "service_tier: Input should be" },
		{ "'tools':{}", "tools: Input should be a valid list" },
		{ "'tool_choice':'auto'", "tool_choice: Input should be an" },
		{ "'tool_choice':{}", "tool_choice.type: Field required" },
		{ "'tool_choice':{'type':'some'}",
		    "tool_choice: Input tag 'some' found using 'type'" },
		{ "'tool_choice':{'type':'tool'}",
		    "tool_choice.tool.name: Field required" },
		{ "'thinking':true", "thinking: Input should be an object" },
		{ "'thinking':{'type':'deep'}", "thinking: Input tag 'deep'" },
		{ "'thinking':{'type':'enabled'}",
		    "thinking.enabled.budget_tokens: Field required" },
		{ "'thinking':{'type':'enabled','budget_tokens':1023}",
		    "budget_tokens: Input should be greater than or equal to "
		    "1024" },
		{ "'thinking':{'type':'enabled','budget_tokens':1024}",
		    "`max_tokens` must be greater than" },
		{ "'output_config':7", "output_config: Input should be" },
		{ "'output_config':{'effort':'huge'}",
		    "output_config.effort: Input should be" },
		{ "'output_config':{'format':{'type':'xml'}}",
		    "output_config.format.type: Input should be" },
		{ "'output_config':{'format':{'type':'json_schema'}}",
		    "output_config.format.schema: Field required" },
		{ "'system':7", "system: Input should be a valid string" },
		{ "'system':[7]", "system.0: Input should be an object" },
		{ "'system':[{'type':'image'}]", "system.0.type" },
		{ "'system':[{'type':'text'}]",
		    "system.0.text: Field required" },
	};
	char body[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(body, sizeof(body), HEAD "%s," MESSAGES "}",
		    cases[i].member);
		body_refused(body, cases[i].says);
	}
}

static void
a_count_of_tokens_has_to_be_one(void **state)
{
	(void)state;
	body_refused("{'model':'m','max_tokens':10.5," MESSAGES "}",
	    "max_tokens: Input should be a valid integer");
	body_refused("{'model':'m','max_tokens':-1," MESSAGES "}",
	    "max_tokens: Input should be greater");
	body_refused("{'model':'m','max_tokens':'5'," MESSAGES "}",
	    "max_tokens: Input should be a valid integer");
}

static void
roles_and_contents_are_checked(void **state)
{
	(void)state;
	body_refused(HEAD "'messages':[" SAYS("a") ",{'role':'tool',"
						   "'content':'x'}]}",
	    "messages.1.role: Input should be");
	body_refused(HEAD "'messages':['hi']}", "messages.0: Input should be");
	body_refused(HEAD "'messages':[{'role':'user','content':7}]}",
	    "messages.0.content: Input should be a valid string or list");
	body_refused(HEAD "'messages':[{'role':'user','content':null}]}",
	    "messages.0.content: Input should be a valid string or list");
}

static void
names_of_models_are_bounded(void **state)
{
	char body[1000], name[300];

	(void)state;
	memset(name, 'm', sizeof(name));
	name[299] = '\0';
	snprintf(body, sizeof(body),
	    "{'model':'%s','max_tokens':1," MESSAGES "}", name);
	body_refused(body, "model: String should have at most 256");
	body_refused("{'model':'','max_tokens':1," MESSAGES "}",
	    "model: String should have at least 1");
}

static void
a_thread_is_refused_before_all_else(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	send_with(&s, "{'thread':{'type':'create'}}", &p);
	assert_refused(&s, "thread");
	assert_string_equal(s.why.error_code, "thread_unsupported_request");
	sent_clear(&s);
	body_holds(HELLO ",'thread':null}", &p, "'hi'");
}

static void
what_needs_a_server_of_anthropic_is_refused(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_refused(HELLO ",'compaction':{'type':'summarize'}}", "compaction");
	body_refused(
	    HELLO ",'mcp_servers':[{}]}", "MCP connector is not supported");
	body_refused(HELLO ",'container':{'skills':[{}]}}", "skills");
	body_refused(
	    HELLO ",'billing_policy':{'bill_to':'user_profile'}}", "billing");
	body_holds(HELLO ",'container':'c','mcp_servers':[],"
			 "'billing_policy':{'bill_to':'self'},"
			 "'compaction':null}",
	    &p, "'hi'");
}

static void
a_key_with_nul_is_refused_outside_raw_values(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_refused(HELLO ",'metadata':{'a\\u0000b':1}}", "U+0000");
	body_holds(HEAD "'messages':[" SAYS(
		       "a") ",{'role':'assistant','content':[{'type':'tool_use'"
			    ",'id':'t','name':'n','input':{'k\\u0000':1}}]},"
			    "{'role':'user','content':[{'type':'tool_result',"
			    "'tool_use_id':'t'}]}]}",
	    &p, "{\\'k\\\\u0000\\':1}");
}

static void
unknown_members_and_nulls_are_no_matter(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(HELLO ",'future':{'x':[1]},'temperature':null,"
			 "'top_k':null,'tools':null,'tool_choice':null,"
			 "'thinking':null,'metadata':null,'system':null,"
			 "'stop_sequences':null,'service_tier':null,"
			 "'stream':null,'output_config':null}",
	    &p, "'messages':[{'role':'user','content':'hi'}],'max_tokens'");
}

static void
the_last_effort_among_the_messages_wins(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(HEAD
	    "'output_config':{'effort':'max'},'messages':["
	    "{'role':'system','output_config':{'effort':'low'}}," SAYS(
		"a") ",{'role':'system','content':[],'output_config':"
		     "{'effort':'medium'}}]}",
	    &p, "'reasoning_effort':'medium'");
	body_refused(HEAD "'messages':[" SAYS("a") ",{'role':'system',"
						   "'output_config':{'effort':"
						   "'x'}}]}",
	    "messages.1.output_config.effort");
}

static void
counting_needs_no_max_tokens(void **state)
{
	const struct request_rules rules = { .count_only = true };
	struct message_request req;
	struct fault why = { .kind = FAULT_NONE };
	char *json = quoted("{'model':'m','thinking':{'type':'enabled',"
			    "'budget_tokens':99999}," MESSAGES "}");

	(void)state;
	assert_int_equal(
	    message_request_parse(&req, json, strlen(json), &rules, &why), 0);
	assert_int_equal(req.max_tokens, -1);
	message_request_clear(&req);
	free(json);
}

static void
interleaved_thinking_lifts_the_budget(void **state)
{
	struct request_rules rules = { .interleaved_thinking = true };
	struct message_request req;
	struct fault why = { .kind = FAULT_NONE };
	char *json = quoted(HEAD "'thinking':{'type':'enabled',"
				 "'budget_tokens':2000}," MESSAGES "}");

	(void)state;
	assert_int_equal(
	    message_request_parse(&req, json, strlen(json), &rules, &why), 0);
	assert_int_equal(req.budget_tokens, 2000);
	message_request_clear(&req);
	free(json);
}

static void
what_is_no_object_is_refused(void **state)
{
	(void)state;
	body_refused("[1]", "must be a JSON object");
	body_refused("'text'", "must be a JSON object");
	body_refused("{'model':", "");
	body_refused("", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(wrong_scalars_are_refused),
		cmocka_unit_test(a_count_of_tokens_has_to_be_one),
		cmocka_unit_test(roles_and_contents_are_checked),
		cmocka_unit_test(names_of_models_are_bounded),
		cmocka_unit_test(a_thread_is_refused_before_all_else),
		cmocka_unit_test(what_needs_a_server_of_anthropic_is_refused),
		cmocka_unit_test(a_key_with_nul_is_refused_outside_raw_values),
		cmocka_unit_test(unknown_members_and_nulls_are_no_matter),
		cmocka_unit_test(the_last_effort_among_the_messages_wins),
		cmocka_unit_test(counting_needs_no_max_tokens),
		cmocka_unit_test(interleaved_thinking_lifts_the_budget),
		cmocka_unit_test(what_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
