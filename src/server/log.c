/* SPDX-License-Identifier: MIT */
/* The log.  Knows where lines go and how they are escaped, not who reads. */
#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wire/buf.h"
#include "wire/utf8.h"

#define MAX_VALUE_BYTES	 ((size_t)256 * 1024)
#define MAX_LINE_BYTES	 ((size_t)4 * 1024 * 1024)
#define USUAL_LINE_BYTES 600

/* Written at start and on SIGHUP while any thread may log. */
static atomic_int log_fd = STDERR_FILENO;
static atomic_bool log_json, log_debug, log_colour;
static char *log_path; /* only the main thread opens */

static _Thread_local char request[64];

static const struct {
	const char *name, *colour;
} levels[] = {
	[LOG_ERROR] = { "error", "\033[31m" },
	[LOG_WARN] = { "warn", "\033[33m" },
	[LOG_INFO] = { "info", "\033[32m" },
	[LOG_DEBUG] = { "debug", "\033[2m" },
};

static uint32_t
code_of(const unsigned char *p, size_t len)
{
	uint32_t code = len == 1 ? p[0] : p[0] & (0xFFu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3F);
	return code;
}

/* What could move a terminal's cursor or turn a line around: C0, DEL, C1,
 * line separators and the marks that reorder text. */
static bool
is_unprintable(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) ||
	       (code >= 0x200E && code <= 0x200F) ||
	       (code >= 0x2028 && code <= 0x202E) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

/* Both forms quote alike, so that one reader can take either. */
static void
put_quoted(struct buf *line, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t code;
	size_t taken;

	buf_add_char(line, '"');
	for (size_t i = 0; i < len; i += taken) {
		taken = utf8_char_len(p + i, len - i);
		code = taken == 0 ? 0 : code_of(p + i, taken);
		if (taken == 0) {
			BUF_ADD_LIT(line, "\\ufffd");
			taken = 1;
		} else if (code == '\n') {
			BUF_ADD_LIT(line, "\\n");
		} else if (code == '\t') {
			BUF_ADD_LIT(line, "\\t");
		} else if (is_unprintable(code)) {
			buf_printf(line, "\\u%04x", (unsigned)code);
		} else {
			if (code == '"' || code == '\\')
				buf_add_char(line, '\\');
			buf_add(line, p + i, taken);
		}
	}
	buf_add_char(line, '"');
}

static bool
is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i], low = (char)(c | 0x20);

		if ((low < 'a' || low > 'z') && (c < '0' || c > '9') &&
		    (c == '\0' || strchr("._:/@%+,-*()[]~", c) == NULL))
			return false;
	}
	return len > 0;
}

static void
put_key(struct buf *line, const char *key, bool json)
{
	if (line->len > (json ? 1 : 0))
		buf_add_char(line, json ? ',' : ' ');
	if (json) {
		put_quoted(line, key, strlen(key));
		buf_add_char(line, ':');
		return;
	}
	if (atomic_load(&log_colour))
		BUF_ADD_LIT(line, "\033[2m");
	buf_add_str(line, key);
	buf_add_char(line, '=');
	if (atomic_load(&log_colour))
		BUF_ADD_LIT(line, "\033[0m");
}

static void
put_text(struct buf *line, const char *key, const char *text, bool json)
{
	size_t len = strlen(text);

	put_key(line, key, json);
	if (len > MAX_VALUE_BYTES)
		len = utf8_cut(text, MAX_VALUE_BYTES);
	if (!json && is_bare(text, len))
		buf_add(line, text, len);
	else
		put_quoted(line, text, len);
}

/* Overwrites the digits that end at `end`. */
static void
set_digits(char *end, long value)
{
	for (; end[-1] == '0'; value /= 10)
		*--end = (char)('0' + value % 10);
}

static void
put_time(struct buf *line, bool json)
{
	char text[] = "-0000-00-00T00:00:00.000Z";
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	set_digits(text + 5, utc.tm_year + 1900L);
	set_digits(text + 8, utc.tm_mon + 1);
	set_digits(text + 11, utc.tm_mday);
	set_digits(text + 14, utc.tm_hour);
	set_digits(text + 17, utc.tm_min);
	set_digits(text + 20, utc.tm_sec);
	set_digits(text + 24, now.tv_nsec / 1000000);
	put_text(line, "ts", text + 1, json);
}

