/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_H
#define SCHEMA_H

/* JSON schemas of tools and answers: passed as they are written, or freed of
 * what a host refuses. */

#include <stdbool.h>
#include "wire/json.h"

struct buf;

/*
 * Whether OpenAI's strict mode takes a schema: the root is an object, every
 * object is closed and requires all its properties, and no keyword is used
 * that strict mode does not know.
 */
bool schema_is_strict(const cJSON *schema);

/*
 * Appends a schema in the way of `mode` (SCHEMA_… of dialect.h); passed on,
 * it is the very text, but for an object without `properties`, which gets
 * empty ones.  Returns false where there is nothing worth sending: Gemini
 * takes no object without properties.
 */
bool schema_print(
    const struct json_doc *doc, const cJSON *schema, int mode, struct buf *out);

#endif
