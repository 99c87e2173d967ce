/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_H
#define HEALTH_H

/* Asks a running proxy for its health: one tiny GET, at most two seconds. */

/*
 * `host` as HOST has it ("unix:/path" too; an address that means all is asked
 * at loopback).  The status of GET /health, 0 if something answered that is
 * no anthropic-proxy, -1 with errno if nothing did.
 */
int health_ask(const char *host, int port);

/* The same for "http://127.0.0.1:3000", "http://[::1]:3000", "unix:/path". */
int health_ask_address(const char *address);

#endif
