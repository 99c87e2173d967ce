/* SPDX-License-Identifier: MIT */
/* Ends another thread's upstream call.  Knows sockets, not libcurl. */
#include "server/cancel.h"

#include <errno.h>
#include <sys/socket.h>

int
cancel_init(struct cancel *c)
{
	int rc = pthread_mutex_init(&c->lock, NULL);

	if (rc != 0) {
		errno = rc;
		return -1;
	}
	atomic_init(&c->reason, CANCEL_NONE);
	for (size_t i = 0; i < CANCEL_SOCKETS; i++)
		c->sockets[i] = -1;
	return 0;
}

void
cancel_clear(struct cancel *c)
{
	pthread_mutex_destroy(&c->lock);
}

/* The lock is what keeps a socket from being closed, and its number from
 * being given to another connection, between look and shutdown(). */
void
cancel_wake(struct cancel *c)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CANCEL_SOCKETS; i++)
		if (c->sockets[i] != -1)
			shutdown(c->sockets[i], SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}

void
cancel_fire(struct cancel *c, enum cancel_reason reason)
{
	int none = CANCEL_NONE;
	int saved = errno;

	atomic_compare_exchange_strong(&c->reason, &none, (int)reason);
	cancel_wake(c);
	errno = saved;
}

enum cancel_reason
cancel_reason(struct cancel *c)
{
	return (enum cancel_reason)atomic_load(&c->reason);
}

int
cancel_attach(struct cancel *c, int fd)
{
	int rc = -1;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CANCEL_SOCKETS && rc == -1; i++) {
		if (c->sockets[i] != -1)
			continue;
		c->sockets[i] = fd;
		rc = 0;
	}
	if (cancel_reason(c) != CANCEL_NONE)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void
cancel_detach(struct cancel *c, int fd)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CANCEL_SOCKETS; i++)
		if (c->sockets[i] == fd)
			c->sockets[i] = -1;
	pthread_mutex_unlock(&c->lock);
}
