/* SPDX-License-Identifier: MIT */
/* A socket pair; a job's number goes one way, its result and descriptor the
 * other. */
#include "app/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/confine.h"

#define JOBS_MAX 16
/* The start has opened few, all of them near the line: no need to ask for the
 * limit and try a million. */
#define FDS_MAX 256

static struct broker_job known[JOBS_MAX];
static size_t n_known;
static int line = -1;
static pid_t pid = -1;

/* The control message of one descriptor. */
union passed {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static struct msghdr
message(struct iovec *body, union passed *passed)
{
	memset(passed, 0, sizeof(*passed));
	return (struct msghdr){ .msg_iov = body,
		.msg_iovlen = 1,
		.msg_control = passed->room,
		.msg_controllen = sizeof(passed->room) };
}

/* -- the broker ----------------------------------------------------------- */

static int
answer(int fd, int result, int error)
{
	union passed passed;
	struct iovec body = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr m = message(&body, &passed);

	if (result > 0) {
		passed.head.cmsg_level = SOL_SOCKET;
		passed.head.cmsg_type = SCM_RIGHTS;
		passed.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&passed.head), &result, sizeof(result));
	} else {
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/* Signals stay blocked: it ends when its client is gone, and only then. */
static _Noreturn void
serve(int fd)
{
	unsigned char number;
	ssize_t n;
	int rc = 0;

	for (int other = 0; other < fd + FDS_MAX; other++)
		if (other != fd)
			close(other);
	for (int other = 0; other <= 2; other++)
		(void)!open("/dev/null", O_RDWR);
	(void)seccomp_enter();
	while (rc == 0) {
		int result;

		if ((n = recv(fd, &number, 1, 0)) == -1 && errno == EINTR)
			continue;
		if (n != 1 || number >= n_known)
			break;
		result = known[number].act(known[number].path);
		rc = answer(fd, result, result == -1 ? errno : 0);
		if (result > 0)
			close(result);
	}
	_exit(0);
}

int
broker_start(const struct broker_job *jobs, size_t n)
{
	int ends[2];

	for (size_t i = 0; i < n && n_known < JOBS_MAX; i++) {
		if (jobs[i].path == NULL)
			continue;
		known[n_known].act = jobs[i].act;
		if ((known[n_known++].path = strdup(jobs[i].path)) == NULL)
			return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == -1)
		return -1;
	if ((pid = fork()) == 0)
		serve(ends[1]);
	close(ends[1]);
	if (pid == -1) {
		close(ends[0]);
		return -1;
	}
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	line = ends[0];
	return 0;
}

/* -- its client ----------------------------------------------------------- */

static int
take_answer(void)
{
	union passed passed;
	int error = 0, fd = 0;
	struct iovec body = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr m = message(&body, &passed);
	ssize_t n;

	while ((n = recvmsg(line, &m, 0)) == -1 && errno == EINTR)
		continue;
	if (n != (ssize_t)sizeof(error)) {
		errno = n == -1 ? errno : EPIPE;
		return -1;
	}
	if (error != 0) {
		errno = error;
		return -1;
	}
	if (m.msg_controllen >= sizeof(passed.head) &&
	    passed.head.cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(&passed.head), sizeof(fd));
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return fd;
}

static size_t
find(const char *path, broker_act *act)
{
	size_t i = 0;

	while (i < n_known && (strcmp(known[i].path, path) != 0 ||
				  (act != NULL && known[i].act != act)))
		i++;
	return i;
}

int
broker_do(const char *path, broker_act *act)
{
	size_t i = find(path, act);
	unsigned char number = (unsigned char)i;

	if (line == -1 || i == n_known)
		return act(path);
	if (send(line, &number, 1, MSG_NOSIGNAL) != 1)
		return -1;
	return take_answer();
}

const char *
broker_hint(const char *path, int error)
{
	if (line == -1 || error != EACCES || find(path, NULL) < n_known)
		return "";
	return ", for the sandbox was closed without it; restart to read it";
}

void
broker_stop(void)
{
	if (line != -1)
		close(line);
	line = -1;
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	pid = -1;
	while (n_known > 0)
		free((char *)known[--n_known].path);
}
