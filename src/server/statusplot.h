/* SPDX-License-Identifier: MIT */
#ifndef STATUSPLOT_H
#define STATUSPLOT_H

/* For the status page: requests, tokens and times of the last hour. */

struct buf;
struct journal_snapshot;

/* Appends the cards with their plots. */
void statusplot_hour(struct buf *out, const struct journal_snapshot *s);

#endif
