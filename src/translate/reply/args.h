/* SPDX-License-Identifier: MIT */
#ifndef ARGS_H
#define ARGS_H

/*
 * Watches the arguments of a tool call go by and tells when their JSON object
 * is complete and when it cannot become one.  No tree, no recursion: a state
 * and a stack of bits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

#define ARGS_DEPTH_MAX 512
#define ARGS_BLANK_MAX 4096 /* white space in a row outside strings */

enum args_state {
	ARGS_EMPTY, /* nothing but white space so far */
	ARGS_OPEN,  /* an object, not complete */
	ARGS_DONE,  /* a complete object */
	ARGS_OTHER, /* a value that is no object: held till its end */
	ARGS_BAD,   /* no JSON */
};

struct args {
	enum args_state state;
	bool is_endless; /* bad because it was endless white space */
	uint8_t place;	 /* private: what may come next */
	uint8_t step;	 /* private: within an escape or a literal */
	bool is_key;
	const char *literal; /* the rest of true, false or null */
	unsigned depth;
	unsigned blank_run;
	uint8_t in_array[ARGS_DEPTH_MAX / 8];
};

void args_init(struct args *a);

/*
 * Reads a piece of the escaped body of the arguments (whole escapes).
 * Returns how many bytes belong to the value: fewer than there are only where
 * something stands behind a complete object or where it turned bad.
 */
size_t args_scan(struct args *a, struct json_slice body);

#endif
