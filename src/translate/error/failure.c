/* SPDX-License-Identifier: MIT */
/*
 * Reads failed answers.  Collects what every known shape calls a message, a
 * code or a field; which server it is does not matter and is not known.
 */
#include "translate/error/failure.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translate/error/phrase.h"
#include "translate/error/retryafter.h"
#include "wire/utf8.h"

#define MAX_NESTING 8 /* of errors in errors and JSON in strings */
#define MAX_ITEMS   8 /* of a list of errors */
#define MAX_PLAIN   500
#define MAX_PAGE    16384
#define MAX_BODY    (256 * 1024) /* nobody says more than that */

static const struct json_limits limits = { .max_depth = 64,
	.max_values = 20000 };

static void read_value(struct failure *f, const struct json_doc *doc,
    const cJSON *item, int nesting);

/* Copies as valid UTF-8 without controls, one blank in a row. */
static size_t
copy_clean(char *out, size_t cap, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	size_t at = 0, n;

	while (p < end && at + 4 < cap) {
		n = utf8_char_len(p, (size_t)(end - p));
		if (n == 0) {
			memcpy(out + at, UTF8_REPLACEMENT, 3);
			at += 3;
			p += utf8_bad_len(p, (size_t)(end - p));
		} else if (*p > ' ' && *p != 0x7F) {
			memcpy(out + at, p, n);
			at += n;
			p += n;
		} else {
			if (at > 0 && out[at - 1] != ' ')
				out[at++] = ' ';
			p++;
		}
	}
	while (at > 0 && out[at - 1] == ' ')
		at--;
	out[at] = '\0';
	return at;
}

/* Adds a sentence that is not there yet, behind a colon; what is in
 * parentheses needs none. */
static void
add_text(struct failure *f, const char *text, size_t len)
{
	char sentence[FAILURE_TEXT_MAX];
	size_t at = strlen(f->text), room;

	len = copy_clean(sentence, sizeof(sentence), text, len);
	if (len == 0 || strstr(f->text, sentence) != NULL)
		return;
	if (at > 0) {
		if (at + 3 >= sizeof(f->text))
			return;
		if (sentence[0] != '(')
			f->text[at++] = ':';
		f->text[at++] = ' ';
	}
	room = sizeof(f->text) - 1 - at;
	if (len > room)
		len = utf8_cut(sentence, room);
	memcpy(f->text + at, sentence, len);
	f->text[at + len] = '\0';
}

static void
add_word(struct failure *f, const char *word)
{
	size_t at = strlen(f->words), len = strlen(word);

	if (len == 0 || len > 100 || at + len + 3 > sizeof(f->words))
		return;
	if (at == 0)
		f->words[at++] = '\n';
	for (size_t i = 0; i < len; i++)
		f->words[at++] = (char)tolower((unsigned char)word[i]);
	f->words[at++] = '\n';
	f->words[at] = '\0';
}

static void
add_name(struct failure *f, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= sizeof(f->names[0]) ||
	    f->n_names == FAILURE_NAMES_MAX)
		return;
	for (size_t i = 0; i < f->n_names; i++)
		if (strcmp(f->names[i], name) == 0)
			return;
	memcpy(f->names[f->n_names++], name, len + 1);
}

/* A code or type: a number, a number in a string, or a word. */
static void
take_code(struct failure *f, const struct json_doc *doc, const cJSON *item)
{
	int64_t n;
	char *end;

	if (cJSON_IsString(item)) {
		n = strtol(item->valuestring, &end, 10);
		if (end == item->valuestring || *end != '\0') {
			add_word(f, item->valuestring);
			return;
		}
	} else if (json_int64(doc, item, &n) == -1) {
		return;
	}
	if (n >= 400 && n <= 599) {
		if (f->status == 0)
			f->status = (int)n;
	} else if (n != 0 && f->code == 0) {
		f->code = n;
	}
}

static void
take_number(const struct json_doc *doc, const cJSON *item, int64_t *value)
{
	int64_t n;

	if (*value == 0 && json_int64(doc, item, &n) == 0 && n > 0)
		*value = n;
}

/* Seconds as a number, or "34s". */
static void
take_wait(struct failure *f, const struct json_doc *doc, const cJSON *item)
{
	double seconds;
	long ms = 0;

	if (f->retry_after_ms != 0 || item == NULL)
		return;
	if (cJSON_IsString(item))
		ms = duration_ms(item->valuestring, 1000);
	else if (json_number(doc, item, &seconds) == 0 && seconds > 0 &&
		 seconds < 1e6)
		ms = (long)(seconds * 1000);
	if (ms > 0)
		f->retry_after_ms = ms;
}

