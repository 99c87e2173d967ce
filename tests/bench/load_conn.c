/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "load_conn.h"
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_BYTES 32768

static void
note_error(struct load *l, const char *what, long number)
{
	l->errors++;
	if (l->first_error[0] == '\0')
		snprintf(l->first_error, sizeof(l->first_error), "%s (%ld)",
		    what, number);
}

static void
hang_up(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->state = CLIENT_CLOSED;
	c->in.at = c->in.len = 0;
	c->line.at = c->line.len = 0;
}

static void
await(struct client *c, unsigned events, int operation)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	epoll_ctl(c->load->poller, operation, c->fd, &e);
}

static void
send_request(struct client *c)
{
	const struct queue *request = &c->load->request;
	ssize_t n;

	while (c->sent < request->len) {
		n = send(c->fd, request->data + c->sent, request->len - c->sent,
		    MSG_NOSIGNAL);
		if (n > 0) {
			c->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			if (c->state != CLIENT_SENDING)
				await(c, EPOLLOUT | EPOLLIN, EPOLL_CTL_MOD);
			c->state = CLIENT_SENDING;
			return;
		} else if (errno != EINTR) {
			note_error(c->load, "send", errno);
			hang_up(c);
			return;
		}
	}
	if (c->state == CLIENT_SENDING || c->state == CLIENT_CONNECTING)
		await(c, EPOLLIN, EPOLL_CTL_MOD);
	c->state = CLIENT_HEAD;
}

static void
dial(struct client *c)
{
	struct load *l = c->load;

	c->fd = socket(l->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1) {
		note_error(l, "socket", errno);
		return;
	}
	prepare_socket(c->fd);
	c->state = CLIENT_CONNECTING;
	await(c, EPOLLOUT, EPOLL_CTL_ADD);
	if (connect(c->fd, (struct sockaddr *)&l->address, l->address_len) ==
		-1 &&
	    errno != EINPROGRESS) {
		note_error(l, "connect", errno);
		hang_up(c);
	}
}

void
client_begin(struct client *c)
{
	struct load *l = c->load;

	if (l->max_requests >= 0 && l->started >= l->max_requests) {
		hang_up(c);
		return;
	}
	l->started++;
	c->sent = 0;
	c->status = 0;
	c->has_event = c->has_end = c->has_error = false;
	c->begun_ns = now_ns();
	c->is_reused = c->fd != -1;
	if (c->is_reused) {
		c->state = CLIENT_HEAD;
		send_request(c);
	} else {
		dial(c);
	}
}

static void
note_first_event(struct client *c, uint64_t now)
{
	if (!c->has_event && c->load->is_measuring)
		histogram_add(&c->load->first_event, now - c->begun_ns);
	c->has_event = true;
}

static void
end_answer(struct client *c, uint64_t now)
{
	struct load *l = c->load;

	l->completed++;
	if (c->status != l->status) {
		note_error(l, "status", c->status);
	} else if (c->has_error) {
		note_error(l, "an error event", 0);
	} else if (l->stream && c->status == 200 && !c->has_end) {
		note_error(l, "a stream without its end", 0);
	} else if (l->is_measuring) {
		l->answers++;
		histogram_add(&l->total, now - c->begun_ns);
	}
	if (c->close_after || !l->keep_alive)
		hang_up(c);
	client_begin(c);
}

/* "@NANOSECONDS@": when that text left the mock. */
static void
read_stamps(struct load *l, const char *line, const char *end, uint64_t now)
{
	const char *digit;
	uint64_t then;

	while (line < end &&
	       (line = memchr(line, '@', (size_t)(end - line))) != NULL) {
		then = 0;
		for (digit = ++line;
		     digit < end && *digit >= '0' && *digit <= '9'; digit++)
			then = then * 10 + (uint64_t)(*digit - '0');
		if (digit - line < 8 || digit == end || *digit != '@')
			continue;
		l->stamps++;
		histogram_add(&l->delay, now > then ? now - then : 0);
		line = digit + 1;
	}
}

static bool
begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static void
read_line(struct client *c, const char *line, size_t len, uint64_t now)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0) {
		note_first_event(c, now);
		if (c->load->is_measuring)
			c->load->events++;
	} else if (begins(line, len, "event: message_stop") ||
		   begins(line, len, "data: [DONE]")) {
		c->has_end = true;
	} else if (begins(line, len, "event: error")) {
		c->has_error = true;
	} else if (c->load->is_measuring) {
		read_stamps(c->load, line, line + len, now);
	}
}

static void
read_body(struct client *c, const char *bytes, size_t len, uint64_t now)
{
	const char *newline;
	size_t n;

	if (c->load->is_measuring)
		c->load->bytes += len;
	for (; (newline = memchr(bytes, '\n', len)) != NULL;
	     bytes += n + 1, len -= n + 1) {
		n = (size_t)(newline - bytes);
		if (c->line.len == 0) {
			read_line(c, bytes, n, now);
			continue;
		}
		queue_add(&c->line, bytes, n);
		read_line(c, c->line.data, c->line.len, now);
		c->line.len = 0;
	}
	queue_add(&c->line, bytes, len);
}

