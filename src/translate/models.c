/* SPDX-License-Identifier: MIT */
/* Model names to model names.  Knows no upstream and no request. */
#include "translate/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RULES 1000

bool
model_glob(const char *glob, const char *text)
{
	const char *star = NULL, *retry = NULL;
	char next;

	/* On a mismatch only the last * need take more: linear in practice,
	 * never worse than the product of both lengths. */
	while (*text != '\0') {
		if (*glob == '*') {
			star = ++glob;
			retry = text;
		} else if (*glob == '?' || *glob == *text) {
			if (*glob == '?')
				while ((text[1] & 0xC0) == 0x80)
					text++;
			glob++;
			text++;
		} else if (star != NULL) {
			glob = star;
			next = *glob;
			retry++;
			while (next != '?' && next != '*' && next != *retry &&
			       *retry != '\0')
				retry++;
			text = retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

/* A copy of text between two pointers without the blanks around it. */
static char *
trimmed(const char *from, const char *to)
{
	while (from < to && strchr(" \t\r\n", *from) != NULL)
		from++;
	while (to > from && strchr(" \t\r\n", to[-1]) != NULL)
		to--;
	return strndup(from, (size_t)(to - from));
}

/* Reads one rule; 0, or -1 with a sentence in err. */
static int
parse_rule(const char *from, const char *to, struct model_rule *rule, char *err,
    size_t cap)
{
	const char *equals = memchr(from, '=', (size_t)(to - from));

	if (equals == NULL) {
		snprintf(err, cap, "\"%.*s\" is not glob=value",
		    (int)(to - from < 200 ? to - from : 200), from);
		return -1;
	}
	rule->glob = trimmed(from, equals);
	rule->model = trimmed(equals + 1, to);
	if (rule->glob == NULL || rule->model == NULL) {
		snprintf(err, cap, "out of memory");
		return -1;
	}
	if (rule->glob[0] == '\0' || rule->model[0] == '\0') {
		snprintf(err, cap, "\"%.*s\" has nothing %s the \"=\"",
		    (int)(to - from < 200 ? to - from : 200), from,
		    rule->glob[0] == '\0' ? "before" : "behind");
		return -1;
	}
	return 0;
}

static bool
is_blank(const char *from, const char *to)
{
	while (from < to && strchr(" \t\r\n", *from) != NULL)
		from++;
	return from == to;
}

static void
clear_rules(struct model_routes *routes)
{
	for (size_t i = 0; i < routes->n_rules; i++) {
		free(routes->rules[i].glob);
		free(routes->rules[i].model);
	}
	free(routes->rules);
	routes->rules = NULL;
	routes->n_rules = 0;
}

int
model_rules_parse(
    const char *text, struct model_routes *routes, char *err, size_t cap)
{
	const char *end;
	size_t n = 1;

	clear_rules(routes);
	for (const char *p = text; *p != '\0'; p++)
		n += *p == ',';
	if (n > MAX_RULES) {
		snprintf(err, cap, "more than %d rules", MAX_RULES);
		return -1;
	}
	if ((routes->rules = calloc(n, sizeof(*routes->rules))) == NULL) {
		snprintf(err, cap, "out of memory");
		return -1;
	}
	for (;; text = end + 1) {
		end = text + strcspn(text, ",");
		if (!is_blank(text, end) &&
		    parse_rule(text, end, &routes->rules[routes->n_rules++],
			err, cap) == -1) {
			clear_rules(routes);
			return -1;
		}
		if (*end == '\0')
			return 0;
	}
}

void
model_routes_clear(struct model_routes *routes)
{
	clear_rules(routes);
	free(routes->reasoning);
	free(routes->completion);
	*routes = (struct model_routes){ 0 };
}

const char *
model_rules_find(const struct model_routes *routes, const char *name)
{
	for (size_t i = 0; i < routes->n_rules; i++)
		if (model_glob(routes->rules[i].glob, name))
			return routes->rules[i].model;
	return NULL;
}

const char *
model_chosen_by(
    const struct model_routes *routes, const char *asked, bool thinks)
{
	const char *set = thinks ? routes->reasoning : routes->completion;

	if (model_rules_find(routes, asked) != NULL)
		return "MODEL_MAP";
	if (set == NULL || set[0] == '\0')
		return "";
	return thinks ? "REASONING_MODEL" : "COMPLETION_MODEL";
}

const char *
model_route(const struct model_routes *routes, const char *asked, bool thinks)
{
	const char *model = model_rules_find(routes, asked);

	if (model == NULL)
		model = thinks ? routes->reasoning : routes->completion;
	return model != NULL && model[0] != '\0' ? model : asked;
}
