/* SPDX-License-Identifier: MIT */
/*
 * The pool of easy handles.  Connections are not shared between handles:
 * libcurl does not support that across threads.  DNS answers and TLS
 * sessions are.
 */
#include "server/upstream_handles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/deadline.h"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or newer is needed (CURLOPT_PREREQFUNCTION)"
#endif

/* An idle handle holds three descriptors, and its connection is too old. */
#define REST_MS 60000

struct handles {
	CURLSH *share;
	pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
	pthread_mutex_t lock;
	struct handle *newest, *oldest;
	unsigned generation; /* handles of an earlier one are dropped */
	void (*prepare)(struct handle *h);
};

/* -- sockets -------------------------------------------------------------- */

bool
handle_is_cancelled(const struct handle *h)
{
	return h->cancel != NULL && cancel_reason(h->cancel) != CANCEL_NONE;
}

/* Every socket passes here, so that a cancel can reach it: libcurl would
 * otherwise answer a connection that was shut down by opening the next. */
static curl_socket_t
on_open(void *cookie, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct handle *h = cookie;
	int fd, place = 0;

	(void)purpose;
	while (place < CANCEL_SOCKETS && h->sockets[place] != -1)
		place++;
	if (place == CANCEL_SOCKETS || handle_is_cancelled(h))
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd == -1)
		return CURL_SOCKET_BAD;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (h->cancel != NULL && cancel_attach(h->cancel, fd) == -1) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	h->sockets[place] = fd;
	return fd;
}

static int
on_close(void *cookie, curl_socket_t fd)
{
	struct handle *h = cookie;

	for (int i = 0; i < CANCEL_SOCKETS; i++)
		if (h->sockets[i] == fd)
			h->sockets[i] = -1;
	if (h->cancel != NULL)
		cancel_detach(h->cancel, fd);
	return close(fd);
}

void
handle_attach(struct handle *h, struct cancel *c)
{
	h->cancel = c;
	for (int i = 0; i < CANCEL_SOCKETS; i++)
		if (h->sockets[i] != -1)
			cancel_attach(c, h->sockets[i]);
}

void
handle_detach(struct handle *h)
{
	for (int i = 0; i < CANCEL_SOCKETS; i++)
		if (h->sockets[i] != -1)
			cancel_detach(h->cancel, h->sockets[i]);
	h->cancel = NULL;
}

bool
handle_has_input(const struct handle *h)
{
	struct pollfd p[CANCEL_SOCKETS];

	for (int i = 0; i < CANCEL_SOCKETS; i++)
		p[i] = (struct pollfd){ .fd = h->sockets[i], .events = POLLIN };
	return poll(p, CANCEL_SOCKETS, 0) > 0;
}

/* -- handles -------------------------------------------------------------- */

/* Whether libcurl may come to ask a proxy. */
static bool
has_proxy(void)
{
	return getenv("http_proxy") != NULL || getenv("https_proxy") != NULL ||
	       getenv("HTTPS_PROXY") != NULL || getenv("all_proxy") != NULL ||
	       getenv("ALL_PROXY") != NULL;
}

static void
set_options(struct handle *h, CURLSH *share)
{
	static const struct {
		CURLoption option;
		int value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_NOPROGRESS, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_TCP_NODELAY, 1 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_MAXCONNECTS, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_HEADEROPT, CURLHEADER_SEPARATE },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
#if LIBCURL_VERSION_NUM < 0x075500
		{ CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS },
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
		/* A name server that is silent must not hold the call beyond
		 * its connect timeout. */
		{ CURLOPT_QUICK_EXIT, 1 },
#endif
	};
	CURL *easy = h->easy;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		curl_easy_setopt(
		    easy, numbers[i].option, (long)numbers[i].value);
	curl_easy_setopt(easy, CURLOPT_SHARE, share);
	/* The proxy hears it, too.  The upstream's is a header like the others:
	 * libcurl spells its own twice, byte by byte.  And it copies for each
	 * call where a proxy's certificates are. */
	if (has_proxy()) {
		curl_easy_setopt(
		    easy, CURLOPT_USERAGENT, "anthropic-proxy/" VERSION);
	} else {
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	}
	/* Inflates what comes deflated though nobody asked for it; upstream.c
	 * takes the header out of the request. */
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#endif
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, h);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error);
}

static struct handle *
handle_new(const struct handles *all, unsigned generation)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->generation = generation;
	for (int i = 0; i < CANCEL_SOCKETS; i++)
		h->sockets[i] = -1;
	if ((h->easy = curl_easy_init()) == NULL) {
		free(h);
		return NULL;
	}
	set_options(h, all->share);
	all->prepare(h);
	return h;
}

