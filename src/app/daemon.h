/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_H
#define DAEMON_H

/* --daemon: a child serves, and its parent stays until the port answers. */

#include <sys/types.h>

/*
 * Forks.  In the child, now the leader of a session of its own: 0, and
 * *report is where it reports to.  In the parent: the child's pid, and
 * *report is where that is heard.  -1 with errno.  Before any thread.
 */
pid_t daemon_split(int *report);

/*
 * The parent's part: waits for the child's report and asks the port it names.
 * Prints the one line, `listening on …` or why not, and returns the exit
 * code.  `log_file` may be NULL.
 */
int daemon_await(pid_t child, int report, const char *log_file);

/* The child's part; each closes `report`.  After ready, standard input,
 * output and error lead nowhere. */
void daemon_report_ready(int report, const char *address);
void daemon_report_failure(int report, int exit_code, const char *why);

#endif
