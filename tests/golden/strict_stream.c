/* SPDX-License-Identifier: MIT */
/* The strict reader of Anthropic streams. */
#include "strict_stream.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"
#include "wire/utf8.h"

static const struct json_limits limits = { 900, 10000000 };

static void bad(struct strict_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
bad(struct strict_stream *s, const char *format, ...)
{
	va_list args;

	if (s->bad[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(s->bad, sizeof(s->bad), format, args);
	va_end(args);
}

static const char *
text_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static const cJSON *
member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool
is_count(const cJSON *item)
{
	return cJSON_IsNumber(item) && item->valuedouble >= 0 &&
	       floor(item->valuedouble) == item->valuedouble;
}

static bool
is_tool_id(const char *id)
{
	size_t len = id == NULL ? 0 : strlen(id);

	return len >= 1 && len <= 256 &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "0123456789_-") == len;
}

void
strict_block(struct strict_stream *s, const cJSON *block)
{
	const char *type = text_of(block, "type");
	const char *id = text_of(block, "id"), *name = text_of(block, "name");
	const cJSON *other;

	if (type == NULL) {
		bad(s, "a block without type");
		return;
	}
	if (strcmp(type, "text") == 0 && text_of(block, "text") == NULL)
		bad(s, "a text block without text");
	if (strcmp(type, "thinking") == 0 &&
	    (text_of(block, "thinking") == NULL ||
		text_of(block, "signature") == NULL))
		bad(s, "a thinking block without thinking or signature");
	if (strcmp(type, "redacted_thinking") == 0 &&
	    text_of(block, "data") == NULL)
		bad(s, "a redacted_thinking block without data");
	if (strstr(type, "tool_use") == NULL)
		return;
	if (!is_tool_id(id))
		bad(s, "tool id %.80s", id == NULL ? "absent" : id);
	cJSON_ArrayForEach(other, s->content)
		if (id != NULL && text_of(other, "id") != NULL &&
		    strcmp(text_of(other, "id"), id) == 0)
			bad(s, "tool id %.80s twice", id);
	if (name == NULL || *name == '\0')
		bad(s, "a tool block without name");
	if (!cJSON_IsObject(member(block, "input")))
		bad(s, "a tool block whose input is no object");
}

static void
on_message_start(struct strict_stream *s, const cJSON *event)
{
	const cJSON *m = member(event, "message");
	const cJSON *usage = member(m, "usage");

	if (s->is_started)
		bad(s, "second message_start");
	s->is_started = true;
	if (!cJSON_IsArray(member(m, "content")) ||
	    cJSON_GetArraySize(member(m, "content")) != 0)
		bad(s, "message_start.content is not []");
	if (text_of(m, "id") == NULL || text_of(m, "model") == NULL ||
	    strcmp(text_of(m, "role"), "assistant") != 0 ||
	    strcmp(text_of(m, "type"), "message") != 0)
		bad(s, "message_start id, model, role or type");
	if (!is_count(member(usage, "input_tokens")) ||
	    !is_count(member(usage, "output_tokens")))
		bad(s, "message_start usage");
	if (!cJSON_IsNull(member(m, "stop_reason")) ||
	    !cJSON_IsNull(member(m, "stop_sequence")))
		bad(s, "message_start stop_reason or stop_sequence");
	cJSON_Delete(s->usage);
	s->usage = cJSON_Duplicate(usage, 1);
}

static void
on_block_start(struct strict_stream *s, const cJSON *event)
{
	const cJSON *block = member(event, "content_block");
	const cJSON *index = member(event, "index");
	int n = cJSON_GetArraySize(s->content);

	if (s->delta != NULL)
		bad(s, "block after message_delta");
	if (s->open != -1)
		bad(s, "block started while another is open");
	if (!cJSON_IsNumber(index) || index->valueint != n)
		bad(s, "block index is not %d", n);
	strict_block(s, block);
	if (cJSON_IsObject(member(block, "input")) &&
	    member(block, "input")->child != NULL)
		bad(s, "input in content_block_start");
	cJSON_AddItemToArray(s->content, cJSON_Duplicate(block, 1));
	s->open = n;
	free(s->raw);
	s->raw = strdup("");
}

static void
append(struct strict_stream *s, cJSON *block, const char *key, const char *more)
{
	const char *had = text_of(block, key);
	size_t had_len = had == NULL ? 0 : strlen(had);
	size_t more_len = more == NULL ? 0 : strlen(more);
	char *text;

	if (more == NULL) {
		bad(s, "a delta without its %s", key);
		return;
	}
	text = malloc(had_len + more_len + 1);
	if (text == NULL)
		abort();
	if (had != NULL)
		memcpy(text, had, had_len);
	memcpy(text + had_len, more, more_len + 1);
	cJSON_ReplaceItemInObjectCaseSensitive(
	    block, key, cJSON_CreateString(text));
	free(text);
}

static void
append_raw(struct strict_stream *s, const char *more)
{
	size_t had = strlen(s->raw), len = more == NULL ? 0 : strlen(more);

	if (more == NULL) {
		bad(s, "input_json_delta without partial_json");
		return;
	}
	s->raw = realloc(s->raw, had + len + 1);
	if (s->raw == NULL)
		abort();
	memcpy(s->raw + had, more, len + 1);
}

static void
on_delta(struct strict_stream *s, const cJSON *event)
{
	const cJSON *index = member(event, "index"),
		    *d = member(event, "delta");
	const char *type = text_of(d, "type"), *block_type;
	cJSON *block;

	if (s->open == -1 || !cJSON_IsNumber(index) ||
	    index->valueint != s->open || type == NULL) {
		bad(s, "a delta for a block that is not open");
		return;
	}
	block = cJSON_GetArrayItem(s->content, s->open);
	block_type = text_of(block, "type");
	if (strcmp(type, "text_delta") == 0 &&
	    strcmp(block_type, "text") == 0) {
		append(s, block, "text", text_of(d, "text"));
	} else if (strcmp(type, "citations_delta") == 0 &&
		   strcmp(block_type, "text") == 0) {
		if (!cJSON_IsArray(member(block, "citations")))
			cJSON_ReplaceItemInObjectCaseSensitive(
			    block, "citations", cJSON_CreateArray());
		cJSON_AddItemToArray(
		    cJSON_GetObjectItemCaseSensitive(block, "citations"),
		    cJSON_Duplicate(member(d, "citation"), 1));
	} else if (strcmp(type, "thinking_delta") == 0 &&
		   strcmp(block_type, "thinking") == 0) {
		append(s, block, "thinking", text_of(d, "thinking"));
	} else if (strcmp(type, "signature_delta") == 0 &&
		   strcmp(block_type, "thinking") == 0) {
		if (*text_of(block, "signature") != '\0')
			bad(s, "second signature_delta");
		append(s, block, "signature", text_of(d, "signature"));
	} else if (strcmp(type, "input_json_delta") == 0 &&
		   strstr(block_type, "tool_use") != NULL) {
		append_raw(s, text_of(d, "partial_json"));
	} else {
		bad(s, "%.40s in a %.40s block", type, block_type);
	}
}

static void
on_block_stop(struct strict_stream *s, const cJSON *event)
{
	const cJSON *index = member(event, "index");
	const char *type;
	cJSON *block;

	if (s->open == -1 || !cJSON_IsNumber(index) ||
	    index->valueint != s->open) {
		bad(s, "a stop for a block that is not open");
		return;
	}
	block = cJSON_GetArrayItem(s->content, s->open);
	type = text_of(block, "type");
	s->open = -1;
	if (strcmp(type, "thinking") == 0 &&
	    *text_of(block, "signature") == '\0')
		bad(s, "a thinking block ended without signature");
	if (strstr(type, "tool_use") == NULL)
		return;
	if (*s->raw == '\0') {
		bad(s, "a tool block without input_json_delta");
		return;
	}
	cJSON_AddStringToObject(block, "rawInput", s->raw);
	if (json_check(s->raw, strlen(s->raw), '{', &limits) == 0)
		cJSON_ReplaceItemInObjectCaseSensitive(
		    block, "input", cJSON_Parse(s->raw));
	else
		cJSON_AddTrueToObject(block, "broken");
}

static void
on_message_delta(struct strict_stream *s, const cJSON *event)
{
	const cJSON *usage = member(event, "usage"), *item;

	if (s->open != -1)
		bad(s, "message_delta with an open block");
	if (s->delta != NULL)
		bad(s, "second message_delta");
	cJSON_Delete(s->delta);
	s->delta = cJSON_Duplicate(member(event, "delta"), 1);
	if (member(s->delta, "stop_reason") == NULL ||
	    member(s->delta, "stop_sequence") == NULL)
		bad(s, "message_delta keys");
	if (!is_count(member(usage, "output_tokens")))
		bad(s, "message_delta usage");
	cJSON_ArrayForEach(item, usage) {
		if (cJSON_IsNull(item))
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(s->usage, item->string);
		cJSON_AddItemToObject(
		    s->usage, item->string, cJSON_Duplicate(item, 1));
	}
}

static void
on_error(struct strict_stream *s, const cJSON *event)
{
	const cJSON *error = member(event, "error");

	s->error = cJSON_Duplicate(error, 1);
	if (text_of(error, "type") == NULL || text_of(error, "message") == NULL)
		bad(s, "error event without type or message");
	if (text_of(event, "request_id") == NULL)
		bad(s, "error event without request_id");
}

static void
on_event(struct strict_stream *s, const char *name, const cJSON *event)
{
	static const struct {
		const char *name;
		void (*on)(struct strict_stream *s, const cJSON *event);
	} kinds[] = {
		{ "content_block_start", on_block_start },
		{ "content_block_delta", on_delta },
		{ "content_block_stop", on_block_stop },
		{ "message_delta", on_message_delta },
	};
	const char *type = text_of(event, "type");

	if (type == NULL || strcmp(name, type) != 0)
		bad(s, "event %.40s is not its type", name);
	if (s->is_stopped || s->error != NULL)
		bad(s, "%.40s behind the end", name);
	if (strcmp(name, "ping") == 0)
		return;
	if (strcmp(name, "error") == 0) {
		on_error(s, event);
		return;
	}
	if (strcmp(name, "message_start") == 0) {
		on_message_start(s, event);
		return;
	}
	if (!s->is_started)
		bad(s, "%.40s before message_start", name);
	if (strcmp(name, "message_stop") == 0) {
		if (s->delta == NULL)
			bad(s, "message_stop before message_delta");
		s->is_stopped = true;
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			kinds[i].on(s, event);
			return;
		}
	}
	bad(s, "unknown event %.40s", name);
}

/* One event: exactly an event line, a data line and a blank line. */
static const char *
read_one(struct strict_stream *s, const char *at, const char *end)
{
	const char *name, *name_end, *data, *data_end;
	char word[64];
	cJSON *json;

	if (end - at < 7 || memcmp(at, "event: ", 7) != 0) {
		bad(s, "no event line: %.40s", at);
		return end;
	}
	name = at + 7;
	name_end = memchr(name, '\n', (size_t)(end - name));
	if (name_end == NULL || end - name_end < 7 ||
	    memcmp(name_end, "\ndata: ", 7) != 0 ||
	    (size_t)(name_end - name) >= sizeof(word)) {
		bad(s, "no data line: %.40s", at);
		return end;
	}
	data = name_end + 7;
	data_end = memchr(data, '\n', (size_t)(end - data));
	if (data_end == NULL || end - data_end < 2 || data_end[1] != '\n') {
		bad(s, "no blank line behind: %.40s", at);
		return end;
	}
	memcpy(word, name, (size_t)(name_end - name));
	word[name_end - name] = '\0';
	if (json_check(data, (size_t)(data_end - data), '{', &limits) != 0 ||
	    (json = cJSON_ParseWithLength(data, (size_t)(data_end - data))) ==
		NULL) {
		bad(s, "data is no JSON object: %.*s",
		    (int)(data_end - data < 80 ? data_end - data : 80), data);
		return end;
	}
	on_event(s, word, json);
	cJSON_Delete(json);
	return data_end + 2;
}

void
strict_read(
    struct strict_stream *s, const char *text, size_t len, bool is_ended)
{
	const char *at = text, *end = text + len;

	memset(s, 0, sizeof(*s));
	s->open = -1;
	s->content = cJSON_CreateArray();
	if (!utf8_is_valid(text, len))
		bad(s, "no valid UTF-8");
	while (at < end && s->bad[0] == '\0')
		at = read_one(s, at, end);
	if (is_ended && !s->is_stopped && s->error == NULL)
		bad(s, "stream ended without message_stop or error");
}

void
strict_clear(struct strict_stream *s)
{
	cJSON_Delete(s->content);
	cJSON_Delete(s->delta);
	cJSON_Delete(s->usage);
	cJSON_Delete(s->error);
	free(s->raw);
	memset(s, 0, sizeof(*s));
}
