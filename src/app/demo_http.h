/* SPDX-License-Identifier: MIT */
#ifndef DEMO_HTTP_H
#define DEMO_HTTP_H

/* As much of HTTP/1.1 as the demo's one client, libcurl, speaks; strict, with
 * a limit on all that is read and on each wait. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"

struct demo_request {
	char method[8], path[256]; /* without the query */
	bool keep_alive;
	const char *body; /* borrowed till the next read */
	size_t body_len;
};

struct demo_reader {
	int fd;
	struct buf bytes;     /* read and not yet consumed */
	size_t used;	      /* of the request that was given out */
	atomic_llong *budget; /* shared: bytes that may still be buffered */
};

/* Sets the socket's time limits.  Descriptor and budget stay the caller's. */
void demo_http_init(struct demo_reader *in, int fd, atomic_llong *budget);
void demo_http_clear(struct demo_reader *in);

/* The next request: 0, the status to refuse it with, or -1 when the client is
 * gone or silent or the budget is spent. */
int demo_http_read(struct demo_reader *in, struct demo_request *request);

/* Each sends all of it: 0, or -1. */
int demo_http_send(int fd, int status, const struct buf *body);
int demo_http_send_stream_head(int fd);
int demo_http_send_chunk(int fd, const char *bytes, size_t len); /* 0: end */

bool demo_http_path_ends(const char *path, const char *end);

#endif
