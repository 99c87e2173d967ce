/* SPDX-License-Identifier: MIT */
#include "translate/request/turns.h"

#include "translated.h"

#define USE(id)	   "{'type':'tool_use','id':'" id "','name':'f','input':{}}"
#define RESULT(id) "{'type':'tool_result','tool_use_id':'" id "'}"
#define ASKS(b)	   "{'role':'assistant','content':[" b "]}"
#define USER(b)	   "{'role':'user','content':[" b "]}"
#define SYSTEM(t)  "{'role':'system','content':'" t "'}"
#define TEXT(t)	   "{'type':'text','text':'" t "'}"
#define M(list)	   HEAD "'messages':[" list "]}"

/* The roles and texts of what goes upstream, in a line. */
static void
goes_up_as(const char *body, const struct profile *p, const char *expected)
{
	const cJSON *message, *content;
	struct json_doc doc;
	struct buf line;
	struct sent s;

	send_with(&s, body, p);
	if (s.why.kind != FAULT_NONE)
		print_error("refused: %s\n", s.why.message);
	assert_int_equal(s.why.kind, FAULT_NONE);
	assert_int_equal(
	    json_parse(&doc, buf_str(&s.text), s.text.len, NULL, NULL), 0);
	buf_init(&line, 10000);
	cJSON_ArrayForEach(message, json_get(doc.root, "messages")) {
		buf_add(&line, json_get_string(message, "role"), 1);
		buf_add_char(&line, ':');
		content = json_get(message, "content");
		if (cJSON_IsString(content))
			buf_add_str(&line, content->valuestring);
		else
			buf_printf(&line, "<%d>", cJSON_GetArraySize(content));
		buf_add_char(&line, ' ');
	}
	assert_string_equal(buf_str(&line), expected);
	buf_clear(&line);
	json_doc_clear(&doc);
	sent_clear(&s);
}

static void
turns_of_one_role_are_merged(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	goes_up_as(M(SAYS("a") "," SAYS("b") "," ASKS(TEXT("c")) "," ASKS(
		       TEXT("d")) "," SAYS("e")),
	    &p, "u:<2> a:cd u:e ");
	p.merge_roles = MERGE_FALSE;
	goes_up_as(M(SAYS("a") "," SAYS("b") "," ASKS(TEXT("c")) "," ASKS(
		       TEXT("d")) "," SAYS("e")),
	    &p, "u:a u:b a:c a:d u:e ");
}

static void
results_over_several_messages_stay_together(void **state)
{
	struct profile p = plain_profile();
	const char *body =
	    M(SAYS("a") "," ASKS(USE("1")) "," ASKS(USE("2")) "," USER(RESULT(
		"2")) "," SYSTEM("s") "," USER(RESULT("1")) "," SAYS("b"));

	(void)state;
	goes_up_as(body, &p, "u:a a:<0> t: t: s:s u:b ");
	p.merge_roles = MERGE_FALSE;
	goes_up_as(body, &p, "u:a a:<0> t: t: s:s u:b ");
}

static void
a_system_message_moves_behind_the_results(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	goes_up_as(M(SAYS("a") "," SYSTEM("1") "," ASKS(USE("x")) "," SYSTEM(
		       "2") "," SYSTEM("3") "," USER(RESULT("x") ",{'type':"
								 "'text','text'"
								 ":'t'}")),
	    &p, "u:a s:1 a:<0> t: u:t s:2 s:3 ");
	goes_up_as(M(SYSTEM("0") "," SAYS("a") "," ASKS(TEXT("b")) "," SYSTEM(
		       "1") "," SAYS("c")),
	    &p, "s:0 u:a a:b s:1 u:c ");
}

static void
a_silent_system_message_makes_no_turn(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	goes_up_as(M(SAYS("a") ",{'role':'system','content':[],"
			       "'output_config':{}},{'role':'system',"
			       "'content':''}," SAYS("b")),
	    &p, "u:<2> ");
	goes_up_as(M(SAYS("a") ",{'role':'system','content':[{'type':'text',"
			       "'text':'x-anthropic-billing-header: z'}]}"),
	    &p, "u:a ");
}

