/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_H
#define TOOLS_H

/*
 * The tools of a request: which of them are offered to the upstream, in what
 * order and under which names.  Deferred tools stay hidden until something in
 * the conversation loads them; they are then appended in the order in which
 * that happened, so that the list's beginning stays what it was.
 */

#include <stdbool.h>
#include <stddef.h>
#include "wire/anthropic.h"

struct buf;
struct builtin;
struct fault;
struct profile;

struct tool {
	const char *name;    /* of the client, decoded */
	const char *toolset; /* "browser", "computer" or NULL */
	const cJSON *json;   /* its entry; a toolset's for its members */
	const struct builtin *fixed; /* a schema of Anthropic's, or NULL */
	size_t order;		     /* of appearance in the request */
	bool is_inline;		     /* defined by a tool_addition */
	bool is_deferred;
	bool is_hidden; /* never to be offered */
	bool is_active;
	bool is_removed;       /* by a tool_removal */
	size_t rank;	       /* place among the offered */
	size_t loaded;	       /* when something loaded it; 0: nothing did */
	char *upstream;	       /* function name */
	struct tool *in_force; /* of the first of a name: the active one */
};

struct tool_set {
	struct tool *list;
	size_t n, cap;
	struct tool **by_name; /* all, sorted by toolset and name */
	struct tool **offered; /* by rank */
	size_t n_offered;
	struct tool *chosen;	 /* of tool_choice, or NULL */
	const cJSON *web_search; /* the upstream searches by itself for it */
	bool search_chosen;	 /* tool_choice names that */
	bool has_tool_search;
	size_t n_dropped; /* server tools left out */
	size_t name_max;
};

/* At most this many functions are taken by upstreams. */
#define TOOLS_MAX 128

/*
 * Reads, checks and chooses.  Refuses a server tool that nobody can run where
 * it is the only tool, is forced, or where the profile says so.
 * Returns 0, or -1 with `why`; good for tools_clear() either way.
 */
int tools_read(struct tool_set *set, const struct message_request *req,
    const struct profile *profile, struct fault *why);

void tools_clear(struct tool_set *set);

/* The tool of that name, offered or not; NULL if there is none. */
const struct tool *
tools_find(const struct tool_set *set, const char *toolset, const char *name);

/* Orders tools by toolset and name, as strcmp() does. */
int tool_compare(const struct tool *a, const struct tool *b);

#endif
