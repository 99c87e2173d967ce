/* SPDX-License-Identifier: MIT */
/*
 * The demo's sockets: a thread that accepts and one for each connection.  Any
 * program of this machine can connect, so all that is read has a limit.
 */
#include "app/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/demo_answer.h"
#include "app/demo_http.h"

#define CONNECTIONS_MAX 512
#define BUFFERED_MAX	((size_t)256 * 1024 * 1024) /* of them all */
#define STACK_BYTES	((size_t)1024 * 1024)	    /* cJSON recurses */
#define EVENT_DELAY_MS	15

struct demo {
	int fd;
	pthread_t accepter;
	pthread_mutex_t lock;
	pthread_cond_t left;	   /* a connection ended */
	int open[CONNECTIONS_MAX]; /* -1: free; under the lock */
	size_t n_open;
	bool stops; /* under the lock */
	atomic_ulong serial;
	atomic_llong budget; /* bytes that may still be buffered */
};

struct visit {
	struct demo *demo;
	size_t slot;
	int fd;
};

/* -- one connection
 * ------------------------------------------------------------ */

static bool
is_stopping(struct demo *d)
{
	bool stops;

	pthread_mutex_lock(&d->lock);
	stops = d->stops;
	pthread_mutex_unlock(&d->lock);
	return stops;
}

/* Each event leaves for itself, as a model's tokens do. */
static int
send_events(struct visit *v, const struct buf *events)
{
	struct timespec pause = { .tv_nsec = EVENT_DELAY_MS * 1000000L };
	const char *at = events->data, *end = at + events->len, *next;

	for (; at < end; at = next) {
		if ((next = strstr(at, "\n\n")) == NULL)
			return -1;
		next += 2;
		if (demo_http_send_chunk(v->fd, at, (size_t)(next - at)) == -1)
			return -1;
		if (next < end)
			nanosleep(&pause, NULL);
		if (is_stopping(v->demo))
			return -1;
	}
	return demo_http_send_chunk(v->fd, NULL, 0);
}

static int
answer_chat(struct visit *v, const struct demo_request *request,
    const struct demo_clock *clock)
{
	struct demo_answer a;
	int rc;

	demo_answer_make(&a, request->body, request->body_len, clock);
	if (a.is_stream)
		rc = demo_http_send_stream_head(v->fd) == -1
			 ? -1
			 : send_events(v, &a.body);
	else
		rc = demo_http_send(v->fd, a.status, &a.body);
	demo_answer_clear(&a);
	return rc;
}

static int
answer(struct visit *v, const struct demo_request *request)
{
	struct demo_clock clock = { .created = (long long)time(NULL),
		.serial = atomic_fetch_add(&v->demo->serial, 1) + 1 };
	bool is_chat = demo_http_path_ends(request->path, "/chat/completions");
	bool is_models = demo_http_path_ends(request->path, "/models");
	struct buf body;
	int rc;

	if (is_chat && strcmp(request->method, "POST") == 0)
		return answer_chat(v, request, &clock);
	buf_init(&body, 4096);
	if (is_models && strcmp(request->method, "GET") == 0) {
		demo_answer_models(&body, &clock);
		rc = demo_http_send(v->fd, 200, &body);
	} else {
		demo_answer_error(&body, "the demo has no such page");
		rc = demo_http_send(
		    v->fd, is_chat || is_models ? 405 : 404, &body);
	}
	buf_clear(&body);
	return rc;
}

static void
refuse(int fd, int status)
{
	struct buf body;

	buf_init(&body, 4096);
	demo_answer_error(&body, "the demo does not take this request");
	(void)demo_http_send(fd, status, &body);
	buf_clear(&body);
}

static void
leave(struct visit *v)
{
	struct demo *d = v->demo;

	pthread_mutex_lock(&d->lock);
	d->open[v->slot] = -1;
	d->n_open--;
	close(v->fd); /* under the lock: demo_stop shuts down what is open */
	free(v);
	pthread_cond_signal(&d->left);
	pthread_mutex_unlock(&d->lock);
}

