/* SPDX-License-Identifier: MIT */
#include "wire/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define MAX_LINE 1000

/* Spells all events that are to be had as name={data}; with ! and ~ behind
 * for an error field and a cut event, and # for a failure. */
static void
spell(struct buf *got, const struct sse_event *ev)
{
	buf_printf(got, "%s={%.*s}%s%s;", ev->name, (int)ev->len, ev->data,
	    ev->is_error_field ? "!" : "", ev->is_cut ? "~" : "");
}

static void
spell_ready(struct sse *in, struct buf *got)
{
	struct sse_event ev;
	int rc;

	while ((rc = sse_next(in, &ev)) == 1)
		spell(got, &ev);
	if (rc == -1)
		buf_add_char(got, '#');
}

/* Whole events that need not be pushed; returns how many bytes they are. */
static size_t
spell_peeked(
    const struct sse *in, const char *bytes, size_t len, struct buf *got)
{
	struct sse_event ev = { .name = "" };
	size_t taken, at = 0;

	while ((taken = sse_peek(in, bytes + at, len - at, &ev.data, &ev.len)) >
		   0 &&
	       ev.len > 0 && memchr(ev.data, '\r', ev.len) == NULL) {
		spell(got, &ev);
		at += taken;
	}
	return at;
}

static void
feed(struct sse *in, bool peek, const char *bytes, size_t len, struct buf *got)
{
	size_t taken = peek ? spell_peeked(in, bytes, len, got) : 0;
	/* a piece of its own memory, gone after the push */
	char *piece = malloc(len > taken ? len - taken : 1);

	assert_non_null(piece);
	memcpy(piece, bytes + taken, len - taken);
	if (sse_push(in, piece, len - taken) == -1) {
		free(piece);
		return;
	}
	free(piece);
	spell_ready(in, got);
}

static void
finish(struct sse *in, struct buf *got)
{
	struct sse_event ev;

	while (sse_finish(in, &ev) == 1)
		spell(got, &ev);
	buf_add_char(got, '.');
	sse_clear(in);
}

/* The events of a wire in one piece, in all halves, and byte by byte. */
static void
gives_so(
    bool peek, const char *wire, size_t len, size_t max_line, const char *want)
{
	struct buf got;
	struct sse in;

	buf_init(&got, 100000);
	for (size_t cut = 0; cut <= len; cut++) {
		buf_reset(&got);
		sse_init(&in, max_line);
		feed(&in, peek, wire, cut, &got);
		feed(&in, peek, wire + cut, len - cut, &got);
		finish(&in, &got);
		assert_string_equal(buf_str(&got), want);
	}
	for (size_t step = 1; step < 4; step++) {
		buf_reset(&got);
		sse_init(&in, max_line);
		for (size_t at = 0; at < len; at += step)
			feed(&in, peek, wire + at,
			    len - at < step ? len - at : step, &got);
		finish(&in, &got);
		assert_string_equal(buf_str(&got), want);
	}
	buf_clear(&got);
}

static void
gives(const char *wire, size_t len, size_t max_line, const char *want)
{
	gives_so(false, wire, len, max_line, want);
	gives_so(true, wire, len, max_line, want);
}

static void
lines_end_in_lf_crlf_or_cr(void **state)
{
	static const char *const wires[] = {
		"data: a\n\ndata: b\n\n",
		"data: a\r\n\r\ndata: b\r\n\r\n",
		"data: a\r\rdata: b\r\r",
		"data: a\n\r\ndata: b\r\r\n",
		"data: a\r\n\ndata: b\n\r",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++)
		gives(wires[i], strlen(wires[i]), MAX_LINE, "={a};={b};.");
}

