/* SPDX-License-Identifier: MIT */
/* The upstream's own web search in Anthropic's blocks. */
#include "translate/reply/search.h"

#include <stdlib.h>
#include <string.h>

#include "translate/reply/splice.h"

#define CITATIONS_MAX 256
#define CITED_MAX     150 /* characters of cited_text, as Anthropic has it */
#define ID_LEN	      24

void
search_init(struct search *s, const char *query, size_t max_bytes)
{
	*s = (struct search){ .query = query };
	buf_init(&s->text, max_bytes);
}

void
search_clear(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].url);
		free(s->list[i].title);
	}
	free(s->list);
	s->list = NULL;
	s->n = s->cap = 0;
	buf_clear(&s->text);
}

bool
search_holds(const struct search *s)
{
	return s->query != NULL && !s->is_told;
}

/* -- reading --------------------------------------------------------------- */

static char *
copy_body(const struct json_doc *doc, const cJSON *item)
{
	struct json_slice body = json_body(doc, item);
	char *text = malloc(body.len + 1);

	if (text != NULL) {
		memcpy(text, body.text, body.len);
		text[body.len] = '\0';
	}
	return text;
}

static bool
is_known(const struct search *s, const struct citation *c)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].start == c->start && s->list[i].end == c->end &&
		    strcmp(s->list[i].url, c->url) == 0)
			return true;
	return false;
}

static int
add(struct search *s, struct citation *c)
{
	struct citation *grown;
	size_t cap = s->cap == 0 ? 8 : s->cap * 2;

	if (c->url == NULL || c->title == NULL)
		goto no_memory;
	/* Some servers repeat the list with every chunk. */
	if (c->url[0] == '\0' || is_known(s, c) || s->n == CITATIONS_MAX) {
		free(c->url);
		free(c->title);
		return 0;
	}
	if (s->n == s->cap) {
		grown = realloc(s->list, cap * sizeof(*grown));
		if (grown == NULL)
			goto no_memory;
		s->list = grown;
		s->cap = cap;
	}
	s->list[s->n++] = *c;
	return 0;
no_memory:
	free(c->url);
	free(c->title);
	return -1;
}

static int
read_one(struct search *s, const struct json_doc *doc, const cJSON *item)
{
	struct citation c = { .start = -1, .end = -1 };
	const cJSON *inner = json_get_set(item, "url_citation");

	if (cJSON_IsString(item)) {
		c.url = copy_body(doc, item);
		c.title = copy_body(doc, item);
		return add(s, &c);
	}
	if (inner == NULL && json_is(json_get(item, "type"), "url_citation"))
		inner = item;
	if (inner == NULL || json_get_string(inner, "url") == NULL)
		return 0;
	if (json_int64(doc, json_get(inner, "start_index"), &c.start) == -1 ||
	    json_int64(doc, json_get(inner, "end_index"), &c.end) == -1)
		c.start = c.end = -1;
	c.url = copy_body(doc, json_get(inner, "url"));
	c.title = copy_body(doc,
	    json_get(inner,
		json_get_string(inner, "title") != NULL ? "title" : "url"));
	return add(s, &c);
}

int
search_read(
    struct search *s, const struct json_doc *doc, const cJSON *citations)
{
	const cJSON *item;

	if (!search_holds(s) || !cJSON_IsArray(citations))
		return 0;
	cJSON_ArrayForEach(item, citations)
		if (read_one(s, doc, item) == -1)
			return -1;
	return 0;
}

/* -- writing --------------------------------------------------------------- */

static void
put_body(struct buf *out, const char *body)
{
	buf_add_char(out, '"');
	json_put_body(out, (struct json_slice){ body, strlen(body) });
	buf_add_char(out, '"');
}

static bool
is_first_of_url(const struct search *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(s->list[i].url, s->list[at].url) == 0)
			return false;
	return true;
}

