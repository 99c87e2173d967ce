/* SPDX-License-Identifier: MIT */
/* Tool calls from fragments.  Knows no events and no blocks. */
#include "translate/reply/slots.h"

#include <stdlib.h>
#include <string.h>

#include "translate/names.h"
#include "translate/reply/terms.h"
#include "wire/fault.h"

#define NAME_MAX_BYTES 512
#define GENERATED_LEN  24
#define SIGNATURE_MAX  ((size_t)1 << 20)

void
slots_init(struct slots *s, const struct reply_terms *terms,
    const struct stream_env *env)
{
	*s = (struct slots){ .terms = terms, .env = env };
}

void
slots_clear(struct slots *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->list[i];

		free(slot->up_id);
		free(slot->client_id);
		free(slot->signature);
		buf_clear(&slot->name);
		buf_clear(&slot->text);
	}
	free(s->list);
	s->list = NULL;
	s->n = s->cap = 0;
}

/* -- which call ------------------------------------------------------------ */

static struct slot *
new_slot(struct slots *s, struct fault *why)
{
	size_t cap = s->cap == 0 ? 4 : s->cap * 2;
	struct slot *slot;

	if (s->n == SLOTS_MAX) {
		fault_set(why, FAULT_BAD_GATEWAY,
		    "upstream sent more than %d tool calls", SLOTS_MAX);
		return NULL;
	}
	if (s->n == s->cap) {
		slot = realloc(s->list, cap * sizeof(*slot));
		if (slot == NULL) {
			fault_no_memory(why);
			return NULL;
		}
		s->list = slot;
		s->cap = cap;
	}
	slot = &s->list[s->n];
	*slot =
	    (struct slot){ .is_ignored = s->terms->one_call_only && s->n > 0 };
	args_init(&slot->args);
	buf_init(&slot->name, NAME_MAX_BYTES);
	buf_init(&slot->text, s->env->max_reply_bytes);
	s->last = s->n++;
	return slot;
}

static bool
has_id(const struct slot *slot, const char *id)
{
	return slot->up_id != NULL && strcmp(slot->up_id, id) == 0;
}

static bool
has_place(const struct slot *slot, int64_t choice, int64_t index)
{
	return slot->has_index && slot->choice == choice &&
	       slot->index == index;
}

/* The latest call at an index, NULL if there is none. */
static struct slot *
find_index(struct slots *s, int64_t choice, int64_t index)
{
	if (s->n == 0 || has_place(&s->list[s->last], choice, index))
		return s->n == 0 ? NULL : &s->list[s->last];
	for (size_t i = s->n; i > 0; i--)
		if (has_place(&s->list[i - 1], choice, index))
			return &s->list[i - 1];
	return NULL;
}

static struct slot *
find_id(struct slots *s, int64_t choice, const char *id)
{
	for (size_t i = s->n; i > 0; i--)
		if (s->list[i - 1].choice == choice &&
		    has_id(&s->list[i - 1], id))
			return &s->list[i - 1];
	return NULL;
}

static struct slot *
find_latest(struct slots *s, int64_t choice)
{
	for (size_t i = s->n; i > 0; i--)
		if (s->list[i - 1].choice == choice)
			return &s->list[i - 1];
	return NULL;
}

/* Whether a name without id and index begins a call behind `latest`. */
static bool
is_next_call(const struct slots *s, const struct slot *latest, const char *name,
    bool is_several)
{
	size_t len = strlen(name);

	if (len == 0)
		return false;
	if (is_several || latest->args.state == ARGS_DONE)
		return true;
	return latest->name.len > 0 &&
	       strcmp(buf_str(&latest->name), name) != 0 &&
	       reply_terms_tool(s->terms, name, len) != NULL &&
	       reply_terms_tool(
		   s->terms, latest->name.data, latest->name.len) != NULL;
}

/* Whether a fragment names another tool behind a call that is complete:
 * servers that give every call the same index, or the same id. */
static bool
names_another(const struct slot *slot, const struct openai_call *call)
{
	return slot->args.state == ARGS_DONE && call->name[0] != '\0' &&
	       strcmp(buf_str(&slot->name), call->name) != 0;
}

