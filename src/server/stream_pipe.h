/* SPDX-License-Identifier: MIT */
#ifndef STREAM_PIPE_H
#define STREAM_PIPE_H

/*
 * The pipe between the worker that makes events and the library's thread that
 * sends them.  The read end is blocking (the library takes EAGAIN for an
 * error), the write end is not, so that a client that stops reading is
 * noticed.
 */

#include <stddef.h>

struct cancel;

/* fds[0] is to be read, fds[1] written.  0, or -1 with errno. */
int stream_pipe_open(int fds[2]);

/*
 * Writes all of it, waiting at most `stall_ms` for the reader; fires `cancel`
 * with CANCEL_CLIENT_STALLED when that has passed.  0, or -1 when the reader
 * is gone, stalled or `cancel` has fired.
 */
int stream_pipe_write(int fd, const char *bytes, size_t len, long stall_ms,
    struct cancel *cancel);

#endif
