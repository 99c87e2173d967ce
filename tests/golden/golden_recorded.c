/* SPDX-License-Identifier: MIT */
/*
 * Every request body of tests/golden/claude-code, as real clients sent it:
 * a strict server takes what it becomes, twice the same bytes; those that ask
 * for a thread or for nothing but a server's tool are refused.  Each is also
 * replayed as it grew: every request's messages begin with the bytes of those
 * before.  CASE=name runs one file.  Run from the project's root.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strict.h"
#include "translate/dialect/dialect.h"
#include "translate/request/request.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define DIR_NAME "tests/golden/claude-code"

static int passed, failed;

static void
tell(bool good, const char *name, int i, const char *what)
{
	if (good) {
		passed++;
		return;
	}
	failed++;
	fprintf(stderr, "%s, request %d: %s\n", name, i, what);
}

static void
resolve(struct profile *p, const char *host)
{
	struct profile configured;

	profile_defaults(&configured);
	dialect_resolve(&configured, host, "m", p);
}

/* The upstream's body, or nothing and `why`. */
static void
translate(struct json_slice body, bool count_only,
    const struct profile *profile, struct buf *out, struct fault *why)
{
	const struct request_rules rules = { .count_only = count_only,
		.interleaved_thinking = true };
	struct request_context ctx = { .profile = profile };
	struct translation translation = { .body = NULL };
	struct message_request req;

	buf_init(out, 64 << 20);
	fault_clear(why);
	if (message_request_parse(&req, body.text, body.len, &rules, why) ==
	    0) {
		ctx.model = req.model;
		if (request_translate(&req, &ctx, &translation, why) == 0 &&
		    json_print(translation.body, out) == -1)
			fault_no_memory(why);
	}
	translation_clear(&translation);
	message_request_clear(&req);
}

static void
check_refusal(
    const char *name, int i, const cJSON *body, const struct fault *why)
{
	bool thread = json_get_set(body, "thread") != NULL;

	if (why->kind != FAULT_BAD_REQUEST)
		tell(false, name, i, "was not refused");
	else
		tell(!thread || strcmp(why->error_code,
				    "thread_unsupported_request") == 0,
		    name, i, why->error_code);
}

static void
check_body(const char *name, int i, const struct buf *text)
{
	char breach[512] = "no JSON";
	struct json_doc doc;
	bool good =
	    json_parse(&doc, buf_str(text), text->len, NULL, NULL) == 0 &&
	    strict_accepts(&doc, breach, sizeof(breach));

	tell(good, name, i, breach);
	json_doc_clear(&doc);
}

/* -- growing -------------------------------------------------------------- */

/* The request as it was when it held only its first messages. */
static void
put_younger(const struct json_doc *doc, const cJSON *body, int n_messages,
    struct buf *out)
{
	const cJSON *member, *message;
	struct json_slice slice;
	int n = 0;

	buf_add_char(out, '{');
	cJSON_ArrayForEach(member, body) {
		buf_printf(
		    out, "%s\"%s\":", out->len > 1 ? "," : "", member->string);
		if (strcmp(member->string, "messages") != 0) {
			slice = json_slice(doc, member);
			buf_add(out, slice.text, slice.len);
			continue;
		}
		buf_add_char(out, '[');
		cJSON_ArrayForEach(message, member) {
			if (n == n_messages)
				break;
			if (n++ > 0)
				buf_add_char(out, ',');
			slice = json_slice(doc, message);
			buf_add(out, slice.text, slice.len);
		}
		buf_add_char(out, ']');
	}
	buf_add_char(out, '}');
}

/* Everything up to the end of the last message. */
static size_t
messages_end(const struct buf *text)
{
	struct json_slice messages;
	struct json_doc doc;
	size_t end = 0;

	if (json_parse(&doc, buf_str(text), text->len, NULL, NULL) == 0) {
		messages = json_slice(&doc, json_get(doc.root, "messages"));
		end = (size_t)(messages.text - text->data) + messages.len - 1;
	}
	json_doc_clear(&doc);
	return end;
}

/* Replays the conversation request by request: each ended where an answer
 * of the assistant begins. */
static void
check_growth(const char *name, int i, const struct json_doc *doc,
    const cJSON *body, const struct profile *profile)
{
	const cJSON *next = json_get(body, "messages")->child;
	struct buf young, text, before;
	size_t end, last_end = 0;
	struct fault why;

	buf_init(&before, 64 << 20);
	for (int n = 1; next != NULL; n++) {
		next = next->next;
		if (next != NULL &&
		    !json_is(json_get(next, "role"), "assistant"))
			continue;
		buf_init(&young, 64 << 20);
		put_younger(doc, body, n, &young);
		translate((struct json_slice){ young.data, young.len }, false,
		    profile, &text, &why);
		end = why.kind == FAULT_NONE ? messages_end(&text) : 0;
		tell(end > last_end &&
			 memcmp(text.data, buf_str(&before), last_end) == 0,
		    name, i, "the messages do not begin as they did before");
		buf_clear(&before);
		before = text;
		last_end = end;
		buf_clear(&young);
	}
	buf_clear(&before);
}

