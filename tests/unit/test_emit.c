/* SPDX-License-Identifier: MIT */
#include "wire/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../golden/strict_stream.c"
#include "wire/fault.h"

static const struct emit_head head = { "msg_1", "req_1", "m\\\"x", false };
static const struct emit_usage usage = { 3, 4, 1, 2, -1, 0, "standard",
	"standard" };
static const struct emit_end good = { .stop_reason = "end_turn" };
static const struct emit_tool tool = { "tool_use", "id", "name", NULL };

static struct json_slice
slice(const char *text)
{
	return (struct json_slice){ text, strlen(text) };
}

/* Calls one of the functions, whatever state the sink is in. */
static void
call(struct emit *e, unsigned which, const struct emit_tool *with)
{
	struct fault why = { .kind = FAULT_INTERNAL, .message = "x" };

	switch (which) {
	case 0:
		emit_start(e, &usage);
		break;
	case 1:
		emit_ping(e);
		break;
	case 2:
		emit_text(e, slice("t\\ud83d"));
		break;
	case 3:
		emit_thought(e, slice("h"));
		break;
	case 4:
		emit_open_thinking(e);
		break;
	case 5:
		emit_signature(e, "tp1.x");
		break;
	case 6:
		emit_citation(e, slice("{\"type\":\"c\"}"));
		break;
	case 7:
		emit_open_tool(e, with);
		break;
	case 8:
		emit_input(e, slice("{}"));
		break;
	case 9:
		emit_whole(e,
		    slice("{\"type\":\"redacted_thinking\",\"data\":\"d\"}"));
		break;
	case 10:
		emit_close(e);
		break;
	case 11:
		emit_end(e, &good, &usage);
		break;
	default:
		emit_error(e, &why);
	}
}

static void
no_order_of_calls_gives_an_illegal_stream(void **state)
{
	struct strict_stream strict;
	unsigned seed = 1;
	char id[16];
	struct emit_tool with = tool;
	struct buf out;
	struct emit e;

	(void)state;
	with.id = id;
	for (int round = 0; round < 3000; round++) {
		buf_init(&out, SIZE_MAX / 2);
		emit_init(&e, &head, false, 100000);
		emit_to(&e, &out);
		for (int i = 0; i < 40; i++) {
			seed = seed * 1103515245 + 12345;
			snprintf(id, sizeof(id), "id_%d", i);
			/* ends are rare, or nothing would come of it */
			call(&e, (seed >> 16) % (i < 30 ? 11 : 13), &with);
		}
		strict_read(&strict, buf_str(&out), out.len, false);
		/* a tool's second input is the caller's own fault */
		assert_string_equal(strict.bad, "");
		strict_clear(&strict);
		emit_clear(&e);
		buf_clear(&out);
	}
}

static void
a_message_has_every_member(void **state)
{
	static const char *const members[] = { "\"id\":\"msg_1\"",
		"\"type\":\"message\"", "\"role\":\"assistant\"",
		"\"model\":\"m\\\"x\"", "\"stop_sequence\":null",
		"\"stop_details\":null", "\"container\":null",
		"\"diagnostics\":null",
		"{\"type\":\"thinking\",\"thinking\":\"h\","
		"\"signature\":\"tp1.x\"}",
		"{\"type\":\"text\",\"text\":\"t\",\"citations\":[1,2]}",
		"\"input\":{\"a\":\"\\n\"}", "\"input\":{}",
		"\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
		"\"ephemeral_1h_input_tokens\":0}",
		"\"server_tool_use\":null", "\"inference_geo\":null" };
	static const struct json_limits limits_of_all = { 100, 1000 };
	struct emit e;

	(void)state;
	emit_init(&e, &head, true, 100000);
	emit_thought(&e, slice("h"));
	emit_signature(&e, "tp1.x");
	emit_text(&e, slice("t"));
	emit_citation(&e, slice("1"));
	emit_citation(&e, slice("2"));
	emit_open_tool(&e, &tool);
	emit_input(&e, slice("{\\\"a\\\":"));
	emit_input(&e, slice("\\\"\\\\n\\\"}"));
	emit_open_tool(&e, &tool);
	emit_end(&e, &good, &usage);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_non_null(strstr(buf_str(&e.message), members[i]));
	assert_int_equal(
	    json_check(e.message.data, e.message.len, '{', &limits_of_all), 0);
	emit_clear(&e);
}

static void
a_thinking_block_is_always_signed(void **state)
{
	struct buf out;
	struct emit e;

	(void)state;
	buf_init(&out, 100000);
	emit_init(&e, &head, false, 100000);
	emit_to(&e, &out);
	emit_start(&e, &usage);
	emit_thought(&e, slice("h"));
	emit_text(&e, slice("t"));
	assert_non_null(strstr(buf_str(&out),
	    "{\"type\":\"signature_delta\",\"signature\":\"tp1.e30\"}"));
	emit_clear(&e);
	buf_clear(&out);
}

static void
nothing_is_written_before_the_start(void **state)
{
	struct buf out;
	struct emit e;

	(void)state;
	for (unsigned which = 1; which < 13; which++) {
		buf_init(&out, 100000);
		emit_init(&e, &head, false, 100000);
		emit_to(&e, &out);
		call(&e, which, &tool);
		assert_int_equal(out.len, 0);
		emit_clear(&e);
		buf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_of_calls_gives_an_illegal_stream),
		cmocka_unit_test(a_message_has_every_member),
		cmocka_unit_test(a_thinking_block_is_always_signed),
		cmocka_unit_test(nothing_is_written_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
