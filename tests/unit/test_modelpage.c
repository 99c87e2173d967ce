/* SPDX-License-Identifier: MIT */
/* The list of models that is offered, page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "translate/modelpage.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"

static const char upstream_list[] =
    "{\"data\":[{\"id\":\"z-ai/glm-5\",\"created\":1700000000,"
    "\"context_length\":200000,\"name\":\"GLM \\\"5\\\"\","
    "\"top_provider\":{\"max_completion_tokens\":8000}},"
    "{\"id\":\"small\",\"max_model_len\":32768,"
    "\"shutdown_date\":\"2026-12-11\"},"
    "{\"id\":\"sonnet\"},"
    "{\"id\":\"odd\",\"created\":99999999999999999,"
    "\"shutdown_date\":\"soon\"},"
    "{\"id\":\"twice\"},{\"id\":\"x\"},{\"id\":\"twice\"}]}";

struct scene {
	struct model_routes routes, windows;
	struct model_list list;
	struct model_offer offer;
	struct buf out;
	struct json_doc doc;
};

static void
set_up(struct scene *s, const char *map, const char *windows, const char *list)
{
	struct fault why = { 0 };
	char err[256];

	*s = (struct scene){ 0 };
	assert_int_equal(
	    model_rules_parse(map, &s->routes, err, sizeof(err)), 0);
	assert_int_equal(
	    model_rules_parse(windows, &s->windows, err, sizeof(err)), 0);
	assert_int_equal(
	    model_list_parse(list, strlen(list), &s->list, &why), 0);
	s->offer = (struct model_offer){
		.routes = &s->routes,
		.windows = s->windows.rules,
		.n_windows = s->windows.n_rules,
		.listed = &s->list,
	};
	buf_init(&s->out, 1024 * 1024);
}

static void
tear_down(struct scene *s)
{
	json_doc_clear(&s->doc);
	buf_clear(&s->out);
	model_list_clear(&s->list);
	model_routes_clear(&s->routes);
	model_routes_clear(&s->windows);
}

/* The page of a query such as "limit=2&after_id=x"; NULL if it is refused. */
static const cJSON *
page(struct scene *s, const char *query, struct fault *why)
{
	struct model_query q;
	char text[1024], *at = text, *part;

	snprintf(text, sizeof(text), "%s", query);
	model_query_init(&q);
	while (at != NULL && *at != '\0') {
		char *value;

		part = at;
		if ((at = strchr(at, '&')) != NULL)
			*at++ = '\0';
		if ((value = strchr(part, '=')) != NULL)
			*value++ = '\0';
		if (model_query_add(
			&q, part, value != NULL ? value : "", why) == -1)
			return NULL;
	}
	json_doc_clear(&s->doc);
	buf_reset(&s->out);
	if (models_print_page(&s->offer, &q, &s->out, why) == -1)
		return NULL;
	assert_int_equal(
	    json_parse(&s->doc, s->out.data, s->out.len, NULL, why), 0);
	return s->doc.root;
}

/* The ids of a page, "a b c", and a + where there are more. */
static const char *
ids(struct scene *s, const char *query)
{
	static char text[2048];
	struct fault why = { 0 };
	const cJSON *root = page(s, query, &why), *m;
	const cJSON *data = json_get(root, "data");
	const char *last = NULL;

	snprintf(text, sizeof(text), "%s", why.message);
	cJSON_ArrayForEach(m, data) {
		last = json_get_string(m, "id");
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%s", m == data->child ? "" : " ", last);
		if (m == data->child)
			assert_string_equal(
			    json_get_string(root, "first_id"), last);
	}
	if (last != NULL)
		assert_string_equal(json_get_string(root, "last_id"), last);
	else
		assert_true(cJSON_IsNull(json_get(root, "last_id")) &&
			    cJSON_IsNull(json_get(root, "first_id")));
	if (json_get_true(root, "has_more"))
		strncat(text, " +", sizeof(text) - strlen(text) - 1);
	return text;
}

