/* SPDX-License-Identifier: MIT */
#ifndef BUILTIN_H
#define BUILTIN_H

/*
 * The tools whose schema Anthropic's models know by heart: told to other
 * models as plain functions.  Source: the Messages API reference, "Tools".
 */

#include <stddef.h>

struct buf;

struct builtin {
	const char *name;
	const char *description;
	unsigned char n_required; /* so many of the fields, from the first */
	unsigned char fields[11]; /* numbers in a table; 0 behind the last */
};

enum builtin_kind {
	BUILTIN_NONE,	 /* not one of them */
	BUILTIN_TOOL,	 /* the client runs it; one function */
	BUILTIN_TOOLSET, /* the client runs it; a function per member */
	BUILTIN_SERVER,	 /* Anthropic's servers would run it */
};

/* Any version of a family counts: web_search_20250305, _20260209, … */
enum builtin_kind builtin_kind(const char *type);

/* The function of a BUILTIN_TOOL.  `zoom`: the computer tool may zoom. */
const struct builtin *builtin_tool(const char *type, int zoom);

/* The members of a BUILTIN_TOOLSET and its name in tool_use blocks. */
const struct builtin *
builtin_members(const char *type, size_t *n, const char **toolset);

/* Appends the schema of what the tool takes. */
void builtin_parameters(const struct builtin *tool, struct buf *out);

#endif
