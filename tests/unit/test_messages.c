/* SPDX-License-Identifier: MIT */
#include "translate/request/messages.h"

#include "translated.h"

#define TEXT(t) "{'type':'text','text':'" t "'}"
#define PNG                                                                    \
	"{'type':'image','source':{'type':'base64','media_type':"              \
	"'image/png','data':'iVBO'}}"
#define PNG_PART                                                               \
	"{'type':'image_url','image_url':{'url':'data:image/png;"              \
	"base64,iVBO'}}"
#define USER(b)	  "{'role':'user','content':[" b "]}"
#define ASKS(b)	  "{'role':'assistant','content':[" b "]}"
#define SYSTEM(t) "{'role':'system','content':'" t "'}"
#define USE(id)	  "{'type':'tool_use','id':'" id "','name':'f','input':{}}"
#define RESULT(id, c)                                                          \
	"{'type':'tool_result','tool_use_id':'" id "','content':" c "}"
#define M(list) HEAD "'messages':[" list "]}"
#define ASKED	SAYS("q") "," ASKS(USE("t"))
#define DOCUMENT(source, more)                                                 \
	"{'type':'document','source':{" source "}" more "}"

/* -- system --------------------------------------------------------------- */

static void
a_billing_line_never_reaches_the_upstream(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	send_with(&s,
	    HELLO ",'system':'x-anthropic-billing-header: a\\nReal "
		  "prompt'}",
	    &p);
	assert_holds(&s, "{'role':'system','content':'Real prompt'}");
	assert_true(s.out.dropped_billing);
	sent_clear(&s);
	body_lacks(
	    HELLO ",'system':'x-anthropic-billing-header: a'}", &p, "system");
	body_lacks(HELLO ",'system':[{'type':'text','text':'"
			 "\\u0078-anthropic-billing-header: a'}]}",
	    &p, "system");
	body_lacks(HELLO ",'system':''}", &p, "system");
}

static void
the_system_role_is_the_profiles(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.system_role = SYSTEM_ROLE_DEVELOPER;
	body_holds(
	    HEAD "'system':'s','messages':[" SAYS("a") "," SYSTEM("b") "]}", &p,
	    "{'role':'developer','content':'s'},{'role':'user','content':'a'},"
	    "{'role':'developer','content':'b'}");
}

static void
folding_joins_the_nearest_text_of_the_user(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.inline_system = INLINE_FOLD;
	body_holds(M(SAYS("a") "," SYSTEM("s") "," SYSTEM("s2")), &p,
	    "'messages':[{'role':'user','content':'a\\n\\ns\\n\\ns2'}]");
	body_holds(M(SYSTEM("s") "," SAYS("a")), &p,
	    "'messages':[{'role':'user','content':'s\\n\\na'}]");
	body_holds(M(SAYS("a") "," SYSTEM("s") "," SAYS("b")), &p,
	    "'content':[{'type':'text','text':'a\\n\\ns'},{'type':'text',"
	    "'text':'b'}]");
	body_holds(M(ASKED "," USER(RESULT("t", "'r'")) "," SYSTEM("s")), &p,
	    "'content':'r\\n\\ns'}]");
	body_holds(M(SAYS("a") "," ASKS(TEXT("b")) "," SYSTEM("s")), &p,
	    "{'role':'assistant','content':'b'},{'role':'user','content':'s'}"
	    "]");
	body_holds(M(USER(PNG) "," SYSTEM("s")), &p,
	    "'content':[" PNG_PART ",{'type':'text','text':'s'}]");
}

static void
folding_leaves_no_two_users_in_a_row(void **state)
{
	struct profile p = plain_profile();
	struct sent s;
	char *first;

	(void)state;
	p.inline_system = INLINE_FOLD;
	send_with(&s,
	    M(SAYS("a") "," SYSTEM("s") "," SAYS("b") "," SYSTEM("s") "," ASKS(
		TEXT("c")) "," SYSTEM("d") "," SAYS("e")),
	    &p);
	assert_holds(&s, "{'role':'user','content':'d\\n\\ne'}");
	first = strstr(buf_str(&s.text), "\"user\"");
	first = strstr(first + 1, "\"user\"");
	assert_null(strstr(first + 1, "\"user\""));
	assert_lacks(&s, "'system'");
	sent_clear(&s);
}

