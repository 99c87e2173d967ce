/* SPDX-License-Identifier: MIT */
/*
 * Captured exchanges, played again: the real translation and the real tries,
 * with the capture in place of the network, of chance and of the clock.
 */
#include "app/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "app/difference.h"
#include "app/recording.h"
#include "server/attempts.h"
#include "server/cancel.h"
#include "server/capture.h"
#include "server/headers.h"
#include "server/journal.h"
#include "server/log.h"
#include "server/prepare.h"
#include "server/scales.h"
#include "server/server.h"
#include "server/settings.h"
#include "wire/buf.h"

/* Enough for the machine to know that the end will not come. */
#define LONG_SILENCE_MS 3600000

struct replay {
	struct recording recording;
	FILE *out; /* for the verdict */
	struct server server;
	struct settings *settings;
	struct message_request request;
	struct json_doc extra; /* UPSTREAM_BODY */
	struct buf body;
	char *session_id, *id, *message_id, *model;
	struct attempts attempts;
	struct attempts_stage stage;
	struct cancel cancel;
	size_t at;	  /* the line where the tries stand */
	size_t random_at; /* and those that were drawn */
	unsigned tries;
	struct buf sent;	    /* of the last try */
	struct buf events, was;	    /* to the client: now, then */
	size_t deliveries, gone_at; /* after so many the client left */
	bool differs;
};

static const char *
kind_at(const struct replay *r, size_t at)
{
	return at < r->recording.n ? r->recording.lines[at].kind : "";
}

static struct json_slice
slice(const struct buf *b)
{
	return (struct json_slice){ buf_str(b), b->len };
}

static void
compare(struct replay *r, const char *what, struct json_slice was,
    struct json_slice is)
{
	r->differs |= difference_print(r->out, what, was, is);
}

