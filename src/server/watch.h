/* SPDX-License-Identifier: MIT */
#ifndef WATCH_H
#define WATCH_H

/*
 * Notices clients that leave while their answer is still being made:
 * libmicrohttpd does not look at a socket while its thread waits.  One thread,
 * one epoll (poll where there is none) over the sockets of running requests.
 */

struct cancel;
struct watch;

/* Starts the thread; NULL with errno set. */
struct watch *watch_start(void);
void watch_stop(struct watch *w);

/* A new connection has this descriptor; before its first watch_add(). */
void watch_begin(struct watch *w, int client_fd);

/*
 * Fires `c` with CANCEL_CLIENT_GONE when the peer of `client_fd` closes or
 * half-closes, or has done so.  0, or -1 with errno.  After watch_remove() has
 * returned the watcher does not touch the cancel again; nor does it read or
 * close the fd.
 */
int watch_add(struct watch *w, int client_fd, struct cancel *c);
void watch_remove(struct watch *w, int client_fd, struct cancel *c);

#endif
