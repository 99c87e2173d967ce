/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_H
#define DAEMON_H

/* --daemon and run: a child serves, and its parent stays until the port
 * answers, or until its command ends. */

#include <stdbool.h>
#include <sys/types.h>

#define DAEMON_REPORT_MAX 8192

/*
 * Forks.  In the child, now the leader of a session of its own: 0, and
 * *report is where it reports to.  In the parent: the child's pid, and
 * *report is where that is heard.  -1 with errno.  Before any thread.
 */
pid_t daemon_split(int *report);

/*
 * Waits for the child's report and closes nothing.  0 with what it said when it
 * was ready, or the exit code after printing why it was not.
 */
int daemon_hear(pid_t child, int report, const char *log_file,
    char text[static DAEMON_REPORT_MAX]);

/*
 * --daemon's part of the parent: waits for the child's report and asks the port
 * it names. Prints the one line, `listening on …` or why not, and returns the
 * exit code.  `log_file` may be NULL.
 */
int daemon_await(pid_t child, int report, const char *log_file);

/*
 * The child's part.  After ready, standard input, output and error lead
 * nowhere.  `stays`: nothing more is sent, but `report` stays open, and
 * becomes readable when the parent has ended; else it is closed.
 */
void daemon_report_ready(int report, const char *text, bool stays);
void daemon_report_failure(int report, int exit_code, const char *why);

#endif