static void *
serve_connection(void *cookie)
{
	struct visit *v = cookie;
	struct demo_reader in;
	struct demo_request request;
	bool stays = true;
	int status = 0;

	demo_http_init(&in, v->fd, &v->demo->budget);
	while (stays && (status = demo_http_read(&in, &request)) == 0)
		stays = answer(v, &request) == 0 && request.keep_alive;
	if (status > 0)
		refuse(v->fd, status);
	demo_http_clear(&in);
	leave(v);
	return NULL;
}

/* -- all of them
 * ---------------------------------------------------------------- */

static int
start_thread(struct visit *v)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if ((rc = pthread_attr_init(&attr)) != 0)
		return rc;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&thread, &attr, serve_connection, v);
	if (rc == 0)
		(void)pthread_detach(thread);
	pthread_attr_destroy(&attr);
	return rc;
}

/* Gives a connection a slot and a thread, or closes it. */
static void
welcome(struct demo *d, int fd)
{
	struct visit *v = malloc(sizeof(*v));
	size_t slot = 0;
	int on = 1;

	pthread_mutex_lock(&d->lock);
	while (slot < CONNECTIONS_MAX && d->open[slot] != -1)
		slot++;
	if (v == NULL || slot == CONNECTIONS_MAX || d->stops) {
		pthread_mutex_unlock(&d->lock);
		free(v);
		close(fd);
		return;
	}
	d->open[slot] = fd;
	d->n_open++;
	pthread_mutex_unlock(&d->lock);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*v = (struct visit){ .demo = d, .slot = slot, .fd = fd };
	if (start_thread(v) != 0)
		leave(v);
}

static void *
accept_all(void *cookie)
{
	struct timespec pause = { .tv_nsec = 100 * 1000000L };
	struct demo *d = cookie;

	while (!is_stopping(d)) {
		int fd = accept(d->fd, NULL, NULL);

		if (fd == -1) {
			/* out of descriptors: not a busy loop */
			if (errno != EINTR && errno != ECONNABORTED)
				nanosleep(&pause, NULL);
			continue;
		}
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		welcome(d, fd);
	}
	return NULL;
}

static int
listen_on_loopback(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), saved;

	if (fd == -1)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (const struct sockaddr *)&at, len) == 0 &&
	    listen(fd, 128) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		*port = ntohs(at.sin_port);
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
demo_start(struct demo **demo, int *port)
{
	struct demo *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return -1;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		d->open[i] = -1;
	atomic_init(&d->budget, (long long)BUFFERED_MAX);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->left, NULL);
	if ((d->fd = listen_on_loopback(port)) == -1)
		goto failed;
	if ((rc = pthread_create(&d->accepter, NULL, accept_all, d)) != 0) {
		close(d->fd);
		errno = rc;
		goto failed;
	}
	*demo = d;
	return 0;
failed:
	rc = errno;
	pthread_cond_destroy(&d->left);
	pthread_mutex_destroy(&d->lock);
	free(d);
	errno = rc;
	return -1;
}

/* shutdown() does not wake an accept() everywhere; a visitor does. */
static void
wake_accepter(int fd)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);
	int visitor;

	if (getsockname(fd, (struct sockaddr *)&to, &len) == -1 ||
	    (visitor = socket(to.ss_family, SOCK_STREAM, 0)) == -1) {
		(void)shutdown(fd, SHUT_RDWR);
		return;
	}
	(void)connect(visitor, (const struct sockaddr *)&to, len);
	close(visitor);
	(void)shutdown(fd, SHUT_RDWR);
}

void
demo_stop(struct demo *d)
{
	if (d == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	d->stops = true;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (d->open[i] != -1)
			(void)shutdown(d->open[i], SHUT_RDWR);
	pthread_mutex_unlock(&d->lock);
	wake_accepter(d->fd);
	pthread_join(d->accepter, NULL);
	close(d->fd);
	pthread_mutex_lock(&d->lock);
	while (d->n_open > 0)
		pthread_cond_wait(&d->left, &d->lock);
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&d->left);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
