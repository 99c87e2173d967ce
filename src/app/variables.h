/* SPDX-License-Identifier: MIT */
#ifndef VARIABLES_H
#define VARIABLES_H

/* The table of settings: each variable's name, what it takes, where it goes
 * and how it is shown.  Where values come from is config's matter. */

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct settings;
struct variable;

struct variable_kind {
	/* Takes a value.  0, or -1 with what is allowed in err, a sentence
	 * without the value.  NULL: config knows what to do with it. */
	int (*set)(const struct variable *v, const char *text,
	    struct settings *s, char *err, size_t cap);
	/* Appends the value as effective; raw is what was set, or NULL. */
	void (*show)(const struct variable *v, const struct settings *s,
	    const char *raw, struct buf *out);
	bool is_secret; /* its value never stands in a complaint */
};

struct variable {
	const char *name;
	const struct variable_kind *kind;
	unsigned short offset; /* of the member in struct settings */
	unsigned min, max;     /* of numbers; seconds in milliseconds */
	bool finds;	       /* stop and status need it too */
};

extern const struct variable variables[];
extern const size_t n_variables;

/* The next of a variable's other names, beginning with *at = 0, or NULL. */
const char *variable_alias(const struct variable *v, size_t *at);

/* The name nearest to a misspelled one, or NULL if it looks like none. */
const char *variable_guess(const char *name);

/* Whether only this machine can reach a HOST. */
bool variable_host_is_loopback(const char *host);

#endif
