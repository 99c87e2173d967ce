/* SPDX-License-Identifier: MIT */
/*
 * The table of contents of a request's translation: turns, tools, messages,
 * then the scalars.  Keys come in a fixed order, model and messages first, so
 * that a conversation that grows changes the body behind its old end only.
 */
#include "translate/request/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "translate/request/conversion.h"
#include "translate/request/effort.h"
#include "translate/request/messages.h"
#include "translate/request/offer.h"
#include "translate/request/schema.h"
#include "wire/buf.h"
#include "wire/fault.h"
#include "wire/sha256.h"

#define TEXT_CEILING (SIZE_MAX / 4)

#define USER_ID_MAX	   128
#define UPSTREAM_STOPS_MAX 4

/* -- scalars -------------------------------------------------------------- */

static bool
add_max_tokens(const struct conversion *c, cJSON *body)
{
	int64_t max = c->req->max_tokens;
	int field = c->profile->max_tokens_field;
	int limit = c->profile->max_tokens_limit;

	if (max < 0)
		return true;
	if (limit > 0 && max > limit)
		max = limit;
	return (field == MAX_TOKENS_NEW ||
		   json_add_int(body, "max_tokens", max)) &&
	       ((field != MAX_TOKENS_NEW && field != MAX_TOKENS_BOTH) ||
		   json_add_int(body, "max_completion_tokens", max));
}

static bool
add_number(const struct conversion *c, cJSON *body, const char *key,
    const cJSON *number, bool is_wanted)
{
	return number == NULL || !is_wanted ||
	       json_add_raw(body, key, json_slice(c->doc, number));
}

static bool
add_sampling(const struct conversion *c, cJSON *body)
{
	bool pass = c->profile->sampling != SAMPLING_DROP;

	return add_number(c, body, "temperature", c->req->temperature, pass) &&
	       add_number(c, body, "top_p", c->req->top_p, pass) &&
	       add_number(c, body, "top_k", c->req->top_k,
		   c->profile->top_k == TOP_K_PASS);
}

static bool
add_stop(const struct conversion *c, cJSON *body)
{
	const cJSON *item;
	cJSON *list, *copy;
	int n = 0;

	if (c->req->stop_sequences == NULL ||
	    c->profile->stop_mode == STOP_LOCAL)
		return true;
	if ((list = cJSON_AddArrayToObject(body, "stop")) == NULL)
		return false;
	cJSON_ArrayForEach(item, c->req->stop_sequences) {
		if (n++ == UPSTREAM_STOPS_MAX)
			break;
		copy = json_body_item(json_body(c->doc, item));
		if (copy == NULL || !cJSON_AddItemToArray(list, copy)) {
			cJSON_Delete(copy);
			return false;
		}
	}
	return true;
}

/* {"type":"json_schema","json_schema":{"name":"output","schema":…}} */
static bool
add_schema(const struct conversion *c, cJSON *format)
{
	const cJSON *schema = c->req->format_schema;
	int mode = c->profile->tool_schema == SCHEMA_GEMINI ? SCHEMA_GEMINI
							    : SCHEMA_PASS;
	cJSON *inner = cJSON_AddObjectToObject(format, "json_schema");
	struct json_slice slice = json_slice(c->doc, schema);
	struct buf text;
	bool done;

	buf_init(&text, TEXT_CEILING);
	if (mode != SCHEMA_GEMINI ||
	    !schema_print(c->doc, schema, mode, &text)) {
		buf_reset(&text);
		buf_add(&text, slice.text, slice.len);
	}
	slice = (struct json_slice){ text.data, text.len };
	done = !text.failed && json_add_text(inner, "name", "output") &&
	       json_add_raw(inner, "schema", slice) &&
	       (c->profile->strict_schema == STRICT_NEVER ||
		   json_add_bool(inner, "strict",
		       mode == SCHEMA_PASS && schema_is_strict(schema)));
	buf_clear(&text);
	return done;
}

static bool
add_format(const struct conversion *c, cJSON *body)
{
	int how = c->profile->response_format;
	cJSON *format;

	if (c->req->format_schema == NULL || how == FORMAT_NONE)
		return true;
	format = cJSON_AddObjectToObject(body, "response_format");
	if (how == FORMAT_JSON_OBJECT)
		return json_add_text(format, "type", "json_object");
	return json_add_text(format, "type", "json_schema") &&
	       add_schema(c, format);
}

static bool
is_short_ascii(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7E)
			return false;
	return len <= USER_ID_MAX;
}

