/* SPDX-License-Identifier: MIT */
#ifndef VERBOSE_H
#define VERBOSE_H

/* VERBOSE=1: whole bodies in the log, without keys, long base64 shortened. */

#include <stddef.h>

struct buf;
struct settings;

/* Takes our own keys, and what looks like one, out of a text that is not
 * empty. */
void verbose_hide_keys(const struct settings *s, struct buf *text);

/* Logs a body under `what` where the settings ask for it. */
void verbose_body(
    const struct settings *s, const char *what, const char *bytes, size_t len);

#endif
