/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd, a thread per connection: accepts, feeds exchanges, hands them
 * to the routes once their body is complete.
 */
#include "server/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/admit.h"
#include "server/bind.h"
#include "server/catalog.h"
#include "server/connections.h"
#include "server/exchange_mhd.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/pool.h"
#include "server/relaying.h"
#include "server/request_log.h"
#include "server/routes.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "server/watch.h"
#include "wire/fault.h"

/* Of the library, per connection: what admit() lets in and the answer's head
 * fit; a request's head beyond it gets the library's own 431. */
#define CONNECTION_MEMORY_BYTES (12 * 1024)
/* What a stream needs: client, pipe (2), upstream, libcurl's wake-up (2). */
#define FDS_PER_CONNECTION 6
#define FDS_RESERVED	   128
/* Connections over the limit that still get a 529 instead of a reset. */
#define OVERLOAD_SLOTS 64
/* After a drain: how long cancelled streams get to say so. */
#define CANCEL_GRACE_MS 3000
/* At a drain: how long who is connecting may take to have done so (and the
 * library to tell of one it has accepted), who has connected to ask, and an
 * upload or an answer whose request is over to show life. */
#define HANDSHAKE_MS   50
#define NEWCOMER_MS    1000
#define LEAVE_GRACE_MS 1000
#define DRAIN_LOOK_MS  5
/* Where there is no descriptor for one more connection: how long all wait, and
 * how often the log says so. */
#define NO_ROOM_PAUSE_MS 100
#define NO_ROOM_SAY_MS	 60000

struct listener {
	struct server *server;
	struct MHD_Daemon *daemon;
	int fd;
	bool is_shared; /* fd, with the service manager */
	char address[256];
	int max_connections;
	struct connections connections;
	unsigned n_let_in; /* at a drain: so many will have come by then */
	pthread_t reaper;
	pthread_mutex_t lock; /* of `reaping` */
	pthread_cond_t stop;  /* with the lock: the reaper is to end */
	bool reaping;
	bool was_busy;	  /* the reaper's own: since its last look */
	long long say_ms; /* the accepting thread's own: not before that */
};

/* -- connections ---------------------------------------------------------- */

static void
on_connection(void *cookie, struct MHD_Connection *connection,
    void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = cookie;
	const union MHD_ConnectionInfo *info;
	int fd;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context != NULL)
			connections_remove(&l->connections, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	fd = info != NULL ? info->connect_fd : -1;
	watch_begin(l->server->watch, fd);
	/* NULL: its requests are refused */
	*socket_context =
	    connections_add(&l->connections, fd, l->max_connections);
}

static struct connection *
connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* After the last request of a while: what it left behind goes back. */
static void
rest(struct listener *l)
{
	bool busy = server_is_busy(l->server);

	if (!busy)
		upstream_trim(l->server->upstream); /* by their age */
	if (!busy && l->was_busy) {
		pool_trim(l->server->pool);
		relaying_trim(l->server);
		memory_trim();
	}
	l->was_busy = busy;
}

/*
 * Looks after the connections once a second.  The library's timeout is one of
 * silence: a client that sends its head byte by byte would hold a thread for
 * ever, so a head must be whole in REQUEST_TIMEOUT.
 */
