/* SPDX-License-Identifier: MIT */
#ifndef SCHEMACUT_H
#define SCHEMACUT_H

#include <stddef.h>

struct buf;

/*
 * Appends the text of a JSON schema without one keyword, wherever a schema
 * stands in it; properties of that name stay, and all else is untouched.
 * Returns how often it was found, -1 if the text is no JSON.
 */
int
schema_cut(const char *text, size_t len, const char *keyword, struct buf *out);

#endif
