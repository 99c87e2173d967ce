/* SPDX-License-Identifier: MIT */
#ifndef BROKER_H
#define BROKER_H

/*
 * A second process that stays outside the sandbox and does a few fixed things
 * for the one inside: the .env and key files may be read again, and the log
 * opened again, whatever was renamed in their place, while the folders that
 * they lie in, such as the home, stay closed.  It knows the files by number,
 * from before the fork, takes nothing else from its client, and ends with it.
 * One client, the main thread.
 */

#include <stddef.h>

/* Returns a descriptor, which is handed over, or 0 for done; -1 with errno. */
typedef int broker_act(const char *path);

struct broker_job {
	const char *path; /* NULL: no job */
	broker_act *act;
};

/*
 * Forks it.  Before any thread, and after all descriptors that it shall not
 * have are close-on-exec.  Copies the jobs.  0, or -1 with errno.
 */
int broker_start(const struct broker_job *jobs, size_t n);

/* act(path): there, where it is one of the jobs, or else here. */
int broker_do(const char *path, broker_act *act);

/* What to add where the reading of `path` failed with this errno: "", or that
 * it is the sandbox that is in the way. */
const char *broker_hint(const char *path, int error);

/* Waits for its end.  The jobs are done here again, if they still can be. */
void broker_stop(void);

#endif
