/* SPDX-License-Identifier: MIT */
/*
 * RFC 8259 grammar over bytes, without recursion.  Builds no values: it
 * notes where each one stands.
 */
#include "wire/jsonscan.h"

#include <stdlib.h>
#include <string.h>

#include "wire/utf8.h"

typedef const unsigned char *bytes;

/* Not 0 if one of eight bytes is a quote, backslash, control or not ASCII. */
static inline uint64_t
special_bytes(uint64_t word)
{
	uint64_t quote = word ^ JSON_ONES * '"',
		 slash = word ^ JSON_ONES * '\\';

	return ((quote - JSON_ONES) | (slash - JSON_ONES) |
		   (word - JSON_ONES * 0x20) | word) &
	       JSON_HIGHS;
}

static inline bytes
skip_plain(bytes p, bytes end)
{
	uint64_t word, marks;

	while (end - p >= 8) {
		memcpy(&word, p, 8);
		if ((marks = special_bytes(word)) != 0) {
			p += json_first_marked(marks);
			break;
		}
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

bytes
json_skip_plain(bytes p, bytes end)
{
	return skip_plain(p, end);
}

int
json_hex4(bytes p)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i], digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

size_t
json_lone_surrogate(bytes p, bytes end, bool *pair)
{
	int code, low;

	*pair = false;
	if (end - p < 6 || p[1] != 'u')
		return 0;
	code = json_hex4(p + 2);
	if (code < 0xD800 || code > 0xDFFF)
		return 0;
	if (code < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		low = json_hex4(p + 8);
		*pair = low >= 0xDC00 && low <= 0xDFFF;
	}
	return *pair ? 0 : 6;
}

/* Notes the first error; returns NULL so that a reader can return it. */
static bytes
fail(struct json_scan *s, bytes at, enum json_scan_result result,
    const char *what)
{
	if (s->result == JSON_SCAN_OK) {
		s->result = result;
		s->error = what;
		s->error_at = (size_t)(at - s->start);
	}
	return NULL;
}

const char json_escapes[256] = { ['"'] = '"',
	['\\'] = '\\',
	['/'] = '/',
	['b'] = '\b',
	['f'] = '\f',
	['n'] = '\n',
	['r'] = '\r',
	['t'] = '\t' };

static bytes
scan_escape(struct json_scan *s, bytes p, bytes end, bool *has_nul)
{
	int code;

	if (end - p < 2)
		return fail(s, end, JSON_SCAN_BAD, "a string is not closed");
	if (p[1] != 'u') {
		if (json_escapes[p[1]] == '\0')
			return fail(s, p, JSON_SCAN_BAD, "an unknown escape");
		return p + 2;
	}
	if (end - p < 6 || (code = json_hex4(p + 2)) == -1)
		return fail(s, p, JSON_SCAN_BAD, "a bad \\u escape");
	if (code == 0)
		*has_nul = true;
	return p + 6;
}

/* Reads a string from its opening quote on; returns the byte behind it. */
static bytes
scan_string(struct json_scan *s, bytes p, bytes end, bool *has_nul)
{
	bytes start = p;
	size_t len;

	for (p++;;) {
		p = skip_plain(p, end);
		if (p == end)
			return fail(
			    s, p, JSON_SCAN_BAD, "a string is not closed");
		if (*p == '"') {
			s->string_bytes += (size_t)(++p - start);
			return p;
		}
		if (*p == '\\') {
			if (end - p >= 2 && json_escapes[p[1]] != '\0')
				p += 2;
			else if ((p = scan_escape(s, p, end, has_nul)) == NULL)
				return NULL;
		} else if (*p < 0x20) {
			return fail(s, p, JSON_SCAN_BAD_BYTES,
			    "a control character in a string");
		} else {
			if ((len = utf8_wide_len(p, (size_t)(end - p))) == 0)
				return fail(
				    s, p, JSON_SCAN_BAD_BYTES, "invalid UTF-8");
			p += len;
		}
	}
}

static bytes
skip_digits(bytes p, bytes end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static bytes
scan_number(struct json_scan *s, bytes p, bytes end)
{
	bytes start = p, digits;

	if (*p == '-')
		p++;
	digits = p;
	p = skip_digits(p, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return fail(s, start, JSON_SCAN_BAD, "a bad number");
	if (p < end && *p == '.') {
		digits = ++p;
		if ((p = skip_digits(p, end)) == digits)
			return fail(s, start, JSON_SCAN_BAD, "a bad number");
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		if ((p = skip_digits(p, end)) == digits)
			return fail(s, start, JSON_SCAN_BAD, "a bad number");
	}
	return p;
}

static bytes
scan_scalar(struct json_scan *s, bytes p, bytes end)
{
	static const struct {
		const char *text;
		size_t len;
	} words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
	bool has_nul;

	if (*p == '"')
		return scan_string(s, p, end, &has_nul);
	if (*p == '-' || (*p >= '0' && *p <= '9'))
		return scan_number(s, p, end);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((size_t)(end - p) >= words[i].len &&
		    memcmp(p, words[i].text, words[i].len) == 0)
			return p + words[i].len;
	return fail(s, p, JSON_SCAN_BAD, "an unexpected character");
}

static bytes
skip_space(bytes p, bytes end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static bool
grow(struct json_scan *s)
{
	size_t cap = s->cap * 2;
	bool is_first = s->places == s->room->places;
	struct json_place *places;

	places = realloc(is_first ? NULL : s->places, cap * sizeof(*places));
	if (places == NULL) {
		s->result = JSON_SCAN_NO_MEMORY;
		return false;
	}
	if (is_first)
		memcpy(places, s->room->places, sizeof(s->room->places));
	s->places = places;
	s->cap = cap;
	return true;
}

/* Makes room for every depth at once: few texts go beyond the first. */
static bool
grow_open(struct json_scan *s)
{
	uint32_t *open = malloc(JSON_DEPTH_CEILING * sizeof(*open));

	if (open == NULL) {
		s->result = JSON_SCAN_NO_MEMORY;
		return false;
	}
	memcpy(open, s->open, sizeof(s->room->open));
	s->open = open;
	s->open_cap = JSON_DEPTH_CEILING;
	return true;
}

/* Notes that a value begins at `p`. */
static bool
note_value(struct json_scan *s, bytes at, size_t max_values, bool key_has_nul)
{
	if (s->n_places >= max_values) {
		s->error_limit = max_values;
		fail(s, at, JSON_SCAN_BAD, "it has more values than");
		return false;
	}
	if (s->wants_places) {
		if (s->n_places == s->cap && !grow(s))
			return false;
		s->places[s->n_places] =
		    (struct json_place){ .offset = (uint32_t)(at - s->start),
			    .key_has_nul = key_has_nul };
	}
	s->n_places++;
	return true;
}

/* Notes that the value numbered `i` is over. */
static void
note_end(struct json_scan *s, size_t i, bytes at)
{
	struct json_place *place = &s->places[i];

	if (s->wants_places)
		place->len =
		    (uint32_t)(at - s->start - place->offset) & 0x7FFFFFFF;
}

/* Reads a key and its colon. */
static bytes
scan_key(struct json_scan *s, bytes p, bytes end, bool *has_nul)
{
	*has_nul = false;
	p = skip_space(p, end);
	if (p == end)
		return fail(s, p, JSON_SCAN_BAD, "the text ends too early");
	if (*p != '"')
		return fail(s, p, JSON_SCAN_BAD, "a key is expected");
	if ((p = scan_string(s, p, end, has_nul)) == NULL)
		return NULL;
	s->has_nul_key |= *has_nul;
	p = skip_space(p, end);
	if (p == end)
		return fail(s, p, JSON_SCAN_BAD, "the text ends too early");
	if (*p != ':')
		return fail(s, p, JSON_SCAN_BAD, "a colon is expected");
	return p + 1;
}

/*
 * Behind a value (or at the inside of an empty container): closes what ends
 * here.  Returns where the next value or key begins, or where the text goes
 * on when depth is 0.
 */
static bytes
scan_close(struct json_scan *s, bytes p, bytes end)
{
	while (s->depth > 0) {
		uint32_t top = s->open[s->depth - 1];

		p = skip_space(p, end);
		if (p == end)
			return fail(
			    s, p, JSON_SCAN_BAD, "the text ends too early");
		if (*p == ',')
			return p + 1;
		if (*p != (top & 1 ? '}' : ']'))
			return fail(s, p, JSON_SCAN_BAD,
			    top & 1 ? "a comma or } is expected"
				    : "a comma or ] is expected");
		p++;
		s->depth--;
		note_end(s, top >> 1, p);
	}
	return p;
}

/* Opens the container at `p`; returns the next value or key, or what is
 * behind an empty one. */
static bytes
scan_open(struct json_scan *s, bytes p, bytes end, unsigned max_depth)
{
	bool is_object = *p == '{';
	bytes next;

	if (s->depth >= max_depth) {
		s->error_limit = max_depth;
		return fail(s, p, JSON_SCAN_BAD, "it is nested deeper than");
	}
	if (s->depth == s->open_cap && !grow_open(s))
		return NULL;
	s->open[s->depth++] = (uint32_t)(s->n_places - 1) << 1 | is_object;
	next = skip_space(p + 1, end);
	if (next < end && *next == (is_object ? '}' : ']'))
		return scan_close(s, next, end);
	return next;
}

static bytes
scan_text(struct json_scan *s, bytes end, unsigned max_depth, size_t max_values)
{
	bool key_has_nul = false;
	bytes p = s->start;
	size_t i;

	do {
		if (s->depth > 0 && s->open[s->depth - 1] & 1 &&
		    (p = scan_key(s, p, end, &key_has_nul)) == NULL)
			return NULL;
		if ((p = skip_space(p, end)) == end)
			return fail(
			    s, p, JSON_SCAN_BAD, "the text ends too early");
		i = s->n_places;
		if (!note_value(s, p, max_values, key_has_nul))
			return NULL;
		key_has_nul = false;
		if (*p == '{' || *p == '[') {
			p = scan_open(s, p, end, max_depth);
		} else if ((p = scan_scalar(s, p, end)) != NULL) {
			note_end(s, i, p);
			p = scan_close(s, p, end);
		}
	} while (p != NULL && s->depth > 0);
	if (p != NULL && (p = skip_space(p, end)) != end)
		return fail(s, p, JSON_SCAN_BAD, "more text behind its end");
	return p;
}

enum json_scan_result
json_scan(struct json_scan *s, struct json_room *room, const char *text,
    size_t len, const struct json_limits *limits, bool wants_places)
{
	unsigned max_depth = limits != NULL ? limits->max_depth : 0;
	size_t max_values = limits != NULL ? limits->max_values : 0;

	memset(s, 0, sizeof(*s));
	s->room = room;
	s->start = (bytes)text;
	s->places = room->places;
	s->open = room->open;
	s->open_cap = sizeof(room->open) / sizeof(room->open[0]);
	s->cap = sizeof(room->places) / sizeof(room->places[0]);
	s->wants_places = wants_places;
	if (max_depth == 0)
		max_depth = JSON_DEPTH_DEFAULT;
	if (max_depth > JSON_DEPTH_CEILING)
		max_depth = JSON_DEPTH_CEILING;
	if (max_values == 0)
		max_values = JSON_VALUES_DEFAULT;
	if (max_values > INT32_MAX)
		max_values = INT32_MAX;
	if (len > JSON_TEXT_CEILING) {
		fail(s, s->start, JSON_SCAN_BAD, "it is too long");
		return s->result;
	}
	scan_text(s, s->start + len, max_depth, max_values);
	return s->result;
}

void
json_scan_clear(struct json_scan *s)
{
	if (s->places != s->room->places)
		free(s->places);
	if (s->open != s->room->open)
		free(s->open);
	s->places = s->room->places;
	s->open = s->room->open;
}

bool
json_is_string(const char *text, size_t len)
{
	struct json_scan s = { .start = (bytes)text };
	bytes end = (bytes)text + len;
	bool has_nul;

	return len > 0 && *text == '"' &&
	       scan_string(&s, (bytes)text, end, &has_nul) == end;
}
