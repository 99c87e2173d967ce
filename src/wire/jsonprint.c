/* SPDX-License-Identifier: MIT */
/* Escaped text: the half of json.h's writing that is done for each event. */
#include "wire/json.h"

#include <string.h>

#include "wire/buf.h"
#include "wire/jsonscan.h"
#include "wire/utf8.h"

/* What a loop over bytes looks at in one go; compilers make vectors of it. */
#define SURROGATE_STEP 32

/* An empty slice may have no text at all, to which nothing may be added. */
static const unsigned char *
first_byte(const char *text)
{
	return (const unsigned char *)(text != NULL ? text : "");
}

/* Appends what stands for the odd byte at `p`; returns how many it took. */
static size_t
put_odd_byte(struct buf *out, const unsigned char *p, size_t left)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\n\t\r\b\f", to[] = "\"\\ntrbf";
	char text[6] = { '\\', 'u', '0', '0' };
	const char *found;

	if (*p >= 0x80) {
		BUF_ADD_LIT(out, UTF8_REPLACEMENT);
		return utf8_bad_len(p, left);
	}
	if ((found = memchr(from, *p, sizeof(from) - 1)) != NULL) {
		text[1] = to[found - from];
		buf_add(out, text, 2);
		return 1;
	}
	text[4] = hex[*p >> 4];
	text[5] = hex[*p & 15];
	buf_add(out, text, 6);
	return 1;
}

void
json_escape(struct buf *out, const char *bytes, size_t len)
{
	const unsigned char *p = first_byte(bytes), *plain = p;
	const unsigned char *end = p + len;
	size_t n;

	while ((p = json_skip_plain(p, end)) < end) {
		if (*p >= 0x80 &&
		    (n = utf8_wide_len(p, (size_t)(end - p))) != 0) {
			p += n;
			continue;
		}
		buf_add(out, plain, (size_t)(p - plain));
		p += put_odd_byte(out, p, (size_t)(end - p));
		plain = p;
	}
	buf_add(out, plain, (size_t)(p - plain));
}

void
json_put_string(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	json_escape(out, text, strlen(text));
	buf_add_char(out, '"');
}

/* Rules it out for most texts, many bytes at a time. */
bool
json_may_have_lone_surrogate(const unsigned char *p, const unsigned char *end)
{
	unsigned char found = 0;

	for (; end - p >= SURROGATE_STEP + 2; p += SURROGATE_STEP) {
		for (size_t i = 0; i < SURROGATE_STEP; i++)
			found |= (p[i] == '\\') & (p[i + 1] == 'u') &
				 ((p[i + 2] | 0x20) == 'd');
		if (found)
			return true;
	}
	p = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
	for (; p != NULL && end - p >= 3; p++)
		found |= p[0] == '\\' && p[1] == 'u' && (p[2] | 0x20) == 'd';
	return found;
}

void
json_put_body(struct buf *out, struct json_slice body)
{
	const unsigned char *p = first_byte(body.text), *whole = p;
	const unsigned char *end = p + body.len;
	bool pair;

	if (!json_may_have_lone_surrogate(p, end)) {
		buf_add(out, p, body.len);
		return;
	}
	while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (json_lone_surrogate(p, end, &pair) != 0) {
			buf_add(out, whole, (size_t)(p - whole));
			BUF_ADD_LIT(out, "\\ufffd");
			p += 6;
			whole = p;
		} else {
			p += pair ? 12 : 2;
		}
	}
	buf_add(out, whole, (size_t)(end - whole));
}

/* Decodes what is no short escape at `p` into `text`; returns how many bytes
 * it took. */
static size_t
decode_escape(
    const unsigned char *p, const unsigned char *end, char text[4], size_t *len)
{
	unsigned code;
	bool pair;

	*len = 0;
	if (end - p < 6 || p[1] != 'u' || json_hex4(p + 2) == -1)
		return end - p < 2 ? 1 : 2;
	code = (unsigned)json_hex4(p + 2);
	if (json_lone_surrogate(p, end, &pair) != 0)
		code = 0xFFFD;
	else if (pair)
		code = 0x10000 + ((code - 0xD800) << 10) +
		       ((unsigned)json_hex4(p + 8) - 0xDC00);
	*len = utf8_encode(code, text);
	return pair ? 12 : 6;
}

/* Copies up to a backslash or the end; returns how many bytes. */
static size_t
copy_plain(char *out, const unsigned char *p, size_t len)
{
	uint64_t word, marks;
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		memcpy(&word, p + i, 8);
		memcpy(out + i, &word, 8);
		word ^= JSON_ONES * '\\';
		if ((marks = (word - JSON_ONES) & ~word & JSON_HIGHS) != 0) {
			i += json_first_marked(marks);
			break;
		}
	}
	for (; i < len && p[i] != '\\'; i++)
		out[i] = (char)p[i];
	return i;
}

/* What is decoded is never longer than what it is decoded from. */
char *
json_decode(char *out, const unsigned char *p, size_t len, bool keep_nuls)
{
	const unsigned char *end = p + len;
	char text[4];
	size_t n;

	for (;;) {
		n = copy_plain(out, p, (size_t)(end - p));
		out += n;
		if ((p += n) == end)
			break;
		if (end - p >= 2 && json_escapes[p[1]] != '\0') {
			*out++ = json_escapes[p[1]];
			p += 2;
			continue;
		}
		p += decode_escape(p, end, text, &n);
		if (n == 1 && text[0] == '\0' && !keep_nuls)
			n = utf8_encode(0xFFFD, text);
		memcpy(out, text, n);
		out += n;
	}
	*out = '\0';
	return out + 1;
}

void
json_unescape(struct buf *out, struct json_slice body)
{
	char *room, *end;

	if (body.len == 0 || (room = buf_reserve(out, body.len)) == NULL)
		return;
	end =
	    json_decode(room, (const unsigned char *)body.text, body.len, true);
	buf_commit(out, (size_t)(end - 1 - room));
}
