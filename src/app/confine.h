/* SPDX-License-Identifier: MIT */
#ifndef CONFINE_H
#define CONFINE_H

/*
 * What the kernel can be asked to refuse this process from now on, for good.
 * Linux: landlock.c and seccomp.c; elsewhere confine_none.c, where each call
 * fails with ENOSYS.  Nothing here decides what is to be refused.
 */

#include <stdbool.h>
#include <stddef.h>

/* A file, or a folder with all below it. */
struct confine_path {
	const char *path; /* where there is none, nothing is allowed */
	bool writable;
};

enum confine_flag {
	CONFINE_BIND = 1,     /* no TCP port may be bound any more */
	CONFINE_ABSTRACT = 2, /* nor sockets without a file be reached, */
	CONFINE_SIGNALS = 4,  /* nor other processes be sent signals */
};

/* Landlock's version, which tells what it can; -1 with errno: there is none. */
int landlock_version(void);

/*
 * Of the file system only these paths can be opened from now on, by the
 * calling thread and those it starts; executing a file is none of it.  A flag
 * that the version does not know has no effect.  0, or -1 with errno.
 */
int landlock_enter(
    const struct confine_path *paths, size_t n, unsigned flags, int version);

/*
 * No program that is started can gain privileges (no_new_privs), and system
 * calls that no server needs fail with EPERM, in all threads.  0, or -1 with
 * errno: then only the former holds, where the kernel knows it.
 */
int seccomp_enter(void);

#endif