/* Whether a fragment's id is that of another call at the same index. */
static bool
has_other_id(const struct slot *slot, const struct openai_call *call)
{
	if (call->id[0] == '\0')
		return false;
	if (slot->up_id != NULL)
		return !has_id(slot, call->id);
	return slot->args.state == ARGS_DONE && call->name[0] != '\0';
}

/* The call that an index, an id or a name tells; NULL if none does. */
static struct slot *
find_told(struct slots *s, const struct slots_context *context,
    const struct openai_call *call)
{
	struct slot *slot;

	if (call->has_index) {
		slot = find_index(s, context->choice, call->index);
		if (slot == NULL || !has_other_id(slot, call))
			return slot;
		/* Servers that say index 0 for all calls tell them by id. */
		return find_id(s, context->choice, call->id);
	}
	if (call->id[0] != '\0')
		return find_id(s, context->choice, call->id);
	slot = find_latest(s, context->choice);
	if (slot != NULL &&
	    is_next_call(s, slot, call->name, context->is_several))
		return NULL;
	return slot;
}

/* The call a fragment continues; NULL where it begins one. */
static struct slot *
find_slot(struct slots *s, const struct slots_context *context,
    const struct openai_call *call)
{
	struct slot *slot;

	if (context->is_whole)
		return NULL;
	slot = context->is_legacy ? find_latest(s, context->choice)
				  : find_told(s, context, call);
	return slot != NULL && names_another(slot, call) ? NULL : slot;
}

/* -- name, id and signature ------------------------------------------------ */

static bool
is_known_prefix(const struct reply_terms *terms, const char *name, size_t len)
{
	for (size_t i = 0; i < terms->n_tools; i++)
		if (strncmp(terms->tools[i].upstream, name, len) == 0)
			return true;
	return false;
}

/* Some servers send a name in pieces, others repeat it with each fragment. */
static int
take_name(const struct slots *s, struct slot *slot, const char *name,
    struct fault *why)
{
	size_t had = slot->name.len;

	if (name[0] == '\0' || slot->is_started ||
	    strcmp(buf_str(&slot->name), name) == 0)
		return 0;
	buf_add_str(&slot->name, name);
	if (had > 0 && !slot->name.failed &&
	    !is_known_prefix(s->terms, slot->name.data, slot->name.len) &&
	    reply_terms_tool(s->terms, name, strlen(name)) != NULL)
		buf_consume(&slot->name, had);
	if (!slot->name.failed)
		return 0;
	return fault_set(why, FAULT_BAD_GATEWAY,
	    "upstream sent a tool name longer than %d bytes", NAME_MAX_BYTES);
}

bool
slots_name_is_final(const struct slots *s, const struct slot *slot)
{
	size_t len = slot->name.len;

	if (len == 0 ||
	    reply_terms_tool(s->terms, slot->name.data, len) == NULL)
		return false;
	for (size_t i = 0; i < s->terms->n_tools; i++) {
		const char *other = s->terms->tools[i].upstream;

		if (strncmp(other, slot->name.data, len) == 0 &&
		    other[len] != '\0')
			return false;
	}
	return true;
}

static int
keep_text(char **to, const char *text, struct fault *why)
{
	if (*to != NULL || text[0] == '\0')
		return 0;
	if (strlen(text) > SIGNATURE_MAX)
		return fault_set(why, FAULT_BAD_GATEWAY,
		    "upstream sent a tool call's id or signature that is "
		    "too long");
	*to = strdup(text);
	return *to == NULL ? fault_no_memory(why) : 0;
}

static bool
is_taken(const struct slots *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].client_id != NULL &&
		    strcmp(s->list[i].client_id, id) == 0)
			return true;
	return reply_terms_has_id(s->terms, id);
}

int
slots_give_id(struct slots *s, struct slot *slot, struct fault *why)
{
	static const char prefix[] = "toolu_";
	char made[sizeof(prefix) + GENERATED_LEN];
	struct buf id;

	buf_init(&id, ID_MAX_SHOWN);
	if (slot->up_id != NULL && !slot->has_made_id)
		id_down(slot->up_id, strlen(slot->up_id), &id);
	if (id.len > 0 && !id.failed && !is_taken(s, id.data)) {
		slot->client_id = buf_take(&id, NULL);
		return slot->client_id == NULL ? fault_no_memory(why) : 0;
	}
	buf_clear(&id);
	memcpy(made, prefix, sizeof(prefix));
	made[sizeof(made) - 1] = '\0';
	for (int tries = 0; tries < 8; tries++) {
		s->env->random_text(
		    s->env->cookie, made + sizeof(prefix) - 1, GENERATED_LEN);
		made[sizeof(prefix) - 1 + GENERATED_LEN] = '\0';
		if (!is_taken(s, made))
			break;
	}
	slot->client_id = strdup(made);
	return slot->client_id == NULL ? fault_no_memory(why) : 0;
}

