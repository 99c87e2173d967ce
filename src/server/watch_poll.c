/* SPDX-License-Identifier: MIT */
/* The watcher by poll(), for systems without epoll: a close is readiness to
 * read with nothing there to read. */
#include "server/watch.h"

#if !defined(__linux__) || defined(PORTABLE)

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/cancel.h"

#ifndef MSG_DONTWAIT
#define MSG_DONTWAIT 0 /* poll() said that it will not wait */
#endif

struct place {
	int fd; /* -1: free */
	struct cancel *cancel;
	bool has_fired;
	bool has_input; /* a pipelined request hides the end behind it */
};

/*
 * The thread polls a copy without the lock.  `round` counts the copies, so
 * that whoever removes an entry can wait until no copy holds it any more.
 */
struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t new_round;
	unsigned long round;
	bool is_stopping;
	int wake[2];
	struct place *places;
	size_t n_places;
	struct pollfd *polled; /* the thread's own; [0] is the wake pipe */
	size_t n_polled;
};

static void
wake(struct watch *w)
{
	ssize_t written;

	do
		written = write(w->wake[1], "", 1);
	while (written == -1 && errno == EINTR);
}

/* Under the lock.  Fewer than all are copied only when memory is out. */
static size_t
copy_places(struct watch *w)
{
	struct pollfd *grown;
	size_t n = w->n_places;

	if (n + 1 > w->n_polled) {
		grown = realloc(w->polled, (n + 1) * sizeof(*grown));
		if (grown != NULL) {
			w->polled = grown;
			w->n_polled = n + 1;
		}
		n = w->n_polled - 1;
	}
	w->polled[0] = (struct pollfd){ .fd = w->wake[0], .events = POLLIN };
	for (size_t i = 0; i < n; i++)
		w->polled[i + 1] = (struct pollfd){
			.fd = w->places[i].has_fired ? -1 : w->places[i].fd,
			.events = w->places[i].has_input ? 0 : POLLIN,
		};
	w->round++;
	pthread_cond_broadcast(&w->new_round);
	return n;
}

/* Under the lock. */
static void
look(struct place *at, short revents)
{
	char byte;
	ssize_t got;

	if ((revents & (POLLHUP | POLLERR | POLLNVAL)) == 0) {
		got = recv(at->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		if (got > 0)
			at->has_input = true;
		if (got > 0 ||
		    (got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
				      errno == EINTR)))
			return;
	}
	at->has_fired = true;
	cancel_fire(at->cancel, CANCEL_CLIENT_GONE);
}

/* A place may have a new owner since it was copied, but never one with the
 * same descriptor: watch_remove() returns only in the next round. */
static void *
run(void *arg)
{
	struct watch *w = arg;
	char bytes[64];
	size_t n;

	pthread_mutex_lock(&w->lock);
	while (!w->is_stopping) {
		n = copy_places(w);
		pthread_mutex_unlock(&w->lock);
		poll(w->polled, (nfds_t)n + 1, -1);
		while (read(w->wake[0], bytes, sizeof(bytes)) > 0)
			;
		pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < n; i++)
			if (w->polled[i + 1].revents != 0 &&
			    w->polled[i + 1].fd == w->places[i].fd)
				look(&w->places[i], w->polled[i + 1].revents);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int
open_wake(int wake_pipe[2])
{
	if (pipe(wake_pipe) == -1)
		return -1;
	for (int i = 0; i < 2; i++)
		if (fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK) == -1 ||
		    fcntl(wake_pipe[i], F_SETFD, FD_CLOEXEC) == -1)
			return -1;
	return 0;
}

static int
start_thread(struct watch *w)
{
	sigset_t all, before;
	int rc;

	if ((w->polled = calloc(1, sizeof(*w->polled))) == NULL ||
	    open_wake(w->wake) == -1)
		return -1;
	w->n_polled = 1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		errno = rc;
	return rc == 0 ? 0 : -1;
}

static void
release(struct watch *w)
{
	int saved = errno;

	for (int i = 0; i < 2; i++)
		if (w->wake[i] != -1)
			close(w->wake[i]);
	pthread_cond_destroy(&w->new_round);
	pthread_mutex_destroy(&w->lock);
	free(w->places);
	free(w->polled);
	free(w);
	errno = saved;
}

struct watch *
watch_start(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->wake[0] = w->wake[1] = -1;
	if ((errno = pthread_mutex_init(&w->lock, NULL)) != 0) {
		free(w);
		return NULL;
	}
	if ((errno = pthread_cond_init(&w->new_round, NULL)) != 0) {
		pthread_mutex_destroy(&w->lock);
		free(w);
		return NULL;
	}
	if (start_thread(w) == -1) {
		release(w);
		return NULL;
	}
	return w;
}

void
watch_stop(struct watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	wake(w);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	release(w);
}

/* A free place, its index; the caller holds the lock.  -1: no memory. */
static int
find_place(struct watch *w, size_t *index)
{
	size_t n = w->n_places, more = n < 16 ? 16 : n;
	struct place *grown;

	for (size_t i = 0; i < n; i++)
		if (w->places[i].fd == -1) {
			*index = i;
			return 0;
		}
	if ((grown = realloc(w->places, (n + more) * sizeof(*grown))) == NULL)
		return -1;
	for (size_t i = n; i < n + more; i++)
		grown[i] = (struct place){ .fd = -1 };
	w->places = grown;
	w->n_places = n + more;
	*index = n;
	return 0;
}

/* Each round begins with a look at what is there. */
void
watch_begin(struct watch *w, int client_fd)
{
	(void)w, (void)client_fd;
}

int
watch_add(struct watch *w, int client_fd, struct cancel *c)
{
	size_t index;
	int rc = -1;

	if (fcntl(client_fd, F_GETFD) == -1)
		return -1;
	pthread_mutex_lock(&w->lock);
	if (find_place(w, &index) == 0) {
		w->places[index] =
		    (struct place){ .fd = client_fd, .cancel = c };
		wake(w);
		rc = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void
watch_remove(struct watch *w, int client_fd, struct cancel *c)
{
	bool is_found = false;
	unsigned long seen;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n_places; i++)
		if (w->places[i].fd == client_fd && w->places[i].cancel == c) {
			w->places[i] = (struct place){ .fd = -1 };
			is_found = true;
		}
	seen = w->round;
	if (is_found)
		wake(w);
	while (is_found && w->round == seen && !w->is_stopping)
		pthread_cond_wait(&w->new_round, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

#endif
