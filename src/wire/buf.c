/* SPDX-License-Identifier: MIT */
/* A growing run of bytes with a ceiling.  Knows nothing of what they mean. */
#include "wire/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256

void
buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max_bytes = max_bytes };
}

void
buf_clear(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max_bytes);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

char *
buf_reserve(struct buf *b, size_t len)
{
	size_t cap;
	char *grown;

	if (b->failed || len > b->max_bytes || b->len > b->max_bytes - len ||
	    b->len + len == SIZE_MAX) {
		b->failed = true;
		return NULL;
	}
	if (b->cap > b->len && len < b->cap - b->len)
		return b->data + b->len;
	cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap + b->cap / 2;
	if (cap > b->max_bytes)
		cap = b->max_bytes;
	if (cap < b->len + len + 1)
		cap = b->len + len + 1;
	if ((grown = realloc(b->data, cap)) == NULL) {
		b->failed = true;
		return NULL;
	}
	b->data = grown;
	b->cap = cap;
	return b->data + b->len;
}

void
buf_add_slowly(struct buf *b, const void *bytes, size_t len)
{
	char *room;

	if (len == 0 || (room = buf_reserve(b, len)) == NULL)
		return;
	memcpy(room, bytes, len);
	buf_commit(b, len);
}

void
buf_add_char_slowly(struct buf *b, char c)
{
	buf_add_slowly(b, &c, 1);
}

void
buf_add_str(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

size_t
buf_digits(int64_t n, char out[static BUF_DIGITS])
{
	char *at = out + BUF_DIGITS;
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (n < 0)
		*--at = '-';
	return (size_t)(out + BUF_DIGITS - at);
}

void
buf_add_int(struct buf *b, int64_t n)
{
	char digits[BUF_DIGITS];
	size_t len = buf_digits(n, digits);

	buf_add(b, digits + BUF_DIGITS - len, len);
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *room;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len <= 0) {
		b->failed |= len < 0;
		return;
	}
	if ((room = buf_reserve(b, (size_t)len)) == NULL)
		return;
	va_start(args, format);
	vsnprintf(room, (size_t)len + 1, format, args);
	va_end(args);
	buf_commit(b, (size_t)len);
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

char *
buf_take(struct buf *b, size_t *len)
{
	char *bytes = NULL;

	if (!b->failed && buf_reserve(b, 0) != NULL) {
		b->data[b->len] = '\0';
		bytes = b->data;
		if (len != NULL)
			*len = b->len;
		b->data = NULL;
	}
	buf_clear(b);
	return bytes;
}

const char *
buf_str(const struct buf *b)
{
	return b->len == 0 || b->data == NULL ? "" : b->data;
}
