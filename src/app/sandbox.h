/* SPDX-License-Identifier: MIT */
#ifndef SANDBOX_H
#define SANDBOX_H

/* What the serving process keeps of the user's rights. */

#include <stdbool.h>

struct config;
struct config_flags;

struct sandbox {
	const struct config *config;
	const struct config_flags *flags;
	const char *pid_file;	 /* NULL: none is held */
	const char *socket_file; /* NULL: none is ours */
	bool logs_to_file;
};

/*
 * Gives up what the kernel can be asked to refuse, as SANDBOX says.  What it
 * cannot refuse is said once in the log and done without.  After everything
 * is bound and forked, and before any thread.
 */
void sandbox_enter(const struct sandbox *s);

/* At the end, after the pid file is gone. */
void sandbox_leave(void);

#endif
