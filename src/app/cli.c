/* SPDX-License-Identifier: MIT */
/* Reads the command line by two tables.  Checks words, not values: those are
 * settings and checked where all settings are. */
#include "app/cli.h"

#include <stdio.h>
#include <string.h>

#define BIT(command) (1u << (command))
#define SETTINGS     (BIT(CLI_SERVE) | BIT(CLI_CONFIG))
#define ALL	     (~0u)

/* clang-format off */
static const struct command {
	const char *name;
	enum cli_command command;
} commands[] = {
	{ "stop", CLI_STOP },
	{ "status", CLI_STATUS },
	{ "config", CLI_CONFIG },
	{ "doctor", CLI_DOCTOR },
	{ "replay", CLI_REPLAY },
	{ "run", CLI_RUN },
};

enum takes { NOTHING, A_VALUE };

static const struct option {
	char letter; /* 0: has none */
	const char *name;
	enum takes takes;
	size_t offset;     /* of a bool or const char * in struct cli */
	unsigned commands; /* it goes with these */
} options[] = {
#define AT(member) offsetof(struct cli, member)
	{ 'c', "config", A_VALUE, AT(flags.config_file), ALL },
	{ 'd', "debug", NOTHING, AT(flags.debug), ALL },
	{ 'v', "verbose", NOTHING, AT(flags.verbose), ALL },
	{ 'p', "port", A_VALUE, AT(flags.port), SETTINGS | BIT(CLI_STATUS) },
	{ 0, "host", A_VALUE, AT(flags.host), SETTINGS | BIT(CLI_STATUS) },
	{ 0, "daemon", NOTHING, AT(daemon), BIT(CLI_SERVE) },
	{ 0, "pid-file", A_VALUE, AT(flags.pid_file), ALL & ~BIT(CLI_RUN) },
	{ 0, "log-file", A_VALUE, AT(flags.log_file), SETTINGS | BIT(CLI_RUN) },
	{ 0, "demo", NOTHING, AT(flags.demo), SETTINGS | BIT(CLI_DOCTOR) | BIT(CLI_RUN) },
	{ 0, "json", NOTHING, AT(json), BIT(CLI_DOCTOR) },
	{ 0, "write", NOTHING, AT(write), BIT(CLI_DOCTOR) },
	{ 0, "model", A_VALUE, AT(model), BIT(CLI_DOCTOR) },
	{ 0, "print", NOTHING, AT(print), BIT(CLI_REPLAY) },
	{ 'h', "help", NOTHING, 0, ALL },
	{ 'V', "version", NOTHING, 0, ALL },
#undef AT
};
/* clang-format on */

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

const char cli_help[] =
    "usage: anthropic-proxy [-dv] [-c file] [-p port] [--host addr] [--demo]\n"
    "                       [--daemon] [--pid-file file] [--log-file file]\n"
    "       anthropic-proxy run [option ...] -- command [argument ...]\n"
    "       anthropic-proxy config [option ...]\n"
    "       anthropic-proxy doctor [--json] [--write] [--model name]\n"
    "       anthropic-proxy replay [--print] file\n"
    "       anthropic-proxy status [--pid-file file]\n"
    "       anthropic-proxy stop [--pid-file file]\n"
    "       anthropic-proxy -h | -V\n"
    "\n"
    "Serves Anthropic Messages clients from an OpenAI-compatible upstream.\n"
    "\n"
    "Commands (none: serve in the foreground, log on stderr):\n"
    "  run               serve one command, such as claude, for as long as "
    "it runs\n"
    "  config            print the effective settings and where each is from\n"
    "  doctor            ask the upstream a few small things, print what "
    "works\n"
    "                    and which settings follow; exit 0 if the proxy "
    "can work\n"
    "  replay            play a file of CAPTURE_DIR again and compare; exit 0\n"
    "                    if nothing differs, else 1\n"
    "  status            tell whether the daemon runs; exit 0 if so, else 1\n"
    "  stop              let the daemon finish its requests and end\n"
    "\n"
    "Options:\n"
    "  -c, --config FILE     read this .env file instead of ./.env,\n"
    "                        ~/.anthropic-proxy.env, "
    "/etc/anthropic-proxy/.env\n"
    "  -d, --debug           log what is decided on the way\n"
    "  -v, --verbose         log whole bodies, too (secrets taken out)\n"
    "  -p, --port N          listen on this port (3000; 0: any free one)\n"
    "      --host ADDR       listen on this address (127.0.0.1), unix:/path\n"
    "      --demo            answer out of a small built-in upstream\n"
    "      --json            doctor: print JSON\n"
    "      --write           doctor: put the settings into the .env file\n"
    "      --model NAME      doctor: the upstream's model to ask\n"
    "      --print           replay: print what is asked and answered now\n"
    "      --daemon          serve in the background\n"
    "      --pid-file FILE   of the daemon\n"
    "      --log-file FILE   of the daemon, of run\n"
    "  -h, --help            print this\n"
    "  -V, --version         print the version\n"
    "\n"
    "Set UPSTREAM_BASE_URL and UPSTREAM_API_KEY in the environment or the\n"
    ".env file; see anthropic-proxy(1) and anthropic-proxy.env(5).\n";

