/* SPDX-License-Identifier: MIT */
/* links: server */
/* What the journal counts and keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/journal.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/upstream.h"
#include "wire/buf.h"
#include "wire/utf8.h"

static struct journal_entry
entry(const char *id, const char *model)
{
	struct journal_entry e = {
		.route = "/v1/messages",
		.chosen_by = "",
		.status = 200,
		.first_byte_ms = 40,
		.first_token_ms = 50,
		.total_ms = 700,
		.tokens = { 10, 3, 2 },
		.tries = 1,
		.error = "",
	};

	journal_copy(e.id, sizeof(e.id), id);
	journal_copy(e.asked, sizeof(e.asked), "asked");
	journal_copy(e.used, sizeof(e.used), model);
	return e;
}

static void
the_latest_exchanges_are_kept_newest_first(void **state)
{
	struct journal *j = journal_new();
	struct journal_snapshot *s;
	char id[16];

	(void)state;
	for (int i = 0; i < JOURNAL_RECENT + 5; i++) {
		struct journal_entry e;

		snprintf(id, sizeof(id), "req_%d", i);
		e = entry(id, "m");
		journal_end(j, NULL, &e);
	}
	s = journal_look(j);
	assert_int_equal(s->n_recent, JOURNAL_RECENT);
	assert_string_equal(s->recent[0].id, "req_68");
	assert_string_equal(s->recent[JOURNAL_RECENT - 1].id, "req_5");
	assert_int_equal(s->totals.requests, JOURNAL_RECENT + 5);
	assert_int_equal(s->minutes[JOURNAL_MINUTES - 1].requests +
			     s->minutes[JOURNAL_MINUTES - 2].requests,
	    JOURNAL_RECENT + 5);
	free(s);
	journal_free(j);
}

static void
what_runs_is_shown_until_it_ends(void **state)
{
	struct journal *j = journal_new();
	struct journal_flight a = { .id = "a",
		.route = "/v1/messages",
		.asked = "x",
		.used = "y",
		.chosen_by = "MODEL_MAP",
		.stream = true,
		.began_ms = server_now_ms() - 100 };
	struct journal_flight b = a;
	struct journal_entry e = entry("a", "y");
	struct journal_snapshot *s;

	(void)state;
	b.id = "b";
	b.stream = false;
	b.first_byte_ms = b.began_ms + 30;
	journal_begin(j, &a);
	journal_begin(j, &b);
	s = journal_look(j);
	assert_int_equal(s->n_flights, 2);
	assert_int_equal(s->totals.flights, 2);
	assert_int_equal(s->totals.streams, 1);
	assert_string_equal(s->flights[0].id, "b");
	assert_int_equal(s->flights[0].first_byte_ms, 30);
	assert_int_equal(s->flights[1].first_byte_ms, -1);
	assert_true(s->flights[1].total_ms >= 100);
	free(s);
	journal_end(j, &a, &e);
	s = journal_look(j);
	assert_int_equal(s->n_flights, 1);
	assert_int_equal(s->totals.streams, 0);
	assert_int_equal(s->n_recent, 1);
	free(s);
	journal_end(j, &b, &e);
	journal_free(j);
}

static void
more_running_requests_than_are_shown_are_counted(void **state)
{
	static struct journal_flight all[JOURNAL_FLIGHTS + 10];
	struct journal *j = journal_new();
	struct journal_entry e = entry("a", "y");
	struct journal_snapshot *s;

	(void)state;
	for (size_t i = 0; i < JOURNAL_FLIGHTS + 10; i++) {
		all[i] = (struct journal_flight){ .id = "i",
			.route = "r",
			.asked = "",
			.used = "",
			.chosen_by = "" };
		journal_begin(j, &all[i]);
	}
	s = journal_look(j);
	assert_int_equal(s->n_flights, JOURNAL_FLIGHTS);
	assert_int_equal(s->totals.flights, JOURNAL_FLIGHTS + 10);
	free(s);
	for (size_t i = 0; i < JOURNAL_FLIGHTS + 10; i++)
		journal_end(j, &all[i], &e);
	s = journal_look(j);
	assert_int_equal(s->n_flights + s->totals.flights, 0);
	free(s);
	journal_free(j);
}

static void
models_beyond_the_limit_are_counted_as_other(void **state)
{
	struct journal *j = journal_new();
	struct journal_snapshot *s;
	char name[16];

	(void)state;
	for (int i = 0; i < JOURNAL_MODELS + 8; i++) {
		struct journal_entry e;

		snprintf(name, sizeof(name), "model-%d", i);
		e = entry("r", name);
		journal_end(j, NULL, &e);
		journal_end(j, NULL, &e);
	}
	s = journal_look(j);
	assert_int_equal(s->totals.n_models, JOURNAL_MODELS);
	assert_int_equal(s->totals.models[3].requests, 2);
	assert_int_equal(s->totals.models[3].tokens.input, 20);
	assert_int_equal(s->totals.other.requests, 16);
	assert_int_equal(s->totals.other.tokens.cached, 32);
	free(s);
	journal_free(j);
}

static void
a_name_that_nobody_answered_takes_no_place(void **state)
{
	struct journal *j = journal_new();
	struct journal_entry e = entry("r", "made-up");
	struct journal_snapshot *s;

	(void)state;
	e.tokens = (struct journal_tokens){ 0 };
	e.status = 404;
	e.error = "not_found_error";
	journal_end(j, NULL, &e);
	s = journal_look(j);
	assert_int_equal(s->totals.n_models, 0);
	assert_int_equal(s->totals.errors, 1);
	free(s);
	journal_free(j);
}

static void
answers_of_too_many_kinds_share_the_last_place(void **state)
{
	struct journal *j = journal_new();
	struct journal_snapshot *s;

	(void)state;
	for (int status = 0; status < 3 * JOURNAL_ANSWERS; status++)
		journal_answered(j, "/r", 100 + status);
	s = journal_look(j);
	assert_int_equal(s->totals.n_answers, JOURNAL_ANSWERS);
	assert_string_equal(
	    s->totals.answers[JOURNAL_ANSWERS - 1].route, "other");
	assert_int_equal(
	    s->totals.answers[JOURNAL_ANSWERS - 1].n, 2 * JOURNAL_ANSWERS + 1);
	free(s);
	journal_free(j);
}

static void
texts_are_cut_to_whole_characters_without_controls(void **state)
{
	char out[8];

	(void)state;
	journal_copy(out, sizeof(out), "abcdef\xC3\xA4");
	assert_string_equal(out, "abcdef");
	journal_copy(out, sizeof(out), "abcde\xC3\xA4");
	assert_string_equal(out, "abcde\xC3\xA4");
	journal_copy(out, sizeof(out), "a\n\xFFz");
	assert_string_equal(out, "a" UTF8_REPLACEMENT UTF8_REPLACEMENT);
	journal_copy(out, sizeof(out), "");
	assert_string_equal(out, "");
}

static void
metrics_escape_names_and_add_buckets_up(void **state)
{
	static const struct upstream_facts up = { 3, 7, 0 };
	struct journal *j = journal_new();
	struct journal_entry e = entry("r", "evil\"} 1\n\\x");
	struct journal_snapshot *s;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	journal_end(j, NULL, &e);
	e.first_byte_ms = 400000;
	journal_end(j, NULL, &e);
	journal_upstream_failed(j, CAUSE_DNS, FAULT_NONE);
	journal_upstream_failed(j, CAUSE_CONNECT, FAULT_RATE_LIMIT);
	s = journal_look(j);
	metrics_print(&s->totals, &up, &text);
	assert_non_null(strstr(text.data,
	    "anthropic_proxy_tokens_total{model=\"evil\\\"} 1" UTF8_REPLACEMENT
	    "\\\\x\",kind=\"input\"} 20\n"));
	assert_non_null(
	    strstr(text.data, "first_byte_seconds_bucket{le=\"0.05\"} 1\n"));
	assert_non_null(
	    strstr(text.data, "first_byte_seconds_bucket{le=\"300\"} 1\n"));
	assert_non_null(
	    strstr(text.data, "first_byte_seconds_bucket{le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(text.data, "first_byte_seconds_sum 400.040\n"));
	assert_non_null(strstr(text.data, "{kind=\"dns\"} 1\n"));
	assert_non_null(strstr(text.data, "{kind=\"rate_limit\"} 1\n"));
	assert_non_null(strstr(text.data, "{reused=\"yes\"} 7\n"));
	buf_clear(&text);
	free(s);
	journal_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_exchanges_are_kept_newest_first),
		cmocka_unit_test(what_runs_is_shown_until_it_ends),
		cmocka_unit_test(
		    more_running_requests_than_are_shown_are_counted),
		cmocka_unit_test(models_beyond_the_limit_are_counted_as_other),
		cmocka_unit_test(a_name_that_nobody_answered_takes_no_place),
		cmocka_unit_test(
		    answers_of_too_many_kinds_share_the_last_place),
		cmocka_unit_test(
		    texts_are_cut_to_whole_characters_without_controls),
		cmocka_unit_test(metrics_escape_names_and_add_buckets_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
