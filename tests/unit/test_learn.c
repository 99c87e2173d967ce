/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "translate/dialect/dialect.h"
#include "translate/dialect/learn.h"
#include "wire/buf.h"

/* As a translation builds it: numbers and schemas are raw text. */
static cJSON *
built(const cJSON *from)
{
	const char *key = from->string != NULL ? from->string : "";
	const cJSON *child;
	cJSON *to;
	char *text;

	if (cJSON_IsNumber(from) || strcmp(key, "parameters") == 0 ||
	    strcmp(key, "schema") == 0) {
		text = cJSON_PrintUnformatted(from);
		to = cJSON_CreateRaw(text);
		free(text);
		return to;
	}
	to = cJSON_Duplicate(from, 0);
	cJSON_ArrayForEach(child, from) {
		if (cJSON_IsObject(from))
			cJSON_AddItemToObject(to, child->string, built(child));
		else
			cJSON_AddItemToArray(to, built(child));
	}
	return to;
}

static cJSON *
build(const char *text)
{
	cJSON *parsed = cJSON_Parse(text), *body;

	if (parsed == NULL)
		fail_msg("no JSON: %s", text);
	body = built(parsed);
	cJSON_Delete(parsed);
	return body;
}

/* Quotes in the tables below are single ones. */
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

/* All that one refusal teaches of a request, one after the other. */
static void
learn_all(int status, const char *refusal, cJSON *sent, char *out, size_t cap)
{
	struct lesson lesson;
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < 10; i++) {
		if (i == 0 ? !learn_from_refusal(status, refusal,
				 strlen(refusal), sent, &lesson)
			   : !learn_more_from_refusal(
				 refusal, strlen(refusal), sent, &lesson))
			return;
		if (at > 0)
			out[at++] = ';';
		learn_print(&lesson, out + at, cap - at);
		at += strlen(out + at);
		if (!learn_mend(&lesson, sent) ||
		    (lesson.kind != LESSON_DROP &&
			lesson.kind != LESSON_SCHEMA_KEYWORD))
			return;
	}
	fail_msg("never ends: %s", out);
}

struct refusal_case {
	int status;
	const char *sent, *refusal, *lessons;
};

#define MESSAGES "'messages':[{'role':'user','content':'hi'}]"
#define TOOLS                                                                  \
	"'tools':[{'type':'function','function':{'name':'f','strict':true,"    \
	"'parameters':{'$schema':'x','type':'object','properties':{"           \
	"'pattern':{'type':'string','pattern':'a','exclusiveMinimum':0}}}}}]"

static void
run(const struct refusal_case *cases, size_t n)
{
	char lessons[400];

	for (size_t i = 0; i < n; i++) {
		char *sent_text = unquoted(cases[i].sent);
		char *refusal = unquoted(cases[i].refusal);
		cJSON *sent = build(sent_text);

		learn_all(
		    cases[i].status, refusal, sent, lessons, sizeof(lessons));
		if (strcmp(lessons, cases[i].lessons) != 0)
			fail_msg("%s\n\ttaught: %s\n\tnot: %s", refusal,
			    lessons, cases[i].lessons);
		cJSON_Delete(sent);
		free(refusal);
		free(sent_text);
	}
}

#define RUN(cases) run(cases, sizeof(cases) / sizeof(cases[0]))

