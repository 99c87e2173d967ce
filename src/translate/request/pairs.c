/* SPDX-License-Identifier: MIT */
/* Pairing, in the words of Anthropic's own refusals. */
#include "translate/request/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "translate/request/turns.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

struct call {
	const struct block *use;
	size_t place; /* among the turn's calls */
};

static int
compare_calls(const void *a, const void *b)
{
	return strcmp(((const struct call *)a)->use->id,
	    ((const struct call *)b)->use->id);
}

static int
compare_id(const void *id, const void *call)
{
	return strcmp(id, ((const struct call *)call)->use->id);
}

/* Fills the turn's calls, sorted by id. */
static int
gather_calls(struct turn *turn, struct call *calls, struct fault *why)
{
	char path[BLOCK_PATH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < turn->n_blocks; i++)
		if (turn->blocks[i].type == BLOCK_TOOL_USE) {
			calls[n] = (struct call){ &turn->blocks[i], n };
			n++;
		}
	turn->n_calls = n;
	if (n > 1)
		qsort(calls, n, sizeof(*calls), compare_calls);
	for (size_t i = 1; i < n; i++)
		if (compare_calls(&calls[i - 1], &calls[i]) == 0)
			return REFUSE("%s: `tool_use` ids must be unique",
			    block_path(calls[i].use, path));
	return 0;
}

static int
answer_calls(struct turns *t, struct turn *turn, const struct call *calls,
    size_t n_calls, const struct block **answers, struct fault *why)
{
	char path[BLOCK_PATH_MAX];
	const struct call *call;
	struct block *b;

	for (size_t i = 0; i < turn->n_blocks; i++) {
		b = &t->blocks[(size_t)(turn->blocks - t->blocks) + i];
		if (b->type != BLOCK_TOOL_RESULT)
			continue;
		call = n_calls == 0 ? NULL
				    : bsearch(b->id, calls, n_calls,
					  sizeof(*calls), compare_id);
		if (call == NULL)
			return REFUSE(
			    "%s: unexpected `tool_use_id` found in "
			    "`tool_result` blocks: %s. Each `tool_result` "
			    "block must have a corresponding `tool_use` block "
			    "in the previous message.",
			    block_path(b, path), b->id);
		if (answers[call->place] != NULL)
			return REFUSE("%s: each tool_use must have a single "
				      "result. Found multiple `tool_result` "
				      "blocks with id: %s",
			    block_path(b, path), b->id);
		answers[call->place] = b;
		b->call = call->use;
	}
	return 0;
}

static int
refuse_unanswered(const struct turn *turn, const struct block *const *answers,
    struct fault *why)
{
	const struct block *first = NULL;
	size_t call = 0;
	struct buf ids;
	int rc;

	buf_init(&ids, FAULT_MESSAGE_MAX);
	for (size_t i = 0; i < turn->n_blocks; i++) {
		if (turn->blocks[i].type != BLOCK_TOOL_USE ||
		    answers[call++] != NULL)
			continue;
		if (first == NULL)
			first = &turn->blocks[i];
		else
			buf_add_str(&ids, ", ");
		buf_add_str(&ids, turn->blocks[i].id);
	}
	if (first == NULL) {
		buf_clear(&ids);
		return 0;
	}
	rc = REFUSE("messages.%zu: `tool_use` ids were found without "
		    "`tool_result` blocks immediately after: %s. Each "
		    "`tool_use` block must have a corresponding `tool_result` "
		    "block in the next message.",
	    first->message, buf_str(&ids));
	buf_clear(&ids);
	return rc;
}

static int
pair_turns(struct turns *t, struct call *calls, struct fault *why)
{
	const struct block **answers = t->answers;
	struct turn *turn, *asked = NULL; /* the turn that waits for answers */

	for (size_t i = 0; i < t->n; i++) {
		turn = &t->list[i];
		if (turn->role == ROLE_USER &&
		    answer_calls(t, turn, calls, asked ? asked->n_calls : 0,
			answers, why) == -1)
			return -1;
		if (asked != NULL) {
			if (refuse_unanswered(asked, answers, why) == -1)
				return -1;
			turn->answers = answers;
			turn->n_answers = asked->n_calls;
			answers += asked->n_calls;
			asked = NULL;
		}
		if (turn->role == ROLE_ASSISTANT) {
			if (gather_calls(turn, calls, why) == -1)
				return -1;
			if (turn->n_calls > 0)
				asked = turn;
		}
	}
	return asked == NULL ? 0 : refuse_unanswered(asked, answers, why);
}

int
pairs_make(struct turns *t, struct fault *why)
{
	struct call *calls = NULL;
	size_t n_calls = 0;
	int rc;

	for (size_t i = 0; i < t->n_blocks; i++)
		n_calls += t->blocks[i].type == BLOCK_TOOL_USE;
	if (n_calls > 0) {
		calls = calloc(n_calls, sizeof(*calls));
		t->answers = calloc(n_calls, sizeof(const struct block *));
	}
	if (n_calls > 0 && (calls == NULL || t->answers == NULL))
		rc = fault_no_memory(why);
	else
		rc = pair_turns(t, calls, why);
	free(calls);
	return rc;
}
