/* SPDX-License-Identifier: MIT */
#include "translate/request/tools.h"

#include "translate/request/builtin.h"
#include "translated.h"
#include "wire/sha256.h"

#define SCHEMA	       "'input_schema':{'type':'object','properties':{}}"
#define TOOL(name)     "{'name':'" name "'," SCHEMA "}"
#define DEFERRED(name) "{'name':'" name "'," SCHEMA ",'defer_loading':true}"
#define WITH(tools)    HELLO ",'tools':[" tools "]}"
#define CHOICE(tools, choice)                                                  \
	HELLO ",'tools':[" tools "],'tool_choice':{" choice "}}"
#define LOADS(names)                                                           \
	HEAD "'messages':[" SAYS("a") ",{'role':'assistant','content':[{"      \
				      "'type':'tool_use','id':'t','name':'S'," \
				      "'input':{}}]},{'role':'user',"          \
				      "'content':[{'type':'tool_result',"      \
				      "'tool_use_id':'t','content':[" names    \
				      "]}]}]"
#define REFERENCE(name) "{'type':'tool_reference','tool_name':'" name "'}"

/* The function names offered, in order. */
static void
are_offered(const char *body, const struct profile *p, const char *expected)
{
	const cJSON *tool;
	struct json_doc doc;
	struct buf line;
	struct sent s;

	send_with(&s, body, p);
	if (s.why.kind != FAULT_NONE)
		print_error("refused: %s\n", s.why.message);
	assert_int_equal(s.why.kind, FAULT_NONE);
	assert_int_equal(
	    json_parse(&doc, buf_str(&s.text), s.text.len, NULL, NULL), 0);
	buf_init(&line, 1 << 20);
	cJSON_ArrayForEach(tool, json_get(doc.root, "tools")) {
		buf_add_str(
		    &line, json_get_string(json_get(tool, "function"), "name"));
		buf_add_char(&line, ' ');
	}
	assert_string_equal(buf_str(&line), expected);
	buf_clear(&line);
	json_doc_clear(&doc);
	sent_clear(&s);
}

static void
definitions_are_checked(void **state)
{
	(void)state;
	body_refused(WITH("7"), "tools.0: Input should be an object");
	body_refused(WITH("{" SCHEMA "}"), "tools.0.custom.name: Field");
	body_refused(WITH("{'name':''," SCHEMA "}"),
	    "tools.0.custom.name: String should have at least 1");
	body_refused(WITH(TOOL("a") ",{'name':'b'}"),
	    "tools.1.custom.input_schema: Field required");
	body_refused(WITH("{'name':'b','input_schema':{}}"),
	    "tools.0.custom.input_schema.type: Field required");
	body_refused(WITH("{'name':'b','input_schema':{'type':'array'}}"),
	    "tools.0.custom.input_schema.type: Input should be 'object'");
	body_refused(WITH("{'type':'laser_2030','name':'b'}"),
	    "tools.0: Input tag 'laser_2030' found");
	body_refused(WITH(TOOL("a") "," TOOL("b") "," TOOL("a")),
	    "Tool names must be unique.");
}

static void
names_of_tools_are_bounded(void **state)
{
	char body[1000], name[200];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[129] = '\0';
	snprintf(body, sizeof(body),
	    HELLO ",'tools':[{'name':'%s'," SCHEMA "}]}", name);
	body_refused(body, "tools.0.custom.name: String should have at most "
			   "128");
}

static void
deferred_tools_wait_for_a_reference(void **state)
{
	struct profile p = plain_profile();

#define SOME                                                                   \
	"'tools':[" TOOL("S") "," DEFERRED("d1") "," TOOL("a") "," DEFERRED(   \
	    "d2") "," DEFERRED("d3") "]}"
	(void)state;
	are_offered(HELLO "," SOME, &p, "S a ");
	are_offered(LOADS(REFERENCE("d3") "," REFERENCE("d1")) "," SOME, &p,
	    "S a d3 d1 ");
	are_offered(LOADS(REFERENCE("nowhere")) "," SOME, &p, "S a ");
	body_holds(LOADS(REFERENCE("d3") ",{'type':'text','text':'x'},"
					 "" REFERENCE("d1")) "," SOME,
	    &p, "'content':'Tools now available: d3, d1\\nx'");
}

