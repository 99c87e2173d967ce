/* SPDX-License-Identifier: MIT */
/* UTF-8, checked and cut.  Knows nothing of what the text means. */
#include "wire/utf8.h"

size_t
utf8_bad_len(const unsigned char *p, size_t left)
{
	unsigned low = 0x80, high = 0xBF;
	size_t want, n = 1;

	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 1;
	want = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	while (n < want && n < left && p[n] >= low && p[n] <= high) {
		low = 0x80;
		high = 0xBF;
		n++;
	}
	return n;
}

bool
utf8_is_valid(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	size_t n;

	while (p < end) {
		if ((n = utf8_char_len(p, (size_t)(end - p))) == 0)
			return false;
		p += n;
	}
	return true;
}

size_t
utf8_cut(const char *text, size_t len)
{
	size_t at = len, tail = 0, want;
	unsigned lead;

	while (at > 0 && tail < 3 && (text[at - 1] & 0xC0) == 0x80)
		at--, tail++;
	if (at == 0)
		return len;
	lead = (unsigned char)text[at - 1];
	want = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
	return tail < want ? at - 1 : len;
}

size_t
utf8_encode(unsigned c, char out[static 4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}
