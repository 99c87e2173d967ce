/* SPDX-License-Identifier: MIT */
/* A recording as network, clock and chance.  Does not know how an answer is
 * made, only what came and when. */
#include "app/player.h"

#include <stdio.h>
#include <string.h>

#include "app/difference.h"
#include "server/cancel.h"
#include "server/capture.h"
#include "server/headers.h"
#include "server/upstream.h"

/* Enough for the machine to know that the end will not come. */
#define LONG_SILENCE_MS 3600000

static const char *
kind_at(const struct player *p, size_t at)
{
	return at < p->recording->n ? p->recording->lines[at].kind : "";
}

struct json_slice
player_slice(const struct buf *b)
{
	return (struct json_slice){ buf_str(b), b->len };
}

void
player_compare(struct player *p, const char *what, struct json_slice was,
    struct json_slice is)
{
	p->differs |= difference_print(p->out, what, was, is);
}

void
player_say(struct player *p, const char *what)
{
	fprintf(p->out, "%s\n", what);
	p->differs = true;
}

/* -- in place of the network ---------------------------------------------- */

static void
read_head(const struct recorded *line, struct upstream_head *head)
{
	const cJSON *item;

	*head = (struct upstream_head){
		.status = (int)recording_number(line, "status"),
	};
	cJSON_ArrayForEach(item, json_get(line->doc.root, "headers"))
		if (cJSON_IsString(item))
			headers_read_line(
			    head, item->valuestring, strlen(item->valuestring));
}

static size_t
word_index(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i + 1 < n && word != NULL && strcmp(words[i], word) != 0)
		i++;
	return i;
}

static void
read_end(struct player *p, const struct recorded *line,
    struct upstream_result *result)
{
	const char *detail = recording_text(line, "detail");

	result->end = (enum upstream_end)word_index(
	    capture_ends, 4, recording_text(line, "how"));
	result->cause = (enum error_cause)word_index(
	    capture_causes, 8, recording_text(line, "cause"));
	snprintf(result->detail, sizeof(result->detail), "%s",
	    detail != NULL ? detail : "");
	if (result->end == UPSTREAM_CANCELLED)
		cancel_fire(p->cancel, recording_number(line, "draining")
					   ? CANCEL_DRAIN
					   : CANCEL_CLIENT_GONE);
}

/* One line to the callbacks of the call; -1 where they end it. */
static int
play_line(const struct upstream_call *call, const struct recorded *line)
{
	struct buf bytes;
	int rc = 0;

	if (strcmp(line->kind, "head") == 0) {
		read_head(line, call->head);
		if (call->head->status != 0) /* else broken off, or a 1xx */
			rc = call->on_head(call->cookie, call->head);
	} else if (strcmp(line->kind, "bytes") == 0) {
		buf_init(&bytes, SIZE_MAX / 2);
		recording_bytes(line, "text", &bytes);
		rc = call->on_body(call->cookie, buf_str(&bytes), bytes.len);
		buf_clear(&bytes);
	} else if (strcmp(line->kind, "events") == 0) {
		rc = call->on_read(call->cookie);
	} else if (strcmp(line->kind, "ping") == 0) {
		rc = call->on_tick(call->cookie, 0);
	}
	return rc;
}

static void
compare_try(struct player *p, const struct recorded *line,
    const struct upstream_call *call)
{
	const char *url = recording_text(line, "url");
	struct json_slice body = { call->body, call->body_len };
	char what[64];

	if (json_get(line->doc.root, "body") != NULL) {
		buf_reset(&p->sent);
		recording_bytes(line, "body", &p->sent);
	}
	snprintf(what, sizeof(what), "try %u: the request to the upstream",
	    p->tries);
	player_compare(p, what, player_slice(&p->sent), body);
	if (url == NULL || strcmp(url, call->url) != 0)
		player_say(p, "the other form of the upstream's URL is asked");
}

void
player_perform(void *cookie, const struct upstream_call *call,
    struct upstream_result *result)
{
	struct player *p = cookie;
	const struct recording *all = p->recording;
	bool is_stopped = false;
	size_t at = recording_find(all, "try", p->at);

	*result = (struct upstream_result){ .end = UPSTREAM_BROKEN,
		.cause = CAUSE_PROTOCOL,
		.detail = "the capture ends here" };
	p->tries++;
	if (p->prints)
		printf("POST %s\n%.*s\n\n", call->url, (int)call->body_len,
		    call->body);
	if (at == all->n) {
		player_say(p, "one more try is made");
		return;
	}
	compare_try(p, &all->lines[at], call);
	for (at++; strcmp(kind_at(p, at), "end") != 0; at++) {
		if (at >= all->n || strcmp(kind_at(p, at), "try") == 0) {
			/* it was never finished */
			result->end = UPSTREAM_CANCELLED;
			cancel_fire(p->cancel, CANCEL_CLIENT_GONE);
			p->at = at;
			return;
		}
		is_stopped |=
		    !is_stopped && play_line(call, &all->lines[at]) == -1;
	}
	p->at = at + 1;
	read_end(p, &all->lines[at], result);
	if (result->end == UPSTREAM_STOPPED && !is_stopped &&
	    call->on_tick(call->cookie, LONG_SILENCE_MS) == 0)
		result->end = UPSTREAM_COMPLETE; /* now more is wanted */
	else if (is_stopped)
		result->end = UPSTREAM_STOPPED;
}

bool
player_waits(void *cookie)
{
	struct player *p = cookie;

	return recording_find(p->recording, "try", p->at) < p->recording->n;
}

int
player_deliver(void *cookie, struct buf *events)
{
	struct player *p = cookie;

	buf_add(&p->events, events->data, events->len);
	buf_reset(events);
	return ++p->deliveries == p->gone_at ? -1 : 0;
}

void
player_random_text(void *cookie, char *out, size_t len)
{
	struct player *p = cookie;
	const char *text = NULL;

	p->random_at = recording_find(p->recording, "random", p->random_at);
	if (p->random_at < p->recording->n)
		text = recording_text(
		    &p->recording->lines[p->random_at++], "text");
	memset(out, '0', len);
	if (text != NULL && strlen(text) == len)
		memcpy(out, text, len);
}