static void
a_refused_max_tokens_field_is_renamed_or_lowered(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{'max_tokens':64000," MESSAGES "}",
		    "{'error':{'message':'Unsupported parameter: ~max_tokens~ "
		    "is not supported with this model. Use "
		    "~max_completion_tokens~ instead.','type':"
		    "'invalid_request_error','param':'max_tokens','code':"
		    "'unsupported_parameter'}}",
		    "use_max_completion_tokens" },
		{ 422, "{'max_completion_tokens':10," MESSAGES "}",
		    "{'detail':[{'type':'extra_forbidden','loc':['body',"
		    "'max_completion_tokens'],'msg':'Extra inputs are not "
		    "permitted','input':10}]}",
		    "use_max_tokens" },
		{ 400, "{'max_tokens':64000," MESSAGES "}",
		    "{'error':{'message':'max_tokens is too large: 64000. This "
		    "model supports at most 16384 completion tokens, whereas "
		    "you provided 64000.','param':'max_tokens','code':"
		    "'invalid_value'}}",
		    "lower_max_tokens 16384" },
		{ 400, "{'max_tokens':64," MESSAGES "}",
		    "{'error':{'message':'max_tokens is too large: 64000. This "
		    "model supports at most 16384 completion tokens, whereas "
		    "you provided 64000.','param':'max_tokens'}}",
		    "" },
		{ 400, "{'max_tokens':8192," MESSAGES "}",
		    "{'type':'urn:inference-service:problem-details:bad-"
		    "request','title':'Bad Request','status':400,'detail':"
		    "'[{\\'type\\':\\'less_than_equal\\',\\'loc\\':[\\'body\\',"
		    "\\'max_tokens\\'],\\'msg\\':\\'Input should be less than "
		    "or equal to 1024\\',\\'input\\':8192,\\'ctx\\':{\\'le\\':"
		    "1024}}]'}",
		    "lower_max_tokens 1024" },
		{ 400, "{'max_tokens':32000," MESSAGES "}",
		    "{'error':{'message':'<400> InternalError.Algo."
		    "InvalidParameter: Range of max_tokens should be [1, "
		    "8192]','code':'invalid_parameter_error'}}",
		    "lower_max_tokens 8192" },
		{ 400, "{'max_tokens':32000," MESSAGES "}",
		    "{'error':{'message':'Invalid max_tokens value, the valid "
		    "range of max_tokens is [1, 8192]'}}",
		    "lower_max_tokens 8192" },
		{ 400, "{'max_tokens':99999," MESSAGES "}",
		    "{'error':{'message':'`max_tokens` must be less than or "
		    "equal to `32768`, the maximum value for `max_tokens` is "
		    "less than the `context_window` for this model','type':"
		    "'invalid_request_error'}}",
		    "lower_max_tokens 32768" },
		{ 400, "{'max_tokens':100000," MESSAGES "}",
		    "[{'error':{'code':400,'message':'Unable to submit request "
		    "because it has a maxOutputTokens value of 100000 but the "
		    "supported range is from 1 (inclusive) to 65537 "
		    "(exclusive). Update the value and try again.','status':"
		    "'INVALID_ARGUMENT'}}]",
		    "lower_max_tokens 65536" },
		{ 400, "{'max_tokens':32000," MESSAGES "}",
		    "{'detail':'An error occurred (ValidationException) when "
		    "calling the Converse operation: The maximum tokens you "
		    "requested exceeds the model limit of 4096. Try again with "
		    "a maximum tokens value that is lower than 4096.'}",
		    "lower_max_tokens 4096" },
		/* the context window is the client's business */
		{ 400, "{'max_tokens':32000," MESSAGES "}",
		    "{'error':{'message':'This model~s maximum context length "
		    "is 100000 tokens. However, you requested 32000 output "
		    "tokens and your prompt contains 95000 input tokens, for a "
		    "total of 127000 tokens.','param':'max_tokens'}}",
		    "" },
	};

	(void)state;
	RUN(cases);
}