static void
check_all_growth(
    const char *name, int i, const struct json_doc *doc, const cJSON *body)
{
	struct profile p;

	resolve(&p, "127.0.0.1");
	check_growth(name, i, doc, body, &p);
	resolve(&p, "api.mistral.ai");
	check_growth(name, i, doc, body, &p);
	resolve(&p, "api.deepseek.com");
	check_growth(name, i, doc, body, &p);
	resolve(&p, "generativelanguage.googleapis.com");
	check_growth(name, i, doc, body, &p);
}

static void
run_request(
    const char *name, int i, const struct json_doc *doc, const cJSON *request)
{
	const char *url = json_get_string(request, "url");
	const cJSON *body = json_get(request, "body");
	bool refused = strncmp(name, "websearch-servertool", 20) == 0 ||
		       json_get_set(body, "thread") != NULL;
	struct profile profile;
	struct buf text, again;
	struct fault why;

	if (!cJSON_IsObject(body) || url == NULL ||
	    strstr(url, "/v1/messages") == NULL ||
	    strstr(url, "/batches") != NULL)
		return;
	resolve(&profile, "127.0.0.1");
	translate(json_slice(doc, body), strstr(url, "count_tokens") != NULL,
	    &profile, &text, &why);
	if (refused) {
		check_refusal(name, i, body, &why);
	} else if (why.kind != FAULT_NONE) {
		tell(false, name, i, why.message);
	} else {
		check_body(name, i, &text);
		translate(json_slice(doc, body),
		    strstr(url, "count_tokens") != NULL, &profile, &again,
		    &why);
		tell(text.len == again.len &&
			 memcmp(text.data, again.data, text.len) == 0,
		    name, i, "the second translation differs");
		buf_clear(&again);
		if (strstr(url, "count_tokens") == NULL)
			check_all_growth(name, i, doc, body);
	}
	buf_clear(&text);
}

/* Reads a recording; `bytes` has to outlive the document. */
static void
read_recording(const char *name, struct buf *bytes, struct json_doc *doc)
{
	char path[512];
	char *room;
	FILE *file;

	snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	buf_init(bytes, 2 << 20);
	room = buf_reserve(bytes, 1 << 20);
	file = fopen(path, "r");
	if (file == NULL || room == NULL)
		goto fail;
	buf_commit(bytes, fread(room, 1, 1 << 20, file));
	fclose(file);
	if (json_parse(doc, bytes->data, bytes->len, NULL, NULL) == 0)
		return;
fail:
	fprintf(stderr, "%s cannot be read\n", path);
	exit(1);
}

static void
run(const char *name)
{
	const cJSON *requests, *request;
	struct json_doc doc;
	struct buf bytes;
	int i = 0;

	read_recording(name, &bytes, &doc);
	requests = json_get(doc.root, "requests");
	if (requests == NULL)
		run_request(name, 0, &doc, doc.root);
	cJSON_ArrayForEach(request, requests) {
		run_request(name, i++, &doc, request);
	}
	json_doc_clear(&doc);
	buf_clear(&bytes);
}

/* One conversation as it was recorded, request after request. */
static void
run_conversation(const char *const *names)
{
	struct buf bytes, text, before;
	struct profile profile;
	struct json_doc doc;
	struct fault why;
	size_t end, last_end = 0;

	resolve(&profile, "127.0.0.1");
	buf_init(&before, 64 << 20);
	for (int i = 0; names[i] != NULL; i++) {
		read_recording(names[i], &bytes, &doc);
		translate(json_slice(&doc, json_get(doc.root, "body")), false,
		    &profile, &text, &why);
		end = why.kind == FAULT_NONE ? messages_end(&text) : 0;
		tell(end > last_end &&
			 memcmp(text.data, buf_str(&before), last_end) == 0,
		    names[i], 0, "does not go on from the one before");
		buf_clear(&before);
		before = text;
		last_end = end;
		json_doc_clear(&doc);
		buf_clear(&bytes);
	}
	buf_clear(&before);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_recording(const struct dirent *entry)
{
	const char *only = getenv("CASE"), *dot = strrchr(entry->d_name, '.');

	if (dot == NULL || strcmp(dot, ".json") != 0)
		return 0;
	return only == NULL || only[0] == '\0' ||
	       (strncmp(entry->d_name, only, strlen(only)) == 0 &&
		   entry->d_name + strlen(only) == dot);
}

int
main(void)
{
	static const char *const turns[] = { "tools-turn1.json",
		"tools-turn2.json", "tools-turn3.json", "tools-turn4.json",
		NULL };
	const char *only = getenv("CASE");
	struct dirent **entries;
	int n = scandir(DIR_NAME, &entries, is_recording, by_name);

	for (int i = 0; i < n; i++) {
		run(entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (only == NULL || only[0] == '\0')
		run_conversation(turns);
	if (passed + failed == 0 && n == 0)
		puts("ok 1 # SKIP no such recording");
	else
		printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && n >= 0 ? 0 : 1;
}
