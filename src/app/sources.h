/* SPDX-License-Identifier: MIT */
#ifndef SOURCES_H
#define SOURCES_H

/* Where a setting may stand: the flags, the environment, the .env file. */

#include <stdbool.h>
#include <stddef.h>
#include "app/envfile.h"

struct config_error;
struct config_flags;
struct variable;

/* The nearer to the user, the greater. */
enum source_level { SOURCE_NONE, SOURCE_FILE, SOURCE_ENV, SOURCE_FLAG };

struct found {
	enum source_level level;
	const char *name; /* as it was written there; borrowed */
	const char *text; /* borrowed from the source */
	char where[256];  /* "from ./.env line 3" */
};

struct sources {
	const struct config_flags *flags;
	struct envfile file;
	char *path;	   /* of the file, full; NULL: there is none */
	const char *shown; /* its name as the user knows it; borrowed */
	char warning[512]; /* "" or something about the file */
};

#define SOURCES_CANDIDATES 3

/* The files that are looked for, the first one first; the caller frees.
 * NULL: there are fewer. */
char *sources_candidate(const struct config_flags *flags, size_t i);

/*
 * Finds and reads the .env file: the --config file or else the first of
 * ./.env, ~/.anthropic-proxy.env, /etc/anthropic-proxy/.env.  0, or -1 with
 * the error.  Good for sources_close() either way.
 */
int sources_open(struct sources *in, const struct config_flags *flags,
    struct config_error *error);
void sources_close(struct sources *in);

/* The value that counts for a variable; false if nobody set it. */
bool sources_find(
    const struct sources *in, const struct variable *v, struct found *found);

/* The same for a name that is in no table, of environment and file. */
bool sources_find_name(
    const struct sources *in, const char *name, struct found *found);

#endif
