/* SPDX-License-Identifier: MIT */
/*
 * Every request body of tests/golden/claude-code, as real clients sent it:
 * a strict server takes what it becomes, twice the same bytes; those that ask
 * for a thread or for nothing but a server's tool are refused.  CASE=name
 * runs one file.  Run from the project's root.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strict.h"
#include "translate/dialect.h"
#include "translate/request.h"
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

/* The upstream's body, or nothing and `why`. */
static void
translate(
    struct json_slice body, bool count_only, struct buf *out, struct fault *why)
{
	const struct request_rules rules = { .count_only = count_only,
		.interleaved_thinking = true };
	struct profile configured, profile;
	struct request_context ctx = { .profile = &profile };
	struct translation translation = { .body = NULL };
	struct message_request req;

	buf_init(out, 64 << 20);
	fault_clear(why);
	if (message_request_parse(&req, body.text, body.len, &rules, why) ==
	    0) {
		ctx.model = req.model;
		profile_defaults(&configured);
		dialect_resolve(&configured, "127.0.0.1", ctx.model, &profile);
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

static void
run_request(
    const char *name, int i, const struct json_doc *doc, const cJSON *request)
{
	const char *url = json_get_string(request, "url");
	const cJSON *body = json_get(request, "body");
	bool refused = strncmp(name, "websearch-servertool", 20) == 0 ||
		       json_get_set(body, "thread") != NULL;
	struct buf text, again;
	struct fault why;

	if (!cJSON_IsObject(body) || url == NULL ||
	    strstr(url, "/v1/messages") == NULL ||
	    strstr(url, "/batches") != NULL)
		return;
	translate(json_slice(doc, body), strstr(url, "count_tokens") != NULL,
	    &text, &why);
	if (refused) {
		check_refusal(name, i, body, &why);
	} else if (why.kind != FAULT_NONE) {
		tell(false, name, i, why.message);
	} else {
		check_body(name, i, &text);
		translate(json_slice(doc, body),
		    strstr(url, "count_tokens") != NULL, &again, &why);
		tell(text.len == again.len &&
			 memcmp(text.data, again.data, text.len) == 0,
		    name, i, "the second translation differs");
		buf_clear(&again);
	}
	buf_clear(&text);
}

static void
run(const char *name)
{
	static char bytes[1 << 20];
	const cJSON *requests, *request;
	struct json_doc doc;
	char path[512];
	size_t len;
	FILE *file;
	int i = 0;

	snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	file = fopen(path, "r");
	len = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes), file);
	if (len == 0 || len == sizeof(bytes) ||
	    json_parse(&doc, bytes, len, NULL, NULL) == -1) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	fclose(file);
	requests = json_get(doc.root, "requests");
	if (requests == NULL)
		run_request(name, 0, &doc, doc.root);
	cJSON_ArrayForEach(request, requests) {
		run_request(name, i++, &doc, request);
	}
	json_doc_clear(&doc);
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
	struct dirent **entries;
	int n = scandir(DIR_NAME, &entries, is_recording, by_name);

	for (int i = 0; i < n; i++) {
		run(entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && n >= 0 ? 0 : 1;
}
