/* SPDX-License-Identifier: MIT */
/* Models as upstreams list them.  Pure. */
#include "translate/modellist.h"

#include <stdlib.h>
#include <string.h>

#include "wire/fault.h"
#include "wire/json.h"

#define MAX_MODELS 10000

/* A positive integer member of `object`, or 0. */
static int64_t
positive(const struct json_doc *doc, const cJSON *object, const char *key)
{
	int64_t n;

	if (json_int64(doc, json_get(object, key), &n) == -1 || n < 0)
		return 0;
	return n;
}

static int64_t
window_of(const struct json_doc *doc, const cJSON *entry)
{
	/* The first that is told wins: what is served before what was trained.
	 */
	static const char *const names[] = { "max_model_len", "context_length",
		"context_window", "max_context_length", "max_input_tokens" };
	const cJSON *meta = json_get(entry, "meta");
	int64_t n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((n = positive(doc, entry, names[i])) > 0)
			return n;
	if ((n = positive(doc, meta, "n_ctx")) > 0)
		return n;
	return positive(doc, meta, "n_ctx_train");
}

/* A date such as "2026-12-31"; what is none is left out. */
static void
read_date(const cJSON *entry, char out[static 12])
{
	static const char form[] = "9999-99-99";
	const char *text = json_get_string(entry, "shutdown_date");

	if (text == NULL || strlen(text) != strlen(form))
		return;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == '-' ? text[i] != '-'
				   : text[i] < '0' || text[i] > '9')
			return;
	memcpy(out, text, sizeof(form));
}

static int
add_model(struct model_list *list, const struct json_doc *doc,
    const cJSON *entry, struct fault *why)
{
	const char *id = json_get_string(entry, "id");
	const char *name = json_get_string(entry, "name");
	const cJSON *top = json_get(entry, "top_provider");
	struct listed_model *m = &list->models[list->n];

	if (id == NULL || *id == '\0' || strlen(id) > MODEL_ID_MAX)
		return 0; /* nothing to call it by */
	*m = (struct listed_model){
		.id = strdup(id),
		.name = name != NULL && *name != '\0' &&
				strlen(name) <= MODEL_ID_MAX
			    ? strdup(name)
			    : NULL,
		.created = positive(doc, entry, "created"),
		.window = window_of(doc, entry),
		.max_output = positive(doc, top, "max_completion_tokens"),
	};
	if (m->id == NULL) {
		free(m->name);
		return fault_no_memory(why);
	}
	read_date(entry, m->retires);
	list->n++;
	return 0;
}

int
model_list_parse(
    const char *body, size_t len, struct model_list *list, struct fault *why)
{
	const struct json_limits limits = { 64, 1000000 };
	struct json_doc doc;
	const cJSON *data, *entry;
	size_t room;
	int rc = -1;

	*list = (struct model_list){ 0 };
	if (json_parse_lenient(&doc, body, len, &limits, why) == -1)
		goto out;
	data = cJSON_IsArray(doc.root) ? doc.root : json_get(doc.root, "data");
	if (!cJSON_IsArray(data) && json_get_string(doc.root, "id") == NULL) {
		fault_set(why, FAULT_BAD_GATEWAY,
		    "The upstream's list of models has no \"data\" array.");
		goto out;
	}
	room = cJSON_IsArray(data) ? (size_t)cJSON_GetArraySize(data) : 1;
	if (room > MAX_MODELS)
		room = MAX_MODELS;
	if ((list->models = calloc(room + 1, sizeof(*list->models))) == NULL) {
		fault_no_memory(why);
		goto out;
	}
	if (!cJSON_IsArray(data) && add_model(list, &doc, doc.root, why) == -1)
		goto out;
	cJSON_ArrayForEach(entry, data) {
		if (list->n < room && add_model(list, &doc, entry, why) == -1)
			goto out;
	}
	rc = 0;
out:
	json_doc_clear(&doc);
	return rc;
}

void
model_list_clear(struct model_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->models[i].id);
		free(list->models[i].name);
	}
	free(list->models);
	*list = (struct model_list){ 0 };
}

const struct listed_model *
model_list_find(const struct model_list *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->models[i].id, id) == 0)
			return &list->models[i];
	return NULL;
}
