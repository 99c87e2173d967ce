/* SPDX-License-Identifier: MIT */
/* Readiness.  Knows when to ask; that something was heard is upstream's. */
#include "server/ready.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/cancel.h"
#include "server/exchange.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "wire/buf.h"

#define HEARD_MS	 30000
#define ASK_AGAIN_MS	 10000
#define ASK_TIMEOUT_MS	 2000
#define MAX_ANSWER_BYTES ((size_t)16 * 1024 * 1024)

struct ready {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool asking;
	long long asked_ms; /* 0: never */
	char why_not[300];  /* "": the answer was good */
};

struct ready *
ready_new(void)
{
	struct ready *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->answered, NULL);
	return r;
}

void
ready_free(struct ready *r)
{
	if (r == NULL)
		return;
	pthread_cond_destroy(&r->answered);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool
was_heard(struct server *server)
{
	struct upstream_facts up;

	upstream_tell(server->upstream, &up);
	return up.heard_ms != 0 && server_now_ms() - up.heard_ms < HEARD_MS;
}

static void
call(struct server *server, const struct settings *s, struct cancel *cancel,
    char *why_not, size_t cap)
{
	const struct upstream_call models = {
		.settings = s,
		.method = "GET",
		.url = s->upstream.models,
		.cancel = cancel,
		.total_timeout_ms = ASK_TIMEOUT_MS,
		.max_reply_bytes = MAX_ANSWER_BYTES,
	};
	struct upstream_result result = { .status = 0 };

	upstream_perform(server->upstream, &models, &result);
	if (result.status == 0)
		snprintf(why_not, cap, "%s",
		    result.detail[0] != '\0' ? result.detail
					     : "the upstream was not asked");
	else if (result.status >= 500)
		snprintf(why_not, cap, "%s answered with status %d",
		    s->upstream.host, result.status);
	else
		why_not[0] = '\0';
}

/* As a job, so that a drain need not wait for it. */
static void
ask(struct server *server, const struct settings *s, char *why_not, size_t cap)
{
	struct cancel cancel;
	struct job job = { .cancel = &cancel };

	if (cancel_init(&cancel) == -1) {
		snprintf(why_not, cap, "out of memory");
		return;
	}
	server_add_job(server, &job);
	call(server, s, &cancel, why_not, cap);
	server_remove_job(server, &job);
	cancel_clear(&cancel);
}

/* Asks, or waits for who asks, or takes the last answer. */
static void
find_out(
    struct server *server, const struct settings *s, char *why_not, size_t cap)
{
	struct ready *r = server->ready;
	long long now = server_now_ms();

	pthread_mutex_lock(&r->lock);
	if (!r->asking &&
	    (r->asked_ms == 0 || now - r->asked_ms >= ASK_AGAIN_MS)) {
		r->asking = true;
		r->asked_ms = now;
		pthread_mutex_unlock(&r->lock);
		ask(server, s, why_not, cap);
		pthread_mutex_lock(&r->lock);
		snprintf(r->why_not, sizeof(r->why_not), "%s", why_not);
		r->asking = false;
		pthread_cond_broadcast(&r->answered);
	}
	while (r->asking)
		pthread_cond_wait(&r->answered, &r->lock);
	snprintf(why_not, cap, "%s", r->why_not);
	pthread_mutex_unlock(&r->lock);
}

void
ready_serve(struct server *server, struct exchange *x)
{
	char why_not[300] = "";
	struct buf body;

	if (!atomic_load(&server->draining) && !was_heard(server))
		find_out(
		    server, exchange_settings(x), why_not, sizeof(why_not));
	if (atomic_load(&server->draining))
		snprintf(why_not, sizeof(why_not), "draining");
	buf_init(&body, 512);
	if (why_not[0] == '\0')
		BUF_ADD_LIT(&body, "OK\n");
	else
		buf_printf(&body, "not ready: %s\n", why_not);
	exchange_answer(x, why_not[0] == '\0' ? 200 : 503,
	    "text/plain; charset=utf-8", &body);
}
