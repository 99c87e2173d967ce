/* SPDX-License-Identifier: MIT */
#ifndef HEADERS_H
#define HEADERS_H

/* The headers of a request to the upstream and those of its answer. */

#include <stdbool.h>
#include <stddef.h>

struct settings;
struct upstream_head;

struct header {
	char *name, *value; /* neither holds a control character */
};

#define HEADERS_MAX 64

struct headers {
	struct header list[HEADERS_MAX];
	size_t n;
};

struct headers_wanted {
	const struct settings *settings;
	const char *client_key; /* used where no key is configured; or NULL */
	bool has_body;		/* JSON goes up */
	bool want_events;
};

/* The key that will go up, or NULL where there is none. */
const char *headers_key(const struct headers_wanted *wanted);

/*
 * Makes the list; UPSTREAM_HEADERS has the last word.  0, or -1 with a
 * sentence without secrets in err: a name or value that could break out of
 * its line, or no memory.  `h` is good for headers_clear() either way.
 */
int headers_build(struct headers *h, const struct headers_wanted *wanted,
    char *err, size_t cap);
void headers_clear(struct headers *h);

/* Whether a header says how a request is framed: another value than ours
 * would break it. */
bool headers_are_framed_by(const char *name);

/* Notes one line of an answer's head, its newline included. */
void
headers_read_line(struct upstream_head *head, const char *line, size_t len);

#endif
