/* SPDX-License-Identifier: MIT */
#ifndef NAMES_H
#define NAMES_H

/*
 * Function names and tool call ids over the border, without memory: what is
 * too long or has foreign characters is rewritten so that equal input gives
 * equal output, and ids so that the way back can undo it.
 */

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Longer ids are not worth carrying: the upstream's are then replaced, the
 * client's refused. */
#define ID_MAX_UPSTREAM 512
#define ID_MAX_CLIENT	1024
/* What clients take for the id of a call. */
#define ID_MAX_SHOWN 256

/*
 * Appends the function name for a tool of the client: other characters than
 * A-Z a-z 0-9 _ - become _, and what is then longer than `max` bytes is cut
 * for "_" and the first 8 hex digits of its SHA-256.
 */
void name_short(const char *name, size_t max, struct buf *out);

/*
 * The same for a name whose short form is taken: `hex` (8 to 56) digits of
 * the SHA-256 of the name as the client wrote it, whatever its length.
 */
void
name_short_distinct(const char *name, size_t max, size_t hex, struct buf *out);

/*
 * Appends the id under which the client gets to know an upstream's call:
 * itself if that is 1 to 64 characters of A-Z a-z 0-9 _ -, else "tcx_" and
 * its base64url; what of such characters is too long for that stays itself up
 * to ID_MAX_SHOWN.  False, with nothing appended, if there is none worth
 * keeping (empty, longer than ID_MAX_UPSTREAM): make one up.
 */
bool id_down(const char *id, size_t len, struct buf *out);

/*
 * Appends the bytes of the id that the upstream gets for a client's id:
 * undoes id_down(), then bends it to `mode` (TOOL_ID_… of dialect.h).
 */
void id_up(const char *id, int mode, struct buf *out);

#endif
