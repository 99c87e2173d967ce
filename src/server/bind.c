/* SPDX-License-Identifier: MIT */
/* Makes the listening socket.  Knows no HTTP. */
#define _GNU_SOURCE /* SO_ATTACH_FILTER */
#include "server/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#if defined(__linux__) && !defined(PORTABLE)
#include <linux/filter.h>
#endif

#include "wire/fault.h"

#define UNIX_PREFIX "unix:"

/* A socket file that nobody answers on is left over from a dead process. */
static void
remove_stale(const struct sockaddr_un *at)
{
	struct stat st;
	int fd;

	if (fstatat(AT_FDCWD, at->sun_path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISSOCK(st.st_mode))
		return;
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == -1 &&
	    errno == ECONNREFUSED)
		unlink(at->sun_path);
	close(fd);
}

static int
bind_unix(const char *path, struct fault *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(at.sun_path))
		return fault_set(why, FAULT_INTERNAL,
		    "HOST: the socket path \"%s\" is too long", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	remove_stale(&at);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return fault_set(
		    why, FAULT_INTERNAL, "socket: %s", strerror(errno));
	mask = umask(0177); /* no other thread runs yet */
	rc = bind(fd, (struct sockaddr *)&at, sizeof(at));
	umask(mask);
	if (rc == -1 || listen(fd, SOMAXCONN) == -1) {
		fault_set(why, FAULT_INTERNAL, "cannot listen on %s: %s", path,
		    strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* Binds one of the addresses a name has; errno tells of a failure. */
static int
bind_address(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
	int on = 1, saved;

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, at->ai_addr, at->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
bind_open(const char *host, int port, struct fault *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char service[16];
	int fd = -1, rc;

	if (strncmp(host, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return bind_unix(host + strlen(UNIX_PREFIX), why);
	snprintf(service, sizeof(service), "%d", port);
	if ((rc = getaddrinfo(host, service, &hints, &found)) != 0)
		return fault_set(why, FAULT_INTERNAL, "HOST \"%s\": %s", host,
		    gai_strerror(rc));
	for (struct addrinfo *at = found; at != NULL && fd == -1;
	     at = at->ai_next)
		fd = bind_address(at);
	if (fd == -1)
		fault_set(why, FAULT_INTERNAL,
		    "cannot listen on %s port %d: %s", host, port,
		    strerror(errno));
	freeaddrinfo(found);
	return fd;
}

void
bind_refuse(int fd)
{
#if defined(__linux__) && !defined(PORTABLE)
	/* What the socket's filter sees begins with the TCP header, of IPv6,
	 * too.  Accepted sockets inherit it: no SYN is for them. */
	static struct sock_filter drop_syn[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ~0u),
	};
	static const struct sock_fprog filter = { 4, drop_syn };
	int domain = 0;
	socklen_t len = sizeof(domain);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (domain == AF_UNIX) /* of TCP this would reset the queue */
		(void)shutdown(fd, SHUT_RD);
	else
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
#else
	(void)fd;
#endif
}

void
bind_name(int fd, char *out, size_t cap)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char host[64], port[16];

	memset(&at, 0, sizeof(at));
	if (getsockname(fd, (struct sockaddr *)&at, &len) == -1) {
		snprintf(out, cap, "(unknown)");
		return;
	}
	if (at.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&at;

		snprintf(out, cap, "unix:%s", un->sun_path);
		return;
	}
	if (getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, cap, "(unknown)");
	else if (at.ss_family == AF_INET6)
		snprintf(out, cap, "http://[%s]:%s", host, port);
	else
		snprintf(out, cap, "http://%s:%s", host, port);
}