/* -- user ----------------------------------------------------------------- */

static void
text_may_not_follow_a_result_everywhere(void **state)
{
	struct profile p = plain_profile();
	const char *text =
	    M(ASKED "," USER(RESULT("t", "'r'") "," TEXT("x") "," TEXT("y")));

	(void)state;
	body_holds(text, &p,
	    "'content':'r'},{'role':'user','content':[{'type':'text',"
	    "'text':'x'},{'type':'text','text':'y'}]}");
	p.user_after_tool = USER_AFTER_TOOL_FOLD;
	body_holds(text, &p, "'content':'r\\n\\nx\\n\\ny'}]");
	body_holds(M(ASKED "," USER(RESULT("t", "'r'") "," PNG)), &p,
	    "'content':'r'},{'role':'assistant','content':'I will look at what "
	    "is attached next.'},{'role':'user','content':[" PNG_PART "]}");
}

static void
mistral_wants_the_name_beside_the_result(void **state)
{
	struct profile p = plain_profile();
	const char *body = M(ASKED "," USER(RESULT("t", "'r'")));

	(void)state;
	body_holds(body, &p, "'tool_call_id':'t','content'");
	p.tool_id_mode = TOOL_ID_MISTRAL9;
	body_holds(body, &p, "','name':'f','content':'r'");
	body_lacks(body, &p, "'id':'t'");
	body_lacks(body, &p, "'tool_call_id':'t'");
}

static void
results_become_text(void **state)
{
	static const struct {
		const char *content, *becomes;
	} cases[] = {
		{ "'plain'", "plain" },
		{ "null", "" },
		{ "[" TEXT("a") "," TEXT("") "," TEXT("b") "]", "a\\nb" },
		{ "[{'type':'search_result','source':'S','title':'T',"
		  "'content':[" TEXT("c") "]}]",
		    "[Search result: T]\\nSource: S\\nc" },
		{ "[" DOCUMENT("'type':'text','data':'d'",
		      ",'title':'T','context':'C'") "]",
		    "[Document: T]\\nC\\nd" },
		{ "[" DOCUMENT("'type':'content','content':'d'", "") "]", "d" },
		{ "[{'type':'browser_state','tabs':[{'tab_id':'1','title':'T',"
		  "'url':'u','active':true}],'state_changes':[{'type':"
		  "'tab_opened','tab_id':'1'}]}]",
		    "Browser tabs:\\n- tab_id=\\'1\\' title=\\'T\\' url=\\'u\\'"
		    " (active)\\n* tab_opened tab_id=\\'1\\'" },
	};
	struct profile p = plain_profile();
	char body[2000], part[500];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(body, sizeof(body),
		    M(ASKED ",{'role':'user','content':[{'type':'tool_result',"
			    "'tool_use_id':'t','content':%s}]}"),
		    cases[i].content);
		snprintf(
		    part, sizeof(part), "'content':'%s'}]", cases[i].becomes);
		body_holds(body, &p, part);
	}
}

static void
media_of_results_follows_all_results(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(
	    M(SAYS("q") "," ASKS(USE("t") "," USE("u")) "," USER(RESULT("u",
		"[" PNG "," PNG "]") "," RESULT("t", "'r'") "," TEXT("z"))),
	    &p,
	    "{'role':'tool','tool_call_id':'t','content':'r'},{'role':'tool',"
	    "'tool_call_id':'u','content':'[image 1 of this result is attached "
	    "in the next message]\\n[image 2 of this result is attached in the "
	    "next message]'},{'role':'user','content':[{'type':'text','text':"
	    "'[image 1 of the result of tool call u]'}," PNG_PART
	    ",{'type':'text','text':'[image 2 of the result of tool call u]'"
	    "}," PNG_PART ",{'type':'text','text':'z'}]}");
}

