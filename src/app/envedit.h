/* SPDX-License-Identifier: MIT */
#ifndef ENVEDIT_H
#define ENVEDIT_H

/* Changes settings in a .env file and nothing else in it. */

#include <stddef.h>

struct buf;

/* Appends a value as envfile_parse() reads it back. */
void envedit_print_value(const char *value, struct buf *out);

/*
 * Appends the text with NAME set to the value: in the line that counts, whose
 * rest stays, else in a new last line.  `alias`: another name under which it
 * may stand there; or NULL.
 */
void envedit_put(const char *text, size_t len, const char *name,
    const char *alias, const char *value, struct buf *out);

/*
 * Reads a file that is to be changed; the caller frees.  A missing one is an
 * empty text.  Never through a link.  NULL with errno (ELOOP: a link; EINVAL:
 * no plain file; EFBIG).
 */
char *envedit_read(const char *path, size_t *len);

/*
 * Writes it whole or not at all: a new file beside it, fsync, rename.  Keeps
 * the mode and the owner of the old one; a file that was not there is made
 * 0600.  0, or -1 with errno (EPERM: the owner cannot be kept).
 */
int envedit_write(const char *path, const char *bytes, size_t len);

#endif
