/* SPDX-License-Identifier: MIT */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

/* Where two texts part, for a person. */

#include <stdbool.h>
#include <stdio.h>
#include "wire/json.h"

/*
 * Prints the first line in which the texts differ, with the lines before it
 * and without what could move a terminal's cursor.  True where they differ;
 * prints nothing where not.
 */
bool difference_print(
    FILE *out, const char *what, struct json_slice was, struct json_slice is);

#endif
