/* SPDX-License-Identifier: MIT */
/*
 * Failed answers of any kind: what the client is told, and what is learned
 * and mended.  The first byte chooses the status.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/error/errors.h"
#include "translate/dialect/learn.h"
#include "wire/utf8.h"

static const char sent_text[] =
    "{\"model\":\"m\",\"max_tokens\":64000,\"temperature\":1,\"top_p\":0.9,"
    "\"stop\":[\"x\"],\"user\":\"u\",\"reasoning_effort\":\"max\","
    "\"stream\":true,\"stream_options\":{\"include_usage\":true},"
    "\"parallel_tool_calls\":false,\"tool_choice\":\"required\","
    "\"response_format\":{\"type\":\"json_schema\"},\"messages\":["
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
    "\"cache_control\":{}}]},{\"role\":\"assistant\",\"tool_calls\":[{"
    "\"id\":\"call_1\"}]},{\"role\":\"tool\"},{\"role\":\"user\","
    "\"content\":\"b\"},{\"role\":\"system\",\"content\":\"c\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"strict\":true}}]}";

static cJSON *
make_sent(void)
{
	static const char schema[] =
	    "{\"type\":\"object\",\"pattern\":\"a\",\"properties\":{"
	    "\"pattern\":{\"const\":1}}}";
	cJSON *sent = cJSON_Parse(sent_text);
	cJSON *tool = cJSON_GetArrayItem(cJSON_GetObjectItem(sent, "tools"), 0);

	cJSON_AddItemToObject(cJSON_GetObjectItem(tool, "function"),
	    "parameters", json_raw(schema, sizeof(schema) - 1));
	return sent;
}

/* Every lesson must be mended, survive its line, and not come again. */
static void
learn_all(int status, const char *body, size_t len)
{
	struct lesson lesson, again;
	cJSON *sent = make_sent();
	char line[128];
	int n = 0;

	while (learn_from_refusal(status, body, len, sent, &lesson)) {
		learn_print(&lesson, line, sizeof(line));
		if (learn_parse(line, &again) == -1 ||
		    again.kind != lesson.kind || again.value != lesson.value ||
		    strcmp(again.name, lesson.name) != 0 || ++n > 64)
			abort();
		if (!learn_mend(&lesson, sent))
			break;
	}
	cJSON_Delete(sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const int statuses[] = { 400, 200, 422, 500, 429, 404, 401, 413,
		403, 503, 302, 402 };
	static const struct error_context ctx = { .client_model = "m",
		.host = "h",
		.own_key = "Plain77key",
		.now_unix = 1700000000 };
	static struct fault why;
	const char *body = (const char *)bytes + 1;
	struct error_headers headers = { 0 };
	char value[40];
	size_t n;
	int status;

	if (size == 0)
		return 0;
	status = statuses[bytes[0] % (sizeof(statuses) / sizeof(int))];
	size--;
	n = size < sizeof(value) - 1 ? size : sizeof(value) - 1;
	memcpy(value, body, n);
	value[n] = '\0';
	headers.retry_after = value;
	fault_clear(&why);
	error_from_answer(status, &headers, body, size, &ctx, &why);
	if (why.kind == FAULT_NONE || why.message[0] == '\0' ||
	    !utf8_is_valid(why.message, strlen(why.message)) ||
	    why.retry_after_ms < 0)
		abort();
	learn_all(status, body, size);
	return 0;
}
