/* SPDX-License-Identifier: MIT */
#ifndef STREAM_H
#define STREAM_H

/*
 * An upstream's answer into an Anthropic one.  A state machine that takes the
 * answer's bytes cut anywhere and cannot emit an illegal order of events.
 * The same machine serves both kinds of client: it writes events as they
 * arrive, or collects one message.  It sniffs what the bytes are (events, a
 * JSON completion, a page) and does not trust the content type.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/fault.h"

struct buf;
struct reply_terms;

/* Handed in, so that a test can fix them. */
struct stream_env {
	const char *message_id; /* "msg_…" */
	const char *request_id; /* "req_…" */
	/* Fills `out` with `len` random base62 characters (no NUL). */
	void (*random_text)(void *cookie, char *out, size_t len);
	void *cookie;
	size_t max_line_bytes;
	size_t max_reply_bytes; /* of the collected or buffered whole */
	const char *host;	/* the upstream's, for error texts; or NULL */
	const char *own_key; /* the configured key, where used: error texts */
	const char *client_model; /* decoded, for "model: NAME" in a 404 */
	/* Takes what goes wrong: large, so that one is enough for a request;
	 * NULL: the stream has its own. */
	struct fault *fault;
	double output_bytes_per_token; /* for estimates; 0: the default */
};

enum stream_state {
	STREAM_OPEN,   /* wants more bytes */
	STREAM_ENDED,  /* the answer is complete; drop the upstream */
	STREAM_FAILED, /* see stream_fault() */
};

struct stream_usage {
	int64_t input_tokens, output_tokens;
	int64_t cache_read_tokens, cache_write_tokens;
	int64_t prompt_tokens; /* as the upstream counted it */
	bool reported;	       /* the upstream told; else estimates */
};

struct stream;

/* `terms` and `env` are borrowed for the stream's life.  NULL: no memory. */
struct stream *
stream_new(const struct reply_terms *terms, const struct stream_env *env);
void stream_free(struct stream *s);

/*
 * Takes bytes of the answer's body (status 200) and appends whole SSE events
 * to `out` (nothing, where the client wants one message).  As long as
 * stream_started() is false nothing was appended and a failure can still
 * become an HTTP error; after it the error event has been appended.
 */
enum stream_state
stream_push(struct stream *s, const char *bytes, size_t len, struct buf *out);

/* The end of the body.  ENDED or FAILED. */
enum stream_state stream_finish(struct stream *s, struct buf *out);

/* The upstream broke or a deadline passed: as a failure found inside.  The
 * type of an error event follows the rules of the API page (only pings sent
 * and a transient cause: overloaded_error).  After an answer that is already
 * complete but for its end mark, it ends well instead: look at the result. */
enum stream_state
stream_abort(struct stream *s, const struct fault *cause, struct buf *out);

/* finish_reason was seen, the end mark not: the relay waits for 5 s of silence,
 * no more, and calls stream_finish(). */
bool stream_awaits_end(const struct stream *s);

/* Whether message_start was appended. */
bool stream_started(const struct stream *s);

/* Whether a first data event has been read. */
bool stream_has_event(const struct stream *s);

/* Appends message_start (once) and a ping: silence before or between events.
 * Nothing where the client wants one message. */
void stream_ping(struct stream *s, struct buf *out);

/* Gives the collected message away, as JSON, after ENDED: it replaces what is
 * in `out`.  -1 with `why`. */
int stream_message(struct stream *s, struct buf *out, struct fault *why);

/* The failure, in the client's words and status; kind NONE if there is none. */
const struct fault *stream_fault(const struct stream *s);

/* Appends what the upstream itself said of the failure, as it came; nothing
 * where it said nothing. */
void stream_refusal(const struct stream *s, struct buf *out);

/* For the log and the counters, valid after ENDED or FAILED. */
const struct stream_usage *stream_usage(const struct stream *s);
/* What had to be mended in it: bytes that are no UTF-8, tool arguments. */
unsigned stream_repairs(const struct stream *s);
const char *stream_stop_reason(const struct stream *s); /* "" before the end */

#endif
