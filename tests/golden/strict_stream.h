/* SPDX-License-Identifier: MIT */
#ifndef STRICT_STREAM_H
#define STRICT_STREAM_H

/*
 * Reads an Anthropic event stream as the strictest client would, and puts the
 * message together.  The first breach of the grammar is kept in `bad`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

struct strict_stream {
	char bad[256];	/* "" as long as all is legal */
	cJSON *content; /* blocks; tool blocks with rawInput */
	cJSON *delta;	/* of message_delta, or NULL */
	cJSON *usage;	/* merged */
	cJSON *error;	/* of an error event, or NULL */
	bool is_started, is_stopped;
	/* private */
	int open;  /* index of the open block, -1 */
	char *raw; /* input of the open tool block so far */
};

/* Reads a whole stream.  `is_ended`: no more comes, so an end is due. */
void strict_read(
    struct strict_stream *s, const char *text, size_t len, bool is_ended);

/* Checks one content block of a finished message the same way. */
void strict_block(struct strict_stream *s, const cJSON *block);

void strict_clear(struct strict_stream *s);

#endif
