/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_H
#define PHRASE_H

/* Sentences of servers, recognised whatever their numbers and names are. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct phrase_found {
	int64_t
	    number[26]; /* by capital letter; 0 where the pattern has none */
	char name[64];
	const char *at, *end; /* where in the text it was found */
};

/*
 * Finds a sentence in a text.  In the pattern * skips anything, #A to #Z read
 * a number (1,234 and 1_234 too), @ reads a name of a field, ' is any quote,
 * a blank any white space; letters match in either case.  Linear in the
 * text's length.  `found` may be NULL.
 */
bool
phrase_find(const char *pattern, const char *text, struct phrase_found *found);

/* Whether any of the patterns, with bars between them, is in the text. */
bool phrase_any(const char *patterns, const char *text);

/* The same one by one: moves *patterns behind the one that was found. */
bool phrase_next(
    const char **patterns, const char *text, struct phrase_found *found);

#endif
