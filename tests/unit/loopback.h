/* SPDX-License-Identifier: MIT */
#ifndef LOOPBACK_H
#define LOOPBACK_H

/*
 * A server for tests on a free loopback port: a function of the test's serves
 * each connection on a thread of its own and the socket is closed after it.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct loopback;
typedef void loopback_serve(struct loopback *l, int fd);

#define LOOPBACK_MOST 64
#define LOOPBACK_SEEN 16384

struct loopback {
	int listener, port;
	loopback_serve *serve;
	atomic_int connections, requests;
	atomic_llong closed_ms; /* when a read last met the end */
	atomic_bool is_over;
	long pause_ms; /* for what the test's server makes of it */
	pthread_mutex_t lock;
	char seen[LOOPBACK_SEEN]; /* the last request's head and body */
	pthread_t acceptor, servers[LOOPBACK_MOST];
	int fds[LOOPBACK_MOST], n;
};

struct loopback_one {
	struct loopback *l;
	int fd;
};

static inline long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void
sleep_ms(long ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static inline void
say(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len > 0 && (n = send(fd, text, len, MSG_NOSIGNAL)) > 0) {
		text += n;
		len -= (size_t)n;
	}
}

/* Reads one request with its body; 1, or 0 at the end. */
static inline int
hear(struct loopback *l, int fd)
{
	static _Thread_local char got[LOOPBACK_SEEN];
	size_t have = 0, want = 0, body;
	char *end, *at;
	ssize_t n;

	memset(got, 0, sizeof(got));
	while (want == 0 || have < want) {
		if ((n = recv(fd, got + have, sizeof(got) - 1 - have, 0)) <=
		    0) {
			atomic_store(&l->closed_ms, now_ms());
			return 0;
		}
		have += (size_t)n;
		if (want != 0 || (end = strstr(got, "\r\n\r\n")) == NULL)
			continue;
		at = strstr(got, "Content-Length: ");
		body = at != NULL && at < end ? strtoul(at + 16, NULL, 10) : 0;
		want = (size_t)(end + 4 - got) + body;
	}
	pthread_mutex_lock(&l->lock);
	memcpy(l->seen, got, sizeof(got));
	pthread_mutex_unlock(&l->lock);
	atomic_fetch_add(&l->requests, 1);
	return 1;
}

/* Waits for the peer's end. */
static inline void
hear_end(struct loopback *l, int fd)
{
	char bytes[256];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
	atomic_store(&l->closed_ms, now_ms());
}

static inline void *
loopback_serve_one(void *arg)
{
	struct loopback_one *one = arg;

	one->l->serve(one->l, one->fd);
	shutdown(one->fd, SHUT_RDWR);
	free(one);
	return NULL;
}

static inline void *
loopback_accept(void *arg)
{
	struct loopback *l = arg;
	struct loopback_one *one;
	int fd;

	while (l->n < LOOPBACK_MOST &&
	       (fd = accept(l->listener, NULL, NULL)) != -1) {
		if (atomic_load(&l->is_over)) {
			close(fd);
			break;
		}
		atomic_fetch_add(&l->connections, 1);
		one = malloc(sizeof(*one));
		one->l = l;
		one->fd = l->fds[l->n] = fd;
		pthread_create(
		    &l->servers[l->n++], NULL, loopback_serve_one, one);
	}
	return NULL;
}

static inline struct loopback *
loopback_start(loopback_serve *serve)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct loopback *l = calloc(1, sizeof(*l));

	l->serve = serve;
	pthread_mutex_init(&l->lock, NULL);
	l->listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(l->listener, (struct sockaddr *)&at, len);
	listen(l->listener, 64);
	getsockname(l->listener, (struct sockaddr *)&at, &len);
	l->port = ntohs(at.sin_port);
	pthread_create(&l->acceptor, NULL, loopback_accept, l);
	return l;
}

static inline void
loopback_stop(struct loopback *l)
{
	atomic_store(&l->is_over, true);
	shutdown(l->listener, SHUT_RDWR);
	pthread_join(l->acceptor, NULL);
	for (int i = 0; i < l->n; i++) {
		shutdown(l->fds[i], SHUT_RDWR);
		pthread_join(l->servers[i], NULL);
		close(l->fds[i]);
	}
	close(l->listener);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

#endif
