/* SPDX-License-Identifier: MIT */
/* Serves the list of models.  What is in it is translate's business. */
#include "server/modelsroute.h"

#include <stdio.h>
#include <string.h>

#include "server/admit.h"
#include "server/cancel.h"
#include "server/catalog.h"
#include "server/exchange.h"
#include "server/fetch.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "server/watch.h"
#include "translate/modelpage.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define MAX_PAGE_BYTES	((size_t)32 * 1024 * 1024)
#define MAX_MODEL_BYTES ((size_t)1024 * 1024)
#define ASK_TIMEOUT_MS	2000

/* One request. */
struct visit {
	struct server *server;
	struct exchange *x;
	struct settings *settings; /* held by the exchange */
	const char *client_key;	   /* borrowed from it, or NULL */
	struct cancel cancel;
	struct job job;
	struct model_query query;
	char id[MODEL_ID_MAX + 1]; /* of the one that is asked for */
	bool found;
	struct buf body;
	struct fault why;
};

/* -- what the list is shown to -------------------------------------------- */

static struct model_offer
offer_of(const struct visit *v, const struct model_list *list)
{
	return (struct model_offer){
		.routes = &v->settings->routes,
		.windows = v->settings->context_windows,
		.n_windows = v->settings->n_context_windows,
		.listed = list,
	};
}

static void
print_page(void *cookie, const struct model_list *list)
{
	struct visit *v = cookie;
	struct model_offer offer = offer_of(v, list);

	v->found = models_print_page(&offer, &v->query, &v->body, &v->why) == 0;
}

static void
print_one(void *cookie, const struct model_list *list)
{
	struct visit *v = cookie;
	struct model_offer offer = offer_of(v, list);

	v->found = models_print_one(&offer, v->id, &v->body);
}

/* -- a model that is not listed ------------------------------------------- */

/* Upstreams know models that they do not list, or list none. */
static void
ask_for_one(struct visit *v)
{
	const struct upstream_target *up = &v->settings->upstream;
	struct model_list list = { 0 };
	struct fault ignored = { 0 };
	struct buf url, answer;
	struct upstream_call call = {
		.settings = v->settings,
		.method = "GET",
		.client_key = v->client_key,
		.cancel = &v->cancel,
		.total_timeout_ms = ASK_TIMEOUT_MS,
	};

	buf_init(&url, 8192);
	buf_init(&answer, MAX_MODEL_BYTES);
	buf_printf(&url, "%s/models/", up->base);
	model_id_encode(v->id, &url);
	buf_add_str(&url, up->query);
	call.url = buf_str(&url);
	if (!url.failed &&
	    fetch_whole(v->server->upstream, &call, &answer) == 200 &&
	    model_list_parse(buf_str(&answer), answer.len, &list, &ignored) ==
		0)
		print_one(v, &list);
	model_list_clear(&list);
	buf_clear(&url);
	buf_clear(&answer);
}

/* -- the routes ----------------------------------------------------------- */

static void
take_argument(void *cookie, const char *name, const char *value)
{
	struct visit *v = cookie;

	if (v->why.kind == FAULT_NONE)
		(void)model_query_add(&v->query, name, value, &v->why);
}

static int
begin(struct visit *v, struct server *server, struct exchange *x)
{
	*v = (struct visit){
		.server = server,
		.x = x,
		.settings = (struct settings *)exchange_settings(x),
		.client_key = admit_client_key(x),
	};
	v->job.cancel = &v->cancel;
	buf_init(&v->body, MAX_PAGE_BYTES);
	if (cancel_init(&v->cancel) == -1) {
		fault_no_memory(&v->why);
		exchange_answer_fault(x, &v->why);
		return -1;
	}
	server_add_job(server, &v->job);
	(void)watch_add(server->watch, exchange_watched_fd(x), &v->cancel);
	return 0;
}

static void
end(struct visit *v)
{
	watch_remove(v->server->watch, exchange_watched_fd(v->x), &v->cancel);
	if (v->found)
		exchange_answer(v->x, 200, "application/json", &v->body);
	else
		exchange_answer_fault(v->x, &v->why);
	server_remove_job(v->server, &v->job);
	cancel_clear(&v->cancel);
	buf_clear(&v->body);
}

void
modelsroute_list(struct server *server, struct exchange *x)
{
	struct visit v;

	if (begin(&v, server, x) == -1)
		return;
	model_query_init(&v.query);
	exchange_each_argument(x, take_argument, &v);
	if (v.why.kind == FAULT_NONE)
		catalog_show(server, v.settings, v.client_key, print_page, &v);
	end(&v);
}

void
modelsroute_one(struct server *server, struct exchange *x)
{
	static const char folder[] = "/models/";
	const char *name = strstr(exchange_path(x), folder) + strlen(folder);
	struct visit v;

	if (begin(&v, server, x) == -1)
		return;
	if (model_id_decode(name, v.id) == 0 && v.id[0] != '\0') {
		catalog_show(server, v.settings, v.client_key, print_one, &v);
		/* those two would be a path of their own */
		if (!v.found && strcmp(v.id, ".") != 0 &&
		    strcmp(v.id, "..") != 0)
			ask_for_one(&v);
		if (v.body.failed)
			v.found = false;
	}
	if (!v.found)
		fault_set(&v.why, FAULT_NOT_FOUND, "model: %s",
		    v.id[0] != '\0' ? v.id : name);
	end(&v);
}
