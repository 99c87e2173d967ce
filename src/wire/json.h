/* SPDX-License-Identifier: MIT */
#ifndef JSON_H
#define JSON_H

/*
 * JSON without loss.  A strict scan finds what is in the text, and a tree of
 * cJSON's items is made of it whose every item knows where in the text it
 * stands.  So a value that only passes through travels as a slice of the
 * original text, and the tree is for looking things up.
 *
 * cJSON's own reader is not asked: it would harm numbers, NULs and lone
 * surrogates, and takes two or three pieces of memory for each item.  A parsed
 * tree is one piece, which the document owns.
 *
 * So a parsed tree is for reading only: nothing of it may be freed, changed or
 * moved to another tree.  The place of an item is kept in its number fields
 * (valuedouble: offset, valueint: length), so never read those or print a
 * parsed tree with cJSON: numbers are read with json_int64() and
 * json_number(), values leave through their slices.
 *
 * valuestring of a string item is its decoded text with U+FFFD in place of
 * NULs and lone surrogates: good for comparing, not for passing on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

struct buf;
struct fault;

struct json_slice {
	const char *text; /* borrowed from the document's text; no NUL after */
	size_t len;
};

struct json_limits {
	unsigned max_depth; /* nesting; at most 900, 0: 512 */
	size_t max_values;  /* items of the whole document; 0: a million */
};

struct json_doc {
	const char *text; /* the text the slices point into */
	size_t len;
	char *owned; /* the text, where it had to be repaired */
	cJSON *root;
	bool has_nul_key; /* some key holds \u0000: see json_find_nul_key */
};

/*
 * Parses one JSON document, strictly (RFC 8259, valid UTF-8, nothing behind
 * it but white space).  `text` is borrowed and must outlive the document.
 * A lone surrogate escape does not make it invalid.  `limits` may be NULL.
 * Returns 0, or -1 with `why` (BAD_REQUEST, INTERNAL when out of memory);
 * `doc` is good for json_doc_clear() either way.
 */
int json_parse(struct json_doc *doc, const char *text, size_t len,
    const struct json_limits *limits, struct fault *why);

/*
 * The same for what an upstream sends: a byte order mark is skipped, invalid
 * UTF-8 becomes U+FFFD, a raw control character in a string its escape.  The
 * fault speaks of the upstream's answer and is BAD_GATEWAY.
 */
int json_parse_lenient(struct json_doc *doc, const char *text, size_t len,
    const struct json_limits *limits, struct fault *why);

void json_doc_clear(struct json_doc *doc);

/*
 * Checks a text without building anything: 0 if it is one valid JSON value
 * of type `type` ('{', '[', or 0 for any), else -1.
 */
int json_check(
    const char *text, size_t len, char type, const struct json_limits *limits);

/* Whether `text`, quotes included, is one valid string and nothing else. */
bool json_is_string(const char *text, size_t len);

/* -- looking things up ---------------------------------------------------- */

/*
 * The member of an object, by exact name; of duplicates the last, as other
 * parsers have it.  NULL if `object` is NULL or no object, or has none.
 */
const cJSON *json_get(const cJSON *object, const char *key);

/* The same, but NULL too where the member is null. */
const cJSON *json_get_set(const cJSON *object, const char *key);

/* The decoded text of a string member, NULL if absent or no string. */
const char *json_get_string(const cJSON *object, const char *key);

/* Whether an item is a string of exactly this text. */
bool json_is(const cJSON *item, const char *text);

/* Whether a member is the boolean true. */
bool json_get_true(const cJSON *object, const char *key);

/*
 * A number as an integer; 1e3 and 100.0 count.  Returns 0, or -1 if `item`
 * is NULL, no number, not integral or out of range; *value is then untouched.
 */
int json_int64(const struct json_doc *doc, const cJSON *item, int64_t *value);

/* A number as a double (rounded; infinite past its range).  0, or -1 if it
 * is none or is written with 400 digits or more. */
int json_number(const struct json_doc *doc, const cJSON *item, double *value);

/* -- slices --------------------------------------------------------------- */

/* The item as it is written, strings with their quotes. */
struct json_slice json_slice(const struct json_doc *doc, const cJSON *item);

/* A string's escaped body, without quotes; empty if `item` is no string. */
struct json_slice json_body(const struct json_doc *doc, const cJSON *item);

/*
 * The first key holding \u0000 anywhere below `item`, except below members
 * whose name is in `raw_keys` (ended by NULL) since those pass as slices.
 * NULL if there is none.
 */
const cJSON *json_find_nul_key(const cJSON *item, const char *const *raw_keys);

/* -- writing -------------------------------------------------------------- */

/* Appends bytes as an escaped body (no quotes).  NUL and all other control
 * characters are escaped, invalid UTF-8 becomes U+FFFD.  Also turns JSON text
 * into the body of a string that holds it. */
void json_escape(struct buf *out, const char *bytes, size_t len);

/* Appends a NUL-terminated text as a string with its quotes. */
void json_put_string(struct buf *out, const char *text);

/* Appends an escaped body as it is, but lone surrogates as \ufffd. */
void json_put_body(struct buf *out, struct json_slice body);

/* Appends the decoded bytes of an escaped body: NULs stay, lone surrogates
 * become U+FFFD. */
void json_unescape(struct buf *out, struct json_slice body);

/* A tree item that prints exactly this text; NULL when out of memory. */
cJSON *json_raw(const char *text, size_t len);

/* Items that print a string: out of an escaped body (lone surrogates become
 * \ufffd) or of a text, which is escaped.  NULL when out of memory. */
cJSON *json_body_item(struct json_slice body);
cJSON *json_text_item(const char *text);

/*
 * Each adds a member and returns false when out of memory (then nothing is
 * added).  `key` is not copied and must outlive the object: a literal.
 * `body` is an escaped body, `text` is escaped, `raw` is JSON text.
 * json_add() takes the item, also when it fails; NULL gives false.  So does a
 * NULL object.
 */
bool json_add(cJSON *object, const char *key, cJSON *item);
bool json_add_body(cJSON *object, const char *key, struct json_slice body);
bool json_add_text(cJSON *object, const char *key, const char *text);
bool json_add_raw(cJSON *object, const char *key, struct json_slice raw);
bool json_add_int(cJSON *object, const char *key, int64_t value);
bool json_add_bool(cJSON *object, const char *key, bool value);

/* Appends a built tree (never a parsed one) without white space.  0, or -1
 * when out of memory or room. */
int json_print(const cJSON *tree, struct buf *out);

#endif