static void
a_failed_result_says_so_once(void **state)
{
	struct profile p = plain_profile();

#define FAILED(c)                                                              \
	M(ASKED ",{'role':'user','content':[{'type':'tool_result',"            \
		"'tool_use_id':'t','is_error':true,'content':" c "}]}")
	(void)state;
	body_holds(FAILED("'no'"), &p, "'content':'Error: no'");
	body_holds(FAILED("'Error: no'"), &p, "'content':'Error: no'");
	body_holds(FAILED("[" TEXT("errors") "]"), &p, "'content':'errors'");
	body_holds(FAILED("[]"), &p, "'content':'Error: '");
}

static void
blocks_of_results_are_checked(void **state)
{
	(void)state;
	body_refused(M(ASKED "," USER(RESULT("t", "7"))),
	    "messages.2.content.0.tool_result.content: Input should be");
	body_refused(M(ASKED "," USER(RESULT("t", "[{'type':'audio'}]"))),
	    "messages.2.content.0.content.0.type: Input tag 'audio'");
	body_refused(M(ASKED "," USER(RESULT("t", "[{'type':'image'}]"))),
	    "messages.2.content.0.content.0.image.source: Field required");
}

/* -- media ---------------------------------------------------------------- */

static void
sources_are_checked(void **state)
{
	static const struct {
		const char *block, *says;
	} cases[] = {
		{ "{'type':'image'}", "image.source: Field required" },
		{ "{'type':'image','source':{}}", "image.source.type: Field" },
		{ "{'type':'image','source':{'type':'ftp'}}",
		    "image.source: Input tag 'ftp'" },
		{ "{'type':'image','source':{'type':'file','file_id':'f'}}",
		    "images by file_id are not supported" },
		{ "{'type':'image','source':{'type':'url'}}",
		    "image.source.url.url: Field required" },
		{ "{'type':'image','source':{'type':'base64','media_type':"
		  "'image/tiff','data':'x'}}",
		    "media_type: Input should be 'image/jpeg'" },
		{ "{'type':'image','source':{'type':'base64','media_type':"
		  "'image/png','data':''}}",
		    "image cannot be empty" },
		{ DOCUMENT("'type':'url','url':'u'", ""),
		    "documents by url are not supported" },
		{ DOCUMENT("'type':'file','file_id':'f'", ""),
		    "documents by file_id are not supported" },
		{ DOCUMENT("'type':'base64','media_type':'text/html','data':"
			   "'x'",
		      ""),
		    "media_type: Input should be 'application/pdf'" },
		{ DOCUMENT("'type':'content','content':[7]", ""),
		    "Input should be text or image blocks" },
		{ "{'type':'search_result','source':'s','content':[]}",
		    "search_result.title: Field required" },
		{ "{'type':'container_upload','file_id':'f'}",
		    "containers are not supported" },
	};
	char body[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(body, sizeof(body),
		    M("{'role':'user','content':[%s]}"), cases[i].block);
		body_refused(body, cases[i].says);
	}
}

static void
pdfs_go_as_the_upstream_takes_them(void **state)
{
	struct profile p = plain_profile();
	const char *plain = M(USER(DOCUMENT(
	    "'type':'base64','media_type':'application/pdf','data':'JVBE'",
	    "")));
	struct sent s;

	(void)state;
	body_holds(plain, &p,
	    "{'type':'file','file':{'filename':'document.pdf','file_data':"
	    "'data:application/pdf;base64,JVBE'}}");
	p.pdf = PDF_PLACEHOLDER;
	body_holds(plain, &p, "'content':'[A PDF document stood here;");
	p.pdf = PDF_REJECT;
	send_with(&s, plain, &p);
	assert_refused(&s, "messages.0.content.0.document: the upstream does");
	sent_clear(&s);
}

static void
line_breaks_in_base64_are_removed(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(M(USER("{'type':'image','source':{'type':'base64',"
			  "'media_type':'image/gif','data':'R0 l\\nG\\/+='}}")),
	    &p, "'data:image/gif;base64,R0lG/+='");
}

static void
image_urls_may_be_refused(void **state)
{
	struct profile p = plain_profile();
	const char *body = M(USER("{'type':'image','source':{'type':'url',"
				  "'url':'https://x/y'}}"));
	struct sent s;

	(void)state;
	body_holds(body, &p, "{'url':'https://x/y'}");
	p.image_url = IMAGE_URL_REJECT;
	send_with(&s, body, &p);
	assert_refused(&s, "does not take images by url");
	sent_clear(&s);
}

