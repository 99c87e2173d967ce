/* SPDX-License-Identifier: MIT */
#ifndef THINK_H
#define THINK_H

/*
 * Parts a reply's content at <think>…</think>, or <thought>…</thought>, where
 * that stands at its very beginning; never later, where it may be code.
 * Newlines next to both tags are dropped.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/buf.h"

enum think_place {
	THINK_START,  /* nothing but white space or a part of the tag */
	THINK_OPENED, /* the newlines behind <think> */
	THINK_INSIDE,
	THINK_CLOSED, /* the newlines behind </think> */
	THINK_OFF,    /* all is text from here on */
};

enum think_tags { THINK_TAGS_THINK, THINK_TAGS_THOUGHT };

struct think {
	enum think_tags tags; /* the spelling that was met */
	enum think_place place;
	struct buf held;
};

/* Where a piece of content goes; `bytes` is borrowed during the call. */
typedef void
think_piece(void *cookie, bool is_thought, const char *bytes, size_t len);

void think_init(struct think *t, enum think_place place, size_t max_bytes);
void think_clear(struct think *t);

void think_push(struct think *t, const char *bytes, size_t len,
    think_piece *piece, void *cookie);

/* Something else than content follows, or nothing: what was held is told. */
void think_flush(struct think *t, think_piece *piece, void *cookie);

#endif
