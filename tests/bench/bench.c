/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

long
whole_number(const char *text, const char *what, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		die("%s: \"%s\" is not a number from %ld to %ld", what, text,
		    min, max);
	return n;
}

double
seconds(const char *text, const char *what)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end != '\0' || !(n >= 0 && n <= 3600))
		die("%s: \"%s\" is not a time of 0 to 3600 s", what, text);
	return n;
}

void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void
prepare_socket(int fd)
{
	int on = 1;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void
queue_reserve(struct queue *q, size_t extra)
{
	size_t cap = q->cap > 0 ? q->cap : 1024;

	if (q->at > 0) {
		memmove(q->data, q->data + q->at, q->len - q->at);
		q->len -= q->at;
		q->at = 0;
	}
	if (q->cap - q->len >= extra)
		return;
	if (extra > QUEUE_MAX_BYTES - q->len)
		die("more than %zu bytes wait", QUEUE_MAX_BYTES);
	while (cap - q->len < extra)
		cap *= 2;
	if ((q->data = realloc(q->data, cap)) == NULL)
		die("out of memory");
	q->cap = cap;
}

void
queue_clear(struct queue *q)
{
	free(q->data);
	*q = (struct queue){ 0 };
}

void
queue_add_number(struct queue *q, uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	queue_add(q, digits + at, sizeof(digits) - at);
}
