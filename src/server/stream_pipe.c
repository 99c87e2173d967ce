/* SPDX-License-Identifier: MIT */
/* Bytes through a pipe with a deadline.  Knows nothing of events. */
#include "server/stream_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "server/cancel.h"
#include "server/server.h"

/* How often a blocked writer looks whether it was cancelled. */
#define STEP_MS 250

int
stream_pipe_open(int fds[2])
{
	if (pipe(fds) == -1)
		return -1;
	if (fcntl(fds[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fds[1], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fds[1], F_SETFL, O_NONBLOCK) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	return 0;
}

/* Waits for room; -1 when there will be none. */
static int
wait_for_room(int fd, long stall_ms, struct cancel *cancel)
{
	long long end = server_now_ms() + stall_ms;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	for (;;) {
		int rc = poll(&p, 1, STEP_MS);

		if (rc > 0)
			return (p.revents & POLLERR) != 0 ? -1 : 0;
		if (cancel_reason(cancel) != CANCEL_NONE)
			return -1;
		if (server_now_ms() >= end) {
			cancel_fire(cancel, CANCEL_CLIENT_STALLED);
			return -1;
		}
	}
}

int
stream_pipe_write(
    int fd, const char *bytes, size_t len, long stall_ms, struct cancel *cancel)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN)
			return -1;
		if (wait_for_room(fd, stall_ms, cancel) == -1)
			return -1;
	}
	return 0;
}
