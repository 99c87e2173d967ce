/* SPDX-License-Identifier: MIT */
/*
 * Bytes of an upstream's answer: events, one JSON body, or something else.
 * Decides when an answer has ended well and what a failure is called.
 */
#include "translate/reply/stream.h"

#include <stdlib.h>
#include <string.h>

#include "translate/reply/answer.h"
#include "translate/error/errors.h"
#include "translate/reply/excerpt.h"
#include "translate/reply/repeat.h"
#include "translate/reply/terms.h"
#include "wire/buf.h"
#include "wire/sse.h"

enum framing {
	UNKNOWN, /* nothing but white space so far */
	EVENTS,
	BODY, /* JSON */
	PAGE, /* HTML, compressed, … */
};

static const struct json_limits limits = { 900, 1000000 };

struct stream {
	const struct reply_terms *terms;
	const struct stream_env *env;
	enum framing framing;
	enum stream_state state;
	struct answer answer;
	struct sse sse;
	struct buf body;
	struct repeat repeat;
	struct excerpt head;
	size_t total;
	unsigned repairs; /* of JSON texts */
	bool has_event;
	const char *stop_reason;
	struct stream_usage usage;
	struct fault *fault; /* in env, or behind the stream */
};

struct stream *
stream_new(const struct reply_terms *terms, const struct stream_env *env)
{
	size_t own = env->fault == NULL ? sizeof(struct fault) : 0;
	struct stream *s = calloc(1, sizeof(*s) + own);

	if (s == NULL)
		return NULL;
	s->terms = terms;
	s->env = env;
	s->stop_reason = "";
	s->fault = own != 0 ? (struct fault *)(s + 1) : env->fault;
	answer_init(&s->answer, terms, env, s->fault);
	sse_init(&s->sse, env->max_line_bytes);
	buf_init(&s->body, env->max_reply_bytes);
	repeat_init(&s->repeat, env->max_line_bytes);
	return s;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	answer_clear(&s->answer);
	sse_clear(&s->sse);
	buf_clear(&s->body);
	repeat_clear(&s->repeat);
	free(s);
}

/* -- ends ------------------------------------------------------------------ */

static enum stream_state
fail(struct stream *s)
{
	struct emit *emit = &s->answer.blocks.emit;

	if (emit->is_started)
		s->fault->kind =
		    finish_event_kind(s->fault->kind, emit->has_block);
	answer_usage(&s->answer, &s->usage);
	emit_error(emit, s->fault);
	return s->state = STREAM_FAILED;
}

static enum stream_state
fail_with(struct stream *s, enum fault_kind kind, const char *text)
{
	fault_set(s->fault, kind, "%s", text);
	return fail(s);
}

static enum stream_state
end(struct stream *s)
{
	if (!s->answer.has_choice)
		return fail_with(s,
		    s->answer.has_object ? FAULT_INTERNAL : FAULT_BAD_GATEWAY,
		    s->answer.has_object ? "upstream returned no choices"
					 : "upstream sent an empty answer");
	s->stop_reason = answer_end(&s->answer, &s->usage);
	if (s->fault->kind != FAULT_NONE)
		return fail(s);
	return s->state = STREAM_ENDED;
}

/* Whether the answer has all it needs but its end mark. */
static bool
is_complete(const struct stream *s)
{
	return s->answer.finish != FINISH_NONE &&
	       blocks_is_complete(&s->answer.blocks);
}

/* After each object: has the answer ended, well or badly? */
static enum stream_state
settle(struct stream *s)
{
	if (answer_failed(&s->answer))
		fault_no_memory(s->fault);
	if (s->fault->kind != FAULT_NONE) {
		/* An error behind a complete answer does not undo it. */
		if (!s->answer.is_upstream_error || !is_complete(s))
			return fail(s);
		fault_clear(s->fault);
		return end(s);
	}
	return answer_must_end(&s->answer) ? end(s) : STREAM_OPEN;
}

/* The end of a body in which no object was found. */
static enum stream_state
fail_without_object(struct stream *s)
{
	excerpt_tell(&s->head, s->env->own_key, s->fault);
	return fail(s);
}

/* -- objects --------------------------------------------------------------- */

