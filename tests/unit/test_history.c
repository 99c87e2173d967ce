/* SPDX-License-Identifier: MIT */
#include "translate/request/history.h"

#include "translated.h"

/* A signature of ours, out of an envelope's members. */
static char *
signature(const struct envelope *e)
{
	struct buf out;
	char *text;

	buf_init(&out, 1 << 20);
	envelope_print(e, &out);
	text = buf_take(&out, NULL);
	assert_non_null(text);
	return text;
}

/* Sends a conversation whose answer thought; `blocks` holds two %s at most,
 * both get the signature. */
static void
send_thought(struct sent *s, const struct envelope *e, const char *blocks,
    const struct profile *p)
{
	char *mark = signature(e);
	struct buf body;

	buf_init(&body, 1 << 22);
	buf_add_str(&body,
	    HEAD "'tools':[{'name':'f','input_schema':{'type':'object',"
		 "'properties':{}}}],'messages':[" SAYS("a") ",{'role':"
							     "'assistant',"
							     "'content':[");
	for (const char *at = blocks; *at != '\0'; at++)
		if (*at == '$')
			buf_add_str(&body, mark);
		else
			buf_add_char(&body, *at);
	buf_add_str(&body, "]},");
	if (strstr(blocks, "tool_use") != NULL)
		buf_add_str(&body, "{'role':'user','content':[{'type':"
				   "'tool_result','tool_use_id':'t1'},{"
				   "'type':'tool_result','tool_use_id':'t2'}]}"
				   "]}");
	else
		buf_add_str(&body, SAYS("b") "]}");
	send_with(s, buf_str(&body), p);
	buf_clear(&body);
	free(mark);
}

#define THOUGHT "{'type':'thinking','thinking':'deep','signature':'$'}"
#define HIDDEN	"{'type':'thinking','thinking':'','signature':'$'}"
#define CLOSED	"{'type':'redacted_thinking','data':'$'}"
#define TEXT	"{'type':'text','text':'so'}"
#define CALLS                                                                  \
	"{'type':'tool_use','id':'t1','name':'f','input':{}},{'type':"         \
	"'tool_use','id':'t2','name':'f','input':{}}"
#define FOREIGN "{'type':'thinking','thinking':'alien','signature':'EqQB'}"

static void
holds(const struct envelope *e, const char *blocks, const struct profile *p,
    const char *part)
{
	struct sent s;

	send_thought(&s, e, blocks, p);
	assert_holds(&s, part);
	sent_clear(&s);
}

static void
lacks(const struct envelope *e, const char *blocks, const struct profile *p,
    const char *part)
{
	struct sent s;

	send_thought(&s, e, blocks, p);
	assert_lacks(&s, part);
	sent_clear(&s);
}

static void
thinking_goes_back_in_the_field_it_came_in(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING_CONTENT };

	(void)state;
	holds(&e, THOUGHT "," TEXT, &p,
	    "{'role':'assistant','content':'so','reasoning_content':'deep'}");
	e.form = FORM_REASONING;
	holds(&e, THOUGHT "," TEXT, &p, "'content':'so','reasoning':'deep'}");
	e.form = FORM_REASONING_TEXT;
	e.opaque = strdup("\"b3Bh\"");
	holds(&e, THOUGHT "," TEXT, &p,
	    "'reasoning_text':'deep','reasoning_opaque':'b3Bh'}");
	free(e.opaque);
	e = (struct envelope){ .form = FORM_THINK_TAGS };
	holds(&e, THOUGHT "," TEXT, &p,
	    "'content':'<think>\\ndeep\\n</think>\\n\\nso'");
	e = (struct envelope){ .form = FORM_NONE };
	lacks(&e, THOUGHT "," TEXT, &p, "deep");
}

static void
what_the_client_was_not_shown_is_in_the_envelope(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING_CONTENT,
		.text = strdup("se\"cret"),
		.text_len = 7 };

	(void)state;
	holds(&e, HIDDEN "," TEXT, &p, "'reasoning_content':'se\\'cret'");
	holds(&e, CLOSED "," TEXT, &p, "'reasoning_content':'se\\'cret'");
	/* What the client holds itself is what counts. */
	holds(&e, THOUGHT "," TEXT, &p, "'reasoning_content':'deep'");
	free(e.text);
}

static void
details_go_back_byte_for_byte(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING_DETAILS };

	(void)state;
	e.details = strdup("[{\"type\":\"reasoning.text\",\"index\":1.0},"
			   "{\"data\":\"x\"}]");
	holds(&e, THOUGHT "," TEXT, &p,
	    "'content':'so','reasoning_details':[{'type':'reasoning.text',"
	    "'index':1.0},{'data':'x'}]}");
	/* The same block twice in a turn is one thought. */
	holds(&e, THOUGHT "," CLOSED "," TEXT, &p,
	    "'reasoning_details':[{'type':'reasoning.text','index':1.0},{"
	    "'data':'x'}]}");
	p.reasoning_history = HISTORY_DETAILS;
	holds(&e, CLOSED "," CALLS, &p,
	    "'content':null,'reasoning_details':[{'type'");
	p.reasoning_history = HISTORY_REASONING_CONTENT;
	holds(&e, THOUGHT "," TEXT, &p, "'reasoning_content':'deep'}");
	lacks(&e, THOUGHT "," TEXT, &p, "reasoning_details");
	free(e.details);
	e.details = strdup("[]");
	p.reasoning_history = HISTORY_AUTO;
	holds(&e, CLOSED "," TEXT, &p, "'reasoning_details':[]");
	free(e.details);
	e.details = strdup("[{]");
	lacks(&e, CLOSED "," TEXT, &p, "reasoning_details");
	free(e.details);
}

