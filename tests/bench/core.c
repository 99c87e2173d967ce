/* SPDX-License-Identifier: MIT */
/*
 * How fast the pure core is by itself: streams of one kind of chunk, and
 * requests of some sizes.  Links core.a alone.
 *
 *   core                      the whole table
 *   core -k plain -s 5 [-w]   five seconds of one kind, for a profile; -w
 *                             pushes 16 KiB at once instead of one event
 *   core -B 1000000 [-s 5]    one size of request
 */
#define _GNU_SOURCE
#include "bench.h"
#include "client_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "translate/dialect/dialect.h"
#include "translate/request/request.h"
#include "translate/reply/stream.h"
#include "wire/buf.h"

#define CHUNKS	   2000
#define PUSH_BYTES 16384
#define OUT_MAX	   ((size_t)256 << 20)

#define CHUNK(delta)                                                           \
	"data: {\"id\":\"chatcmpl-Bv3gH0wF0QvS6l2n\",\"object\":"              \
	"\"chat.completion.chunk\",\"created\":1763760000,\"model\":"          \
	"\"gpt-5.2\",\"service_tier\":\"default\",\"system_fingerprint\":"     \
	"\"fp_a1b2c3\",\"choices\":[{\"index\":0,\"delta\":" delta             \
	",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define END_CHUNK(reason)                                                      \
	"data: {\"id\":\"chatcmpl-Bv3gH0wF0QvS6l2n\",\"object\":"              \
	"\"chat.completion.chunk\",\"created\":1763760000,\"model\":"          \
	"\"gpt-5.2\",\"choices\":[{\"index\":0,\"delta\":{},"                  \
	"\"finish_reason\":\"" reason "\"}]}\n\n"
#define ROLE CHUNK("{\"role\":\"assistant\",\"content\":\"\"}")
#define ARGUMENTS(text)                                                        \
	CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"     \
	      "\"" text "\"}}]}")

/* A stream of one kind: `chunk` comes CHUNKS times between the other two, with
 * another text in place of each ~. */
static const struct kind {
	const char *name, *says, *before, *chunk, *after;
} kinds[] = {
	{ "plain", "text", ROLE, CHUNK("{\"content\":\"~\"}"),
	    END_CHUNK("stop") },
	{ "bare", "text, a bare chunk", "",
	    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"~\"},\"finish_reason\":null}]}\n\n",
	    END_CHUNK("stop") },
	{ "escapes", "text with escapes", ROLE,
	    CHUNK("{\"content\":\"\\n\\t\\\"k\\u00e9y~\\\": \\u2014,\\n\"}"),
	    END_CHUNK("stop") },
	{ "utf8", "text not in ASCII", ROLE,
	    CHUNK("{\"content\":\" \xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E "
		  "\xD1\x82\xD0\xB5\xD0\xBA\xD1\x81\xD1\x82~\"}"),
	    END_CHUNK("stop") },
	{ "padded", "text, random padding", ROLE,
	    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
	    "\"created\":1763760000,\"model\":\"gpt-5.2\",\"choices\":[{"
	    "\"index\":0,\"delta\":{\"content\":\"~\"},"
	    "\"finish_reason\":null}],\"obfuscation\":\"~\"}\n\n",
	    END_CHUNK("stop") },
	{ "reasoning", "reasoning", ROLE,
	    CHUNK("{\"reasoning_content\":\"~\"}"),
	    CHUNK("{\"content\":\"Yes.\"}") END_CHUNK("stop") },
	{ "details", "reasoning details", ROLE,
	    CHUNK("{\"role\":\"assistant\",\"content\":\"\",\"reasoning\":"
		  "\"~\",\"reasoning_details\":[{\"type\":"
		  "\"reasoning.text\",\"text\":\"~\",\"format\":"
		  "\"anthropic-claude-v1\",\"index\":0}]}"),
	    CHUNK("{\"content\":\"Yes.\"}") END_CHUNK("stop") },
	{ "tool", "tool arguments",
	    CHUNK("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
		  "\"index\":0,\"id\":\"call_a1\",\"type\":\"function\","
		  "\"function\":{\"name\":\"Write\",\"arguments\":\"\"}}]}")
		ARGUMENTS("{\\\"content\\\":\\\""),
	    ARGUMENTS("~"), ARGUMENTS("\\\"}") END_CHUNK("tool_calls") },
	{ "usage", "text, usage in each", ROLE,
	    "data: {\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\","
	    "\"created\":1763760000,\"model\":\"m\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"content\":\"~\"},"
	    "\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1200,"
	    "\"total_tokens\":1216,\"completion_tokens\":16,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":1024}}}\n\n",
	    END_CHUNK("stop") },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fill_text(void *cookie, char *out, size_t len)
{
	(void)cookie;
	memset(out, 'a', len);
}

