/* SPDX-License-Identifier: MIT */
#ifndef SYSTEMD_H
#define SYSTEMD_H

/* What a service manager hands over and wants to hear: sd_notify(3) and
 * sd_listen_fds(3) as protocols, without the library. */

#include <stdbool.h>
#include <stddef.h>

/*
 * The listening socket we were started with, close-on-exec.  -1: none;
 * -2: one that cannot be used, with why in err.  Before any thread: the
 * variables are taken out of the environment.
 */
int systemd_take_socket(char *err, size_t cap);

/* Whether other machines may reach a listening socket. */
bool systemd_socket_is_open(int fd);

/* "READY=1" and the like; nothing where nobody listens. */
void systemd_notify(const char *state);

/* RELOADING=1 with the time that systemd wants beside it. */
void systemd_notify_reloading(void);

#endif
