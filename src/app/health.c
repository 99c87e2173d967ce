/* SPDX-License-Identifier: MIT */
/* A GET over a plain socket, for `status` and the start of a daemon. */
#include "app/health.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire/buf.h"

#define LIMIT_MS   2000
#define ANSWER_MAX 8192
#define PIECE_MAX  4096

static long long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
wait_for(int fd, short events, long long deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		long long left = deadline - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			errno = ETIMEDOUT;
		if (n == 0 || errno != EINTR)
			return -1;
	}
}

static int
connect_to(
    int family, const struct sockaddr *to, socklen_t len, long long deadline)
{
	int fd = socket(family, SOCK_STREAM, 0), wrong = 0, saved;
	socklen_t size = sizeof(wrong);

	if (fd == -1)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, to, len) == 0)
		return fd;
	if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &wrong, &size) == 0) {
		if (wrong == 0)
			return fd;
		errno = wrong;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
connect_unix(const char *path, long long deadline)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	return connect_to(
	    AF_UNIX, (const struct sockaddr *)&to, sizeof(to), deadline);
}

static int
connect_host(const char *host, int port, long long deadline)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	char digits[16];
	int fd = -1;

	if (strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		host = "::1";
	snprintf(digits, sizeof(digits), "%d", port);
	if (getaddrinfo(host, digits, &hints, &all) != 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	for (a = all; a != NULL && fd == -1; a = a->ai_next)
		fd = connect_to(
		    a->ai_family, a->ai_addr, a->ai_addrlen, deadline);
	freeaddrinfo(all);
	return fd;
}

/* Reads to the end, or as far as the limits go. */
static int
read_answer(int fd, struct buf *answer, long long deadline)
{
	while (!answer->failed) {
		char piece[PIECE_MAX];
		ssize_t n;

		if (wait_for(fd, POLLIN, deadline) == -1)
			return -1;
		n = recv(fd, piece, sizeof(piece), 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		buf_add(answer, piece, (size_t)n);
	}
	return 0;
}

/* Our answers bear a request-id; some other server's /health may not. */
static bool
has_request_id(const char *answer)
{
	for (const char *line = answer; line != NULL;) {
		if (strncasecmp(line, "request-id:", 11) == 0)
			return true;
		if ((line = strchr(line, '\n')) != NULL)
			line++;
	}
	return false;
}

static int
ask(int fd, const struct buf *question, struct buf *answer, long long deadline)
{
	const char *text;

	/* a new socket's buffer takes it whole */
	if (send(fd, question->data, question->len, MSG_NOSIGNAL) !=
		(ssize_t)question->len ||
	    read_answer(fd, answer, deadline) == -1)
		return -1;
	text = buf_str(answer);
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || !has_request_id(text))
		return 0;
	return (int)strtol(text + 9, NULL, 10);
}

static int
connect_address(const char *address, long long deadline)
{
	char host[256] = "";
	const char *colon;

	if (strncmp(address, "unix:", 5) == 0)
		return connect_unix(address + 5, deadline);
	if (strncmp(address, "http://", 7) == 0)
		address += 7;
	if ((colon = strrchr(address, ':')) == NULL ||
	    (size_t)(colon - address) >= sizeof(host)) {
		errno = EINVAL;
		return -1;
	}
	if (address[0] == '[' && colon[-1] == ']')
		memcpy(host, address + 1, (size_t)(colon - address) - 2);
	else
		memcpy(host, address, (size_t)(colon - address));
	return connect_host(host, (int)strtol(colon + 1, NULL, 10), deadline);
}

int
health_get(
    const char *address, const char *path, const char *key, struct buf *answer)
{
	long long deadline = now_ms() + LIMIT_MS;
	int fd = connect_address(address, deadline), status = -1, saved;
	struct buf question;

	if (fd == -1)
		return -1;
	buf_init(&question, 8192);
	buf_printf(&question,
	    "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
	    path);
	if (key != NULL)
		buf_printf(&question, "x-api-key: %s\r\n", key);
	BUF_ADD_LIT(&question, "\r\n");
	errno = ENOMEM;
	if (!question.failed)
		status = ask(fd, &question, answer, deadline);
	saved = errno;
	buf_clear(&question);
	close(fd);
	errno = saved;
	return status;
}

int
health_ask(const char *address)
{
	struct buf answer;
	int status, saved;

	buf_init(&answer, ANSWER_MAX);
	status = health_get(address, "/health", NULL, &answer);
	saved = errno;
	buf_clear(&answer);
	errno = saved;
	return status;
}
