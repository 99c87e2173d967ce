/* SPDX-License-Identifier: MIT */
/* Files of STATE_DIR.  Knows nothing of what they hold. */
#include "server/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_trusted(const struct stat *st)
{
	return st->st_uid == geteuid() || st->st_uid == 0;
}

static void
close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* systemd's DynamicUser= makes /var/lib/NAME a link of root's, so a link is
 * not bad by itself. */
static int
open_dir(const char *path)
{
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (S_ISLNK(st.st_mode) && !is_trusted(&st)) {
		errno = ELOOP;
		return -1;
	}
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
make_dir(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0700) == -1 && errno != EEXIST)
			return -1;
		part[i] = path[i];
	}
	return 0;
}

static char *
read_all(int fd, size_t max_bytes)
{
	char *text = NULL;
	struct stat st;
	size_t have = 0;
	ssize_t n = 0;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || !is_trusted(&st) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return NULL;
	}
	if (st.st_size < 0 || (unsigned long long)st.st_size > max_bytes) {
		errno = EFBIG;
		return NULL;
	}
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		return NULL;
	while (have < (size_t)st.st_size) {
		n = read(fd, text + have, (size_t)st.st_size - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	text[have] = '\0';
	if (n == -1) {
		free(text);
		return NULL;
	}
	return text;
}

char *
statefile_read(const char *dir, const char *name, size_t max_bytes)
{
	int at, fd;
	char *text = NULL;

	if ((at = open_dir(dir)) == -1)
		return NULL;
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd != -1) {
		text = read_all(fd, max_bytes);
		close_keeping_errno(fd);
	}
	close_keeping_errno(at);
	return text;
}

int
statefile_write_all(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, bytes, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

int
statefile_write(
    const char *dir, const char *name, const char *bytes, size_t len)
{
	char temp[128];
	int at, fd, rc = -1;

	if (make_dir(dir) == -1 || (at = open_dir(dir)) == -1)
		return -1;
	snprintf(temp, sizeof(temp), ".%s.%ld.tmp", name, (long)getpid());
	unlinkat(at, temp, 0); /* of a run that was killed */
	fd = openat(at, temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		goto out;
	rc = statefile_write_all(fd, bytes, len);
	close_keeping_errno(fd);
	if (rc == 0)
		rc = renameat(at, temp, at, name);
	if (rc == -1) {
		int saved = errno;

		unlinkat(at, temp, 0);
		errno = saved;
	} else {
		fsync(at); /* so that the name survives a crash too */
	}
out:
	close_keeping_errno(at);
	return rc;
}
