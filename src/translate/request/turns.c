/* SPDX-License-Identifier: MIT */
/*
 * Messages into turns.  Knows block types and their places, but not what
 * becomes of a block.
 */
#include "translate/request/turns.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translate/names.h"
#include "translate/request/pairs.h"
#include "translate/request/system.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define NOWHERE SIZE_MAX

enum { IN_USER = 1, IN_ASSISTANT = 2 };

static const struct {
	const char *name;
	enum block_type type;
	int allowed;
} block_types[] = {
	{ "text", BLOCK_TEXT, IN_USER | IN_ASSISTANT },
	{ "tool_use", BLOCK_TOOL_USE, IN_ASSISTANT },
	{ "tool_result", BLOCK_TOOL_RESULT, IN_USER },
	{ "thinking", BLOCK_THINKING, IN_ASSISTANT },
	{ "redacted_thinking", BLOCK_REDACTED_THINKING, IN_ASSISTANT },
	{ "image", BLOCK_IMAGE, IN_USER },
	{ "document", BLOCK_DOCUMENT, IN_USER | IN_ASSISTANT },
	{ "search_result", BLOCK_SEARCH_RESULT, IN_USER },
	{ "server_tool_use", BLOCK_SERVER_USE, IN_ASSISTANT },
	{ "web_search_tool_result", BLOCK_SERVER_RESULT, IN_ASSISTANT },
	{ "web_fetch_tool_result", BLOCK_SERVER_RESULT, IN_ASSISTANT },
	{ "code_execution_tool_result", BLOCK_SERVER_RESULT, IN_ASSISTANT },
	{ "bash_code_execution_tool_result", BLOCK_SERVER_RESULT,
	    IN_ASSISTANT },
	{ "text_editor_code_execution_tool_result", BLOCK_SERVER_RESULT,
	    IN_ASSISTANT },
	{ "advisor_tool_result", BLOCK_SERVER_RESULT, IN_ASSISTANT },
	{ "tool_search_tool_result", BLOCK_SILENT, IN_ASSISTANT },
	{ "mcp_tool_use", BLOCK_SERVER_USE, IN_ASSISTANT },
	{ "mcp_tool_result", BLOCK_SERVER_RESULT, IN_ASSISTANT },
	{ "mcp_tool_listing", BLOCK_SILENT, IN_ASSISTANT },
	{ "fallback", BLOCK_SILENT, IN_ASSISTANT },
	{ "container_upload", BLOCK_CONTAINER_UPLOAD, IN_USER | IN_ASSISTANT },
	{ "compaction", BLOCK_COMPACTION, IN_USER | IN_ASSISTANT },
	{ "tool_addition", BLOCK_SILENT, IN_USER | IN_ASSISTANT },
	{ "tool_removal", BLOCK_SILENT, IN_USER | IN_ASSISTANT },
};

#define N_TYPES (sizeof(block_types) / sizeof(*block_types))

/* One message on its way into a turn. */
struct entry {
	const struct message *message;
	enum role role;
	size_t first_block, n_blocks;
	bool has_use, has_result;
	bool joins;  /* belongs to the turn before, whatever `merge` says */
	bool silent; /* a system message that makes no turn */
};

struct entries {
	struct entry *list;
	size_t *order; /* of the list, system messages moved */
	size_t n, n_placed;
};

const char *
block_path(const struct block *b, char out[BLOCK_PATH_MAX])
{
	snprintf(out, BLOCK_PATH_MAX, "messages.%zu.content.%zu", b->message,
	    b->place);
	return out;
}

/* -- blocks --------------------------------------------------------------- */

/* A string member that may not be empty. */
static int
read_id(const struct block *b, const char *type, const char *key,
    const char **text, struct fault *why)
{
	const cJSON *member = json_get(b->json, key);
	char path[BLOCK_PATH_MAX];

	if (cJSON_IsString(member) && member->valuestring[0] != '\0' &&
	    strlen(member->valuestring) <= ID_MAX_CLIENT) {
		*text = member->valuestring;
		return 0;
	}
	block_path(b, path);
	if (member == NULL)
		return REFUSE("%s.%s.%s: Field required", path, type, key);
	if (!cJSON_IsString(member))
		return REFUSE("%s.%s.%s: Input should be a valid string", path,
		    type, key);
	if (member->valuestring[0] == '\0')
		return REFUSE("%s.%s.%s: String should have at least 1 "
			      "character",
		    path, type, key);
	return REFUSE("%s.%s.%s: String should have at most %d characters",
	    path, type, key, ID_MAX_CLIENT);
}

