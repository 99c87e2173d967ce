/* SPDX-License-Identifier: MIT */
/* The demo's HTTP.  Refuses what it does not know. */
#include "app/demo_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#define HEAD_MAX   ((size_t)64 * 1024)
#define BODY_MAX   ((size_t)80 * 1024 * 1024)
#define READ_BYTES ((size_t)64 * 1024)
#define IDLE_S	   300

void
demo_http_init(struct demo_reader *in, int fd, atomic_llong *budget)
{
	struct timeval idle = { .tv_sec = IDLE_S };

	*in = (struct demo_reader){ .fd = fd, .budget = budget };
	buf_init(&in->bytes, HEAD_MAX + BODY_MAX + READ_BYTES);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof(idle));
}

void
demo_http_clear(struct demo_reader *in)
{
	atomic_fetch_add(in->budget, (long long)in->bytes.len);
	buf_clear(&in->bytes);
}

static int
read_more(struct demo_reader *in)
{
	char *room = buf_reserve(&in->bytes, READ_BYTES);
	ssize_t n;

	if (room == NULL)
		return -1;
	do
		n = recv(in->fd, room, READ_BYTES, 0);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return -1;
	buf_commit(&in->bytes, (size_t)n);
	return atomic_fetch_sub(in->budget, n) - n < 0 ? -1 : 0;
}

/* The head's length with its empty line; 0: not whole yet. */
static size_t
head_length(const struct buf *bytes, size_t from)
{
	size_t at = from > 3 ? from - 3 : 0;

	for (; at + 4 <= bytes->len; at++)
		if (memcmp(bytes->data + at, "\r\n\r\n", 4) == 0)
			return at + 4;
	return 0;
}

/* "POST /v1/chat/completions?x HTTP/1.1"; 0, or the status. */
static int
read_request_line(struct demo_request *r, const char *line, size_t len)
{
	const char *end = line + len;
	const char *path = memchr(line, ' ', len), *version, *query;
	size_t path_len;

	if (path == NULL || (size_t)(path - line) >= sizeof(r->method))
		return 400;
	memcpy(r->method, line, (size_t)(path - line));
	r->method[path - line] = '\0';
	path++;
	version = memchr(path, ' ', (size_t)(end - path));
	if (version == NULL || end - version != 9 ||
	    memcmp(version, " HTTP/1.1", 9) != 0 || *path != '/')
		return 400;
	path_len = (size_t)(version - path);
	if ((query = memchr(path, '?', path_len)) != NULL)
		path_len = (size_t)(query - path);
	if (path_len >= sizeof(r->path))
		return 414;
	memcpy(r->path, path, path_len);
	r->path[path_len] = '\0';
	return 0;
}

static bool
is_header(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

/* A header line's part in the message; 0, or the status. */
static int
read_header(
    struct demo_request *r, bool *has_length, const char *line, size_t len)
{
	char value[32] = "";
	const char *at = memchr(line, ':', len);

	if (at == NULL || at == line)
		return 400;
	at++;
	while (at < line + len && *at == ' ')
		at++;
	if ((size_t)(line + len - at) < sizeof(value))
		memcpy(value, at, (size_t)(line + len - at));
	if (is_header(line, len, "transfer-encoding"))
		return 411;
	if (is_header(line, len, "connection") &&
	    strcasecmp(value, "close") == 0)
		r->keep_alive = false;
	if (!is_header(line, len, "content-length"))
		return 0;
	if (*has_length || value[0] == '\0' || strlen(value) > 10 ||
	    value[strspn(value, "0123456789")] != '\0')
		return 400;
	*has_length = true;
	r->body_len = (size_t)strtoull(value, NULL, 10);
	return r->body_len > BODY_MAX ? 413 : 0;
}

static int
read_head(struct demo_request *r, const char *head, size_t len)
{
	const char *line = head, *end = head + len - 2;
	bool is_first = true, has_length = false;
	int status = 0;

	*r = (struct demo_request){ .keep_alive = true };
	if (memchr(head, '\0', len) != NULL)
		return 400;
	while (status == 0 && line < end) {
		const char *eol = strstr(line, "\r\n");
		size_t n = (size_t)(eol - line);

		status = is_first ? read_request_line(r, line, n)
				  : read_header(r, &has_length, line, n);
		is_first = false;
		line = eol + 2;
	}
	if (status == 0 && !has_length && strcmp(r->method, "POST") == 0)
		return 411;
	return status;
}

int
demo_http_read(struct demo_reader *in, struct demo_request *request)
{
	size_t head = 0, looked = 0;
	int status;

	atomic_fetch_add(in->budget, (long long)in->used);
	buf_consume(&in->bytes, in->used);
	in->used = 0;
	if (in->bytes.len == 0)
		buf_clear(&in->bytes); /* an idle client holds no memory */
	while ((head = head_length(&in->bytes, looked)) == 0) {
		looked = in->bytes.len;
		if (looked > HEAD_MAX)
			return 431;
		if (read_more(in) == -1)
			return -1;
	}
	if ((status = read_head(request, in->bytes.data, head)) != 0)
		return status;
	while (in->bytes.len - head < request->body_len)
		if (read_more(in) == -1)
			return -1;
	in->used = head + request->body_len;
	request->body = in->bytes.data + head;
	return 0;
}

static int
send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *words;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].words;
	return "Error";
}

int
demo_http_send(int fd, int status, const struct buf *body)
{
	struct buf all;
	int rc = -1;

	buf_init(&all, body->len + 1024);
	buf_printf(&all,
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    status, reason(status), body->len);
	buf_add(&all, body->data, body->len);
	if (!all.failed)
		rc = send_all(fd, all.data, all.len);
	buf_clear(&all);
	return rc;
}

int
demo_http_send_stream_head(int fd)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: text/event-stream\r\n"
				   "Cache-Control: no-cache\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";

	return send_all(fd, head, sizeof(head) - 1);
}

int
demo_http_send_chunk(int fd, const char *bytes, size_t len)
{
	struct buf all;
	int rc = -1;

	buf_init(&all, len + 64);
	buf_printf(&all, "%zx\r\n", len);
	buf_add(&all, bytes, len);
	buf_add_str(&all, "\r\n");
	if (!all.failed)
		rc = send_all(fd, all.data, all.len);
	buf_clear(&all);
	return rc;
}

bool
demo_http_path_ends(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && strcmp(path + len - n, end) == 0;
}