/* Reads one JSON text; 1 done, 0 it is none, -1 out of memory. */
static int
read_json(struct stream *s, const char *text, size_t len)
{
	struct json_doc doc;
	const cJSON *item;
	int rc = 0;

	if (json_parse_lenient(&doc, text, len, &limits, s->fault) == -1) {
		/* No JSON is not yet an error: the caller looks further. */
		rc = s->fault->kind == FAULT_INTERNAL ? -1 : 0;
		fault_clear(s->fault);
	} else if (cJSON_IsObject(doc.root)) {
		answer_read(&s->answer, &doc, doc.root);
		repeat_learn(&s->repeat, (struct json_slice){ text, len },
		    s->answer.plain, s->answer.plain_form);
		rc = 1;
	} else if (cJSON_IsArray(doc.root)) {
		cJSON_ArrayForEach(item, doc.root) {
			if (cJSON_IsObject(item) &&
			    !answer_must_end(&s->answer)) {
				answer_read(&s->answer, &doc, item);
				rc = 1;
			}
		}
	}
	s->repairs += doc.owned != NULL && rc == 1;
	json_doc_clear(&doc);
	if (rc == -1)
		fault_no_memory(s->fault);
	return rc;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct json_slice
trim(const char *text, size_t len)
{
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	while (len > 0 && is_blank(*text))
		text++, len--;
	return (struct json_slice){ text, len };
}

static bool
is_end_mark(struct json_slice data)
{
	return data.len == 6 && memcmp(data.text, "[DONE]", 6) == 0;
}

/* Takes a chunk that is like the one before it; false if it is another. */
static bool
take_repeat(struct stream *s, struct json_slice data)
{
	struct json_slice body;

	if (!repeat_is(&s->repeat, data, &body))
		return false;
	answer_repeat(&s->answer, body, s->repeat.form);
	return true;
}

/* One event's data, or one line of it. */
static enum stream_state
read_data(struct stream *s, struct json_slice data, bool *is_read)
{
	if (is_end_mark(data)) {
		*is_read = true;
		return end(s);
	}
	*is_read =
	    take_repeat(s, data) || read_json(s, data.text, data.len) != 0;
	return settle(s);
}

/* Servers that put one newline between events make many lines of one. */
static enum stream_state
read_lines(struct stream *s, struct json_slice data)
{
	const char *at = data.text, *end_of_data = data.text + data.len;
	const char *newline;
	struct json_slice line;
	bool is_read;

	while (at < end_of_data && s->state == STREAM_OPEN) {
		newline = memchr(at, '\n', (size_t)(end_of_data - at));
		if (newline == NULL)
			newline = end_of_data;
		line = trim(at, (size_t)(newline - at));
		if (line.len > 0 && read_data(s, line, &is_read) != STREAM_OPEN)
			break;
		at = newline == end_of_data ? newline : newline + 1;
	}
	return s->state;
}

static enum stream_state
read_error(struct stream *s, struct json_slice data)
{
	struct error_context ctx = {
		.client_model = s->env->client_model,
		.host = s->env->host,
		.own_key = s->env->own_key,
	};
	struct json_doc doc;
	const cJSON *object;

	answer_complain(&s->answer, data);
	if (json_parse_lenient(&doc, data.text, data.len, &limits, NULL) == 0) {
		object = cJSON_IsArray(doc.root) ? doc.root->child : doc.root;
		if (cJSON_IsObject(object))
			error_in_object(&doc, object, &ctx, s->fault);
	}
	json_doc_clear(&doc);
	if (s->fault->kind == FAULT_NONE)
		error_from_text(data.text, data.len, &ctx, s->fault);
	return settle(s);
}

static enum stream_state
read_event(struct stream *s, const struct sse_event *event)
{
	struct json_slice data = trim(event->data, event->len);
	enum stream_state state;
	bool is_read;

	s->has_event = true;
	if (data.len == 0)
		return s->state;
	if (!is_end_mark(data) &&
	    (event->is_error_field || strcmp(event->name, "error") == 0))
		return read_error(s, data);
	state = read_data(s, data, &is_read);
	if (!is_read && memchr(data.text, '\n', data.len) != NULL)
		return read_lines(s, data);
	/* Data that is no JSON is not the end of a good stream. */
	return state;
}

/* -- bytes ----------------------------------------------------------------- */

/* Looks at the first byte that tells something; the content type may lie. */
static size_t
sniff(struct stream *s, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len &&
	       (is_blank(bytes[at]) ||
		   strchr("\xEF\xBB\xBF", bytes[at]) != NULL) &&
	       bytes[at] != '\0')
		at++;
	if (at == len)
		return at;
	switch (bytes[at]) {
	case '{':
	case '[':
		s->framing = BODY;
		break;
	case '<':
	case '\x1F':
		s->framing = PAGE;
		break;
	default:
		s->framing = EVENTS;
	}
	return at;
}

/* An event that is a line like the one before: most of a stream, and most of
 * the time it comes by itself.  Returns how many bytes it is, 0 for any other.
 */
static size_t
push_repeat(struct stream *s, const char *bytes, size_t len)
{
	struct json_slice data;
	size_t taken = sse_peek(&s->sse, bytes, len, &data.text, &data.len);

	if (taken == 0 || !take_repeat(s, data))
		return 0;
	settle(s);
	return taken;
}

static enum stream_state
push_events(struct stream *s, const char *bytes, size_t len)
{
	struct sse_event event;
	size_t taken;
	int rc;

	while ((taken = push_repeat(s, bytes, len)) > 0) {
		if (s->state != STREAM_OPEN || taken == len)
			return s->state;
		bytes += taken;
		len -= taken;
	}
	rc = sse_push(&s->sse, bytes, len);
	while (rc == 0 && (rc = sse_next(&s->sse, &event)) == 1) {
		if (read_event(s, &event) != STREAM_OPEN)
			return s->state;
		rc = 0;
	}
	if (rc == 0)
		return s->state;
	fault_set(s->fault, FAULT_BAD_GATEWAY,
	    "upstream sent a line longer than %zu bytes",
	    s->env->max_line_bytes);
	return fail(s);
}

