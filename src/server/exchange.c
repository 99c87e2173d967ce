/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange on libmicrohttpd: its body as it comes in, its answer as
 * it goes out.  Does not know what is asked or what the answer means.
 */
#include "server/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/exchange_mhd.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "wire/fault.h"

/* Room reserved at once for a body of known length. */
#define FIRST_BODY_BYTES (1024 * 1024)
/* Headers of one answer. */
#define MAX_ANSWER_HEADERS 24

/* Bytes of a name and its value. */
#define MAX_ANSWER_HEADER_BYTES 320
/* Of events that are pulled: as much as the library has room for. */
#define EVENTS_BLOCK_BYTES 8192

struct answer_header {
	char *name; /* allocated, the value behind it */
	char *value;
};

struct exchange {
	struct MHD_Connection *connection;
	struct settings *settings;
	char id[32];
	const char *path; /* behind the method */
	int fd, watched_fd;
	long long started_ms;
	struct buf body;
	size_t body_bytes; /* came in */
	struct answer_header headers[MAX_ANSWER_HEADERS];
	size_t n_headers;
	int status;	    /* of the answer; 0: none yet */
	bool answered;	    /* a response was queued or sent */
	bool is_logged;	    /* or will be: exchange_claim_log() */
	bool refused_early; /* sent by ourselves: swallow the rest, close */
	size_t swallowed;
	bool (*next)(void *cookie, struct buf *out); /* of events */
	void (*done)(void *cookie);
	void *done_cookie; /* for both */
	char method[];
};

struct exchange *
exchange_new(struct MHD_Connection *connection, const char *method,
    const char *path, struct settings *settings)
{
	size_t method_size = strlen(method) + 1, path_size = strlen(path) + 1;
	struct exchange *x = malloc(sizeof(*x) + method_size + path_size);
	const union MHD_ConnectionInfo *info;

	if (x == NULL) {
		settings_drop(settings);
		return NULL;
	}
	*x = (struct exchange){
		.connection = connection,
		.settings = settings,
		.started_ms = server_now_ms(),
	};
	memcpy(x->method, method, method_size);
	x->path = memcpy(x->method + method_size, path, path_size);
	memcpy(x->id, "req_", 4);
	secret_random_text(x->id + 4, 24);
	buf_init(&x->body, settings->max_body_bytes);
	info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	x->fd = info != NULL ? info->connect_fd : -1;
	x->watched_fd = x->fd;
	return x;
}

void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	if (x->done != NULL)
		x->done(x->done_cookie);
	for (size_t i = 0; i < x->n_headers; i++)
		free(x->headers[i].name);
	buf_clear(&x->body);
	settings_drop(x->settings);
	free(x);
}

/* -- the request ---------------------------------------------------------- */

const char *
exchange_id(const struct exchange *x)
{
	return x->id;
}

const char *
exchange_method(const struct exchange *x)
{
	return x->method;
}

const char *
exchange_path(const struct exchange *x)
{
	return x->path;
}

const char *
exchange_header(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(
	    x->connection, MHD_HEADER_KIND, name);
}

struct join {
	const char *name;
	struct buf *out;
};

static enum MHD_Result
join_value(
    void *cookie, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct join *j = cookie;

	(void)kind;
	if (value == NULL || strcasecmp(key, j->name) != 0)
		return MHD_YES;
	if (j->out->len > 0)
		BUF_ADD_LIT(j->out, ", ");
	buf_add_str(j->out, value);
	return MHD_YES;
}

void
exchange_header_all(struct exchange *x, const char *name, struct buf *out)
{
	struct join j = { name, out };

	MHD_get_connection_values(
	    x->connection, MHD_HEADER_KIND, join_value, &j);
}

struct visit {
	void (*see)(void *cookie, const char *name, const char *value);
	void *cookie;
};

static enum MHD_Result
visit_value(
    void *cookie, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct visit *v = cookie;

	(void)kind;
	v->see(v->cookie, key, value == NULL ? "" : value);
	return MHD_YES;
}

void
exchange_each_header(struct exchange *x,
    void (*see)(void *cookie, const char *name, const char *value),
    void *cookie)
{
	struct visit v = { see, cookie };

	MHD_get_connection_values(
	    x->connection, MHD_HEADER_KIND, visit_value, &v);
}

