/* SPDX-License-Identifier: MIT */
/* Who may look, and when there is something new.  Knows no HTML. */
#include "server/statuspage.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "server/exchange.h"
#include "server/journal.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/spoken.h"
#include "server/statusview.h"
#include "wire/buf.h"
#include "wire/fault.h"

/* The worst that 128 rows of hostile texts can become. */
#define MAX_PAGE_BYTES ((size_t)1024 * 1024)
/* Each costs a thread and renders for itself. */
#define MAX_WATCHERS 8
/* Looks for news, a client that left, a drain. */
#define STEP_MS	   200
#define PAUSE_MS   500	 /* between two events at least */
#define RUNNING_MS 1000	 /* while requests run, for their times */
#define QUIET_MS   15000 /* and for the ages of the others */
#define NONCE	   22

/* -- who may look --------------------------------------------------------- */

static bool
is_loopback_name(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	char name[64];
	size_t len;

	if (*host == '[') {
		len = strcspn(++host, "]");
		if (host[len] != ']')
			return false;
	} else {
		len = strcspn(host, ":");
	}
	if (len >= sizeof(name) ||
	    strspn(host + len, "]:0123456789") != strlen(host + len))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (strcasecmp(name, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, name, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, name, &six) == 1 &&
	       IN6_IS_ADDR_LOOPBACK(&six);
}

static bool
is_loopback_peer(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
		struct sockaddr_storage room;
	} peer;
	socklen_t len = sizeof(peer);
	const unsigned char *bytes = peer.six.sin6_addr.s6_addr;

	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, &peer.any, &len) == -1)
		return false;
	if (peer.any.sa_family == AF_INET)
		return ntohl(peer.four.sin_addr.s_addr) >> 24 == 127;
	if (peer.any.sa_family != AF_INET6)
		return peer.any.sa_family == AF_UNIX;
	return IN6_IS_ADDR_LOOPBACK(&peer.six.sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&peer.six.sin6_addr) && bytes[12] == 127);
}

/*
 * Without a key the page is this machine's alone.  The name must be too: a
 * page from elsewhere whose own name was made to point here (DNS rebinding)
 * would be read by a browser of this machine.  Nor may another server have
 * passed the request on.
 */
static bool
may_look(struct exchange *x)
{
	struct buf host;
	bool may;

	if (exchange_settings(x)->n_proxy_keys > 0)
		return true; /* the key was seen at the door */
	buf_init(&host, 512);
	exchange_header_all(x, "host", &host);
	may = is_loopback_peer(exchange_fd(x)) && !host.failed &&
	      is_loopback_name(buf_str(&host)) &&
	      exchange_header(x, "forwarded") == NULL &&
	      exchange_header(x, "x-forwarded-for") == NULL;
	buf_clear(&host);
	return may;
}

static bool
admit_reader(struct exchange *x, struct fault *why)
{
	exchange_add_header(x, "cross-origin-resource-policy", "same-origin");
	exchange_add_header(x, "x-content-type-options", "nosniff");
	exchange_add_header(x, "x-frame-options", "DENY");
	exchange_add_header(x, "referrer-policy", "no-referrer");
	if (may_look(x))
		return true;
	fault_set(why, FAULT_PERMISSION,
	    "Without a PROXY_API_KEY the status page is shown on this machine "
	    "alone, at http://localhost or http://127.0.0.1.");
	return false;
}

/* -- what is seen --------------------------------------------------------- */

static long long
unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Appends the page, or for no nonce its inside.  The count of requests that
 * run, or -1: no memory. */
static int
render(struct server *server, struct exchange *x, const char *nonce,
    struct buf *out)
{
	const struct settings *settings = exchange_settings(x);
	const char *host = exchange_header(x, "host");
	struct journal_snapshot *seen = journal_look(server->journal);
	struct spoken_pair *spoken =
	    settings->status_bodies ? spoken_look(server->spoken) : NULL;
	struct status_view v = {
		.seen = seen,
		.spoken = spoken,
		.now_unix_ms = unix_ms(),
		.upstream =
		    settings->demo ? "the demo" : settings->upstream.host,
		.here = host != NULL ? host : "127.0.0.1",
		.wants_key = settings->n_proxy_keys > 0,
	};
	int running = -1;

