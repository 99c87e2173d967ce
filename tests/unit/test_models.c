/* SPDX-License-Identifier: MIT */
#include "translate/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
globs_match_whole_names(void **state)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{ "claude-3", "claude-3", true },
		{ "claude-3", "claude-3-5", false },
		{ "claude-3", "Claude-3", false },
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
		{ "?", "", false },
		{ "claude-*", "claude-", true },
		{ "claude-*-4", "claude-opus-4-4", true },
		{ "claude-*-4", "claude-opus-4-5", false },
		{ "*haiku*", "claude-haiku-4-5", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "a?c",
		    "a\xC3\xA9"
		    "c",
		    true },
		{ "**x", "x", true },
		{ "a[b]", "a[b]", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (model_glob(cases[i].glob, cases[i].text) !=
		    cases[i].matches)
			fail_msg("%s %s", cases[i].glob, cases[i].text);
}

/* What a glob means, in so many words. */
static bool
matches(const char *glob, const char *text)
{
	if (*glob == '*')
		return matches(glob + 1, text) ||
		       (*text != '\0' && matches(glob, text + 1));
	if (*text == '\0' || (*glob != '?' && *glob != *text))
		return *glob == *text;
	return matches(glob + 1, text + 1);
}

/* The number `n` in letters of `alphabet`. */
static const char *
spell(size_t n, const char *alphabet, char out[16])
{
	size_t base = strlen(alphabet), len = 0;

	for (; n > 0; n = (n - 1) / base)
		out[len++] = alphabet[(n - 1) % base];
	out[len] = '\0';
	return out;
}

static void
every_short_glob_matches_what_it_means(void **state)
{
	char glob[16], text[16];

	(void)state;
	for (size_t g = 0; g < 1 + 4 + 16 + 64 + 256 + 1024; g++) {
		spell(g, "ab*?", glob);
		for (size_t t = 0; t < 1 + 2 + 4 + 8 + 16 + 32; t++)
			if (model_glob(glob, spell(t, "ab", text)) !=
			    matches(glob, text))
				fail_msg("%s %s", glob, text);
	}
}

static void
many_stars_take_no_exponential_time(void **state)
{
	char text[5001], glob[201];

	(void)state;
	memset(text, 'a', 5000);
	text[5000] = '\0';
	for (size_t i = 0; i < 200; i += 2)
		glob[i] = '*', glob[i + 1] = 'a';
	glob[199] = 'b';
	glob[200] = '\0';
	assert_false(model_glob(glob, text));
}

static void
the_first_rule_wins_and_beats_thinking(void **state)
{
	struct model_routes routes = { 0 };
	char err[200] = "";

	(void)state;
	assert_int_equal(
	    model_rules_parse(
		"claude-haiku-*=gpt-5-mini, claude-*=openai/gpt=5.2 ,", &routes,
		err, sizeof(err)),
	    0);
	assert_int_equal(routes.n_rules, 2);
	routes.reasoning = strdup("thinker");
	routes.completion = strdup("talker");
	assert_string_equal(
	    model_route(&routes, "claude-haiku-4-5", true), "gpt-5-mini");
	assert_string_equal(
	    model_route(&routes, "claude-opus-4-5", false), "openai/gpt=5.2");
	assert_string_equal(model_route(&routes, "m", true), "thinker");
	assert_string_equal(model_route(&routes, "m", false), "talker");
	assert_null(model_rules_find(&routes, "m"));
	model_routes_clear(&routes);
	assert_string_equal(model_route(&routes, "m", true), "m");
	assert_string_equal(model_route(&routes, "m", false), "m");
	model_routes_clear(&routes);
}

static void
what_chose_a_model_has_a_name(void **state)
{
	struct model_routes routes = { .completion = (char *)"" };
	char err[200];

	(void)state;
	assert_string_equal(model_chosen_by(&routes, "m", true), "");
	assert_string_equal(model_chosen_by(&routes, "m", false), "");
	routes.completion = strdup("talker");
	routes.reasoning = strdup("thinker");
	assert_int_equal(
	    model_rules_parse("claude-*=c", &routes, err, sizeof(err)), 0);
	assert_string_equal(
	    model_chosen_by(&routes, "m", true), "REASONING_MODEL");
	assert_string_equal(
	    model_chosen_by(&routes, "m", false), "COMPLETION_MODEL");
	assert_string_equal(
	    model_chosen_by(&routes, "claude-x", true), "MODEL_MAP");
	model_routes_clear(&routes);
}

static void
an_empty_map_is_no_map(void **state)
{
	struct model_routes routes = { 0 };
	char err[200] = "";

	(void)state;
	assert_int_equal(
	    model_rules_parse(" , ", &routes, err, sizeof(err)), 0);
	assert_int_equal(routes.n_rules, 0);
	assert_string_equal(model_route(&routes, "m", false), "m");
	model_routes_clear(&routes);
}

static void
a_bad_rule_is_named(void **state)
{
	static const struct {
		const char *text, *err;
	} cases[] = {
		{ "a=b,c", "\"c\" is not glob=value" },
		{ "=b", "\"=b\" has nothing before the \"=\"" },
		{ "a= ", "\"a= \" has nothing behind the \"=\"" },
	};
	struct model_routes routes = { 0 };
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    model_rules_parse(cases[i].text, &routes, err, sizeof(err)),
		    -1);
		assert_string_equal(err, cases[i].err);
		assert_int_equal(routes.n_rules, 0);
		assert_null(routes.rules);
	}
}

static void
rules_are_bounded(void **state)
{
	struct model_routes routes = { 0 };
	char err[200], text[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i += 4)
		memcpy(text + i, "a=b,", i + 4 < sizeof(text) ? 4 : 3);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(
	    model_rules_parse(text, &routes, err, sizeof(err)), -1);
	assert_string_equal(err, "more than 1000 rules");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs_match_whole_names),
		cmocka_unit_test(every_short_glob_matches_what_it_means),
		cmocka_unit_test(many_stars_take_no_exponential_time),
		cmocka_unit_test(the_first_rule_wins_and_beats_thinking),
		cmocka_unit_test(what_chose_a_model_has_a_name),
		cmocka_unit_test(an_empty_map_is_no_map),
		cmocka_unit_test(a_bad_rule_is_named),
		cmocka_unit_test(rules_are_bounded),
	};

	return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
