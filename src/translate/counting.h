/* SPDX-License-Identifier: MIT */
#ifndef COUNTING_H
#define COUNTING_H

/*
 * Requests that ask an upstream to count a prompt, made out of a built Chat
 * Completions request: llama.cpp and vLLM take its messages and tools as they
 * are, OpenAI wants them in the shape of its Responses API.
 */

#include <stddef.h>
#include <stdint.h>
#include "wire/json.h"

enum counting_way {
	COUNTING_LLAMA,	 /* POST {base}/chat/completions/input_tokens */
	COUNTING_VLLM,	 /* POST {root}/tokenize */
	COUNTING_OPENAI, /* POST {base}/responses/input_tokens */
	COUNTING_WAYS,
};

/*
 * Appends the request of one way.  `chat` is left as it was.
 * 0, or -1 when out of memory.
 */
int counting_print(enum counting_way way, const cJSON *chat, struct buf *out);

/* Appends the way's URL, made of a base such as "https://host/v1" and a query
 * ("" or "?…").  0, or -1 where the base has no host. */
int counting_url(enum counting_way way, const char *base, const char *query,
    struct buf *out);

/* The count in an answer, or -1 where there is none. */
int64_t counting_read(enum counting_way way, const char *body, size_t len);

#endif