static void
put_results(const struct search *s, const char *id, struct buf *out)
{
	bool is_next = false;

	BUF_ADD_LIT(out, "{\"type\":\"web_search_tool_result\","
			 "\"tool_use_id\":");
	json_put_string(out, id);
	BUF_ADD_LIT(out, ",\"caller\":{\"type\":\"direct\"},\"content\":");
	if (s->n == 0) {
		BUF_ADD_LIT(out, "{\"type\":\"web_search_tool_result_error\","
				 "\"error_code\":\"unavailable\"}}");
		return;
	}
	buf_add_char(out, '[');
	for (size_t i = 0; i < s->n; i++) {
		if (!is_first_of_url(s, i))
			continue;
		if (is_next)
			buf_add_char(out, ',');
		is_next = true;
		BUF_ADD_LIT(out, "{\"type\":\"web_search_result\",\"url\":");
		put_body(out, s->list[i].url);
		BUF_ADD_LIT(out, ",\"title\":");
		put_body(out, s->list[i].title);
		BUF_ADD_LIT(
		    out, ",\"encrypted_content\":\"\",\"page_age\":null}");
	}
	BUF_ADD_LIT(out, "]}");
}

/* Where a character of the text begins. */
static size_t
offset_of(const struct buf *text, int64_t character)
{
	size_t at = 0;

	while (at < text->len) {
		if (((unsigned char)text->data[at] & 0xC0) != 0x80 &&
		    character-- == 0)
			break;
		at++;
	}
	return at;
}

static void
put_citation(const struct citation *c, const struct buf *text, struct buf *out)
{
	int64_t end = c->end;
	size_t from, to;

	BUF_ADD_LIT(out, "{\"type\":\"web_search_result_location\","
			 "\"cited_text\":\"");
	if (c->start >= 0 && end > c->start) {
		if (end - c->start > CITED_MAX)
			end = c->start + CITED_MAX;
		from = offset_of(text, c->start);
		to = offset_of(text, end);
		if (to > from)
			json_escape(out, text->data + from, to - from);
	}
	BUF_ADD_LIT(out, "\",\"url\":");
	put_body(out, c->url);
	BUF_ADD_LIT(out, ",\"title\":");
	put_body(out, c->title);
	BUF_ADD_LIT(out, ",\"encrypted_index\":\"\"}");
}

static void
emit_call(struct search *s, struct emit *e, const struct stream_env *env)
{
	static const char prefix[] = "srvtoolu_";
	char id[sizeof(prefix) + ID_LEN];
	struct emit_tool tool = { "server_tool_use", id, "web_search", NULL };
	struct buf json, body;

	memcpy(id, prefix, sizeof(prefix));
	env->random_text(env->cookie, id + sizeof(prefix) - 1, ID_LEN);
	id[sizeof(id) - 1] = '\0';
	buf_init(&json, s->text.max_bytes);
	buf_init(&body, s->text.max_bytes);
	BUF_ADD_LIT(&json, "{\"query\":");
	json_put_string(&json, s->query);
	buf_add_char(&json, '}');
	json_escape(&body, buf_str(&json), json.len);
	emit_open_tool(e, &tool);
	emit_input(e, (struct json_slice){ buf_str(&body), body.len });
	emit_close(e);
	buf_reset(&json);
	put_results(s, id, &json);
	emit_whole(e, (struct json_slice){ buf_str(&json), json.len });
	s->text.failed |= json.failed || body.failed;
	buf_clear(&json);
	buf_clear(&body);
}

static void
emit_citations(struct search *s, struct emit *e)
{
	struct buf text, json;

	buf_init(&text, s->text.max_bytes);
	buf_init(&json, s->text.max_bytes);
	json_unescape(
	    &text, (struct json_slice){ buf_str(&s->text), s->text.len });
	for (size_t i = 0; i < s->n; i++) {
		buf_reset(&json);
		put_citation(&s->list[i], &text, &json);
		emit_citation(
		    e, (struct json_slice){ buf_str(&json), json.len });
	}
	s->text.failed |= json.failed || text.failed;
	buf_clear(&text);
	buf_clear(&json);
}

void
search_emit(struct search *s, struct emit *e, const struct stream_env *env,
    bool before_call)
{
	struct json_slice text = { buf_str(&s->text), s->text.len };

	if (!search_holds(s))
		return;
	s->is_told = true;
	s->has_call = s->n > 0 || !before_call;
	if (s->has_call)
		emit_call(s, e, env);
	if (splice_is_blank(text))
		return;
	emit_text(e, text);
	emit_citations(s, e);
	emit_close(e);
}
