/* SPDX-License-Identifier: MIT */
/* The two halves of a daemon's start and the pipe between them. */
#include "app/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/health.h"

pid_t
daemon_split(int *report)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1)
		return -1;
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	fflush(NULL);
	if ((pid = fork()) == -1) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	close(ends[pid == 0 ? 0 : 1]);
	*report = ends[pid == 0 ? 1 : 0];
	if (pid == 0)
		(void)setsid();
	return pid;
}

/* -- the parent --------------------------------------------------------------
 */

/* All that the child writes until it closes its end. */
static void
read_report(int fd, char report[static DAEMON_REPORT_MAX])
{
	size_t len = 0;
	ssize_t n;

	while (len < DAEMON_REPORT_MAX - 1) {
		n = read(fd, report + len, DAEMON_REPORT_MAX - 1 - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	report[len] = '\0';
}

static int
tell_end(pid_t child, const char *log_file)
{
	int status = 0;

	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		fprintf(stderr,
		    "anthropic-proxy: the daemon was ended by signal %d",
		    WTERMSIG(status));
	else
		fprintf(stderr, "anthropic-proxy: the daemon ended with %d",
		    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	fprintf(stderr, " before it listened; see %s\n",
	    log_file == NULL ? "its log" : log_file);
	return 1;
}

/* The port was bound before the report came, so this is one question; a
 * machine under load gets a few. */
static bool
answers(const char *address)
{
	struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };

	for (int i = 0; i < 5; i++) {
		if (health_ask(address) == 200)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int
daemon_hear(pid_t child, int report, const char *log_file,
    char text[static DAEMON_REPORT_MAX])
{
	int exit_code;

	read_report(report, text);
	if (text[0] == '\0')
		return tell_end(child, log_file);
	if (text[0] == 'F') {
		exit_code = text[1] - '0';
		fprintf(stderr, "anthropic-proxy: %s\n", text + 2);
		while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
			continue;
		return exit_code;
	}
	memmove(text, text + 1, strlen(text));
	return 0;
}

int
daemon_await(pid_t child, int report, const char *log_file)
{
	char text[DAEMON_REPORT_MAX];
	int rc = daemon_hear(child, report, log_file, text);

	close(report);
	if (rc != 0)
		return rc;
	if (!answers(text)) {
		fprintf(stderr,
		    "anthropic-proxy: the daemon does not answer at %s; "
		    "see %s\n",
		    text, log_file == NULL ? "its log" : log_file);
		(void)kill(child, SIGTERM);
		return 1;
	}
	fprintf(stderr, "anthropic-proxy: listening on %s (pid %ld, log %s)\n",
	    text, (long)child, log_file == NULL ? "none" : log_file);
	return 0;
}

/* -- the child ---------------------------------------------------------------
 */

static void
send_report(int report, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len > 0) {
		n = write(report, text, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* the parent was ended: serve all the same */
		text += n;
		len -= (size_t)n;
	}
}

static void
leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return;
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
}

void
daemon_report_ready(int report, const char *text, bool stays)
{
	leave_terminal();
	send_report(report, "R");
	send_report(report, text);
	if (stays)
		(void)shutdown(report, SHUT_WR);
	else
		close(report);
}

void
daemon_report_failure(int report, int exit_code, const char *why)
{
	char text[DAEMON_REPORT_MAX];

	snprintf(text, sizeof(text), "F%c%s", (char)('0' + exit_code), why);
	send_report(report, text);
	close(report);
}