static void
put_level(struct buf *line, enum log_level level, bool json)
{
	if (json || !atomic_load(&log_colour)) {
		put_text(line, "level", levels[level].name, json);
		return;
	}
	put_key(line, "level", false);
	buf_printf(
	    line, "%s%s\033[0m", levels[level].colour, levels[level].name);
}

static void
write_line(const char *text, size_t len)
{
	int fd = atomic_load(&log_fd);
	ssize_t written;

	while (len > 0) {
		written = write(fd, text, len);
		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* nobody is left to be told */
		text += written;
		len -= (size_t)written;
	}
}

static bool
is_silent(enum log_level level)
{
	return level == LOG_DEBUG && !atomic_load(&log_debug);
}

void
log_fields(enum log_level level, const char *what,
    const struct log_field *fields, size_t n)
{
	static const char lost[] = "level=error msg=\"out of memory: a log "
				   "line is lost\"\n";
	bool json = atomic_load(&log_json);
	int saved = errno;
	struct buf line;

	if (is_silent(level))
		return;
	buf_init(&line, MAX_LINE_BYTES);
	buf_reserve(&line, USUAL_LINE_BYTES);
	if (json)
		buf_add_char(&line, '{');
	put_time(&line, json);
	put_level(&line, level, json);
	if (request[0] != '\0')
		put_text(&line, "req", request, json);
	if (what != NULL && what[0] != '\0')
		put_text(&line, "msg", what, json);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].text != NULL) {
			put_text(&line, fields[i].key, fields[i].text, json);
			continue;
		}
		put_key(&line, fields[i].key, json);
		buf_add_int(&line, fields[i].number);
	}
	buf_add_str(&line, json ? "}\n" : "\n");
	if (line.failed)
		write_line(lost, sizeof(lost) - 1);
	else
		write_line(line.data, line.len);
	buf_clear(&line);
	errno = saved;
}

void
log_say(enum log_level level, const char *format, ...)
{
	int saved = errno;
	struct buf text;
	va_list args;
	char *room;
	int len;

	if (is_silent(level))
		return;
	buf_init(&text, MAX_VALUE_BYTES);
	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len > 0 && (size_t)len > MAX_VALUE_BYTES - 1)
		len = (int)MAX_VALUE_BYTES - 1;
	if (len > 0 && (room = buf_reserve(&text, (size_t)len)) != NULL) {
		errno = saved; /* for %m */
		va_start(args, format);
		vsnprintf(room, (size_t)len + 1, format, args);
		va_end(args);
		buf_commit(&text, (size_t)len);
	}
	log_fields(level, text.failed ? format : buf_str(&text), NULL, 0);
	buf_clear(&text);
	errno = saved;
}

/* A device may be a log (/dev/null), a pipe or a directory may not. */
int
log_open_file(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY |
		O_NONBLOCK,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static void
set_form(bool json, bool debug)
{
	int fd = atomic_load(&log_fd);
	const char *plain = getenv("NO_COLOR");

	atomic_store(&log_json, json);
	atomic_store(&log_debug, debug);
	atomic_store(
	    &log_colour, isatty(fd) && (plain == NULL || *plain == '\0'));
}

int
log_open(const char *path, bool json, bool debug)
{
	char *copy = NULL;
	int fd = STDERR_FILENO, old = atomic_load(&log_fd);

	if (path != NULL && ((copy = strdup(path)) == NULL ||
				(fd = log_open_file(path)) == -1)) {
		free(copy);
		return -1;
	}
	atomic_store(&log_fd, fd);
	if (old != STDERR_FILENO)
		close(old);
	free(log_path);
	log_path = copy;
	set_form(json, debug);
	return 0;
}

/* dup2() exchanges the file under the number that writers hold. */
int
log_reopen(int (*open_file)(const char *path), bool json, bool debug)
{
	int fd, held = atomic_load(&log_fd), saved;

	if (log_path != NULL) {
		if ((fd = open_file(log_path)) == -1)
			return -1;
		if (dup2(fd, held) == -1) {
			saved = errno;
			close(fd);
			errno = saved;
			return -1;
		}
		close(fd);
		fcntl(held, F_SETFD, FD_CLOEXEC);
	}
	set_form(json, debug);
	return 0;
}

bool
log_debugs(void)
{
	return atomic_load(&log_debug);
}

void
log_set_request(const char *request_id)
{
	request[0] = '\0';
	if (request_id != NULL)
		snprintf(request, sizeof(request), "%s", request_id);
}