void
exchange_each_argument(struct exchange *x,
    void (*see)(void *cookie, const char *name, const char *value),
    void *cookie)
{
	struct visit v = { see, cookie };

	MHD_get_connection_values(
	    x->connection, MHD_GET_ARGUMENT_KIND, visit_value, &v);
}

void
exchange_move_body(struct exchange *x, struct buf *to)
{
	*to = x->body;
	buf_init(&x->body, to->max_bytes);
}

int
exchange_status(const struct exchange *x)
{
	return x->status;
}

bool
exchange_claim_log(struct exchange *x)
{
	bool is_free = !x->is_logged;

	x->is_logged = true;
	return is_free;
}

int
exchange_fd(const struct exchange *x)
{
	return x->fd;
}

int
exchange_watched_fd(const struct exchange *x)
{
	return x->watched_fd;
}

void
exchange_leave_unwatched(struct exchange *x)
{
	x->watched_fd = -1;
}

long long
exchange_started_ms(const struct exchange *x)
{
	return x->started_ms;
}

const struct settings *
exchange_settings(const struct exchange *x)
{
	return x->settings;
}

void
exchange_expect_body(struct exchange *x, size_t len)
{
	if (len <= FIRST_BODY_BYTES)
		buf_reserve(&x->body, len);
}

bool
exchange_take_body(struct exchange *x, const char *bytes, size_t len)
{
	if (x->refused_early) {
		x->swallowed += len;
		return x->swallowed <= 2 * x->settings->max_body_bytes;
	}
	x->body_bytes += len;
	buf_add(&x->body, bytes, len);
	return true;
}

bool
exchange_body_failed(const struct exchange *x, struct fault *why)
{
	size_t max = x->body.max_bytes;

	if (!x->body.failed)
		return false;
	/* of a chunked body; what was announced is known before it comes */
	if (x->body_bytes > max)
		fault_set(why, FAULT_TOO_LARGE,
		    "Request exceeds the maximum size: more than %zu bytes "
		    "(MAX_BODY_BYTES).",
		    max);
	else
		fault_no_memory(why);
	return true;
}

bool
exchange_was_refused_early(const struct exchange *x)
{
	return x->refused_early;
}

bool
exchange_was_answered(const struct exchange *x)
{
	return x->answered;
}

/* -- the answer ----------------------------------------------------------- */

/* Whether a value may stand in a header: visible ASCII and spaces. */
static bool
is_safe_value(const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			return false;
	return true;
}

void
exchange_add_header(struct exchange *x, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	char *text;

	if (x->n_headers == MAX_ANSWER_HEADERS || !is_safe_value(value) ||
	    name_len + value_len > MAX_ANSWER_HEADER_BYTES ||
	    (text = malloc(name_len + value_len + 2)) == NULL)
		return;
	memcpy(text, name, name_len + 1);
	memcpy(text + name_len + 1, value, value_len + 1);
	x->headers[x->n_headers++] =
	    (struct answer_header){ text, text + name_len + 1 };
}

/* Queues `r` with all headers and lets go of it.  0 or -1. */
static int
queue(struct exchange *x, int status, const char *type, struct MHD_Response *r)
{
	enum MHD_Result rc;

	if (r == NULL)
		return -1;
	rc = MHD_add_response_header(r, "content-type", type);
	if (rc == MHD_YES)
		rc = MHD_add_response_header(r, "request-id", x->id);
	for (size_t i = 0; i < x->n_headers; i++)
		MHD_add_response_header(
		    r, x->headers[i].name, x->headers[i].value);
	if (rc == MHD_YES)
		rc = MHD_queue_response(x->connection, (unsigned)status, r);
	MHD_destroy_response(r);
	x->answered = rc == MHD_YES;
	x->status = status;
	return x->answered ? 0 : -1;
}

void
exchange_answer(
    struct exchange *x, int status, const char *type, struct buf *body)
{
	size_t len = 0;
	char *bytes = buf_take(body, &len);
	struct MHD_Response *r = NULL;

