/* SPDX-License-Identifier: MIT */
#ifndef ENVFILE_H
#define ENVFILE_H

/*
 * The .env syntax, no I/O: KEY=value and export KEY=value a line; blank lines
 * and # comments; 'single quotes' keep all, "double quotes" know \n \r \t \"
 * \\ and \$; behind an unquoted value a # after a blank begins a comment.
 * Nothing is expanded: a $ is a $.  Of a key set twice the last counts.
 */

#include <stddef.h>

struct env_line {
	char *key, *value;
	unsigned line;
};

struct envfile {
	struct env_line *lines; /* in the file's order */
	size_t n_lines;
};

/*
 * Parses a file's text; `name` is for the complaint.  0, or -1 with
 * "NAME:LINE: what is wrong" in err.  Good for envfile_clear() either way.
 */
int envfile_parse(struct envfile *file, const char *name, const char *text,
    size_t len, char *err, size_t cap);
void envfile_clear(struct envfile *file);

/* The last line that sets `key`, or NULL. */
const struct env_line *
envfile_find(const struct envfile *file, const char *key);

#endif
