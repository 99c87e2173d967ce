/* SPDX-License-Identifier: MIT */
/*
 * The small parsers, chosen by the first byte: an upstream's list of models,
 * its token counts, lines of the lessons file, MODEL_MAP, the query of our own
 * list of models.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/counting.h"
#include "translate/dialect/learn.h"
#include "translate/modellist.h"
#include "translate/modelpage.h"
#include "translate/models.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
read_models(const char *text, size_t len)
{
	struct model_list list;
	struct fault why = { 0 };

	if (model_list_parse(text, len, &list, &why) == -1 &&
	    why.kind == FAULT_NONE)
		abort();
	model_list_clear(&list);
}

/* A line that is read prints to one that reads the same. */
static void
read_lesson(const char *line)
{
	struct lesson lesson, again;
	char first[256], second[256];

	if (learn_parse(line, &lesson) == -1)
		return;
	learn_print(&lesson, first, sizeof(first));
	if (learn_parse(first, &again) == -1)
		abort();
	learn_print(&again, second, sizeof(second));
	if (strcmp(first, second) != 0)
		abort();
}

/* What is no query is refused; all else gives a page that is JSON. */
static void
read_query(char *text)
{
	static const struct model_routes routes;
	static struct listed_model model = { .id = (char *)"a/b" };
	const struct model_list list = { &model, 1 };
	const struct model_offer offer = { .routes = &routes, .listed = &list };
	char *value = strchr(text, '=');
	struct model_query q;
	struct fault why = { 0 };
	struct buf out;

	if (value != NULL)
		*value++ = '\0';
	model_query_init(&q);
	buf_init(&out, 1024 * 1024);
	if (model_query_add(&q, text, value != NULL ? value : "", &why) == 0 &&
	    models_print_page(&offer, &q, &out, &why) == 0 &&
	    json_check(out.data, out.len, '{', NULL) == -1)
		abort();
	buf_clear(&out);
}

static void
read_rules(const char *text)
{
	struct model_routes routes = { 0 };
	char err[256];

	if (model_rules_parse(text, &routes, err, sizeof(err)) == 0 &&
	    model_route(&routes, "claude-haiku-4-5", true) == NULL)
		abort();
	model_routes_clear(&routes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text;

	if (len == 0 || (text = malloc(len)) == NULL)
		return 0;
	memcpy(text, bytes + 1, len - 1);
	text[len - 1] = '\0';
	switch (bytes[0] % 5) {
	case 0:
		read_models(text, len - 1);
		break;
	case 1:
		for (int way = 0; way < COUNTING_WAYS; way++)
			if (counting_read(way, text, len - 1) < -1)
				abort();
		break;
	case 2:
		read_lesson(text);
		break;
	case 3:
		read_query(text);
		break;
	default:
		read_rules(text);
	}
	free(text);
	return 0;
}