static void
a_refused_effort_is_weakened_and_not_forgotten(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{'reasoning_effort':'high'," TOOLS "," MESSAGES "}",
		    "{'error':{'message':'Function tools with reasoning_effort "
		    "are not supported for gpt-5.6-sol in /v1/chat/completions."
		    " To use function tools, use /v1/responses or set "
		    "reasoning_effort to ~none~.','param':'reasoning_effort'}}",
		    "effort_none" },
		{ 400, "{" TOOLS "," MESSAGES "}",
		    "{'error':{'message':'Function tools with reasoning_effort "
		    "are not supported for m in /v1/chat/completions. To use "
		    "function tools, use /v1/responses or set reasoning_effort "
		    "to ~none~.','param':'reasoning_effort'}}",
		    "effort_none" },
		{ 400, "{'reasoning_effort':'max'," MESSAGES "}",
		    "{'error':{'message':'Unsupported value: "
		    "~reasoning_effort~ does not support ~max~ with this "
		    "model. Supported values are: ~none~, ~low~, ~medium~, "
		    "~high~, and ~xhigh~.','param':'reasoning_effort','code':"
		    "'unsupported_value'}}",
		    "effort_words none,low,medium,high,xhigh" },
		{ 400, "{'reasoning_effort':'none'," MESSAGES "}",
		    "{'error':{'message':'Unsupported value: "
		    "~reasoning_effort~ does not support ~none~ with this "
		    "model. Supported values are: ~minimal~, ~low~, ~medium~, "
		    "and ~high~.','param':'reasoning_effort'}}",
		    "effort_words minimal,low,medium,high" },
		{ 422, "{'reasoning_effort':'xhigh'," MESSAGES "}",
		    "{'detail':[{'type':'literal_error','loc':['body',"
		    "'reasoning_effort'],'msg':'Input should be ~low~, "
		    "~medium~ or ~high~'}]}",
		    "effort_words low,medium,high" },
		{ 400, "{'reasoning_effort':'xhigh'," MESSAGES "}",
		    "{'error':{'message':'invalid reasoning value: ~xhigh~ "
		    "(must be \\'high\\', \\'medium\\', \\'low\\', or "
		    "\\'none\\')'}}",
		    "effort_words none,low,medium,high" },
		{ 400, "{'reasoning_effort':'max'," MESSAGES "}",
		    "{'error':{'message':'think value \\'max\\' is not "
		    "supported for this model'}}",
		    "effort_words none,low,medium,high" },
		{ 400, "{'reasoning_effort':'high'," MESSAGES "}",
		    "{'error':{'message':'\\'llama3:8b\\' does not support "
		    "thinking','type':'api_error'}}",
		    "drop reasoning_effort" },
		{ 400, "{'reasoning_effort':'high'," MESSAGES "}",
		    "{'error':{'message':'Unrecognized request argument "
		    "supplied: reasoning_effort','type':"
		    "'invalid_request_error'}}",
		    "drop reasoning_effort" },
		{ 400, "{'reasoning_effort':'high'," MESSAGES "}",
		    "{'code':'Client specified an invalid argument','error':"
		    "'Model grok-4 does not support parameter "
		    "reasoningEffort.'}",
		    "drop reasoning_effort" },
		{ 400, "{'reasoning_effort':'high'," MESSAGES "}",
		    "{'error':{'message':'`reasoning_effort` must be one of "
		    "`none` or `default`'}}",
		    "drop reasoning_effort" },
	};

	(void)state;
	RUN(cases);
}

#define HISTORY                                                                \
	"'messages':[{'role':'system','content':'s'},{'role':'user','content'" \
	":'a'},{'role':'assistant','content':null,'tool_calls':[{'id':"        \
	"'call_a031','type':'function','function':{'name':'f','arguments':"    \
	"'{}'}}]},{'role':'tool','tool_call_id':'call_a031','content':'r'},"   \
	"{'role':'user','content':'b'},{'role':'system','content':'x'}]"
#define PLAIN_HISTORY                                                          \
	"'messages':[{'role':'system','content':'s'},{'role':'user','content'" \
	":'a'}]"

static void
an_order_that_a_template_refuses_is_folded(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{" HISTORY "}",
		    "{'object':'error','message':'Unexpected role ~user~ after "
		    "role ~tool~','type':'invalid_request_message_order',"
		    "'param':null,'code':'3230'}",
		    "fold_user_after_tool" },
		{ 500, "{" HISTORY "}",
		    "{'error':{'code':500,'message':'System message must be at "
		    "the beginning. at row 85, column 32','type':"
		    "'server_error'}}",
		    "fold_system" },
		{ 400, "{" HISTORY "}",
		    "{'error':{'message':'After the optional system message, "
		    "conversation roles must alternate user/assistant/user/"
		    "assistant/...','type':'BadRequestError','code':400}}",
		    "fold_system" },
		{ 400,
		    "{'messages':[{'role':'user','content':'a'},{'role':'tool',"
		    "'content':'r'},{'role':'user','content':'b'}]}",
		    "{'error':{'message':'Conversation roles must alternate "
		    "user/assistant/user/assistant'}}",
		    "fold_user_after_tool" },
		{ 500, "{" PLAIN_HISTORY "}",
		    "{'error':{'message':'System message must be at the "
		    "beginning'}}",
		    "" },
		{ 400,
		    "{'messages':[{'role':'tool','content':'r'},{'role':'user',"
		    "'content':[{'type':'image_url','image_url':{'url':'x'}}]"
		    "}]}",
		    "{'message':'Unexpected role ~user~ after role ~tool~'}",
		    "" },
		{ 500, "{'temperature':1," MESSAGES "}",
		    "{'error':{'message':'temperature is not supported'}}",
		    "" },
	};

	(void)state;
	RUN(cases);
}

