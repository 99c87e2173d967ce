/* SPDX-License-Identifier: MIT */
#ifndef STATEFILE_H
#define STATEFILE_H

/*
 * Small files that outlive a run, in STATE_DIR.  Never through links that
 * others made; only what belongs to us (or root) is read.
 */

#include <stddef.h>

/*
 * Reads DIR/NAME, NUL-terminated; the caller frees.  NULL with errno: ENOENT
 * where there is none, EFBIG over `max_bytes`, EPERM for another's file.
 */
char *statefile_read(const char *dir, const char *name, size_t max_bytes);

/*
 * Writes it whole or not at all: temporary file, fsync, rename.  Makes the
 * directory (0700) where it is missing; the file is 0600.
 * 0, or -1 with errno.
 */
int statefile_write(
    const char *dir, const char *name, const char *bytes, size_t len);

/* Writes to a file until all is on the disk.  0, or -1 with errno. */
int statefile_write_all(int fd, const char *bytes, size_t len);

#endif