static void
fields_are_read_as_the_standard_has_it(void **state)
{
	static const struct {
		const char *wire, *want;
	} cases[] = {
		{ "", "." },
		{ "\n\n\n", "." },
		{ "data:a\n\n", "={a};." },
		{ "data: a\n\n", "={a};." },
		{ "data:  a \n\n", "={ a };." },
		{ "data: a: b\n\n", "={a: b};." },
		{ "\xEF\xBB\xBF"
		  "data: a\n\n",
		    "={a};." },
		{ "\xEF\xBB\xBF\n"
		  "data: a\n\n",
		    "={a};." },
		{ "data: a\n\n\xEF\xBB\xBF"
		  "data: b\n\n",
		    "={a};." },
		{ "data: a\ndata: b\ndata:c\n\n", "={a\nb\nc};." },
		{ "data: a\ndata\n\n", "={a\n};." },
		{ "data\ndata: a\n\n", "={\na};." },
		{ "data: a\n: hm\ndata: b\n\n", "={a\nb};." },
		{ ": ping\n\n:\n\ndata: a\n\n: OPENROUTER\n\n", "={a};." },
		{ "data\n\ndata:\n\ndata: \n\ndata: a\n\n", "={a};." },
		{ "id: 1\nretry: 9\nfoo: x\nbar\ndata: a\nid\n\n", "={a};." },
		{ "event: e\ndata: a\n\ndata: b\n\n", "e={a};={b};." },
		{ "data: a\nevent:e\n\n", "e={a};." },
		{ "event: e\n\ndata: b\n\n", "={b};." },
		{ "event: e\nevent: f\ndata: b\n\n", "f={b};." },
		{ "event: e\nevent\ndata: b\n\n", "={b};." },
		{ "error: {\"x\":1}\n\ndata: a\n\n", "={{\"x\":1}}!;={a};." },
		{ "event: error\ndata: up\n\n", "error={up};." },
		{ "Data: a\n\n datum: x\n\ndata : b\n\n", "." },
		{ "{\"error\":{\"message\":\"x\"}}\n\n", "." },
		{ "<html>\n\n", "." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		gives(cases[i].wire, strlen(cases[i].wire), MAX_LINE,
		    cases[i].want);
}

static void
what_the_end_of_input_cuts_is_given_as_cut(void **state)
{
	static const struct {
		const char *wire, *want;
	} cases[] = {
		{ "data: a\n\ndata: b\n", "={a};={b}~;." },
		{ "data: a\n\ndata: b", "={a};={b}~;." },
		{ "data: a\n\ndata: b\r", "={a};={b}~;." },
		{ "data: a\ndata: b", "={a\nb}~;." },
		{ "event: e\ndata: b", "e={b}~;." },
		{ "data: a\nevent: e", "e={a}~;." },
		{ "error: b", "={b}!~;." },
		{ "\xEF\xBB\xBF"
		  "data: b",
		    "={b}~;." },
		{ "data: a\n\ndat", "={a};." },
		{ "data: a\n\ndata:", "={a};." },
		{ "event: e", "." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		gives(cases[i].wire, strlen(cases[i].wire), MAX_LINE,
		    cases[i].want);
}

static void
nul_bytes_are_data_like_any_other(void **state)
{
	struct sse_event ev;
	struct sse in;

	(void)state;
	sse_init(&in, MAX_LINE);
	assert_int_equal(sse_push(&in, "data: a\0b\n\n", 11), 0);
	assert_int_equal(sse_next(&in, &ev), 1);
	assert_int_equal(ev.len, 3);
	assert_memory_equal(ev.data, "a\0b", 3);
	assert_int_equal(sse_next(&in, &ev), 0);
	sse_clear(&in);
}

static void
a_line_or_event_may_be_as_long_as_the_limit_and_not_longer(void **state)
{
	(void)state;
	gives("data: 456789\n\ndata: a\n\n", 23, 12, "={456789};={a};.");
	gives("data: a\n\ndata: 4567890\n\n", 24, 12, "={a};#.");
	gives("data: a\n\n:123456789012\n\n", 24, 12, "={a};#.");
	gives("data:1234\ndata:6789\ndata:1\n\n", 28, 11, "={1234\n6789\n1};.");
	gives("data:1234\ndata:6789\ndata:12\n\n", 29, 11, "#.");
	gives("data:1234567890", 15, 12, "#.");
}

static void
a_failed_reader_stays_failed(void **state)
{
	struct sse_event ev;
	struct sse in;

	(void)state;
	sse_init(&in, 4);
	assert_int_equal(sse_push(&in, "data: a\n\n", 9), 0);
	assert_int_equal(sse_next(&in, &ev), -1);
	assert_int_equal(sse_next(&in, &ev), -1);
	assert_int_equal(sse_push(&in, "\n", 1), -1);
	assert_int_equal(sse_finish(&in, &ev), -1);
	sse_clear(&in);
}

static void
data_on_one_line_is_lent_and_not_copied(void **state)
{
	struct sse_event ev;
	struct sse in;

	(void)state;
	sse_init(&in, MAX_LINE);
	assert_int_equal(sse_push(&in, "data: abc\n\n", 11), 0);
	assert_int_equal(sse_next(&in, &ev), 1);
	assert_ptr_equal(ev.data, in.bytes.data + 6);
	assert_null(in.data.data);
	sse_clear(&in);
}

static void
only_a_whole_line_between_events_is_peeked_at(void **state)
{
	static const char event[] = "data: abc\n\ndata: d\n\n";
	static const struct {
		const char *pushed, *bytes;
		size_t taken;
	} cases[] = {
		{ "data: x\n\n", event, 11 },
		{ "event: x\ndata: x\n\n", event, 11 },
		{ ":\n", event, 11 },
		{ "", event, 0 }, /* a mark may come */
		{ "data: x\n\ndat", event, 0 },
		{ "data: x\n\nevent: error\n", event, 0 },
		{ "event: error\n", event, 0 },
		{ "data: x\n\ndata: y\n", event, 0 },
		{ "data: x\r\n\r", event, 0 },
		{ "data: x\n\n", "data: abc\n", 0 },
		{ "data: x\n\n", "data: abc\n\r\n", 0 },
		{ "data: x\n\n", "data: abc\ndata: d\n\n", 0 },
		{ "data: x\n\n", "data:abc\n\n", 0 },
		{ "data: x\n\n", "event: x\n\n", 0 },
		{ "data: x\n\n", "data: 123456789012345\n\n", 0 },
	};
	struct sse_event ev;
	const char *data;
	struct sse in;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *bytes = cases[i].bytes;

		sse_init(&in, 20);
		assert_int_equal(
		    sse_push(&in, cases[i].pushed, strlen(cases[i].pushed)), 0);
		while (sse_next(&in, &ev) == 1)
			continue;
		assert_int_equal(
		    sse_peek(&in, bytes, strlen(bytes), &data, &len),
		    cases[i].taken);
		if (cases[i].taken > 0) {
			assert_ptr_equal(data, bytes + 6);
			assert_int_equal(len, 3);
		}
		sse_clear(&in);
	}
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What would take hours if any byte were looked at again and again. */
static void
time_is_linear_however_the_wire_is_cut(void **state)
{
	const size_t len = 4 * 1024 * 1024;
	static const char *const fills[] = { "x", "\r", "\n", "data\r",
		"data: y\r\r", "data: y\n\n" };
	char *wire = malloc(len);
	double began = seconds();
	struct sse_event ev;
	struct sse in;

	(void)state;
	assert_non_null(wire);
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		size_t n = strlen(fills[i]);

		for (size_t at = 0; at < len; at++)
			wire[at] = fills[i][at % n];
		for (size_t piece = 17; piece <= len; piece *= 500) {
			sse_init(&in, len);
			for (size_t at = 0; at < len; at += piece) {
				assert_int_equal(
				    sse_push(&in, wire + at,
					len - at < piece ? len - at : piece),
				    0);
				while (sse_next(&in, &ev) == 1)
					continue;
			}
			sse_clear(&in);
		}
	}
	free(wire);
	assert_true(seconds() - began < 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_in_lf_crlf_or_cr),
		cmocka_unit_test(fields_are_read_as_the_standard_has_it),
		cmocka_unit_test(what_the_end_of_input_cuts_is_given_as_cut),
		cmocka_unit_test(nul_bytes_are_data_like_any_other),
		cmocka_unit_test(
		    a_line_or_event_may_be_as_long_as_the_limit_and_not_longer),
		cmocka_unit_test(a_failed_reader_stays_failed),
		cmocka_unit_test(data_on_one_line_is_lent_and_not_copied),
		cmocka_unit_test(only_a_whole_line_between_events_is_peeked_at),
		cmocka_unit_test(time_is_linear_however_the_wire_is_cut),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
