/* SPDX-License-Identifier: MIT */
/* The terms of a reply: looking up and freeing. */
#include "translate/reply/terms.h"

#include <stdlib.h>
#include <string.h>

static void
free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

void
reply_terms_clear(struct reply_terms *t)
{
	for (size_t i = 0; i < t->n_tools; i++) {
		free(t->tools[i].upstream);
		free(t->tools[i].client);
	}
	free(t->tools);
	free_texts(t->stop, t->n_stop);
	free_texts(t->history_ids, t->n_history_ids);
	free(t->model_body);
	free(t->prefill);
	free(t->search_query);
	*t = (struct reply_terms){ .tools = NULL };
}

/* Compares a name that has no end mark with one that has. */
static int
compare_name(const char *name, size_t len, const char *other)
{
	size_t other_len = strlen(other);
	int order = memcmp(name, other, len < other_len ? len : other_len);

	return order != 0 ? order : len < other_len ? -1 : len > other_len;
}

const struct reply_tool *
reply_terms_tool(const struct reply_terms *t, const char *name, size_t len)
{
	size_t low = 0, high = t->n_tools, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = compare_name(name, len, t->tools[middle].upstream);
		if (order == 0)
			return &t->tools[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int
compare_id(const void *id, const void *entry)
{
	return strcmp(id, *(char *const *)entry);
}

bool
reply_terms_has_id(const struct reply_terms *t, const char *id)
{
	return t->n_history_ids > 0 &&
	       bsearch(id, t->history_ids, t->n_history_ids,
		   sizeof(*t->history_ids), compare_id) != NULL;
}