static int
check_tool_use(struct block *b, struct fault *why)
{
	const cJSON *input = json_get_set(b->json, "input");
	char path[BLOCK_PATH_MAX];
	const char *name;

	if (read_id(b, "tool_use", "id", &b->id, why) == -1 ||
	    read_id(b, "tool_use", "name", &name, why) == -1)
		return -1;
	if (input != NULL && !cJSON_IsObject(input))
		return REFUSE("%s.tool_use.input: Input should be an object",
		    block_path(b, path));
	return 0;
}

static int
check_text(struct block *b, struct fault *why)
{
	char path[BLOCK_PATH_MAX];

	b->text = json_get(b->json, "text");
	if (b->text == NULL)
		return REFUSE(
		    "%s.text.text: Field required", block_path(b, path));
	if (!cJSON_IsString(b->text))
		return REFUSE("%s.text.text: Input should be a valid string",
		    block_path(b, path));
	return 0;
}

static int
check_role(
    const struct block *b, size_t type, enum role role, struct fault *why)
{
	int here = role == ROLE_USER ? IN_USER : IN_ASSISTANT;
	char path[BLOCK_PATH_MAX];

	if ((block_types[type].allowed & here) != 0)
		return 0;
	return REFUSE("%s: `%s` blocks can only be in `%s` messages",
	    block_path(b, path), block_types[type].name,
	    here == IN_USER ? "assistant" : "user");
}

static int
read_type(struct block *b, enum role role, struct fault *why)
{
	const cJSON *type = json_get(b->json, "type");
	char path[BLOCK_PATH_MAX];

	if (cJSON_IsString(type))
		for (size_t i = 0; i < N_TYPES; i++)
			if (json_is(type, block_types[i].name)) {
				b->type = block_types[i].type;
				return check_role(b, i, role, why);
			}
	block_path(b, path);
	if (!cJSON_IsObject(b->json))
		return fault_should_be(path, "an object", why);
	if (type == NULL)
		return REFUSE("%s.type: Field required", path);
	if (!cJSON_IsString(type))
		return REFUSE("%s.type: Input should be a valid string", path);
	return fault_unknown_tag(path, ".type", type->valuestring, "", why);
}

/* Names and checks a block; 1 if it stays, 0 if it is to be dropped. */
static int
read_block(struct block *b, enum role role, struct fault *why)
{
	if (read_type(b, role, why) == -1)
		return -1;
	switch (b->type) {
	case BLOCK_TEXT:
		if (check_text(b, why) == -1)
			return -1;
		return b->text->valuestring[0] != '\0';
	case BLOCK_TOOL_USE:
		return check_tool_use(b, why) == -1 ? -1 : 1;
	case BLOCK_TOOL_RESULT:
		return read_id(b, "tool_result", "tool_use_id", &b->id, why) ==
			       -1
			   ? -1
			   : 1;
	default:
		return 1;
	}
}

/* -- entries -------------------------------------------------------------- */

static int
read_blocks(struct turns *t, struct entry *e, struct fault *why)
{
	const cJSON *content = e->message->content, *json;
	struct block *b = &t->blocks[t->n_blocks];
	size_t place = 0;
	int stays;

	e->first_block = t->n_blocks;
	if (cJSON_IsString(content)) {
		*b = (struct block){ .type = BLOCK_TEXT,
			.json = content,
			.text = content,
			.message = e->message->index };
		e->n_blocks = content->valuestring[0] != '\0';
		t->n_blocks += e->n_blocks;
		return 0;
	}
	cJSON_ArrayForEach(json, content) {
		b = &t->blocks[t->n_blocks];
		*b = (struct block){ .json = json,
			.message = e->message->index,
			.place = place };
		place++;
		if ((stays = read_block(b, e->role, why)) == -1)
			return -1;
		e->has_use |= b->type == BLOCK_TOOL_USE;
		e->has_result |= b->type == BLOCK_TOOL_RESULT;
		t->n_blocks += (size_t)stays;
	}
	e->n_blocks = t->n_blocks - e->first_block;
	return 0;
}

/* A system message's own blocks are looked at where they are joined. */
static int
read_system_entry(struct entry *e, bool is_before_user, struct fault *why)
{
	const struct message *m = e->message;
	char path[BLOCK_PATH_MAX];

	snprintf(path, sizeof(path), "messages.%zu.content", m->index);
	if (system_check(m->content, path, true, &e->silent, why) == -1)
		return -1;
	if (is_before_user &&
	    json_is(json_get(m->json, "clear_at"), "next_user_message"))
		e->silent = true;
	return 0;
}

static size_t
count_blocks(const struct message_request *req)
{
	size_t n = 0;

	for (size_t i = 0; i < req->n_messages; i++)
		n += cJSON_IsArray(req->messages[i].content)
			 ? (size_t)cJSON_GetArraySize(req->messages[i].content)
			 : 1;
	return n;
}

/* Makes room for all that there may be, in one piece; t->blocks is its
 * beginning. */
