/* SPDX-License-Identifier: MIT */
#ifndef PIDFILE_H
#define PIDFILE_H

/*
 * The pid file.  Its daemon holds a lock on it for as long as it lives, and
 * the kernel tells who holds a lock: so a stale file, whatever pid it names,
 * leads to nobody.  Links are never followed; the files are 0600.
 * Beside it lies FILE.info with what `status` tells.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pidfile {
	char *path; /* NULL: none is held */
	int fd;
};

enum pidfile_state {
	PIDFILE_NONE,
	PIDFILE_STALE,	 /* names a pid that is no daemon of ours */
	PIDFILE_RUNNING, /* the daemon lives */
	PIDFILE_REFUSED, /* a link, another user's file …: see detail */
};

/* What `status` tells of a daemon; "" and 0 where not known. */
struct pidfile_info {
	char address[200], upstream[260];
	long long started; /* Unix seconds */
	long drain_ms;
};

struct pidfile_owner {
	enum pidfile_state state;
	pid_t pid;
	char detail[200];
};

/*
 * Makes or takes over the file, locks it and writes our pid.  0, or -1 with
 * why in err ("already running: pid N" where another holds it).  To be
 * called in the process that stays: a fork loses the lock.
 */
int pidfile_take(struct pidfile *p, const char *path, char *err, size_t cap);

/* Writes FILE.info; failure is no harm and not told. */
void pidfile_tell(const struct pidfile *p, const struct pidfile_info *info);

/* Removes the files and lets go. */
void pidfile_drop(struct pidfile *p);

/* Whose file it is. */
void pidfile_look(const char *path, struct pidfile_owner *owner);
/* FILE.info; false: it is too long. */
bool pidfile_info_path(const char *path, char out[static PATH_MAX]);
void pidfile_read_info(const char *path, struct pidfile_info *info);

#endif