static bool
add_user(const struct conversion *c, cJSON *body)
{
	const char *id = c->req->user_id;
	int field = c->profile->user_field;
	struct buf plain;
	char digest[65];

	if (id == NULL || id[0] == '\0' || field == USER_NONE)
		return true;
	if (!is_short_ascii(id)) {
		buf_init(&plain, TEXT_CEILING);
		json_unescape(&plain, c->req->user_id_body);
		sha256_hex(buf_str(&plain), plain.len, digest);
		buf_clear(&plain);
		id = digest;
	}
	return json_add_text(
	    body, field == USER_SAFETY ? "safety_identifier" : "user", id);
}

/* The session of Claude Code's user id: a member of a JSON text, or behind
 * "_session_" in older ones.  Fills `session`, which may stay empty. */
static void
read_session(const char *user_id, struct buf *session)
{
	const struct json_limits limits = { .max_depth = 4 };
	const char *found;
	struct json_doc doc;

	if (user_id == NULL)
		return;
	if ((found = strstr(user_id, "_session_")) != NULL) {
		buf_add_str(session, found + strlen("_session_"));
		return;
	}
	if (json_parse(&doc, user_id, strlen(user_id), &limits, NULL) == 0) {
		found = json_get_string(doc.root, "session_id");
		if (found != NULL)
			buf_add_str(session, found);
	}
	json_doc_clear(&doc);
}

static bool
add_cache_key(const struct conversion *c, cJSON *body)
{
	struct buf session;
	char digest[65];
	bool done = true;

	if (!c->profile->prompt_cache_key)
		return true;
	buf_init(&session, TEXT_CEILING);
	read_session(c->req->user_id, &session);
	if (session.len == 0 && c->ctx->session_id != NULL)
		buf_add_str(&session, c->ctx->session_id);
	if (session.len > 0) {
		sha256_hex(buf_str(&session), session.len, digest);
		done = json_add_text(body, "prompt_cache_key", digest);
	}
	done = done && !session.failed;
	buf_clear(&session);
	return done;
}

static bool
add_tier(const struct conversion *c, cJSON *body)
{
	if (c->profile->service_tier == TIER_DROP)
		return true;
	if (c->req->service_tier != NULL &&
	    strcmp(c->req->service_tier, "standard_only") == 0)
		return json_add_text(body, "service_tier", "default");
	if (c->req->fast && c->profile->fast_tier)
		return json_add_text(body, "service_tier", "fast");
	return true;
}

static bool
add_stream(const struct conversion *c, cJSON *body)
{
	cJSON *options;

	if (!c->out->upstream_stream)
		return true;
	if (!json_add_bool(body, "stream", true))
		return false;
	if (c->profile->include_usage == USAGE_FALSE)
		return true;
	options = cJSON_AddObjectToObject(body, "stream_options");
	return json_add_bool(options, "include_usage", true);
}

static bool
add_prefill(const struct conversion *c, cJSON *body)
{
	if (c->out->terms.prefill == NULL ||
	    c->profile->prefill != PREFILL_VLLM)
		return true;
	return json_add_bool(body, "continue_final_message", true) &&
	       json_add_bool(body, "add_generation_prompt", false);
}

static bool
add_scalars(const struct conversion *c, cJSON *body)
{
	return add_max_tokens(c, body) && add_stream(c, body) &&
	       effort_add(c, json_get(body, "tools") != NULL, body) &&
	       add_format(c, body) && add_sampling(c, body) &&
	       add_stop(c, body) && add_user(c, body) &&
	       add_cache_key(c, body) && add_tier(c, body) &&
	       add_prefill(c, body);
}

/* -- the operator's last word --------------------------------------------- */

static bool
add_extra(const struct conversion *c, cJSON *body)
{
	const cJSON *member, *stream;
	cJSON *item;
	bool is_there;

	cJSON_ArrayForEach(member, c->ctx->extra_body) {
		struct json_slice raw = json_slice(c->ctx->extra_doc, member);

		item = json_raw(raw.text, raw.len);
		if (item == NULL)
			return false;
		is_there = json_get(body, member->string) != NULL;
		if (is_there
			? cJSON_ReplaceItemInObjectCaseSensitive(
			      body, member->string, item)
			: cJSON_AddItemToObject(body, member->string, item))
			continue;
		cJSON_Delete(item);
		return false;
	}
	stream = json_get(c->ctx->extra_body, "stream");
	if (stream != NULL)
		c->out->upstream_stream = cJSON_IsTrue(stream);
	return true;
}