/* The field a validation error is about: loc, without its first "body". */
static void
join_place(const struct json_doc *doc, const cJSON *loc, char out[static 64])
{
	struct json_slice part;
	const cJSON *item;
	size_t at = 0;

	out[0] = '\0';
	if (!cJSON_IsArray(loc))
		return;
	cJSON_ArrayForEach(item, loc) {
		part = cJSON_IsString(item) ? json_body(doc, item)
					    : json_slice(doc, item);
		if (item == loc->child && json_is(item, "body"))
			continue;
		if (part.len + at + 2 > 64)
			return;
		if (at > 0)
			out[at++] = '.';
		memcpy(out + at, part.text, part.len);
		at += part.len;
		out[at] = '\0';
	}
}

/* A string may hold the JSON of another server's error. */
static void
read_string(struct failure *f, const char *text, int nesting)
{
	size_t len = strlen(text);
	struct json_doc doc;
	bool is_json = false;
	const char *p = text;

	while (isspace((unsigned char)*p))
		p++;
	if ((*p == '{' || *p == '[') && nesting < MAX_NESTING) {
		is_json =
		    json_parse_lenient(&doc, text, len, &limits, NULL) == 0;
		if (is_json)
			read_value(f, &doc, doc.root, nesting + 1);
		json_doc_clear(&doc);
	}
	if (!is_json)
		add_text(f, text, len);
}

/* One item of a list of validation errors: its place leads its sentence. */
static void
read_place(struct failure *f, const struct json_doc *doc, const cJSON *object)
{
	const char *message = json_get_string(object, "msg");
	char place[64], sentence[400];
	size_t at;

	join_place(doc, json_get(object, "loc"), place);
	if (place[0] == '\0')
		return;
	add_name(f, place);
	if (message == NULL)
		return;
	at = strlen(place);
	memcpy(sentence, place, at);
	memcpy(sentence + at, ": ", 3);
	copy_clean(sentence + at + 2, sizeof(sentence) - at - 2, message,
	    strlen(message));
	add_text(f, sentence, strlen(sentence));
}

/* What OpenRouter says beside "Provider returned error". */
static void
read_metadata(struct failure *f, const struct json_doc *doc,
    const cJSON *metadata, int nesting)
{
	const cJSON *headers = json_get(metadata, "headers"), *reason;
	const char *provider = json_get_string(metadata, "provider_name");
	char name[64];

	if (!cJSON_IsObject(metadata))
		return;
	read_value(f, doc, json_get_set(metadata, "raw"), nesting + 1);
	cJSON_ArrayForEach(reason, json_get(metadata, "reasons")) {
		if (cJSON_IsString(reason))
			add_text(f, reason->valuestring,
			    strlen(reason->valuestring));
	}
	if (provider != NULL && strlen(provider) < sizeof(name) - 2) {
		snprintf(name, sizeof(name), "(%s)", provider);
		add_text(f, name, strlen(name));
	}
	take_wait(f, doc, json_get(metadata, "retry_after_seconds"));
	take_wait(f, doc, json_get(headers, "Retry-After"));
	take_wait(f, doc, json_get(headers, "retry-after"));
}

static void
read_codes(struct failure *f, const struct json_doc *doc, const cJSON *object)
{
	static const char *const keys[] = { "code", "status", "status_code",
		"statusCode", "http_status_code", "type", "error_type",
		"error_code", "errorcode", "errorCode", "reason" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		take_code(f, doc, json_get(object, keys[i]));
	if (json_get_string(object, "param") != NULL)
		add_name(f, json_get_string(object, "param"));
	take_number(
	    doc, json_get(object, "n_prompt_tokens"), &f->prompt_tokens);
	take_number(doc, json_get(object, "n_ctx"), &f->window_tokens);
	take_wait(f, doc, json_get(object, "retry_after"));
	take_wait(f, doc, json_get(object, "retryDelay"));
}

static void
read_object(struct failure *f, const struct json_doc *doc, const cJSON *object,
    int nesting)
{
	static const char *const keys[] = { "error", "errors", "base_resp",
		"fault", "message", "msg", "error_message", "errorMessage",
		"error_msg", "status_msg", "faultstring", "description",
		"error_description", "detail", "details", "innererror",
		"inner_error" };
	size_t before = strlen(f->text);
	const cJSON *title = json_get(object, "title");

	read_place(f, doc, object);
	if (json_get_set(object, "base_resp") != NULL)
		f->form = FAILURE_BASE_RESP;
	else if (cJSON_IsArray(json_get(object, "errors")))
		f->form = FAILURE_LIST;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const cJSON *item = json_get_set(object, keys[i]);

		if (strcmp(keys[i], "msg") == 0 && f->text[before] != '\0')
			continue;
		read_value(f, doc, item, nesting + 1);
	}
	read_codes(f, doc, object);
	read_metadata(f, doc, json_get(object, "metadata"), nesting);
	if (f->text[before] == '\0' && cJSON_IsString(title))
		add_text(f, title->valuestring, strlen(title->valuestring));
}

