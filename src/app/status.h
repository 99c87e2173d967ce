/* SPDX-License-Identifier: MIT */
#ifndef STATUS_H
#define STATUS_H

/* The commands that look for a daemon.  Each prints and returns the exit
 * code. */

struct config_flags;

int status_show(const struct config_flags *flags);
int status_stop(const struct config_flags *flags);

#endif
