/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an upstream's answer: what comes out must be legal, and must
 * not depend on where the answer is cut.  The last two bytes are options, so
 * that recorded answers are good seeds as they are.
 */
#include "translate/reply/stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/strict_stream.c"
#include "translate/reply/terms.h"
#include "wire/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	COLLECT = 1,
	SHOW_THINKING = 2,
	OMIT_THINKING = 4,
	HAS_TOOLS = 8,
	HAS_STOP = 16,
	ONE_CALL = 32,
	SEARCH = 64,
	IMPLICIT_THINK = 128,
	PREFILL = 256,
	IGNORE_REASONING = 512,
	ABORT = 1024,
	PING_FIRST = 2048,
	SMALL_REPLY = 4096,
};

static void
count_up(void *cookie, char *out, size_t len)
{
	unsigned rest = ++*(unsigned *)cookie;

	for (size_t i = len; i > 0; i--, rest /= 10)
		out[i - 1] = (char)('0' + rest % 10);
}

static void
set_terms(struct reply_terms *terms, unsigned options)
{
	static char model[] = "m", prefill[] = "He", query[] = "q",
		    add[] = "add", glob[] = "glob", glob2[] = "glob_all",
		    weather[] = "get_weather", stop1[] = "st", stop2[] = "o",
		    used[] = "call_1";
	static struct reply_tool tools[] = { { add, add, NULL },
		{ weather, weather, NULL }, { glob, glob, "browser" },
		{ glob2, glob2, NULL } };
	static char *stops[] = { stop1, stop2 }, *ids[] = { used };

	*terms = (struct reply_terms){
		.model_body = model,
		.stream = (options & COLLECT) == 0,
		.show_thinking = (options & SHOW_THINKING) != 0,
		.omit_thinking_text = (options & OMIT_THINKING) != 0,
		.think_tags_implicit = (options & IMPLICIT_THINK) != 0,
		.ignore_reasoning = (options & IGNORE_REASONING) != 0,
		.one_call_only = (options & ONE_CALL) != 0,
		.context_management = true,
		.local_stop = (options & HAS_STOP) != 0,
		.stop = stops,
		.n_stop = options & HAS_STOP ? 2 : 0,
		.tools = tools,
		.n_tools = options & HAS_TOOLS ? 4 : 0,
		.history_ids = ids,
		.n_history_ids = 1,
		.prefill = options & PREFILL ? prefill : NULL,
		.search_query = options & SEARCH ? query : NULL,
		.input_tokens = 7,
	};
}

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Beyond the grammar (but cJSON cuts texts at a NUL): no blank text, which
 * clients refuse to send back, and no tool input that is cut, unless the answer
 * was. */
static void
check_blocks(const struct strict_stream *strict)
{
	const char *reason = text_of(strict->delta, "stop_reason");
	const cJSON *block;

	cJSON_ArrayForEach(block, strict->content) {
		const char *text = text_of(block, "text");

		if (text != NULL)
			must(text[strspn(text, " \t\r\n\f")] != '\0');
		if (strict->is_stopped && member(block, "broken") != NULL)
			must(strcmp(reason, "max_tokens") == 0 ||
			     strcmp(reason, "model_context_window_exceeded") ==
				 0);
	}
}

static void
check_message(struct stream *s, enum stream_state state)
{
	static const struct json_limits deep = { 900, 10000000 };
	struct fault why;
	struct buf message;

	buf_init(&message, (size_t)1 << 30);
	fault_clear(&why);
	if (state == STREAM_ENDED) {
		must(stream_message(s, &message, &why) == 0);
		must(utf8_is_valid(message.data, message.len));
		must(json_check(message.data, message.len, '{', &deep) == 0);
	}
	buf_clear(&message);
}

static void
check_events(struct stream *s, const struct buf *out, enum stream_state state)
{
	struct strict_stream strict;

	if (!stream_started(s)) {
		must(state == STREAM_FAILED && out->len == 0);
		return;
	}
	strict_read(&strict, buf_str(out), out->len, true);
	if (strict.bad[0] != '\0')
		fprintf(stderr, "%s\n%s\n", strict.bad, buf_str(out));
	must(strict.bad[0] == '\0');
	must(strict.is_stopped == (state == STREAM_ENDED));
	if (strstr(buf_str(out), "\\u0000") == NULL)
		check_blocks(&strict);
	strict_clear(&strict);
}

/* Plays the answer whole (`seed` 0) or in small pieces. */
static void
play(const char *text, size_t len, unsigned options, unsigned seed,
    struct buf *out)
{
	unsigned n = 0;
	struct reply_terms terms;
	struct stream_env env = {
		.message_id = "msg_1",
		.request_id = "req_1",
		.random_text = count_up,
		.cookie = &n,
		.max_line_bytes = 1 << 16,
		.max_reply_bytes = options & SMALL_REPLY ? 2000 : 1 << 20,
		.client_model = "m",
	};
	struct fault cause = { .kind = FAULT_TIMEOUT };
	enum stream_state state = STREAM_OPEN;
	struct stream *s;

	set_terms(&terms, options);
	must((s = stream_new(&terms, &env)) != NULL);
	if (options & PING_FIRST)
		stream_ping(s, out);
	for (size_t at = 0, size; at < len && state == STREAM_OPEN;
	     at += size) {
		char *piece;

		size = len - at;
		if (seed != 0) {
			seed = seed * 1103515245 + 12345;
			if (size > 1 + (seed >> 16) % 40)
				size = 1 + (seed >> 16) % 40;
		}
		/* Memory of its own, so that a borrowed byte is found. */
		must((piece = malloc(size)) != NULL);
		memcpy(piece, text + at, size);
		state = stream_push(s, piece, size, out);
		free(piece);
	}
	if (state == STREAM_OPEN)
		state = options & ABORT ? stream_abort(s, &cause, out)
					: stream_finish(s, out);
	must(state != STREAM_OPEN);
	must((stream_fault(s)->kind != FAULT_NONE) == (state == STREAM_FAILED));
	must(utf8_is_valid(
	    stream_fault(s)->message, strlen(stream_fault(s)->message)));
	if (options & COLLECT) {
		must(out->len == 0);
		check_message(s, state);
	} else {
		check_events(s, out, state);
	}
	stream_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;
	unsigned options;

	if (size < 2)
		return 0;
	size -= 2;
	options = data[size] | (unsigned)data[size + 1] << 8;
	buf_init(&whole, (size_t)1 << 30);
	buf_init(&cut, (size_t)1 << 30);
	play((const char *)data, size, options, 0, &whole);
	play((const char *)data, size, options, 1 + (unsigned)size, &cut);
	/* A ceiling is met earlier by larger pieces. */
	if ((options & SMALL_REPLY) == 0)
		must(whole.len == cut.len &&
		     memcmp(buf_str(&whole), buf_str(&cut), cut.len) == 0);
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