	if (bytes != NULL)
		r = MHD_create_response_from_buffer(
		    len, bytes, MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		free(bytes);
	queue(x, status, type, r);
}

static void
add_fault_headers(struct exchange *x, const struct fault *why)
{
	char number[24];

	if (why->retry_after_ms > 0) {
		snprintf(number, sizeof(number), "%ld",
		    (why->retry_after_ms + 999) / 1000);
		exchange_add_header(x, "retry-after", number);
		snprintf(number, sizeof(number), "%ld", why->retry_after_ms);
		exchange_add_header(x, "retry-after-ms", number);
	}
	if (why->should_retry != FAULT_RETRY_UNSAID)
		exchange_add_header(x, "x-should-retry",
		    why->should_retry == FAULT_RETRY_YES ? "true" : "false");
}

/* Sends all of it or gives up: a fresh socket's buffer has room for it. */
static void
send_whole(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

/* Past the library.  Where there is no memory for it either, an error that
 * takes none. */
static void
refuse(struct exchange *x, const struct fault *why)
{
	static const char no_memory[] =
	    "HTTP/1.1 500 Refused\r\ncontent-type: application/json\r\n"
	    "content-length: 85\r\nconnection: close\r\n\r\n"
	    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
	    "\"message\":\"The proxy is out of memory.\"}}";
	struct buf head, body;

	buf_init(&head, 8192 + 8 * FAULT_MESSAGE_MAX);
	buf_init(&body, 8 * FAULT_MESSAGE_MAX);
	fault_print(why, x->id, &body);
	buf_printf(&head,
	    "HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\n"
	    "content-length: %zu\r\nconnection: close\r\nrequest-id: %s\r\n",
	    fault_status(why->kind), body.len, x->id);
	for (size_t i = 0; i < x->n_headers; i++)
		buf_printf(&head, "%s: %s\r\n", x->headers[i].name,
		    x->headers[i].value);
	BUF_ADD_LIT(&head, "\r\n");
	buf_add(&head, body.data, body.len);
	if (head.failed || body.failed)
		send_whole(x->fd, no_memory, sizeof(no_memory) - 1);
	else
		send_whole(x->fd, head.data, head.len);
	buf_clear(&head);
	buf_clear(&body);
	buf_clear(&x->body);
	x->refused_early = true;
}

void
exchange_refuse_early(struct exchange *x, const struct fault *why)
{
	add_fault_headers(x, why);
	refuse(x, why);
}

void
exchange_answer_fault(struct exchange *x, const struct fault *why)
{
	struct buf body;

	buf_init(&body, 8 * FAULT_MESSAGE_MAX);
	add_fault_headers(x, why);
	fault_print(why, x->id, &body);
	exchange_answer(x, fault_status(why->kind), "application/json", &body);
	if (!x->answered)
		refuse(x, why);
}

/*
 * The library cuts connections that were silent for the timeout, and takes our
 * own silence for the client's: something comes every `ping_ms`, so the limit
 * of a stalled client is safe to use.
 */
static int
queue_events(struct exchange *x, struct MHD_Response *r, long ping_ms)
{
	long quiet = 2 * ping_ms + 5000;
	long stall = x->settings->client_stall_timeout_ms;

	MHD_add_response_header(r, "cache-control", "no-cache");
	MHD_add_response_header(r, "x-accel-buffering", "no");
	MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT,
	    (unsigned)((stall > quiet ? stall : quiet) / 1000));
	return queue(x, 200, "text/event-stream; charset=utf-8", r);
}

int
exchange_answer_pipe(
    struct exchange *x, int read_fd, void (*done)(void *cookie), void *cookie)
{
	struct MHD_Response *r = MHD_create_response_from_pipe(read_fd);

	if (r == NULL) {
		close(read_fd);
		return -1;
	}
	if (queue_events(x, r, x->settings->ping_interval_ms) == -1)
		return -1;
	x->done = done;
	x->done_cookie = cookie;
	return 0;
}

/* What does not fit now waits in the body, which is empty: it was a GET. */
static ssize_t
pull(void *cookie, uint64_t at, char *out, size_t max)
{
	struct exchange *x = cookie;
	size_t len;

	(void)at;
	while (x->body.len == 0)
		if (!x->next(x->done_cookie, &x->body) || x->body.failed)
			return MHD_CONTENT_READER_END_OF_STREAM;
	len = x->body.len < max ? x->body.len : max;
	memcpy(out, x->body.data, len);
	buf_consume(&x->body, len);
	return (ssize_t)len;
}

int
exchange_answer_events(struct exchange *x, const struct exchange_events *e)
{
	struct MHD_Response *r = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, EVENTS_BLOCK_BYTES, pull, x, NULL);

	if (r == NULL)
		return -1;
	buf_clear(&x->body);
	buf_init(&x->body, e->max_bytes);
	x->next = e->next;
	x->done_cookie = e->cookie;
	if (queue_events(x, r, e->ping_ms) == -1)
		return -1;
	x->done = e->done;
	return 0;
}
