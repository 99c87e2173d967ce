/* SPDX-License-Identifier: MIT */
#ifndef PROCS_H
#define PROCS_H

/* What the processes under test use: all threads, those that ended too. */

#define PROCS_MAX 16

struct procs {
	int pids[PROCS_MAX];
	int count;
};

struct procs_use {
	long rss_kb, anon_kb, threads, files;
};

/* Reads "pid,pid,…" or dies. */
void procs_parse(struct procs *p, const char *text);

double procs_cpu_seconds(const struct procs *p);

/* The sums now. */
void procs_use(const struct procs *p, struct procs_use *use);

#endif
