/* SPDX-License-Identifier: MIT */
#ifndef RUN_H
#define RUN_H

/*
 * `run`: one process serves, and its parent, which has no thread and no
 * sandbox, runs the command, hands signals on to it and ends with its status.
 * The serving process ends when the parent does, in whatever way.
 */

#include <sys/types.h>

struct program;

/* The parent's part.  `report` as in daemon.h.  Returns the exit code: the
 * command's, 128 + n after signal n; or that of a proxy that did not start. */
int run_parent(const struct program *p, pid_t proxy, int report);

#endif