static void
what_must_come_back_comes_back(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{" HISTORY "}",
		    "{'error':{'message':'The reasoning_content in the "
		    "thinking mode must be passed back to the API.'}}",
		    "reasoning_content" },
		{ 400, "{" HISTORY "}",
		    "{'error':{'message':'Missing `reasoning_content` field in "
		    "the assistant message at message index 2.'}}",
		    "reasoning_content" },
		{ 400, "{" PLAIN_HISTORY "}",
		    "{'error':{'message':'Missing `reasoning_content` field in "
		    "the assistant message at message index 2.'}}",
		    "" },
		{ 400, "{" HISTORY "}",
		    "[{'error':{'code':400,'message':'Function call is missing "
		    "a thought_signature in functionCall parts.','status':"
		    "'INVALID_ARGUMENT'}}]",
		    "thought_signature" },
		{ 400, "{" HISTORY "}",
		    "{'object':'error','message':'Tool call id was call_a031 "
		    "but must be a-z, A-Z, 0-9, with a length of 9.','type':"
		    "'invalid_request_invalid_args','code':'3280'}",
		    "tool_ids mistral9" },
	};

	(void)state;
	RUN(cases);
}

static void
schemas_lose_the_keyword_that_is_named(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{" TOOLS "," MESSAGES "}",
		    "[{'error':{'code':400,'message':'Invalid JSON payload "
		    "received. Unknown name \\'exclusiveMinimum\\' at "
		    "~tools[0].function_declarations[0].parameters."
		    "properties[0].value~: Cannot find field.\\nInvalid JSON "
		    "payload received. Unknown name \\'$schema\\' at ~tools[0]."
		    "function_declarations[0].parameters~: Cannot find field."
		    "','status':'INVALID_ARGUMENT'}}]",
		    "schema_keyword exclusiveMinimum;schema_keyword $schema" },
		{ 400, "{" TOOLS "," MESSAGES "}",
		    "{'error':{'message':'Invalid schema for function ~f~: In "
		    "context=(~properties~, ~pattern~), ~pattern~ is not "
		    "permitted.','param':'tools[0].function.parameters','code':"
		    "'invalid_function_parameters'}}",
		    "schema_keyword pattern" },
		{ 400, "{" TOOLS "," MESSAGES "}",
		    "{'error':{'message':'Invalid schema: ~type~ is not "
		    "permitted'}}",
		    "" },
		{ 400, "{" TOOLS "," MESSAGES "}",
		    "{'error':{'message':'Tools with mixed values for ~strict~ "
		    "are not allowed. Please set all tools to ~strict: true~ "
		    "or ~strict: false~'}}",
		    "drop_strict tools" },
		{ 422, "{" TOOLS "," MESSAGES "}",
		    "{'detail':[{'type':'extra_forbidden','loc':['body',"
		    "'tools',0,'function','strict'],'msg':'Extra inputs are "
		    "not permitted','input':true}]}",
		    "drop_strict tools" },
	};

	(void)state;
	RUN(cases);
}

