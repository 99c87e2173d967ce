/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_H
#define PROGRAM_H

/* The serving program as steps, in the order in which main() takes them. */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include "app/cli.h"
#include "app/config.h"
#include "app/pidfile.h"

struct demo;
struct listener;

struct program {
	const struct cli *cli;
	struct config config;
	sigset_t signals, old_signals; /* SIGTERM, SIGINT, SIGHUP; before */
	struct pidfile pidfile;
	char token[33]; /* of run: the only key that is admitted; "": none */
	int report;	/* to the daemon's parent; -1: nobody waits */
	bool is_daemon; /* we are the daemon, or what serves run's command */
	bool is_parent; /* we are its parent and done: see exit_code */
	int exit_code;
	bool logs_to_file;
	pthread_t main_thread;
	int socket;	   /* bound, till the listener has it; or -1 */
	bool was_handed;   /* the socket, by the service manager */
	char *socket_file; /* our own unix socket, or NULL */
	struct demo *demo;
	int demo_port;
	struct listener *listener;
};

/*
 * Each takes one step: 0, or the exit code after saying why, in one line on
 * standard error or to the daemon's waiting parent.  After any of them
 * program_close() is what is left to do.
 */
int program_configure(struct program *p, const struct cli *cli);
int program_block_signals(struct program *p);
int program_become_daemon(struct program *p);
int program_open_files(struct program *p); /* pid file, log */
int program_bind(struct program *p);
int program_confine(struct program *p); /* the sandbox; before any thread */
int program_start_demo(struct program *p);
int program_listen(struct program *p);

/* Prints the one line, `listening on http://…`, and tells who waits for it. */
void program_tell_ready(struct program *p);

/* Till SIGTERM or SIGINT; SIGHUP reloads. */
void program_wait_for_stop(struct program *p);

/* Lets the running requests end; a second signal ends them at once. */
void program_drain(struct program *p);

void program_close(struct program *p);

#endif