static void
a_message_to_be_cleared_goes_with_the_next_user_turn(void **state)
{
	struct profile p = plain_profile();

	(void)state;
#define CLEARED "{'role':'system','content':'c','clear_at':'next_user_message'}"
	goes_up_as(M(SAYS("a") "," CLEARED), &p, "u:a s:c ");
	goes_up_as(M(SAYS("a") "," CLEARED "," ASKS(TEXT("b")) "," SAYS("d")),
	    &p, "u:a a:b u:d ");
}

static void
a_call_needs_its_result(void **state)
{
	(void)state;
	body_refused(M(SAYS("a") "," ASKS(USE("t1") "," USE("t2") "," USE(
			 "t3")) "," USER(RESULT("t2"))),
	    "messages.1: `tool_use` ids were found without `tool_result` "
	    "blocks immediately after: t1, t3. Each `tool_use` block must");
	body_refused(M(SAYS("a") "," ASKS(USE("t1"))),
	    "messages.1: `tool_use` ids were found without");
	body_refused(M(SAYS("a") "," ASKS(USE("t1")) "," SAYS("b")),
	    "messages.1: `tool_use` ids were found without");
	body_refused(M(SAYS("a") "," ASKS(USE("t1")) "," SYSTEM("b")),
	    "messages.1: `tool_use` ids were found without");
}

static void
a_result_needs_its_call(void **state)
{
	(void)state;
	body_refused(M(USER(RESULT("g"))),
	    "messages.0.content.0: unexpected `tool_use_id` found in "
	    "`tool_result` blocks: g. Each `tool_result` block must have");
	body_refused(M(SAYS("a") "," ASKS(USE("1")) "," USER(
			 RESULT("1") "," RESULT("2"))),
	    "messages.2.content.1: unexpected `tool_use_id`");
	body_refused(M(SAYS("a") "," ASKS(USE("1")) "," USER(
			 RESULT("1") "," RESULT("1"))),
	    "each tool_use must have a single result. Found multiple "
	    "`tool_result` blocks with id: 1");
	body_refused(
	    M(SAYS("a") "," ASKS(USE("1") "," USE("1")) "," USER(RESULT("1"))),
	    "`tool_use` ids must be unique");
}

static void
blocks_are_checked_where_they_stand(void **state)
{
	(void)state;
	body_refused(M(USER("7")), "messages.0.content.0: Input should be");
	body_refused(M(USER("{}")), "messages.0.content.0.type: Field");
	body_refused(M(USER("{'type':'hologram'}")),
	    "messages.0.content.0.type: Input tag 'hologram' found");
	body_refused(M(USER("{'type':'text'}")),
	    "messages.0.content.0.text.text: Field required");
	body_refused(M(USER(USE("1"))),
	    "messages.0.content.0: `tool_use` blocks can only be in "
	    "`assistant` messages");
	body_refused(M(SAYS("a") "," ASKS(RESULT("1"))),
	    "`tool_result` blocks can only be in `user` messages");
	body_refused(M(SAYS("a") "," ASKS("{'type':'tool_use','name':'f'}")),
	    "messages.1.content.0.tool_use.id: Field required");
	body_refused(M(SAYS("a") "," ASKS("{'type':'tool_use','id':'1'}")),
	    "messages.1.content.0.tool_use.name: Field required");
	body_refused(M(SAYS("a") "," ASKS("{'type':'tool_use','id':'1',"
					  "'name':'f','input':[]}")),
	    "messages.1.content.0.tool_use.input: Input should be an object");
	body_refused(M(USER("{'type':'tool_result'}")),
	    "messages.0.content.0.tool_result.tool_use_id: Field required");
}

static void
an_empty_user_turn_is_refused(void **state)
{
	(void)state;
	body_refused(M(SAYS("")), "messages.0: user messages must have");
	body_refused(M(SAYS("a") "," ASKS(TEXT("b")) "," USER(TEXT(""))),
	    "messages.2: user messages must have non-empty content");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_of_one_role_are_merged),
		cmocka_unit_test(results_over_several_messages_stay_together),
		cmocka_unit_test(a_system_message_moves_behind_the_results),
		cmocka_unit_test(a_silent_system_message_makes_no_turn),
		cmocka_unit_test(
		    a_message_to_be_cleared_goes_with_the_next_user_turn),
		cmocka_unit_test(a_call_needs_its_result),
		cmocka_unit_test(a_result_needs_its_call),
		cmocka_unit_test(blocks_are_checked_where_they_stand),
		cmocka_unit_test(an_empty_user_turn_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
