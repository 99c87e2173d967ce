/* SPDX-License-Identifier: MIT */
#ifndef EFFORT_H
#define EFFORT_H

/* How much the upstream is to think, in its own words. */

#include <stdbool.h>
#include "wire/json.h"

struct conversion;

/* Adds the reasoning switches; `has_tools`: tools are offered.  False when
 * out of memory. */
bool effort_add(const struct conversion *c, bool has_tools, cJSON *body);

#endif
