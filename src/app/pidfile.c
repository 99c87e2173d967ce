/* SPDX-License-Identifier: MIT */
/* Pid files with a lock that says whether they are true. */
#include "app/pidfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/broker.h"
#include "app/places.h"
#include "wire/buf.h"

#define SAFE_FLAGS (O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define ATTEMPTS   5

/* Opens without following a link; -1 with a reason for people. */
static int
open_own(const char *path, int flags, char *reason, size_t cap)
{
	struct stat st;
	int fd = open(path, flags | SAFE_FLAGS, 0600);

	if (fd == -1) {
		snprintf(reason, cap, "%s",
		    errno == ELOOP || errno == EMLINK
			? "it is a symbolic link, which is not followed"
			: strerror(errno));
		return -1;
	}
	reason[0] = '\0';
	if (fstat(fd, &st) == -1)
		snprintf(reason, cap, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(reason, cap, "it is no regular file");
	else if (st.st_uid != geteuid() && geteuid() != 0)
		snprintf(reason, cap, "it belongs to somebody else");
	else if (st.st_nlink > 1)
		snprintf(reason, cap, "it has a second name (hard link)");
	if (reason[0] == '\0')
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static struct flock
whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

/* The process that holds the lock; 0: none. */
static pid_t
holder(int fd)
{
	struct flock lock = whole_file();

	if (fcntl(fd, F_GETLK, &lock) == -1 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

/* Whether the path still leads to this file: its last owner may have removed
 * it between our open and our lock. */
static bool
is_still_there(const char *path, int fd)
{
	struct stat by_path, by_fd;

	return fstatat(AT_FDCWD, path, &by_path, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
	       by_path.st_ino == by_fd.st_ino;
}

static int
write_pid(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (fchmod(fd, 0600) == -1 || ftruncate(fd, 0) == -1 ||
	    pwrite(fd, text, (size_t)len, 0) != len)
		return -1;
	return 0;
}

int
pidfile_take(struct pidfile *p, const char *path, char *err, size_t cap)
{
	char reason[200];

	*p = (struct pidfile){ .fd = -1 };
	places_make_folder_of(path);
	for (int i = 0; i < ATTEMPTS; i++) {
		struct flock lock = whole_file();
		int fd =
		    open_own(path, O_RDWR | O_CREAT, reason, sizeof(reason));

		if (fd == -1) {
			snprintf(
			    err, cap, "PID_FILE: %.300s: %s", path, reason);
			return -1;
		}
		if (fcntl(fd, F_SETLK, &lock) == -1) {
			pid_t other = holder(fd);

			close(fd);
			if (other == 0)
				continue;
			snprintf(err, cap, "already running: pid %ld (%.300s)",
			    (long)other, path);
			return -1;
		}
		if (!is_still_there(path, fd)) {
			close(fd);
			continue;
		}
		if (write_pid(fd) == 0 && (p->path = strdup(path)) != NULL) {
			p->fd = fd;
			return 0;
		}
		snprintf(
		    err, cap, "PID_FILE: %.300s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	snprintf(err, cap, "PID_FILE: %.300s: it cannot be locked", path);
	return -1;
}

/* -- FILE.info --------------------------------------------------------------
 */

bool
pidfile_info_path(const char *path, char out[static PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s.info", path) < PATH_MAX;
}

void
pidfile_tell(const struct pidfile *p, const struct pidfile_info *info)
{
	char path[PATH_MAX];
	struct buf text;
	ssize_t written;
	int fd;

	if (p->path == NULL || !pidfile_info_path(p->path, path))
		return;
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | SAFE_FLAGS, 0600);
	if (fd == -1)
		return;
	buf_init(&text, 1024);
	buf_printf(&text, "%s\n%s\n%lld\n%ld\n", info->address, info->upstream,
	    info->started, info->drain_ms);
	written = write(fd, buf_str(&text), text.len);
	close(fd);
	if (text.failed || written != (ssize_t)text.len)
		(void)unlink(path);
	buf_clear(&text);
}

/* Cuts one line off; "" where there is none or it holds oddities. */
static void
take_line(char **at, char *out, size_t cap)
{
	size_t len = strcspn(*at, "\n");

	out[0] = '\0';
	if (len < cap) {
		memcpy(out, *at, len);
		out[len] = '\0';
	}
	for (char *c = out; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c))
			*c = '?';
	*at += len + ((*at)[len] == '\n');
}

void
pidfile_read_info(const char *path, struct pidfile_info *info)
{
	char full[PATH_MAX], reason[200], text[1024], number[32], *at = text;
	ssize_t n;
	int fd;

	*info = (struct pidfile_info){ .drain_ms = 0 };
	if (!pidfile_info_path(path, full) ||
	    (fd = open_own(full, O_RDONLY, reason, sizeof(reason))) == -1)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	take_line(&at, info->address, sizeof(info->address));
	take_line(&at, info->upstream, sizeof(info->upstream));
	take_line(&at, number, sizeof(number));
	info->started = strtoll(number, NULL, 10);
	take_line(&at, number, sizeof(number));
	info->drain_ms = strtol(number, NULL, 10);
}

void
pidfile_drop(struct pidfile *p)
{
	char path[PATH_MAX];

	if (p->path == NULL)
		return;
	if (is_still_there(p->path, p->fd)) {
		if (pidfile_info_path(p->path, path))
			(void)broker_do(path, unlink);
		(void)broker_do(p->path, unlink);
	}
	close(p->fd); /* and only now the lock is gone */
	free(p->path);
	*p = (struct pidfile){ .fd = -1 };
}

/* -- looking -----------------------------------------------------------------
 */

static pid_t
read_pid(int fd)
{
	char text[24];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;
	char *end;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	pid = strtol(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0') || pid <= 1 ||
	    pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

/*
 * The old program locked nothing: its word is taken only where the process
 * is the file owner's and runs a program of our name.  Systems without
 * /proc/PID/exe cannot tell, so there the file is stale.
 */
static bool
is_old_daemon(int fd, pid_t pid)
{
	char path[64], exe[PATH_MAX];
	struct stat file, process;
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
	if (pid == 0 || fstat(fd, &file) == -1 ||
	    fstatat(AT_FDCWD, path, &process, 0) == -1 ||
	    file.st_uid != process.st_uid)
		return false;
	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	if ((n = readlink(path, exe, sizeof(exe) - 1)) <= 0)
		return false;
	exe[n] = '\0';
	name = strrchr(exe, '/');
	return name != NULL &&
	       (strcmp(name, "/anthropic-proxy") == 0 ||
		   strcmp(name, "/anthropic-proxy (deleted)") == 0);
}

void
pidfile_look(const char *path, struct pidfile_owner *owner)
{
	int fd;

	*owner = (struct pidfile_owner){ .state = PIDFILE_NONE };
	fd = open_own(path, O_RDONLY, owner->detail, sizeof(owner->detail));
	if (fd == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			owner->state = PIDFILE_REFUSED;
		return;
	}
	owner->pid = holder(fd);
	if (owner->pid > 0) {
		owner->state = PIDFILE_RUNNING;
	} else {
		owner->pid = read_pid(fd);
		owner->state = strcmp(path, PLACES_OLD_PID_FILE) == 0 &&
				       is_old_daemon(fd, owner->pid)
				   ? PIDFILE_RUNNING
				   : PIDFILE_STALE;
	}
	close(fd);
}
