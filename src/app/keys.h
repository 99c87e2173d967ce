/* SPDX-License-Identifier: MIT */
#ifndef KEYS_H
#define KEYS_H

/* Keys as the settings hold them: checked, cut out of lists and files. */

#include <stdbool.h>
#include <stddef.h>

struct settings;

/*
 * Each takes a value (of a variable or a key file) into the settings.
 * 0, or -1 with what is allowed in err, which never holds the value.
 */
int
keys_set_upstream(struct settings *s, const char *text, char *err, size_t cap);

/* Commas and newlines between the keys; empty ones are skipped, but a text
 * of nothing else is refused, since the door would stand open. */
int keys_set_proxy(struct settings *s, const char *text, char *err, size_t cap);

/*
 * Reads a key file, without the blanks and newlines around its text; the
 * caller frees with secret_free().  `is_open`: others may read or change it.
 * NULL with errno set.
 */
char *keys_read_file(const char *path, bool *is_open);

#endif
