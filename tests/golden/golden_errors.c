/* SPDX-License-Identifier: MIT */
/*
 * Every file of tests/golden/errors: how an upstream fails, and what the
 * client must be told.  CASE=name runs one.  Run from the project's root.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/error/errors.h"
#include "wire/buf.h"
#include "wire/utf8.h"

#define DIR_NAME "tests/golden/errors"

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (file == NULL || text == NULL ||
	    fread(text, 1, (1 << 20) - 1, file) == 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	fclose(file);
	return text;
}

static bool
has_text(const char *text, const char *part)
{
	size_t n;

	for (; *text != '\0'; text++) {
		for (n = 0;
		     part[n] != '\0' && tolower((unsigned char)text[n]) ==
					    tolower((unsigned char)part[n]);
		     n++)
			;
		if (part[n] == '\0')
			return true;
	}
	return *part == '\0';
}

static const char *
header(const cJSON *headers, const char *name)
{
	return cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(headers, name));
}

/* NULL if the fault is as expected, else what is wrong. */
static const char *
judge(const cJSON *expect, const struct fault *why)
{
	const cJSON *status = cJSON_GetObjectItem(expect, "status");
	const cJSON *wait = cJSON_GetObjectItem(expect, "retry_after"), *part;

	if (fault_status(why->kind) != status->valueint)
		return "another status";
	if (strcmp(fault_type(why->kind), header(expect, "type")) != 0)
		return "another type";
	cJSON_ArrayForEach(
	    part, cJSON_GetObjectItem(expect, "message_contains")) {
		if (!has_text(why->message, part->valuestring))
			return part->valuestring;
	}
	if (wait != NULL &&
	    labs((why->retry_after_ms + 999) / 1000 - wait->valueint) > 1)
		return "another retry-after";
	if (why->message[0] == '\0' ||
	    !utf8_is_valid(why->message, strlen(why->message)))
		return "no message";
	return NULL;
}

static const char *
run_case(const cJSON *test, struct fault *why)
{
	const cJSON *headers = cJSON_GetObjectItem(test, "headers"), *other;
	const cJSON *body = cJSON_GetObjectItem(test, "body");
	const struct error_headers sent = {
		.retry_after = header(headers, "retry-after"),
		.retry_after_ms = header(headers, "retry-after-ms"),
		.should_retry = header(headers, "x-should-retry"),
	};
	const struct error_context ctx = { .client_model = "claude-golden",
		.host = "upstream.example",
		.own_key = "sk-test" };
	const char *wrong;
	char *printed;

	if (cJSON_IsString(body))
		printed = strdup(body->valuestring);
	else if (body == NULL || cJSON_IsNull(body))
		printed = strdup("");
	else
		printed = cJSON_PrintUnformatted(body);
	fault_clear(why);
	error_from_answer(cJSON_GetObjectItem(test, "status")->valueint, &sent,
	    printed, strlen(printed), &ctx, why);
	free(printed);
	wrong = judge(cJSON_GetObjectItem(test, "expect"), why);
	cJSON_ArrayForEach(other, cJSON_GetObjectItem(test, "accept_also")) {
		if (wrong != NULL && judge(other, why) == NULL)
			return NULL;
	}
	return wrong;
}

static int
is_case(const struct dirent *entry)
{
	const char *only = getenv("CASE"), *dot = strrchr(entry->d_name, '.');

	if (dot == NULL || strcmp(dot, ".json") != 0)
		return 0;
	if (only == NULL || *only == '\0')
		return 1;
	return strlen(only) == (size_t)(dot - entry->d_name) &&
	       strncmp(only, entry->d_name, strlen(only)) == 0;
}

int
main(void)
{
	static struct fault why;
	struct dirent **names;
	int failed = 0, n = scandir(DIR_NAME, &names, is_case, alphasort);

	if (n <= 0 && getenv("CASE") != NULL) {
		printf("1..1\nok 1 - no such case here # SKIP\n");
		return 0;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		char path[512];
		const char *wrong;
		char *text;
		cJSON *test;

		snprintf(path, sizeof(path), DIR_NAME "/%s", names[i]->d_name);
		text = read_file(path);
		test = cJSON_Parse(text);
		wrong = test == NULL ? "no JSON" : run_case(test, &why);
		printf("%sok %d - %s\n", wrong == NULL ? "" : "not ", i + 1,
		    names[i]->d_name);
		if (wrong != NULL)
			printf("# %s: %d %s\n", wrong, fault_status(why.kind),
			    why.message);
		failed += wrong != NULL;
		cJSON_Delete(test);
		free(text);
		free(names[i]);
	}
	free(names);
	return n <= 0 || failed != 0;
}