static void
signed_details_go_but_once_in_a_conversation(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING_DETAILS };
	struct buf body;
	struct sent s;
	char *mark, *again;

	(void)state;
	e.details = strdup("[{\"text\":\"plain\"},{\"data\":\"signed\"}]");
	mark = signature(&e);
	buf_init(&body, 1 << 20);
	buf_add_str(&body, HEAD "'messages':[" SAYS("a"));
	for (int i = 0; i < 2; i++)
		buf_printf(&body,
		    ",{'role':'assistant','content':[{'type':"
		    "'redacted_thinking','data':'%s'}," TEXT "]}," SAYS("b"),
		    mark);
	buf_add_str(&body, "]}");
	send_with(&s, buf_str(&body), &p);
	assert_holds(&s, "'reasoning_details':[{'text':'plain'},{'data':"
			 "'signed'}]");
	assert_holds(&s, "'reasoning_details':[{'text':'plain'}]");
	again = strstr(buf_str(&s.text), "signed");
	assert_null(strstr(again + 1, "signed"));
	sent_clear(&s);
	buf_clear(&body);
	free(mark);
	free(e.details);
}

static void
parts_go_back_before_the_text(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_CONTENT_PARTS };

	(void)state;
	e.details = strdup("[{\"type\":\"thinking\",\"closed\":true}]");
	holds(&e, THOUGHT "," TEXT, &p,
	    "'content':[{'type':'thinking','closed':true},{'type':'text',"
	    "'text':'so'}]");
	holds(&e, THOUGHT "," CALLS, &p,
	    "'content':[{'type':'thinking','closed':true}],'tool_calls'");
	free(e.details);
}

static void
foreign_thinking_is_text_at_best(void **state)
{
	struct profile p = plain_profile();
	struct envelope none = { .form = FORM_NONE };
	static const int dropped[] = { HISTORY_AUTO, HISTORY_NONE,
		HISTORY_DETAILS, HISTORY_THINK_TAGS };

	(void)state;
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++) {
		p.reasoning_history = dropped[i];
		lacks(&none, FOREIGN "," TEXT, &p, "alien");
	}
	p.reasoning_history = HISTORY_REASONING_CONTENT;
	holds(&none, FOREIGN "," TEXT, &p, "'reasoning_content':'alien'");
	p.reasoning_history = HISTORY_REASONING;
	holds(&none, FOREIGN "," TEXT, &p, "'reasoning':'alien'");
	lacks(&none, "{'type':'redacted_thinking','data':'Emwk'}," TEXT, &p,
	    "Emwk");
}

static void
no_history_means_no_thinking(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING_CONTENT };

	(void)state;
	p.reasoning_history = HISTORY_NONE;
	lacks(&e, THOUGHT "," TEXT, &p, "deep");
}

static void
deepseek_always_gets_the_field_beside_calls(void **state)
{
	struct profile p = plain_profile();
	struct envelope e = { .form = FORM_REASONING };

	(void)state;
	p.reasoning_history = HISTORY_DEEPSEEK;
	holds(&e, CALLS, &p, "'content':null,'reasoning_content':'',");
	holds(&e, THOUGHT "," CALLS, &p, "'reasoning_content':'deep'");
	holds(&e, FOREIGN "," CALLS, &p, "'reasoning_content':'alien'");
}

static void
signatures_return_to_their_calls(void **state)
{
	struct profile p = plain_profile();
	struct envelope_signature signatures[2] = { { strdup("t2"),
							strdup("S2") },
		{ strdup("t1"), strdup("S1") } };
	struct envelope e = { .signatures = signatures, .n_signatures = 2 };

	(void)state;
	holds(&e, CLOSED "," CALLS, &p,
	    "'arguments':'{}'},'extra_content':{'google':{'thought_signature':"
	    "'S1'}}},{'id':'t2'");
	holds(&e, CLOSED "," CALLS, &p, "'thought_signature':'S2'");
	p.reasoning_history = HISTORY_NONE;
	lacks(&e, CLOSED "," CALLS, &p, "thought_signature");
	p.is_gemini = true;
	holds(&e, CLOSED "," CALLS, &p, "'thought_signature':'S1'");
	e.n_signatures = 0;
	holds(&e, CLOSED "," CALLS, &p,
	    "{'thought_signature':'skip_thought_signature_validator'}}},{'id':"
	    "'t2','type':'function','function':{'name':'f','arguments':'{}'}}"
	    "]");
	for (int i = 0; i < 2; i++) {
		free(signatures[i].tool_id);
		free(signatures[i].signature);
	}
}

static void
a_thinking_block_needs_its_members(void **state)
{
	(void)state;
	body_refused(HEAD "'messages':[" SAYS("a") ",{'role':'assistant',"
						   "'content':[{'type':"
						   "'thinking'}]}]}",
	    "messages.1.content.0.thinking.thinking: Field required");
	body_refused(HEAD "'messages':[" SAYS("a") ",{'role':'assistant',"
						   "'content':[{'type':"
						   "'redacted_thinking'}]}]}",
	    "messages.1.content.0.redacted_thinking.data: Field required");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thinking_goes_back_in_the_field_it_came_in),
		cmocka_unit_test(
		    what_the_client_was_not_shown_is_in_the_envelope),
		cmocka_unit_test(details_go_back_byte_for_byte),
		cmocka_unit_test(signed_details_go_but_once_in_a_conversation),
		cmocka_unit_test(parts_go_back_before_the_text),
		cmocka_unit_test(foreign_thinking_is_text_at_best),
		cmocka_unit_test(no_history_means_no_thinking),
		cmocka_unit_test(deepseek_always_gets_the_field_beside_calls),
		cmocka_unit_test(signatures_return_to_their_calls),
		cmocka_unit_test(a_thinking_block_needs_its_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
