/* SPDX-License-Identifier: MIT */
/* The service manager's side of start and end. */
#include "app/systemd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3

/* A variable's number; -1 where there is none. */
static long
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' ? n : -1;
}

static bool
is_listening_stream(int fd)
{
	int type = 0, listens = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1 ||
	    type != SOCK_STREAM)
		return false;
	size = sizeof(listens);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ==
		   0 &&
	       listens != 0;
}

int
systemd_take_socket(char *err, size_t cap)
{
	long pid = number_of("LISTEN_PID"), n = number_of("LISTEN_FDS");

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (n <= 0 || pid != (long)getpid())
		return -1;
	if (n != 1) {
		snprintf(
		    err, cap, "%ld sockets were handed over, one is taken", n);
		return -2;
	}
	if (!is_listening_stream(FIRST_FD)) {
		snprintf(err, cap,
		    "what was handed over is no listening stream socket");
		return -2;
	}
	(void)fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC);
	return FIRST_FD;
}

bool
systemd_socket_is_open(int fd)
{
	struct sockaddr_storage any;
	socklen_t len = sizeof(any);

	memset(&any, 0, sizeof(any));
	if (getsockname(fd, (struct sockaddr *)&any, &len) == -1)
		return true;
	if (any.ss_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, &any, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr) >> 24 != 127;
	}
	if (any.ss_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, &any, sizeof(v6));
		return !IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
	}
	return any.ss_family != AF_UNIX;
}

void
systemd_notify(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    (len = strlen(path)) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* Linux's sockets without a file */
		to.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1)
		return;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void
systemd_notify_reloading(void)
{
	struct timespec t;
	char state[80];

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	systemd_notify(state);
}
