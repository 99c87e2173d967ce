/* SPDX-License-Identifier: MIT */
#ifndef UTF8_H
#define UTF8_H

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. */

#include <stdbool.h>
#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the character at `p`: 1 to 4, or 0 if it is none or cut off. */
static inline size_t
utf8_char_len(const unsigned char *p, size_t left)
{
	unsigned c = p[0];

	if (c < 0x80)
		return 1;
	if (c < 0xC2 || c > 0xF4 || left < 2 || (p[1] & 0xC0) != 0x80)
		return 0;
	if (c < 0xE0)
		return 2;
	if (left < 3 || (p[2] & 0xC0) != 0x80)
		return 0;
	if (c < 0xF0)
		return (c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F)
			   ? 0
			   : 3;
	if (left < 4 || (p[3] & 0xC0) != 0x80)
		return 0;
	return (c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

/* Bytes of the valid characters from `p` on that are not ASCII. */
static inline size_t
utf8_wide_len(const unsigned char *p, size_t left)
{
	size_t sum = 0, n;

	while (sum < left && p[sum] >= 0x80 &&
	       (n = utf8_char_len(p + sum, left - sum)) != 0)
		sum += n;
	return sum;
}

/* Bytes that one U+FFFD stands for where utf8_char_len() is 0. */
size_t utf8_bad_len(const unsigned char *p, size_t left);

bool utf8_is_valid(const char *text, size_t len);

/* The longest length up to `len` that does not end inside a character. */
size_t utf8_cut(const char *text, size_t len);

/* Writes a code point (no surrogate) and returns the count of bytes. */
size_t utf8_encode(unsigned code_point, char out[static 4]);

#endif
