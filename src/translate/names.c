/* SPDX-License-Identifier: MIT */
/* Short names and carried ids.  Knows no request and no reply. */
#include "translate/names.h"

#include <stdint.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "wire/buf.h"
#include "wire/sha256.h"

#define CARRIED	    "tcx_"
#define CARRIED_LEN (sizeof(CARRIED) - 1)
#define HEX_MAX	    56

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789-_";

static bool
is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static void
add_cleaned(const char *name, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_add_char(out, is_plain(name[i]) ? name[i] : '_');
}

/* The name's head, "_" and `hex` digits of a digest; `max` bytes at most. */
static void
add_with_digest(const char *name, size_t max, size_t hex,
    const char digest[static 65], struct buf *out)
{
	size_t len = strlen(name), head;

	if (hex > HEX_MAX)
		hex = HEX_MAX;
	if (hex > max)
		hex = max;
	head = max > hex ? max - hex - 1 : 0;
	add_cleaned(name, len < head ? len : head, out);
	if (max > hex)
		buf_add_char(out, '_');
	buf_add(out, digest, hex);
}

void
name_short(const char *name, size_t max, struct buf *out)
{
	size_t len = strlen(name);
	char digest[65];
	struct buf cleaned;

	if (len <= max) {
		add_cleaned(name, len, out);
		return;
	}
	buf_init(&cleaned, len);
	add_cleaned(name, len, &cleaned);
	sha256_hex(buf_str(&cleaned), cleaned.len, digest);
	out->failed |= cleaned.failed;
	buf_clear(&cleaned);
	add_with_digest(name, max, 8, digest, out);
}

void
name_short_distinct(const char *name, size_t max, size_t hex, struct buf *out)
{
	char digest[65];

	sha256_hex(name, strlen(name), digest);
	add_with_digest(name, max, hex, digest, out);
}

static void
add_base64url(const unsigned char *p, size_t len, struct buf *out)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (n += 8; n >= 6; n -= 6)
			buf_add_char(out, base64url[bits >> (n - 6) & 63]);
	}
	if (n > 0)
		buf_add_char(out, base64url[bits << (6 - n) & 63]);
}

/* Appends what a base64url text stands for; false if it is not what
 * add_base64url() makes. */
static bool
add_decoded(const char *text, size_t len, struct buf *out)
{
	const char *found;
	uint32_t bits = 0;
	unsigned n = 0;
	size_t start = out->len;
	char byte;

	if (len == 0 || len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		found = memchr(base64url, text[i], sizeof(base64url) - 1);
		if (found == NULL) {
			out->len = start;
			return false;
		}
		bits = bits << 6 | (uint32_t)(found - base64url);
		if ((n += 6) >= 8) {
			n -= 8;
			byte = (char)(bits >> n & 0xFF);
			buf_add(out, &byte, 1);
		}
	}
	if ((bits & ((1U << n) - 1)) != 0) {
		out->len = start;
		return false;
	}
	return true;
}

bool
id_down(const char *id, size_t len, struct buf *out)
{
	bool fits = CARRIED_LEN + (len * 4 + 2) / 3 <= ID_MAX_SHOWN;
	bool plain = len <= 64 || (!fits && len <= ID_MAX_SHOWN);

	if (len == 0 || len > ID_MAX_UPSTREAM)
		return false;
	for (size_t i = 0; plain && i < len; i++)
		plain = is_plain(id[i]);
	/* An id of the upstream that looks carried must not be decoded. */
	if (len >= CARRIED_LEN && memcmp(id, CARRIED, CARRIED_LEN) == 0)
		plain = false;
	if (plain) {
		buf_add(out, id, len);
		return true;
	}
	buf_add_str(out, CARRIED);
	add_base64url((const unsigned char *)id, len, out);
	return true;
}

static bool
is_mistral9(const char *id, size_t len)
{
	if (len != 9)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_plain(id[i]) || id[i] == '_' || id[i] == '-')
			return false;
	return true;
}

/* Nine base62 characters of the digest's first 64 bits. */
static void
add_nine(const char digest[static 65], struct buf *out)
{
	static const char base62[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 4 |
		    (uint64_t)(digest[i] <= '9' ? digest[i] - '0'
						: digest[i] - 'a' + 10);
	for (int i = 0; i < 9; i++, n /= 62)
		buf_add_char(out, base62[n % 62]);
}

void
id_up(const char *id, int mode, struct buf *out)
{
	size_t len = strlen(id), start = out->len, grown;
	char digest[65];

	if (strncmp(id, CARRIED, CARRIED_LEN) != 0 ||
	    !add_decoded(id + CARRIED_LEN, len - CARRIED_LEN, out))
		buf_add(out, id, len);
	if (out->failed)
		return;
	grown = out->len - start;
	if (mode == TOOL_ID_MISTRAL9 && is_mistral9(out->data + start, grown))
		return;
	if (mode != TOOL_ID_MISTRAL9 && (mode != TOOL_ID_HASH40 || grown <= 40))
		return;
	sha256_hex(out->data + start, grown, digest);
	out->len = start;
	if (mode == TOOL_ID_MISTRAL9) {
		add_nine(digest, out);
		return;
	}
	buf_add_str(out, "call_");
	buf_add(out, digest, 32);
}
