/* SPDX-License-Identifier: MIT */
#ifndef BIND_H
#define BIND_H

/* The listening socket: an address and port, or unix:/path. */

#include <stddef.h>

struct fault;

/*
 * Opens and binds; `port` 0 takes any.  Returns the socket, or -1 with `why`.
 * A unix socket is made 0600; one that nobody answers on is replaced.
 */
int bind_open(const char *host, int port, struct fault *why);

/*
 * Lets nobody connect any more; who has, still waits to be accepted.  Of TCP
 * the attempts go unheard, so that clients repeat them, after a second, and
 * meet a closed port.  Linux; elsewhere nothing happens.
 */
void bind_refuse(int fd);

/* "http://127.0.0.1:3000", "http://[::1]:3000" or "unix:/path" of a bound
 * socket. */
void bind_name(int fd, char *out, size_t cap);

#endif