static void
tool_choice_loads_what_it_names(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	are_offered(
	    CHOICE(TOOL("a") "," DEFERRED("d"), "'type':'tool','name':'d'"), &p,
	    "a d ");
}

static void
the_placeholder_is_never_offered(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	are_offered(
	    LOADS(REFERENCE(
		"DeferredToolPlaceholder")) ",'tools':["
					    "" TOOL("S") "," DEFERRED(
						"DeferredToolPlaceholder") ""
									   "]}",
	    &p, "S ");
	body_lacks(WITH(TOOL("DeferredToolPlaceholder")), &p, "'tools'");
}

static void
additions_and_removals_count_in_order(void **state)
{
	struct profile p = plain_profile();

#define CHANGE(kind, name)                                                     \
	"{'type':'tool_" kind                                                  \
	"','tool':{'type':'tool_reference','name':'" name "'}}"
#define CHANGES(list, tools)                                                   \
	HEAD "'messages':[" SAYS("a") ",{'role':'system','content':[" list     \
				      "]}],'tools':[" tools "]}"
	(void)state;
	are_offered(
	    CHANGES(CHANGE("removal", "a"), TOOL("a") "," TOOL("b")), &p, "b ");
	are_offered(CHANGES(CHANGE("addition", "d") "," CHANGE("removal", "a"),
			TOOL("a") "," DEFERRED("d") "," TOOL("b")),
	    &p, "b d ");
	are_offered(CHANGES(CHANGE("removal", "a") "," CHANGE("addition", "a"),
			TOOL("a") "," TOOL("b")),
	    &p, "b a ");
	are_offered(
	    CHANGES("{'type':'tool_addition','tool':{'type':"
		    "'tool_definition','definition':{'name':'n','description':"
		    "'new'," SCHEMA "}}}",
		TOOL("a")),
	    &p, "a n ");
	are_offered(
	    CHANGES("{'type':'tool_addition','tool':{'type':"
		    "'tool_definition','definition':{'name':'a','description':"
		    "'new'," SCHEMA "}}}",
		TOOL("a") "," TOOL("b")),
	    &p, "b a ");
}

static void
tools_for_sandboxed_code_alone_are_left_out(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	are_offered(WITH(TOOL("a") ",{'name':'b'," SCHEMA
				   ",'allowed_callers':['code_execution_"
				   "20250825']},{'name':'c'," SCHEMA
				   ",'allowed_callers':['direct']}"),
	    &p, "a c ");
}

static void
server_tools_are_dropped_beside_others_only(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

#define SEARCH "{'type':'web_search_20260209','name':'web_search','max_uses':8}"
	(void)state;
	are_offered(WITH(SEARCH "," TOOL("a")), &p, "a ");
	body_refused(WITH(SEARCH), "`web_search` is not available");
	body_refused(WITH(SEARCH ",{'type':'code_execution_20250825','name':"
				 "'code_execution'}"),
	    "is not available");
	body_refused(
	    CHOICE(TOOL("a") "," SEARCH, "'type':'tool','name':'web_search'"),
	    "`web_search` is not available");
	body_lacks(CHOICE(SEARCH, "'type':'none'"), &p, "web_search");
	send_with(&s, WITH(SEARCH "," TOOL("a")), &p);
	assert_int_equal(s.out.dropped_server_tools, 1);
	sent_clear(&s);
	p.server_tools = SERVER_TOOLS_REJECT;
	send_with(&s, WITH(SEARCH "," TOOL("a")), &p);
	assert_refused(&s, "`web_search` is not available");
	sent_clear(&s);
}

