/* SPDX-License-Identifier: MIT */
#ifndef REFUSAL_H
#define REFUSAL_H

/* A refusal while it is being understood: between learn.c, which asks in
 * turn, and params.c. */

#include <stdbool.h>
#include "translate/error/failure.h"
#include "translate/dialect/learn.h"

struct refusal {
	struct failure failure;
	const cJSON *sent;
	struct lesson *lesson;
	bool is_about_effort; /* so that nobody drops it after all */
};

/* Fills the lesson; true, or false where the name can be no key. */
bool refusal_teach(const struct refusal *r, enum lesson_kind kind,
    const char *name, long long value);

/* Whether its sentences hold a phrase (phrase.h). */
bool refusal_says(const struct refusal *r, const char *phrase);

/* Whether a field's name ends one of the places it complains about. */
bool refusal_names(const struct refusal *r, const char *field);

/* Each returns true with a lesson about what its name says. */
bool learn_max_tokens(struct refusal *r);
bool learn_strict(struct refusal *r);
bool learn_keyword(struct refusal *r);
bool learn_response_format(struct refusal *r);
bool learn_tool_choice(struct refusal *r);
bool learn_inside(struct refusal *r);
bool learn_named(struct refusal *r);
bool learn_mentioned(struct refusal *r);

#endif
