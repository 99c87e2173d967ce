/* SPDX-License-Identifier: MIT */
#ifndef LOG_H
#define LOG_H

/*
 * The log: one write(2) a line, to stderr or the log file.  key=value text
 * (`ts=2026-01-02T03:04:05.678Z level=info req=req_… msg="…" route=messages …`)
 * or JSON with the same keys.  errno survives.
 * Never give it a secret; text from outside is escaped here.
 */

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
	const char *key;
	const char *text; /* NULL: use number */
	long long number;
};

/* path NULL: stderr; a file is made 0600 and never followed through a link.
 * 0, or -1 with errno (the log then stays as it was). */
int log_open(const char *path, bool json, bool debug);
/* How it opens its file; -1 with errno. */
int log_open_file(const char *path);
/* SIGHUP: opens the path again, by a function that does the same. */
int log_reopen(int (*open_file)(const char *path), bool json, bool debug);
bool log_debugs(void);

/* The request id of the calling thread, shown on its lines: borrowed until
 * NULL, none, is set. */
void log_set_request(const char *request_id);

/* `what` becomes msg; NULL or "": none.  Values are cut at 256 KiB. */
void log_fields(enum log_level level, const char *what,
    const struct log_field *fields, size_t n);
void log_say(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
