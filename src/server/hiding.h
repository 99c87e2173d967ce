/* SPDX-License-Identifier: MIT */
#ifndef HIDING_H
#define HIDING_H

/* For capture.c: all the secrets of an exchange, which its file must not tell:
 * ours, the client's, and what headers of either side hold. */

#include <stdbool.h>
#include <stddef.h>
#include "wire/record.h"

struct settings;

/* What lines hold is whole; of bytes the next line goes on. */
enum { HIDING_TEXTS, HIDING_BYTES };

struct hiding {
	struct record_secret *secrets;
	size_t n, cap;
	bool is_plain[256]; /* stands for itself and begins no secret */
	bool is_seeing[2];  /* the beginning of one, by trail */
};

/* Begins with what the settings hold.  Each: 0, or -1 without memory;
 * hiding_clear() either way. */
int hiding_init(struct hiding *h, const struct settings *s);
int hiding_add_header(struct hiding *h, const char *name, size_t name_len,
    const char *value, size_t len);
void hiding_clear(struct hiding *h);

/* A header, parameter or member whose value nobody is to see. */
bool hiding_is_name(const char *name, size_t len);

/* Appends the next piece of a text as the body of a JSON string, and hides
 * what turns out to be secret, also before it.  Returns the bytes taken. */
size_t hiding_put(
    struct hiding *h, int trail, const char *text, size_t len, struct buf *out);

/* A text ends here: what follows does not go on with it. */
void hiding_forget(struct hiding *h, int trail);

/* How many of `len` bytes will not be changed any more; so many of them have
 * been taken away. */
size_t hiding_settled(const struct hiding *h, size_t len);
void hiding_moved(struct hiding *h, size_t by);

#endif
