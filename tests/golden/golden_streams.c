/* SPDX-License-Identifier: MIT */
/*
 * Plays every NAME.sse of tests/golden/streams as an upstream's answer and
 * compares what a strict client assembles with NAME.expect.json: whole, byte
 * by byte, with a cut at every position, with CRLF, without the last blank
 * line, and collected into one message.  CASE=NAME plays one.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "strict_stream.h"
#include "translate/dialect/dialect.h"
#include "translate/envelope.h"
#include "translate/names.h"
#include "translate/reply/terms.h"
#include "translate/reply/stream.h"
#include "wire/buf.h"

#define DIRECTORY "tests/golden/streams"
#define TOOLS_MAX 16

struct outcome {
	struct strict_stream strict;
	struct fault fault; /* of an answer that was never begun */
};

struct game {
	const char *name;
	const cJSON *expect;
	struct reply_terms terms;
	struct reply_tool tools[TOOLS_MAX];
	char why[512];
};

static void
count_up(void *cookie, char *out, size_t len)
{
	unsigned *n = cookie;
	unsigned rest = ++*n;

	for (size_t i = len; i > 0; i--, rest /= 10)
		out[i - 1] = (char)('0' + rest % 10);
}

static cJSON *
member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *
text_of(const cJSON *object, const char *key)
{
	const cJSON *item = member(object, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

/* -- comparing ------------------------------------------------------------- */

static bool
is_any(const cJSON *want)
{
	return cJSON_IsString(want) &&
	       (strcmp(want->valuestring, "<any>") == 0 ||
		   strcmp(want->valuestring, "<generated>") == 0);
}

/* Whether `got` has all that `want` asks for. */
static bool
matches(const cJSON *want, const cJSON *got)
{
	const cJSON *w, *g;

	if (is_any(want))
		return got != NULL && !cJSON_IsNull(got) &&
		       !(cJSON_IsString(got) && *got->valuestring == '\0');
	if (got == NULL)
		return false;
	if (cJSON_IsArray(want)) {
		g = got->child;
		cJSON_ArrayForEach(w, want) {
			if (!cJSON_IsArray(got) || g == NULL || !matches(w, g))
				return false;
			g = g->next;
		}
		return cJSON_IsArray(got) && g == NULL;
	}
	if (cJSON_IsObject(want)) {
		cJSON_ArrayForEach(w, want)
			if (!matches(w, member(got, w->string)))
				return false;
		return true;
	}
	return cJSON_Compare(want, got, true);
}

/* The difference as text, for a look at it. */
static bool
expect_match(
    struct game *g, const char *what, const cJSON *want, const cJSON *got)
{
	char *w, *h;

	if (want == NULL || matches(want, got))
		return true;
	w = cJSON_PrintUnformatted(want);
	h = got == NULL ? NULL : cJSON_PrintUnformatted(got);
	if (g->why[0] == '\0')
		snprintf(g->why, sizeof(g->why), "%s: got %.200s, want %.200s",
		    what, h == NULL ? "nothing" : h, w);
	free(w);
	free(h);
	return false;
}

static bool
contains(const char *text, const char *part)
{
	for (; *text != '\0'; text++)
		if (strncasecmp(text, part, strlen(part)) == 0)
			return true;
	return *part == '\0';
}

static bool
check_error(struct game *g, const cJSON *want, const struct outcome *o,
    bool is_collected)
{
	const cJSON *part, *status = member(want, "status_if_unsent");
	const cJSON *retry = member(want, "retry_after");
	bool is_unsent = o->fault.kind != FAULT_NONE;
	const char *type = is_unsent ? fault_type(o->fault.kind)
				     : text_of(o->strict.error, "type");
	const char *message =
	    is_unsent ? o->fault.message : text_of(o->strict.error, "message");

	(void)is_collected;
	if (strcmp(type, text_of(want, "type")) != 0) {
		snprintf(
		    g->why, sizeof(g->why), "error %s: %.300s", type, message);
		return false;
	}
	cJSON_ArrayForEach(part, member(want, "message_contains")) {
		if (!contains(message, part->valuestring)) {
			snprintf(g->why, sizeof(g->why),
			    "message \"%.300s\" lacks \"%.100s\"", message,
			    part->valuestring);
			return false;
		}
	}
	if (!is_unsent)
		return true;
	if (status != NULL && fault_status(o->fault.kind) != status->valueint)
		snprintf(g->why, sizeof(g->why), "status %d",
		    fault_status(o->fault.kind));
	if (retry != NULL && o->fault.retry_after_ms != retry->valueint * 1000L)
		snprintf(g->why, sizeof(g->why), "retry after %ld ms",
		    o->fault.retry_after_ms);
	return g->why[0] == '\0';
}

/* One of the outcomes that are right; members it lacks come from `base`. */
static bool
check_option(struct game *g, const cJSON *option, const struct outcome *o,
    bool is_collected)
{
	const cJSON *error = member(option, "error");
	const cJSON *content = member(option, "content");
	const cJSON *reason = member(option, "stop_reason");
	bool is_failed = o->fault.kind != FAULT_NONE || o->strict.error != NULL;

	g->why[0] = '\0';
	if (content == NULL && error == NULL) {
		content = member(g->expect, "content");
		reason = member(g->expect, "stop_reason");
	}
	if (is_failed != (error != NULL)) {
		snprintf(g->why, sizeof(g->why), "%.400s",
		    !is_failed ? "no error"
		    : o->fault.kind != FAULT_NONE
			? o->fault.message
			: text_of(o->strict.error, "message"));
		return false;
	}
	if (error != NULL) {
		if (!check_error(g, error, o, is_collected))
			return false;
		if (o->fault.kind != FAULT_NONE)
			return true;
	}
	return expect_match(g, "content", content, o->strict.content) &&
	       expect_match(g, "stop_reason", reason,
		   member(o->strict.delta, "stop_reason")) &&
	       (error != NULL || cJSON_IsNull(member(option, "usage")) ||
		   expect_match(
		       g, "usage", member(option, "usage"), o->strict.usage));
}

static bool
check_raw_input(struct game *g, const struct outcome *o)
{
	const cJSON *raw, *block;

	cJSON_ArrayForEach(raw, member(g->expect, "raw_input"))
		cJSON_ArrayForEach(block, o->strict.content)
			if (strcmp(text_of(block, "id"), raw->string) == 0 &&
			    !expect_match(
				g, "raw input", raw, member(block, "rawInput")))
				return false;
	return true;
}

static bool
check(struct game *g, const struct outcome *o, bool is_collected)
{
	const cJSON *option;
	char why[sizeof(g->why)];

	if (o->strict.bad[0] != '\0') {
		snprintf(g->why, sizeof(g->why), "grammar: %s", o->strict.bad);
		return false;
	}
	if (check_option(g, g->expect, o, is_collected))
		return is_collected || check_raw_input(g, o);
	memcpy(why, g->why, sizeof(why));
	cJSON_ArrayForEach(option, member(g->expect, "accept_also"))
		if (check_option(g, option, o, is_collected))
			return true;
	memcpy(g->why, why, sizeof(why));
	return false;
}

/* -- the way back ---------------------------------------------------------- */

static bool
check_ids(struct game *g, const cJSON *want, const cJSON *content)
{
	cJSON *ids = cJSON_CreateArray();
	const cJSON *block;
	struct buf id;
	bool same;

	cJSON_ArrayForEach(block, content) {
		if (strcmp(text_of(block, "type"), "tool_use") != 0)
			continue;
		buf_init(&id, 4096);
		id_up(text_of(block, "id"), TOOL_ID_PASS, &id);
		cJSON_AddItemToArray(ids, cJSON_CreateString(buf_str(&id)));
		buf_clear(&id);
	}
	same = expect_match(g, "round trip ids", want, ids);
	cJSON_Delete(ids);
	return same;
}

/* Puts together what the envelopes of the answer carry home. */
static void
unpack(const cJSON *content, cJSON *fields, cJSON *signatures)
{
	const cJSON *block;
	struct envelope e;

	cJSON_ArrayForEach(block, content) {
		const char *sealed = text_of(block, "signature");
		cJSON *details, *had;

		if (*sealed == '\0')
			sealed = text_of(block, "data");
		if (envelope_parse(sealed, strlen(sealed), &e) != 1)
			continue;
		if (e.form == FORM_REASONING_TEXT)
			cJSON_AddStringToObject(fields, "reasoning_text",
			    text_of(block, "thinking"));
		if (e.opaque != NULL)
			cJSON_AddItemToObject(
			    fields, "reasoning_opaque", cJSON_Parse(e.opaque));
		if (e.details != NULL && e.form != FORM_CONTENT_PARTS) {
			details = cJSON_Parse(e.details);
			had = member(fields, "reasoning_details");
			if (had == NULL)
				cJSON_AddItemToObject(
				    fields, "reasoning_details", details);
			while (had != NULL && details->child != NULL)
				cJSON_AddItemToArray(
				    had, cJSON_DetachItemFromArray(details, 0));
			if (had != NULL)
				cJSON_Delete(details);
		}
		for (size_t i = 0; i < e.n_signatures; i++)
			cJSON_AddStringToObject(signatures,
			    e.signatures[i].tool_id, e.signatures[i].signature);
		envelope_clear(&e);
	}
}

static bool
check_way_back(struct game *g, const struct outcome *o)
{
	const cJSON *want = member(g->expect, "roundtrip"), *item;
	cJSON *fields = cJSON_CreateObject();
	cJSON *signatures = cJSON_CreateObject();
	bool good = true;

	unpack(o->strict.content, fields, signatures);
	cJSON_ArrayForEach(item, want) {
		if (strcmp(item->string, "tool_call_ids") == 0) {
			good = good && check_ids(g, item, o->strict.content);
		} else if (strncmp(item->string, "reasoning_d", 11) == 0 ||
			   strncmp(item->string, "reasoning_t", 11) == 0 ||
			   strncmp(item->string, "reasoning_o", 11) == 0) {
			good = good && expect_match(g, item->string, item,
					   member(fields, item->string));
		}
	}
	cJSON_ArrayForEach(item, member(want, "tool_calls_extra_content")) {
		const cJSON *google = member(item, "google");

		good = good && expect_match(g, "thought_signature",
				   member(google, "thought_signature"),
				   member(signatures, item->string));
	}
	cJSON_Delete(fields);
	cJSON_Delete(signatures);
	return good;
}

/* -- playing --------------------------------------------------------------- */

static void
read_message(struct stream *s, struct outcome *o)
{
	struct buf out;
	const cJSON *block;
	cJSON *message;

	buf_init(&out, SIZE_MAX / 2);
	strict_read(&o->strict, "", 0, false);
	if (stream_message(s, &out, &o->fault) == 0 &&
	    (message = cJSON_Parse(buf_str(&out))) != NULL) {
		cJSON_Delete(o->strict.content);
		o->strict.content = cJSON_CreateArray();
		cJSON_ArrayForEach(block, member(message, "content")) {
			strict_block(&o->strict, block);
			cJSON_AddItemToArray(
			    o->strict.content, cJSON_Duplicate(block, 1));
		}
		o->strict.usage = cJSON_DetachItemFromObject(message, "usage");
		o->strict.delta = message;
	} else {
		snprintf(o->strict.bad, sizeof(o->strict.bad),
		    "the message is no JSON");
	}
	buf_clear(&out);
}

/* Plays the bytes cut at `cut`, or into pieces of `step`. */
static void
play(struct game *g, const char *bytes, size_t len, size_t cut, size_t step,
    struct outcome *o)
{
	unsigned n = 0;
	struct stream_env env = {
		.message_id = "msg_1",
		.request_id = "req_1",
		.random_text = count_up,
		.cookie = &n,
		.max_line_bytes = 1 << 24,
		.max_reply_bytes = 1 << 28,
		.client_model = "m",
	};
	struct stream *s = stream_new(&g->terms, &env);
	struct buf out;
	size_t at = 0, size;

	buf_init(&out, SIZE_MAX / 2);
	fault_clear(&o->fault);
	while (at < len) {
		size = step != 0 ? step : at < cut ? cut : len - at;
		if (size > len - at)
			size = len - at;
		if (stream_push(s, bytes + at, size, &out) != STREAM_OPEN)
			break;
		at += size;
	}
	if (stream_finish(s, &out) == STREAM_FAILED && !stream_started(s)) {
		o->fault = *stream_fault(s);
		strict_read(&o->strict, buf_str(&out), out.len, false);
		if (out.len > 0)
			snprintf(o->strict.bad, sizeof(o->strict.bad),
			    "events before the start");
	} else if (!g->terms.stream) {
		read_message(s, o);
	} else {
		strict_read(&o->strict, buf_str(&out), out.len, true);
	}
	buf_clear(&out);
	stream_free(s);
}

static bool
try_way(struct game *g, const char *way, const char *bytes, size_t len,
    size_t cut, size_t step)
{
	struct outcome o;
	bool good;

	play(g, bytes, len, cut, step, &o);
	good =
	    check(g, &o, !g->terms.stream) &&
	    (member(g->expect, "roundtrip") == NULL || check_way_back(g, &o));
	if (!good)
		printf("%s (%s, %zu): %s\n", g->name, way, cut, g->why);
	strict_clear(&o.strict);
	return good;
}

static bool
try_crlf(struct game *g, const char *bytes, size_t len)
{
	struct buf crlf;
	bool good;

	if (memchr(bytes, '\r', len) != NULL)
		return true;
	buf_init(&crlf, SIZE_MAX / 2);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			buf_add_char(&crlf, '\r');
		buf_add_char(&crlf, bytes[i]);
	}
	good = try_way(g, "CRLF", buf_str(&crlf), crlf.len, 0, 0);
	good = good && try_way(g, "CRLF bytes", buf_str(&crlf), crlf.len, 0, 1);
	buf_clear(&crlf);
	return good;
}

static bool
try_all(struct game *g, const char *bytes, size_t len)
{
	size_t trimmed = len;
	bool good;

	g->terms.stream = true;
	good = try_way(g, "whole", bytes, len, 0, 0) &&
	       try_way(g, "bytes", bytes, len, 0, 1) && try_crlf(g, bytes, len);
	for (size_t cut = 1; good && cut < len; cut++)
		good = try_way(g, "cut", bytes, len, cut, 0);
	while (trimmed > 0 &&
	       (bytes[trimmed - 1] == '\n' || bytes[trimmed - 1] == '\r'))
		trimmed--;
	good = good &&
	       try_way(g, "without the last blank line", bytes, trimmed, 0, 0);
	g->terms.stream = false;
	return good && try_way(g, "collected", bytes, len, 0, 0) &&
	       try_way(g, "collected bytes", bytes, len, 0, 1);
}

static bool
read_file(const char *name, const char *suffix, struct buf *out)
{
	char path[512];
	FILE *file;
	size_t n;
	char *room;

	snprintf(path, sizeof(path), "%s/%s%s", DIRECTORY, name, suffix);
	buf_init(out, 1 << 26);
	if ((file = fopen(path, "rb")) == NULL)
		return false;
	while ((room = buf_reserve(out, 65536)) != NULL &&
	       (n = fread(room, 1, 65536, file)) > 0)
		buf_commit(out, n);
	fclose(file);
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct reply_tool *)a)->upstream,
	    ((const struct reply_tool *)b)->upstream);
}

