/* SPDX-License-Identifier: MIT */
#ifndef DOCTOR_ROWS_H
#define DOCTOR_ROWS_H

/* For doctor_judge.c: the rows of its table. */

#include "app/doctor_judge.h"

/* Fills a row's result; the text may hold anything. */
void doctor_say(struct row *row, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends all rows. */
void doctor_rows(const struct findings *f, struct diagnosis *d);

bool doctor_is_answered(const struct probe *p);

/* Whether a model is listed, also where the list says more of its name:
 * models/NAME, NAME:latest. */
bool doctor_is_listed(const struct findings *f, const char *model);

/* Whether the name that clients ask for goes up and is unknown there. */
bool doctor_is_unmapped(const struct findings *f, bool thinks);

#endif
