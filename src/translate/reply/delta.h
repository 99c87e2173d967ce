/* SPDX-License-Identifier: MIT */
#ifndef DELTA_H
#define DELTA_H

/* The members of a delta or a message: text, thought and calls on their way
 * to the blocks. */

#include "translate/reply/answer.h"

/* Reads one; `choice` tells apart the choices of an answer. */
void delta_read(struct answer *a, const struct json_doc *doc,
    const cJSON *object, int64_t choice);

#endif
