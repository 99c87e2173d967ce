/* SPDX-License-Identifier: MIT */
/* The one file that knows which C library this is. */
#include "server/memory.h"

#include <stdlib.h> /* defines __GLIBC__ where it is so */

#if defined(__GLIBC__) && !defined(PORTABLE)
#include <malloc.h>

void
memory_trim(void)
{
	malloc_trim(0);
}
#else
void
memory_trim(void)
{
}
#endif
