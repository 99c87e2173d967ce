/* SPDX-License-Identifier: MIT */
/*
 * How long a program takes from its start to its first answer.
 *
 *   start [-n times] -t host:port -- COMMAND [ARG…]
 *
 * Starts the command, asks it with a small message until it answers, ends it
 * with SIGTERM.  Prints the median in milliseconds; exits with 1 if an answer
 * was no 200 or none came within 5 s.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX   100
#define PATIENCE_MS 5000
#define PAUSE_NS    200000 /* between two tries to connect */

static struct sockaddr_in address = { .sin_family = AF_INET };

static const char body[] =
    "{\"model\":\"mock:n=1\",\"max_tokens\":16,\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Say something.\"}]}";

static void
read_address(const char *target)
{
	const char *colon = strrchr(target, ':');
	char host[64];

	if (colon == NULL || (size_t)(colon - target) >= sizeof(host))
		die("-t 127.0.0.1:port");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - target), target);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die("-t 127.0.0.1:port");
	address.sin_port =
	    htons((uint16_t)whole_number(colon + 1, "the port", 1, 65535));
}

static pid_t
spawn(char **command)
{
	pid_t pid = fork();
	int null;

	if (pid == -1)
		die("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	if ((null = open("/dev/null", O_RDWR)) != -1) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	execvp(command[0], command);
	_exit(127);
}

static int
dial(uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int fd;

	while (now_ns() < deadline) {
		if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
			break;
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ==
		    0)
			return fd;
		close(fd);
		nanosleep(&pause, NULL);
	}
	return -1;
}

/* Whether the whole answer came, and was a 200. */
static bool
ask(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char request[512], answer[16384];
	size_t len = 0;
	ssize_t n;

	snprintf(request, sizeof(request),
	    "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nx-api-key: test\r\n"
	    "anthropic-version: 2023-06-01\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    sizeof(body) - 1, body);
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1)
		return false;
	while (len < sizeof(answer) && poll(&readable, 1, PATIENCE_MS) == 1) {
		n = recv(fd, answer + len, sizeof(answer) - len, 0);
		if (n <= 0)
			return n == 0 && len > 12 &&
			       memcmp(answer + 9, "200", 3) == 0;
		len += (size_t)n;
	}
	return false;
}

static double
one_start(char **command)
{
	uint64_t begun = now_ns(), answered;
	pid_t pid = spawn(command);
	int fd = dial(begun + (uint64_t)PATIENCE_MS * 1000000);
	bool is_good = fd != -1 && ask(fd);

	answered = now_ns();
	if (fd != -1)
		close(fd);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (!is_good)
		die("%s does not answer", command[0]);
	return (double)(answered - begun) / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	double times[TIMES_MAX];
	const char *target = NULL;
	long n = 10;
	int option;

	while ((option = getopt(argc, argv, "+n:t:")) != -1) {
		if (option == 'n')
			n = whole_number(optarg, "-n", 1, TIMES_MAX);
		else if (option == 't')
			target = optarg;
		else
			die("usage: start [-n times] -t host:port -- COMMAND");
	}
	if (target == NULL || optind == argc)
		die("usage: start [-n times] -t host:port -- COMMAND");
	read_address(target);
	for (long i = 0; i < n; i++)
		times[i] = one_start(argv + optind);
	qsort(times, (size_t)n, sizeof(times[0]), compare);
	printf("%.1f\n", times[n / 2]);
	return 0;
}
