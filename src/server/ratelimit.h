/* SPDX-License-Identifier: MIT */
#ifndef RATELIMIT_H
#define RATELIMIT_H

/* The upstream's x-ratelimit-* as the Messages API's own headers. */

struct exchange;
struct upstream_head;

/* Adds anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset} where
 * the upstream told; reset becomes an RFC 3339 time. */
void ratelimit_pass(struct exchange *x, const struct upstream_head *head);

#endif
