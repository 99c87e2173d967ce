/* SPDX-License-Identifier: MIT */
/* The cached list of models.  Knows when to ask; the list's form is
 * translate's business. */
#include "server/catalog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/cancel.h"
#include "server/fetch.h"
#include "server/log.h"
#include "server/pool.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "translate/modellist.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define KEEP_MS		 (10 * 60 * 1000)
#define TRY_AGAIN_MS	 (30 * 1000)
#define FETCH_TIMEOUT_MS 2000
#define MAX_LIST_BYTES	 (8 * 1024 * 1024)

/* Whose key a list was got with: a fingerprint, "" where it is our own. */
struct owner {
	char text[20];
};

struct catalog {
	pthread_mutex_t lock;
	pthread_cond_t told; /* nobody asks any more */
	struct model_list list;
	struct owner list_owner, asked_owner; /* the list's, the last try's */
	bool has_list;
	long long asked_ms; /* 0: never */
	long keep_ms;	    /* how long what came of it counts */
	bool asking;
	unsigned forgotten;   /* so often */
	struct cancel cancel; /* of the fetch that runs */
};

struct catalog *
catalog_new(void)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (cancel_init(&c->cancel) == -1) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->told, NULL);
	return c;
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	model_list_clear(&c->list);
	cancel_clear(&c->cancel);
	pthread_cond_destroy(&c->told);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void
catalog_cancel(struct catalog *c)
{
	if (c != NULL)
		cancel_fire(&c->cancel, CANCEL_DRAIN);
}

void
catalog_forget(struct catalog *c)
{
	pthread_mutex_lock(&c->lock);
	c->asked_ms = 0;
	c->has_list = false;
	c->forgotten++;
	model_list_clear(&c->list);
	pthread_mutex_unlock(&c->lock);
}

int64_t
catalog_window(struct catalog *c, const char *model)
{
	const struct listed_model *m;
	int64_t window;

	pthread_mutex_lock(&c->lock);
	m = model_list_find(&c->list, model);
	window = m != NULL ? m->window : 0;
	pthread_mutex_unlock(&c->lock);
	return window;
}

/* -- asking --------------------------------------------------------------- */

struct errand {
	struct server *server;
	struct settings *settings;
	char *client_key;
	struct owner owner;
	unsigned forgotten; /* as it was */
	struct buf body;
};

/* Whether an upstream that answers so has no list to give. */
static bool
is_final(int status)
{
	return status == 200 || status == 404 || status == 405 || status == 501;
}

static void
keep(struct errand *e, int status)
{
	struct catalog *c = e->server->catalog;
	struct fault why = { 0 };
	struct model_list list = { 0 }, old = { 0 };
	bool is_good = status == 200 && model_list_parse(buf_str(&e->body),
					    e->body.len, &list, &why) == 0;

	if (!is_good)
		log_say(LOG_DEBUG, "no list of models: status %d %s", status,
		    why.message);
	pthread_mutex_lock(&c->lock);
	c->keep_ms = is_final(status) ? KEEP_MS : TRY_AGAIN_MS;
	if (is_good && e->forgotten == c->forgotten) {
		old = c->list;
		c->list = list;
		c->list_owner = e->owner;
		c->has_list = true;
		list = old;
	}
	c->asking = false;
	pthread_cond_broadcast(&c->told);
	pthread_mutex_unlock(&c->lock);
	model_list_clear(&list);
}

static void
errand_free(struct errand *e)
{
	settings_drop(e->settings);
	buf_clear(&e->body);
	free(e->client_key);
	free(e);
}

static void
fetch(void *cookie)
{
	struct errand *e = cookie;
	struct catalog *c = e->server->catalog;
	struct upstream_call call = {
		.settings = e->settings,
		.method = "GET",
		.url = e->settings->upstream.models,
		.client_key = e->client_key,
		.cancel = &c->cancel,
		.total_timeout_ms = FETCH_TIMEOUT_MS,
	};

	keep(e, fetch_whole(e->server->upstream, &call, &e->body));
	errand_free(e);
}

static struct owner
owner_of(const struct settings *s, const char *client_key)
{
	struct owner o = { "" };

	if (s->upstream_key == NULL && client_key != NULL)
		secret_fingerprint(client_key, o.text);
	return o;
}

static bool
is_same(const struct owner *a, const struct owner *b)
{
	return strcmp(a->text, b->text) == 0;
}

/*
 * Whether it is this caller's turn to ask, and to wait for the answer; both
 * under the lock.  `for_owner`: a list got with another's key will not do.
 */
static bool
claim(struct catalog *c, const struct owner *owner, bool for_owner, bool *wait)
{
	long long now = server_now_ms();

	*wait =
	    c->asked_ms == 0 || (for_owner && !is_same(&c->asked_owner, owner));
	if (c->asking || (!*wait && now - c->asked_ms <= c->keep_ms))
		return false;
	c->asking = true;
	c->asked_ms = now;
	c->asked_owner = *owner;
	return true;
}

static void
refresh(struct server *server, struct settings *s, const char *client_key,
    bool for_owner)
{
	struct catalog *c = server->catalog;
	struct owner owner = owner_of(s, client_key);
	struct errand *e = NULL;
	bool wait;

	pthread_mutex_lock(&c->lock);
	if (claim(c, &owner, for_owner, &wait) &&
	    (e = calloc(1, sizeof(*e))) == NULL)
		c->asking = false;
	if (e != NULL)
		e->forgotten = c->forgotten;
	pthread_mutex_unlock(&c->lock);
	if (e == NULL)
		return;
	e->server = server;
	e->settings = settings_hold(s);
	e->client_key = client_key != NULL ? strdup(client_key) : NULL;
	e->owner = owner;
	buf_init(&e->body, MAX_LIST_BYTES);
	if (wait || pool_run(server->pool, fetch, e) == -1)
		fetch(e);
}

void
catalog_refresh(
    struct server *server, struct settings *s, const char *client_key)
{
	refresh(server, s, client_key, false);
}

void
catalog_show(struct server *server, struct settings *s, const char *client_key,
    void (*see)(void *cookie, const struct model_list *list), void *cookie)
{
	static const struct model_list none;
	struct catalog *c = server->catalog;
	struct owner owner = owner_of(s, client_key);
	bool has;

	/* Once more, if whoever was waited for asked for somebody else. */
	for (int i = 0; i < 2; i++) {
		refresh(server, s, client_key, true);
		pthread_mutex_lock(&c->lock);
		while (c->asking &&
		       !(c->has_list && is_same(&c->list_owner, &owner)))
			pthread_cond_wait(&c->told, &c->lock);
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_lock(&c->lock);
	has = c->has_list && is_same(&c->list_owner, &owner);
	see(cookie, has ? &c->list : &none);
	pthread_mutex_unlock(&c->lock);
}
