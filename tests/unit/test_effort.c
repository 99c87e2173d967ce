/* SPDX-License-Identifier: MIT */
#include "translate/request/effort.h"

#include "translated.h"

#define BUDGET(n)                                                              \
	"{'model':'c','max_tokens':99999,'messages':[" SAYS(                   \
	    "a") "],'thinking':{'type':'enabled','budget_tokens':" #n "}}"
#define THINKS(type) HELLO ",'thinking':{'type':'" type "'}}"
#define EFFORT(type, word)                                                     \
	HELLO ",'thinking':{'type':'" type                                     \
	      "'},'output_config':{'effort':'" word "'}}"
#define TOOLS                                                                  \
	",'tools':[{'name':'t','input_schema':{'type':'object','properties':"  \
	"{}}}]}"

static void
budgets_become_words(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(BUDGET(1024), &p, "'reasoning_effort':'low'");
	body_holds(BUDGET(4095), &p, "'reasoning_effort':'low'");
	body_holds(BUDGET(4096), &p, "'reasoning_effort':'medium'");
	body_holds(BUDGET(16000), &p, "'reasoning_effort':'high'");
	body_holds(BUDGET(32000), &p, "'reasoning_effort':'xhigh'");
	p.max_effort = "high";
	body_holds(BUDGET(32000), &p, "'reasoning_effort':'high'");
	body_holds(EFFORT("adaptive", "max"), &p, "'reasoning_effort':'high'");
	body_holds(EFFORT("adaptive", "low"), &p, "'reasoning_effort':'low'");
}

static void
thinking_off_beats_an_effort(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(EFFORT("disabled", "high"), &p, "'reasoning_effort':'none'");
	body_holds(THINKS("between_tools"), &p, "'reasoning_effort':'none'");
	body_lacks(THINKS("adaptive"), &p, "reasoning");
	body_lacks(HELLO "}", &p, "reasoning");
	p.off_effort = "minimal";
	body_holds(THINKS("disabled"), &p, "'reasoning_effort':'minimal'");
}

static void
an_effort_alone_counts(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	body_holds(HELLO ",'output_config':{'effort':'low'}}", &p,
	    "'reasoning_effort':'low'");
}

static void
tools_may_need_the_effort_none(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.tools_need_effort_none = EFFORT_NONE_TRUE;
	body_holds(HELLO TOOLS, &p, "'reasoning_effort':'none'");
	body_holds(HELLO ",'output_config':{'effort':'max'}" TOOLS, &p,
	    "'reasoning_effort':'none'");
	body_holds(EFFORT("adaptive", "max"), &p, "'reasoning_effort':'max'");
}

static void
openrouter_is_asked_in_its_words(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.reasoning_request = REASONING_OPENROUTER;
	body_holds(BUDGET(2000), &p, "'reasoning':{'max_tokens':2000}");
	body_holds(
	    EFFORT("adaptive", "high"), &p, "'reasoning':{'effort':'high'}");
	body_holds(THINKS("disabled"), &p, "'reasoning':{'effort':'none'}");
	body_lacks(THINKS("adaptive"), &p, "reasoning");
}

static void
deepseek_is_told_not_to_think_unseen(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.reasoning_request = REASONING_DEEPSEEK;
	body_holds(HELLO "}", &p, "'thinking':{'type':'disabled'}");
	body_holds(THINKS("disabled"), &p, "'thinking':{'type':'disabled'}");
	body_holds(THINKS("adaptive"), &p, "'thinking':{'type':'enabled'}");
	body_lacks(THINKS("adaptive"), &p, "reasoning_effort");
	body_holds(EFFORT("adaptive", "medium"), &p,
	    "'thinking':{'type':'enabled'},'reasoning_effort':'high'");
	body_holds(EFFORT("adaptive", "xhigh"), &p, "'reasoning_effort':'max'");
}

static void
vllm_is_asked_through_its_template(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.reasoning_request = REASONING_VLLM;
	body_holds(THINKS("disabled"), &p,
	    "'chat_template_kwargs':{'enable_thinking':false},"
	    "'reasoning_effort':'none'");
	body_holds(BUDGET(2000), &p,
	    "'thinking_token_budget':2000,'reasoning_effort':'low'");
}

static void
nothing_is_said_to_who_knows_no_effort(void **state)
{
	struct profile p = plain_profile();

	(void)state;
	p.reasoning_request = REASONING_NONE;
	body_lacks(EFFORT("disabled", "max"), &p, "reasoning");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budgets_become_words),
		cmocka_unit_test(thinking_off_beats_an_effort),
		cmocka_unit_test(an_effort_alone_counts),
		cmocka_unit_test(tools_may_need_the_effort_none),
		cmocka_unit_test(openrouter_is_asked_in_its_words),
		cmocka_unit_test(deepseek_is_told_not_to_think_unseen),
		cmocka_unit_test(vllm_is_asked_through_its_template),
		cmocka_unit_test(nothing_is_said_to_who_knows_no_effort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
