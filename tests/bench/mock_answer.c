/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "mock_answer.h"
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 60000

#define CHUNK_BEFORE                                                           \
	"data: {\"id\":\"chatcmpl-mock\","                                     \
	"\"object\":\"chat.completion.chunk\",\"created\":1700000000,"         \
	"\"model\":\"mock\",\"system_fingerprint\":\"fp_1\","                  \
	"\"choices\":[{\"index\":0,\"delta\":"
#define CHUNK_AFTER(finish)                                                    \
	",\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"

void
answer_plan_defaults(struct answer_plan *plan)
{
	*plan = (struct answer_plan){
#define X(letter, member, standard) .member = standard,
		ANSWER_LETTERS(X)
#undef X
	};
}

static long *
member_of(struct answer_plan *plan, char letter)
{
#define X(name, member, standard)                                              \
	if (letter == #name[0])                                                \
		return &plan->member;
	ANSWER_LETTERS(X)
#undef X
	return NULL;
}

void
answer_plan_parse(struct answer_plan *plan, const char *text, const char *end)
{
	while (text < end && *text != '"') {
		long *member = member_of(plan, *text);

		if (member != NULL && end - text > 2 && text[1] == '=')
			*member = strtol(text + 2, NULL, 10);
		while (text < end && *text != ',' && *text != '"')
			text++;
		if (text < end && *text == ',')
			text++;
	}
}

long
answer_steps(const struct answer_plan *plan)
{
	return 1 + plan->chunks + plan->calls * (1 + plan->pieces) + 1 +
	       (plan->usage ? 1 : 0) + 1;
}

static void
add_stamp(struct queue *out)
{
	queue_add(out, "@", 1);
	queue_add_number(out, now_ns());
	queue_add(out, "@", 1);
}

static void
add_words(const struct answer_plan *plan, struct queue *out)
{
	static const char plain[] = "lorem ipsum dolor sit amet, ";
	static const char escaped[] = "a\\n b\\\"c\\u00e9 \\t";
	const char *words = plan->escapes ? escaped : plain;
	size_t turn = plan->escapes ? sizeof(escaped) - 1 : sizeof(plain) - 1;
	size_t left = plan->bytes < 0	       ? 0
		      : plan->bytes > TEXT_MAX ? TEXT_MAX
					       : (size_t)plan->bytes;

	if (plan->escapes) /* an escape is never cut */
		left -= left % turn;
	for (; left > turn; left -= turn)
		queue_add(out, words, turn);
	queue_add(out, words, left);
}

static void
add_call(const struct answer_plan *plan, long step, struct queue *out)
{
	long call = step / (1 + plan->pieces),
	     piece = step % (1 + plan->pieces);
	char text[200];

	queue_add_text(out, CHUNK_BEFORE);
	if (piece == 0) {
		snprintf(text, sizeof(text),
		    "{\"tool_calls\":[{\"index\":%ld,\"id\":\"call_%ld\","
		    "\"type\":\"function\",\"function\":{\"name\":"
		    "\"get_weather\",\"arguments\":\"\"}}]}",
		    call, call);
		queue_add_text(out, text);
	} else {
		snprintf(text, sizeof(text),
		    "{\"tool_calls\":[{\"index\":%ld,"
		    "\"function\":{\"arguments\":\"%s",
		    call, piece == 1 ? "{\\\"city\\\":\\\"" : "");
		queue_add_text(out, text);
		add_stamp(out);
		add_words(plan, out);
		queue_add_text(
		    out, piece == plan->pieces ? "\\\"}\"}}]}" : "\"}}]}");
	}
	queue_add_text(out, CHUNK_AFTER("null"));
}

static void
add_usage(const struct answer_plan *plan, struct queue *out)
{
	queue_add_text(out,
	    "data: {\"id\":\"chatcmpl-mock\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
	    "\"model\":\"mock\",\"choices\":[],"
	    "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":");
	queue_add_number(out, (uint64_t)plan->chunks);
	queue_add_text(out, ",\"total_tokens\":");
	queue_add_number(out, (uint64_t)plan->chunks + 11);
	queue_add_text(out, "}}\n\n");
}

static void
add_event(const struct answer_plan *plan, long step, struct queue *out)
{
	long calls = plan->calls * (1 + plan->pieces);

	if (step == 0) {
		queue_add_text(out, CHUNK_BEFORE
		    "{\"role\":\"assistant\",\"content\":\"\"}" CHUNK_AFTER(
			"null"));
	} else if (step <= plan->chunks) {
		queue_add_text(out, CHUNK_BEFORE "{\"content\":\"");
		add_stamp(out);
		add_words(plan, out);
		queue_add_text(out, "\"}" CHUNK_AFTER("null"));
	} else if ((step -= 1 + plan->chunks) < calls) {
		add_call(plan, step, out);
	} else if ((step -= calls) == 0) {
		queue_add_text(out, CHUNK_BEFORE "{}");
		queue_add_text(out, plan->calls > 0
					? CHUNK_AFTER("\"tool_calls\"")
					: CHUNK_AFTER("\"stop\""));
	} else if (step == 1 && plan->usage) {
		add_usage(plan, out);
	} else {
		queue_add_text(out, "data: [DONE]\n\n");
	}
}

void
answer_add_step(const struct answer_plan *plan, long step, struct queue *out)
{
	static const char blank[] = "00000\r\n";
	size_t start = queue_waiting(out), len;
	char size[8];

	queue_add(out, blank, sizeof(blank) - 1);
	add_event(plan, step, out);
	len = queue_waiting(out) - start - (sizeof(blank) - 1);
	snprintf(size, sizeof(size), "%05zx", len & 0xFFFFF);
	memcpy(queue_front(out) + start, size, 5);
	queue_add(out, "\r\n", 2);
	if (step + 1 == answer_steps(plan))
		queue_add_text(out, "0\r\n\r\n");
}

void
answer_add_head(bool keep_alive, struct queue *out)
{
	queue_add_text(out, "HTTP/1.1 200 OK\r\n"
			    "Content-Type: text/event-stream\r\n"
			    "Cache-Control: no-cache\r\n"
			    "Transfer-Encoding: chunked\r\n");
	queue_add_text(out, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

static void
add_message(const struct answer_plan *plan, struct queue *out)
{
	char call[200];

	queue_add_text(out,
	    "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\","
	    "\"created\":1700000000,\"model\":\"mock\",\"choices\":["
	    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
	add_stamp(out);
	for (long i = 0; i < plan->chunks; i++)
		add_words(plan, out);
	queue_add_text(out, "\"");
	for (long i = 0; i < plan->calls; i++) {
		snprintf(call, sizeof(call),
		    "%s{\"id\":\"call_%ld\",\"type\":\"function\","
		    "\"function\":{\"name\":\"get_weather\","
		    "\"arguments\":\"{\\\"city\\\":\\\"Paris\\\"}\"}}",
		    i > 0 ? "," : ",\"tool_calls\":[", i);
		queue_add_text(out, call);
	}
	queue_add_text(out, plan->calls > 0
				? "]},\"finish_reason\":\"tool_calls\"}]"
				: "},\"finish_reason\":\"stop\"}]");
	queue_add_text(out, ",\"usage\":{\"prompt_tokens\":11,"
			    "\"completion_tokens\":20,\"total_tokens\":31}}");
}

void
answer_add_whole(
    const struct answer_plan *plan, bool keep_alive, struct queue *out)
{
	struct queue body = { 0 };
	char head[256];

	if (plan->status != 0)
		queue_add_text(&body,
		    "{\"error\":{\"message\":\"an error of the mock\","
		    "\"type\":\"invalid_request_error\",\"code\":null}}");
	else
		add_message(plan, &body);
	snprintf(head, sizeof(head),
	    "HTTP/1.1 %ld %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n%s\r\n",
	    plan->status != 0 ? plan->status : 200,
	    plan->status != 0 ? "Error" : "OK", body.len,
	    keep_alive ? "" : "Connection: close\r\n");
	queue_add_text(out, head);
	queue_add(out, body.data, body.len);
	queue_clear(&body);
}
