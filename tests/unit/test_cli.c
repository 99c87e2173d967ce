/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 10

/* Parses a line of words, blanks between. */
static int
parse(struct cli *cli, const char *line, char err[static 256])
{
	static char text[256];
	static char name[] = "anthropic-proxy", *argv[WORDS_MAX];
	int argc = 1;

	memset(argv, 0, sizeof(argv));
	argv[0] = name;
	snprintf(text, sizeof(text), "%s", line);
	err[0] = '\0';
	for (char *at = text; *at != '\0' && argc < WORDS_MAX - 1;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at == ' ')
			*at++ = '\0';
	}
	return cli_parse(cli, argc, argv, err, 256);
}

static void
every_command_has_its_word(void **state)
{
	static const struct {
		const char *line;
		enum cli_command command;
	} cases[] = {
		{ "", CLI_SERVE },
		{ "--demo", CLI_SERVE },
		{ "stop", CLI_STOP },
		{ "status", CLI_STATUS },
		{ "config", CLI_CONFIG },
		{ "doctor --json --write --model m", CLI_DOCTOR },
		{ "replay --print f", CLI_REPLAY },
		{ "replay stop", CLI_REPLAY },
		{ "-h", CLI_HELP },
		{ "--help", CLI_HELP },
		{ "stop --help", CLI_HELP },
		{ "-V", CLI_VERSION },
		{ "--version", CLI_VERSION },
		{ "-- stop", CLI_STOP },
	};
	struct cli cli;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&cli, cases[i].line, err), 0);
		assert_int_equal(cli.command, cases[i].command);
	}
}

static void
options_stand_anywhere_and_in_all_their_forms(void **state)
{
	static const char *const lines[] = { "-p 4000 -c f.env config",
		"config -p4000 -cf.env", "--port=4000 config --config=f.env",
		"--port 4000 --config f.env config" };
	struct cli cli;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(&cli, lines[i], err), 0);
		assert_int_equal(cli.command, CLI_CONFIG);
		assert_string_equal(cli.flags.port, "4000");
		assert_string_equal(cli.flags.config_file, "f.env");
	}
	assert_int_equal(parse(&cli, "-dvp 1 --daemon", err), 0);
	assert_true(cli.flags.debug && cli.flags.verbose && cli.daemon);
	assert_string_equal(cli.flags.port, "1");
	assert_int_equal(parse(&cli, "--host= --log-file=a=b", err), 0);
	assert_string_equal(cli.flags.host, "");
	assert_string_equal(cli.flags.log_file, "a=b");
}

static void
what_follows_run_is_the_command(void **state)
{
	static const char *const lines[] = { "run --demo -- x -p 1 -- y",
		"--demo run x -p 1 -- y" };
	struct cli cli;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(&cli, lines[i], err), 0);
		assert_int_equal(cli.command, CLI_RUN);
		assert_true(cli.flags.demo);
		assert_string_equal(cli.flags.port, "0");
		assert_string_equal(cli.flags.host, "127.0.0.1");
		assert_string_equal(cli.argv[0], "x");
		assert_string_equal(cli.argv[3], "--");
		assert_string_equal(cli.argv[4], "y");
		assert_null(cli.argv[5]);
	}
}

static void
what_is_wrong_is_told_in_one_line(void **state)
{
	static const struct {
		const char *line, *complaint;
	} cases[] = {
		{ "--frob", "unknown option --frob" },
		{ "-x", "unknown option -x" },
		{ "-dx", "unknown option -x" },
		{ "--por 1", "unknown option --por" },
		{ "--port", "option --port needs a value" },
		{ "-p", "option -p needs a value" },
		{ "--demo=1", "option --demo takes no value" },
		{ "frob", "unknown command frob" },
		{ "-", "unknown command -" },
		{ "run", "run needs a command" },
		{ "run --", "run needs a command" },
		{ "run -p 1 -- x", "option --port does not go with run" },
		{ "run --daemon x", "option --daemon does not go with run" },
		{ "run --pid-file f x",
		    "option --pid-file does not go with run" },
		{ "stop status", "one command too many: status" },
		{ "stop --demo", "option --demo does not go with stop" },
		{ "status --daemon",
		    "option --daemon does not go with status" },
		{ "stop -p 1", "option --port does not go with stop" },
		{ "--write", "option --write does not go with serve" },
		{ "doctor --model", "option --model needs a value" },
		{ "replay --print", "replay needs a file" },
		{ "replay f g", "unknown command g" },
		{ "replay -p 1 f", "option --port does not go with replay" },
		{ "stop --print", "option --print does not go with stop" },
		{ "config --daemon",
		    "option --daemon does not go with config" },
	};
	struct cli cli;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&cli, cases[i].line, err), -1);
		if (strstr(err, cases[i].complaint) != err)
			fail_msg("%s: %s", cases[i].line, err);
		assert_null(strchr(err, '\n'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_has_its_word),
		cmocka_unit_test(options_stand_anywhere_and_in_all_their_forms),
		cmocka_unit_test(what_follows_run_is_the_command),
		cmocka_unit_test(what_is_wrong_is_told_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
