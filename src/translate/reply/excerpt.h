/* SPDX-License-Identifier: MIT */
#ifndef EXCERPT_H
#define EXCERPT_H

/* The first bytes of an answer, for the case that it turns out to be none. */

#include <stddef.h>

struct fault;

#define EXCERPT_MAX 500

struct excerpt {
	char bytes[EXCERPT_MAX];
	size_t len;
};

void excerpt_add(struct excerpt *e, const char *bytes, size_t len);

/* Tells what came in place of an answer: nothing, something compressed, or
 * these words. */
void
excerpt_tell(const struct excerpt *e, const char *own_key, struct fault *why);

#endif