/* -- assistant ------------------------------------------------------------ */

static void
a_trailing_answer_is_a_prefill(void **state)
{
	struct profile p = plain_profile();
	const char *body = M(SAYS("a") "," ASKS(TEXT("{\\n")));
	struct sent s;

	(void)state;
	send_with(&s, body, &p);
	assert_holds(&s, "{'role':'assistant','content':'{\\n'}]");
	assert_string_equal(s.out.terms.prefill, "{\n");
	sent_clear(&s);
	p.prefill = PREFILL_PREFIX;
	body_holds(body, &p, "'content':'{\\n','prefix':true}");
	p.prefill = PREFILL_VLLM;
	body_holds(body, &p,
	    "'continue_final_message':true,'add_generation_prompt':false");
	p.prefill = PREFILL_REJECT;
	send_with(&s, body, &p);
	assert_refused(&s, "does not support assistant message prefill");
	sent_clear(&s);
	body_holds(M(SAYS("a") "," ASKS("")), &p, "'content':'a'}]");
}

static void
an_answer_with_nothing_left_is_an_empty_text(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(M(SAYS("a") "," ASKS("") "," SAYS("b")), &p,
	    "{'role':'assistant','content':''}");
}

static void
what_servers_did_is_told_in_words(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(
	    M(SAYS("a") "," ASKS(
		"{'type':'server_tool_use','id':'s','name':'code_execution',"
		"'input':{'code':'1'}},{'type':'code_execution_tool_result',"
		"'tool_use_id':'s','content':{'type':'code_execution_result',"
		"'stdout':'2','stderr':'','return_code':0,'content':[]}},"
		"{'type':'mcp_tool_use','id':'m','name':'n','server_name':'v',"
		"'input':{}},{'type':'mcp_tool_result','tool_use_id':'m',"
		"'content':[" TEXT(
		    "found") "]},{'type':'server_tool_use','id':"
			     "'x','name':'tool_search_tool_bm25'"
			     ",'input':{'query':'q'}},{'type':"
			     "'tool_search_tool_result',"
			     "'tool_use_id':'x','content':{}},{"
			     "'type':'fallback'},{'type':"
			     "'mcp_tool_listing'}") "," SAYS("b")),
	    &p,
	    "'content':'\\n[code_execution {\\'code\\':\\'1\\'}]\\n-> stdout: "
	    "2\\n-> return code: 0\\n\\n[v.n {}]\\n-> found\\n'}");
}

static void
a_search_that_failed_is_told_too(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(M(SAYS("a") "," ASKS(
		       "{'type':'server_tool_use','id':'s','name':"
		       "'web_search','input':{'query':'q'}},{'type':"
		       "'web_search_tool_result','tool_use_id':'s','content':{"
		       "'type':'web_search_tool_result_error','error_code':"
		       "'unavailable'}}") "," SAYS("b")),
	    &p, "[web_search \\'q\\']\\n-> error_code: unavailable\\n'");
}

static void
a_compaction_is_a_summary(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(
	    M(USER("{'type':'compaction','content':'We met.'}," TEXT("go"))),
	    &p,
	    "'text':'[Summary of the conversation so far]\\nWe met.'},{'type'"
	    ":'text','text':'go'}");
	body_holds(M(USER("{'type':'compaction','content':null}," TEXT("go"))),
	    &p, "'content':'go'");
	body_holds(
	    M(ASKS("{'type':'compaction','content':'We met.'}") "," SAYS("a")),
	    &p, "{'role':'assistant','content':'We met.'}");
}

static void
arguments_are_the_very_bytes(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(M(SAYS("a") "," ASKS(
		       "{'type':'tool_use','id':'t','name':"
		       "'f','input':{ 'n' : 1.0,'n':2 }}") "," USER(RESULT("t",
		       "'r'"))),
	    &p, "'arguments':'{ \\'n\\' : 1.0,\\'n\\':2 }'");
	body_holds(M(SAYS("a") "," ASKS(
		       "{'type':'tool_use','id':'t','name':"
		       "'f','input':null}") "," USER(RESULT("t", "'r'"))),
	    &p, "'arguments':'{}'");
}

