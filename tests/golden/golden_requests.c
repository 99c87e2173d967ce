/* SPDX-License-Identifier: MIT */
/*
 * Every file of tests/golden/requests that says what must reach the upstream,
 * or how the request is refused: {body|raw, expect:{status, error, upstream,
 * upstream_absent, upstream_raw_contains, upstream_raw_absent},
 * accept_also:[expect…]}.  In `upstream` objects are subsets, arrays exact,
 * "<any>" is any value.  CASE=name runs one.  Run from the project's root.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strict.h"
#include "translate/dialect/dialect.h"
#include "translate/models.h"
#include "translate/request/request.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define DIR_NAME "tests/golden/requests"

/* What became of one request. */
struct outcome {
	struct fault fault; /* kind NONE: it was translated */
	struct buf text;    /* the upstream's body */
	struct json_doc doc;
};

static char complaint[512];

#define COMPLAIN(...)                                                          \
	(snprintf(complaint, sizeof(complaint), __VA_ARGS__), false)

static void
read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "r");
	char bytes[65536];
	size_t n;

	buf_init(out, 64 << 20);
	while (file != NULL && (n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buf_add(out, bytes, n);
	if (file == NULL || out->failed || out->len == 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	fclose(file);
}

/* JSON without the white space that makes the file readable. */
static void
put_compact(struct json_slice json, struct buf *out)
{
	bool in_string = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.text[i];

		if (c == '"')
			in_string = !in_string;
		if (!in_string && strchr(" \t\r\n", c) != NULL)
			continue;
		buf_add_char(out, c);
		if (in_string && c == '\\')
			buf_add_char(out, json.text[++i]);
	}
}

/* -- comparing ------------------------------------------------------------ */

static bool is_like(const struct json_doc *wd, const cJSON *want,
    const struct json_doc *gd, const cJSON *got, const char *path);

/* A member, or an item by its number: `{"1":…,"length":2}` is a list too. */
static const cJSON *
step(const cJSON *from, const char *key)
{
	char *end;
	long i;

	if (!cJSON_IsArray(from))
		return json_get(from, key);
	i = strtol(key, &end, 10);
	return *end == '\0' ? cJSON_GetArrayItem(from, (int)i) : NULL;
}

static bool
is_subset(const struct json_doc *wd, const cJSON *want,
    const struct json_doc *gd, const cJSON *got, const char *path)
{
	const cJSON *member;
	char deeper[256];
	double n;

	if (!cJSON_IsObject(got) && !cJSON_IsArray(got))
		return COMPLAIN("%s is no object", path);
	cJSON_ArrayForEach(member, want) {
		snprintf(deeper, sizeof(deeper), "%.200s.%.40s", path,
		    member->string);
		if (cJSON_IsArray(got) &&
		    strcmp(member->string, "length") == 0) {
			if (json_number(wd, member, &n) == -1 ||
			    (int)n != cJSON_GetArraySize(got))
				return COMPLAIN("%s: %d items", path,
				    cJSON_GetArraySize(got));
			continue;
		}
		if (!is_like(wd, member, gd, step(got, member->string), deeper))
			return false;
	}
	return true;
}

static bool
is_list_like(const struct json_doc *wd, const cJSON *want,
    const struct json_doc *gd, const cJSON *got, const char *path)
{
	char deeper[256];
	int n = cJSON_GetArraySize(want);

	if (!cJSON_IsArray(got))
		return COMPLAIN("%s is no array", path);
	if (n != cJSON_GetArraySize(got))
		return COMPLAIN("%s has %d items, expected %d", path,
		    cJSON_GetArraySize(got), n);
	for (int i = 0; i < n; i++) {
		snprintf(deeper, sizeof(deeper), "%.200s[%d]", path, i);
		if (!is_like(wd, cJSON_GetArrayItem(want, i), gd,
			cJSON_GetArrayItem(got, i), deeper))
			return false;
	}
	return true;
}

static bool
is_like(const struct json_doc *wd, const cJSON *want, const struct json_doc *gd,
    const cJSON *got, const char *path)
{
	struct json_slice seen = json_slice(gd, got);
	double a, b;
	bool same;

	if (json_is(want, "<any>"))
		return (got != NULL && !cJSON_IsNull(got) &&
			   !json_is(got, "")) ||
		       COMPLAIN("%s is absent", path);
	if (got == NULL)
		return COMPLAIN("%s is absent", path);
	if (cJSON_IsArray(want))
		return is_list_like(wd, want, gd, got, path);
	if (cJSON_IsObject(want))
		return is_subset(wd, want, gd, got, path);
	if (cJSON_IsNumber(want))
		same = json_number(wd, want, &a) == 0 &&
		       json_number(gd, got, &b) == 0 && a == b;
	else if (cJSON_IsString(want))
		same = json_is(got, want->valuestring);
	else
		same = (want->type & 0xFF) == (got->type & 0xFF);
	return same || COMPLAIN("%s is %.*s", path,
			   (int)(seen.len < 200 ? seen.len : 200), seen.text);
}

/* What a dotted path leads to. */
static const cJSON *
at(const cJSON *from, const char *path)
{
	char key[128];
	size_t len;

	while (from != NULL && *path != '\0') {
		len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		from = step(from, key);
		path += len + (path[len] == '.');
	}
	return from;
}

/* -- judging -------------------------------------------------------------- */

static bool
is_refused_so(const cJSON *error, const struct fault *fault)
{
	const cJSON *parts = json_get(error, "message_contains"), *part;
	const char *type = json_get_string(error, "type");
	const char *code =
	    json_get_string(json_get(error, "details"), "error_code");

	if (fault->kind == FAULT_NONE)
		return COMPLAIN("not refused");
	if (type != NULL && strcmp(type, fault_type(fault->kind)) != 0)
		return COMPLAIN("type %s", fault_type(fault->kind));
	if (code != NULL && strcmp(code, fault->error_code) != 0)
		return COMPLAIN("error_code %s", fault->error_code);
	cJSON_ArrayForEach(part, parts) {
		if (strstr(fault->message, part->valuestring) == NULL)
			return COMPLAIN("message: %.400s", fault->message);
	}
	return true;
}

static bool
judge(const struct json_doc *doc, const cJSON *expect, const struct outcome *o)
{
	const cJSON *want = json_get(expect, "upstream"), *item;

	if (json_get(expect, "error") != NULL)
		return is_refused_so(json_get(expect, "error"), &o->fault);
	if (o->fault.kind != FAULT_NONE)
		return COMPLAIN("refused: %.400s", o->fault.message);
	if (!strict_accepts(&o->doc, complaint, sizeof(complaint)))
		return false;
	if (cJSON_IsObject(want) &&
	    !is_like(doc, want, &o->doc, o->doc.root, "upstream"))
		return false;
	cJSON_ArrayForEach(item, json_get(expect, "upstream_absent")) {
		if (at(o->doc.root, item->valuestring) != NULL)
			return COMPLAIN("%s is present", item->valuestring);
	}
	cJSON_ArrayForEach(item, json_get(expect, "upstream_raw_contains")) {
		if (strstr(buf_str(&o->text), item->valuestring) == NULL)
			return COMPLAIN("lacks %s", item->valuestring);
	}
	cJSON_ArrayForEach(item, json_get(expect, "upstream_raw_absent")) {
		if (strstr(buf_str(&o->text), item->valuestring) != NULL)
			return COMPLAIN("holds %s", item->valuestring);
	}
	return true;
}

/* An alternative replaces members of the expectation. */
static bool
judge_instead(const struct json_doc *doc, const cJSON *expect,
    const cJSON *instead, const struct outcome *o)
{
	cJSON *merged = cJSON_CreateObject();
	const cJSON *item;
	bool good;

	cJSON_ArrayForEach(item, expect) {
		if (json_get(instead, item->string) == NULL)
			cJSON_AddItemReferenceToObject(
			    merged, item->string, (cJSON *)item);
	}
	cJSON_ArrayForEach(item, instead)
		cJSON_AddItemReferenceToObject(
		    merged, item->string, (cJSON *)item);
	good = judge(doc, merged, o);
	cJSON_Delete(merged);
	return good;
}

/* -- running -------------------------------------------------------------- */

static void
translate(const struct json_slice body, const cJSON *vector, struct outcome *o)
{
	const struct request_rules rules = {
		.count_only = json_get_string(vector, "path") != NULL &&
			      strstr(json_get_string(vector, "path"),
				  "count_tokens") != NULL
	};
	struct model_routes routes = {
		.reasoning = (char *)json_get_string(
		    json_get(vector, "env"), "REASONING_MODEL"),
		.completion = (char *)json_get_string(
		    json_get(vector, "env"), "COMPLETION_MODEL"),
	};
	struct profile configured, profile;
	struct request_context ctx = { .profile = &profile };
	struct message_request req;
	struct translation out = { .body = NULL };

	fault_clear(&o->fault);
	buf_init(&o->text, 64 << 20);
	o->doc = (struct json_doc){ .text = "" };
	if (message_request_parse(
		&req, body.text, body.len, &rules, &o->fault) == 0) {
		ctx.model = model_route(&routes, req.model,
		    req.thinking == THINKING_ENABLED ||
			req.thinking == THINKING_ADAPTIVE);
		profile_defaults(&configured);
		dialect_resolve(&configured, "127.0.0.1", ctx.model, &profile);
		if (request_translate(&req, &ctx, &out, &o->fault) == 0) {
			json_print(out.body, &o->text);
			if (json_parse(&o->doc, buf_str(&o->text), o->text.len,
				NULL, &o->fault) == -1)
				fprintf(stderr, "the body is no JSON\n");
		}
	}
	translation_clear(&out);
	message_request_clear(&req);
}

/* Whether the vector says anything of what is tested here. */
static bool
is_ours(const cJSON *vector)
{
	const cJSON *expect = json_get(vector, "expect");
	const char *path = json_get_string(vector, "path");

	if (path != NULL && strncmp(path, "/v1/messages", 12) != 0)
		return false;
	return json_get(expect, "upstream") != NULL ||
	       json_get(expect, "upstream_absent") != NULL ||
	       json_get(expect, "upstream_raw_contains") != NULL ||
	       (json_get(expect, "error") != NULL &&
		   json_get(vector, "reply") == NULL);
}

/* 1 passed, 0 failed, -1 says nothing of requests. */
static int
run(const char *name)
{
	const cJSON *vector, *expect, *instead;
	char path[512];
	struct buf file, body;
	struct outcome o;
	struct json_doc doc;
	bool good;

	snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	read_file(path, &file);
	if (json_parse(&doc, buf_str(&file), file.len, NULL, NULL) == -1) {
		fprintf(stderr, "%s is no JSON\n", path);
		exit(1);
	}
	vector = doc.root;
	expect = json_get(vector, "expect");
	if (!is_ours(vector)) {
		json_doc_clear(&doc);
		buf_clear(&file);
		return -1;
	}
	buf_init(&body, 64 << 20);
	if (json_get(vector, "raw") != NULL)
		json_unescape(&body, json_body(&doc, json_get(vector, "raw")));
	else
		put_compact(json_slice(&doc, json_get(vector, "body")), &body);
	translate((struct json_slice){ body.data, body.len }, vector, &o);
	good = judge(&doc, expect, &o);
	cJSON_ArrayForEach(instead, json_get(vector, "accept_also")) {
		good = good || judge_instead(&doc, expect, instead, &o);
	}
	if (!good)
		fprintf(stderr, "%s: %s\n", name, complaint);
	json_doc_clear(&o.doc);
	buf_clear(&o.text);
	buf_clear(&body);
	json_doc_clear(&doc);
	buf_clear(&file);
	return good;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_vector(const struct dirent *entry)
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
	int n, verdict, passed = 0, failed = 0;

	n = scandir(DIR_NAME, &entries, is_vector, by_name);
	for (int i = 0; i < n; i++) {
		verdict = run(entries[i]->d_name);
		passed += verdict == 1;
		failed += verdict == 0;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (passed + failed == 0 && n >= 0)
		puts("ok 1 # SKIP no such request");
	else
		printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && n >= 0 ? 0 : 1;
}
