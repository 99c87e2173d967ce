/* SPDX-License-Identifier: MIT */
#ifndef DEMO_H
#define DEMO_H

/*
 * --demo: a small OpenAI-compatible upstream inside the program, on a free
 * loopback port, so that a new user sees the whole way work before owning a
 * key.
 */

#include <stddef.h>

struct demo;

/* Starts its threads.  0 with the port, or -1 with errno. */
int demo_start(struct demo **d, int *port);

/* Ends them; NULL is nothing. */
void demo_stop(struct demo *d);

#endif
