/* SPDX-License-Identifier: MIT */
#ifndef FINISH_H
#define FINISH_H

/* What the end of an upstream's answer means: its finish_reason, its failure.
 */

#include <stdbool.h>
#include "wire/fault.h"

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

/*
 * What a failure is called in an error event.  Clients try again on
 * overloaded_error alone, which is safe as long as they saw no block.
 */
enum fault_kind finish_event_kind(enum fault_kind kind, bool has_block);

#endif
