/* SPDX-License-Identifier: MIT */
/* The one file that knows which C library and kernel this is. */
#define _DEFAULT_SOURCE /* madvise() */

#include "server/memory.h"

#include <stdint.h>
#include <stdlib.h> /* defines __GLIBC__ where it is so */

#include "server/pool.h"

#if defined(__GLIBC__) && !defined(PORTABLE)
#include <malloc.h>

/* What is larger is mapped by itself and leaves as it is freed.  Left alone,
 * the C library moves the border up with what it has seen, to 32 MiB. */
#define MAP_FROM_BYTES (128 * 1024)
/* What each arena may keep at its end: memory_trim() does not reach it. */
#define KEEP_BYTES (128 * 1024)

void
memory_set_up(void)
{
	mallopt(M_MMAP_THRESHOLD, MAP_FROM_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
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

void
memory_trim_stack(void)
{
	char here;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t top = ((uintptr_t)&here & ~(page - 1)) - page;

	madvise((void *)(top - POOL_STACK_BYTES / 2), POOL_STACK_BYTES / 2,
	    MADV_DONTNEED);
}
#else
void
memory_trim_stack(void)
{
}
#endif
