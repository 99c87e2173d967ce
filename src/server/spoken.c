/* SPDX-License-Identifier: MIT */
/* Excerpts of prompts and answers.  Knows no page. */
#include "server/spoken.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/journal.h"
#include "server/settings.h"
#include "server/verbose.h"
#include "wire/anthropic.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"

/* More than is shown, so that no key is cut before it is seen as one. */
#define GATHERED_BYTES 4096

struct spoken {
	pthread_mutex_t lock;
	struct spoken_pair *pairs; /* NULL: none yet */
	size_t n_begun;		   /* ever; the next goes to it % how many */
};

struct spoken_answer {
	struct spoken *spoken;
	char id[32];
	struct buf text;
};

struct spoken *
spoken_new(void)
{
	struct spoken *s = calloc(1, sizeof(*s));

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
spoken_free(struct spoken *s)
{
	if (s == NULL)
		return;
	free(s->pairs);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void
spoken_forget(struct spoken *s)
{
	pthread_mutex_lock(&s->lock);
	free(s->pairs);
	s->pairs = NULL;
	pthread_mutex_unlock(&s->lock);
}

/* -- texts ---------------------------------------------------------------- */

/* Appends as much as fits; the rest is dropped, as the page would. */
static void
gather(struct buf *text, const char *more)
{
	size_t len = more != NULL ? strlen(more) : 0;

	if (len > GATHERED_BYTES - text->len)
		len = GATHERED_BYTES - text->len;
	if (len > 0)
		buf_add(text, more, len);
}

/* One line, without keys, cut to what is shown. */
static void
shorten(struct buf *text, const struct settings *settings,
    char out[static SPOKEN_BYTES])
{
	static const char more[] = "…";
	size_t len;

	out[0] = '\0';
	if (text->len == 0 || text->failed)
		return;
	verbose_hide_keys(settings, text);
	for (char *c = text->data; *c != '\0'; c++)
		if (*c == '\n' || *c == '\t' || *c == '\r')
			*c = ' ';
	journal_copy(out, SPOKEN_BYTES - sizeof(more), text->data);
	len = strlen(out);
	if (text->len > len && len + 4 > SPOKEN_BYTES - sizeof(more))
		memcpy(out + len, more, sizeof(more));
}

static const char *
last_text(const cJSON *content)
{
	const char *text = NULL, *one;
	const cJSON *block;

	if (cJSON_IsString(content))
		return content->valuestring;
	cJSON_ArrayForEach(block, content)
		if (json_is(json_get(block, "type"), "text") &&
		    (one = json_get_string(block, "text")) != NULL)
			text = one;
	return text;
}

/* Results of tools come as the user's: what was said may stand before them. */
static const char *
last_user_text(const struct message_request *r)
{
	const char *text = NULL;

	for (size_t i = r->n_messages; i-- > 0 && text == NULL;)
		if (r->messages[i].role == ROLE_USER)
			text = last_text(r->messages[i].content);
	return text;
}

/* A block, its start or its delta: what is said, or the tool that is called. */
static void
gather_block(struct spoken_answer *a, const cJSON *block)
{
	const char *type = json_get_string(block, "type");

	if (type == NULL)
		return;
	if (strcmp(type, "text") == 0 || strcmp(type, "text_delta") == 0) {
		gather(&a->text, json_get_string(block, "text"));
	} else if (strstr(type, "tool_use") != NULL) {
		gather(&a->text, " [");
		gather(&a->text, json_get_string(block, "name"));
		gather(&a->text, "] ");
	}
}

static void
gather_json(struct spoken_answer *a, const char *text, size_t len)
{
	struct fault why = { 0 };
	struct json_doc doc;
	const cJSON *block;

	if (json_parse(&doc, text, len, NULL, &why) == 0) {
		cJSON_ArrayForEach(block, json_get(doc.root, "content"))
			gather_block(a, block);
		gather_block(a, json_get(doc.root, "delta"));
		gather_block(a, json_get(doc.root, "content_block"));
	}
	json_doc_clear(&doc);
}

void
spoken_add_events(struct spoken_answer *a, const struct buf *events)
{
	const char *line = buf_str(events), *end;

	while (
	    a->text.len < GATHERED_BYTES &&
	    (line = strstr(line, "data: {\"type\":\"content_block_")) != NULL) {
		line += strlen("data: ");
		end = line + strcspn(line, "\n");
		gather_json(a, line, (size_t)(end - line));
		line = end;
	}
}

void
spoken_add_message(struct spoken_answer *a, const struct buf *message)
{
	gather_json(a, message->data, message->len);
}

/* -- the store ------------------------------------------------------------ */

static void
keep_asked(
    struct spoken *s, const char *id, const char asked[static SPOKEN_BYTES])
{
	struct spoken_pair *p;

	pthread_mutex_lock(&s->lock);
	if (s->pairs == NULL)
		s->pairs = calloc(SPOKEN_PAIRS, sizeof(*s->pairs));
	if (s->pairs != NULL) {
		p = &s->pairs[s->n_begun++ % SPOKEN_PAIRS];
		journal_copy(p->id, sizeof(p->id), id);
		memcpy(p->asked, asked, SPOKEN_BYTES);
		p->answered[0] = '\0';
	}
	pthread_mutex_unlock(&s->lock);
}

struct spoken_answer *
spoken_begin(struct spoken *s, const struct settings *settings, const char *id,
    const struct message_request *request)
{
	struct spoken_answer *a;
	char asked[SPOKEN_BYTES];
	struct buf text;

	if (!settings->status_bodies || (a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->spoken = s;
	journal_copy(a->id, sizeof(a->id), id);
	buf_init(&a->text, 2 * GATHERED_BYTES);
	buf_init(&text, 2 * GATHERED_BYTES);
	gather(&text, last_user_text(request));
	shorten(&text, settings, asked);
	buf_clear(&text);
	keep_asked(s, id, asked);
	return a;
}

void
spoken_end(struct spoken_answer *a, const struct settings *settings)
{
	char answered[SPOKEN_BYTES];
	struct spoken *s;

	if (a == NULL)
		return;
	s = a->spoken;
	shorten(&a->text, settings, answered);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; s->pairs != NULL && i < SPOKEN_PAIRS; i++)
		if (strcmp(s->pairs[i].id, a->id) == 0)
			memcpy(s->pairs[i].answered, answered, SPOKEN_BYTES);
	pthread_mutex_unlock(&s->lock);
	buf_clear(&a->text);
	free(a);
}

struct spoken_pair *
spoken_look(struct spoken *s)
{
	size_t size = SPOKEN_PAIRS * sizeof(*s->pairs);
	struct spoken_pair *copy = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->pairs != NULL && (copy = malloc(size)) != NULL)
		memcpy(copy, s->pairs, size);
	pthread_mutex_unlock(&s->lock);
	return copy;
}
