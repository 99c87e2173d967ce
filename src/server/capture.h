/* SPDX-License-Identifier: MIT */
#ifndef CAPTURE_H
#define CAPTURE_H

/*
 * CAPTURE_DIR: each exchange as one file of JSON lines, written as it goes:
 * what the client asked, what the upstream got and said, byte by byte and
 * when, what the client was told.  Enough for `replay` to do it again; what
 * the lines are is told in anthropic-proxy.env(5).  Keys are made unreadable
 * wherever they stand.  A disk that is full costs the rest of the file and
 * nothing else.
 *
 * All but capture_open() do nothing where `c` is NULL.  One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attempts;
struct buf;
struct capture;
struct exchange;
struct token_scale;
struct upstream_result;

/* What no capture is longer than, and how many are kept. */
#define CAPTURE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define CAPTURE_MAX_FILES 1000
#define CAPTURE_MAX_TOTAL ((size_t)1024 * 1024 * 1024)

/* Words for enum upstream_end and enum error_cause. */
extern const char *const capture_ends[4], *const capture_causes[8];

/* Begins with the settings and the request.  NULL where it is off or cannot
 * be (one line in the log tells why). */
struct capture *capture_open(
    struct exchange *x, const struct buf *body, const char *message_id);

/* What the request was translated with. */
void capture_prepared(struct capture *c, const struct attempts *a,
    const struct token_scale *scale, int64_t limit);

/* A call to the upstream begins; capture_header() tells its headers, then
 * those of the answer, until capture_head(). */
void capture_try(struct capture *c, const char *url, const struct buf *body);
void capture_header(struct capture *c, const char *line, size_t len);
void capture_head(struct capture *c, int status);
void capture_try_end(
    struct capture *c, const struct upstream_result *result, bool is_draining);

/* Something happened: "bytes" came, "events" are about to go, a "ping" is
 * due, the client is "gone", "random" text was drawn.  `text` may be NULL. */
void
capture_note(struct capture *c, const char *kind, const char *text, size_t len);

/* The whole answer to a client that gets no events. */
void
capture_answer(struct capture *c, int status, const char *text, size_t len);

/* What is written so far goes to the disk. */
void capture_flush(struct capture *c);

void capture_close(struct capture *c);

#endif
