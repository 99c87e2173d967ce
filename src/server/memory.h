/* SPDX-License-Identifier: MIT */
#ifndef MEMORY_H
#define MEMORY_H

/* Gives memory back to the system, where the C library and the kernel can
 * (glibc, Linux); elsewhere nothing is done. */

/* How much is kept; before the first thread. */
void memory_set_up(void);

/* What a burst has left behind. */
void memory_trim(void);

/*
 * What deep calls have left below on the calling thread's stack: for a thread
 * that goes on from here for long.  The thread must have a stack of
 * POOL_STACK_BYTES and use less than half of it now.
 */
void memory_trim_stack(void);

#endif
