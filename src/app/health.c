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

#define LIMIT_MS   2000
#define ANSWER_MAX 8192

static const char question[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n"
			       "Connection: close\r\n\r\n";

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
read_answer(int fd, char answer[static ANSWER_MAX], long long deadline)
{
	size_t len = 0;

	answer[0] = '\0';
	while (len < ANSWER_MAX - 1) {
		ssize_t n;

		if (wait_for(fd, POLLIN, deadline) == -1)
			return -1;
		n = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
		answer[len] = '\0';
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
ask(int fd, long long deadline)
{
	char answer[ANSWER_MAX];
	size_t len = sizeof(question) - 1;

	/* a new socket's buffer takes it whole */
	if (send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    read_answer(fd, answer, deadline) == -1)
		return -1;
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || !has_request_id(answer))
		return 0;
	return (int)strtol(answer + 9, NULL, 10);
}

int
health_ask(const char *host, int port)
{
	long long deadline = now_ms() + LIMIT_MS;
	int fd, status, saved;

	fd = strncmp(host, "unix:", 5) == 0
		 ? connect_unix(host + 5, deadline)
		 : connect_host(host, port, deadline);
	if (fd == -1)
		return -1;
	status = ask(fd, deadline);
	saved = errno;
	close(fd);
	errno = saved;
	return status;
}

int
health_ask_address(const char *address)
{
	char host[256] = "";
	const char *colon;

	if (strncmp(address, "unix:", 5) == 0)
		return health_ask(address, 0);
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
	return health_ask(host, (int)strtol(colon + 1, NULL, 10));
}