enum stream_state
stream_push(struct stream *s, const char *bytes, size_t len, struct buf *out)
{
	size_t skip = 0;

	if (s->state != STREAM_OPEN || len == 0)
		return s->state;
	emit_to(&s->answer.blocks.emit, out);
	excerpt_add(&s->head, bytes, len);
	if (len > s->env->max_reply_bytes - s->total) {
		fault_set(s->fault, FAULT_BAD_GATEWAY,
		    "upstream's answer is larger than %zu bytes",
		    s->env->max_reply_bytes);
		return fail(s);
	}
	s->total += len;
	if (s->framing == UNKNOWN)
		skip = sniff(s, bytes, len);
	if (s->framing == EVENTS)
		push_events(s, bytes + skip, len - skip);
	else if (s->framing == BODY)
		buf_add(&s->body, bytes + skip, len - skip);
	else if (s->framing == PAGE && s->head.len == EXCERPT_MAX)
		fail_without_object(s);
	if (s->state == STREAM_OPEN && (s->body.failed || out->failed)) {
		fault_no_memory(s->fault);
		fail(s);
	}
	return s->state;
}

/* A completion, or chunks as lines of JSON. */
static enum stream_state
finish_body(struct stream *s)
{
	struct json_slice body = { buf_str(&s->body), s->body.len };

	s->has_event = true;
	s->answer.is_whole = true;
	s->answer.blocks.hold_arguments = true;
	s->answer.blocks.emit.expected = body.len;
	if (read_json(s, body.text, body.len) == 0) {
		s->answer.is_whole = false;
		if (read_lines(s, body) != STREAM_OPEN)
			return s->state;
		if (!s->answer.has_object)
			return fail_without_object(s);
		if (s->answer.finish == FINISH_NONE)
			return fail_with(s, FAULT_BAD_GATEWAY,
			    "upstream closed the stream early");
	}
	if (settle(s) != STREAM_OPEN)
		return s->state;
	return end(s);
}

static enum stream_state
finish_events(struct stream *s)
{
	struct sse_event event;

	if (sse_finish(&s->sse, &event) == 1 &&
	    read_event(s, &event) != STREAM_OPEN)
		return s->state;
	if (s->answer.finish != FINISH_NONE)
		return end(s);
	if (s->answer.has_object)
		return fail_with(
		    s, FAULT_BAD_GATEWAY, "upstream closed the stream early");
	return fail_without_object(s);
}

enum stream_state
stream_finish(struct stream *s, struct buf *out)
{
	if (s->state != STREAM_OPEN)
		return s->state;
	emit_to(&s->answer.blocks.emit, out);
	if (s->framing == BODY)
		return finish_body(s);
	if (s->framing == EVENTS)
		return finish_events(s);
	return fail_without_object(s);
}

enum stream_state
stream_abort(struct stream *s, const struct fault *cause, struct buf *out)
{
	if (s->state != STREAM_OPEN)
		return s->state;
	emit_to(&s->answer.blocks.emit, out);
	if (is_complete(s))
		return end(s);
	/* All of a JSON body may have come, though its end was not told. */
	if (s->framing == BODY &&
	    json_check(buf_str(&s->body), s->body.len, '{', &limits) == 0)
		return finish_body(s);
	*s->fault = *cause;
	return fail(s);
}

/* -- questions ------------------------------------------------------------- */

bool
stream_awaits_end(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->answer.finish != FINISH_NONE;
}

bool
stream_started(const struct stream *s)
{
	return s->answer.blocks.emit.is_started;
}

bool
stream_has_event(const struct stream *s)
{
	return s->has_event;
}

void
stream_ping(struct stream *s, struct buf *out)
{
	if (s->state != STREAM_OPEN)
		return;
	emit_to(&s->answer.blocks.emit, out);
	answer_start(&s->answer);
	emit_ping(&s->answer.blocks.emit);
}

int
stream_message(struct stream *s, struct buf *out, struct fault *why)
{
	struct buf *message = &s->answer.blocks.emit.message;

	if (s->state != STREAM_ENDED || message->len == 0)
		return fault_set(
		    why, FAULT_INTERNAL, "The answer has no message.");
	buf_clear(out);
	message->max_bytes = out->max_bytes;
	*out = *message;
	buf_init(message, 0);
	return 0;
}

const struct fault *
stream_fault(const struct stream *s)
{
	return s->fault;
}

void
stream_refusal(const struct stream *s, struct buf *out)
{
	const struct buf *text = &s->answer.complaint;

	if (s->state == STREAM_FAILED && text->len > 0)
		buf_add(out, text->data, text->len);
}

const struct stream_usage *
stream_usage(const struct stream *s)
{
	return &s->usage;
}

unsigned
stream_repairs(const struct stream *s)
{
	return s->repairs + s->answer.blocks.slots.repairs;
}

const char *
stream_stop_reason(const struct stream *s)
{
	return s->stop_reason;
}
