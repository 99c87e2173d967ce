/* SPDX-License-Identifier: MIT */
/* The watcher by epoll: EPOLLRDHUP tells a close without reading a byte. */
#include "server/watch.h"

#if defined(__linux__) && !defined(PORTABLE)

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/cancel.h"

/* What is watched under a descriptor's number. */
struct place {
	struct cancel *cancel; /* NULL: nothing */
	uint32_t turn; /* tells an event of an earlier owner of the number */
	bool is_set;   /* its connection is in the epoll set */
	bool is_gone;  /* and its peer has left */
};

struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	int epoll, stop;
	struct place *places; /* by descriptor */
	size_t n_places;
};

static uint64_t
event_name(int fd, uint32_t turn)
{
	return (uint64_t)turn << 32 | (uint32_t)fd;
}

/* The cancel is fired under the lock: that makes watch_remove() final. */
static void
fire(struct watch *w, uint64_t name)
{
	size_t fd = (uint32_t)name;

	pthread_mutex_lock(&w->lock);
	if (fd < w->n_places && w->places[fd].turn == name >> 32) {
		w->places[fd].is_gone = true;
		if (w->places[fd].cancel != NULL)
			cancel_fire(w->places[fd].cancel, CANCEL_CLIENT_GONE);
	}
	pthread_mutex_unlock(&w->lock);
}

static void *
run(void *arg)
{
	struct watch *w = arg;
	struct epoll_event events[64];
	int n;

	for (;;) {
		n = epoll_wait(w->epoll, events, 64, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 == UINT64_MAX)
				return NULL;
			fire(w, events[i].data.u64);
		}
		if (n == -1 && errno != EINTR)
			return NULL;
	}
}

static int
start_thread(struct watch *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
	sigset_t all, before;
	int rc;

	if ((w->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
	    (w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->stop, &ev) == -1)
		return -1;
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

	if (w->epoll != -1)
		close(w->epoll);
	if (w->stop != -1)
		close(w->stop);
	pthread_mutex_destroy(&w->lock);
	free(w->places);
	free(w);
	errno = saved;
}

struct watch *
watch_start(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->epoll = w->stop = -1;
	if ((errno = pthread_mutex_init(&w->lock, NULL)) != 0) {
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
	uint64_t one = 1;
	ssize_t written;

	if (w == NULL)
		return;
	do
		written = write(w->stop, &one, sizeof(one));
	while (written == -1 && errno == EINTR);
	pthread_join(w->thread, NULL);
	release(w);
}

/* Room for the descriptor's number; the caller holds the lock. */
static int
make_room(struct watch *w, size_t fd)
{
	size_t n = w->n_places < 64 ? 64 : w->n_places;
	struct place *grown;

	if (fd < w->n_places)
		return 0;
	while (n <= fd)
		n *= 2;
	if ((grown = realloc(w->places, n * sizeof(*grown))) == NULL)
		return -1;
	memset(grown + w->n_places, 0, (n - w->n_places) * sizeof(*grown));
	w->places = grown;
	w->n_places = n;
	return 0;
}

void
watch_begin(struct watch *w, int client_fd)
{
	size_t fd = (size_t)client_fd;

	pthread_mutex_lock(&w->lock);
	if (fd < w->n_places)
		w->places[fd].is_set = false;
	pthread_mutex_unlock(&w->lock);
}

/* Once for each connection: its end is one event, whoever asks then.  The
 * caller holds the lock. */
static int
set(struct watch *w, int client_fd, struct place *at)
{
	struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLET };
	int rc;

	/* The last turn would look like the stop event's name. */
	at->turn = at->turn >= UINT32_MAX - 1 ? 0 : at->turn + 1;
	at->is_gone = false;
	ev.data.u64 = event_name(client_fd, at->turn);
	rc = epoll_ctl(w->epoll, EPOLL_CTL_ADD, client_fd, &ev);
	if (rc == -1 && errno == EEXIST)
		rc = epoll_ctl(w->epoll, EPOLL_CTL_MOD, client_fd, &ev);
	at->is_set = rc == 0;
	return rc;
}

int
watch_add(struct watch *w, int client_fd, struct cancel *c)
{
	struct place *at;
	int rc = -1;

	if (client_fd < 0) {
		errno = EBADF;
		return -1;
	}
	pthread_mutex_lock(&w->lock);
	if (make_room(w, (size_t)client_fd) == 0) {
		at = &w->places[client_fd];
		rc = at->is_set ? 0 : set(w, client_fd, at);
		at->cancel = rc == 0 ? c : NULL;
		if (rc == 0 && at->is_gone)
			cancel_fire(c, CANCEL_CLIENT_GONE);
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* The descriptor stays in the set, where its end is an event for nobody. */
void
watch_remove(struct watch *w, int client_fd, struct cancel *c)
{
	size_t fd = (size_t)client_fd;

	pthread_mutex_lock(&w->lock);
	if (client_fd >= 0 && fd < w->n_places && w->places[fd].cancel == c)
		w->places[fd].cancel = NULL;
	pthread_mutex_unlock(&w->lock);
}

#endif