static void
a_tool_search_loads_all_that_is_deferred(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	are_offered(WITH("{'type':'tool_search_tool_regex_20251119','name':"
			 "'tool_search_tool_regex'}," DEFERRED("d") "," TOOL(
			     "a") "," DEFERRED("e")),
	    &p, "a d e ");
	p.server_tools = SERVER_TOOLS_REJECT;
	are_offered(WITH("{'type':'tool_search_tool_bm25_20251119','name':"
			 "'tool_search_tool_bm25'}," DEFERRED("d")),
	    &p, "d ");
}

static void
some_upstreams_search_by_themselves(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

#define PLACED                                                                 \
	"{'type':'web_search_20250305','name':'web_search','user_location':{"  \
	"'type':'approximate','city':'Graz'}}"
	(void)state;
	p.web_search = SEARCH_OPENAI;
	send_with(&s, WITH(PLACED), &p);
	assert_holds(&s, "'web_search_options':{'user_location':{'type':"
			 "'approximate','approximate':{'city':'Graz'}}}");
	assert_lacks(&s, "'tools'");
	assert_string_equal(s.out.terms.search_query, "hi");
	sent_clear(&s);
	send_with(&s,
	    WITH("{'type':'web_search_20250305','name':"
		 "'web_search','blocked_domains':['x']}"),
	    &p);
	assert_refused(&s, "cannot filter");
	sent_clear(&s);
	p.web_search = SEARCH_OPENROUTER;
	send_with(&s,
	    CHOICE("{'type':'web_search_20250305','name':'web_search',"
		   "'max_uses':8,'allowed_domains':['x.org']}," TOOL("a"),
		"'type':'tool','name':'web_search'"),
	    &p);
	assert_holds(&s, "'plugins':[{'id':'web','max_results':8,"
			 "'include_domains':['x.org']}]");
	assert_lacks(&s, "tool_choice");
	sent_clear(&s);
}

static void
too_many_tools_are_refused_or_the_oldest_loaded_left_out(void **state)
{
	struct profile p = plain_profile();
	struct buf body;
	struct sent s;

	(void)state;
	for (int n = 128; n <= 129; n++) {
		buf_init(&body, 1 << 20);
		buf_add_str(&body,
		    LOADS(REFERENCE("d1") "," REFERENCE(
			"d2")) ",'tools':[" DEFERRED("d1") ","
							   "" DEFERRED("d2"));
		for (int i = 0; i < n - (n == 128); i++)
			buf_printf(&body, ",{'name':'t%d'," SCHEMA "}", i);
		buf_add_str(&body, "]}");
		send_with(&s, buf_str(&body), &p);
		if (n == 128) {
			assert_holds(&s, "'name':'t126'");
			assert_holds(&s, "'name':'d2'");
			assert_lacks(&s, "'name':'d1'");
			assert_int_equal(s.out.terms.n_tools, 128);
		} else {
			assert_refused(&s, "129 tools");
			assert_string_equal(
			    s.why.error_code, "available_tools_limit_exceeded");
		}
		sent_clear(&s);
		buf_clear(&body);
	}
}

static void
names_that_become_the_same_are_told_apart(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

	(void)state;
	send_with(&s, WITH(TOOL("a.b") "," TOOL("a_b") "," TOOL("a b")), &p);
	assert_int_equal(s.out.terms.n_tools, 3);
	for (size_t i = 1; i < 3; i++)
		assert_string_not_equal(s.out.terms.tools[i - 1].upstream,
		    s.out.terms.tools[i].upstream);
	assert_string_equal(
	    reply_terms_tool(&s.out.terms, "a_b", 3)->client, "a.b");
	assert_null(reply_terms_tool(&s.out.terms, "a_", 2));
	sent_clear(&s);
}

