/* SPDX-License-Identifier: MIT */
/* The directory of captures.  Knows nothing of what they hold. */
#include "server/capture_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/capture.h"
#include "server/log.h"
#include "server/server.h"

#define QUIET_MS (60 * 60 * 1000LL)
/* The directory is looked through after so many files or bytes. */
#define LOOK_FILES 64
#define LOOK_BYTES ((size_t)128 * 1024 * 1024)
/* Files that one look knows; what lies beyond waits for the next. */
#define LOOK_MAX 8192

static const char name_form[] = "00000000T000000.000Z-req_";
static const char name_end[] = ".jsonl";

static atomic_llong complained_ms;
static atomic_size_t files_made, bytes_made;

struct found {
	char name[80];
	off_t size;
};

/* Always -1. */
static int
complain(const char *what)
{
	int saved = errno;
	long long now = server_now_ms();
	long long last = atomic_load(&complained_ms);

	if ((last == 0 || now - last > QUIET_MS) &&
	    atomic_compare_exchange_strong(&complained_ms, &last, now))
		log_say(LOG_WARN,
		    "CAPTURE_DIR: %s: %s; requests are served without it", what,
		    strerror(saved));
	return -1;
}

/* -- the oldest make room ------------------------------------------------- */

static bool
is_capture(const char *name)
{
	size_t len = strlen(name), i = 0;

	if (len >= sizeof(((struct found *)0)->name) ||
	    len < sizeof(name_form) + sizeof(name_end) ||
	    strcmp(name + len - (sizeof(name_end) - 1), name_end) != 0)
		return false;
	for (; name_form[i] != '\0'; i++)
		if (name_form[i] == '0' ? name[i] < '0' || name[i] > '9'
					: name[i] != name_form[i])
			return false;
	return true;
}

static int
newest_first(const void *a, const void *b)
{
	return strcmp(
	    ((const struct found *)b)->name, ((const struct found *)a)->name);
}

static size_t
list(DIR *dir, struct found *all)
{
	const struct dirent *entry;
	struct stat st;
	size_t n = 0;

	while (n < LOOK_MAX && (entry = readdir(dir)) != NULL) {
		if (!is_capture(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		memcpy(all[n].name, entry->d_name, strlen(entry->d_name) + 1);
		all[n++].size = st.st_size;
	}
	return n;
}

static void
make_room(int at)
{
	struct found *all = malloc(LOOK_MAX * sizeof(*all));
	int copy = fcntl(at, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	size_t n = 0, total = 0;

	if (dir == NULL && copy != -1)
		close(copy);
	if (all != NULL && dir != NULL)
		n = list(dir, all);
	if (n > 0)
		qsort(all, n, sizeof(*all), newest_first);
	for (size_t i = 0; i < n; i++) {
		total += (size_t)all[i].size;
		if (i >= CAPTURE_MAX_FILES || total > CAPTURE_MAX_TOTAL)
			unlinkat(at, all[i].name, 0);
	}
	if (dir != NULL)
		closedir(dir);
	free(all);
}

/* One looks for all; nobody waits for it. */
static void
look_after(int at)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	if (atomic_fetch_add(&files_made, 1) % LOOK_FILES != 0 &&
	    atomic_load(&bytes_made) < LOOK_BYTES)
		return;
	if (pthread_mutex_trylock(&lock) != 0)
		return;
	atomic_store(&bytes_made, 0);
	make_room(at);
	pthread_mutex_unlock(&lock);
}

/* -- a file --------------------------------------------------------------- */

static int
open_dir(const char *path)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int at = open(path, flags);

	if (at == -1 && errno == ENOENT && mkdir(path, 0700) == 0)
		at = open(path, flags);
	return at;
}

static void
put_time(char *out, size_t cap)
{
	struct timespec now;
	struct tm utc;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	n = strftime(out, cap, "%Y%m%dT%H%M%S", &utc);
	snprintf(out + n, cap - n, ".%03ldZ", now.tv_nsec / 1000000);
}

int
capture_files_open(const char *dir, const char *id, char *time_text, size_t cap)
{
	char name[80];
	int at, fd;

	put_time(time_text, cap);
	snprintf(name, sizeof(name), "%s-%s%s", time_text, id, name_end);
	if ((at = open_dir(dir)) == -1)
		return complain(dir);
	look_after(at);
	fd = openat(at, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		complain(dir);
	close(at);
	return fd;
}

int
capture_files_write(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	atomic_fetch_add(&bytes_made, len);
	while (len > 0) {
		n = write(fd, bytes, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain("a file is incomplete");
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}