static int
make_room(struct turns *t, struct entries *es,
    const struct message_request *req, struct fault *why)
{
	size_t n = req->n_messages, n_blocks = count_blocks(req) + 1;

	t->blocks = calloc(1, n_blocks * sizeof(*t->blocks) +
				  n * (sizeof(*t->list) + sizeof(*es->list) +
					  sizeof(*es->order)));
	if (t->blocks == NULL)
		return fault_no_memory(why);
	t->list = (struct turn *)(t->blocks + n_blocks);
	es->list = (struct entry *)(t->list + n);
	es->order = (size_t *)(es->list + n);
	es->n = n;
	return 0;
}

static int
read_entries(struct turns *t, struct entries *es,
    const struct message_request *req, struct fault *why)
{
	size_t last_user = NOWHERE;

	for (size_t i = 0; i < es->n; i++)
		if (req->messages[i].role == ROLE_USER)
			last_user = i;
	for (size_t i = 0; i < es->n; i++) {
		es->list[i].message = &req->messages[i];
		es->list[i].role = req->messages[i].role;
		if (req->messages[i].role != ROLE_SYSTEM) {
			if (read_blocks(t, &es->list[i], why) == -1)
				return -1;
		} else if (read_system_entry(&es->list[i],
			       last_user != NOWHERE && i < last_user,
			       why) == -1) {
			return -1;
		}
	}
	return 0;
}

/* -- order ---------------------------------------------------------------- */

/* Where the answers to the assistant's turn at `from` end. */
static size_t
segment_end(const struct entries *es, size_t from)
{
	bool user_seen = false;
	size_t i;

	for (i = from; i < es->n; i++) {
		if (es->list[i].role == ROLE_USER)
			user_seen = true;
		if (es->list[i].role == ROLE_ASSISTANT && user_seen)
			break;
	}
	return i;
}

/*
 * Places one assistant's turn and its answers: a system message between a
 * call and its last result comes behind that result.
 */
static void
place_segment(struct entries *es, size_t from, size_t to)
{
	size_t first_use = NOWHERE, last_result = NOWHERE;

	for (size_t i = from; i < to; i++) {
		if (es->list[i].has_use && first_use == NOWHERE)
			first_use = i;
		if (es->list[i].has_result)
			last_result = i;
	}
	if (first_use == NOWHERE || last_result == NOWHERE)
		first_use = last_result = from;
	for (size_t i = from; i < to; i++) {
		es->list[i].joins = i > first_use && i <= last_result;
		if (es->list[i].role != ROLE_SYSTEM || i < first_use ||
		    i > last_result)
			es->order[es->n_placed++] = i;
		if (i != last_result)
			continue;
		for (size_t k = first_use; k < last_result; k++)
			if (es->list[k].role == ROLE_SYSTEM)
				es->order[es->n_placed++] = k;
		if (es->list[i].role == ROLE_SYSTEM)
			es->order[es->n_placed++] = i;
	}
}

static int
check_not_empty(const struct turn *turn, size_t message, struct fault *why)
{
	if (turn->role != ROLE_USER || turn->n_blocks > 0)
		return 0;
	return REFUSE(
	    "messages.%zu: user messages must have non-empty content", message);
}

static int
merge_entries(
    struct turns *t, const struct entries *es, bool merge, struct fault *why)
{
	const struct entry *e;
	struct turn *last = NULL;
	size_t last_at = 0;

	for (size_t i = 0; i < es->n_placed; i++) {
		e = &es->list[es->order[i]];
		if (e->silent)
			continue;
		if (last != NULL && last->role == e->role &&
		    last->role != ROLE_SYSTEM && (merge || e->joins)) {
			last->n_blocks += e->n_blocks;
			continue;
		}
		if (last != NULL && check_not_empty(last, last_at, why) == -1)
			return -1;
		last = &t->list[t->n++];
		last_at = es->order[i];
		*last = (struct turn){ .role = e->role,
			.message = e->message,
			.blocks = t->blocks + e->first_block,
			.n_blocks = e->n_blocks };
	}
	return last == NULL ? 0 : check_not_empty(last, last_at, why);
}

/* -- the whole ------------------------------------------------------------ */

int
turns_make(struct turns *t, const struct message_request *req, bool merge,
    struct fault *why)
{
	struct entries es = { .n = 0 };
	size_t to;

	*t = (struct turns){ .n = 0 };
	if (make_room(t, &es, req, why) == -1 ||
	    read_entries(t, &es, req, why) == -1)
		return -1;
	for (size_t from = 0; from < es.n; from = to) {
		to = segment_end(&es, from);
		place_segment(&es, from, to);
	}
	if (merge_entries(t, &es, merge, why) == -1)
		return -1;
	return pairs_make(t, why);
}

void
turns_clear(struct turns *t)
{
	free(t->blocks);
	free(t->answers);
	*t = (struct turns){ .n = 0 };
}
