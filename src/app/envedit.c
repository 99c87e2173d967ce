/* SPDX-License-Identifier: MIT */
/* Edits .env text in place and files whole.  Knows no setting. */
#include "app/envedit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/envfile.h"
#include "app/textfile.h"
#include "server/statefile.h"
#include "wire/buf.h"

#define MAX_BYTES ((size_t)1024 * 1024)

/* -- text -------------------------------------------------------------------
 */

void
envedit_print_value(const char *value, struct buf *out)
{
	if (strpbrk(value, " \t\n\r\"'\\#") == NULL) {
		buf_add_str(out, value);
		return;
	}
	if (strpbrk(value, "'\n\r") == NULL) {
		buf_printf(out, "'%s'", value);
		return;
	}
	buf_add_char(out, '"');
	for (; *value != '\0'; value++) {
		if (*value == '\n' || *value == '\r') {
			buf_add_str(out, *value == '\n' ? "\\n" : "\\r");
			continue;
		}
		if (strchr("\"\\$", *value) != NULL)
			buf_add_char(out, '\\');
		buf_add_char(out, *value);
	}
	buf_add_char(out, '"');
}

/* Where the value of a good line ends: what is behind it may stay. */
static const char *
value_end(const char *p, const char *eol)
{
	const char *end = p;
	char quote;

	while (p < eol && (*p == ' ' || *p == '\t'))
		p++;
	if (p < eol && (*p == '"' || *p == '\'')) {
		for (quote = *p++; p < eol && *p != quote; p++)
			p += quote == '"' && *p == '\\' && p + 1 < eol;
		return p < eol ? p + 1 : eol;
	}
	if (p > end && p < eol && *p == '#')
		return end; /* no value, a comment */
	for (; p < eol && !(*p == '#' && (p[-1] == ' ' || p[-1] == '\t')); p++)
		if (*p != ' ' && *p != '\t')
			end = p + 1;
	return end;
}

/* The start of a line, counted from 1. */
static const char *
line_at(const char *text, const char *end, unsigned line)
{
	while (line-- > 1) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		text = eol == NULL ? end : eol + 1;
	}
	return text;
}

/* Appends the text with another value behind the = of one line. */
static void
replace(const char *text, size_t len, unsigned line, const char *value,
    struct buf *out)
{
	const char *end = text + len, *at = line_at(text, end, line);
	const char *eol = memchr(at, '\n', (size_t)(end - at));
	const char *sign = memchr(at, '=', (size_t)(end - at));

	if (eol == NULL)
		eol = end;
	if (eol > at && eol[-1] == '\r')
		eol--;
	if (sign == NULL || sign >= eol)
		return; /* the parser has seen one */
	buf_add(out, text, (size_t)(sign + 1 - text));
	envedit_print_value(value, out);
	at = value_end(sign + 1, eol);
	if (at < eol && *at == '#') /* it stood right behind a quote */
		buf_add_char(out, ' ');
	buf_add(out, at, (size_t)(end - at));
}

static void
append(const char *text, size_t len, const char *name, const char *value,
    struct buf *out)
{
	const char *lf = len > 0 ? memchr(text, '\n', len) : NULL;
	const char *eol =
	    lf != NULL && lf > text && lf[-1] == '\r' ? "\r\n" : "\n";

	buf_add(out, text, len);
	if (len > 0 && text[len - 1] != '\n')
		buf_add_str(out, eol);
	buf_printf(out, "%s=", name);
	envedit_print_value(value, out);
	buf_add_str(out, eol);
}

void
envedit_put(const char *text, size_t len, const char *name, const char *alias,
    const char *value, struct buf *out)
{
	const struct env_line *line = NULL;
	struct envfile file;
	char err[256];

	if (envfile_parse(&file, "", text, len, err, sizeof(err)) == 0 &&
	    (line = envfile_find(&file, name)) == NULL && alias != NULL)
		line = envfile_find(&file, alias);
	if (line != NULL)
		replace(text, len, line->line, value, out);
	else
		append(text, len, name, value, out);
	envfile_clear(&file);
}

/* -- files ------------------------------------------------------------------
 */

/* 0 with what is known of a plain file, 1 if there is none, -1 with errno. */
static int
look(const char *path, struct stat *about)
{
	if (fstatat(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 1 : -1;
	if (S_ISREG(about->st_mode))
		return 0;
	errno = S_ISLNK(about->st_mode) ? ELOOP : EINVAL;
	return -1;
}

char *
envedit_read(const char *path, size_t *len)
{
	struct stat about, opened;
	int rc = look(path, &about);
	char *text;

	*len = 0;
	if (rc == 1)
		return calloc(1, 1);
	if (rc == -1 ||
	    (text = textfile_read(path, MAX_BYTES, len, &opened)) == NULL)
		return NULL;
	if (opened.st_ino == about.st_ino && opened.st_dev == about.st_dev)
		return text;
	free(text); /* exchanged in between, maybe for a link */
	errno = ELOOP;
	return NULL;
}

/* Gives the new file the owner and mode of the old one. */
static int
keep_owner(int fd, const struct stat *old)
{
	struct stat now;

	if (fstat(fd, &now) == -1)
		return -1;
	if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) == -1)
		return -1;
	return fchmod(fd, old->st_mode & 07777);
}

int
envedit_write(const char *path, const char *bytes, size_t len)
{
	char temp[4096];
	struct stat old;
	int fd, saved, rc = look(path, &old);
	bool is_new = rc == 1;

	if (rc == -1)
		return -1;
	if (snprintf(temp, sizeof(temp), "%s.%ld.tmp", path, (long)getpid()) >=
	    (int)sizeof(temp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	rc = is_new ? 0 : keep_owner(fd, &old);
	if (rc == 0)
		rc = statefile_write_all(fd, bytes, len);
	saved = errno;
	close(fd);
	errno = saved;
	if (rc == 0)
		rc = renameat(AT_FDCWD, temp, AT_FDCWD, path);
	if (rc == -1) {
		saved = errno;
		unlink(temp);
		errno = saved;
	}
	return rc;
}
