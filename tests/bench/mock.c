/* SPDX-License-Identifier: MIT */
/*
 * An upstream for load tests: one thread, epoll.
 *
 *   mock [-H 127.0.0.1] [-p 9001] [-o n=20,d=1000,…]
 *
 * A request whose model is "mock:n=100,d=5000" (letters in mock_answer.h) says
 * what it wants; -o says what the others get.  It takes any path and body.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "http.h"
#include "mock_answer.h"
#include "timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES     16384
#define READ_BIG_BYTES 262144
#define KEEP_BYTES     65536 /* a queue larger than this is given back */
#define HEAD_MAX_BYTES 65536
#define BODY_MAX_BYTES ((size_t)64 << 20)
#define BATCH_BYTES    16384
#define EVENTS	       1024

enum phase { READING, WAITING, STREAMING, SILENT };

struct conn {
	struct timer timer; /* first: the timer is the connection */
	int fd;
	enum phase phase;
	struct queue in, out;
	struct answer_plan plan;
	bool stream, keep_alive, is_chunked, wants_out, is_dead;
	size_t head_len; /* 0 until the head is complete */
	size_t body_len;
	long step;	    /* chunks sent so far */
	uint64_t last_due;  /* of the chunk before; 0: none */
	struct conn *grave; /* the dead are freed after the turn */
};

static int poller;
static struct answer_plan standard;
static struct conn *graves;

static void
kill_conn(struct conn *c)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	timer_stop(&c->timer);
	close(c->fd);
	c->grave = graves;
	graves = c;
}

static void
bury(void)
{
	struct conn *c;

	while ((c = graves) != NULL) {
		graves = c->grave;
		queue_clear(&c->in);
		queue_clear(&c->out);
		free(c);
	}
}

static void
want_out(struct conn *c, bool wants_out)
{
	struct epoll_event e = { .data.ptr = c };

	if (c->wants_out == wants_out)
		return;
	c->wants_out = wants_out;
	e.events = EPOLLIN | EPOLLRDHUP | (wants_out ? EPOLLOUT : 0u);
	epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static size_t
cut(size_t len)
{
	static unsigned seed = 12345;

	seed = seed * 1103515245u + 12345u;
	return len > 1 ? 1 + (seed >> 8) % (len - 1) : len;
}

/* True when everything has been written. */
static bool
flush(struct conn *c)
{
	size_t len;
	ssize_t n;

	while ((len = queue_waiting(&c->out)) > 0) {
		n = send(c->fd, queue_front(&c->out),
		    c->plan.cut ? cut(len) : len, MSG_NOSIGNAL);
		if (n > 0) {
			c->out.at += (size_t)n;
		} else if (errno == EAGAIN) {
			want_out(c, true);
			return false;
		} else if (errno != EINTR) {
			kill_conn(c);
			return false;
		}
	}
	c->out.at = c->out.len = 0;
	want_out(c, false);
	return true;
}

/* Begins an answer; false where a delay comes first. */
static bool
begin_answer(struct conn *c)
{
	c->phase = STREAMING;
	if (!c->stream || c->plan.status != 0) {
		answer_add_whole(&c->plan, c->keep_alive, &c->out);
		c->step = answer_steps(&c->plan);
		return true;
	}
	answer_add_head(c->keep_alive, &c->out);
	if (c->plan.first_us == 0)
		return true;
	if (flush(c))
		timer_set(
		    &c->timer, now_ns() + (uint64_t)c->plan.first_us * 1000);
	return false;
}

static long
steps_until_stop(const struct conn *c)
{
	if (c->plan.abort_after > 0)
		return c->plan.abort_after;
	return c->plan.silent_after > 0 ? c->plan.silent_after : -1;
}

static void
add_steps(struct conn *c, long steps)
{
	long stop = steps_until_stop(c);
	long batch = c->plan.delay_us > 0 ? c->plan.batch : steps;

	for (; batch > 0 && c->step < steps; batch--) {
		if (queue_waiting(&c->out) >= BATCH_BYTES || c->step == stop)
			break;
		answer_add_step(&c->plan, c->step++, &c->out);
	}
}

/* Keeps the pace even where a chunk was late, unless by more than 20 ms. */
static void
set_next(struct conn *c)
{
	uint64_t delay = (uint64_t)c->plan.delay_us * 1000, now = now_ns();
	uint64_t due = c->last_due + delay;

	if (c->last_due == 0 || due + 20000000u < now)
		due = now + delay;
	c->last_due = due;
	timer_set(&c->timer, due);
}

static bool try_request(struct conn *c);

/* Writes what is due; true when the answer is complete. */
static bool
advance(struct conn *c)
{
	long steps = answer_steps(&c->plan);

	if (c->phase == WAITING && !begin_answer(c))
		return false;
	while (!c->is_dead && c->phase == STREAMING) {
		add_steps(c, steps);
		if (!flush(c))
			return false; /* EPOLLOUT goes on */
		if (c->step >= steps)
			return true;
		if (c->step == steps_until_stop(c)) {
			if (c->plan.abort_after > 0)
				kill_conn(c);
			c->phase = SILENT;
		} else if (c->plan.delay_us > 0) {
			set_next(c);
			return false;
		}
	}
	return false;
}

/* Answers what has been read, as far as that goes. */
static void
serve(struct conn *c)
{
	do {
		if (c->phase == READING && !try_request(c))
			return;
		if (!c->is_dead && c->timer.place == 0 && advance(c)) {
			c->phase = READING;
			if (!c->keep_alive)
				kill_conn(c);
			if (c->out.cap > KEEP_BYTES)
				queue_clear(&c->out);
		}
	} while (!c->is_dead && c->phase == READING);
}

static void
read_head(struct conn *c, const char *head, const char *end)
{
	const char *length = http_header(head, end, "content-length");

	c->body_len = length != NULL ? strtoul(length, NULL, 10) : 0;
	c->is_chunked = http_header_is(head, end, "transfer-encoding", "chunk");
	c->keep_alive = !http_header_is(head, end, "connection", "close");
	if (http_header_is(head, end, "expect", "100-")) {
		queue_add_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		flush(c);
	}
}

static bool
wants_stream(const char *body, size_t len)
{
	const char *at = memmem(body, len, "\"stream\"", 8), *end = body + len;

	if (at == NULL)
		return false;
	for (at += 8; at < end && (*at == ' ' || *at == ':');)
		at++;
	return at < end && *at == 't';
}

/* Takes a whole request; false if there is none yet. */
static bool
try_request(struct conn *c)
{
	char *start = queue_front(&c->in), *end;
	size_t len = queue_waiting(&c->in), body_len;
	const char *body, *steer;

	if (len > 0 && c->head_len == 0 &&
	    (end = memmem(start, len, "\r\n\r\n", 4)) != NULL) {
		c->head_len = (size_t)(end - start) + 4;
		read_head(c, start, end + 2);
	}
	if (len - c->head_len > BODY_MAX_BYTES ||
	    (c->head_len == 0 && len > HEAD_MAX_BYTES))
		kill_conn(c);
	if (c->is_dead || c->head_len == 0)
		return false;
	body = start + c->head_len;
	body_len = c->is_chunked ? http_chunked_len(body, len - c->head_len)
				 : c->body_len;
	if (len - c->head_len < body_len || (c->is_chunked && body_len == 0))
		return false;
	c->plan = standard;
	if ((steer = memmem(body, body_len, "mock:", 5)) != NULL)
		answer_plan_parse(&c->plan, steer + 5, body + body_len);
	c->stream = wants_stream(body, body_len);
	c->in.at += c->head_len + body_len;
	c->head_len = 0;
	if (queue_waiting(&c->in) == 0 && c->in.cap > KEEP_BYTES)
		queue_clear(&c->in);
	c->step = 0;
	c->last_due = 0;
	c->phase = WAITING;
	if (c->plan.head_us > 0)
		timer_set(
		    &c->timer, now_ns() + (uint64_t)c->plan.head_us * 1000);
	return true;
}

static void
on_readable(struct conn *c)
{
	size_t want;
	ssize_t n;

	do {
		want = c->body_len > KEEP_BYTES ? READ_BIG_BYTES : READ_BYTES;
		queue_reserve(&c->in, want);
		n = recv(c->fd, c->in.data + c->in.len, want, 0);
		if (n > 0) {
			c->in.len += (size_t)n;
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			kill_conn(c);
			return;
		}
	} while (n == (ssize_t)want || (n == -1 && errno == EINTR));
	if (c->phase == READING)
		serve(c);
}

static void
on_event(struct conn *c, unsigned events)
{
	if (!c->is_dead && (events & ~(unsigned)EPOLLOUT) != 0)
		on_readable(c);
	if (!c->is_dead && (events & EPOLLOUT) != 0 && flush(c) &&
	    c->phase != READING)
		serve(c);
}

static void
accept_all(int listener)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP };
	struct conn *c;
	int fd;

	for (int i = 0; i < 256 && (fd = accept(listener, NULL, NULL)) != -1;
	     i++) {
		prepare_socket(fd);
		if ((c = calloc(1, sizeof(*c))) == NULL)
			die("out of memory");
		c->fd = fd;
		e.data.ptr = c;
		epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
	}
}

