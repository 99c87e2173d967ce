/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "procs.h"
#include "bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
procs_parse(struct procs *p, const char *text)
{
	char *end;

	for (p->count = 0; p->count < PROCS_MAX; text = end + 1) {
		p->pids[p->count++] = (int)strtol(text, &end, 10);
		if (*end == '\0' && end > text)
			return;
		if (*end != ',' || end == text)
			break;
	}
	die("-P pid[,pid…]");
}

/* The process's own clock: to the nanosecond, and dead threads count. */
double
procs_cpu_seconds(const struct procs *p)
{
	struct timespec t;
	clockid_t clock;
	double sum = 0;

	for (int i = 0; i < p->count; i++)
		if (clock_getcpuclockid(p->pids[i], &clock) == 0 &&
		    clock_gettime(clock, &t) == 0)
			sum += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	return sum;
}

static void
add_status(int pid, struct procs_use *use)
{
	char line[256];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	if ((file = fopen(line, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			use->rss_kb += strtol(line + 6, NULL, 10);
		else if (strncmp(line, "RssAnon:", 8) == 0)
			use->anon_kb += strtol(line + 8, NULL, 10);
		else if (strncmp(line, "Threads:", 8) == 0)
			use->threads += strtol(line + 8, NULL, 10);
	}
	fclose(file);
}

void
procs_use(const struct procs *p, struct procs_use *use)
{
	char path[64];
	DIR *dir;

	*use = (struct procs_use){ 0 };
	for (int i = 0; i < p->count; i++) {
		add_status(p->pids[i], use);
		snprintf(path, sizeof(path), "/proc/%d/fd", p->pids[i]);
		if ((dir = opendir(path)) == NULL)
			continue;
		while (readdir(dir) != NULL)
			use->files++;
		closedir(dir);
		use->files -= 2; /* . and .. */
	}
}
