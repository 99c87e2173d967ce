/* SPDX-License-Identifier: MIT */
#ifndef MODELPAGE_H
#define MODELPAGE_H

/*
 * The models that are offered, as GET /v1/models tells them: the names that
 * MODEL_MAP spells out, the current Claude names that a glob of it matches,
 * then the upstream's own.
 */

#include <stdbool.h>
#include <stddef.h>
#include "translate/modellist.h"
#include "translate/models.h"

struct buf;

struct model_offer {
	const struct model_routes *routes;
	const struct model_rule *windows; /* CONTEXT_WINDOW */
	size_t n_windows;
	const struct model_list *listed; /* by the upstream; may be empty */
};

/* What a name leads to. */
struct model_facts {
	const char *model;		   /* the upstream's name of it */
	const struct listed_model *listed; /* or NULL */
	int64_t window;			   /* in tokens, 0: not known */
};

/* As model_route() has it; borrowed. */
struct model_facts
models_follow(const struct model_offer *offer, const char *id, bool thinks);

/* Which page of the list is wanted. */
struct model_query {
	long limit;
	unsigned lifecycles; /* a bit for each, 0: not asked for */
	unsigned n_lifecycles;
	bool has_cursor, backwards; /* before_id */
	char cursor[MODEL_ID_MAX + 1];
};

void model_query_init(struct model_query *q);

/* Takes one argument of the query as it is written there; those of no meaning
 * here are left out.  0, or -1 with `why`. */
int model_query_add(struct model_query *q, const char *name, const char *value,
    struct fault *why);

/* Appends the page.  0, or -1 with `why`: no such cursor, no memory. */
int models_print_page(const struct model_offer *offer,
    const struct model_query *q, struct buf *out, struct fault *why);

/* Appends one model's entry; false if nothing is known of such a name: it is
 * not listed and no rule of MODEL_MAP takes it. */
bool models_print_one(
    const struct model_offer *offer, const char *id, struct buf *out);

/* Undoes percent-encoding.  0, or -1 where it is broken, would hold a NUL or
 * is longer than MODEL_ID_MAX; `out` is then empty. */
int model_id_decode(const char *text, char out[static MODEL_ID_MAX + 1]);

/* Appends an id as one segment of a path. */
void model_id_encode(const char *id, struct buf *out);

#endif