static int
listen_on(const char *host, long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct epoll_event e = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    listen(fd, 8192) == -1)
		die("%s port %ld: %s", host, port, strerror(errno));
	prepare_socket(fd);
	if ((poller = epoll_create1(0)) == -1)
		die("epoll: %s", strerror(errno));
	epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
	return fd;
}

static void
run_timers(void)
{
	uint64_t now = now_ns();
	struct timer *t;

	for (int budget = 2000;
	     budget > 0 && (t = timer_next()) != NULL && t->due_ns <= now;
	     budget--) {
		timer_stop(t);
		serve((struct conn *)t);
	}
}

static int
wait_for_events(struct epoll_event *events)
{
	struct timer *next = timer_next();
	struct timespec wait, *limit = NULL;
	uint64_t now, left;

	if (next != NULL) {
		now = now_ns();
		left = next->due_ns > now ? next->due_ns - now : 0;
		wait.tv_sec = (time_t)(left / 1000000000u);
		wait.tv_nsec = (long)(left % 1000000000u);
		limit = &wait;
	}
	return epoll_pwait2(poller, events, EVENTS, limit, NULL);
}

int
main(int argc, char **argv)
{
	static struct epoll_event events[EVENTS];
	const char *host = "127.0.0.1";
	long port = 9001;
	int option, listener;

	answer_plan_defaults(&standard);
	while ((option = getopt(argc, argv, "H:p:o:")) != -1) {
		if (option == 'H')
			host = optarg;
		else if (option == 'p')
			port = whole_number(optarg, "-p", 1, 65535);
		else if (option == 'o')
			answer_plan_parse(
			    &standard, optarg, optarg + strlen(optarg));
		else
			die("usage: mock [-H address] [-p port] [-o plan]");
	}
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	listener = listen_on(host, port);
	for (;;) {
		int n = wait_for_events(events);

		for (int i = 0; i < n; i++)
			if (events[i].data.ptr == NULL)
				accept_all(listener);
			else
				on_event(events[i].data.ptr, events[i].events);
		run_timers();
		bury();
	}
}