static void *
reap(void *cookie)
{
	struct listener *l = cookie;

	pthread_mutex_lock(&l->lock);
	while (l->reaping) {
		struct settings *s = server_settings(l->server);
		struct timespec at;

		pthread_mutex_unlock(&l->lock);
		connections_close_idle(&l->connections, s->request_timeout_ms);
		settings_drop(s);
		rest(l);
		pthread_mutex_lock(&l->lock);
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_sec++;
		if (l->reaping)
			pthread_cond_timedwait(&l->stop, &l->lock, &at);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void
stop_reaper(struct listener *l)
{
	bool ran;

	pthread_mutex_lock(&l->lock);
	ran = l->reaping;
	l->reaping = false;
	pthread_cond_signal(&l->stop);
	pthread_mutex_unlock(&l->lock);
	if (ran)
		pthread_join(l->reaper, NULL);
}

/* -- exchanges ------------------------------------------------------------ */

/* The first line of a head has come. */
static void *
on_first_line(void *cookie, const char *url, struct MHD_Connection *connection)
{
	struct listener *l = cookie;
	struct connection *c = connection_of(connection);

	(void)url;
	if (c != NULL)
		connections_mark_asking(&l->connections, c);
	return NULL; /* no exchange yet */
}

/* The head is complete: lets the request in or refuses it. */
static enum MHD_Result
begin_exchange(struct listener *l, struct connection *c, struct exchange *x)
{
	bool draining = atomic_load(&l->server->draining);
	struct admission a = { 0 };
	struct fault why;
	int rc;

	fault_clear(&why);
	if (draining || connection_is_over(c))
		exchange_add_header(x, "connection", "close");
	rc = connection_is_over(c)
		 ? admit_refuse_overload(&why)
		 : admit(x, draining && connection_has_asked(c), &a, &why);
	if (rc == 0) {
		exchange_expect_body(x, a.body_bytes);
		return MHD_YES;
	}
	request_log_answered(l->server, x, &why);
	if (a.has_body && !a.expects_continue)
		exchange_refuse_early(x, &why);
	else
		exchange_answer_fault(x, &why);
	return MHD_YES;
}

/* A piece of the body. */
static enum MHD_Result
continue_exchange(
    struct listener *l, struct exchange *x, const char *bytes, size_t *len)
{
	bool goes_on = exchange_take_body(x, bytes, *len);
	struct fault why;

	fault_clear(&why);
	*len = 0;
	if (goes_on && !exchange_was_refused_early(x) &&
	    exchange_body_failed(x, &why)) {
		request_log_answered(l->server, x, &why);
		exchange_refuse_early(x, &why);
	}
	return goes_on ? MHD_YES : MHD_NO;
}

static enum MHD_Result
on_request(void *cookie, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_len, void **context)
{
	struct listener *l = cookie;
	struct exchange *x = *context;
	struct connection *c;

	(void)version;
	if (x == NULL) {
		if ((c = connection_of(connection)) == NULL)
			return MHD_NO;
		connections_mark_busy(&l->connections, c, true);
		*context = x = exchange_new(
		    connection, method, url, server_settings(l->server));
		if (x == NULL)
			return MHD_NO;
		if (connection_is_let_go(c))
			exchange_leave_unwatched(x);
		return begin_exchange(l, c, x);
	}
	if (*upload_len > 0) {
		if (atomic_load(&l->server->draining) &&
		    (c = connection_of(connection)) != NULL)
			connections_mark_busy(&l->connections, c, true);
		return continue_exchange(l, x, upload, upload_len);
	}
	if (exchange_was_refused_early(x))
		return MHD_NO; /* answered long ago: close */
	log_set_request(exchange_id(x));
	routes_serve(l->server, x);
	log_set_request(NULL);
	return exchange_was_answered(x) ? MHD_YES : MHD_NO;
}

static void
on_completed(void *cookie, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct listener *l = cookie;
	struct connection *c = connection_of(connection);
	struct exchange *x = *context;

	(void)code;
	if (x != NULL) {
		request_log_answered(l->server, x, NULL);
		/* a stream had its own limit */
		MHD_set_connection_option(connection,
		    MHD_CONNECTION_OPTION_TIMEOUT,
		    (unsigned)(exchange_settings(x)->request_timeout_ms /
			       1000));
	}
	exchange_free(x);
	*context = NULL;
	if (c != NULL)
		connections_mark_busy(&l->connections, c, false);
}

/* Paths are compared as they came: decoding would let %00 cut them. */
static size_t
leave_escaped(void *cookie, struct MHD_Connection *connection, char *text)
{
	(void)cookie;
	(void)connection;
	return strlen(text);
}

/*
 * The library tries a failed accept again at once, and tells each time: it is
 * held back here, on its accepting thread.
 */
static enum log_level
judge_library_line(struct listener *l, const char *format)
{
	static const char failed[] = "Error accepting connection";
	static const char no_room[] = "Hit process or system resource limit";
	long long now = server_now_ms();

	if (strncmp(format, no_room, sizeof(no_room) - 1) == 0)
		poll(NULL, 0, NO_ROOM_PAUSE_MS);
	else if (strncmp(format, failed, sizeof(failed) - 1) == 0 &&
		 now >= l->say_ms) {
		l->say_ms = now + NO_ROOM_SAY_MS;
		return LOG_WARN;
	}
	return LOG_DEBUG;
}

static void
on_library_log(void *cookie, const char *format, va_list args)
{
	enum log_level level = judge_library_line(cookie, format);
	char line[512];

	if (level == LOG_DEBUG && !log_debugs())
		return;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\r\n")] = '\0';
	log_say(level, "http library: %s", line);
}

/* -- life ----------------------------------------------------------------- */

/* How many connections the file limit bears; raises the soft limit first. */
static int
connection_limit(const struct settings *s, struct fault *why)
{
	struct rlimit files;
	long long bears;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return fault_set(
		    why, FAULT_INTERNAL, "getrlimit: %s", strerror(errno));
	if (files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		getrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur > 1048576)
		files.rlim_cur = 1048576;
	bears = ((long long)files.rlim_cur - FDS_RESERVED) / FDS_PER_CONNECTION;
	if (bears < 1)
		return fault_set(why, FAULT_INTERNAL,
		    "the limit of open files (%llu) is too low to serve",
		    (unsigned long long)files.rlim_cur);
	if (s->max_connections > 0 && s->max_connections < bears)
		return s->max_connections;
	return (int)bears;
}

static int
start_daemon(struct listener *l, const struct settings *s, struct fault *why)
{
	const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD |
			       MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
			       MHD_USE_ITC | MHD_USE_ERROR_LOG;

	/* clang-format off */
	l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l,
	    MHD_OPTION_EXTERNAL_LOGGER, on_library_log, l,
	    MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
	    MHD_OPTION_URI_LOG_CALLBACK, on_first_line, l,
	    MHD_OPTION_LISTEN_SOCKET, l->fd,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
	    MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)(l->max_connections + OVERLOAD_SLOTS),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
	    MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)(s->request_timeout_ms / 1000),
	    MHD_OPTION_THREAD_STACK_SIZE, (size_t)POOL_STACK_BYTES,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_END);
	/* clang-format on */
	if (l->daemon == NULL)
		return fault_set(why, FAULT_INTERNAL,
		    "cannot start the HTTP server: %s", strerror(errno));
	return 0;
}