bool
handle_set_url(struct handle *h, const char *url)
{
	if (h->url_text != NULL && strcmp(h->url_text, url) == 0)
		return true;
	free(h->url_text);
	h->url_text = NULL;
	if (h->url == NULL && (h->url = curl_url()) == NULL)
		return false;
	if (curl_url_set(h->url, CURLUPART_URL, url, CURLU_PATH_AS_IS) !=
		CURLUE_OK ||
	    curl_easy_setopt(h->easy, CURLOPT_CURLU, h->url) != CURLE_OK)
		return false;
	h->url_text = strdup(url);
	return h->url_text != NULL;
}

void
handle_drop(struct handle *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy); /* closes its connection: on_close */
	curl_url_cleanup(h->url);
	curl_slist_free_all(h->lines);
	free(h->lines_key);
	free(h->lines_more);
	free(h->url_text);
	free(h);
}

/* -- the pool ------------------------------------------------------------- */

/* Takes those out that have rested since before `limit`; the caller holds
 * the lock.  They are chained by `newer`. */
static struct handle *
take_rested(struct handles *all, long long limit)
{
	struct handle *first = all->oldest, *last = NULL;

	while (all->oldest != NULL && all->oldest->idle_since_ms < limit) {
		last = all->oldest;
		all->oldest = last->newer;
	}
	if (last == NULL)
		return NULL;
	last->newer = NULL;
	if (all->oldest != NULL)
		all->oldest->older = NULL;
	else
		all->newest = NULL;
	return first;
}

/* Without the lock: closing may take a while. */
static void
drop_chain(struct handle *h)
{
	struct handle *next;

	for (; h != NULL; h = next) {
		next = h->newer;
		handle_drop(h);
	}
}

struct handle *
handle_take(struct handles *all)
{
	struct handle *h;
	unsigned generation;

	pthread_mutex_lock(&all->lock);
	generation = all->generation;
	if ((h = all->newest) != NULL) {
		all->newest = h->older;
		if (h->older != NULL)
			h->older->newer = NULL;
		else
			all->oldest = NULL;
		h->older = NULL;
	}
	pthread_mutex_unlock(&all->lock);
	return h != NULL ? h : handle_new(all, generation);
}

void
handle_give_back(struct handles *all, struct handle *h)
{
	struct handle *rested;

	h->idle_since_ms = deadline_now_ms();
	pthread_mutex_lock(&all->lock);
	rested = take_rested(all, h->idle_since_ms - REST_MS);
	if (h->generation == all->generation) {
		h->newer = NULL;
		h->older = all->newest;
		if (all->newest != NULL)
			all->newest->newer = h;
		else
			all->oldest = h;
		all->newest = h;
		h = NULL;
	}
	pthread_mutex_unlock(&all->lock);
	handle_drop(h);
	drop_chain(rested);
}

void
handles_trim(struct handles *all)
{
	struct handle *rested;

	pthread_mutex_lock(&all->lock);
	rested = take_rested(all, deadline_now_ms() - REST_MS);
	pthread_mutex_unlock(&all->lock);
	drop_chain(rested);
}

void
handles_forget(struct handles *all)
{
	struct handle *chain;

	pthread_mutex_lock(&all->lock);
	all->generation++;
	chain = all->oldest;
	all->oldest = all->newest = NULL;
	pthread_mutex_unlock(&all->lock);
	drop_chain(chain);
}

/* -- from start to end ---------------------------------------------------- */

static void
lock_share(CURL *easy, curl_lock_data what, curl_lock_access how, void *cookie)
{
	struct handles *all = cookie;

	(void)easy, (void)how;
	pthread_mutex_lock(&all->share_locks[what]);
}

static void
unlock_share(CURL *easy, curl_lock_data what, void *cookie)
{
	struct handles *all = cookie;

	(void)easy;
	pthread_mutex_unlock(&all->share_locks[what]);
}

struct handles *
handles_new(void (*prepare)(struct handle *h))
{
	struct handles *all;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	if ((all = calloc(1, sizeof(*all))) == NULL ||
	    (all->share = curl_share_init()) == NULL) {
		free(all);
		curl_global_cleanup();
		return NULL;
	}
	all->prepare = prepare;
	pthread_mutex_init(&all->lock, NULL);
	for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_init(&all->share_locks[i], NULL);
	curl_share_setopt(all->share, CURLSHOPT_USERDATA, all);
	curl_share_setopt(all->share, CURLSHOPT_LOCKFUNC, lock_share);
	curl_share_setopt(all->share, CURLSHOPT_UNLOCKFUNC, unlock_share);
	curl_share_setopt(all->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(
	    all->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return all;
}

void
handles_free(struct handles *all)
{
	if (all == NULL)
		return;
	handles_forget(all);
	curl_share_cleanup(all->share);
	for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_destroy(&all->share_locks[i]);
	pthread_mutex_destroy(&all->lock);
	free(all);
	curl_global_cleanup();
}
