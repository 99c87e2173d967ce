/* SPDX-License-Identifier: MIT */
/* Function names: short, of plain characters, told apart. */
#include "translate/request/toolname.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/names.h"
#include "wire/buf.h"
#include "wire/fault.h"

static void
put_full_name(const char *toolset, const char *name, struct buf *out)
{
	if (toolset != NULL)
		buf_printf(out, "%s__", toolset);
	buf_add_str(out, name);
}

static int
compare_upstream(const void *a, const void *b)
{
	const struct tool *x = *(struct tool *const *)a;
	const struct tool *y = *(struct tool *const *)b;
	int order = strcmp(x->upstream, y->upstream);

	return order != 0 ? order
			  : (x->order > y->order) - (x->order < y->order);
}

static int
name_tool(struct tool_set *set, struct tool *tool, size_t hex)
{
	struct buf full, name;

	buf_init(&full, SIZE_MAX / 4);
	buf_init(&name, SIZE_MAX / 4);
	put_full_name(tool->toolset, tool->name, &full);
	if (hex == 0)
		name_short(buf_str(&full), set->name_max, &name);
	else
		name_short_distinct(buf_str(&full), set->name_max, hex, &name);
	name.failed |= full.failed;
	buf_clear(&full);
	free(tool->upstream);
	tool->upstream = buf_take(&name, NULL);
	return tool->upstream == NULL ? -1 : 0;
}

/* Names all tools; a short name that is taken gets more digits. */
int
toolname_all(struct tool_set *set, struct fault *why)
{
	struct tool **sorted;
	bool clash = true;
	int rc = 0;

	if (set->n == 0)
		return 0;
	if ((sorted = calloc(set->n, sizeof(struct tool *))) == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < set->n && rc == 0; i++) {
		sorted[i] = &set->list[i];
		rc = name_tool(set, sorted[i], 0);
	}
	for (size_t hex = 16; hex <= 56 && clash && rc == 0 && set->n > 1;
	     hex += 8) {
		clash = false;
		qsort(sorted, set->n, sizeof(struct tool *), compare_upstream);
		for (size_t i = 1, first = 0; i < set->n && rc == 0; i++) {
			if (strcmp(sorted[first]->upstream,
				sorted[i]->upstream) != 0) {
				first = i;
			} else if (tool_compare(sorted[first], sorted[i]) !=
				   0) {
				clash = true;
				rc = name_tool(set, sorted[i], hex);
			}
		}
	}
	free(sorted);
	return rc == 0 ? 0 : fault_no_memory(why);
}

void
toolname_put(const struct tool_set *set, const char *toolset, const char *name,
    struct buf *out)
{
	const struct tool *tool = tools_find(set, toolset, name);
	struct buf full;

	if (tool != NULL && tool->upstream != NULL) {
		buf_add_str(out, tool->upstream);
		return;
	}
	buf_init(&full, SIZE_MAX / 4);
	put_full_name(toolset, name, &full);
	name_short(buf_str(&full), set->name_max, out);
	out->failed |= full.failed;
	buf_clear(&full);
}
