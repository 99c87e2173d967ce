/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/demo_answer.h"
#include "wire/fault.h"
#include "wire/json.h"

#define TOOLS                                                                  \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"            \
	"\"read\"}},{\"type\":\"function\",\"function\":{\"name\":"            \
	"\"mcp__a-b\"}}]"

static const struct demo_clock tick = { .created = 1700000000, .serial = 7 };
static const struct json_limits limits = { .max_depth = 100,
	.max_values = 100000 };

static void
ask(struct demo_answer *a, const char *body)
{
	demo_answer_make(a, body, strlen(body), &tick);
}

/* Asks one user text (JSON-escaped) with tools; the answer whole. */
static void
say(struct demo_answer *a, const char *text)
{
	char body[2000];

	snprintf(body, sizeof(body),
	    "{\"model\":\"m\"," TOOLS
	    ",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
	    text);
	ask(a, body);
	assert_int_equal(a->status, 200);
}

static void
holds(const struct demo_answer *a, const char *part)
{
	if (strstr(buf_str(&a->body), part) == NULL)
		fail_msg("no %s in %s", part, buf_str(&a->body));
}

static void
lacks(const struct demo_answer *a, const char *part)
{
	if (strstr(buf_str(&a->body), part) != NULL)
		fail_msg("%s in %s", part, buf_str(&a->body));
}

static void
the_last_user_text_is_echoed(void **state)
{
	struct demo_answer a;

	(void)state;
	ask(&a,
	    "{\"model\":\"m\",\"messages\":["
	    "{\"role\":\"user\",\"content\":\"first\"},"
	    "{\"role\":\"assistant\",\"content\":\"no\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"reminder\"},{\"type\":\"text\",\"text\":\"b\\u00fc\\u0000\\\"\"}"
	    "]}]}");
	assert_int_equal(a.status, 200);
	assert_false(a.is_stream);
	holds(&a, "You said: b\xc3\xbc\\u0000\\\"\"");
	holds(&a, "\"finish_reason\":\"stop\"");
	holds(&a, "\"model\":\"m\"");
	holds(&a, "\"usage\":{\"prompt_tokens\":");
	lacks(&a, "first");
	lacks(&a, "reminder");
	demo_answer_clear(&a);
}

static void
a_call_is_made_where_the_tool_is_offered(void **state)
{
	static const struct {
		const char *text, *name, *arguments;
	} cases[] = {
		{ "call read {\\\"path\\\":\\\"a b\\\"}", "read",
		    "\"{\\\"path\\\":\\\"a b\\\"}\"" },
		{ "Please call mcp__a-b {} now.", "mcp__a-b", "\"{}\"" },
		{ "call read\\n{\\\"a\\\":{\\\"b\\\":\\\"}\\\\\\\"{\\\"}} x",
		    "read", "\"{\\\"a\\\":{\\\"b\\\":\\\"}\\\\\\\"{\\\"}}\"" },
	};
	struct demo_answer a;
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(&a, cases[i].text);
		snprintf(name, sizeof(name),
		    "\"name\":\"%s\",\"arguments\":", cases[i].name);
		holds(&a, name);
		holds(&a, cases[i].arguments);
		holds(&a, "\"id\":\"call_demo_7_0\"");
		holds(&a, "\"finish_reason\":\"tool_calls\"");
		holds(&a, "\"content\":null");
		demo_answer_clear(&a);
	}
}

static void
what_is_no_call_is_echoed(void **state)
{
	static const char *const texts[] = { "call me {}", "recall read {}",
		"call read", "call read {\\\"a\\\":}", "call read {", "call ",
		"call", "Call read {}" };
	struct demo_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		say(&a, texts[i]);
		holds(&a, "You said: ");
		lacks(&a, "tool_calls");
		demo_answer_clear(&a);
	}
}

static void
two_calls_are_made_unless_parallel_ones_are_off(void **state)
{
	static const char text[] = "call read {} and call mcp__a-b {}";
	struct demo_answer a;
	char body[1000];

	(void)state;
	say(&a, text);
	holds(&a, "call_demo_7_0");
	holds(&a, "call_demo_7_1");
	demo_answer_clear(&a);
	snprintf(body, sizeof(body),
	    "{" TOOLS ",\"parallel_tool_calls\":false,\"messages\":[{\"role\":"
	    "\"user\",\"content\":\"%s\"}]}",
	    text);
	ask(&a, body);
	holds(&a, "call_demo_7_0");
	lacks(&a, "call_demo_7_1");
	demo_answer_clear(&a);
}

