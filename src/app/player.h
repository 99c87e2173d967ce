/* SPDX-License-Identifier: MIT */
#ifndef PLAYER_H
#define PLAYER_H

/* What a recording stands in for while it is played again: the network, the
 * client and chance.  Notes what is not as it was. */

#include <stdbool.h>
#include <stdio.h>
#include "app/recording.h"
#include "wire/buf.h"

struct cancel;
struct upstream_call;
struct upstream_result;

struct player {
	const struct recording *recording;
	FILE *out;   /* for what differs */
	bool prints; /* requests to the upstream, to standard output */
	struct cancel *cancel;
	size_t gone_at; /* after so many deliveries the client left; 0: not */

	/* the outcome */
	struct buf events; /* to the client */
	unsigned tries;
	size_t at; /* the line where the tries stand */
	bool differs;

	/* private */
	size_t random_at, deliveries;
	struct buf sent; /* to the upstream, at the last try */
};

/* For attempts.h: struct attempts_stage, deliver and stream_env; the cookie
 * is the player. */
void player_perform(void *cookie, const struct upstream_call *call,
    struct upstream_result *result);
bool player_waits(void *cookie);
int player_deliver(void *cookie, struct buf *events);
void player_random_text(void *cookie, char *out, size_t len);

/* Something is not as it was; so too where the texts differ. */
void player_say(struct player *p, const char *what);
void player_compare(struct player *p, const char *what, struct json_slice was,
    struct json_slice is);

struct json_slice player_slice(const struct buf *b);

#endif
