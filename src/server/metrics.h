/* SPDX-License-Identifier: MIT */
#ifndef METRICS_H
#define METRICS_H

/* The journal's totals as Prometheus reads them. */

struct buf;
struct exchange;
struct journal_totals;
struct server;
struct upstream_facts;

/* GET /metrics */
void metrics_serve(struct server *server, struct exchange *x);

/* Appends the text (exposition format 0.0.4). */
void metrics_print(const struct journal_totals *totals,
    const struct upstream_facts *upstream, struct buf *out);

#endif
