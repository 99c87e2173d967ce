/* SPDX-License-Identifier: MIT */
/* links: server */
/* Calls to small servers on loopback that answer, drip, stall and break. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loopback.h"
#include "server/cancel.h"
#include "server/settings.h"
#include "server/upstream.h"

static struct upstream *upstream;

/* What a call brought. */
struct brought {
	struct upstream_head head;
	int heads, ticks;
	char body[4096];
	size_t len;
	long longest_silence_ms;
	bool stop_at_head, stop_at_body, stop_at_tick;
	void (*at_body)(struct brought *b);
	struct cancel *cancel;
};

static int
take_head(void *cookie, const struct upstream_head *head)
{
	struct brought *b = cookie;

	assert_int_equal(b->len, 0);
	assert_ptr_equal(head, &b->head);
	b->heads++;
	return b->stop_at_head ? -1 : 0;
}

static int
take_body(void *cookie, const char *bytes, size_t len)
{
	struct brought *b = cookie;

	assert_int_equal(b->heads, 1);
	for (size_t i = 0; i < len; i++)
		if (b->len < sizeof(b->body) - 1)
			b->body[b->len++] = bytes[i];
	if (b->at_body != NULL)
		b->at_body(b);
	return b->stop_at_body ? -1 : 0;
}

static int
take_tick(void *cookie, long silent_ms)
{
	struct brought *b = cookie;

	b->ticks++;
	if (silent_ms > b->longest_silence_ms)
		b->longest_silence_ms = silent_ms;
	return b->stop_at_tick ? -1 : 0;
}

/* A call with settings that fit a test on this machine. */
struct ask {
	struct settings settings;
	struct upstream_call call;
	struct upstream_result result;
	struct brought got;
	char url[128];
};

static struct ask *
new_ask(int port)
{
	struct ask *a = calloc(1, sizeof(*a));

	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%d/v1/chat", port);
	a->settings.upstream.is_loopback = true;
	a->settings.connect_timeout_ms = 5000;
	a->settings.first_byte_timeout_ms = 20000;
	a->settings.idle_timeout_ms = 20000;
	a->settings.max_reply_bytes = 1 << 20;
	a->settings.max_retries = 2;
	a->call = (struct upstream_call){
		.settings = &a->settings,
		.method = "POST",
		.url = a->url,
		.body = "{\"a\":1}",
		.body_len = 7,
		.head = &a->got.head,
		.on_head = take_head,
		.on_body = take_body,
		.on_tick = take_tick,
		.cookie = &a->got,
	};
	return a;
}

static void
perform(struct ask *a)
{
	bool stop_at_body = a->got.stop_at_body, stop = a->got.stop_at_head;
	struct brought empty = { .stop_at_body = stop_at_body,
		.stop_at_head = stop,
		.stop_at_tick = a->got.stop_at_tick,
		.at_body = a->got.at_body,
		.cancel = a->got.cancel };

	a->got = empty;
	upstream_perform(upstream, &a->call, &a->result);
	a->got.body[a->got.len] = '\0';
}

static void
assert_broken(const struct ask *a, enum error_cause cause, const char *words)
{
	assert_int_equal(a->result.end, UPSTREAM_BROKEN);
	if (strstr(a->result.detail, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, a->result.detail);
	assert_int_equal(a->result.cause, cause);
}

static void
assert_heard_is(struct loopback *l, const char *line, bool is_wanted)
{
	pthread_mutex_lock(&l->lock);
	if ((strstr(l->seen, line) != NULL) != is_wanted)
		fail_msg("\"%s\" is %s:\n%s", line, is_wanted ? "not in" : "in",
		    l->seen);
	pthread_mutex_unlock(&l->lock);
}

static void
assert_heard(struct loopback *l, const char *line)
{
	assert_heard_is(l, line, true);
}

static void
assert_not_heard(struct loopback *l, const char *line)
{
	assert_heard_is(l, line, false);
}

/* -- servers -------------------------------------------------------------- */

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

static void
serve_ok(struct loopback *l, int fd)
{
	while (hear(l, fd))
		say(fd, OK_HEAD "Content-Length: 5\r\n\r\nhello");
}

static void
serve_limits(struct loopback *l, int fd)
{
	while (hear(l, fd))
		say(fd, "HTTP/1.1 100 Continue\r\nRetry-After: 7\r\n\r\n"
			"HTTP/1.1 429 Too Many\r\n"
			"content-type:  application/json; charset=utf-8 \r\n"
			"Retry-After: 12\r\nretry-after-ms: 11500\r\n"
			"x-should-retry: false\r\nX-Request-Id: abc\r\n"
			"x-ratelimit-limit-requests: 60\r\n"
			"x-ratelimit-remaining-tokens: 149984\r\n"
			"x-ratelimit-reset-tokens: 6m0s\r\n"
			"Content-Length: 14\r\n\r\n{\"error\":\"no\"}");
}

static void
serve_drip(struct loopback *l, int fd)
{
	static const char *const chunks[] = { "1\r", "\nd\r\n", "3\r\nri",
		"p\r\n", "0\r\nX-Trailer: t\r\n\r\n" };

	while (hear(l, fd)) {
		say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < 5; i++) {
			sleep_ms(l->pause_ms);
			say(fd, chunks[i]);
		}
	}
}

