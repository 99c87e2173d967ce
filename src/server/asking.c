/* SPDX-License-Identifier: MIT */
/* The upstream as a counter of tokens.  Knows whom to ask, not what. */
#include "server/asking.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/cancel.h"
#include "server/fetch.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "translate/counting.h"
#include "wire/buf.h"

#define ASK_TIMEOUT_MS	 2000
#define KEEP_MS		 (10 * 60 * 1000)
#define MAX_ANSWER_BYTES (16 * 1024 * 1024) /* vLLM lists all tokens */

struct asking {
	pthread_mutex_t lock;
	int way;	    /* enum counting_way; COUNTING_WAYS: none */
	long long found_ms; /* 0: not known */
};

struct asking *
asking_new(void)
{
	struct asking *a = calloc(1, sizeof(*a));

	if (a != NULL)
		pthread_mutex_init(&a->lock, NULL);
	return a;
}

void
asking_free(struct asking *a)
{
	if (a == NULL)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void
remember(struct asking *a, int way, long long now_ms)
{
	pthread_mutex_lock(&a->lock);
	a->way = way;
	a->found_ms = now_ms;
	pthread_mutex_unlock(&a->lock);
}

void
asking_forget(struct asking *a)
{
	remember(a, COUNTING_WAYS, 0);
}

/* The known way, or -1. */
static int
recall(struct asking *a)
{
	long long now = server_now_ms();
	int way = -1;

	pthread_mutex_lock(&a->lock);
	if (a->found_ms != 0 && now - a->found_ms < KEEP_MS)
		way = a->way;
	pthread_mutex_unlock(&a->lock);
	return way;
}

static int64_t
ask(enum counting_way way, struct server *server, const struct settings *s,
    const cJSON *chat, const char *client_key, struct cancel *cancel)
{
	struct buf url, body, answer;
	int64_t count = -1;
	struct upstream_call call = {
		.settings = s,
		.method = "POST",
		.client_key = client_key,
		.cancel = cancel,
		.total_timeout_ms = ASK_TIMEOUT_MS,
	};

	buf_init(&answer, MAX_ANSWER_BYTES);
	buf_init(&url, 8192);
	buf_init(&body, SIZE_MAX / 2);
	if (counting_url(way, s->upstream.base, s->upstream.query, &url) == 0 &&
	    counting_print(way, chat, &body) == 0) {
		call.url = url.data;
		call.body = body.data;
		call.body_len = body.len;
		if (fetch_whole(server->upstream, &call, &answer) == 200)
			count =
			    counting_read(way, buf_str(&answer), answer.len);
	}
	buf_clear(&body);
	buf_clear(&url);
	buf_clear(&answer);
	return count;
}

/* OpenAI's own way is for OpenAI: elsewhere it would be a wild guess. */
static bool
may_know(enum counting_way way, const struct settings *s)
{
	bool openai = strcmp(s->upstream.host, "api.openai.com") == 0 ||
		      s->upstream.is_azure;

	return (way == COUNTING_OPENAI) == openai;
}

int64_t
asking_count(struct server *server, const struct settings *s, const cJSON *chat,
    const char *client_key, struct cancel *cancel)
{
	int known = recall(server->asking);
	int64_t count = -1;

	if (known == COUNTING_WAYS)
		return -1;
	for (int way = 0; way < COUNTING_WAYS; way++) {
		if ((known != -1 && way != known) || !may_know(way, s))
			continue;
		count = ask(way, server, s, chat, client_key, cancel);
		if (count == -1)
			continue;
		remember(server->asking, way, server_now_ms());
		return count;
	}
	if (cancel_reason(cancel) == CANCEL_NONE)
		remember(server->asking, COUNTING_WAYS, server_now_ms());
	return -1;
}