static void
tool_choice_is_obeyed(void **state)
{
	static const struct {
		const char *choice, *name;
	} cases[] = {
		{ "\"none\"", NULL },
		{ "\"auto\"", NULL },
		{ "\"required\"", "\"name\":\"read\"" },
		{ "{\"type\":\"function\",\"function\":{\"name\":\"mcp__a-b\"}"
		  "}",
		    "\"name\":\"mcp__a-b\"" },
	};
	struct demo_answer a;
	char body[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body),
		    "{" TOOLS ",\"tool_choice\":%s,\"messages\":[{\"role\":"
		    "\"user\",\"content\":\"hello\"}]}",
		    cases[i].choice);
		ask(&a, body);
		if (cases[i].name != NULL)
			holds(&a, cases[i].name);
		else
			lacks(&a, "tool_calls");
		demo_answer_clear(&a);
	}
}

static void
a_tools_result_is_quoted(void **state)
{
	struct demo_answer a;

	(void)state;
	ask(&a,
	    "{" TOOLS ",\"messages\":["
	    "{\"role\":\"user\",\"content\":\"call read {}\"},"
	    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"42 \\u20ac"
	    "\"}]}");
	holds(&a, "The tool answered: \\\"42 \xe2\x82\xac\\\"");
	lacks(&a, "tool_calls");
	demo_answer_clear(&a);
}

/* Joins a member of the deltas and checks each event on the way. */
static void
join(const struct demo_answer *a, const char *key, struct buf *out)
{
	const char *at = buf_str(&a->body);

	while (strncmp(at, "data: [DONE]\n\n", 14) != 0) {
		const char *end = strstr(at, "\n\n");
		struct fault why = { 0 };
		struct json_doc doc;
		const cJSON *delta, *call;

		assert_non_null(end);
		assert_memory_equal(at, "data: ", 6);
		assert_int_equal(json_parse(&doc, at + 6,
				     (size_t)(end - at - 6), &limits, &why),
		    0);
		delta = json_get(json_get(doc.root, "choices")->child, "delta");
		call = json_get(delta, "tool_calls");
		if (call != NULL)
			delta = json_get(call->child, "function");
		if (json_get_string(delta, key) != NULL)
			buf_add_str(out, json_get_string(delta, key));
		json_doc_clear(&doc);
		at = end + 2;
	}
	assert_string_equal(at, "data: [DONE]\n\n");
}

static void
a_stream_says_the_same_in_pieces(void **state)
{
	struct demo_answer a;
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	ask(&a,
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	    "\"messages\":[{\"role\":\"user\",\"content\":\"a  b\\nc \"}]}");
	assert_true(a.is_stream);
	join(&a, "content", &out);
	assert_string_equal(
	    buf_str(&out), "This is the demo upstream. You said: a  b\nc ");
	holds(&a, "\"choices\":[],\"usage\":{");
	holds(&a, "\"finish_reason\":\"stop\"");
	demo_answer_clear(&a);
	buf_reset(&out);
	ask(&a,
	    "{\"stream\":true," TOOLS ",\"messages\":[{\"role\":\"user\","
	    "\"content\":\"call read {\\\"p\\\":\\\"\\u00e4\\u00e4\\\"}\"}]}");
	join(&a, "arguments", &out);
	assert_string_equal(buf_str(&out), "{\"p\":\"\xc3\xa4\xc3\xa4\"}");
	lacks(&a, "usage");
	holds(&a, "\"finish_reason\":\"tool_calls\"");
	demo_answer_clear(&a);
	buf_clear(&out);
}

static void
max_tokens_ends_the_answer(void **state)
{
	struct demo_answer a;

	(void)state;
	ask(&a, "{\"max_tokens\":3,\"messages\":[{\"role\":\"user\","
		"\"content\":\"a b c\"}]}");
	holds(&a, "\"content\":\"This is the \"");
	holds(&a, "\"finish_reason\":\"length\"");
	holds(&a, "\"completion_tokens\":3");
	demo_answer_clear(&a);
}

static void
a_bad_request_is_answered_with_an_error(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "null", "{}",
		"{\"messages\":[]}", "{\"messages\":{\"a\":1}}", "\"x\"" };
	struct demo_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ask(&a, bodies[i]);
		assert_int_equal(a.status, 400);
		holds(&a, "{\"error\":{\"message\":\"");
		demo_answer_clear(&a);
	}
}

static void
odd_messages_do_no_harm(void **state)
{
	static const char *const bodies[] = {
		"{\"messages\":[1]}",
		"{\"messages\":[{\"role\":\"user\"}]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[1,{\"type\":"
		"\"text\"},{\"type\":\"text\",\"text\":5}]}]}",
		"{\"messages\":[{\"role\":\"tool\"}],\"stream\":true}",
		"{\"tools\":[],\"tool_choice\":\"required\",\"messages\":[{"
		"\"role\":\"user\",\"content\":\"call x {}\"}]}",
		"{\"tools\":5,\"tool_choice\":\"required\",\"messages\":[{}]}",
	};
	struct demo_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ask(&a, bodies[i]);
		assert_int_equal(a.status, 200);
		demo_answer_clear(&a);
	}
}

