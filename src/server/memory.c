/* SPDX-License-Identifier: MIT */
/* The one file that knows which C library and kernel this is. */
#define _DEFAULT_SOURCE /* madvise() */

#include "server/memory.h"

#include <stdint.h>
#include <stdlib.h> /* defines __GLIBC__ where it is so */

#include "server/pool.h"

#if defined(__GLIBC__) && !defined(PORTABLE)
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is larger is mapped by itself and leaves as it is freed.  Left alone,
 * the C library moves the border up with what it has seen, to 32 MiB. */
#define MAP_FROM_BYTES (128 * 1024)
/* What each arena may keep at its end: memory_trim() does not reach it. */
#define KEEP_BYTES (128 * 1024)

/*
 * Threads that share an arena wait for each other: two instead of sixteen make
 * a plain request a tenth dearer.  But each takes 64 MiB of the address
 * space; where that is limited, stacks need it more.
 */
static int
arenas(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN); /* or -1 */
	struct rlimit space;

	if (getrlimit(RLIMIT_AS, &space) == 0 &&
	    space.rlim_cur != RLIM_INFINITY)
		return 2;
	return cores > 0 && cores < 4 ? 8 * (int)cores : 32;
}

void
memory_set_up(void)
{
	mallopt(M_MMAP_THRESHOLD, MAP_FROM_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
	mallopt(M_ARENA_MAX, arenas());
}

void
memory_trim(void)
{
	malloc_trim(0);
}
#else
void
memory_set_up(void)
{
}

void
memory_trim(void)
{
}
#endif

#if defined(__linux__) && !defined(PORTABLE)
#include <sys/mman.h>
#include <unistd.h>

/* More than this function and the system call below it have on the stack. */
#define OWN_FRAME_BYTES 512

void
memory_trim_stack(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t top = (here - OWN_FRAME_BYTES) & ~(page - 1);

	madvise((void *)(top - POOL_STACK_BYTES / 2), POOL_STACK_BYTES / 2,
	    MADV_DONTNEED);
}
#else
void
memory_trim_stack(void)
{
}
#endif
