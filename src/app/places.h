/* SPDX-License-Identifier: MIT */
#ifndef PLACES_H
#define PLACES_H

/* Where files of this program lie when nobody said otherwise. */

#include <stddef.h>

#define PLACES_OLD_PID_FILE "/tmp/anthropic-proxy.pid" /* of 1.x */

/* Each returns a path that the caller frees; NULL: no home, or no memory. */

/* ~/`name` */
char *places_in_home(const char *name);

/* `name` in $XDG_RUNTIME_DIR, where that is a full path, … */
char *places_in_runtime_dir(const char *name);

/* … and in ~/.cache/anthropic-proxy. */
char *places_in_cache(const char *name);

/* $STATE_DIRECTORY, $XDG_STATE_HOME/anthropic-proxy or
 * ~/.local/state/anthropic-proxy. */
char *places_state_dir(void);

/* The path made absolute by the current folder. */
char *places_absolute(const char *path);

/* Makes the folder a file is to lie in, and those above it, 0700.  What could
 * not be made shows when the file is opened. */
void places_make_folder_of(const char *path);

#endif