/* The number stays in use till loopback_stop(), the connection does not. */
static void
reset(int fd)
{
	struct linger hard = { 1, 0 };
	int blank = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	dup2(blank, fd);
	close(blank);
}

static void
serve_reset(struct loopback *l, int fd)
{
	hear(l, fd);
	reset(fd);
}

static void
serve_close(struct loopback *l, int fd)
{
	hear(l, fd);
}

static void
serve_half_head(struct loopback *l, int fd)
{
	hear(l, fd);
	say(fd, "HTTP/1.1 200 OK\r\nContent-Ty");
}

static void
serve_cut_body(struct loopback *l, int fd)
{
	hear(l, fd);
	say(fd, OK_HEAD "Content-Length: 500\r\n\r\nhalf");
}

static void
serve_silence(struct loopback *l, int fd)
{
	if (hear(l, fd))
		hear_end(l, fd);
}

static void
serve_stall(struct loopback *l, int fd)
{
	if (!hear(l, fd))
		return;
	say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
	hear_end(l, fd);
}

static void
serve_stall_in_head(struct loopback *l, int fd)
{
	if (!hear(l, fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Ty");
	hear_end(l, fd);
}

/* No length: the end of the connection is the end of the body. */
static void
serve_stall_unframed(struct loopback *l, int fd)
{
	if (!hear(l, fd))
		return;
	say(fd, "HTTP/1.0 200 OK\r\n\r\nhi");
	hear_end(l, fd);
}

static void
serve_once_then_stall(struct loopback *l, int fd)
{
	if (hear(l, fd))
		say(fd, OK_HEAD "Content-Length: 5\r\n\r\nfirst");
	if (hear(l, fd))
		hear_end(l, fd);
}

/* Reads the second request on a connection, then dies. */
static void
serve_once_then_reset(struct loopback *l, int fd)
{
	if (!hear(l, fd))
		return;
	say(fd, OK_HEAD "Content-Length: 5\r\n\r\nfirst");
	if (atomic_load(&l->connections) == 1)
		serve_reset(l, fd);
	else
		serve_ok(l, fd);
}

/* More than what fits one read of libcurl's, and behind it what nobody asked
 * for. */
static void
serve_too_much(struct loopback *l, int fd)
{
	static const char head[] = OK_HEAD "Content-Length: 40000\r\n\r\n";
	static const char more[] = OK_HEAD "Content-Length: 6\r\n\r\nstolen";
	char text[sizeof(head) + 40000 + sizeof(more)];

	memset(text, 'a', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + sizeof(head) - 1 + 40000, more, sizeof(more));
	while (hear(l, fd))
		say(fd, text);
}

static void
serve_garbage(struct loopback *l, int fd)
{
	hear(l, fd);
	say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void
serve_no_tls(struct loopback *l, int fd)
{
	(void)l;
	say(fd, "220 mail.example.com ESMTP\r\n");
}

static void
serve_endless_head(struct loopback *l, int fd)
{
	char line[1024];

	hear(l, fd);
	memset(line, 'x', sizeof(line));
	memcpy(line, "X-Filler:", 9);
	memcpy(line + sizeof(line) - 3, "\r\n", 3);
	say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 1000; i++)
		say(fd, line);
}

/* libcurl has a limit of its own, of lines. */
static void
serve_endless_lines(struct loopback *l, int fd)
{
	hear(l, fd);
	say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 40000; i++)
		say(fd, "X-Filler:\r\n");
}

static void
serve_endless_body(struct loopback *l, int fd)
{
	char block[4097];

	hear(l, fd);
	memset(block, 'x', sizeof(block) - 1);
	block[sizeof(block) - 1] = '\0';
	say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		say(fd, block);
}

static void
serve_redirect(struct loopback *l, int fd)
{
	while (hear(l, fd))
		say(fd, "HTTP/1.1 307 Temporary Redirect\r\n"
			"Location: /elsewhere\r\nContent-Length: 0\r\n\r\n");
}

/* "hello" by gzip, though nobody asked for it. */
static void
serve_gzip(struct loopback *l, int fd)
{
	static const unsigned char packed[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0,
		3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36,
		5, 0, 0, 0 };

	while (hear(l, fd)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
			"Content-Length: 25\r\n\r\n");
		send(fd, packed, sizeof(packed), MSG_NOSIGNAL);
	}
}

