/* SPDX-License-Identifier: MIT */
#ifndef UPSTREAM_ANSWER_H
#define UPSTREAM_ANSWER_H

/* For tests of replies: an upstream's answer spelled in macros, played to a
 * stream, and what came out spelled as one line. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/strict_stream.c"
#include "translate/reply/terms.h"
#include "translate/reply/stream.h"
#include "wire/buf.h"

#define CHUNK(inner)  "data: {\"choices\":[{\"index\":0," inner "}]}\n\n"
#define DELTA(inner)  CHUNK("\"delta\":{" inner "}")
#define TEXT(text)    DELTA("\"content\":\"" text "\"")
#define THOUGHT(text) DELTA("\"reasoning_content\":\"" text "\"")
#define CALL(inner)   DELTA("\"tool_calls\":[{" inner "}]")
#define ARGS(index, text)                                                      \
	CALL("\"index\":" index ",\"function\":{\"arguments\":\"" text "\"}")
#define BEGIN_CALL(index, id, name)                                            \
	CALL("\"index\":" index ",\"id\":\"" id                                \
	     "\",\"function\":{\"name\":\"" name "\",\"arguments\":\"\"}")
#define WHOLE_CALL(index, id, name, text)                                      \
	CALL("\"index\":" index ",\"id\":\"" id                                \
	     "\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" text    \
	     "\"}")
#define FINISH(word) CHUNK("\"delta\":{},\"finish_reason\":\"" word "\"")
#define USAGE(inner) "data: {\"choices\":[],\"usage\":{" inner "}}\n\n"
#define DONE	     "data: [DONE]\n\n"
#define MESSAGE(inner, word)                                                   \
	"{\"choices\":[{\"index\":0,\"message\":{" inner                       \
	"},\"finish_reason\":\"" word "\"}]}"

static char answer_model[] = "m";
static struct reply_terms answer_terms; /* what the request asked for */
static struct strict_stream answer;	/* the last one, put together */
static struct fault answer_fault;	/* where nothing was begun */
static struct stream_usage answer_usage_told;
static struct buf answer_events;
static size_t answer_used; /* bytes that were taken before the end */

static void
answer_random(void *cookie, char *out, size_t len)
{
	unsigned rest = ++*(unsigned *)cookie;

	for (size_t i = len; i > 0; i--, rest /= 10)
		out[i - 1] = (char)('0' + rest % 10);
}

static unsigned answer_count;
static struct stream_env answer_env = {
	.message_id = "msg_1",
	.request_id = "req_1",
	.random_text = answer_random,
	.cookie = &answer_count,
	.max_line_bytes = 1 << 20,
	.max_reply_bytes = 1 << 24,
	.client_model = "m",
};

static int
answer_setup(void **state)
{
	(void)state;
	answer_terms = (struct reply_terms){ .model_body = answer_model,
		.stream = true,
		.show_thinking = true,
		.input_tokens = 7 };
	answer_env.max_line_bytes = 1 << 20;
	answer_env.max_reply_bytes = 1 << 24;
	answer_count = 0;
	buf_init(&answer_events, SIZE_MAX / 2);
	return 0;
}

static int
answer_teardown(void **state)
{
	(void)state;
	strict_clear(&answer);
	buf_clear(&answer_events);
	return 0;
}

static const char *
answer_member(const cJSON *object, const char *key)
{
	const cJSON *item = member(object, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static void
answer_spell_block(struct buf *line, const cJSON *block)
{
	const char *type = answer_member(block, "type");
	const cJSON *input = member(block, "input");
	char *text;

	if (strcmp(type, "text") == 0) {
		buf_printf(line, "text(%s) ", answer_member(block, "text"));
	} else if (strcmp(type, "thinking") == 0) {
		buf_printf(
		    line, "think(%s) ", answer_member(block, "thinking"));
	} else if (strstr(type, "tool_use") != NULL) {
		text = member(block, "rawInput") != NULL
			   ? strdup(answer_member(block, "rawInput"))
			   : cJSON_PrintUnformatted(input);
		buf_printf(line, "%s(%s,%s) ",
		    strcmp(type, "tool_use") == 0 ? "tool" : type,
		    answer_member(block, "name"), text);
		free(text);
	} else {
		buf_printf(line, "%s ", type);
	}
}

static const char *
answer_spell(void)
{
	static struct buf line;
	const cJSON *block;

	buf_clear(&line);
	buf_init(&line, SIZE_MAX / 2);
	if (answer.bad[0] != '\0')
		buf_printf(&line, "BAD: %s ", answer.bad);
	cJSON_ArrayForEach(block, answer.content)
		answer_spell_block(&line, block);
	if (answer_fault.kind != FAULT_NONE)
		buf_printf(&line, "status %d: %s",
		    fault_status(answer_fault.kind), answer_fault.message);
	else if (answer.error != NULL)
		buf_printf(&line, "%s: %s", answer_member(answer.error, "type"),
		    answer_member(answer.error, "message"));
	else
		buf_add_str(&line, answer_member(answer.delta, "stop_reason"));
	return buf_str(&line);
}

static void
answer_read_message(struct stream *s)
{
	const cJSON *block;
	struct buf text;
	cJSON *message;

	strict_clear(&answer);
	strict_read(&answer, "", 0, false);
	buf_init(&text, SIZE_MAX / 2);
	stream_message(s, &text, &answer_fault);
	message = cJSON_Parse(buf_str(&text));
	buf_clear(&text);
	if (message == NULL) {
		bad(&answer, "the message is no JSON");
		return;
	}
	cJSON_ArrayForEach(block, member(message, "content")) {
		strict_block(&answer, block);
		cJSON_AddItemToArray(answer.content, cJSON_Duplicate(block, 1));
	}
	answer.usage = cJSON_DetachItemFromObject(message, "usage");
	answer.delta = message;
}

/* Plays bytes and then their end, or `cause` in place of the end. */
static const char *
answer_play(const char *bytes, size_t len, const struct fault *cause)
{
	struct stream *s = stream_new(&answer_terms, &answer_env);
	enum stream_state state = STREAM_OPEN;
	size_t at = 0, next;

	strict_clear(&answer);
	buf_reset(&answer_events);
	fault_clear(&answer_fault);
	while (at < len && state == STREAM_OPEN) {
		/* an event at a time, to see where the answer ends */
		const char *mark = strstr(bytes + at, "\n\n");

		next = mark == NULL ? len : (size_t)(mark - bytes) + 2;
		state = stream_push(s, bytes + at, next - at, &answer_events);
		at = next;
	}
	answer_used = at;
	if (state == STREAM_OPEN)
		state = cause == NULL ? stream_finish(s, &answer_events)
				      : stream_abort(s, cause, &answer_events);
	answer_usage_told = *stream_usage(s);
	if (state == STREAM_FAILED && !stream_started(s)) {
		answer_fault = *stream_fault(s);
		strict_read(
		    &answer, buf_str(&answer_events), answer_events.len, false);
	} else if (!answer_terms.stream) {
		answer_read_message(s);
	} else {
		strict_read(
		    &answer, buf_str(&answer_events), answer_events.len, true);
	}
	stream_free(s);
	return answer_spell();
}

#define PLAY(bytes)	    answer_play((bytes), strlen(bytes), NULL)
#define BREAK(bytes, cause) answer_play((bytes), strlen(bytes), (cause))
#define REST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, answer_setup, answer_teardown)

#endif
