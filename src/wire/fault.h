/* SPDX-License-Identifier: MIT */
#ifndef FAULT_H
#define FAULT_H

/*
 * What went wrong, in words the client may read: filled once, where it is
 * first seen, and carried up as the last parameter of every call that can
 * fail.  Nobody prints on the way.
 */

#include <stdbool.h>
#include <stddef.h>

struct buf;

/*
 * Kind, HTTP status, Anthropic error type.  Statuses and types are those of
 * the Messages API's error table.
 */
#define FAULT_KINDS(X)                                                         \
	X(BAD_REQUEST, 400, "invalid_request_error")                           \
	X(AUTHENTICATION, 401, "authentication_error")                         \
	X(BILLING, 402, "billing_error")                                       \
	X(PERMISSION, 403, "permission_error")                                 \
	X(NOT_FOUND, 404, "not_found_error")                                   \
	X(METHOD, 405, "invalid_request_error")                                \
	X(CONFLICT, 409, "conflict_error")                                     \
	X(TOO_LARGE, 413, "request_too_large")                                 \
	X(RATE_LIMIT, 429, "rate_limit_error")                                 \
	X(HEADERS_TOO_LARGE, 431, "invalid_request_error")                     \
	X(INTERNAL, 500, "api_error")                                          \
	X(BAD_GATEWAY, 502, "api_error")                                       \
	X(TIMEOUT, 504, "timeout_error")                                       \
	X(OVERLOADED, 529, "overloaded_error")

enum fault_kind {
	FAULT_NONE = 0,
#define X(name, status, type) FAULT_##name,
	FAULT_KINDS(X)
#undef X
};

enum fault_retry { FAULT_RETRY_UNSAID, FAULT_RETRY_NO, FAULT_RETRY_YES };

#define FAULT_MESSAGE_MAX 2048

struct fault {
	enum fault_kind kind;	       /* FAULT_NONE: nothing is wrong */
	enum fault_retry should_retry; /* becomes x-should-retry */
	long retry_after_ms;	       /* becomes retry-after; 0: unsaid */
	char error_code[64];	       /* error.details.error_code; "": none */
	char message[FAULT_MESSAGE_MAX]; /* valid UTF-8, NUL-terminated */
};

/*
 * Fills `why` unless it already holds a fault or is NULL.  A message that is
 * too long is cut at a character's border.  Always returns -1, so that a
 * failing function can end with `return fault_set(...)`.
 */
int fault_set(struct fault *why, enum fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for text that is no format and may hold anything. */
int fault_set_text(
    struct fault *why, enum fault_kind kind, const char *text, size_t len);

/* What is said of a member that is not there, or is not what it should be:
 * BAD_REQUEST, in the words of the Messages API. */
int fault_required(const char *path, struct fault *why);
int fault_should_be(const char *path, const char *what, struct fault *why);

/* The same of a `type` that nobody knows, of what is at `path` and `below`
 * it; `expected` names those that are known, behind a colon, or is "". */
int fault_unknown_tag(const char *path, const char *below, const char *tag,
    const char *expected, struct fault *why);

/* Out of memory: one request's failure, not the process's. */
int fault_no_memory(struct fault *why);

void fault_clear(struct fault *why);

/* HTTP status and Anthropic error type of a kind. */
int fault_status(enum fault_kind kind);
const char *fault_type(enum fault_kind kind);

/*
 * Appends the error envelope
 * {"type":"error","error":{"type":…,"message":…},"request_id":…}
 * as one line without a newline.  `request_id` may be NULL (then null).
 */
void
fault_print(const struct fault *why, const char *request_id, struct buf *out);

#endif