struct listener *
listener_start(struct settings *s, int fd, bool is_shared, struct fault *why)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		close(fd);
		fault_no_memory(why);
		return NULL;
	}
	connections_init(&l->connections);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->stop, NULL);
	l->fd = fd;
	l->is_shared = is_shared;
	bind_name(l->fd, l->address, sizeof(l->address));
	if ((l->max_connections = connection_limit(s, why)) == -1)
		goto fail;
	if ((l->server = server_new(s)) == NULL) {
		fault_set(why, FAULT_INTERNAL, "cannot start the server: %s",
		    strerror(errno));
		goto fail;
	}
	if (start_daemon(l, s, why) == -1)
		goto fail;
	l->reaping = true;
	if (pthread_create(&l->reaper, NULL, reap, l) == 0)
		return l;
	l->reaping = false;
	fault_set(why, FAULT_INTERNAL, "cannot start a thread");
fail:
	listener_stop(l);
	return NULL;
}

const char *
listener_address(const struct listener *l)
{
	return l->address;
}

void
listener_show_models(struct listener *l,
    void (*see)(void *cookie, const struct model_list *list), void *cookie)
{
	struct settings *s = server_settings(l->server);

	catalog_show(l->server, s, NULL, see, cookie);
	settings_drop(s);
}

void
listener_reload(struct listener *l, struct settings *s)
{
	server_set_settings(l->server, s);
}

/* Who waits in the queue has connected as it seems to him: he is let in. */
static void
let_in_waiting(struct listener *l)
{
	for (int i = 0; i < l->max_connections; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int fd = accept(l->fd, (struct sockaddr *)&peer, &len);

		if (fd == -1)
			break;
		if (MHD_add_connection(l->daemon, fd, (struct sockaddr *)&peer,
			len) == MHD_YES)
			l->n_let_in++;
	}
}

/*
 * Closing resets who connects between the last look into the queue and that:
 * so nobody can any more, before.  Behind a shared socket it is the queue of
 * the next instance, and stays as it is.
 */
static void
close_listening(struct listener *l)
{
	MHD_quiesce_daemon(l->daemon); /* the library takes in no more */
	l->n_let_in = connections_ever(&l->connections);
	let_in_waiting(l);
	if (!l->is_shared)
		bind_refuse(l->fd);
	poll(NULL, 0, HANDSHAKE_MS);
	if (!l->is_shared)
		let_in_waiting(l);
	close(l->fd);
	l->fd = -1;
}

/* Whether somebody has connected and may still ask, or the library has yet to
 * tell of one that was let in. */
static bool
has_newcomers(struct listener *l)
{
	return connections_ever(&l->connections) < l->n_let_in ||
	       connections_have_newcomers(&l->connections, NEWCOMER_MS);
}

/*
 * Waits for the running requests, those that still come in, and the last of
 * their answers, which the library would cut by stopping.  False if at `end`
 * or at the waking some run.
 */
static bool
let_requests_end(struct listener *l, long long end, int wake_fd)
{
	struct pollfd p = { .fd = wake_fd, .events = POLLIN };
	long long life = server_now_ms();

	do {
		if (!server_wait_idle(
			l->server, (long)(end - server_now_ms()), wake_fd) ||
		    poll(&p, 1, DRAIN_LOOK_MS) > 0)
			return false;
		if (server_is_busy(l->server))
			life = server_now_ms();
	} while (connections_are_left(&l->connections, &life) &&
		 server_now_ms() < (life < end ? life : end) + LEAVE_GRACE_MS);
	return true;
}

void
listener_drain(struct listener *l, long timeout_ms, int wake_fd)
{
	struct pollfd p = { .fd = wake_fd, .events = POLLIN };
	long long now = server_now_ms(), end = now + timeout_ms;

	atomic_store(&l->server->draining, true);
	close_listening(l);
	while (has_newcomers(l) && server_now_ms() < now + NEWCOMER_MS &&
	       poll(&p, 1, DRAIN_LOOK_MS) == 0)
		continue;
	connections_let_idle_go(&l->connections);
	if (!let_requests_end(l, end, wake_fd)) {
		server_cancel_jobs(l->server);
		server_wait_idle(l->server, CANCEL_GRACE_MS, -1);
		let_requests_end(l, server_now_ms(), -1);
	}
}

void
listener_stop(struct listener *l)
{
	if (l == NULL)
		return;
	stop_reaper(l);
	if (l->daemon != NULL) {
		server_cancel_jobs(l->server);
		MHD_stop_daemon(l->daemon);
	} else if (l->fd != -1) {
		close(l->fd); /* else the library has */
	}
	server_free(l->server);
	pthread_cond_destroy(&l->stop);
	pthread_mutex_destroy(&l->lock);
	connections_clear(&l->connections);
	free(l);
}
