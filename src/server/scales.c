/* SPDX-License-Identifier: MIT */
/* Tokens per model.  Knows no estimate: that is translate/tokens.h's. */
#include "server/scales.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MODELS     512
#define MAX_NAME_BYTES 512

struct scale {
	char *model;
	struct token_scale scale;
	int64_t window;
	unsigned long long last_used;
};

struct scales {
	pthread_mutex_t lock;
	struct scale models[MAX_MODELS];
	size_t n;
	unsigned long long uses;
};

static const struct token_scale unknown = { .factor = 1.0 };

struct scales *
scales_new(void)
{
	struct scales *s = calloc(1, sizeof(*s));

	if (s != NULL && pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
scales_free(struct scales *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->models[i].model);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The caller holds the lock. */
static struct scale *
find(struct scales *s, const char *model)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->models[i].model, model) == 0) {
			s->models[i].last_used = ++s->uses;
			return &s->models[i];
		}
	return NULL;
}

/* The same, or a new one in place of the one unused for longest; NULL when
 * out of memory or for a name that no model has. */
static struct scale *
find_or_make(struct scales *s, const char *model)
{
	struct scale *at = find(s, model);
	char *name;

	if (at != NULL || strlen(model) > MAX_NAME_BYTES ||
	    (name = strdup(model)) == NULL)
		return at;
	if (s->n < MAX_MODELS) {
		at = &s->models[s->n++];
	} else {
		at = &s->models[0];
		for (size_t i = 1; i < s->n; i++)
			if (s->models[i].last_used < at->last_used)
				at = &s->models[i];
		free(at->model);
	}
	*at = (struct scale){
		.model = name, .scale = unknown, .last_used = ++s->uses
	};
	return at;
}

void
scales_get(struct scales *s, const char *model, struct token_scale *out)
{
	const struct scale *at;

	pthread_mutex_lock(&s->lock);
	at = find(s, model);
	*out = at != NULL ? at->scale : unknown;
	pthread_mutex_unlock(&s->lock);
}

void
scales_learn(
    struct scales *s, const char *model, int64_t estimated, int64_t reported)
{
	struct scale *at;

	if (estimated <= 0 || reported <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	if ((at = find_or_make(s, model)) != NULL)
		tokens_learn(&at->scale, estimated, reported);
	pthread_mutex_unlock(&s->lock);
}

int64_t
scales_window_get(struct scales *s, const char *model)
{
	const struct scale *at;
	int64_t tokens;

	pthread_mutex_lock(&s->lock);
	at = find(s, model);
	tokens = at != NULL ? at->window : 0;
	pthread_mutex_unlock(&s->lock);
	return tokens;
}

void
scales_window_set(struct scales *s, const char *model, int64_t tokens)
{
	struct scale *at;

	if (tokens <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	if ((at = find_or_make(s, model)) != NULL)
		at->window = tokens;
	pthread_mutex_unlock(&s->lock);
}