/* What models are told of Anthropic's own tools, to the byte. */
static void
built_in_tools_stay_what_they_were(void **state)
{
	static const struct {
		const char *type;
		int zoom;
		const char *digest;
	} cases[] = {
		{ "bash_20250124", 0,
		    "70c416f65ada0b1abd1dc061d73f67bc"
		    "17ac6abe82d033491ddf48f1f7a9eb2b" },
		{ "text_editor_20241022", 0,
		    "a51326b6c2666e220dc169e142a853ad"
		    "c14f95599b1a6872488b88b25509f9de" },
		{ "text_editor_20250728", 0,
		    "b76646ed6ffbd60087b2ce9d3d76f885"
		    "811920819eb6b6b6b54c480f84211c20" },
		{ "memory_20250818", 0,
		    "a19bf958aaa0f9e069952de210714fe9"
		    "ff4e7503689616c4dd7516d3af6d5996" },
		{ "computer_20241022", 0,
		    "b9b47ae65c4bc6bea57e786ccce5c22b"
		    "654bbd5bd5348d7505c18720c2c704d1" },
		{ "computer_20251124", 0,
		    "1d643686441288fcfb0dd03dbf6c4ca3"
		    "fe0861ff50fca46f3e85e0e415c460a0" },
		{ "computer_20251124", 1,
		    "8701ea6cf7832803164057db8756c6b6"
		    "50935743294223c6667ddac0a6a15fa3" },
		{ "computer_toolset_20260801", 0,
		    "ad1243511c06339f126671b316131e8a"
		    "cbb2b01ddac5857db3a5705ed4994ae4" },
		{ "browser_toolset_20260801", 0,
		    "15e79acadb0a4df0ea26e0a055d8a457"
		    "55d60a352f1e7b970d10b50f205a0e99" },
	};
	const struct builtin *tool;
	struct buf told, schema;
	const char *toolset;
	char digest[65];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		n = 1;
		tool = builtin_tool(cases[i].type, cases[i].zoom);
		if (tool == NULL)
			tool = builtin_members(cases[i].type, &n, &toolset);
		buf_init(&told, 1 << 20);
		buf_init(&schema, 1 << 20);
		for (; n > 0; n--, tool++) {
			buf_reset(&schema);
			builtin_parameters(tool, &schema);
			assert_int_equal(
			    json_check(schema.data, schema.len, '{', NULL), 0);
			buf_printf(&told, "%s\n%s\n%s\n", tool->name,
			    tool->description, buf_str(&schema));
		}
		sha256_hex(told.data, told.len, digest);
		assert_string_equal(digest, cases[i].digest);
		buf_clear(&schema);
		buf_clear(&told);
	}
}

static void
a_toolset_is_a_function_for_each_member(void **state)
{
	struct profile p = plain_profile();
	const struct reply_tool *tool;
	struct sent s;

#define BROWSER                                                                \
	"{'type':'browser_toolset_20260801','configs':{'zoom':{'enabled':"     \
	"false},'hover':{'defer_loading':true}}}"
	(void)state;
	send_with(&s,
	    HEAD "'tools':[" BROWSER "," TOOL("navigate") "],'messages':[" SAYS(
		"a") ",{'role':'assistant',"
		     "'content':[{'type':"
		     "'tool_use','id':'t',"
		     "'name':'navigate',"
		     "'toolset_name':"
		     "'browser','input':{}}]"
		     "},{'role':'user',"
		     "'content':[{'type':"
		     "'tool_result',"
		     "'tool_use_id':'t'}]}]"
		     "}",
	    &p);
	assert_holds(&s, "'function':{'name':'browser__navigate','arguments'");
	assert_holds(&s, "'name':'navigate','parameters'");
	assert_lacks(&s, "browser__zoom");
	assert_lacks(&s, "browser__hover");
	tool = reply_terms_tool(&s.out.terms, "browser__navigate", 17);
	assert_non_null(tool);
	assert_string_equal(tool->client, "navigate");
	assert_string_equal(tool->toolset, "browser");
	assert_null(reply_terms_tool(&s.out.terms, "navigate", 8)->toolset);
	sent_clear(&s);
	body_refused(WITH("{'type':'browser_toolset_20260801','configs':{"
			  "'fly':{}}}"),
	    "configs.fly: Extra inputs are not permitted");
}