static const struct stream_env env = {
	.message_id = "msg_0123456789abcdefghijkl",
	.request_id = "req_0123456789abcdefghijkl",
	.random_text = fill_text,
	.max_line_bytes = 16 << 20,
	.max_reply_bytes = OUT_MAX,
	.host = "127.0.0.1",
	.client_model = "claude-opus-5-5",
};

/* An answer and where it is cut: behind each event, or in equal pieces. */
struct answer {
	struct queue bytes;
	size_t *cuts;
	size_t n_cuts;
};

static void
add_chunk(struct queue *out, const char *chunk, size_t turn)
{
	static const char *const words[] = { " a", " block", " must", " end",
		" before", " the", " next", " one", " (see", " grammar", ")." };
	const char *mark;

	for (; (mark = strchr(chunk, '~')) != NULL; chunk = mark + 1) {
		queue_add(out, chunk, (size_t)(mark - chunk));
		queue_add_text(
		    out, words[turn++ % (sizeof(words) / sizeof(words[0]))]);
	}
	queue_add_text(out, chunk);
}

static void
answer_make(struct answer *a, const struct kind *kind, size_t piece)
{
	const char *blank;
	size_t at = 0, n;

	*a = (struct answer){ 0 };
	queue_add_text(&a->bytes, kind->before);
	for (size_t i = 0; i < CHUNKS; i++)
		add_chunk(&a->bytes, kind->chunk, i);
	queue_add_text(&a->bytes, kind->after);
	queue_add_text(&a->bytes, "data: [DONE]\n\n");
	a->cuts = calloc(a->bytes.len, sizeof(a->cuts[0]));
	if (a->cuts == NULL)
		die("out of memory");
	for (; at < a->bytes.len; at += n) {
		n = a->bytes.len - at;
		blank = memmem(a->bytes.data + at, n, "\n\n", 2);
		if (piece > 0 && piece < n)
			n = piece;
		else if (piece == 0 && blank != NULL)
			n = (size_t)(blank - a->bytes.data) + 2 - at;
		a->cuts[a->n_cuts++] = at + n;
	}
}

static void
answer_clear(struct answer *a)
{
	queue_clear(&a->bytes);
	free(a->cuts);
}

/* A whole answer through one stream. */
static void
run_stream(const struct answer *a, struct buf *out)
{
	static char model[] = "claude-opus-5-5", tool[] = "Write";
	static struct reply_tool tools[] = { { tool, tool, NULL } };
	static const struct reply_terms terms = { .model_body = model,
		.stream = true,
		.show_thinking = true,
		.tools = tools,
		.n_tools = 1 };
	struct stream *s = stream_new(&terms, &env);
	enum stream_state state = STREAM_OPEN;
	size_t at = 0;

	if (s == NULL)
		die("out of memory");
	for (size_t i = 0; i < a->n_cuts && state == STREAM_OPEN; i++) {
		buf_reset(out);
		state =
		    stream_push(s, a->bytes.data + at, a->cuts[i] - at, out);
		at = a->cuts[i];
	}
	if (state == STREAM_OPEN)
		state = stream_finish(s, out);
	if (state != STREAM_ENDED)
		die("the stream failed: %s", stream_fault(s)->message);
	stream_free(s);
}

/* Nanoseconds an event; the fastest of the rounds that fit into the time. */
static double
time_kind(const struct kind *kind, size_t piece, double run_s)
{
	struct answer answer;
	struct buf out;
	double begun = cpu_seconds(), from, best = 1e9;

	answer_make(&answer, kind, piece);
	buf_init(&out, OUT_MAX);
	do {
		from = cpu_seconds();
		run_stream(&answer, &out);
		if (cpu_seconds() - from < best)
			best = cpu_seconds() - from;
	} while (cpu_seconds() - begun < run_s);
	buf_clear(&out);
	answer_clear(&answer);
	return best * 1e9 / CHUNKS;
}

/* CPU milliseconds of a request's steps. */
struct request_times {
	double parse, translate, print, clear;
	size_t bytes, upstream_bytes;
};

static double
total_of(const struct request_times *t)
{
	return t->parse + t->translate + t->print + t->clear;
}

