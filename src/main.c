/* SPDX-License-Identifier: MIT */
/* The table of contents. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/doctor.h"
#include "app/program.h"
#include "app/replay.h"
#include "app/status.h"
#include "server/memory.h"
#include "wire/buf.h"

#define CONFIG_TEXT_MAX ((size_t)4 * 1024 * 1024)

static int
complain(int exit_code, const char *why)
{
	fprintf(stderr, "anthropic-proxy: %s\n", why);
	return exit_code;
}

/* Files and sockets must not take the numbers of the standard streams. */
static void
open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int
print(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
		return complain(1, strerror(errno));
	return 0;
}

static int
print_config(const struct config_flags *flags)
{
	struct config_error error;
	struct config config;
	struct buf text;
	int rc;

	if (config_read(&config, flags, CONFIG_TO_SERVE, &error) == -1)
		return complain(error.exit_code, error.text);
	for (size_t i = 0; i < config.n_warnings; i++)
		fprintf(stderr, "anthropic-proxy: warning: %s\n",
		    config.warnings[i]);
	buf_init(&text, CONFIG_TEXT_MAX);
	config_print(&config, &text);
	rc = print(buf_str(&text));
	if (rc == 0 && config_check(&config, &error) == -1)
		rc = complain(error.exit_code, error.text);
	buf_clear(&text);
	config_clear(&config);
	return rc;
}

static int
serve(const struct cli *cli)
{
	struct program p;
	int rc;

	memory_set_up();
	if ((rc = program_configure(&p, cli)) == 0 &&
	    (rc = program_block_signals(&p)) == 0 && /* before any thread */
	    (rc = program_become_daemon(&p)) == 0 &&
	    (rc = program_open_files(&p)) == 0 &&
	    (rc = program_bind(&p)) == 0 &&
	    (rc = program_confine(&p)) == 0 && /* before any thread, too */
	    (rc = program_start_demo(&p)) == 0 &&
	    (rc = program_listen(&p)) == 0) {
		program_tell_ready(&p);
		program_wait_for_stop(&p);
		program_drain(&p);
	}
	program_close(&p);
	return p.is_parent ? p.exit_code : rc;
}

int
main(int argc, char **argv)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct cli cli;
	char why[256];

	open_standard_streams();
	(void)sigaction(SIGPIPE, &ignored, NULL);
	if (cli_parse(&cli, argc, argv, why, sizeof(why)) == -1)
		return complain(2, why);
	switch (cli.command) {
	case CLI_HELP:
		return print(cli_help);
	case CLI_VERSION:
		return print("anthropic-proxy " VERSION "\n");
	case CLI_CONFIG:
		return print_config(&cli.flags);
	case CLI_DOCTOR:
		return doctor_run(&cli);
	case CLI_REPLAY:
		return replay_run(cli.file, cli.print);
	case CLI_STATUS:
		return status_show(&cli.flags);
	case CLI_STOP:
		return status_stop(&cli.flags);
	case CLI_RUN:
	case CLI_SERVE:
		return serve(&cli);
	}
	return 2;
}