static void
a_key_that_is_refused_is_left_out(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400, "{'temperature':0.2,'top_p':1," MESSAGES "}",
		    "{'error':{'message':'Unsupported value: ~temperature~ "
		    "does not support 0.2 with this model. Only the default "
		    "(1) value is supported.','type':'invalid_request_error',"
		    "'param':'temperature','code':'unsupported_value'}}",
		    "drop temperature" },
		{ 422,
		    "{'user':'u','stream_options':{'include_usage':true},"
		    "'stream':true," MESSAGES "}",
		    "{'object':'error','message':{'detail':[{'type':"
		    "'extra_forbidden','loc':['body','user'],'msg':'Extra "
		    "inputs are not permitted','input':'u'},{'type':"
		    "'extra_forbidden','loc':['body','stream_options'],'msg':"
		    "'Extra inputs are not permitted','input':{}}]},'type':"
		    "'invalid_request_invalid_args','param':null,'code':null}",
		    "drop user;drop stream_options" },
		{ 400, "{'parallel_tool_calls':false," TOOLS "," MESSAGES "}",
		    "[{'error':{'code':400,'message':'Invalid JSON payload "
		    "received. Unknown name \\'parallel_tool_calls\\': Cannot "
		    "find field.','status':'INVALID_ARGUMENT','details':["
		    "{'@type':'type.googleapis.com/google.rpc.BadRequest',"
		    "'fieldViolations':[{'description':'Invalid JSON payload "
		    "received.'}]}]}}]",
		    "drop parallel_tool_calls" },
		{ 400, "{'logprobs':true," MESSAGES "}",
		    "{'error':{'message':'property ~logprobs~ is unsupported',"
		    "'type':'invalid_request_error'}}",
		    "drop logprobs" },
		{ 400, "{'stop':['a']," MESSAGES "}",
		    "{'code':'Client specified an invalid argument','error':"
		    "'Argument not supported on this model: stop'}",
		    "drop stop" },
		{ 400, "{'stop':['a']," MESSAGES "}",
		    "{'error':{'message':'We cannot stop here, only there'}}",
		    "" },
		{ 400, "{'stream_options':{},'stream':true," MESSAGES "}",
		    "{'object':'error','message':'Stream options can only be "
		    "defined when `stream=True`.','code':400}",
		    "drop stream_options" },
		{ 400, "{'temperature':1,'top_p':0.9," MESSAGES "}",
		    "{'detail':'An error occurred (ValidationException) when "
		    "calling the Converse operation: The model returned the "
		    "following errors: `temperature` and `top_p` cannot both "
		    "be specified for this model. Please use only one.'}",
		    "drop top_p" },
		{ 400, "{'temperature':0.5," MESSAGES "}",
		    "{'error':{'message':'invalid temperature: only 1 is "
		    "allowed for this model','type':'invalid_request_error'}}",
		    "drop temperature" },
		{ 400, "{'top_k':5," MESSAGES "}",
		    "{'error':{'message':'Unrecognized request argument "
		    "supplied: top_k','type':'invalid_request_error'}}",
		    "drop top_k" },
		{ 400, "{'prompt_cache_key':'k'," MESSAGES "}",
		    "{'message':'property ~prompt_cache_key~ is unsupported',"
		    "'type':'invalid_request_error','param':"
		    "'prompt_cache_key','code':'wrong_api_format'}",
		    "drop prompt_cache_key" },
		{ 400, "{'top_k':5," MESSAGES "}",
		    "{'error':{'message':'[{~type~: ~extra_forbidden~, ~loc~: "
		    "(~body~, ~top_k~), ~msg~: ~Extra inputs are not "
		    "permitted~, ~input~: 5}]','type':'Bad Request','param':"
		    "null,'code':400}}",
		    "drop top_k" },
		{ 400,
		    "{'messages':[{'role':'user','content':[{'type':'text',"
		    "'text':'a','cache_control':{'type':'ephemeral'}}]}]}",
		    "{'error':{'message':'messages.0.content.0.text."
		    "cache_control: Extra inputs are not permitted'}}",
		    "drop *.cache_control" },
		{ 422,
		    "{'messages':[{'role':'user','content':'a'},{'role':"
		    "'assistant','content':'b','reasoning_content':'c'}]}",
		    "{'detail':[{'type':'extra_forbidden','loc':['body',"
		    "'messages',1,'assistant','reasoning_content'],'msg':"
		    "'Extra inputs are not permitted'}]}",
		    "drop *.reasoning_content" },
		{ 400,
		    "{'messages':[{'role':'assistant','content':'b',"
		    "'reasoning_content':'c'}]}",
		    "{'error':{'message':'The reasoning_content is an "
		    "intermediate result for display purposes only. Please "
		    "remove the reasoning_content from your message to reduce "
		    "network traffic.'}}",
		    "drop *.reasoning_content" },
		/* nothing of it was sent, or it is the request itself */
		{ 400, "{" MESSAGES "}",
		    "{'error':{'message':'Unrecognized request argument "
		    "supplied: top_k'}}",
		    "" },
		{ 400, "{'temperature':1," MESSAGES "}",
		    "{'error':{'message':'Invalid value: ~wizard~. Supported "
		    "values are: ~system~ and ~user~.','param':"
		    "'messages[0].role','code':'invalid_value'}}",
		    "" },
		{ 404, "{'temperature':1," MESSAGES "}",
		    "{'error':{'message':'temperature is not supported'}}",
		    "" },
		{ 200, "{'temperature':1," MESSAGES "}",
		    "{'error':{'message':'temperature is not supported','code':"
		    "400}}",
		    "drop temperature" },
		{ 400, "{'temperature':1," MESSAGES "}", "", "" },
		{ 400, "{'temperature':1," MESSAGES "}", "<html>no</html>",
		    "" },
	};

	(void)state;
	RUN(cases);
}

