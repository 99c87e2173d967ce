/* SPDX-License-Identifier: MIT */
#ifndef TEXTFILE_H
#define TEXTFILE_H

/* A small file read whole, with a ceiling. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Opens for reading; -1 with errno. */
int textfile_open(const char *path);

/*
 * Reads at most `max_bytes` of a file that is no directory into a
 * NUL-terminated text, which the caller frees; `about` (may be NULL) is what
 * fstat(2) told of it.  NULL with errno set (EFBIG: it is longer).
 */
char *textfile_read(
    const char *path, size_t max_bytes, size_t *len, struct stat *about);

#endif