static void
a_computer_needs_its_size(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_refused(WITH("{'type':'computer_20251124','name':'computer',"
			  "'display_width_px':0,'display_height_px':9}"),
	    "tools.0.computer.display_width_px");
	body_holds(WITH("{'type':'computer_20251124','name':'computer',"
			"'display_width_px':800,'display_height_px':600,"
			"'enable_zoom':true}"),
	    &p, "800 pixels wide and 600 pixels high");
}

static void
the_choice_is_said_as_the_upstream_takes_it(void **state)
{
	struct profile p = plain_profile();

#define TWO TOOL("a") "," TOOL("b")
	(void)state;
	body_lacks(WITH(TWO), &p, "tool_choice");
	body_holds(CHOICE(TWO, "'type':'auto'"), &p, "'tool_choice':'auto'");
	body_holds(CHOICE(TWO, "'type':'any'"), &p, "'tool_choice':'required'");
	body_holds(CHOICE(TWO, "'type':'none'"), &p, "'tool_choice':'none'");
	body_holds(CHOICE(TWO, "'type':'tool','name':'b'"), &p,
	    "'tool_choice':{'type':'function','function':{'name':'b'}}");
	body_refused(CHOICE(TWO, "'type':'tool','name':'c'"),
	    "tool_choice.tool.name: Tool 'c' not found in provided tools");
	p.tool_choice = CHOICE_FORM_ANY;
	body_holds(CHOICE(TWO, "'type':'any'"), &p, "'tool_choice':'any'");
	body_holds(
	    CHOICE(TWO, "'type':'tool','name':'b'"), &p, "'tool_choice':'any'");
	are_offered(CHOICE(TWO, "'type':'tool','name':'b'"), &p, "b ");
	p.tool_choice = CHOICE_FORM_AUTO_ONLY;
	body_holds(CHOICE(TWO, "'type':'tool','name':'b'"), &p,
	    "'tool_choice':'auto'");
	are_offered(CHOICE(TWO, "'type':'tool','name':'b'"), &p, "b ");
	are_offered(CHOICE(TWO, "'type':'none'"), &p, "");
}

static void
one_call_only_is_passed_on_and_noted(void **state)
{
	struct profile p = plain_profile();
	struct sent s;

#define ONE CHOICE(TOOL("a"), "'type':'auto','disable_parallel_tool_use':true")
	(void)state;
	body_holds(ONE, &p, "'parallel_tool_calls':false");
	p.parallel_tool_calls = PARALLEL_DROP;
	send_with(&s, ONE, &p);
	assert_lacks(&s, "parallel_tool_calls");
	assert_true(s.out.terms.one_call_only);
	sent_clear(&s);
}

static void
examples_join_the_description(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(WITH("{'name':'a','description':'Does \\u00e9.'," SCHEMA
			",'input_examples':[{'x':1},{}]}"),
	    &p,
	    "'description':'Does \\u00e9.\\n\\nExamples:\\n{\\'x\\':1}\\n{}'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definitions_are_checked),
		cmocka_unit_test(names_of_tools_are_bounded),
		cmocka_unit_test(deferred_tools_wait_for_a_reference),
		cmocka_unit_test(tool_choice_loads_what_it_names),
		cmocka_unit_test(the_placeholder_is_never_offered),
		cmocka_unit_test(additions_and_removals_count_in_order),
		cmocka_unit_test(tools_for_sandboxed_code_alone_are_left_out),
		cmocka_unit_test(server_tools_are_dropped_beside_others_only),
		cmocka_unit_test(a_tool_search_loads_all_that_is_deferred),
		cmocka_unit_test(some_upstreams_search_by_themselves),
		cmocka_unit_test(
		    too_many_tools_are_refused_or_the_oldest_loaded_left_out),
		cmocka_unit_test(names_that_become_the_same_are_told_apart),
		cmocka_unit_test(built_in_tools_stay_what_they_were),
		cmocka_unit_test(a_toolset_is_a_function_for_each_member),
		cmocka_unit_test(a_computer_needs_its_size),
		cmocka_unit_test(the_choice_is_said_as_the_upstream_takes_it),
		cmocka_unit_test(one_call_only_is_passed_on_and_noted),
		cmocka_unit_test(examples_join_the_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
