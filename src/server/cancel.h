/* SPDX-License-Identifier: MIT */
#ifndef CANCEL_H
#define CANCEL_H

/*
 * How one thread ends another's blocking upstream call: it says why and shuts
 * the call's sockets down, which wakes libcurl at once.
 */

#include <pthread.h>
#include <stdatomic.h>

enum cancel_reason {
	CANCEL_NONE,
	CANCEL_CLIENT_GONE,
	CANCEL_CLIENT_STALLED,
	CANCEL_DRAIN, /* the drain's time is up */
};

/* A call has one socket, but two while IPv6 and IPv4 race to connect. */
#define CANCEL_SOCKETS 4

struct cancel {
	atomic_int reason; /* the first one given stays */
	pthread_mutex_t lock;
	int sockets[CANCEL_SOCKETS]; /* -1: free */
};

/* 0, or -1 with errno. */
int cancel_init(struct cancel *c);
void cancel_clear(struct cancel *c);

/* From any thread, any number of times. */
void cancel_fire(struct cancel *c, enum cancel_reason reason);
enum cancel_reason cancel_reason(struct cancel *c);

/*
 * For upstream.c only: a socket the call now uses, and that it is gone; call
 * the latter before closing it.  Attaching to a fired cancel shuts the socket
 * down at once.  attach: 0, or -1 where there is no room.
 */
int cancel_attach(struct cancel *c, int fd);
void cancel_detach(struct cancel *c, int fd);

/* Shuts the sockets down without a reason: the caller has noted its own. */
void cancel_wake(struct cancel *c);

#endif