static void
all_keys_that_are_named_go_at_once_but_none_by_guess(void **state)
{
	static const struct refusal_case cases[] = {
		{ 422, "{'user':'u','service_tier':'default'," MESSAGES "}",
		    "{'detail':[{'type':'extra_forbidden','loc':['body',"
		    "'user'],'msg':'Extra inputs are not permitted'},{'type':"
		    "'extra_forbidden','loc':['body','service_tier'],'msg':"
		    "'Extra inputs are not permitted'}]}",
		    "drop user;drop service_tier" },
		{ 400, "{'temperature':1,'top_p':1," MESSAGES "}",
		    "{'error':{'message':'Unsupported parameter: ~temperature~ "
		    "is not supported with this model; only top_p is',"
		    "'param':'temperature'}}",
		    "drop temperature" },
		{ 400,
		    "{'response_format':{'type':'json_schema'}," MESSAGES "}",
		    "{'error':{'message':'This response_format type is "
		    "unavailable now'}}",
		    "response_format json_object" },
	};

	(void)state;
	RUN(cases);
}

static void
stop_sequences_that_are_refused_are_looked_for_here(void **state)
{
	char text[] = "{\"stop\":[\"x\"],\"n\":2}";
	struct lesson lesson;
	struct profile p;
	cJSON *body = build(text);

	(void)state;
	profile_defaults(&p);
	p.stop_mode = STOP_UPSTREAM;
	assert_int_equal(learn_parse("drop stop", &lesson), 0);
	learn_apply(&lesson, &p);
	assert_int_equal(p.stop_mode, STOP_LOCAL);
	/* The terms of the reply change too: it is translated again. */
	assert_false(learn_mend(&lesson, body));
	assert_true(learn_mend(&lesson, body));
	cJSON_Delete(body);
}

static void
a_form_that_is_refused_gives_way_to_a_simpler_one(void **state)
{
	static const struct refusal_case cases[] = {
		{ 400,
		    "{'response_format':{'type':'json_schema','json_schema':"
		    "{'name':'output','schema':{}}}," MESSAGES "}",
		    "{'error':{'message':'This response_format type is "
		    "unavailable now','type':'invalid_request_error'}}",
		    "response_format json_object" },
		{ 400,
		    "{'response_format':{'type':'json_schema','json_schema':"
		    "{'name':'output','schema':{}}}," TOOLS "," MESSAGES "}",
		    "{'error':{'message':'json mode cannot be combined with "
		    "tool/function calling'}}",
		    "response_format none" },
		{ 400,
		    "{'response_format':{'type':'json_schema','json_schema':"
		    "{'name':'output','strict':true,'schema':{}}}," MESSAGES
		    "}",
		    "{'error':{'message':'Invalid schema for response_format "
		    "~output~: In context=(), ~required~ is required to be "
		    "supplied','param':'response_format'}}",
		    "drop_strict response_format" },
		{ 400, "{'tool_choice':'required'," TOOLS "," MESSAGES "}",
		    "{'error':{'message':'tool_choice ~required~ is "
		    "incompatible with thinking enabled'}}",
		    "tool_choice auto_only" },
		{ 400, "{'tool_choice':'auto'," TOOLS "," MESSAGES "}",
		    "{'error':{'message':'tool_choice is not supported'}}",
		    "" },
		{ 400, "{'tool_choice':'auto'," TOOLS "," MESSAGES "}",
		    "{'error':{'message':'\\'auto\\' tool choice requires "
		    "--enable-auto-tool-choice and --tool-call-parser to be "
		    "set'}}",
		    "" },
	};

	(void)state;
	RUN(cases);
}

