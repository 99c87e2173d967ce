/* SPDX-License-Identifier: MIT */
#ifndef STATUSVIEW_H
#define STATUSVIEW_H

/*
 * The status page as HTML, out of a copy of the journal.  Pure.  Everything
 * that strangers wrote is escaped; no scripts or styles stand in the tags.
 */

#include <stdbool.h>

struct buf;
struct journal_snapshot;
struct spoken_pair;

struct status_view {
	const struct journal_snapshot *seen;
	const struct spoken_pair *spoken; /* SPOKEN_PAIRS, or NULL */
	long long now_unix_ms;
	const char *upstream; /* its host */
	const char *here;     /* where the reader found us: "localhost:3000" */
	bool wants_key;	      /* PROXY_API_KEY is set */
};

/* Appends what is inside of <main>, without a newline. */
void statusview_main(const struct status_view *v, struct buf *out);

/* Appends the whole page; `nonce` admits its script and its style. */
void statusview_page(
    const struct status_view *v, const char *nonce, struct buf *out);

/* The page around <main>, made of statuspage.html by the Makefile. */
extern const char statuspage_html[];

#endif