static void
own_names_come_first_then_claudes_then_the_upstreams(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, "claude-haiku-*=small,sonnet=z-ai/glm-5,b=x,*-opus-*=x,b=y",
	    "", upstream_list);
	assert_string_equal(ids(&s, ""),
	    "sonnet b claude-opus-5-5 claude-haiku-5-5 z-ai/glm-5 small odd "
	    "twice x twice");
	tear_down(&s);
	set_up(&s, "", "", "[]");
	assert_string_equal(ids(&s, ""), "");
	tear_down(&s);
}

static void
pages_lead_through_the_whole_list_both_ways(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, "a=x,b=x,claude-opus-*=x", "", upstream_list);
	assert_string_equal(ids(&s, "limit=2"), "a b +");
	assert_string_equal(
	    ids(&s, "limit=2&after_id=b"), "claude-opus-5-5 z-ai/glm-5 +");
	assert_string_equal(
	    ids(&s, "after_id=z-ai%2Fglm-5&limit=3"), "small sonnet odd +");
	assert_string_equal(ids(&s, "limit=1&after_id=x"), "twice");
	assert_string_equal(ids(&s, "after_id=twice"), "");
	assert_string_equal(
	    ids(&s, "limit=2&before_id=small"), "claude-opus-5-5 z-ai/glm-5 +");
	assert_string_equal(
	    ids(&s, "limit=2&before_id=claude-opus-5-5"), "a b");
	assert_string_equal(ids(&s, "before_id=a"), "");
	assert_string_equal(ids(&s, "lifecycle[]=retired"), "");
	assert_string_equal(
	    ids(&s,
		"lifecycle%5B%5D=deprecated&lifecycle%5b%5d=active&limit=1"),
	    "a +");
	tear_down(&s);
}

static void
what_is_no_query_is_refused_in_words(void **state)
{
	static const char *const bad[][2] = {
		{ "limit=0", "limit: Input should be greater than or equal to "
			     "1" },
		{ "limit=1001", "limit: Input should be less than or equal to "
				"1000" },
		{ "limit=99999999999999999999",
		    "limit: Input should be less than or equal to 1000" },
		{ "limit=x", "limit: Input should be a valid integer, unable "
			     "to parse string as an integer" },
		{ "limit=", "limit: Input should be a valid integer, unable to "
			    "parse string as an integer" },
		{ "limit=%zz", "limit: Input should be a valid integer, unable "
			       "to parse string as an integer" },
		{ "after_id=nobody", "after_id: no model has the id "
				     "\"nobody\"" },
		{ "before_id=", "before_id: no model has the id \"\"" },
		{ "after_id=a&before_id=a",
		    "before_id: cannot be given together with after_id" },
		{ "lifecycle[]=old", "lifecycle.0: Input should be 'active', "
				     "'deprecated' or 'retired'" },
		{ "lifecycle=active&lifecycle=active&lifecycle=active&"
		  "lifecycle=active",
		    "lifecycle: List should have at most 3 items" },
	};
	struct scene s;

	(void)state;
	set_up(&s, "a=x", "", "[]");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault why = { 0 };

		assert_null(page(&s, bad[i][0], &why));
		assert_int_equal(why.kind, FAULT_BAD_REQUEST);
		assert_string_equal(why.message, bad[i][1]);
	}
	assert_string_equal(ids(&s, "beta=true&%zz=1&limit=1000"), "a");
	tear_down(&s);
}

/* The entry of one model. */
static const cJSON *
one(struct scene *s, const char *id)
{
	struct fault why = { 0 };

	json_doc_clear(&s->doc);
	buf_reset(&s->out);
	if (!models_print_one(&s->offer, id, &s->out))
		return NULL;
	assert_int_equal(
	    json_parse(&s->doc, s->out.data, s->out.len, NULL, &why), 0);
	assert_string_equal(json_get_string(s->doc.root, "id"), id);
	assert_string_equal(json_get_string(s->doc.root, "type"), "model");
	return s->doc.root;
}

static int64_t
number(struct scene *s, const char *id, const char *key)
{
	int64_t n = -1;

	json_int64(&s->doc, json_get(one(s, id), key), &n);
	return n;
}

