/* SPDX-License-Identifier: MIT */
#ifndef ERRORS_H
#define ERRORS_H

/*
 * What an upstream's failure means for an Anthropic client: status, type and
 * a message on which clients act (context overflow, billing, overload).
 * Source: the error table of the API page and tests' error fixtures.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/fault.h"
#include "wire/json.h"

/* Headers of the upstream's answer that matter; NULL where absent. */
struct error_headers {
	const char *retry_after; /* seconds, or an HTTP date */
	const char *retry_after_ms;
	const char *should_retry; /* x-should-retry */
};

struct error_context {
	const char *client_model; /* decoded, for a model that is not found */
	const char *host;	  /* of the upstream, for texts; may be NULL */
	const char *own_key;	  /* our configured key, where it was used */
	long long now_unix;	  /* for HTTP dates; 0: none */
};

/*
 * Reads a failed answer (status is not 2xx, or a 200 whose body turned out to
 * be an error) into `out`.  Any body will do: JSON in all known forms, HTML,
 * text, nothing.  Keys (ours, sk-…, Bearer …) are scrubbed from the message.
 */
void error_from_answer(int status, const struct error_headers *headers,
    const char *body, size_t len, const struct error_context *ctx,
    struct fault *out);

/*
 * Whether an object of a 200 answer (a chunk, a completion) is or holds an
 * error: `error` not null, or (without choices) errors, detail, error_code,
 * code with message, base_resp.status_code other than 0.  Fills `out`.
 */
bool error_in_object(const struct json_doc *doc, const cJSON *object,
    const struct error_context *ctx, struct fault *out);

/* The same for text that stood in an error event and is no JSON. */
void error_from_text(const char *text, size_t len,
    const struct error_context *ctx, struct fault *out);

/* No answer at all: what happened to the connection, as libcurl tells it. */
enum error_cause {
	CAUSE_CONNECT,
	CAUSE_DNS,
	CAUSE_TLS,
	CAUSE_RESET,
	CAUSE_TIMEOUT,
	CAUSE_EMPTY,
	CAUSE_TOO_LARGE,
	CAUSE_PROTOCOL
};
void error_from_cause(enum error_cause cause, const char *detail,
    const struct error_context *ctx, struct fault *out);

/* Replaces anything that looks like a key in place, and `own`, unless that is
 * NULL or looks like a word; returns the new length. */
size_t error_scrub(char *text, size_t len, const char *own);

/* Puts stars in the place of this very key, which may look like none, but for
 * what tells its kind; NULL or a very short one, part of any word, changes
 * nothing. */
size_t error_hide(char *text, size_t len, const char *key);

/* How many bytes of a key tell its kind (sk-, xai-, …) and are no secret. */
size_t error_key_prefix(const char *text, size_t len);

#endif
