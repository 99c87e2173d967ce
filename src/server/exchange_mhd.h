/* SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_MHD_H
#define EXCHANGE_MHD_H

/* The listener's side of an exchange: how libmicrohttpd feeds it. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <microhttpd.h>
#include "server/exchange.h"
#include "wire/buf.h"

/* Takes the caller's hold on the settings.  NULL: no memory. */
struct exchange *exchange_new(struct MHD_Connection *connection,
    const char *method, const char *path, struct settings *settings);

/* Runs the pipe's `done`, then frees. */
void exchange_free(struct exchange *x);

/* The end of what the client sends says nothing of whether it is there. */
void exchange_leave_unwatched(struct exchange *x);

/* The announced length of the body. */
void exchange_expect_body(struct exchange *x, size_t len);

/* A piece of the body.  False: the connection is to be closed. */
bool exchange_take_body(struct exchange *x, const char *bytes, size_t len);

/* Whether the body grew past max_body_bytes or memory ran out; `why` is then
 * set. */
bool exchange_body_failed(const struct exchange *x, struct fault *why);

/*
 * Sends a refusal at once, past the library, while the client may still be
 * sending its body: the rest of it is then swallowed, bounded, so that the
 * client gets to read the answer instead of a reset.  Then the connection is
 * to be closed.
 */
void exchange_refuse_early(struct exchange *x, const struct fault *why);

bool exchange_was_refused_early(const struct exchange *x);
bool exchange_was_answered(const struct exchange *x);

#endif
