/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_H
#define MEDIA_H

/* Images, documents and search results as content parts. */

#include "wire/json.h"

struct fault;
struct parts;
struct profile;

/* What the blocks are read from and how the upstream wants them. */
struct media_source {
	const struct json_doc *doc;
	const struct profile *profile;
	const char *path; /* of the block, for what is said about it */
};

/* Each adds the parts of a block.  0, or -1 with `why`. */
int media_add_image(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why);
int media_add_document(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why);
int media_add_search_result(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why);

#endif
