/* SPDX-License-Identifier: MIT */
/* Reads small files whole: the .env, keys.  Knows nothing of what is in
 * them. */
#include "app/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/broker.h"
#include "wire/buf.h"

static int
read_all(int fd, struct buf *text)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		buf_add(text, chunk, (size_t)n);
		if (text->failed) {
			errno = EFBIG;
			return -1;
		}
	}
	return 0;
}

int
textfile_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

char *
textfile_read(
    const char *path, size_t max_bytes, size_t *len, struct stat *about)
{
	struct stat st;
	struct buf text;
	char *taken = NULL;
	int fd, saved;

	buf_init(&text, max_bytes);
	if ((fd = broker_do(path, textfile_open)) == -1)
		return NULL;
	if (fstat(fd, &st) == -1 || read_all(fd, &text) == -1)
		goto out;
	if (about != NULL)
		*about = st;
	if ((taken = buf_take(&text, len)) == NULL)
		errno = ENOMEM;
out:
	saved = errno;
	buf_clear(&text);
	close(fd);
	errno = saved;
	return taken;
}
