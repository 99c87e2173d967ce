/* SPDX-License-Identifier: MIT */
#ifndef MODELLIST_H
#define MODELLIST_H

/*
 * An upstream's list of models, as far as it tells: OpenAI's envelope with
 * vLLM's max_model_len, OpenRouter's context_length and top_provider,
 * llama.cpp's meta.n_ctx and the like.
 */

#include <stddef.h>
#include <stdint.h>

struct fault;

/* No request could name a longer one: it is not listed. */
#define MODEL_ID_MAX 512

struct listed_model {
	char *id;
	char *name;	    /* for people; NULL: not told */
	char retires[12];   /* "2026-12-31", "": not told */
	int64_t created;    /* unix seconds, 0: not told */
	int64_t window;	    /* context in tokens, 0: not told */
	int64_t max_output; /* 0: not told */
};

struct model_list {
	struct listed_model *models;
	size_t n;
};

/* Reads the body of GET /models, or of GET /models/{id} as a list of that one.
 * 0, or -1 with `why`; `list` is good for
 * model_list_clear() either way. */
int model_list_parse(
    const char *body, size_t len, struct model_list *list, struct fault *why);
void model_list_clear(struct model_list *list);

/* The entry of an id, NULL if there is none. */
const struct listed_model *
model_list_find(const struct model_list *list, const char *id);

#endif
