/* SPDX-License-Identifier: MIT */
#ifndef JSONSCAN_H
#define JSONSCAN_H

/*
 * The strict look over a JSON text before its tree is built.  Private to the
 * json files: everybody else includes json.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

#define JSON_DEPTH_CEILING  900
#define JSON_DEPTH_DEFAULT  512
#define JSON_VALUES_DEFAULT 1000000
#define JSON_TEXT_CEILING   0x7FFFFFF0u

#define JSON_ONES  0x0101010101010101u
#define JSON_HIGHS 0x8080808080808080u

/* Where a value stands in the text. */
struct json_place {
	uint32_t offset;
	uint32_t len : 31;
	uint32_t key_has_nul : 1; /* its key holds \u0000 */
};

enum json_scan_result {
	JSON_SCAN_OK = 0,
	JSON_SCAN_BAD,	     /* see `error` */
	JSON_SCAN_BAD_BYTES, /* so, but json_repair() may mend it */
	JSON_SCAN_NO_MEMORY,
};

struct json_scan {
	struct json_place *places; /* of every value, in pre-order */
	size_t n_places;
	bool has_nul_key;    /* \u0000 in a key */
	size_t string_bytes; /* all strings and keys with their quotes */
	const char *error;   /* what is wrong, for a sentence */
	size_t error_at;
	size_t error_limit; /* if not 0: the limit that `error` speaks of */
	/* private from here */
	const unsigned char *start;
	enum json_scan_result result;
	bool wants_places;
	size_t cap;
	unsigned depth, open_cap;
	uint32_t
	    *open; /* containers: the number of the value, is it an object */
	struct json_room *room;
};

/* What a scan of a small text needs; larger ones allocate. */
struct json_room {
	uint32_t open[16];
	struct json_place places[32];
};

/*
 * Scans a whole text; `wants_places` false: checks only.
 * `room` is used until json_scan_clear(), which `scan` is good for afterwards,
 * whatever the result.
 */
enum json_scan_result
json_scan(struct json_scan *scan, struct json_room *room, const char *text,
    size_t len, const struct json_limits *limits, bool wants_places);

void json_scan_clear(struct json_scan *scan);

/* The first byte that does not stand for itself in a JSON string or is not
 * ASCII, or `end`. */
const unsigned char *
json_skip_plain(const unsigned char *p, const unsigned char *end);

/* The value of four hex digits, or -1. */
int json_hex4(const unsigned char *p);

/*
 * The length of the half surrogate pair at a backslash in a valid body: 6 if
 * it stands alone, else 0.  A whole pair sets `*pair`.
 */
size_t json_lone_surrogate(
    const unsigned char *p, const unsigned char *end, bool *pair);

/* Whether a lone surrogate may be in a body: false if there is none. */
bool
json_may_have_lone_surrogate(const unsigned char *p, const unsigned char *end);

/* What a backslash and this byte stand for; NUL: not an escape, or \u. */
extern const char json_escapes[256];

/*
 * Decodes a valid body into `out`, where len + 1 bytes fit, and ends it with a
 * NUL.  U+FFFD stands for lone surrogates and, but with `keep_nuls`, for NULs.
 * Returns what is behind.
 */
char *
json_decode(char *out, const unsigned char *p, size_t len, bool keep_nuls);

/* The place of the first byte marked by its high bit, or of one before it. */
static inline unsigned
json_first_marked(uint64_t marks)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (unsigned)__builtin_ctzll(marks) / 8;
#else
	(void)marks;
	return 0;
#endif
}

#endif
