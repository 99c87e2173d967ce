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

/* What stands around a key. */
struct form {
	char before[8], behind[8];
	unsigned char before_len, behind_len;
	bool is_json, has_colour;
};

static const struct form plain = { " ", "=", 1, 1, false, false },
			 coloured = { " \033[2m", "=\033[0m", 5, 5, false,
				 true },
			 json = { ",\"", "\":", 2, 2, true, false };

/* Written at start and on SIGHUP while any thread may log. */
static atomic_int log_fd = STDERR_FILENO;
static _Atomic(const struct form *) log_form = &plain;
static atomic_bool log_debug;
static char *log_path; /* only the main thread opens */

static _Thread_local const char *request; /* or NULL */

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

/* How many bytes stand for themselves between quotes: a run of ASCII. */
static size_t
plain_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] < 0x7F && text[n] != '"' &&
	       text[n] != '\\')
		n++;
	return n;
}

/* Appends one character, or the byte that is none; returns its bytes. */
static size_t
put_char(struct buf *line, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t taken = utf8_char_len(p, len);
	uint32_t code;

	if (taken == 0) {
		BUF_ADD_LIT(line, "\\ufffd");
		return 1;
	}
	code = code_of(p, taken);
	if (code == '\n') {
		BUF_ADD_LIT(line, "\\n");
	} else if (code == '\t') {
		BUF_ADD_LIT(line, "\\t");
	} else if (is_unprintable(code)) {
		buf_printf(line, "\\u%04x", (unsigned)code);
	} else {
		if (taken == 1) /* a quote or a backslash */
			buf_add_char(line, '\\');
		buf_add(line, text, taken);
	}
	return taken;
}

/* All forms quote alike, so that one reader can take any. */
static void
put_quoted(struct buf *line, const char *text, size_t len)
{
	size_t n;

	buf_add_char(line, '"');
	for (; len > 0; text += n, len -= n)
		if ((n = plain_len(text, len)) > 0)
			buf_add(line, text, n);
		else
			n = put_char(line, text, len);
	buf_add_char(line, '"');
}

static bool
is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i], low = (char)(c | 0x20);

		/* from ( to : are ()*+,-./ and the digits */
		if ((low < 'a' || low > 'z') && (c < '(' || c > ':') &&
		    (c == '\0' || strchr("_@%[]~", c) == NULL))
			return false;
	}
	return len > 0;
}

/* Keys are ours: they need no quoting. */
static void
put_key(struct buf *line, const struct form *form, const char *key)
{
	size_t len = strlen(key);
	char *at = buf_reserve(line, len + sizeof(*form));

	if (at == NULL)
		return;
	memcpy(at, form->before, sizeof(form->before));
	at += form->before_len;
	memcpy(at, key, len);
	memcpy(at + len, form->behind, sizeof(form->behind));
	buf_commit(line, form->before_len + len + form->behind_len);
}

/* A value that is bare. */
static void
put_word(struct buf *line, const struct form *form, const char *key,
    const char *word)
{
	put_key(line, form, key);
	if (form->is_json)
		buf_add_char(line, '"');
	buf_add_str(line, word);
	if (form->is_json)
		buf_add_char(line, '"');
}

static void
put_text(struct buf *line, const struct form *form, const char *key,
    const char *text)
{
	size_t len = strlen(text);

	put_key(line, form, key);
	if (len > MAX_VALUE_BYTES)
		len = utf8_cut(text, MAX_VALUE_BYTES);
	if (!form->is_json && is_bare(text, len))
		buf_add(line, text, len);
	else
		put_quoted(line, text, len);
}

/* The day changes rarely, and so does the second where much is logged. */
static void
put_time(struct buf *line, const struct form *form)
{
	static _Thread_local char text[sizeof("0000-00-00T00:00:00.000Z")];
	static _Thread_local time_t second;
	struct timespec now;
	struct tm utc;
	long ms;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second || text[0] == '\0') {
		second = now.tv_sec;
		gmtime_r(&second, &utc);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
	}
	ms = now.tv_nsec / 1000000;
	text[20] = (char)('0' + ms / 100);
	text[21] = (char)('0' + ms / 10 % 10);
	text[22] = (char)('0' + ms % 10);
	put_word(line, form, "ts", text);
}

static void
put_level(struct buf *line, const struct form *form, enum log_level level)
{
	if (!form->has_colour) {
		put_word(line, form, "level", levels[level].name);
		return;
	}
	put_key(line, form, "level");
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
	const struct form *form = atomic_load(&log_form);
	int saved = errno;
	struct buf line;

	if (is_silent(level))
		return;
	buf_init(&line, MAX_LINE_BYTES);
	buf_reserve(&line, USUAL_LINE_BYTES);
	put_time(&line, form);
	put_level(&line, form, level);
	if (request != NULL)
		put_word(&line, form, "req", request);
	if (what != NULL && what[0] != '\0')
		put_text(&line, form, "msg", what);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].text != NULL) {
			put_text(&line, form, fields[i].key, fields[i].text);
			continue;
		}
		put_key(&line, form, fields[i].key);
		buf_add_int(&line, fields[i].number);
	}
	buf_add_str(&line, form->is_json ? "}\n" : "\n");
	if (line.failed) {
		write_line(lost, sizeof(lost) - 1);
	} else if (form->is_json) {
		line.data[0] = '{'; /* not a comma: here it begins */
		write_line(line.data, line.len);
	} else {
		write_line(line.data + 1, line.len - 1);
	}
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
set_form(bool is_json, bool debug)
{
	const char *no_colour = getenv("NO_COLOR");
	bool has_colour = isatty(atomic_load(&log_fd)) &&
			  (no_colour == NULL || *no_colour == '\0');

	atomic_store(&log_debug, debug);
	atomic_store(&log_form, is_json	     ? &json
				: has_colour ? &coloured
					     : &plain);
}

int
log_open(const char *path, bool is_json, bool debug)
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
	set_form(is_json, debug);
	return 0;
}

/* dup2() exchanges the file under the number that writers hold. */
int
log_reopen(int (*open_file)(const char *path), bool is_json, bool debug)
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
	set_form(is_json, debug);
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
	request = request_id;
}
