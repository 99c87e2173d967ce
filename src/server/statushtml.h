/* SPDX-License-Identifier: MIT */
#ifndef STATUSHTML_H
#define STATUSHTML_H

/* For the status page: words and numbers in HTML, appended. */

struct buf;
struct journal_tokens;

/* Escaped, also for a place in quotes. */
void html_text(struct buf *out, const char *text);

/* 1,234,567 */
void html_count(struct buf *out, unsigned long long n);

/* The same, from 100,000 on in three or four digits: 1.23 M. */
void html_short(struct buf *out, unsigned long long n);

/* A length of time; below 0: a dash. */
void html_ms(struct buf *out, long long ms);

/* How long ago, as a <time>. */
void html_started(struct buf *out, long long at_ms, long long now_ms);

/* Of what was read, the part that came from a cache; -1: nothing was. */
int html_cached_percent(const struct journal_tokens *t);

/* Below 0: a dash. */
void html_percent(struct buf *out, int percent);

#endif