static void
run_request(const struct queue *body, struct request_times *t)
{
	struct request_rules rules = { 0 };
	struct profile configured, profile;
	struct request_context context = { .profile = &profile,
		.model = "gpt-5.2" };
	struct message_request request;
	struct translation translation;
	struct fault why = { 0 };
	struct buf out;
	double times[5];

	profile_defaults(&configured);
	dialect_resolve(&configured, "127.0.0.1", "gpt-5.2", &profile);
	buf_init(&out, OUT_MAX);
	times[0] = cpu_seconds();
	if (message_request_parse(
		&request, body->data, body->len, &rules, &why) == -1)
		die("the request: %s", why.message);
	times[1] = cpu_seconds();
	if (request_translate(&request, &context, &translation, &why) == -1)
		die("the translation: %s", why.message);
	times[2] = cpu_seconds();
	if (json_print(translation.body, &out) == -1)
		die("out of memory");
	times[3] = cpu_seconds();
	t->bytes = body->len;
	t->upstream_bytes = out.len;
	translation_clear(&translation);
	message_request_clear(&request);
	buf_clear(&out);
	times[4] = cpu_seconds();
	t->parse = (times[1] - times[0]) * 1e3;
	t->translate = (times[2] - times[1]) * 1e3;
	t->print = (times[3] - times[2]) * 1e3;
	t->clear = (times[4] - times[3]) * 1e3;
}

/* The median round by its total, of those that fit into the time. */
static struct request_times
time_request(size_t bytes, double run_s)
{
	struct request_times rounds[201], t;
	struct queue body = { 0 };
	double begun = cpu_seconds();
	size_t n = 0, at;

	client_body_add("claude-opus-5-5", true, bytes, &body);
	do {
		run_request(&body, &t);
		for (at = n++;
		     at > 0 && total_of(&rounds[at - 1]) > total_of(&t); at--)
			rounds[at] = rounds[at - 1];
		rounds[at] = t;
	} while (n < 3 || (n < sizeof(rounds) / sizeof(rounds[0]) &&
			      cpu_seconds() - begun < run_s));
	queue_clear(&body);
	return rounds[n / 2];
}

static void
print_kinds(double run_s)
{
	double one, many;

	printf("%-22s %14s %12s %14s %12s\n", "stream of", "ns, an event",
	    "events/s", "ns, 16 KiB", "events/s");
	printf("%-22s %14s %12s %14s %12s\n", "", "a push", "", "a push", "");
	for (size_t i = 0; i < N_KINDS; i++) {
		one = time_kind(&kinds[i], 0, run_s);
		many = time_kind(&kinds[i], PUSH_BYTES, run_s);
		printf("%-22s %14.0f %12.0f %14.0f %12.0f\n", kinds[i].says,
		    one, 1e9 / one, many, 1e9 / many);
		fflush(stdout);
	}
}

static void
print_requests(double run_s)
{
	static const size_t sizes[] = { 50000, 1000000, 10000000, 30000000 };
	struct request_times t;

	printf("\n%-22s %9s %9s %9s %9s %9s %9s\n", "request, CPU ms", "parse",
	    "translate", "print", "clear", "total", "ms/MB");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		t = time_request(sizes[i], run_s);
		printf("%6zu kB to %6zu kB   %9.3f %9.3f %9.3f %9.3f %9.3f "
		       "%9.2f\n",
		    t.bytes / 1000, t.upstream_bytes / 1000, t.parse,
		    t.translate, t.print, t.clear, total_of(&t),
		    total_of(&t) / ((double)t.bytes / 1e6));
		fflush(stdout);
	}
}

static void
one_kind(const char *name, size_t piece, double run_s)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0) {
			printf("%.0f ns an event\n",
			    time_kind(&kinds[i], piece, run_s));
			return;
		}
	fprintf(stderr, "the kinds are:");
	for (size_t i = 0; i < N_KINDS; i++)
		fprintf(stderr, " %s", kinds[i].name);
	die("%s", "");
}

int
main(int argc, char **argv)
{
	const char *kind = NULL;
	double run_s = 0.4;
	size_t piece = 0;
	long bytes = 0;
	int option;

	while ((option = getopt(argc, argv, "k:s:wB:")) != -1) {
		if (option == 'k')
			kind = optarg;
		else if (option == 's')
			run_s = seconds(optarg, "-s");
		else if (option == 'w')
			piece = PUSH_BYTES;
		else if (option == 'B')
			bytes = whole_number(optarg, "-B", 1, 100000000);
		else
			die("usage: core [-s seconds] [-k kind [-w]] "
			    "[-B bytes]");
	}
	if (kind != NULL) {
		one_kind(kind, piece, run_s);
	} else if (bytes > 0) {
		struct request_times t = time_request((size_t)bytes, run_s);

		printf("%.3f ms CPU\n", total_of(&t));
	} else {
		print_kinds(run_s);
		print_requests(run_s);
	}
	return 0;
}