static void
say(struct replay *r, const char *what)
{
	fprintf(r->out, "%s\n", what);
	r->differs = true;
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
read_end(struct replay *r, const struct recorded *line,
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
		cancel_fire(&r->cancel, recording_number(line, "draining")
					    ? CANCEL_DRAIN
					    : CANCEL_CLIENT_GONE);
}

/* One line to the callbacks of the call; -1 where they end it. */
static int
play_line(const struct upstream_call *call, const struct recorded *line)
{
	struct upstream_head head;
	struct buf bytes;
	int rc = 0;

	if (strcmp(line->kind, "head") == 0) {
		read_head(line, &head);
		if (head.status != 0) /* else broken off, or a 1xx */
			rc = call->on_head(call->cookie, &head);
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
compare_try(struct replay *r, const struct recorded *line,
    const struct upstream_call *call)
{
	const char *url = recording_text(line, "url");
	struct json_slice body = { call->body, call->body_len };
	char what[64];

	if (json_get(line->doc.root, "body") != NULL) {
		buf_reset(&r->sent);
		recording_bytes(line, "body", &r->sent);
	}
	snprintf(what, sizeof(what), "try %u: the request to the upstream",
	    r->tries);
	compare(r, what, slice(&r->sent), body);
	if (url == NULL || strcmp(url, call->url) != 0)
		say(r, "the other form of the upstream's URL is asked");
}

static void
perform(void *cookie, const struct upstream_call *call,
    struct upstream_result *result)
{
	struct replay *r = cookie;
	const struct recording *all = &r->recording;
	bool is_stopped = false;
	size_t at = recording_find(all, "try", r->at);

	*result = (struct upstream_result){ .end = UPSTREAM_BROKEN,
		.cause = CAUSE_PROTOCOL,
		.detail = "the capture ends here" };
	r->tries++;
	if (at == all->n) {
		say(r, "one more try is made");
		return;
	}
	compare_try(r, &all->lines[at], call);
	for (at++; strcmp(kind_at(r, at), "end") != 0; at++) {
		if (at >= all->n || strcmp(kind_at(r, at), "try") == 0) {
			/* it was never finished */
			result->end = UPSTREAM_CANCELLED;
			cancel_fire(&r->cancel, CANCEL_CLIENT_GONE);
			r->at = at;
			return;
		}
		is_stopped |=
		    !is_stopped && play_line(call, &all->lines[at]) == -1;
	}
	r->at = at + 1;
	read_end(r, &all->lines[at], result);
	if (result->end == UPSTREAM_STOPPED && !is_stopped &&
	    call->on_tick(call->cookie, LONG_SILENCE_MS) == 0)
		result->end = UPSTREAM_COMPLETE; /* now more is wanted */
	else if (is_stopped)
		result->end = UPSTREAM_STOPPED;
}

static bool
waits(void *cookie)
{
	struct replay *r = cookie;

	return recording_find(&r->recording, "try", r->at) < r->recording.n;
}

static int
deliver(void *cookie, struct buf *events)
{
	struct replay *r = cookie;

	buf_add(&r->events, events->data, events->len);
	buf_reset(events);
	return ++r->deliveries == r->gone_at ? -1 : 0;
}

static void
random_text(void *cookie, char *out, size_t len)
{
	struct replay *r = cookie;
	const char *text = NULL;

	r->random_at = recording_find(&r->recording, "random", r->random_at);
	if (r->random_at < r->recording.n)
		text =
		    recording_text(&r->recording.lines[r->random_at++], "text");
	memset(out, '0', len);
	if (text != NULL && strlen(text) == len)
		memcpy(out, text, len);
}

/* -- what was in effect --------------------------------------------------- */

static char *
copy_of(const struct recorded *line, const char *key)
{
	const char *text = recording_text(line, key);

	return strdup(text != NULL ? text : "");
}

static size_t
size_at(const struct recorded *line, const char *key)
{
	int64_t n = recording_number(line, key);

	return n > 0 ? (size_t)n : 1;
}

static int
read_settings(
    struct replay *r, const struct recorded *line, char *err, size_t cap)
{
	struct settings *s = r->settings;
	const char *url = recording_text(line, "url");
	const char *other = recording_text(line, "other_url");
	const char *extra = recording_text(line, "body");
	int64_t name_max = recording_number(line, "tool_name_max");
	const cJSON *knob;

	if (url == NULL || settings_set_upstream(s, url, err, cap) == -1) {
		snprintf(err, cap, "it has no valid upstream URL");
		return -1;
	}
	if (other != NULL)
		s->upstream.other_url = strdup(other);
	if (recording_number(line, "own_key"))
		s->upstream_key = strdup("key");
	s->ping_interval_ms = 0; /* pings are where they were */
	s->max_retries = (int)recording_number(line, "max_retries");
	s->max_reply_bytes = size_at(line, "max_reply_bytes");
	s->max_line_bytes = size_at(line, "max_line_bytes");
	if (name_max >= 32 && name_max <= 256)
		s->profile.tool_name_max = (int)name_max;
	cJSON_ArrayForEach(knob, json_get(line->doc.root, "knobs"))
		if (!cJSON_IsString(knob) ||
		    profile_set(&s->profile, knob->string, knob->valuestring,
			NULL) != 1)
			fprintf(r->out, "this version has no %.40s=%.40s\n",
			    knob->string,
			    cJSON_IsString(knob) ? knob->valuestring : "");
	if (extra == NULL)
		return 0;
	return json_parse(&r->extra, extra, strlen(extra), NULL, NULL);
}

/* The value of a request header, behind its name and colon; or NULL. */
static const char *
header(const struct recorded *request, const char *name)
{
	const cJSON *item;
	size_t len = strlen(name);

	cJSON_ArrayForEach(item, json_get(request->doc.root, "headers"))
		if (cJSON_IsString(item) &&
		    strncasecmp(item->valuestring, name, len) == 0 &&
		    strncmp(item->valuestring + len, ": ", 2) == 0)
			return item->valuestring + len + 2;
	return NULL;
}

static void
read_prepared(struct replay *r, const struct recorded *line)
{
	long long now = (long long)time(NULL);
	struct lesson lesson;
	const cJSON *item;

	free(r->model);
	r->model = copy_of(line, "model");
	json_number(&line->doc, json_get(line->doc.root, "scale"),
	    &r->stage.scale.factor);
	r->stage.scale.samples = (unsigned)recording_number(line, "samples");
	r->stage.window = recording_number(line, "window");
	lessons_prefer_other_url(r->server.lessons, r->settings->upstream.base,
	    recording_number(line, "other_url") != 0, now);
	cJSON_ArrayForEach(item, json_get(line->doc.root, "lessons"))
		if (cJSON_IsString(item) && r->model != NULL &&
		    learn_parse(item->valuestring, &lesson) == 0)
			lessons_add(r->server.lessons,
			    r->settings->upstream.base, r->model, &lesson, now);
}

static int
set_up(struct replay *r, char *err, size_t cap)
{
	const struct recorded *lines = r->recording.lines;
	size_t prepared = recording_find(&r->recording, "prepared", 0);
	const char *session = header(&lines[2], "x-claude-code-session-id");

	r->server.lessons = lessons_open(NULL);
	r->server.scales = scales_new();
	r->server.journal = journal_new();
	r->settings = settings_new();
	r->id = copy_of(&lines[0], "id");
	r->message_id = copy_of(&lines[0], "message_id");
	r->session_id = session != NULL ? strdup(session) : NULL;
	if (r->server.lessons == NULL || r->server.scales == NULL ||
	    r->server.journal == NULL || r->settings == NULL || r->id == NULL ||
	    r->message_id == NULL || cancel_init(&r->cancel) == -1) {
		snprintf(err, cap, "out of memory");
		return -1;
	}
	if (read_settings(r, &lines[1], err, cap) == -1)
		return -1;
	r->stage = (struct attempts_stage){ .perform = perform,
		.waits = waits,
		.cookie = r,
		.now_unix = recording_number(&lines[0], "unix") };
	if (prepared < r->recording.n)
		read_prepared(r, &lines[prepared]);
	recording_bytes(&lines[2], "body", &r->body);
	return 0;
}

/* -- the play ------------------------------------------------------------- */

static int
prepare(struct replay *r)
{
	const struct recorded *request = &r->recording.lines[2];
	const char *path = recording_text(request, "path");
	const char *beta = header(request, "anthropic-beta");
	struct attempts *a = &r->attempts;
	const struct request_rules rules = {
		.json = { 512, 1000000 },
		.count_only = path != NULL && strstr(path, "/count_tokens"),
		.interleaved_thinking =
		    beta != NULL && strstr(beta, "interleaved-thinking"),
	};

	attempts_init(a, &r->server, r->settings);
	a->stage = &r->stage;
	a->cancel = &r->cancel;
	a->request = &r->request;
	if (message_request_parse(&r->request, buf_str(&r->body), r->body.len,
		&rules, &a->fault) == -1)
		return -1;
	a->context = (struct request_context){
		.model = r->model != NULL ? r->model : r->request.model,
		.session_id = r->session_id,
		.extra_body = r->extra.root,
		.extra_doc = &r->extra,
	};
	a->env = (struct stream_env){
		.message_id = r->message_id,
		.request_id = r->id,
		.random_text = random_text,
		.cookie = r,
		.max_line_bytes = r->settings->max_line_bytes,
		.max_reply_bytes = r->settings->max_reply_bytes,
		.host = r->settings->upstream.host,
		.own_key = r->settings->upstream_key != NULL,
		.client_model = r->request.model,
	};
	if (r->request.stream) {
		a->deliver = deliver;
		a->cookie = r;
	}
	return prepare_request(a);
}

/* What the client got in one piece, if it did. */
static void
make_answer(struct replay *r, struct buf *out, int *status)
{
	struct attempts *a = &r->attempts;

	*status = 200;
	if (a->fault.kind == FAULT_NONE && a->stream == NULL)
		return; /* was only counted */
	if (a->fault.kind == FAULT_NONE &&
	    stream_message(a->stream, out, &a->fault) == 0)
		return;
	buf_reset(out);
	*status = fault_status(a->fault.kind);
	fault_print(&a->fault, r->id, out);
}

static void
compare_answer(
    struct replay *r, size_t line, const struct buf *answer, int status)
{
	const struct recorded *was = &r->recording.lines[line];
	struct buf body;

	buf_init(&body, SIZE_MAX / 2);
	recording_bytes(was, "body", &body);
	if (recording_number(was, "status") != status) {
		fprintf(r->out, "the status is %d, it was %" PRId64 "\n",
		    status, recording_number(was, "status"));
		r->differs = true;
	}
	if (r->attempts.stream != NULL || r->attempts.fault.kind != FAULT_NONE)
		compare(r, "the answer", slice(&body), slice(answer));
	buf_clear(&body);
}

/* All that the client got as events, then. */
static void
collect(struct replay *r)
{
	size_t pieces = 0;

	for (size_t i = 0; i < r->recording.n; i++) {
		const struct recorded *line = &r->recording.lines[i];

		if (strcmp(line->kind, "events") == 0) {
			recording_bytes(line, "text", &r->was);
			pieces++;
		} else if (strcmp(line->kind, "gone") == 0) {
			r->gone_at = pieces;
		}
	}
}

static void
judge(struct replay *r, bool print)
{
	struct buf answer;
	size_t line = recording_find(&r->recording, "answer", 0);
	bool is_whole =
	    recording_find(&r->recording, "done", 0) < r->recording.n;
	int status = 0;

	buf_init(&answer, SIZE_MAX / 2);
	if (r->events.len == 0 && !r->attempts.client_gone)
		make_answer(r, &answer, &status);
	if (recording_find(&r->recording, "try", r->at) < r->recording.n)
		say(r, "a try that was made is not made any more");
	if (!is_whole)
		fprintf(r->out, "the capture was never finished\n");
	if (is_whole || r->was.len < r->events.len)
		compare(r, "the stream of events", slice(&r->was),
		    is_whole
			? slice(&r->events)
			: (struct json_slice){ r->events.data, r->was.len });
	if (line < r->recording.n) {
		if (answer.len == 0 && r->events.len > 0)
			say(r, "events are sent where an answer was");
		else
			compare_answer(r, line, &answer, status);
	}
	if (!r->differs)
		fprintf(r->out, "equal: %u tr%s, %zu bytes of %s\n", r->tries,
		    r->tries == 1 ? "y" : "ies",
		    r->events.len > 0 ? r->events.len : answer.len,
		    r->events.len > 0 ? "events" : "an answer");
	if (print)
		fwrite(r->events.len > 0 ? r->events.data : buf_str(&answer), 1,
		    r->events.len > 0 ? r->events.len : answer.len, stdout);
	buf_clear(&answer);
}

static void
tear_down(struct replay *r)
{
	attempts_clear(&r->attempts);
	message_request_clear(&r->request);
	json_doc_clear(&r->extra);
	cancel_clear(&r->cancel);
	lessons_close(r->server.lessons);
	scales_free(r->server.scales);
	journal_free(r->server.journal);
	settings_drop(r->settings);
	free(r->session_id);
	free(r->id);
	free(r->message_id);
	free(r->model);
	buf_clear(&r->body);
	buf_clear(&r->sent);
	buf_clear(&r->events);
	buf_clear(&r->was);
}

int
replay_run(const char *path, bool print)
{
	static struct replay r;
	char err[256];
	int rc = 2;

	r.out = print ? stderr : stdout;
	buf_init(&r.body, SIZE_MAX / 2);
	buf_init(&r.sent, SIZE_MAX / 2);
	buf_init(&r.events, SIZE_MAX / 2);
	buf_init(&r.was, SIZE_MAX / 2);
	log_open("/dev/null", false, false);
	if (recording_read(&r.recording, path, err, sizeof(err)) == -1) {
		fprintf(stderr, "anthropic-proxy: %s: %s\n", path, err);
	} else if (set_up(&r, err, sizeof(err)) == -1) {
		fprintf(stderr, "anthropic-proxy: %s: %s\n", path, err);
		tear_down(&r);
	} else {
		collect(&r);
		if (prepare(&r) == 0 && r.request.max_tokens == 0)
			attempts_say_nothing(&r.attempts);
		else if (r.attempts.fault.kind == FAULT_NONE &&
			 r.request.max_tokens > 0)
			attempts_run(&r.attempts);
		judge(&r, print);
		rc = r.differs;
		tear_down(&r);
	}
	recording_clear(&r.recording);
	return rc;
}
