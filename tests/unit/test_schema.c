/* SPDX-License-Identifier: MIT */
#include "translate/request/schema.h"

#include "translated.h"

static bool
strict(const char *text)
{
	char *json = quoted(text);
	struct json_doc doc;
	bool is;

	assert_int_equal(json_parse(&doc, json, strlen(json), NULL, NULL), 0);
	is = schema_is_strict(doc.root);
	json_doc_clear(&doc);
	free(json);
	return is;
}

static void
prints(int mode, const char *text, const char *expected)
{
	char *json = quoted(text), *want = quoted(expected);
	struct json_doc doc;
	struct buf out;

	assert_int_equal(json_parse(&doc, json, strlen(json), NULL, NULL), 0);
	buf_init(&out, 1 << 20);
	if (schema_print(&doc, doc.root, mode, &out)) {
		assert_string_equal(buf_str(&out), want);
		assert_int_equal(json_check(out.data, out.len, '{', NULL), 0);
	} else {
		assert_string_equal("", want);
	}
	buf_clear(&out);
	json_doc_clear(&doc);
	free(json);
	free(want);
}

#define CLOSED(properties, required)                                           \
	"{'type':'object','properties':{" properties "},'required':[" required \
	"],'additionalProperties':false}"

static void
strict_means_closed_and_fully_required(void **state)
{
	(void)state;
	assert_true(strict(CLOSED("", "")));
	assert_true(strict(CLOSED("'a':{'type':'string'}", "'a'")));
	assert_true(strict(
	    CLOSED("'a':{'type':'string'},'b':{'enum':[1]}", "'b','a'")));
	assert_false(strict(CLOSED("'a':{'type':'string'}", "")));
	assert_false(strict(CLOSED("'a':{'type':'string'}", "'a','b'")));
	assert_false(strict("{'type':'object','properties':{}}"));
	assert_false(strict("{'type':'string'}"));
	assert_false(strict("{'anyOf':[{'type':'object'}]}"));
}

static void
strict_looks_into_every_corner(void **state)
{
	(void)state;
	assert_true(strict(
	    CLOSED("'a':{'type':'array','items':" CLOSED("", "") "}", "'a'")));
	assert_false(strict(CLOSED("'a':{'type':'array','items':{'type':"
				   "'object'}}",
	    "'a'")));
	assert_false(strict(CLOSED(
	    "'a':{'anyOf':[{'type':'object'},{'type':'null'}]}", "'a'")));
	assert_false(strict(CLOSED("'a':{}", "'a'")));
	assert_false(strict(CLOSED("'a':{'allOf':[]}", "'a'")));
	assert_false(strict(CLOSED("'a':{'type':['object','null']}", "'a'")));
	assert_false(strict("{'type':'object','properties':[1],'required':[],"
			    "'additionalProperties':false}"));
	assert_true(
	    strict(CLOSED("'if':{'type':'string'},'allOf':{'type':'string'}",
		"'if','allOf'")));
}

static void
a_passed_schema_keeps_every_byte(void **state)
{
	(void)state;
	prints(SCHEMA_PASS,
	    "{ 'type':'object','properties':{'z':{'const':1.0}},'x':1,'x':2}",
	    "{ 'type':'object','properties':{'z':{'const':1.0}},'x':1,'x':2}");
	prints(SCHEMA_AUTO, "{'type':'object','properties':{}}",
	    "{'type':'object','properties':{}}");
}

static void
an_object_without_properties_gets_them(void **state)
{
	(void)state;
	prints(SCHEMA_PASS, "{'type':'object'}",
	    "{'type':'object','properties':{}}");
	prints(SCHEMA_PASS, "{'type':'object','title':'T' }",
	    "{'type':'object','title':'T' ,'properties':{}}");
}

static void
gemini_gets_what_it_knows(void **state)
{
	(void)state;
	prints(SCHEMA_GEMINI,
	    "{'$schema':'x','type':'object','additionalProperties':false,"
	    "'properties':{'$schema':{'type':'string','format':'uri'},"
	    "'n':{'type':['integer','null'],'exclusiveMinimum':0,'minimum':1},"
	    "'e':{'enum':[1,2]},'w':{'enum':['a']},'c':{'const':'k'},"
	    "'d':{'type':'string','format':'date-time'},"
	    "'o':{'oneOf':[{'type':'string'},{'type':'number'}]}},"
	    "'required':['n']}",
	    "{'type':'object','properties':{'$schema':{'type':'string'},"
	    "'n':{'type':'integer','nullable':true,'minimum':1},'e':{},"
	    "'w':{'type':'string','enum':['a']},"
	    "'c':{'type':'string','enum':['k']},"
	    "'d':{'type':'string','format':'date-time'},"
	    "'o':{'anyOf':[{'type':'string'},{'type':'number'}]}},"
	    "'required':['n']}");
	prints(SCHEMA_GEMINI, "{'type':'object','properties':{}}", "");
	prints(SCHEMA_GEMINI, "{'type':'object'}", "");
}