/* The request had the tools that are expected to be called. */
static void
set_terms(struct game *g)
{
	static char model[] = "m";
	const cJSON *block;

	g->terms = (struct reply_terms){ .model_body = model,
		.show_thinking = true,
		.tools = g->tools,
		.input_tokens = 1 };
	cJSON_ArrayForEach(block, member(g->expect, "content")) {
		const cJSON *name = member(block, "name");
		bool is_new = g->terms.n_tools < TOOLS_MAX;

		if (!cJSON_IsString(name))
			continue;
		for (size_t i = 0; i < g->terms.n_tools; i++)
			is_new = is_new && strcmp(g->tools[i].upstream,
					       name->valuestring) != 0;
		if (is_new)
			g->tools[g->terms.n_tools++] =
			    (struct reply_tool){ name->valuestring,
				    name->valuestring, NULL };
	}
	qsort(g->tools, g->terms.n_tools, sizeof(*g->tools), by_name);
}

static bool
play_case(const char *name)
{
	struct game g = { .name = name };
	struct buf bytes, expect;
	cJSON *json = NULL;
	bool good = false;

	if (read_file(name, ".sse", &bytes) &&
	    read_file(name, ".expect.json", &expect)) {
		json = cJSON_Parse(buf_str(&expect));
		buf_clear(&expect);
	}
	if (json == NULL) {
		printf("%s: cannot be read\n", name);
	} else {
		g.expect = json;
		set_terms(&g);
		good = try_all(&g, buf_str(&bytes), bytes.len);
	}
	cJSON_Delete(json);
	buf_clear(&bytes);
	return good;
}

static int
is_case(const struct dirent *entry)
{
	const char *only = getenv("CASE");
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".sse") == 0 &&
	       (only == NULL || *only == '\0' ||
		   (strlen(only) == len - 4 &&
		       strncmp(entry->d_name, only, len - 4) == 0));
}

int
main(void)
{
	struct dirent **entries;
	int n = scandir(DIRECTORY, &entries, is_case, alphasort), failed = 0;

	if (n <= 0 && getenv("CASE") != NULL) {
		puts("ok 1 # SKIP no such stream");
		return 0;
	}
	for (int i = 0; i < n; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 4] = '\0';
		failed += !play_case(entries[i]->d_name);
		free(entries[i]);
	}
	if (n > 0)
		free(entries);
	printf("%d passed, %d failed\n", n - failed, failed);
	return n <= 0 || failed != 0;
}
