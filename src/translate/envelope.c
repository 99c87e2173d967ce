/* SPDX-License-Identifier: MIT */
/* The signature envelope, both ways.  Knows neither request nor reply. */
#include "translate/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/fault.h"

#define PREFIX	       "tp1."
#define PREFIX_LEN     (sizeof(PREFIX) - 1)
#define TEXT_MAX       ((size_t)1 << 20)
#define SIGNATURES_MAX 4096

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789-_";

static const char *const form_names[] = {
	[FORM_NONE] = "",
	[FORM_REASONING_CONTENT] = "reasoning_content",
	[FORM_REASONING] = "reasoning",
	[FORM_REASONING_TEXT] = "reasoning_text",
	[FORM_REASONING_DETAILS] = "reasoning_details",
	[FORM_CONTENT_PARTS] = "content",
	[FORM_THINK_TAGS] = "think",
	[FORM_THOUGHT_TAGS] = "thought",
};
#define N_FORMS (sizeof(form_names) / sizeof(*form_names))

/* -- printing ------------------------------------------------------------- */

static void
add_base64url(struct buf *out, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t rest = len % 3, full = len - rest;
	char *to = buf_reserve(out, len / 3 * 4 + (rest != 0 ? rest + 1 : 0));
	char *at = to;

	if (to == NULL)
		return;
	for (size_t i = 0; i < full; i += 3) {
		*at++ = base64url[p[i] >> 2];
		*at++ = base64url[(p[i] & 3) << 4 | p[i + 1] >> 4];
		*at++ = base64url[(p[i + 1] & 15) << 2 | p[i + 2] >> 6];
		*at++ = base64url[p[i + 2] & 63];
	}
	if (rest > 0) {
		*at++ = base64url[p[full] >> 2];
		*at++ = base64url[(p[full] & 3) << 4 |
				  (rest == 2 ? p[full + 1] >> 4 : 0)];
	}
	if (rest == 2)
		*at++ = base64url[(p[full + 1] & 15) << 2];
	buf_commit(out, (size_t)(at - to));
}

/* Begins a member, with the comma where one is due. */
static void
add_key(struct buf *json, const char *key)
{
	if (json->len > 1)
		buf_add_char(json, ',');
	json_put_string(json, key);
	buf_add_char(json, ':');
}

static void
add_signatures(struct buf *json, const struct envelope *e)
{
	add_key(json, "g");
	for (size_t i = 0; i < e->n_signatures; i++) {
		buf_add_char(json, i == 0 ? '{' : ',');
		json_put_string(json, e->signatures[i].tool_id);
		buf_add_char(json, ':');
		json_put_string(json, e->signatures[i].signature);
	}
	buf_add_char(json, '}');
}

void
envelope_print(const struct envelope *e, struct buf *out)
{
	struct buf json;

	buf_init(&json, out->max_bytes);
	buf_add_char(&json, '{');
	if (e->form != FORM_NONE) {
		add_key(&json, "k");
		json_put_string(&json, form_names[e->form]);
	}
	if (e->text != NULL && e->text_len > 0) {
		add_key(&json, "t");
		buf_add_char(&json, '"');
		json_escape(&json, e->text, e->text_len);
		buf_add_char(&json, '"');
	}
	if (e->details != NULL) {
		add_key(&json, "d");
		buf_add_str(&json, e->details);
	}
	if (e->opaque != NULL) {
		add_key(&json, "o");
		buf_add_str(&json, e->opaque);
	}
	if (e->n_signatures > 0)
		add_signatures(&json, e);
	buf_add_char(&json, '}');
	BUF_ADD_LIT(out, PREFIX);
	add_base64url(out, buf_str(&json), json.len);
	out->failed |= json.failed;
	buf_clear(&json);
}

/* -- parsing -------------------------------------------------------------- */

/* False if the text is no base64url. */
static bool
decode(const char *text, size_t len, struct buf *out)
{
	unsigned bits = 0, n = 0;
	const char *digit;

	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		digit = memchr(base64url, text[i], sizeof(base64url) - 1);
		if (digit == NULL)
			return false;
		bits = (bits << 6 | (unsigned)(digit - base64url)) & 0xFFFF;
		if ((n += 6) >= 8) {
			n -= 8;
			buf_add_char(out, (char)(bits >> n & 0xFF));
		}
	}
	return true;
}