/* -- terms of the reply --------------------------------------------------- */

static int
add_stop_terms(
    const struct conversion *c, struct reply_terms *terms, struct fault *why)
{
	const cJSON *list = c->req->stop_sequences, *item;

	if (list == NULL)
		return 0;
	terms->local_stop = c->profile->stop_mode != STOP_UPSTREAM;
	terms->stop =
	    calloc((size_t)cJSON_GetArraySize(list), sizeof(*terms->stop));
	if (terms->stop == NULL)
		return fault_no_memory(why);
	cJSON_ArrayForEach(item, list) {
		terms->stop[terms->n_stop] = strdup(item->valuestring);
		if (terms->stop[terms->n_stop] == NULL)
			return fault_no_memory(why);
		terms->n_stop++;
	}
	return 0;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
add_id_terms(
    const struct conversion *c, struct reply_terms *terms, struct fault *why)
{
	const struct turns *turns = &c->turns;
	size_t n = 0;

	for (size_t i = 0; i < turns->n_blocks; i++)
		n += turns->blocks[i].type == BLOCK_TOOL_USE;
	if (n == 0)
		return 0;
	terms->history_ids = calloc(n, sizeof(*terms->history_ids));
	if (terms->history_ids == NULL)
		return fault_no_memory(why);
	for (size_t i = 0; i < turns->n_blocks; i++) {
		if (turns->blocks[i].type != BLOCK_TOOL_USE)
			continue;
		terms->history_ids[terms->n_history_ids] =
		    strdup(turns->blocks[i].id);
		if (terms->history_ids[terms->n_history_ids] == NULL)
			return fault_no_memory(why);
		terms->n_history_ids++;
	}
	qsort(
	    terms->history_ids, n, sizeof(*terms->history_ids), compare_texts);
	return 0;
}

static int
add_terms(const struct conversion *c, struct fault *why)
{
	const struct message_request *req = c->req;
	struct reply_terms *terms = &c->out->terms;
	int response = c->profile->reasoning_response;
	struct buf model;

	terms->stream = req->stream;
	terms->show_thinking = req->thinking == THINKING_ENABLED ||
			       req->thinking == THINKING_ADAPTIVE;
	terms->omit_thinking_text = req->omit_thinking_text;
	terms->think_tags_implicit = response == RESPONSE_THINK_TAGS;
	terms->ignore_reasoning = response == RESPONSE_REASONING_NONE;
	terms->one_call_only = req->one_call_only;
	terms->context_management = req->context_management;
	terms->fast = req->fast;
	buf_init(&model, TEXT_CEILING);
	json_put_body(&model, req->model_body);
	terms->model_body = buf_take(&model, NULL);
	if (terms->model_body == NULL)
		return fault_no_memory(why);
	if (add_stop_terms(c, terms, why) == -1 ||
	    add_id_terms(c, terms, why) == -1)
		return -1;
	c->out->dropped_server_tools = c->tools.n_dropped;
	c->out->upstream_stream = req->stream || terms->local_stop;
	return offer_terms(&c->tools, terms, why);
}

/* -- the whole ------------------------------------------------------------ */

static int
translate(struct conversion *c, struct fault *why)
{
	cJSON *body = cJSON_CreateObject();

	c->out->body = body;
	if (turns_make(&c->turns, c->req, c->profile->merge_roles == MERGE_TRUE,
		why) == -1 ||
	    tools_read(&c->tools, c->req, c->profile, why) == -1 ||
	    add_terms(c, why) == -1)
		return -1;
	if (!json_add_text(body, "model", c->ctx->model))
		return fault_no_memory(why);
	if (messages_add(c, body, why) == -1 || offer_tools(c, body, why) == -1)
		return -1;
	if (!add_scalars(c, body) || !add_extra(c, body))
		return fault_no_memory(why);
	return 0;
}

int
request_translate(const struct message_request *req,
    const struct request_context *ctx, struct translation *out,
    struct fault *why)
{
	struct conversion c = { .req = req,
		.doc = &req->doc,
		.ctx = ctx,
		.profile = ctx->profile,
		.out = out };
	struct fault own = { .kind = FAULT_NONE };
	int rc;

	*out = (struct translation){ .body = NULL };
	rc = translate(&c, why != NULL ? why : &own);
	turns_clear(&c.turns);
	tools_clear(&c.tools);
	return rc;
}

void
translation_clear(struct translation *t)
{
	cJSON_Delete(t->body);
	reply_terms_clear(&t->terms);
	*t = (struct translation){ .body = NULL };
}
