/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_H
#define HEALTH_H

/* Asks a running proxy: one small GET, at most two seconds. */

struct buf;

/*
 * `address` is "http://127.0.0.1:3000", "http://[::1]:3000" or "unix:/path";
 * one that means all addresses is asked at loopback.  `key`, where the path
 * needs one, or NULL.  Appends the answer, head and body, as far as `answer`
 * can hold it.  Its status, 0 if something answered that is no
 * anthropic-proxy, -1 with errno if nothing did.
 */
int health_get(
    const char *address, const char *path, const char *key, struct buf *answer);

/* The status of GET /health. */
int health_ask(const char *address);

#endif
