/* SPDX-License-Identifier: MIT */
/* Settings that are lists or JSON objects. */
#include "app/kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/headers.h"
#include "server/secret.h"
#include "server/settings.h"
#include "translate/models.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"

#define NOT_USED(x)	  ((void)(x))
#define TOKENS_MAX_DIGITS 9

static const struct json_limits limits = { .max_depth = 100,
	.max_values = 100000 };

/* -- glob=value lists ------------------------------------------------------ */

static int
model_map_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	NOT_USED(v);
	return text[0] == '\0' ? 0
			       : model_rules_parse(text, &s->routes, err, cap);
}

static bool
is_token_count(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= TOKENS_MAX_DIGITS && text[0] != '0' &&
	       strspn(text, "0123456789") == len;
}

static int
windows_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	struct model_routes windows = { 0 };
	char every[TOKENS_MAX_DIGITS + 3];

	NOT_USED(v);
	if (text[0] == '\0')
		return 0;
	if (is_token_count(text)) { /* one window for all models */
		snprintf(every, sizeof(every), "*=%s", text);
		text = every;
	}
	if (model_rules_parse(text, &windows, err, cap) == -1)
		goto refused;
	for (size_t i = 0; i < windows.n_rules; i++) {
		if (is_token_count(windows.rules[i].model))
			continue;
		kind_refuse(err, cap,
		    "it must be glob=N,glob=N,... with N from 1 to 999999999 "
		    "tokens");
		goto refused;
	}
	s->context_windows = windows.rules;
	s->n_context_windows = windows.n_rules;
	return 0;
refused:
	model_routes_clear(&windows);
	return -1;
}

/* -- JSON objects ---------------------------------------------------------- */

static int
parse_object(struct json_doc *doc, const char *text, char *err, size_t cap)
{
	struct fault why = { 0 };

	if (json_parse(doc, text, strlen(text), &limits, &why) == -1) {
		snprintf(
		    err, cap, "it must be a JSON object (%.200s)", why.message);
		return -1;
	}
	if (!cJSON_IsObject(doc->root))
		return kind_refuse(err, cap, "it must be a JSON object");
	return 0;
}

static int
keep(char **kept, const char *text, char *err, size_t cap)
{
	if ((*kept = strdup(text)) == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	return 0;
}

static int
body_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	struct json_doc doc;
	int rc;

	NOT_USED(v);
	if (text[0] == '\0')
		return 0;
	if ((rc = parse_object(&doc, text, err, cap)) == 0)
		rc = keep(&s->upstream_body, text, err, cap);
	json_doc_clear(&doc);
	return rc;
}

static bool
is_header_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) &&
		    strchr("!#$%&'*+-.^_`|~", *c) == NULL)
			return false;
	return name[0] != '\0';
}

static bool
is_header_value(const cJSON *item)
{
	if (!cJSON_IsString(item))
		return false;
	for (const char *c = item->valuestring; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c) && *c != '\t')
			return false;
	return true;
}

static int
headers_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	struct json_doc doc;
	const cJSON *item;
	int rc = -1;

	NOT_USED(v);
	if (text[0] == '\0')
		return 0;
	if (parse_object(&doc, text, err, cap) == -1)
		goto out;
	cJSON_ArrayForEach(item, doc.root) {
		if (!is_header_name(item->string) ||
		    headers_are_framed_by(item->string)) {
			snprintf(err, cap,
			    "\"%.60s\" is no header that may be set",
			    is_header_name(item->string) ? item->string : "?");
			goto out;
		}
		if (!is_header_value(item)) {
			snprintf(err, cap,
			    "the value of %.60s must be a string of one line",
			    item->string);
			goto out;
		}
	}
	rc = keep(&s->upstream_headers, text, err, cap);
out:
	json_doc_clear(&doc);
	return rc;
}

/* The names, and fingerprints of the values: a key may be among them. */
static void
headers_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	struct json_doc doc;
	const cJSON *item;
	char print[20], none[1];
	const char *comma = "";

	NOT_USED(v);
	NOT_USED(raw);
	if (s->upstream_headers == NULL)
		return;
	buf_add_char(out, '{');
	if (parse_object(&doc, s->upstream_headers, none, sizeof(none)) == 0) {
		cJSON_ArrayForEach(item, doc.root) {
			secret_fingerprint(item->valuestring, print);
			buf_add_str(out, comma);
			json_put_string(out, item->string);
			buf_add_char(out, ':');
			json_put_string(out, print);
			comma = ",";
		}
	}
	buf_add_char(out, '}');
	json_doc_clear(&doc);
}

const struct variable_kind kind_model_map = { model_map_set, kind_show_raw,
	false };
const struct variable_kind kind_context_windows = { windows_set, kind_show_raw,
	false };
const struct variable_kind kind_headers = { headers_set, headers_show, true };
const struct variable_kind kind_body = { body_set, kind_show_raw, false };
