/* SPDX-License-Identifier: MIT */
#ifndef BUF_H
#define BUF_H

/* A growing run of bytes with a ceiling; append freely, ask `failed` once. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data;	  /* NUL after the last byte once anything was added */
	size_t len;	  /* bytes in use; the bytes may hold NULs */
	size_t cap;	  /* bytes allocated */
	size_t max_bytes; /* the ceiling of len */
	bool failed;	  /* out of memory or past the ceiling: sticky */
};

/* Makes an empty buffer in the caller's storage.  Allocates nothing. */
void buf_init(struct buf *b, size_t max_bytes);

/* Frees the bytes; the buffer is then as after buf_init(). */
void buf_clear(struct buf *b);

/* Empties the buffer but keeps its memory for the next use. */
void buf_reset(struct buf *b);

/*
 * Each appends; on failure sets `failed`, drops what was to be added and
 * every later addition.
 */
static inline void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *text);
static inline void buf_add_char(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t n);
void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a number at the end of `out`, without a NUL; returns its length. */
#define BUF_DIGITS 20
size_t buf_digits(int64_t n, char out[static BUF_DIGITS]);

/* Appends a literal, without a strlen() at run time where that counts. */
#define BUF_ADD_LIT(b, lit)                                                    \
	(BUF_IS_COLD ? buf_add_str((b), "" lit)                                \
		     : buf_add_slowly((b), "" lit, sizeof(lit) - 1))

/*
 * Makes room for `len` more bytes and returns where they go, or NULL with
 * `failed` set.  Follow with buf_commit() of the count really written.
 */
char *buf_reserve(struct buf *b, size_t len);
static inline void buf_commit(struct buf *b, size_t len);

/* Drops the first `len` bytes (all, if there are fewer). */
void buf_consume(struct buf *b, size_t len);

/*
 * Hands the bytes over, NUL-terminated; the caller frees.  NULL if the
 * buffer had failed.  The buffer is then as after buf_init().
 */
char *buf_take(struct buf *b, size_t *len);

/* The bytes as a string, "" if none; borrowed until the next change. */
const char *buf_str(const struct buf *b);

/* -- what is done for each event: where there is room, without a call ------ */

/* What is compiled to be small calls in any case. */
#ifdef __OPTIMIZE_SIZE__
#define BUF_IS_COLD true
#else
#define BUF_IS_COLD false
#endif

void buf_add_slowly(struct buf *b, const void *bytes, size_t len);
void buf_add_char_slowly(struct buf *b, char c);

static inline bool
buf_has_room(const struct buf *b, size_t len)
{
	return !b->failed && b->cap > b->len && len < b->cap - b->len &&
	       len <= b->max_bytes - b->len;
}

static inline void
buf_commit(struct buf *b, size_t len)
{
	b->len += len;
	b->data[b->len] = '\0';
}

static inline void
buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (BUF_IS_COLD || len == 0 || !buf_has_room(b, len)) {
		buf_add_slowly(b, bytes, len);
		return;
	}
	memcpy(b->data + b->len, bytes, len);
	buf_commit(b, len);
}

static inline void
buf_add_char(struct buf *b, char c)
{
	if (BUF_IS_COLD || !buf_has_room(b, 1)) {
		buf_add_char_slowly(b, c);
		return;
	}
	b->data[b->len] = c;
	buf_commit(b, 1);
}

#endif
