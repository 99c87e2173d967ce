/* SPDX-License-Identifier: MIT */
#ifndef FINISH_H
#define FINISH_H

/* What an upstream's finish_reason means. */

enum finish {
	FINISH_NONE, /* not finished */
	FINISH_STOP, /* an end by itself, or an unknown word */
	FINISH_TOOLS,
	FINISH_LENGTH,
	FINISH_CONTEXT, /* the context window is full */
	FINISH_REFUSAL,
	FINISH_ERROR,
	FINISH_OVERLOAD,
};

/* Reads the word, in any case; only what is before a colon counts. */
enum finish finish_read(const char *word);

#endif
