/* SPDX-License-Identifier: MIT */
#ifndef REPLAY_H
#define REPLAY_H

/* `replay`: a captured exchange through this program's translation again. */

#include <stdbool.h>

/*
 * Plays the file without a network, in no time, and tells where what goes up
 * or comes down is not what it was.  `print`: what goes up now, and the new
 * answer, go to standard output and the verdict to standard error.
 * Returns the exit code: 0 all the same, 1 not, 2 no capture that can be
 * played.
 */
int replay_run(const char *path, bool print);

#endif
