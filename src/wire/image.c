/* SPDX-License-Identifier: MIT */
/*
 * PNG (its specification, section 11.2.2) and JPEG (ITU-T T.81, annex B) as
 * far as their size.
 */
#include "wire/image.h"

#include <string.h>

#define MAX_TEXT (256 * 1024)

/* Bytes out of base64, one after the other. */
struct reader {
	const char *at, *end;
	uint32_t bits;
	unsigned n_bits;
};

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* The next byte, or -1 at the end. */
static int
next_byte(struct reader *r)
{
	while (r->n_bits < 8) {
		int value;

		if (r->at == r->end)
			return -1;
		if (*r->at == '\\' || *r->at == '\n' || *r->at == '\r') {
			r->at++;
			continue;
		}
		if ((value = base64_value(*r->at++)) == -1)
			return -1;
		r->bits = r->bits << 6 | (uint32_t)value;
		r->n_bits += 6;
	}
	r->n_bits -= 8;
	return (int)(r->bits >> r->n_bits & 0xFF);
}

/* Reads a big-endian number of n bytes; 0 or -1. */
static int
next_number(struct reader *r, int n, uint32_t *value)
{
	int byte;

	for (*value = 0; n > 0; n--) {
		if ((byte = next_byte(r)) == -1)
			return -1;
		*value = *value << 8 | (uint32_t)byte;
	}
	return 0;
}

static int
skip_bytes(struct reader *r, uint32_t n)
{
	while (n-- > 0)
		if (next_byte(r) == -1)
			return -1;
	return 0;
}

/* Behind the first two bytes of a PNG. */
static int
png_size(struct reader *r, uint32_t *width, uint32_t *height)
{
	static const uint32_t signature[] = { 0x4E470D0A, 0x1A0A0000,
		0x000D4948 };
	uint32_t word;

	for (size_t i = 0; i < 3; i++)
		if (next_number(r, 4, &word) == -1 || word != signature[i])
			return -1;
	if (next_number(r, 2, &word) == -1 || word != 0x4452)
		return -1;
	return next_number(r, 4, width) == -1 ? -1 : next_number(r, 4, height);
}

/* Whether a marker begins a frame: SOF0 to SOF15 without DHT, JPG, DAC. */
static int
is_frame(int marker)
{
	return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
	       marker != 0xC8 && marker != 0xCC;
}

/* Behind the first two bytes of a JPEG. */
static int
jpeg_size(struct reader *r, uint32_t *width, uint32_t *height)
{
	uint32_t len;
	int marker;

	for (;;) {
		if (next_byte(r) != 0xFF)
			return -1;
		while ((marker = next_byte(r)) == 0xFF)
			continue;
		if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7))
			continue;
		if (marker <= 0 || marker == 0xD9 || marker == 0xDA ||
		    next_number(r, 2, &len) == -1 || len < 2)
			return -1;
		if (!is_frame(marker)) {
			if (skip_bytes(r, len - 2) == -1)
				return -1;
			continue;
		}
		if (skip_bytes(r, 1) == -1 || next_number(r, 2, height) == -1)
			return -1;
		return next_number(r, 2, width);
	}
}

int
image_size(const char *base64, size_t len, uint32_t *width, uint32_t *height)
{
	struct reader r = { .at = base64 };
	uint32_t magic;

	r.end = base64 + (len < MAX_TEXT ? len : MAX_TEXT);
	if (next_number(&r, 2, &magic) == -1)
		return -1;
	if (magic == 0x8950)
		return png_size(&r, width, height);
	if (magic == 0xFFD8)
		return jpeg_size(&r, width, height);
	return -1;
}
