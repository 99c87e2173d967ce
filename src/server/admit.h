/* SPDX-License-Identifier: MIT */
#ifndef ADMIT_H
#define ADMIT_H

/*
 * Whether a request may come in, judged by its head alone: framing that other
 * servers read differently (smuggling), size, coding, key, drain.
 */

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct fault;

struct admission {
	bool has_body;	   /* a length above 0 or chunks are announced */
	size_t body_bytes; /* announced; 0 when chunked */
	bool expects_continue;
};

/* 0, or -1 with `why`; `draining`: only /health and the like get in. */
int admit(
    struct exchange *x, bool draining, struct admission *a, struct fault *why);

/* What comes in over the limit of connections. */
int admit_refuse_overload(struct fault *why);

/* The credential the client means for the upstream, and not for us: Bearer
 * first.  Borrowed from the exchange; NULL if there is none, or if we have one
 * of our own. */
const char *admit_client_key(struct exchange *x);

#endif
