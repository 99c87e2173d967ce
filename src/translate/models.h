/* SPDX-License-Identifier: MIT */
#ifndef MODELS_H
#define MODELS_H

/* Which upstream model serves a request: MODEL_MAP, then thinking. */

#include <stdbool.h>
#include <stddef.h>

struct model_rule {
	char *glob; /* * any run, ? one character; exact otherwise */
	char *model;
};

struct model_routes {
	struct model_rule *rules; /* MODEL_MAP, first match wins */
	size_t n_rules;
	char *reasoning;  /* REASONING_MODEL or NULL */
	char *completion; /* COMPLETION_MODEL or NULL */
};

/*
 * Parses "glob=model,glob=model" into routes->rules, whose old rules it frees;
 * blanks around names and empty rules do not count.  CONTEXT_WINDOW's
 * "glob=N,…" is read by it too.  0, or -1 with a sentence in err.
 */
int model_rules_parse(
    const char *text, struct model_routes *routes, char *err, size_t cap);
void model_routes_clear(struct model_routes *routes);

/* What the first matching rule says, NULL if none does; borrowed. */
const char *
model_rules_find(const struct model_routes *routes, const char *name);

/* The upstream's name for the model; borrowed from routes or `asked`.
 * `thinks`: thinking.type is enabled or adaptive. */
const char *
model_route(const struct model_routes *routes, const char *asked, bool thinks);

/* The setting that chose it: "MODEL_MAP", "REASONING_MODEL",
 * "COMPLETION_MODEL"; "" where the request's own name goes up. */
const char *model_chosen_by(
    const struct model_routes *routes, const char *asked, bool thinks);

/* Whether a text matches: * any run, ? one character, case counts. */
bool model_glob(const char *glob, const char *text);

#endif
