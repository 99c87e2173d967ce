/* SPDX-License-Identifier: MIT */
#ifndef PAIRS_H
#define PAIRS_H

/* Tool calls and their results: each has the other, in the next turn. */

struct fault;
struct turns;

/* Fills the turns' calls and answers.  0, or -1 with `why`. */
int pairs_make(struct turns *t, struct fault *why);

#endif