/* -- arguments ------------------------------------------------------------- */

/* A second object where one was complete: another call of that name. */
static struct slot *
split(struct slots *s, size_t from, struct fault *why)
{
	struct slot *next = new_slot(s, why), *slot;

	if (next == NULL)
		return NULL;
	slot = &s->list[from];
	next->choice = slot->choice;
	next->has_index = slot->has_index;
	next->index = slot->index;
	next->has_made_id = true;
	buf_add(&next->name, slot->name.data, slot->name.len);
	if (slot->up_id != NULL &&
	    keep_text(&next->up_id, slot->up_id, why) == -1)
		return NULL;
	return next;
}

static bool
is_repetition(const struct slot *slot, struct json_slice body)
{
	return slot->args.state == ARGS_DONE && slot->text.len == body.len &&
	       memcmp(slot->text.data, body.text, body.len) == 0;
}

static int
take_body(struct slots *s, size_t at, struct json_slice body, struct fault *why)
{
	struct slot *slot = &s->list[at];
	bool was_done;
	size_t used;

	while (body.len > 0 && !slot->is_ignored) {
		if (is_repetition(slot, body))
			return 0;
		was_done = slot->args.state == ARGS_DONE;
		used = args_scan(&slot->args, body);
		if (slot->args.state == ARGS_BAD && !was_done)
			used = body.len;
		if (!was_done)
			buf_add(&slot->text, body.text, used);
		if (slot->text.failed)
			return fault_no_memory(why);
		body.text += used;
		body.len -= used;
		if (body.len == 0)
			break;
		if (body.text[0] != '{') {
			slot->args.state = ARGS_BAD;
			buf_add(&slot->text, body.text, body.len);
			break;
		}
		if ((slot = split(s, at, why)) == NULL)
			return -1;
		s->repairs++;
		at = s->last;
	}
	return 0;
}

/* Arguments that are an object instead of a text that holds one. */
static int
take_object(
    struct slots *s, size_t at, struct json_slice raw, struct fault *why)
{
	struct buf body;
	int rc;

	s->repairs++;
	buf_init(&body, s->env->max_reply_bytes * 2);
	json_escape(&body, raw.text, raw.len);
	rc = body.failed
		 ? fault_no_memory(why)
		 : take_body(s, at,
		       (struct json_slice){ buf_str(&body), body.len }, why);
	buf_clear(&body);
	return rc;
}

static int
take_arguments(struct slots *s, size_t at, const struct openai_call *call,
    struct fault *why)
{
	struct slot *slot = &s->list[at];
	struct json_slice body = call->text;

	if (slot->is_ignored)
		return 0;
	if (call->object.len > 0)
		return take_object(s, at, call->object, why);
	if (!call->is_custom && !slot->is_custom)
		return take_body(s, at, body, why);
	slot->is_custom = true;
	buf_add(&slot->text, body.text, body.len);
	return slot->text.failed ? fault_no_memory(why) : 0;
}

int
slots_take(struct slots *s, const struct slots_context *context,
    const struct openai_call *call, struct fault *why)
{
	struct slot *slot = find_slot(s, context, call);
	size_t at;

	if (slot == NULL) {
		if ((slot = new_slot(s, why)) == NULL)
			return -1;
		slot->choice = context->choice;
		slot->has_index = call->has_index && !context->is_whole;
		slot->index = call->index;
	}
	at = (size_t)(slot - s->list);
	s->last = at;
	if (slot->is_ignored)
		return 0;
	if (keep_text(&slot->up_id, call->id, why) == -1 ||
	    keep_text(&slot->signature, call->thought_signature, why) == -1 ||
	    take_name(s, slot, call->name, why) == -1)
		return -1;
	return take_arguments(s, at, call, why);
}