static void
surrogates_do_not_meet_over_a_seam(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(M(SAYS("a") "," ASKS(
		       TEXT("x\\ud83d") "," TEXT("\\ude00")) "," SAYS("b")),
	    &p, "'content':'x\\ufffd\\ufffd'");
}

/* -- cache marks ---------------------------------------------------------- */

#define MARK ",'cache_control':{'type':'ephemeral'}"

static void
cache_marks_go_only_where_they_are_taken(void **state)
{
	struct profile p = plain_profile();
	const char *body =
	    HEAD "'system':[{'type':'text','text':'s'" MARK "}],'messages':["
		 "{'role':'user','content':[{'type':'text','text':'a'" MARK
		 "}," TEXT("b") "]}]}";

	(void)state;
	body_lacks(body, &p, "cache");
	p.cache_hints = HINTS_OPENROUTER;
	body_holds(body, &p,
	    "[{'type':'text','text':'s','cache_control':{'type':'ephemeral'}}"
	    "]},{'role':'user','content':[{'type':'text','text':'a'},{'type':"
	    "'text','text':'b','cache_control':{'type':'ephemeral'}}]");
	p.cache_hints = HINTS_OPENAI;
	body_holds(body, &p,
	    "'text':'b','prompt_cache_breakpoint':{'mode':'explicit'}}");
}

static void
only_the_last_four_marks_are_kept(void **state)
{
	struct profile p = plain_profile();
	struct buf body;
	struct sent s;
	size_t n = 0;

	(void)state;
	p.cache_hints = HINTS_OPENROUTER;
	buf_init(&body, 1 << 20);
	buf_add_str(&body, HEAD "'messages':[");
	for (int i = 0; i < 6; i++)
		buf_printf(&body,
		    "%s{'role':'user','content':[{'type':'text','text':'u%d'"
		    ",'cache_control':{'type':'ephemeral','ttl':'1h'}}]},"
		    "{'role':'assistant','content':'x'}",
		    i == 0 ? "" : ",", i);
	buf_add_str(&body, "]}");
	send_with(&s, buf_str(&body), &p);
	assert_holds(&s, "{'type':'text','text':'u1'}");
	assert_holds(&s, "'text':'u2','cache_control':{'type':'ephemeral',"
			 "'ttl':'1h'}}");
	for (char *at = s.text.data; (at = strstr(at, "cache_")) != NULL; at++)
		n++;
	assert_int_equal(n, 4);
	sent_clear(&s);
	buf_clear(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_billing_line_never_reaches_the_upstream),
		cmocka_unit_test(the_system_role_is_the_profiles),
		cmocka_unit_test(folding_joins_the_nearest_text_of_the_user),
		cmocka_unit_test(folding_leaves_no_two_users_in_a_row),
		cmocka_unit_test(text_may_not_follow_a_result_everywhere),
		cmocka_unit_test(mistral_wants_the_name_beside_the_result),
		cmocka_unit_test(results_become_text),
		cmocka_unit_test(media_of_results_follows_all_results),
		cmocka_unit_test(a_failed_result_says_so_once),
		cmocka_unit_test(blocks_of_results_are_checked),
		cmocka_unit_test(sources_are_checked),
		cmocka_unit_test(pdfs_go_as_the_upstream_takes_them),
		cmocka_unit_test(line_breaks_in_base64_are_removed),
		cmocka_unit_test(image_urls_may_be_refused),
		cmocka_unit_test(a_trailing_answer_is_a_prefill),
		cmocka_unit_test(an_answer_with_nothing_left_is_an_empty_text),
		cmocka_unit_test(what_servers_did_is_told_in_words),
		cmocka_unit_test(a_search_that_failed_is_told_too),
		cmocka_unit_test(a_compaction_is_a_summary),
		cmocka_unit_test(arguments_are_the_very_bytes),
		cmocka_unit_test(surrogates_do_not_meet_over_a_seam),
		cmocka_unit_test(cache_marks_go_only_where_they_are_taken),
		cmocka_unit_test(only_the_last_four_marks_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