static void
an_alias_tells_what_it_leads_to(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, "claude-*=z-ai/glm-5,tiny=small", "*glm*=150000",
	    upstream_list);
	assert_int_equal(number(&s, "claude-any", "max_input_tokens"), 150000);
	assert_int_equal(number(&s, "claude-any", "max_tokens"), 8000);
	assert_int_equal(number(&s, "tiny", "max_input_tokens"), 32768);
	assert_int_equal(number(&s, "tiny", "max_tokens"), -1);
	assert_string_equal(
	    json_get_string(one(&s, "tiny"), "display_name"), "tiny (small)");
	assert_string_equal(json_get_string(one(&s, "tiny"), "retires_at"),
	    "2026-12-11T00:00:00Z");
	assert_string_equal(
	    json_get_string(one(&s, "z-ai/glm-5"), "display_name"),
	    "GLM \"5\"");
	assert_string_equal(
	    json_get_string(one(&s, "z-ai/glm-5"), "created_at"),
	    "2023-11-14T22:13:20Z");
	assert_string_equal(json_get_string(one(&s, "odd"), "created_at"),
	    "1970-01-01T00:00:00Z");
	assert_true(cJSON_IsNull(json_get(one(&s, "odd"), "retires_at")));
	assert_null(one(&s, "nobody"));
	tear_down(&s);
}

static void
times_are_told_to_the_second(void **state)
{
	static const struct {
		long long seconds;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782399, "2000-02-28T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 951868800, "2000-03-01T00:00:00Z" },
		{ 1735689599, "2024-12-31T23:59:59Z" },
		{ 1735689600, "2025-01-01T00:00:00Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
		{ 253402300800, "1970-01-01T00:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct scene s;
		char list[128];

		snprintf(list, sizeof(list),
		    "[{\"id\":\"m\",\"created\":%lld}]", times[i].seconds);
		set_up(&s, "", "", list);
		assert_string_equal(
		    json_get_string(one(&s, "m"), "created_at"), times[i].text);
		tear_down(&s);
	}
}

static void
of_two_models_behind_a_name_the_smaller_window_is_told(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, "", "", upstream_list);
	s.routes.reasoning = strdup("small");
	s.routes.completion = strdup("z-ai/glm-5");
	assert_int_equal(number(&s, "x", "max_input_tokens"), 32768);
	free(s.routes.completion);
	s.routes.completion = strdup("nobody");
	assert_int_equal(number(&s, "x", "max_input_tokens"), 32768);
	tear_down(&s);
}

static void
ids_pass_through_paths_unchanged(void **state)
{
	static const char *const ids[] = { "z-ai/glm-5", "a b%c?d#e",
		"\xc5\x82:free", "~._-" };
	char out[MODEL_ID_MAX + 1], longest[MODEL_ID_MAX + 2];
	struct buf text;

	(void)state;
	buf_init(&text, 8192);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		buf_reset(&text);
		model_id_encode(ids[i], &text);
		assert_null(strpbrk(buf_str(&text), "/?# "));
		assert_int_equal(model_id_decode(buf_str(&text), out), 0);
		assert_string_equal(out, ids[i]);
	}
	buf_clear(&text);
	assert_int_equal(model_id_decode("a%00b", out), -1);
	assert_int_equal(model_id_decode("a%2", out), -1);
	assert_int_equal(model_id_decode("a%", out), -1);
	memset(longest, 'm', sizeof(longest));
	longest[MODEL_ID_MAX + 1] = '\0';
	assert_int_equal(model_id_decode(longest, out), -1);
	longest[MODEL_ID_MAX] = '\0';
	assert_int_equal(model_id_decode(longest, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    own_names_come_first_then_claudes_then_the_upstreams),
		cmocka_unit_test(pages_lead_through_the_whole_list_both_ways),
		cmocka_unit_test(what_is_no_query_is_refused_in_words),
		cmocka_unit_test(an_alias_tells_what_it_leads_to),
		cmocka_unit_test(times_are_told_to_the_second),
		cmocka_unit_test(
		    of_two_models_behind_a_name_the_smaller_window_is_told),
		cmocka_unit_test(ids_pass_through_paths_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