/* -- answers -------------------------------------------------------------- */

static void
an_answer_comes_whole_with_its_head_first(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_int_equal(a->result.status, 200);
	assert_string_equal(a->got.body, "hello");
	assert_string_equal(a->got.head.content_type, "text/event-stream");
	assert_string_equal(a->got.head.retry_after, "");
	assert_true(a->result.sent);
	assert_false(a->result.reused);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
the_request_bears_our_headers_and_no_others(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->settings.upstream_key = (char *)"sk-ours";
	a->call.client_key = "sk-theirs";
	a->call.want_events = true;
	perform(a);
	assert_heard(l, "POST /v1/chat HTTP/1.1\r\n");
	assert_heard(l, "Authorization: Bearer sk-ours\r\n");
	assert_heard(l, "Accept: text/event-stream\r\n");
	assert_heard(l, "Content-Type: application/json\r\n");
	assert_heard(l, "User-Agent: anthropic-proxy/");
	assert_heard(l, "\r\n\r\n{\"a\":1}");
	assert_not_heard(l, "sk-theirs");
	assert_not_heard(l, "Expect");
	assert_not_heard(l, "Accept-Encoding");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
the_clients_key_goes_up_only_without_a_configured_one(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->call.client_key = "sk-theirs";
	perform(a);
	assert_heard(l, "Authorization: Bearer sk-theirs\r\n");
	a->settings.upstream_key = (char *)"azure";
	a->settings.upstream.is_azure = true;
	perform(a);
	assert_heard(l, "api-key: azure\r\n");
	assert_not_heard(l, "Authorization");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

/* Text and keys of the same length, in place, at other addresses: whatever a
 * handle keeps of a call must be of its content. */
static void
a_kept_handle_has_nothing_of_the_call_before(void **state)
{
	static const struct {
		const char *own, *client, *more, *body;
		bool is_azure, want_events;
	} cases[] = {
		{ "sk-our1", NULL, NULL, "{\"n\":0}", false, false },
		{ "sk-our1", "sk-her1", NULL, "{\"n\":1}", false, false },
		{ "sk-our2", NULL, NULL, "{\"n\":2}", false, false },
		{ NULL, "sk-her1", NULL, "{\"n\":3}", false, false },
		{ "", "sk-her2", NULL, "{\"n\":4}", false, false },
		{ NULL, NULL, NULL, "{\"n\":5}", false, false },
		{ NULL, NULL, "{\"X-A\":\"more1\"}", "{\"n\":6}", false, true },
		{ NULL, NULL, "{\"X-A\":\"more2\"}", "{\"n\":7}", false, true },
		{ NULL, NULL, "{\"X-A\":\"more2\"}", NULL, false, true },
		{ NULL, NULL, NULL, NULL, false, true },
		{ NULL, NULL, NULL, NULL, false, false },
		{ "sk-our2", NULL, NULL, NULL, true, false },
		{ "sk-our2", NULL, NULL, NULL, false, false },
	};
	static const char *const marks[] = { "sk-our1", "sk-our2", "sk-her1",
		"sk-her2", "more1", "more2", "Authorization", "api-key",
		"event-stream", "Content-Type", "{\"n\"" };
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);
	char key[16], client[16], more[32], wanted[256];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t at = i % (sizeof(cases) / sizeof(cases[0]));
		const char *own = cases[at].own, *hers = cases[at].client;
		const char *sent = own != NULL && own[0] != '\0' ? own : hers;

		snprintf(key, sizeof(key), "%s", own != NULL ? own : "");
		snprintf(client, sizeof(client), "%s", hers ? hers : "");
		a->settings.upstream_key = own != NULL ? key : NULL;
		a->call.client_key = hers != NULL ? client : NULL;
		snprintf(more, sizeof(more), "%s",
		    cases[at].more != NULL ? cases[at].more : "");
		a->settings.upstream_headers =
		    cases[at].more != NULL ? more : NULL;
		a->settings.upstream.is_azure = cases[at].is_azure;
		a->call.want_events = cases[at].want_events;
		a->call.body = cases[at].body;
		a->call.body_len = a->call.body ? strlen(a->call.body) : 0;
		a->call.method = a->call.body ? "POST" : "GET";
		perform(a);
		assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
		assert_int_equal(a->result.reused, i > 0);
		snprintf(wanted, sizeof(wanted), "%s %s %s %s %s %s",
		    sent != NULL ? sent : "",
		    sent == NULL	 ? ""
		    : cases[at].is_azure ? "api-key"
					 : "Authorization",
		    cases[at].more != NULL ? cases[at].more : "",
		    cases[at].want_events ? "event-stream" : "",
		    cases[at].body != NULL ? cases[at].body : "",
		    cases[at].body != NULL ? "Content-Type" : "");
		for (size_t m = 0; m < sizeof(marks) / sizeof(marks[0]); m++)
			assert_heard_is(
			    l, marks[m], strstr(wanted, marks[m]) != NULL);
		if (cases[at].body != NULL)
			assert_heard(l, cases[at].body);
		memset(key, 'x', sizeof(key));
		memset(client, 'x', sizeof(client));
		memset(more, 'x', sizeof(more));
	}
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_get_has_no_body(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	a->call.method = "GET";
	a->call.body = NULL;
	perform(a);
	assert_heard(l, "GET /v1/chat HTTP/1.1\r\n");
	assert_heard(l, "Accept: application/json\r\n");
	assert_not_heard(l, "Content-");
	assert_true(a->result.reused);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
configured_headers_add_and_replace(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->settings.upstream_key = (char *)"sk-ours";
	a->settings.upstream_headers =
	    (char *)"{\"X-Title\":\"t\",\"authorization\":\"Basic x\","
		    "\"X-Empty\":\"\"}";
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_heard(l, "X-Title: t\r\n");
	assert_heard(l, "authorization: Basic x\r\n");
	assert_heard(l, "X-Empty:\r\n");
	assert_not_heard(l, "sk-ours");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_header_cannot_break_out_of_its_line(void **state)
{
	static const char *const bad[] = {
		"{\"X-A\":\"b\\r\\nX-C: d\"}",
		"{\"X-A\\r\\nX-C\":\"d\"}",
		"{\"X-A\":\"b\\u0000c\"}",
		"{\"Content-Length\":\"3\"}",
		"{\"Transfer-Encoding\":\"chunked\"}",
		"{\"X-A\":5}",
		"[\"X-A\"]",
		"nonsense",
	};
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a->settings.upstream_headers = (char *)bad[i];
		perform(a);
		assert_broken(a, CAUSE_PROTOCOL, "UPSTREAM_HEADERS");
		assert_false(a->result.sent);
	}
	a->settings.upstream_headers = NULL;
	a->call.client_key = "k\r\nX-C: d";
	perform(a);
	assert_broken(a, CAUSE_PROTOCOL, "control character");
	assert_int_equal(l->requests, 0);
	free(a);
	loopback_stop(l);
}

static void
an_error_answer_has_its_head_and_body_and_1xx_is_skipped(void **state)
{
	struct loopback *l = loopback_start(serve_limits);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_int_equal(a->result.status, 429);
	assert_int_equal(a->got.heads, 1);
	assert_string_equal(a->got.body, "{\"error\":\"no\"}");
	assert_string_equal(
	    a->got.head.content_type, "application/json; charset=utf-8");
	assert_string_equal(a->got.head.retry_after, "12");
	assert_string_equal(a->got.head.retry_after_ms, "11500");
	assert_string_equal(a->got.head.should_retry, "false");
	assert_string_equal(a->got.head.request_id, "abc");
	assert_string_equal(a->got.head.ratelimit[0][0], "60");
	assert_string_equal(a->got.head.ratelimit[1][1], "149984");
	assert_string_equal(a->got.head.ratelimit[2][1], "6m0s");
	assert_string_equal(a->got.head.ratelimit[2][0], "");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_dripped_answer_comes_whole_and_its_trailer_is_no_head(void **state)
{
	struct loopback *l = loopback_start(serve_drip);
	struct ask *a = new_ask(l->port);

	(void)state;
	for (int i = 0; i < 3; i++) {
		perform(a);
		assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
		assert_string_equal(a->got.body, "drip");
		assert_int_equal(a->got.heads, 1);
	}
	assert_int_equal(l->connections, 1);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_redirect_is_an_answer(void **state)
{
	struct loopback *l = loopback_start(serve_redirect);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_int_equal(a->result.status, 307);
	assert_int_equal(a->got.heads, 1);
	assert_int_equal(l->requests, 1);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
what_comes_deflated_is_inflated(void **state)
{
	struct loopback *l = loopback_start(serve_gzip);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_string_equal(a->got.body, "hello");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

/* -- connections ---------------------------------------------------------- */

static void
one_after_the_other_use_one_connection(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	for (int i = 0; i < 200; i++) {
		perform(a);
		assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
		assert_int_equal(a->result.reused, i > 0);
	}
	assert_int_equal(l->connections, 1);
	assert_int_equal(l->requests, 200);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void *
ask_many(void *arg)
{
	struct ask *a = arg;

	for (int i = 0; i < 50; i++) {
		upstream_perform(upstream, &a->call, &a->result);
		if (a->result.end != UPSTREAM_COMPLETE)
			break;
		a->got.heads = 0;
		a->got.len = 0;
	}
	return NULL;
}

static void
many_at_once_keep_as_many_connections(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a[8];
	pthread_t threads[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		a[i] = new_ask(l->port);
		pthread_create(&threads[i], NULL, ask_many, a[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(a[i]->result.end, UPSTREAM_COMPLETE);
		free(a[i]);
	}
	assert_true(l->connections <= 8);
	assert_int_equal(l->requests, 400);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
forgetting_closes_kept_connections(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	upstream_forget(upstream);
	perform(a);
	assert_false(a->result.reused);
	a->call.fresh_connection = true;
	perform(a);
	assert_false(a->result.reused);
	assert_int_equal(l->connections, 3);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
with_no_retries_a_request_is_never_sent_twice(void **state)
{
	struct loopback *l = loopback_start(serve_once_then_reset);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->settings.max_retries = 0;
	for (int i = 0; i < 3; i++) {
		perform(a);
		assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
		assert_false(a->result.reused);
	}
	assert_int_equal(l->requests, 3);
	assert_int_equal(l->connections, 3);
	free(a);
	loopback_stop(l);
}

static void
a_dead_kept_connection_is_replaced_when_retries_are_allowed(void **state)
{
	struct loopback *l = loopback_start(serve_once_then_reset);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_int_equal(l->connections, 2);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
what_follows_an_answer_is_not_the_next_one(void **state)
{
	struct loopback *l = loopback_start(serve_too_much);
	struct ask *a = new_ask(l->port);

	(void)state;
	for (int i = 0; i < 5; i++) {
		perform(a);
		assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
		assert_int_equal(a->got.len, sizeof(a->got.body) - 1);
		assert_int_equal(a->got.body[0], 'a');
		sleep_ms(20);
	}
	assert_int_equal(l->requests, 5);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

/* Counts bytes till the head's Content-Length is there. */
static void
serve_large(struct loopback *l, int fd)
{
	char bytes[65536], *at;
	size_t want = 0, have = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes) - 1, 0)) > 0) {
		bytes[n] = '\0';
		if (have == 0) {
			at = strstr(bytes, "Content-Length: ");
			assert_non_null(at);
			want = strtoul(at + 16, NULL, 10);
			assert_null(strstr(bytes, "Expect"));
		}
		have += (size_t)n;
		if (have > want)
			break;
	}
	atomic_fetch_add(&l->requests, 1);
	say(fd, OK_HEAD "Content-Length: 5\r\n\r\nhello");
	hear_end(l, fd);
}

static void
a_large_body_goes_up_without_waiting(void **state)
{
	struct loopback *l = loopback_start(serve_large);
	struct ask *a = new_ask(l->port);
	size_t len = 8 << 20;
	char *body = malloc(len);
	long long began;

	(void)state;
	memset(body, 'x', len);
	a->call.body = body;
	a->call.body_len = len;
	began = now_ms();
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_true(now_ms() - began < 900);
	free(body);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
only_a_far_upstream_is_reached_through_a_proxy(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", l->port);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	setenv("http_proxy", proxy, 1);
	snprintf(a->url, sizeof(a->url), "http://far.invalid/v1/chat");
	a->settings.upstream.is_loopback = false;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_heard(l, "POST http://far.invalid/v1/chat HTTP/1.1\r\n");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%d/", l->port);
	a->settings.upstream.is_loopback = true;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	snprintf(a->url, sizeof(a->url), "http://far.invalid/v1/chat");
	a->settings.upstream.is_loopback = false;
	perform(a);
	assert_broken(a, CAUSE_CONNECT, "127.0.0.1 port 1");
	unsetenv("http_proxy");
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

/* -- failures ------------------------------------------------------------- */

static void
a_refused_connection_names_host_and_cause(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);
	char words[80];

	(void)state;
	snprintf(words, sizeof(words),
	    "could not connect to 127.0.0.1:%d: Connection refused", l->port);
	loopback_stop(l);
	perform(a);
	assert_broken(a, CAUSE_CONNECT, words);
	assert_false(a->result.sent);
	assert_int_equal(a->result.status, 0);
	free(a);
}

static void
a_refused_ipv6_address_keeps_its_brackets(void **state)
{
	struct ask *a = new_ask(1);

	(void)state;
	snprintf(a->url, sizeof(a->url), "http://[::1]:1/v1");
	perform(a);
	assert_broken(a, CAUSE_CONNECT, "could not connect to [::1]:1: ");
	assert_null(strstr(a->result.detail, "Failed"));
	free(a);
}

static void
serve_refused_tunnel(struct loopback *l, int fd)
{
	if (hear(l, fd))
		say(fd, "HTTP/1.1 403 Forbidden\r\nX-Request-Id: proxy\r\n"
			"Content-Length: 4\r\n\r\nnope");
}

static void
a_proxy_that_refuses_the_tunnel_is_no_answer(void **state)
{
	struct loopback *l = loopback_start(serve_refused_tunnel);
	struct ask *a = new_ask(l->port);
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", l->port);
	setenv("https_proxy", proxy, 1);
	snprintf(a->url, sizeof(a->url), "https://far.invalid/v1");
	a->settings.upstream.is_loopback = false;
	a->settings.upstream_key = (char *)"sk-ours";
	upstream_forget(upstream);
	perform(a);
	unsetenv("https_proxy");
	upstream_forget(upstream);
	assert_broken(a, CAUSE_CONNECT, "could not connect to far.invalid:443");
	assert_non_null(strstr(a->result.detail, "403"));
	assert_false(a->result.sent);
	assert_int_equal(a->got.heads, 0);
	assert_heard(l, "CONNECT far.invalid:443");
	assert_heard(l, "User-Agent: anthropic-proxy/");
	assert_not_heard(l, "sk-ours");
	free(a);
	loopback_stop(l);
}

static void
a_name_that_is_none_is_a_dns_failure(void **state)
{
	struct ask *a = new_ask(1);

	(void)state;
	snprintf(a->url, sizeof(a->url), "http://no-such-host.invalid/v1");
	a->settings.upstream.is_loopback = false;
	perform(a);
	assert_broken(a, CAUSE_DNS, "no-such-host.invalid");
	assert_false(a->result.sent);
	free(a);
}

static void
plain_text_where_tls_is_spoken_is_a_tls_failure(void **state)
{
	struct loopback *l = loopback_start(serve_no_tls);
	struct ask *a = new_ask(l->port);

	(void)state;
	snprintf(a->url, sizeof(a->url), "https://127.0.0.1:%d/", l->port);
	a->settings.upstream.is_https = true;
	perform(a);
	assert_broken(a, CAUSE_TLS, "TLS with 127.0.0.1:");
	assert_false(a->result.sent);
	free(a);
	loopback_stop(l);
}

static void
each_way_to_break_off_has_its_cause(void **state)
{
	static const struct {
		loopback_serve *serve;
		enum error_cause cause;
		const char *words;
		int status;
	} cases[] = {
		{ serve_reset, CAUSE_RESET, "broke the connection off", 0 },
		{ serve_close, CAUSE_EMPTY, "without an answer", 0 },
		{ serve_half_head, CAUSE_RESET, "broke off its answer", 0 },
		{ serve_cut_body, CAUSE_RESET, "broke off its answer", 200 },
		{ serve_garbage, CAUSE_PROTOCOL, "HTTP/0.9", 0 },
		{ serve_endless_head, CAUSE_PROTOCOL, "head without end", 0 },
		{ serve_endless_lines, CAUSE_PROTOCOL, "head", 0 },
		{ serve_endless_body, CAUSE_TOO_LARGE, "MAX_REPLY_BYTES", 200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loopback *l = loopback_start(cases[i].serve);
		struct ask *a = new_ask(l->port);

		perform(a);
		assert_broken(a, cases[i].cause, cases[i].words);
		assert_non_null(strstr(a->result.detail, "127.0.0.1:"));
		assert_int_equal(a->result.status, cases[i].status);
		assert_true(a->result.sent);
		free(a);
		loopback_stop(l);
	}
}

static void
a_callback_ends_the_call(void **state)
{
	struct loopback *l = loopback_start(serve_stall);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->got.stop_at_head = true;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_STOPPED);
	assert_int_equal(a->got.len, 0);
	a->got.stop_at_head = false;
	a->got.stop_at_body = true;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_STOPPED);
	assert_string_equal(a->got.body, "hi");
	a->got.stop_at_body = false;
	a->got.stop_at_tick = true;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_STOPPED);
	assert_int_equal(a->got.ticks, 1);
	free(a);
	loopback_stop(l);
}

/* -- time ----------------------------------------------------------------- */

static void
silence_ends_at_its_limit(void **state)
{
	static const struct {
		loopback_serve *serve;
		long first_byte_ms, idle_ms;
		const char *words;
	} cases[] = {
		{ serve_silence, 400, 0, "FIRST_BYTE_TIMEOUT" },
		{ serve_stall, 0, 400, "IDLE_TIMEOUT" },
		{ serve_stall_in_head, 0, 400, "IDLE_TIMEOUT" },
		{ serve_stall_unframed, 0, 400, "IDLE_TIMEOUT" },
	};
	long long began, took;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loopback *l = loopback_start(cases[i].serve);
		struct ask *a = new_ask(l->port);

		a->call.first_byte_timeout_ms = cases[i].first_byte_ms;
		a->call.idle_timeout_ms = cases[i].idle_ms;
		began = now_ms();
		perform(a);
		took = now_ms() - began;
		assert_broken(a, CAUSE_TIMEOUT, cases[i].words);
		assert_in_range(took, 400, 990);
		assert_true(a->result.sent);
		free(a);
		loopback_stop(l);
	}
}

static void
bytes_that_drip_are_not_silence(void **state)
{
	struct loopback *l = loopback_start(serve_drip);
	struct ask *a = new_ask(l->port);

	(void)state;
	l->pause_ms = 200;
	a->call.first_byte_timeout_ms = 900;
	a->call.idle_timeout_ms = 900;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static int
read_slowly(void *cookie)
{
	(void)cookie;
	sleep_ms(600);
	return 0;
}

static void
serve_three_at_once(struct loopback *l, int fd)
{
	while (hear(l, fd))
		say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
				"2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n");
}

/* How much had come when a read was through. */
static size_t len_at_read;
static int reads;

static int
count_read(void *cookie)
{
	len_at_read = ((struct brought *)cookie)->len;
	reads++;
	return 0;
}

static void
the_chunks_of_one_read_are_told_to_be_through_once(void **state)
{
	struct loopback *l = loopback_start(serve_three_at_once);
	struct ask *a = new_ask(l->port);

	(void)state;
	reads = 0;
	a->call.on_read = count_read;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	assert_string_equal(a->got.body, "abcdef");
	assert_int_equal(reads, 1);
	assert_int_equal(len_at_read, 6);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
a_slow_reader_of_ours_is_not_the_upstreams_silence(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);

	(void)state;
	a->call.idle_timeout_ms = 300;
	a->call.on_read = read_slowly;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	free(a);
	upstream_forget(upstream);
	loopback_stop(l);
}

static void
the_total_limit_ends_a_call_that_drips(void **state)
{
	struct loopback *l = loopback_start(serve_stall);
	struct ask *a = new_ask(l->port);
	long long began = now_ms();

	(void)state;
	a->call.total_timeout_ms = 300;
	perform(a);
	assert_broken(a, CAUSE_TIMEOUT, "in time");
	assert_in_range(now_ms() - began, 290, 2000);
	free(a);
	loopback_stop(l);
}

static void
ticks_come_each_second_before_and_after_the_head(void **state)
{
	loopback_serve *const servers[] = { serve_silence, serve_stall };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct loopback *l = loopback_start(servers[i]);
		struct ask *a = new_ask(l->port);

		a->call.total_timeout_ms = 2500;
		perform(a);
		assert_in_range(a->got.ticks, 2, 3);
		assert_in_range(a->got.longest_silence_ms, 1700, 2600);
		free(a);
		loopback_stop(l);
	}
}

/* -- cancels -------------------------------------------------------------- */

struct later {
	struct cancel cancel;
	struct loopback *l;
	int requests;
	long long fired_ms;
};

/* Fires once the server has heard so many requests, and a little more. */
static void *
fire_later(void *arg)
{
	struct later *later = arg;

	while (atomic_load(&later->l->requests) < later->requests)
		sleep_ms(1);
	sleep_ms(50);
	later->fired_ms = now_ms();
	cancel_fire(&later->cancel, CANCEL_CLIENT_GONE);
	return NULL;
}

static void
perform_cancelled(struct ask *a, struct loopback *l)
{
	struct later later = { .l = l,
		.requests = atomic_load(&l->requests) + 1 };
	pthread_t thread;
	long long ended;

	cancel_init(&later.cancel);
	a->call.cancel = &later.cancel;
	pthread_create(&thread, NULL, fire_later, &later);
	perform(a);
	ended = now_ms();
	pthread_join(thread, NULL);
	assert_int_equal(a->result.end, UPSTREAM_CANCELLED);
	assert_int_equal(cancel_reason(&later.cancel), CANCEL_CLIENT_GONE);
	/* A few milliseconds; libcurl's own look is up to 1000 away. */
	assert_in_range(ended - later.fired_ms, 0, 400);
	for (int i = 0; i < 200 && atomic_load(&l->closed_ms) == 0; i++)
		sleep_ms(2);
	assert_in_range(atomic_load(&l->closed_ms) - later.fired_ms, 0, 400);
	cancel_clear(&later.cancel);
	a->call.cancel = NULL;
}

static void
a_cancel_ends_a_call_at_once(void **state)
{
	loopback_serve *const servers[] = { serve_silence, serve_stall,
		serve_stall_unframed };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct loopback *l = loopback_start(servers[i]);
		struct ask *a = new_ask(l->port);

		perform_cancelled(a, l);
		assert_int_equal(l->requests, 1);
		assert_int_equal(l->connections, 1);
		free(a);
		loopback_stop(l);
	}
}

static void
a_cancel_on_a_kept_connection_does_not_send_again(void **state)
{
	struct loopback *l = loopback_start(serve_once_then_stall);
	struct ask *a = new_ask(l->port);

	(void)state;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_COMPLETE);
	perform_cancelled(a, l);
	sleep_ms(50);
	assert_int_equal(l->requests, 2);
	assert_int_equal(l->connections, 1);
	free(a);
	loopback_stop(l);
}

static void
a_fired_cancel_stops_a_call_before_it_begins(void **state)
{
	struct loopback *l = loopback_start(serve_ok);
	struct ask *a = new_ask(l->port);
	struct cancel c;

	(void)state;
	cancel_init(&c);
	cancel_fire(&c, CANCEL_DRAIN);
	a->call.cancel = &c;
	perform(a);
	assert_int_equal(a->result.end, UPSTREAM_CANCELLED);
	assert_false(a->result.sent);
	assert_int_equal(l->connections, 0);
	cancel_clear(&c);
	free(a);
	loopback_stop(l);
}

static int
start(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return (upstream = upstream_new()) != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	upstream_free(upstream);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_whole_with_its_head_first),
		cmocka_unit_test(the_request_bears_our_headers_and_no_others),
		cmocka_unit_test(
		    the_clients_key_goes_up_only_without_a_configured_one),
		cmocka_unit_test(a_kept_handle_has_nothing_of_the_call_before),
		cmocka_unit_test(a_get_has_no_body),
		cmocka_unit_test(configured_headers_add_and_replace),
		cmocka_unit_test(a_header_cannot_break_out_of_its_line),
		cmocka_unit_test(
		    an_error_answer_has_its_head_and_body_and_1xx_is_skipped),
		cmocka_unit_test(
		    a_dripped_answer_comes_whole_and_its_trailer_is_no_head),
		cmocka_unit_test(a_redirect_is_an_answer),
		cmocka_unit_test(what_comes_deflated_is_inflated),
		cmocka_unit_test(one_after_the_other_use_one_connection),
		cmocka_unit_test(many_at_once_keep_as_many_connections),
		cmocka_unit_test(forgetting_closes_kept_connections),
		cmocka_unit_test(with_no_retries_a_request_is_never_sent_twice),
		cmocka_unit_test(
		    a_dead_kept_connection_is_replaced_when_retries_are_allowed),
		cmocka_unit_test(what_follows_an_answer_is_not_the_next_one),
		cmocka_unit_test(a_large_body_goes_up_without_waiting),
		cmocka_unit_test(
		    only_a_far_upstream_is_reached_through_a_proxy),
		cmocka_unit_test(a_refused_connection_names_host_and_cause),
		cmocka_unit_test(a_refused_ipv6_address_keeps_its_brackets),
		cmocka_unit_test(a_proxy_that_refuses_the_tunnel_is_no_answer),
		cmocka_unit_test(a_name_that_is_none_is_a_dns_failure),
		cmocka_unit_test(
		    plain_text_where_tls_is_spoken_is_a_tls_failure),
		cmocka_unit_test(each_way_to_break_off_has_its_cause),
		cmocka_unit_test(a_callback_ends_the_call),
		cmocka_unit_test(silence_ends_at_its_limit),
		cmocka_unit_test(bytes_that_drip_are_not_silence),
		cmocka_unit_test(
		    the_chunks_of_one_read_are_told_to_be_through_once),
		cmocka_unit_test(
		    a_slow_reader_of_ours_is_not_the_upstreams_silence),
		cmocka_unit_test(the_total_limit_ends_a_call_that_drips),
		cmocka_unit_test(
		    ticks_come_each_second_before_and_after_the_head),
		cmocka_unit_test(a_cancel_ends_a_call_at_once),
		cmocka_unit_test(
		    a_cancel_on_a_kept_connection_does_not_send_again),
		cmocka_unit_test(a_fired_cancel_stops_a_call_before_it_begins),
	};

	return cmocka_run_group_tests(tests, start, end);
}
