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

#include "app/player.h"
#include "app/recording.h"
#include "server/attempts.h"
#include "server/cancel.h"
#include "server/journal.h"
#include "server/log.h"
#include "server/prepare.h"
#include "server/scales.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/target.h"
#include "wire/buf.h"

struct replay {
	struct recording recording;
	struct server server;
	struct settings *settings;
	struct message_request request;
	struct json_doc extra; /* UPSTREAM_BODY */
	struct buf body;
	char *session_id, *id, *message_id, *model;
	struct attempts attempts;
	struct attempts_stage stage;
	struct cancel cancel;
	struct buf was; /* the events to the client, then */
	struct player player;
};

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
	struct upstream_target t;
	const cJSON *knob;

	if (url == NULL || settings_set_upstream(s, url, err, cap) == -1) {
		snprintf(err, cap, "it has no valid upstream URL");
		return -1;
	}
	if (other != NULL) {
		if (target_parse(&t, other, err, cap) == -1)
			return -1;
		s->upstream.other_url = t.url;
		t.url = NULL;
		target_clear(&t);
	}
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
			fputs("a knob is set that this version has not\n",
			    r->player.out);
	if (extra == NULL)
		return 0;
	if (json_parse(&r->extra, extra, strlen(extra), NULL, NULL) == 0 &&
	    cJSON_IsObject(r->extra.root))
		return 0;
	snprintf(err, cap, "its UPSTREAM_BODY is no object");
	return -1;
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
	if (!(r->stage.scale.factor > 0.001 && r->stage.scale.factor < 1000))
		r->stage.scale.factor = 1;
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
	r->stage = (struct attempts_stage){ .perform = player_perform,
		.waits = player_waits,
		.cookie = &r->player,
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
		.random_text = player_random_text,
		.cookie = &r->player,
		.max_line_bytes = r->settings->max_line_bytes,
		.max_reply_bytes = r->settings->max_reply_bytes,
		.host = r->settings->upstream.host,
		.own_key = r->settings->upstream_key,
		.client_model = r->request.model,
	};
	if (r->request.stream) {
		a->deliver = player_deliver;
		a->cookie = &r->player;
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
		fprintf(r->player.out, "the status is %d, it was %" PRId64 "\n",
		    status, recording_number(was, "status"));
		r->player.differs = true;
	}
	if (r->attempts.stream != NULL || r->attempts.fault.kind != FAULT_NONE)
		player_compare(&r->player, "the answer", player_slice(&body),
		    player_slice(answer));
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
			r->player.gone_at = pieces;
		}
	}
}

static void
judge(struct replay *r)
{
	struct buf answer;
	size_t line = recording_find(&r->recording, "answer", 0);
	bool is_whole =
	    recording_find(&r->recording, "done", 0) < r->recording.n;
	int status = 0;

	buf_init(&answer, SIZE_MAX / 2);
	if (r->player.events.len == 0 && !r->attempts.client_gone)
		make_answer(r, &answer, &status);
	if (recording_find(&r->recording, "try", r->player.at) < r->recording.n)
		player_say(
		    &r->player, "a try that was made is not made any more");
	if (!is_whole)
		fprintf(r->player.out, "the capture was never finished\n");
	if (is_whole || r->was.len < r->player.events.len)
		player_compare(&r->player, "the stream of events",
		    player_slice(&r->was),
		    is_whole ? player_slice(&r->player.events)
			     : (struct json_slice){
				   r->player.events.data, r->was.len });
	if (line < r->recording.n) {
		if (answer.len == 0 && r->player.events.len > 0)
			player_say(
			    &r->player, "events are sent where an answer was");
		else
			compare_answer(r, line, &answer, status);
	}
	if (!r->player.differs)
		fprintf(r->player.out, "equal: %u tr%s, %zu bytes of %s\n",
		    r->player.tries, r->player.tries == 1 ? "y" : "ies",
		    r->player.events.len > 0 ? r->player.events.len
					     : answer.len,
		    r->player.events.len > 0 ? "events" : "an answer");
	if (r->player.prints) {
		if (answer.len > 0)
			printf("%d\n", status);
		fwrite(r->player.events.len > 0 ? r->player.events.data
						: buf_str(&answer),
		    1,
		    r->player.events.len > 0 ? r->player.events.len
					     : answer.len,
		    stdout);
		if (answer.len > 0)
			putchar('\n');
	}
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
	buf_clear(&r->player.sent);
	buf_clear(&r->player.events);
	buf_clear(&r->was);
}

int
replay_run(const char *path, bool print)
{
	static struct replay r;
	char err[256];
	int rc = 2;

	r.player.out = print ? stderr : stdout;
	r.player.prints = print;
	r.player.recording = &r.recording;
	r.player.cancel = &r.cancel;
	buf_init(&r.body, SIZE_MAX / 2);
	buf_init(&r.player.sent, SIZE_MAX / 2);
	buf_init(&r.player.events, SIZE_MAX / 2);
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
		judge(&r);
		rc = r.player.differs;
		tear_down(&r);
	}
	recording_clear(&r.recording);
	return rc;
}