static void
read_value(struct failure *f, const struct json_doc *doc, const cJSON *item,
    int nesting)
{
	const cJSON *child;
	int n = 0;

	if (item == NULL || nesting > MAX_NESTING)
		return;
	if (cJSON_IsString(item)) {
		read_string(f, item->valuestring, nesting);
	} else if (cJSON_IsObject(item)) {
		read_object(f, doc, item, nesting);
	} else if (cJSON_IsArray(item)) {
		cJSON_ArrayForEach(child, item) {
			if (n++ == MAX_ITEMS)
				break;
			read_value(f, doc, child, nesting + 1);
		}
	}
}

/* Moves to the end of a tag, for scripts and styles of the closing one. */
static const char *
skip_tag(const char *p)
{
	struct phrase_found found;

	if (strncasecmp(p + 1, "script", 6) == 0 &&
	    phrase_find("</script", p, &found))
		p = found.end;
	else if (strncasecmp(p + 1, "style", 5) == 0 &&
		 phrase_find("</style", p, &found))
		p = found.end;
	return p + strcspn(p, ">");
}

/* The title of a web page, or what it says between its tags. */
static void
read_page(struct failure *f, const char *text)
{
	char plain[MAX_PLAIN];
	struct phrase_found found;
	size_t n = 0;

	f->is_page = true;
	if (phrase_find("<title", text, &found)) {
		const char *title = found.end + strcspn(found.end, ">");
		size_t len = strcspn(title, "<");

		if (len > 1)
			add_text(f, title + 1, len - 1);
		if (f->text[0] != '\0')
			return;
	}
	for (; *text != '\0' && n < sizeof(plain) - 1; text++) {
		if (*text == '<') {
			text = skip_tag(text);
			plain[n++] = ' ';
			if (*text == '\0')
				break;
		} else {
			plain[n++] = *text;
		}
	}
	add_text(f, plain, n);
}

static bool
is_page(const char *text)
{
	static const char marks[] = "<html|<!doctype|<head|<body|<title|<?xml";

	return *text == '<' && phrase_any(marks, text);
}

/* An event stream that holds nothing but its failure. */
static const char *
skip_event_fields(const char *p)
{
	static const char *const fields[] = { "event: error", "event:error",
		"data:", "error:" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		size_t len = strlen(fields[i]);

		if (strncmp(p, fields[i], len) == 0)
			p += len;
		while (isspace((unsigned char)*p))
			p++;
	}
	return p;
}

/* A JSON value at the start of an event: up to the end of its line. */
static bool
read_json(struct failure *f, const char *text)
{
	size_t len = strlen(text), line = strcspn(text, "\r\n");
	struct json_doc doc;
	bool is_json;

	if (*text != '{' && *text != '[')
		return false;
	is_json = json_parse_lenient(&doc, text, len, &limits, NULL) == 0;
	if (!is_json && line < len) {
		json_doc_clear(&doc);
		is_json =
		    json_parse_lenient(&doc, text, line, &limits, NULL) == 0;
	}
	if (is_json) {
		f->is_json = true;
		read_value(f, &doc, doc.root, 0);
		if (f->text[0] == '\0' && doc.root->child != NULL)
			add_text(f, text, len < MAX_PLAIN ? len : MAX_PLAIN);
	}
	json_doc_clear(&doc);
	return is_json;
}

void
failure_read(struct failure *f, const char *body, size_t len)
{
	char *text;
	const char *p;

	memset(f, 0, sizeof(*f));
	if (len > MAX_BODY)
		len = MAX_BODY;
	if (len == 0 || (text = malloc(len + 1)) == NULL)
		return;
	for (size_t i = 0; i < len; i++)
		text[i] = body[i] == '\0' ? ' ' : body[i];
	text[len] = '\0';
	p = text;
	if (strncmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	while (isspace((unsigned char)*p))
		p++;
	p = skip_event_fields(p);
	if (is_page(p)) {
		if (strlen(p) > MAX_PAGE)
			text[p - text + MAX_PAGE] = '\0';
		read_page(f, p);
	} else if (!read_json(f, p)) {
		add_text(f, p, strlen(p) < MAX_PLAIN ? strlen(p) : MAX_PLAIN);
	}
	free(text);
}

void
failure_read_object(
    struct failure *f, const struct json_doc *doc, const cJSON *object)
{
	struct json_slice slice = json_slice(doc, object);

	memset(f, 0, sizeof(*f));
	f->is_json = true;
	read_value(f, doc, object, 0);
	if (f->text[0] == '\0' && object->child != NULL)
		add_text(f, slice.text,
		    slice.len < MAX_PLAIN ? slice.len : MAX_PLAIN);
}

bool
failure_has(const struct failure *f, const char *words)
{
	size_t len;

	for (;; words += len + 1) {
		len = strcspn(words, "|");
		for (const char *at = f->words; *at != '\0'; at++)
			if (at[0] == '\n' && strncmp(at + 1, words, len) == 0 &&
			    at[len + 1] == '\n')
				return true;
		if (words[len] == '\0')
			return false;
	}
}

bool
failure_says(const struct failure *f, const char *phrase)
{
	return phrase_find(phrase, f->text, NULL);
}
