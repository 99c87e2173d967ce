/* SPDX-License-Identifier: MIT */
#ifndef CANCEL_H
#define CANCEL_H

/*
 * How one thread ends another's blocking upstream call: it says why and shuts
 * the call's socket down, which wakes libcurl at once.
 */

#include <pthread.h>
#include <stdatomic.h>

enum cancel_reason {
	CANCEL_NONE,
	CANCEL_CLIENT_GONE,
	CANCEL_CLIENT_STALLED,
	CANCEL_DRAIN, /* the drain's time is up */
};

struct cancel {
	atomic_int reason; /* the first one given stays */
	pthread_mutex_t lock;
	int fd; /* the call's socket, -1 outside a call */
};

int cancel_init(struct cancel *c);
void cancel_clear(struct cancel *c);

/* From any thread, any number of times. */
void cancel_fire(struct cancel *c, enum cancel_reason reason);
enum cancel_reason cancel_reason(struct cancel *c);

/* For upstream.c only: the socket the call now uses, and that it is gone.
 * Attaching to a fired cancel shuts the socket down at once. */
void cancel_attach(struct cancel *c, int fd);
void cancel_detach(struct cancel *c);

#endif
