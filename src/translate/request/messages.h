/* SPDX-License-Identifier: MIT */
#ifndef MESSAGES_H
#define MESSAGES_H

/* Turns as Chat Completions messages. */

#include "wire/json.h"

struct conversion;
struct fault;

/*
 * Adds `messages` to the body, and notes in the translation's terms what the
 * reply has to know of them (the prefill, what a search was asked for).
 * 0, or -1 with `why`.
 */
int messages_add(struct conversion *c, cJSON *body, struct fault *why);

#endif
