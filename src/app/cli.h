/* SPDX-License-Identifier: MIT */
#ifndef CLI_H
#define CLI_H

/* The command line. */

#include <stdbool.h>
#include <stddef.h>
#include "app/config.h"

enum cli_command {
	CLI_SERVE,
	CLI_STOP,
	CLI_STATUS,
	CLI_CONFIG,
	CLI_DOCTOR,
	CLI_REPLAY,
	CLI_RUN,
	CLI_HELP,
	CLI_VERSION,
};

struct cli {
	enum cli_command command;
	bool daemon;
	bool json, write;	   /* of doctor */
	const char *model;	   /* of doctor, or NULL */
	bool print;		   /* of replay */
	const char *file;	   /* of replay; NULL: none was named */
	char *const *argv;	   /* of run: the command, ended by NULL */
	struct config_flags flags; /* borrowed from argv */
};

/* Reads argv.  0, or -1 with one line of complaint in err. */
int
cli_parse(struct cli *cli, int argc, char *const *argv, char *err, size_t cap);

/* What --help prints. */
extern const char cli_help[];

#endif
