/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_H
#define CONFIG_H

/*
 * The settings as the user gave them: flags beat the environment, that beats
 * the .env file, that beats the defaults.  Every value keeps where it came
 * from.  Reads files and the environment; changes nothing.
 */

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct settings;

struct config_flags {
	const char *config_file, *host, *port, *pid_file,
	    *log_file; /* or NULL */
	bool debug, verbose, demo;
};

struct config_error {
	int exit_code; /* 2: the configuration; 1: what it names cannot be had
			*/
	char text[1024];
};

enum config_purpose {
	CONFIG_TO_SERVE,
	CONFIG_TO_FIND, /* a daemon: only what leads to it is looked at */
};

struct config_origin {
	char *raw;   /* as it was set; NULL: nowhere */
	char *where; /* "from ./.env line 3"; NULL: the default */
};

struct config {
	struct settings *settings;     /* one hold */
	struct config_origin *origins; /* one for each of variables[] */
	char **warnings;	       /* for the log, once it is open */
	size_t n_warnings;
};

/*
 * Reads all values.  0, or -1 with the error and nothing kept.  May be called
 * again at any time, for a reload.
 */
int config_read(struct config *config, const struct config_flags *flags,
    enum config_purpose purpose, struct config_error *error);

/* Whether one could serve with it: 0, or -1 and why not. */
int config_check(const struct config *config, struct config_error *error);

/* Appends `NAME=value  # from …` lines; secrets as fingerprints. */
void config_print(const struct config *config, struct buf *out);

/* Puts what libcurl itself reads of the environment (HTTPS_PROXY, NO_PROXY)
 * there, where the file has it.  Before any thread. */
void config_export(const struct config *config);

/* Whether a setting (no secret) was given by flag, environment or file, and
 * not as an empty text. */
bool config_is_set(const struct config *config, const char *name);

/* What was given, borrowed; NULL: nothing, or it is no such setting. */
const char *config_raw(const struct config *config, const char *name);

void config_clear(struct config *config);

#endif
