/* SPDX-License-Identifier: MIT */
/* links: server */
/* What the status page makes of the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/journal.h"
#include "server/spoken.h"
#include "server/statusview.h"
#include "wire/buf.h"

#define NOW_MS 1795000000000LL

static struct journal_snapshot seen;
static struct status_view view = { .seen = &seen,
	.now_unix_ms = NOW_MS,
	.upstream = "up.example",
	.here = "localhost:3000" };
static struct buf out;
static struct spoken_pair spoken[SPOKEN_PAIRS];

static void
speak(struct spoken_pair *p, const char *id, char c)
{
	memcpy(p->id, id, strlen(id) + 1);
	memset(p->asked, c, sizeof(p->asked) - 1);
	memset(p->answered, c, sizeof(p->answered) - 1);
}

static void
fill_entry(struct journal_entry *e)
{
	*e = (struct journal_entry){
		.route = "/v1/messages",
		.chosen_by = "",
		.status = 200,
		.began_unix_ms = NOW_MS - 2000,
		.first_byte_ms = 400,
		.first_token_ms = 412,
		.total_ms = 1400,
		.tokens = { 1000, 1234567, 3000 },
		.error = "",
		.id = "req_1",
		.asked = "asked",
		.used = "asked",
		.stop = "end_turn",
	};
}

static struct journal_entry *
add_entry(void)
{
	struct journal_entry *e = &seen.recent[seen.n_recent++];

	fill_entry(e);
	return e;
}

static const char *
printed(void)
{
	buf_clear(&out);
	buf_init(&out, 1024 * 1024);
	statusview_main(&view, &out);
	assert_false(out.failed);
	return buf_str(&out);
}

static int
start(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(spoken, 0, sizeof(spoken));
	view.spoken = NULL;
	return 0;
}

#define SHOWS(text)  assert_non_null(strstr(printed(), text))
#define HIDES(text)  assert_null(strstr(printed(), text))
#define TAKES(e, ms) ((e)->total_ms = (ms), printed())

static void
numbers_are_grouped_and_shares_are_of_what_was_read(void **state)
{
	(void)state;
	add_entry();
	SHOWS("\"Output\">1,234,567<");
	SHOWS("\"Input\">4,000<");
	SHOWS("\"Cached\">75%<");
	SHOWS("\"First token\">412 ms<");
	SHOWS("end_turn");
	SHOWS("<time datetime=\"2026-11-18T11:06:38Z\"");
}

static void
times_are_told_as_people_tell_them(void **state)
{
	struct journal_entry *e = add_entry();

	(void)state;
	assert_non_null(strstr(TAKES(e, 0), ">0 ms<"));
	assert_non_null(strstr(TAKES(e, 999), ">999 ms<"));
	assert_non_null(strstr(TAKES(e, 1240), ">1.24 s<"));
	assert_non_null(strstr(TAKES(e, 59940), ">59.9 s<"));
	assert_non_null(strstr(TAKES(e, 64000), ">1 min 4 s<"));
	assert_non_null(strstr(TAKES(e, 3600000 * 25L), ">1 d 1 h<"));
	e->began_unix_ms = NOW_MS - 59000;
	SHOWS(">50 s ago<");
	e->began_unix_ms = NOW_MS - 7200000;
	SHOWS(">2 h ago<");
	e->began_unix_ms = NOW_MS + 5000;
	SHOWS(">just now<");
}

static void
what_happened_is_told_in_words(void **state)
{
	struct journal_entry *e = add_entry();

	(void)state;
	SHOWS("good\">done<");
	e->status = 499;
	SHOWS("left\">client left<");
	e->error = "api_error";
	memcpy(e->cause, "because", sizeof("because"));
	e->status = 200;
	SHOWS("bad\">broke off<");
	SHOWS("api_error</span> because");
	e->status = 404;
	SHOWS("bad\">refused 404<");
	e->status = 502;
	SHOWS("bad\">failed 502<");
	e->retries = 2;
	e->repairs = 1;
	SHOWS(" · 2 retries · 1 repair<");
}

static void
what_runs_waits_until_its_first_token(void **state)
{
	struct journal_entry *e = &seen.flights[seen.n_flights++];

	(void)state;
	fill_entry(e);
	seen.totals.flights = 1;
	e->status = 0;
	SHOWS("run\">streaming<");
	e->first_token_ms = -1;
	SHOWS("run\">waiting<");
	SHOWS("\"First token\">–<");
	SHOWS("In flight (1)");
	HIDES("more.<");
	seen.totals.flights = 70;
	SHOWS("And 69 more.");
	SHOWS("No request has ended yet.");
	HIDES("No request yet");
}

static void
the_model_is_told_twice_where_another_was_used(void **state)
{
	struct journal_entry *e = add_entry();

	(void)state;
	HIDES("→");
	memcpy(e->used, "used", 5);
	e->chosen_by = "MODEL_MAP";
	SHOWS(">asked<small>→ used (MODEL_MAP)</small>");
}

static void
bars_stand_on_each_other_and_the_highest_is_full(void **state)
{
	(void)state;
	add_entry();
	seen.minutes[0].requests = 1;
	seen.minutes[59].requests = 4;
	seen.minutes[59].errors = 1;
	SHOWS("<path class=one d=\"M0 100v-25h3v25zM236 100v-75h3v75z\"/>"
	      "<path class=bad d=\"M236 25v-25h3v25z\"/>");
	seen.minutes[59].requests = 100000;
	SHOWS("d=\"M0 100v-2h3v2z");
}

static void
large_sums_are_short(void **state)
{
	static const struct {
		unsigned long long n;
		const char *text;
	} cases[] = { { 0, ">0<" }, { 99999, ">99,999<" },
		{ 100000, ">100 k<" }, { 999499, ">999 k<" },
		{ 999500, ">1.00 M<" }, { 1234567, ">1.23 M<" },
		{ 12345678, ">12.3 M<" }, { 123456789012ULL, ">123 G<" } };

	(void)state;
	add_entry();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seen.minutes[3].tokens.input = cases[i].n;
		SHOWS(cases[i].text);
	}
}

/* No text closes what it stands in, and all of it has room. */
static void
the_worst_texts_fit_and_are_escaped(void **state)
{
	(void)state;
	for (int i = 0; i < JOURNAL_RECENT; i++) {
		struct journal_entry *e = add_entry();

		memset(e->asked, '"', sizeof(e->asked) - 1);
		memset(e->used, '<', sizeof(e->used) - 1);
		memset(e->stop, '\'', sizeof(e->stop) - 1);
		snprintf(e->id, sizeof(e->id), "req_%d", i);
		speak(&spoken[i], e->id, '"');
		seen.flights[i] = *e;
		e->error = "api_error";
		e->status = 502;
		memset(e->cause, '"', sizeof(e->cause) - 1);
	}
	seen.n_flights = JOURNAL_FLIGHTS;
	for (int i = 0; i < JOURNAL_MODELS; i++) {
		memset(seen.totals.models[i].name, '&', JOURNAL_NAME - 1);
		seen.totals.models[i].requests = 1;
	}
	seen.totals.n_models = JOURNAL_MODELS;
	view.spoken = spoken;
	view.here = "\"'<>&";
	HIDES("<<");
	HIDES("\"\"\"");
	HIDES("&&");
	assert_null(strchr(printed(), '\n'));
	seen.n_recent = seen.n_flights = 0;
	SHOWS("http://&quot;&#39;&lt;&gt;&amp;<br>");
	view.here = "localhost:3000";
}