static void
gemini_gets_references_written_out(void **state)
{
	(void)state;
	prints(SCHEMA_GEMINI,
	    "{'type':'object','properties':{'a':{'$ref':'#/$defs/A'},'b':{"
	    "'$ref':'http://x'}},'$defs':{'A':{'type':'string'}}}",
	    "{'type':'object','properties':{'a':{'type':'string'},'b':{'type':"
	    "'object'}}}");
}

static void
a_schema_that_contains_itself_ends(void **state)
{
	char *json = quoted(
	    "{'type':'object','properties':{'a':{'$ref':'#/$defs/A'}},'$defs':{"
	    "'A':{'type':'object','properties':{'x':{'$ref':'#/$defs/A'},'y':{"
	    "'$ref':'#/$defs/A'}}}}}");
	struct json_doc doc;
	struct buf out;

	(void)state;
	assert_int_equal(json_parse(&doc, json, strlen(json), NULL, NULL), 0);
	buf_init(&out, 64 << 20);
	assert_true(schema_print(&doc, doc.root, SCHEMA_GEMINI, &out));
	assert_false(out.failed);
	assert_true(out.len < 1 << 20);
	assert_int_equal(json_check(out.data, out.len, '{', NULL), 0);
	buf_clear(&out);
	json_doc_clear(&doc);
	free(json);
}

static void
kimi_gets_no_tuples_and_no_type_beside_any_of(void **state)
{
	(void)state;
	prints(SCHEMA_KIMI,
	    "{'$schema':'x','type':'object','properties':{'t':{'type':'array',"
	    "'items':[{'type':'string'},{'type':'number'}]},'u':{'type':"
	    "'string','anyOf':[{'minLength':1},{'type':'null'}]},'$schema':{"
	    "'type':'string'}}}",
	    "{'type':'object','properties':{'t':{'type':'array','items':{"
	    "'anyOf':[{'type':'string'},{'type':'number'}]}},'u':{'anyOf':[{"
	    "'type':'string','minLength':1},{'type':'null'}]},'$schema':{"
	    "'type':'string'}}}");
}

static void
odd_shapes_harm_nobody(void **state)
{
	static const char *const odd[] = {
		"{'type':'object','properties':[1,{}]}",
		"{'type':'object','properties':{'a':true,'b':[],'c':7}}",
		("{'type':'object','properties':{'a':{'items':7,'anyOf':{},"
		 "'enum':{},'type':{},'$ref':7}},'$defs':[]}"),
		"{'type':'object','properties':{'a':{'$ref':'#/$defs/'}}}",
	};
	char *json;
	struct json_doc doc;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		for (int mode = SCHEMA_AUTO; mode <= SCHEMA_KIMI; mode++) {
			json = quoted(odd[i]);
			assert_int_equal(
			    json_parse(&doc, json, strlen(json), NULL, NULL),
			    0);
			buf_init(&out, 1 << 20);
			assert_true(schema_print(&doc, doc.root, mode, &out));
			assert_int_equal(
			    json_check(out.data, out.len, '{', NULL), 0);
			assert_false(schema_is_strict(doc.root));
			buf_clear(&out);
			json_doc_clear(&doc);
			free(json);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_means_closed_and_fully_required),
		cmocka_unit_test(strict_looks_into_every_corner),
		cmocka_unit_test(a_passed_schema_keeps_every_byte),
		cmocka_unit_test(an_object_without_properties_gets_them),
		cmocka_unit_test(gemini_gets_what_it_knows),
		cmocka_unit_test(gemini_gets_references_written_out),
		cmocka_unit_test(a_schema_that_contains_itself_ends),
		cmocka_unit_test(kimi_gets_no_tuples_and_no_type_beside_any_of),
		cmocka_unit_test(odd_shapes_harm_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
