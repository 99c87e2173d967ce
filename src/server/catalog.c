/* SPDX-License-Identifier: MIT */
/* The cached list of models.  Knows when to ask; the list's form is
 * translate's business. */
#include "server/catalog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cancel.h"
#include "server/fetch.h"
#include "server/log.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "translate/modellist.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define KEEP_MS		 (10 * 60 * 1000)
#define FETCH_TIMEOUT_MS 2000
#define MAX_LIST_BYTES	 (8 * 1024 * 1024)

struct catalog {
	pthread_mutex_t lock;
	struct model_list list;
	long long asked_ms; /* 0: never */
	bool asking;
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
	return c;
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	model_list_clear(&c->list);
	cancel_clear(&c->cancel);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void
catalog_cancel(struct catalog *c)
{
	if (c != NULL)
		cancel_fire(&c->cancel, CANCEL_DRAIN);
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
	struct buf body;
};

static void
keep(struct errand *e, int status)
{
	struct catalog *c = e->server->catalog;
	struct fault why = { 0 };
	struct model_list list = { 0 };

	if (status != 200 || model_list_parse(buf_str(&e->body), e->body.len,
				 &list, &why) == -1) {
		log_say(LOG_DEBUG, "no list of models: status %d %s", status,
		    why.message);
		model_list_clear(&list);
		return;
	}
	pthread_mutex_lock(&c->lock);
	model_list_clear(&c->list);
	c->list = list;
	pthread_mutex_unlock(&c->lock);
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
	char url[4096];
	struct upstream_call call = {
		.settings = e->settings,
		.method = "GET",
		.url = url,
		.client_key = e->client_key,
		.cancel = &c->cancel,
		.total_timeout_ms = FETCH_TIMEOUT_MS,
	};
	int n = snprintf(url, sizeof(url), "%s/models%s",
	    e->settings->upstream.base, e->settings->upstream.query);

	if (n > 0 && (size_t)n < sizeof(url))
		keep(e, fetch_whole(e->server->upstream, &call, &e->body));
	pthread_mutex_lock(&c->lock);
	c->asking = false;
	pthread_mutex_unlock(&c->lock);
	errand_free(e);
}

/* Whether it is this caller's turn to ask; `first`: nobody ever did. */
static bool
claim(struct catalog *c, bool *first)
{
	long long now = server_now_ms();
	bool mine;

	pthread_mutex_lock(&c->lock);
	*first = c->asked_ms == 0;
	mine = !c->asking && (*first || now - c->asked_ms > KEEP_MS);
	if (mine) {
		c->asking = true;
		c->asked_ms = now;
	}
	pthread_mutex_unlock(&c->lock);
	return mine;
}

void
catalog_refresh(
    struct server *server, struct settings *s, const char *client_key)
{
	struct catalog *c = server->catalog;
	struct errand *e;
	bool first;

	if (!claim(c, &first))
		return;
	if ((e = calloc(1, sizeof(*e))) != NULL) {
		e->server = server;
		e->settings = settings_hold(s);
		e->client_key = client_key != NULL ? strdup(client_key) : NULL;
		buf_init(&e->body, MAX_LIST_BYTES);
		if (first || pool_run(server->pool, fetch, e) == -1)
			fetch(e);
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->asking = false;
	pthread_mutex_unlock(&c->lock);
}
