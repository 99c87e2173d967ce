/* SPDX-License-Identifier: MIT */
#ifndef RECORDING_H
#define RECORDING_H

/* A capture as it was read: lines of JSON, each of a kind. */

#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

struct buf;

struct recorded {
	struct json_doc doc;
	const char *kind; /* borrowed from it */
};

struct recording {
	char *text;
	struct recorded *lines;
	size_t n;
};

/* Reads and checks a file, of any origin: 0, or -1 with a sentence in err.
 * Good for recording_clear() either way. */
int
recording_read(struct recording *r, const char *path, char *err, size_t cap);
/* The same for a text, which is taken (malloc) and may hold NULs. */
int recording_parse(
    struct recording *r, char *text, size_t len, char *err, size_t cap);
void recording_clear(struct recording *r);

/* The first line of a kind from number `from` on; r->n: none. */
size_t recording_find(const struct recording *r, const char *kind, size_t from);

/* A member of a line: appends its bytes; a number, 0 where it is none. */
void
recording_bytes(const struct recorded *line, const char *key, struct buf *out);
int64_t recording_number(const struct recorded *line, const char *key);
/* As text, NULL where it is absent. */
const char *recording_text(const struct recorded *line, const char *key);

#endif
