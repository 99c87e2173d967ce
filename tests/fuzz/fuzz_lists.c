/* SPDX-License-Identifier: MIT */
/*
 * The small parsers, chosen by the first byte: an upstream's list of models,
 * its token counts, lines of the lessons file, MODEL_MAP.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/counting.h"
#include "translate/dialect/learn.h"
#include "translate/modellist.h"
#include "translate/models.h"
#include "wire/fault.h"

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
	switch (bytes[0] % 4) {
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
	default:
		read_rules(text);
	}
	free(text);
	return 0;
}