static char *
copy(const char *bytes, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		return NULL;
	memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

static char *
copy_slice(const struct json_doc *doc, const cJSON *item)
{
	struct json_slice slice = json_slice(doc, item);

	return copy(slice.text, slice.len);
}

static int
read_text(struct envelope *e, const struct json_doc *doc, const cJSON *item)
{
	struct buf text;

	if (!cJSON_IsString(item))
		return 1;
	buf_init(&text, TEXT_MAX);
	json_unescape(&text, json_body(doc, item));
	e->text = buf_take(&text, &e->text_len);
	return e->text != NULL ? 1 : -1;
}

static int
read_signatures(struct envelope *e, const cJSON *object)
{
	const cJSON *item;
	size_t n = 0;

	if (!cJSON_IsObject(object))
		return 1;
	cJSON_ArrayForEach(item, object)
		n += cJSON_IsString(item) != 0;
	if (n == 0)
		return 1;
	if (n > SIGNATURES_MAX)
		return 0;
	if ((e->signatures = calloc(n, sizeof(*e->signatures))) == NULL)
		return -1;
	cJSON_ArrayForEach(item, object) {
		struct envelope_signature *s = &e->signatures[e->n_signatures];

		if (!cJSON_IsString(item))
			continue;
		e->n_signatures++;
		s->tool_id = copy(item->string, strlen(item->string));
		s->signature =
		    copy(item->valuestring, strlen(item->valuestring));
		if (s->tool_id == NULL || s->signature == NULL)
			return -1;
	}
	return 1;
}

static int
read_members(struct envelope *e, const struct json_doc *doc)
{
	const char *form = json_get_string(doc->root, "k");
	const cJSON *details = json_get(doc->root, "d");
	const cJSON *opaque = json_get_set(doc->root, "o");
	int rc;

	if (!cJSON_IsObject(doc->root))
		return 0;
	for (size_t i = 1; form != NULL && i < N_FORMS; i++)
		if (strcmp(form, form_names[i]) == 0)
			e->form = (enum reasoning_form)i;
	if (cJSON_IsArray(details) &&
	    (e->details = copy_slice(doc, details)) == NULL)
		return -1;
	if (opaque != NULL && (e->opaque = copy_slice(doc, opaque)) == NULL)
		return -1;
	if ((rc = read_text(e, doc, json_get(doc->root, "t"))) != 1)
		return rc;
	return read_signatures(e, json_get(doc->root, "g"));
}

int
envelope_parse(const char *text, size_t len, struct envelope *e)
{
	static const struct json_limits limits = { 900, 1000000 };
	struct json_doc doc;
	struct fault why;
	struct buf json;
	int rc = 0;

	memset(e, 0, sizeof(*e));
	if (len > TEXT_MAX || len < PREFIX_LEN ||
	    memcmp(text, PREFIX, PREFIX_LEN) != 0)
		return 0;
	buf_init(&json, TEXT_MAX);
	if (!decode(text + PREFIX_LEN, len - PREFIX_LEN, &json))
		goto out;
	rc = json.failed ? -1 : 0;
	if (rc == -1)
		goto out;
	fault_clear(&why);
	if (json_parse(&doc, buf_str(&json), json.len, &limits, &why) == 0)
		rc = read_members(e, &doc);
	else if (why.kind == FAULT_INTERNAL)
		rc = -1;
	json_doc_clear(&doc);
	if (rc == 0)
		envelope_clear(e);
out:
	buf_clear(&json);
	return rc;
}

void
envelope_clear(struct envelope *e)
{
	for (size_t i = 0; i < e->n_signatures; i++) {
		free(e->signatures[i].tool_id);
		free(e->signatures[i].signature);
	}
	free(e->signatures);
	free(e->text);
	free(e->details);
	free(e->opaque);
	memset(e, 0, sizeof(*e));
}
