/* SPDX-License-Identifier: MIT */
#ifndef STRICT_H
#define STRICT_H

/*
 * A Chat Completions server that forgives nothing: what OpenAI refuses in a
 * request, as its reference tells.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/json.h"

/* Whether a request would be taken; if not, `err` tells the first breach. */
bool strict_accepts(const struct json_doc *doc, char *err, size_t cap);

#endif
