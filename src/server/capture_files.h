/* SPDX-License-Identifier: MIT */
#ifndef CAPTURE_FILES_H
#define CAPTURE_FILES_H

/* For capture.c: the files of CAPTURE_DIR, of which the oldest make room. */

#include <stddef.h>

/*
 * Makes "TIME-ID.jsonl", for its owner alone, and tells the time.  The
 * directory is made (0700) where it is missing.  -1 where that cannot be; a
 * line in the log tells why, at most one an hour.
 */
int capture_files_open(
    const char *dir, const char *id, char *time_text, size_t cap);

/* Writes all of it.  0, or -1 and that line in the log. */
int capture_files_write(int fd, const char *bytes, size_t len);

#endif
