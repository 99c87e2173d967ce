/* SPDX-License-Identifier: MIT */
/* Systems without Landlock and seccomp. */
#include "app/confine.h"

#include <errno.h>

int
landlock_version(void)
{
	errno = ENOSYS;
	return -1;
}

int
landlock_enter(
    const struct confine_path *paths, size_t n, unsigned flags, int version)
{
	(void)paths;
	(void)n;
	(void)flags;
	(void)version;
	errno = ENOSYS;
	return -1;
}

int
seccomp_enter(void)
{
	errno = ENOSYS;
	return -1;
}