	if (seen != NULL) {
		if (nonce != NULL)
			statusview_page(&v, nonce, out);
		else
			statusview_main(&v, out);
		running = (int)seen->n_flights;
	}
	free(seen);
	free(spoken);
	return out->failed ? -1 : running;
}

void
statuspage_serve(struct server *server, struct exchange *x)
{
	char nonce[NONCE + 1] = "", policy[256];
	struct fault why = { 0 };
	struct buf page;

	if (!admit_reader(x, &why)) {
		exchange_answer_fault(x, &why);
		return;
	}
	exchange_add_header(x, "cache-control", "no-store");
	secret_random_text(nonce, NONCE);
	snprintf(policy, sizeof(policy),
	    "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
	    "img-src data:; connect-src 'self'; base-uri 'none'; form-action "
	    "'none'; frame-ancestors 'none'",
	    nonce, nonce);
	exchange_add_header(x, "content-security-policy", policy);
	buf_init(&page, MAX_PAGE_BYTES);
	if (render(server, x, nonce, &page) == -1) {
		fault_no_memory(&why);
		exchange_answer_fault(x, &why);
	} else {
		exchange_answer(x, 200, "text/html; charset=utf-8", &page);
	}
	buf_clear(&page);
}

/* -- live ----------------------------------------------------------------- */

struct watcher {
	struct server *server;
	struct exchange *x;
	unsigned long version; /* of the journal, when it was last sent */
	long long sent_ms;     /* 0: never */
	int running;	       /* requests, then */
};

/* Who asks something new, or is gone, watches no more. */
static bool
client_stays(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, wait_ms) <= 0;
}

/* A reload may have taken the key away: the browser asks again. */
static bool
settings_stay(struct watcher *w)
{
	struct settings *s = server_settings(w->server);
	bool same = s == exchange_settings(w->x);

	settings_drop(s);
	return same;
}

static bool
is_due(const struct watcher *w)
{
	long long since = server_now_ms() - w->sent_ms;

	if (w->sent_ms == 0 || since >= QUIET_MS)
		return true;
	if (journal_version(w->server->journal) != w->version)
		return since >= PAUSE_MS;
	return w->running > 0 && since >= RUNNING_MS;
}

static bool
next_event(void *cookie, struct buf *out)
{
	struct watcher *w = cookie;

	for (;;) {
		if (atomic_load(&w->server->draining) || !settings_stay(w))
			return false;
		if (is_due(w))
			break;
		if (!client_stays(exchange_fd(w->x), STEP_MS))
			return false;
	}
	if (w->sent_ms == 0)
		BUF_ADD_LIT(out, "retry: 2000\n");
	w->version = journal_version(w->server->journal);
	w->sent_ms = server_now_ms();
	BUF_ADD_LIT(out, "data: ");
	w->running = render(w->server, w->x, NULL, out);
	BUF_ADD_LIT(out, "\n\n");
	return w->running != -1;
}

static void
stop_watching(void *cookie)
{
	struct watcher *w = cookie;

	atomic_fetch_sub(&w->server->watchers, 1);
	free(w);
}

void
statuspage_events(struct server *server, struct exchange *x)
{
	struct watcher *w = calloc(1, sizeof(*w));
	struct exchange_events events = {
		.next = next_event,
		.done = stop_watching,
		.cookie = w,
		.max_bytes = MAX_PAGE_BYTES,
		.ping_ms = QUIET_MS,
	};
	struct fault why = { 0 };

	if (w == NULL) {
		fault_no_memory(&why);
		exchange_answer_fault(x, &why);
		return;
	}
	*w = (struct watcher){ .server = server, .x = x };
	if (atomic_fetch_add(&server->watchers, 1) >= MAX_WATCHERS)
		fault_set(&why, FAULT_OVERLOADED,
		    "Too many watch the status page: try again.");
	if (why.kind == FAULT_NONE && admit_reader(x, &why) &&
	    exchange_answer_events(x, &events) == 0)
		return;
	if (why.kind != FAULT_NONE)
		exchange_answer_fault(x, &why);
	stop_watching(w);
}
