/* SPDX-License-Identifier: MIT */
#ifndef SPOKEN_H
#define SPOKEN_H

/*
 * STATUS_BODIES=1: the beginning of what was asked and answered, for the status
 * page alone.  Bounded, kept in memory alone, and only while the setting
 * is on.  Keys are taken out; what stands there is still what strangers wrote.
 */

#include <stddef.h>

struct buf;
struct message_request;
struct settings;
struct spoken;
struct spoken_answer;

#define SPOKEN_BYTES 400 /* of a text and its NUL */
#define SPOKEN_PAIRS 128

struct spoken_pair {
	char id[32]; /* of the request; "": none */
	/* Valid UTF-8 without control characters; "": nothing yet. */
	char asked[SPOKEN_BYTES], answered[SPOKEN_BYTES];
};

/* NULL: no memory. */
struct spoken *spoken_new(void);
void spoken_free(struct spoken *s);

/* The setting is off now: nothing stays. */
void spoken_forget(struct spoken *s);

/*
 * Keeps the last text of the user.  Returns where the answer is gathered, for
 * spoken_end(); NULL where the settings do not ask for it, or no memory.
 */
struct spoken_answer *
spoken_begin(struct spoken *s, const struct settings *settings, const char *id,
    const struct message_request *request);

/* Adds whole events of the answer, or all of it. */
void spoken_add_events(struct spoken_answer *a, const struct buf *events);
void spoken_add_message(struct spoken_answer *a, const struct buf *message);

/* Keeps what was gathered, and frees; nothing for NULL. */
void spoken_end(struct spoken_answer *a, const struct settings *settings);

/* A copy of all SPOKEN_PAIRS, to be freed with free(); NULL: nothing is kept,
 * or no memory. */
struct spoken_pair *spoken_look(struct spoken *s);

#endif
