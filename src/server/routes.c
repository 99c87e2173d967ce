/* SPDX-License-Identifier: MIT */
/* The table of endpoints.  Does not know what they do. */
#include "server/routes.h"

#include <stdbool.h>
#include <string.h>

#include "server/exchange.h"
#include "server/metrics.h"
#include "server/modelsroute.h"
#include "server/ready.h"
#include "server/relay.h"
#include "server/request_log.h"
#include "server/server.h"
#include "server/statuspage.h"
#include "wire/buf.h"
#include "wire/fault.h"

static void
answer_text(struct exchange *x, int status, const char *text)
{
	struct buf body;

	buf_init(&body, 256);
	buf_add_str(&body, text);
	exchange_answer(x, status, "text/plain; charset=utf-8", &body);
}

static void
serve_health(struct server *server, struct exchange *x)
{
	if (atomic_load(&server->draining))
		answer_text(x, 503, "draining\n");
	else
		answer_text(x, 200, "OK\n");
}

static void
serve_root(struct server *server, struct exchange *x)
{
	(void)server;
	answer_text(x, 200, "anthropic-proxy\n");
}

struct route {
	const char *path;    /* one that ends in / takes all below it */
	const char *methods; /* as the Allow header has them */
	void (*serve)(struct server *server, struct exchange *x);
};

static const struct route routes[] = {
	{ "/v1/messages", "POST", relay_messages },
	{ "/v1/messages/count_tokens", "POST", relay_count_tokens },
	{ "/v1/models", "GET, HEAD", modelsroute_list },
	{ "/v1/models/", "GET, HEAD", modelsroute_one },
	{ "/health", "GET, HEAD", serve_health },
	{ "/ready", "GET, HEAD", ready_serve },
	{ "/metrics", "GET, HEAD", metrics_serve },
	{ "/status", "GET, HEAD", statuspage_serve },
	{ "/status/events", "GET", statuspage_events },
	{ "/", "GET, HEAD", serve_root },
	{ "/api/hello", "GET, HEAD", serve_root },
};

/* Whether `method` is one of a list like "GET, HEAD". */
static bool
allows(const char *methods, const char *method)
{
	size_t len = strlen(method);
	const char *at = methods;

	while ((at = strstr(at, method)) != NULL) {
		bool starts = at == methods || at[-1] == ' ';

		if (starts && (at[len] == '\0' || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

static bool
leads_to(const char *path, const char *route)
{
	size_t len = strlen(route);

	if (len > 1 && route[len - 1] == '/')
		return strncmp(path, route, len) == 0;
	return strcmp(path, route) == 0;
}

static const struct route *
find(const char *path)
{
	/* a base URL that ends in /v1 produces /v1/v1/… */
	if (strncmp(path, "/v1/v1/", 7) == 0)
		path += 3;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (leads_to(path, routes[i].path))
			return &routes[i];
	return NULL;
}

const char *
routes_name(const char *path)
{
	const struct route *r = find(path);

	return r != NULL ? r->path : "other";
}

/* By itself: the room for its words is not on the stack of what is served. */
__attribute__((noinline)) static void
refuse(struct server *server, struct exchange *x, const struct route *r)
{
	struct fault why = { 0 };

	if (r != NULL) {
		exchange_add_header(x, "allow", r->methods);
		fault_set(&why, FAULT_METHOD, "Method not allowed");
	} else {
		fault_set(&why, FAULT_NOT_FOUND, "Not found");
	}
	request_log_answered(server, x, &why);
	exchange_answer_fault(x, &why);
}

void
routes_serve(struct server *server, struct exchange *x)
{
	const struct route *r = find(exchange_path(x));

	if (r != NULL && allows(r->methods, exchange_method(x))) {
		r->serve(server, x);
		request_log_answered(server, x, NULL);
		return;
	}
	refuse(server, x, r);
}