static void
end_body(struct client *c, uint64_t now)
{
	if (c->line.len > 0)
		read_line(c, c->line.data, c->line.len, now);
	c->line.len = 0;
	end_answer(c, now);
}

/* Takes the head if it is whole. */
static bool
read_head(struct client *c)
{
	const char *head = queue_front(&c->in), *end, *length;
	size_t len = queue_waiting(&c->in);

	if (len == 0 || (end = memmem(head, len, "\r\n\r\n", 4)) == NULL)
		return false;
	end += 2;
	c->in.at += (size_t)(end - head) + 2;
	c->status = len > 12 ? (int)strtol(head + 9, NULL, 10) : 0;
	if (c->status == 100)
		return true;
	length = http_header(head, end, "content-length");
	c->left = length != NULL ? strtoul(length, NULL, 10) : 0;
	if (http_header_is(head, end, "transfer-encoding", "chunked"))
		c->state = CLIENT_CHUNK_SIZE;
	else
		c->state = length != NULL ? CLIENT_LENGTH : CLIENT_UNTIL_END;
	c->close_after = memcmp(head, "HTTP/1.0", 8) == 0 ||
			 c->state == CLIENT_UNTIL_END ||
			 http_header_is(head, end, "connection", "close");
	return true;
}

/* A chunk's size, or a line of the trailer, the last of which is empty.
 * 1: taken, 0: not whole, -1: the body has ended. */
static int
read_chunk_line(struct client *c)
{
	const char *line = queue_front(&c->in), *newline;
	size_t len = queue_waiting(&c->in);

	if (len == 0 || (newline = memchr(line, '\n', len)) == NULL)
		return 0;
	c->in.at += (size_t)(newline - line) + 1;
	if (c->state == CLIENT_TRAILER)
		return newline - line <= 1 ? -1 : 1;
	c->left = strtoul(line, NULL, 16);
	c->state = c->left > 0 ? CLIENT_CHUNK : CLIENT_TRAILER;
	return 1;
}

/* Takes bytes of the body; false when there are none. */
static bool
read_some(struct client *c, uint64_t now)
{
	size_t len = queue_waiting(&c->in);
	const char *bytes = queue_front(&c->in);

	if (len == 0)
		return false;
	if (c->state != CLIENT_UNTIL_END) {
		if (len > c->left)
			len = c->left;
		c->left -= len;
	}
	c->in.at += len;
	read_body(c, bytes, len, now);
	if (c->state == CLIENT_CHUNK && c->left == 0)
		c->state = CLIENT_CHUNK_END;
	return true;
}

/* One step in what was read.  1: go on, 0: more is needed, -1: the end. */
static int
step(struct client *c, uint64_t now)
{
	switch (c->state) {
	case CLIENT_HEAD:
		return read_head(c);
	case CLIENT_LENGTH:
		return c->left == 0 ? -1 : read_some(c, now);
	case CLIENT_UNTIL_END:
	case CLIENT_CHUNK:
		return read_some(c, now);
	case CLIENT_CHUNK_END:
		if (queue_waiting(&c->in) < 2)
			return 0;
		c->in.at += 2;
		c->state = CLIENT_CHUNK_SIZE;
		return 1;
	case CLIENT_CHUNK_SIZE:
	case CLIENT_TRAILER:
		return read_chunk_line(c);
	default:
		return 0;
	}
}

static void
lose(struct client *c, ssize_t n)
{
	struct load *l = c->load;
	bool is_late = c->is_reused && c->state == CLIENT_HEAD &&
		       queue_waiting(&c->in) == 0;

	if (n == 0 && c->state == CLIENT_UNTIL_END) {
		end_body(c, now_ns());
		return;
	}
	hang_up(c);
	if (is_late) { /* the kept connection was closed meanwhile */
		l->started--;
		client_begin(c);
		return;
	}
	if (n == 0)
		note_error(l, "closed before the end of an answer", 0);
	else
		note_error(l, "recv", errno);
	l->completed++;
}

static void
on_readable(struct client *c)
{
	ssize_t n;
	int left;

	do {
		queue_reserve(&c->in, READ_BYTES);
		n = recv(c->fd, c->in.data + c->in.len, READ_BYTES, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			lose(c, n);
			return;
		}
		c->in.len += (size_t)n;
		while ((left = step(c, now_ns())) == 1)
			;
		if (left == -1) {
			end_body(c, now_ns());
			return;
		}
	} while (n == READ_BYTES);
}

static bool
is_connected(struct client *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error == 0)
		return true;
	note_error(c->load, "connect", error);
	hang_up(c);
	return false;
}

void
client_go_on(struct client *c, unsigned events)
{
	if (c->fd == -1)
		return;
	if (c->state == CLIENT_CONNECTING) {
		if (is_connected(c))
			send_request(c);
		return;
	}
	if (c->state == CLIENT_SENDING && (events & EPOLLOUT) != 0)
		send_request(c);
	if (c->fd != -1 && (events & ~(unsigned)EPOLLOUT) != 0)
		on_readable(c);
}
