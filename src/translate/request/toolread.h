/* SPDX-License-Identifier: MIT */
#ifndef TOOLREAD_H
#define TOOLREAD_H

/* Tool definitions out of a request, and what its messages change in them.
 * A part of tools.c. */

#include <stdbool.h>
#include <stddef.h>
#include "translate/request/tools.h"

/* What a conversation does to the list of tools, in order. */
struct tool_change {
	enum { LOAD, REMOVE, DEFINE } kind;
	const char *name;
	size_t tool; /* of DEFINE: in the list */
};

/* The state of tools_read(). */
struct tool_reading {
	struct tool_set *set;
	const struct message_request *req;
	const struct profile *profile;
	struct tool_change *changes;
	size_t n_changes, cap_changes;
	const char *refused; /* a server tool that nobody can run */
	size_t n_client;
	bool refused_is_chosen;
};

/* Reads and checks the tools that the request declares. */
int toolread_declared(struct tool_reading *r, struct fault *why);

/* Reads the references, additions and removals among the messages. */
int toolread_changes(struct tool_reading *r, struct fault *why);

#endif