static void
texts_stand_below_their_request_where_they_are_kept(void **state)
{
	(void)state;
	add_entry();
	speak(&spoken[5], "req_1", 'x');
	speak(&spoken[6], "req_2", 'y');
	spoken[5].answered[0] = '\0';
	HIDES("class=said");
	view.spoken = spoken;
	SHOWS("</tr><tr class=said><td colspan=9><p><b>Asked</b> xxx");
	HIDES("Answered");
	HIDES("yyy");
}

static void
the_page_has_its_nonce_and_no_slot_is_left(void **state)
{
	(void)state;
	buf_clear(&out);
	buf_init(&out, 1024 * 1024);
	statusview_page(&view, "n0nce", &out);
	assert_non_null(strstr(out.data, "<style nonce=\"n0nce\">"));
	assert_non_null(strstr(out.data, "<script nonce=\"n0nce\">"));
	assert_non_null(strstr(out.data, "<main><p id=about"));
	assert_null(strstr(out.data, "{N}"));
	assert_null(strstr(out.data, "{M}"));
	assert_non_null(strstr(out.data, "</html>\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    numbers_are_grouped_and_shares_are_of_what_was_read, start),
		cmocka_unit_test_setup(
		    times_are_told_as_people_tell_them, start),
		cmocka_unit_test_setup(what_happened_is_told_in_words, start),
		cmocka_unit_test_setup(
		    what_runs_waits_until_its_first_token, start),
		cmocka_unit_test_setup(
		    the_model_is_told_twice_where_another_was_used, start),
		cmocka_unit_test_setup(
		    bars_stand_on_each_other_and_the_highest_is_full, start),
		cmocka_unit_test_setup(large_sums_are_short, start),
		cmocka_unit_test_setup(
		    the_worst_texts_fit_and_are_escaped, start),
		cmocka_unit_test_setup(
		    texts_stand_below_their_request_where_they_are_kept, start),
		cmocka_unit_test_setup(
		    the_page_has_its_nonce_and_no_slot_is_left, start),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_clear(&out);
	return failed;
}