static void
expect_body(cJSON *body, const char *expected)
{
	char *want = unquoted(expected);
	struct buf out;

	buf_init(&out, 100000);
	assert_int_equal(json_print(body, &out), 0);
	assert_string_equal(buf_str(&out), want);
	buf_clear(&out);
	free(want);
}

static void
a_request_is_mended_in_place(void **state)
{
	static const struct {
		const char *lesson, *before, *after;
	} cases[] = {
		{ "use_max_completion_tokens", "{'max_tokens':5}",
		    "{'max_completion_tokens':5}" },
		{ "lower_max_tokens 7", "{'max_tokens':50,'a':1}",
		    "{'max_tokens':7,'a':1}" },
		{ "lower_max_tokens 7", "{'max_tokens':5}",
		    "{'max_tokens':5}" },
		{ "effort_none", "{'reasoning_effort':'high','tools':[]}",
		    "{'reasoning_effort':'none','tools':[]}" },
		{ "effort_words low,high", "{'reasoning_effort':'medium'}",
		    "{'reasoning_effort':'low'}" },
		{ "effort_words low,high", "{'reasoning_effort':'none'}",
		    "{'reasoning_effort':'low'}" },
		{ "effort_words low,high", "{'reasoning':{'effort':'max'}}",
		    "{'reasoning':{'effort':'high'}}" },
		{ "drop top_p", "{'top_p':1,'a':2}", "{'a':2}" },
		/* thinking must leave room for the answer */
		{ "lower_max_tokens 8192",
		    "{'max_tokens':32000,'reasoning':{'max_tokens':31999}}",
		    "{'max_tokens':8192,'reasoning':{'max_tokens':6553}}" },
		{ "lower_max_tokens 1000",
		    "{'max_tokens':32000,'reasoning':{'max_tokens':31999}}",
		    "{'max_tokens':1000,'reasoning':{'effort':'low'}}" },
		{ "lower_max_tokens 8192",
		    "{'max_tokens':32000,'thinking_token_budget':16000}",
		    "{'max_tokens':8192,'thinking_token_budget':6553}" },
		{ "lower_max_tokens 8192",
		    "{'max_tokens':32000,'reasoning':{'max_tokens':4000}}",
		    "{'max_tokens':8192,'reasoning':{'max_tokens':4000}}" },
		{ "drop_strict tools",
		    "{'tools':[{'function':{'name':'f','strict':true}}]}",
		    "{'tools':[{'function':{'name':'f'}}]}" },
		{ "schema_keyword pattern",
		    "{'tools':[{'function':{'parameters':{'properties':{"
		    "'pattern':{'pattern':'x','n':1.0}},'enum':['pattern']}"
		    "}}]}",
		    "{'tools':[{'function':{'parameters':{'properties':{"
		    "'pattern':{'n':1}},'enum':['pattern']}}}]}" },
		{ "drop *.reasoning",
		    "{'reasoning':{},'messages':[{'reasoning':'x'}]}",
		    "{'reasoning':{},'messages':[{}]}" },
		{ "tool_choice auto_only", "{'tool_choice':'required'}", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = unquoted(cases[i].before);
		cJSON *body = build(text);
		struct lesson lesson;

		assert_int_equal(learn_parse(cases[i].lesson, &lesson), 0);
		assert_true(learn_mend(&lesson, body));
		expect_body(body, cases[i].after);
		assert_true(learn_mend(&lesson, body));
		expect_body(body, cases[i].after);
		cJSON_Delete(body);
		free(text);
	}
}

static void
a_lesson_survives_as_a_line(void **state)
{
	static const char *const good[] = { "use_max_completion_tokens",
		"use_max_tokens", "lower_max_tokens 16384", "effort_none",
		"effort_words low,high", "fold_system", "fold_user_after_tool",
		"drop top_p", "drop *.cache_control", "drop_strict tools",
		"schema_keyword $schema", "reasoning_content",
		"thought_signature", "tool_ids hash40", "tool_choice any",
		"response_format none" };
	static const char *const bad[] = { "", "none", "drop", "drop ",
		"drop a b", "lower_max_tokens", "lower_max_tokens x",
		"lower_max_tokens -1", "lower_max_tokens 5x", "fold_system x",
		"tool_ids long", "frobnicate 1", "drop_strict",
		"drop 0123456789012345678901234567890123456789" };
	struct lesson lesson;
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(learn_parse(good[i], &lesson), 0);
		learn_print(&lesson, line, sizeof(line));
		assert_string_equal(line, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(learn_parse(bad[i], &lesson), -1);
}

static void
a_profile_is_bent_to_its_lessons(void **state)
{
	static const char *const lines[] = { "use_max_completion_tokens",
		"lower_max_tokens 9", "effort_words low,high", "fold_system",
		"fold_user_after_tool", "drop store", "drop stream_options",
		"drop parallel_tool_calls", "drop *.cache_control",
		"drop *.reasoning_content", "schema_keyword pattern",
		"drop_strict tools", "tool_ids hash40", "tool_choice any",
		"response_format json_object", "thought_signature" };
	struct profile p;
	struct lesson lesson;

	(void)state;
	profile_defaults(&p);
	dialect_resolve(&p, "127.0.0.1", "m", &p);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(learn_parse(lines[i], &lesson), 0);
		learn_apply(&lesson, &p);
	}
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_NEW);
	assert_int_equal(p.max_tokens_limit, 9);
	assert_string_equal(p.max_effort, "high");
	assert_string_equal(p.off_effort, "low");
	assert_int_equal(p.inline_system, INLINE_FOLD);
	assert_int_equal(p.user_after_tool, USER_AFTER_TOOL_FOLD);
	assert_int_equal(p.include_usage, USAGE_FALSE);
	assert_int_equal(p.parallel_tool_calls, PARALLEL_DROP);
	assert_int_equal(p.cache_hints, HINTS_NONE);
	assert_int_equal(p.reasoning_history, HISTORY_NONE);
	assert_int_equal(p.strict_tools, STRICT_NEVER);
	assert_int_equal(p.strict_schema, STRICT_AUTO);
	assert_int_equal(p.tool_id_mode, TOOL_ID_HASH40);
	assert_int_equal(p.tool_choice, CHOICE_FORM_ANY);
	assert_int_equal(p.response_format, FORMAT_JSON_OBJECT);
	assert_true(p.is_gemini);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_refused_max_tokens_field_is_renamed_or_lowered),
		cmocka_unit_test(
		    a_refused_effort_is_weakened_and_not_forgotten),
		cmocka_unit_test(an_order_that_a_template_refuses_is_folded),
		cmocka_unit_test(what_must_come_back_comes_back),
		cmocka_unit_test(schemas_lose_the_keyword_that_is_named),
		cmocka_unit_test(a_key_that_is_refused_is_left_out),
		cmocka_unit_test(
		    all_keys_that_are_named_go_at_once_but_none_by_guess),
		cmocka_unit_test(
		    stop_sequences_that_are_refused_are_looked_for_here),
		cmocka_unit_test(
		    a_form_that_is_refused_gives_way_to_a_simpler_one),
		cmocka_unit_test(a_request_is_mended_in_place),
		cmocka_unit_test(a_lesson_survives_as_a_line),
		cmocka_unit_test(a_profile_is_bent_to_its_lessons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
