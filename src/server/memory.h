/* SPDX-License-Identifier: MIT */
#ifndef MEMORY_H
#define MEMORY_H

/* Gives memory that a burst has left behind back to the system, where the C
 * library can (glibc); elsewhere does nothing. */
void memory_trim(void);

#endif