/* -- the sockets ----------------------------------------------------------- */

static int
connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Sends and reads until `until` has come or the connection is closed. */
static void
talk(int fd, const char *request, const char *until, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	out[0] = '\0';
	while (len < cap - 1 && (until == NULL || !strstr(out, until)) &&
	       (n = recv(fd, out + len, cap - 1 - len, 0)) > 0) {
		len += (size_t)n;
		out[len] = '\0';
	}
}

static void
post(int fd, const char *path, const char *body, const char *until, char *out,
    size_t cap)
{
	char request[2000];

	snprintf(request, sizeof(request),
	    "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
	talk(fd, request, until, out, cap);
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

static void
one_connection_serves_request_after_request(void **state)
{
	struct demo *d = NULL;
	char got[8192];
	int port, fd;

	(void)state;
	assert_int_equal(demo_start(&d, &port), 0);
	fd = connect_to(port);
	talk(fd, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", "\"demo\"}]}",
	    got, sizeof(got));
	assert_non_null(strstr(got, "HTTP/1.1 200 OK\r\n"));
	post(fd, "/v1/chat/completions?x=1", "{" HELLO, "}}\n", got,
	    sizeof(got));
	assert_non_null(strstr(got, "You said: hello"));
	post(fd, "/v1/chat/completions", "{\"stream\":true," HELLO,
	    "\r\n0\r\n\r\n", got, sizeof(got));
	assert_non_null(strstr(got, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(got, "data: [DONE]\n\n"));
	talk(fd, "GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n", NULL,
	    got, sizeof(got));
	assert_non_null(strstr(got, "HTTP/1.1 404 "));
	close(fd);
	demo_stop(d);
}

static void
hostile_requests_are_refused_and_it_lives_on(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "nonsense\r\n\r\n", "HTTP/1.1 400 " },
		{ "GET /v1/models HTTP/1.0\r\n\r\n", "HTTP/1.1 400 " },
		{ "GET  HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
		{ "POST /v1/chat/completions HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 411 " },
		{ "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		    "HTTP/1.1 411 " },
		{ "POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		    "HTTP/1.1 400 " },
		{ "POST /x HTTP/1.1\r\nContent-Length: 1\r\n"
		  "Content-Length: 2\r\n\r\n",
		    "HTTP/1.1 400 " },
		{ "POST /x HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n",
		    "HTTP/1.1 413 " },
		{ "GET /v1/models HTTP/1.1\r\nno colon\r\n\r\n",
		    "HTTP/1.1 400 " },
		{ "PUT /v1/models HTTP/1.1\r\n\r\n", "HTTP/1.1 405 " },
	};
	struct demo *d = NULL;
	char got[8192];
	int port, fd;

	(void)state;
	assert_int_equal(demo_start(&d, &port), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = connect_to(port);
		talk(fd, cases[i].request, "}}\n", got, sizeof(got));
		if (strstr(got, cases[i].answer) != got)
			fail_msg("%s: %s", cases[i].request, got);
		close(fd);
	}
	demo_stop(d);
}

static void
it_stops_while_clients_are_there(void **state)
{
	struct demo *d = NULL;
	char got[4096];
	int port, silent, streaming;

	(void)state;
	assert_int_equal(demo_start(&d, &port), 0);
	silent = connect_to(port);
	streaming = connect_to(port);
	post(streaming, "/v1/chat/completions", "{\"stream\":true," HELLO,
	    "data:", got, sizeof(got));
	demo_stop(d);
	talk(streaming, "", NULL, got, sizeof(got));
	assert_null(strstr(got, "[DONE]"));
	close(silent);
	close(streaming);
	demo_stop(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_user_text_is_echoed),
		cmocka_unit_test(a_call_is_made_where_the_tool_is_offered),
		cmocka_unit_test(what_is_no_call_is_echoed),
		cmocka_unit_test(
		    two_calls_are_made_unless_parallel_ones_are_off),
		cmocka_unit_test(tool_choice_is_obeyed),
		cmocka_unit_test(a_tools_result_is_quoted),
		cmocka_unit_test(a_stream_says_the_same_in_pieces),
		cmocka_unit_test(max_tokens_ends_the_answer),
		cmocka_unit_test(a_bad_request_is_answered_with_an_error),
		cmocka_unit_test(odd_messages_do_no_harm),
		cmocka_unit_test(one_connection_serves_request_after_request),
		cmocka_unit_test(hostile_requests_are_refused_and_it_lives_on),
		cmocka_unit_test(it_stops_while_clients_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