/* Where the reader of argv stands. */
struct words {
	int argc, next;
	char *const *argv;
	unsigned used; /* options seen, by their index */
};

static int
complain(char *err, size_t cap, const char *before, const char *word,
    const char *after)
{
	snprintf(err, cap, "%s%.80s%s (try --help)", before, word, after);
	return -1;
}

static void
keep(struct cli *cli, const struct option *o, const char *value)
{
	char *at = (char *)cli + o->offset;

	if (o->letter == 'h')
		cli->command = CLI_HELP;
	else if (o->letter == 'V')
		cli->command = CLI_VERSION;
	else if (o->takes == NOTHING)
		*(bool *)at = true;
	else
		*(const char **)at = value;
}

static int
long_option(
    struct cli *cli, struct words *w, const char *word, char *err, size_t cap)
{
	size_t len = strcspn(word, "="), i = 0;
	const char *value = word[len] == '=' ? word + len + 1 : NULL;

	while (i < N_OPTIONS && (strlen(options[i].name) != len ||
				    memcmp(options[i].name, word, len) != 0))
		i++;
	if (i == N_OPTIONS)
		return complain(err, cap, "unknown option --", word, "");
	if (options[i].takes == NOTHING && value != NULL)
		return complain(
		    err, cap, "option --", options[i].name, " takes no value");
	if (options[i].takes == A_VALUE && value == NULL) {
		if (w->next == w->argc)
			return complain(err, cap, "option --", options[i].name,
			    " needs a value");
		value = w->argv[w->next++];
	}
	w->used |= 1u << i;
	keep(cli, &options[i], value);
	return 0;
}

/* -dv, -p3000, -p 3000 */
static int
letters(
    struct cli *cli, struct words *w, const char *word, char *err, size_t cap)
{
	for (const char *at = word; *at != '\0'; at++) {
		char letter[2] = { *at, '\0' };
		const char *value = NULL;
		size_t i = 0;

		while (i < N_OPTIONS && options[i].letter != *at)
			i++;
		if (i == N_OPTIONS)
			return complain(
			    err, cap, "unknown option -", letter, "");
		if (options[i].takes == A_VALUE) {
			value = at[1] != '\0'	    ? at + 1
				: w->next < w->argc ? w->argv[w->next++]
						    : NULL;
			if (value == NULL)
				return complain(err, cap, "option -", letter,
				    " needs a value");
		}
		w->used |= 1u << i;
		keep(cli, &options[i], value);
		if (value != NULL)
			break;
	}
	return 0;
}

static int
take_command(struct cli *cli, const char *word, char *err, size_t cap)
{
	if (cli->command == CLI_REPLAY && cli->file == NULL) {
		cli->file = word;
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(word, commands[i].name) != 0)
			continue;
		if (cli->command != CLI_SERVE)
			return complain(
			    err, cap, "one command too many: ", word, "");
		cli->command = commands[i].command;
		return 0;
	}
	return complain(err, cap, "unknown command ", word, "");
}

static int
check_fit(const struct cli *cli, const struct words *w, char *err, size_t cap)
{
	const char *name = "serve";

	if (cli->command == CLI_REPLAY && cli->file == NULL)
		return complain(err, cap, "replay needs a file", "", "");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].command == cli->command)
			name = commands[i].name;
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if ((w->used & 1u << i) == 0 ||
		    (options[i].commands & BIT(cli->command)) != 0)
			continue;
		snprintf(err, cap,
		    "option --%s does not go with %s (try "
		    "--help)",
		    options[i].name, name);
		return -1;
	}
	return 0;
}

/* Whatever the settings say: one free port that only this machine reaches. */
static int
check_run(struct cli *cli, char *err, size_t cap)
{
	if (cli->argv == NULL || cli->argv[0] == NULL)
		return complain(err, cap,
		    "run needs a command: ", "anthropic-proxy run -- claude",
		    "");
	cli->flags.host = "127.0.0.1";
	cli->flags.port = "0";
	return 0;
}

int
cli_parse(struct cli *cli, int argc, char *const *argv, char *err, size_t cap)
{
	struct words w = { .argc = argc, .next = 1, .argv = argv };
	bool only_words = false;
	int rc = 0;

	*cli = (struct cli){ .command = CLI_SERVE };
	while (rc == 0 && w.next < argc) {
		const char *word = argv[w.next++];

		if (cli->command == CLI_RUN && !only_words &&
		    (strcmp(word, "--") == 0 || word[0] != '-')) {
			/* all that follows is not ours */
			cli->argv = &argv[w.next - (word[0] != '-')];
			break;
		}
		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (!only_words && strncmp(word, "--", 2) == 0)
			rc = long_option(cli, &w, word + 2, err, cap);
		else if (!only_words && word[0] == '-' && word[1] != '\0')
			rc = letters(cli, &w, word + 1, err, cap);
		else
			rc = take_command(cli, word, err, cap);
		if (cli->command == CLI_HELP || cli->command == CLI_VERSION)
			return rc;
	}
	if (rc == -1 || check_fit(cli, &w, err, cap) == -1)
		return -1;
	return cli->command == CLI_RUN ? check_run(cli, err, cap) : 0;
}
