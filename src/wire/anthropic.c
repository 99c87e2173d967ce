/* SPDX-License-Identifier: MIT */
/*
 * The top level of an Anthropic request: what is there, what is wrong with
 * it.  Knows the messages' roles but not their blocks.
 */
#include "wire/anthropic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/fault.h"
#include "wire/words.h"

#define MODEL_MAX_BYTES	   256
#define MESSAGES_MAX	   100000
#define BUDGET_MIN	   1024
#define STOP_SEQUENCES_MAX 1024

/* Members whose values only pass through: a NUL in a key harms nobody there. */
static const char *const raw_keys[] = { "input", "input_schema", "schema",
	"input_examples", NULL };

static const char efforts[] = "low|medium|high|xhigh|max";

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

/* -- refusals that come before all else ----------------------------------- */

static int
refuse_thread(const cJSON *root, struct fault *why)
{
	if (json_get_set(root, "thread") == NULL)
		return 0;
	if (why != NULL && why->kind == FAULT_NONE)
		snprintf(why->error_code, sizeof(why->error_code),
		    "thread_unsupported_request");
	return REFUSE("thread: message threads are not supported; send the "
		      "whole conversation in `messages`");
}

static int
refuse_what_cannot_be(const cJSON *root, struct fault *why)
{
	const cJSON *container = json_get_set(root, "container");

	if (refuse_thread(root, why) == -1)
		return -1;
	if (json_get_set(root, "compaction") != NULL)
		return REFUSE("compaction: server-side compaction is not "
			      "supported");
	if (cJSON_GetArraySize(json_get(root, "mcp_servers")) > 0)
		return REFUSE("mcp_servers: MCP connector is not supported");
	if (cJSON_GetArraySize(json_get(container, "skills")) > 0)
		return REFUSE("container.skills: skills are not supported");
	if (json_is(json_get(json_get(root, "billing_policy"), "bill_to"),
		"user_profile"))
		return REFUSE("billing_policy.bill_to: billing to a user "
			      "profile is not supported");
	return 0;
}

/* -- scalars -------------------------------------------------------------- */

static int
read_model(struct message_request *req, struct fault *why)
{
	const cJSON *model = json_get(req->doc.root, "model");

	if (model == NULL)
		return fault_required("model", why);
	if (!cJSON_IsString(model))
		return fault_should_be("model", "a valid string", why);
	req->model = model->valuestring;
	req->model_body = json_body(&req->doc, model);
	if (req->model[0] == '\0')
		return REFUSE("model: String should have at least 1 character");
	if (strlen(req->model) > MODEL_MAX_BYTES)
		return REFUSE("model: String should have at most %d characters",
		    MODEL_MAX_BYTES);
	return 0;
}

static int
read_max_tokens(struct message_request *req, const struct request_rules *rules,
    struct fault *why)
{
	const cJSON *max = json_get(req->doc.root, "max_tokens");

	req->max_tokens = -1;
	if (rules->count_only)
		return 0;
	if (max == NULL)
		return fault_required("max_tokens", why);
	if (json_int64(&req->doc, max, &req->max_tokens) == -1)
		return fault_should_be("max_tokens", "a valid integer", why);
	if (req->max_tokens < 0)
		return fault_should_be(
		    "max_tokens", "greater than or equal to 0", why);
	return 0;
}

/* A member that is true, false, null or absent. */
static int
read_bool(const cJSON *object, const char *path, const char *key, bool *value,
    struct fault *why)
{
	const cJSON *member = json_get_set(object, key);

	*value = cJSON_IsTrue(member);
	if (member == NULL || *value || cJSON_IsFalse(member))
		return 0;
	return REFUSE("%s%s: Input should be a valid boolean", path, key);
}

/* A number from 0 to 1, null or absent. */
static int
read_share(const struct json_doc *doc, const char *key, const cJSON **number,
    struct fault *why)
{
	const cJSON *member = json_get_set(doc->root, key);
	double value;

	*number = member;
	if (member == NULL)
		return 0;
	if (json_number(doc, member, &value) == -1)
		return fault_should_be(key, "a valid number", why);
	if (value < 0)
		return fault_should_be(key, "greater than or equal to 0", why);
	if (value > 1)
		return fault_should_be(key, "less than or equal to 1", why);
	return 0;
}

static int
read_sampling(struct message_request *req, struct fault *why)
{
	const cJSON *top_k = json_get_set(req->doc.root, "top_k");
	int64_t value;

	if (read_share(&req->doc, "temperature", &req->temperature, why) ==
		-1 ||
	    read_share(&req->doc, "top_p", &req->top_p, why) == -1)
		return -1;
	req->top_k = top_k;
	if (top_k == NULL)
		return 0;
	if (json_int64(&req->doc, top_k, &value) == -1)
		return fault_should_be("top_k", "a valid integer", why);
	if (value < 0)
		return fault_should_be(
		    "top_k", "greater than or equal to 0", why);
	return 0;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

static int
read_stop_sequences(struct message_request *req, struct fault *why)
{
	const cJSON *list = json_get_set(req->doc.root, "stop_sequences");
	const cJSON *item;
	size_t i = 0;

	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list))
		return fault_should_be("stop_sequences", "a valid list", why);
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			return REFUSE("stop_sequences.%zu: Input should be a "
				      "valid string",
			    i);
		if (is_blank(item->valuestring))
			return REFUSE("stop_sequences: each stop sequence must "
				      "contain non-whitespace");
		i++;
	}
	if (i > STOP_SEQUENCES_MAX)
		return REFUSE("stop_sequences: List should have at most %d "
			      "items",
		    STOP_SEQUENCES_MAX);
	req->stop_sequences = i > 0 ? list : NULL;
	return 0;
}

static int
read_metadata(struct message_request *req, struct fault *why)
{
	const cJSON *metadata = json_get_set(req->doc.root, "metadata");
	const cJSON *id = json_get_set(metadata, "user_id");

	if (metadata != NULL && !cJSON_IsObject(metadata))
		return fault_should_be("metadata", "an object", why);
	if (id == NULL)
		return 0;
	if (!cJSON_IsString(id))
		return fault_should_be(
		    "metadata.user_id", "a valid string", why);
	req->user_id = id->valuestring;
	req->user_id_body = json_body(&req->doc, id);
	return 0;
}

static int
read_tier(struct message_request *req, struct fault *why)
{
	static const char tiers[] = "auto|standard_only";
	const cJSON *tier = json_get_set(req->doc.root, "service_tier");

	req->fast = json_is(json_get(req->doc.root, "speed"), "fast");
	req->context_management =
	    json_get_set(req->doc.root, "context_management") != NULL;
	if (tier == NULL)
		return 0;
	if (!cJSON_IsString(tier) || words_find(tiers, tier->valuestring) == -1)
		return fault_should_be(
		    "service_tier", "'auto' or 'standard_only'", why);
	req->service_tier = tier->valuestring;
	return 0;
}

/* -- thinking, effort, format --------------------------------------------- */

static int
read_budget(struct message_request *req, const cJSON *thinking,
    const struct request_rules *rules, struct fault *why)
{
	const cJSON *budget = json_get(thinking, "budget_tokens");

	if (budget == NULL)
		return fault_required("thinking.enabled.budget_tokens", why);
	if (json_int64(&req->doc, budget, &req->budget_tokens) == -1)
		return fault_should_be(
		    "thinking.enabled.budget_tokens", "a valid integer", why);
	if (req->budget_tokens < BUDGET_MIN)
		return REFUSE("thinking.enabled.budget_tokens: Input should be "
			      "greater than or equal to %d",
		    BUDGET_MIN);
	if (!rules->count_only && !rules->interleaved_thinking &&
	    req->budget_tokens >= req->max_tokens)
		return REFUSE("`max_tokens` must be greater than "
			      "`thinking.budget_tokens`");
	return 0;
}

static int
read_thinking(struct message_request *req, const struct request_rules *rules,
    struct fault *why)
{
	static const char types[] = "|enabled|adaptive|disabled|between_tools";
	const cJSON *thinking = json_get_set(req->doc.root, "thinking");
	const cJSON *type = json_get(thinking, "type");
	int found;

	if (thinking == NULL)
		return 0;
	if (!cJSON_IsObject(thinking))
		return fault_should_be("thinking", "an object", why);
	if (!cJSON_IsString(type))
		return fault_required("thinking.type", why);
	if ((found = words_find(types, type->valuestring)) <= 0)
		return fault_unknown_tag("thinking", "", type->valuestring,
		    ": 'adaptive', 'between_tools', 'disabled', 'enabled'",
		    why);
	req->thinking = (enum thinking_type)found;
	req->omit_thinking_text =
	    json_is(json_get(thinking, "display"), "omitted");
	if (req->thinking == THINKING_ENABLED)
		return read_budget(req, thinking, rules, why);
	return 0;
}

/* The effort of an output_config, if it has one; `path` tells where. */
static int
read_effort(const cJSON *config, const char *path, const char **effort,
    struct fault *why)
{
	const cJSON *word = json_get_set(config, "effort");

	if (config != NULL && !cJSON_IsObject(config))
		return fault_should_be(path, "an object", why);
	if (word == NULL)
		return 0;
	if (!cJSON_IsString(word) ||
	    words_find(efforts, word->valuestring) == -1)
		return REFUSE("%s.effort: Input should be 'low', 'medium', "
			      "'high', 'xhigh' or 'max'",
		    path);
	*effort = word->valuestring;
	return 0;
}

static int
read_format(struct message_request *req, const cJSON *format, const char *path,
    struct fault *why)
{
	if (format == NULL)
		return 0;
	if (req->format_schema != NULL)
		return REFUSE("output_format: Cannot be given together with "
			      "output_config.format");
	if (!json_is(json_get(format, "type"), "json_schema"))
		return REFUSE("%s.type: Input should be 'json_schema'", path);
	req->format_schema = json_get(format, "schema");
	if (req->format_schema == NULL)
		return REFUSE("%s.schema: Field required", path);
	if (!cJSON_IsObject(req->format_schema))
		return REFUSE("%s.schema: Input should be an object", path);
	return 0;
}

static int
read_output_config(struct message_request *req, struct fault *why)
{
	const cJSON *config = json_get_set(req->doc.root, "output_config");

	if (read_effort(config, "output_config", &req->effort, why) == -1 ||
	    read_format(req, json_get_set(config, "format"),
		"output_config.format", why) == -1)
		return -1;
	return read_format(req, json_get_set(req->doc.root, "output_format"),
	    "output_format", why);
}

/* -- tools ---------------------------------------------------------------- */

static int
read_tool_choice(struct message_request *req, struct fault *why)
{
	static const char types[] = "|auto|any|tool|none";
	const cJSON *choice = json_get_set(req->doc.root, "tool_choice");
	const cJSON *type = json_get(choice, "type"), *name;
	int found;

	if (choice == NULL)
		return 0;
	if (!cJSON_IsObject(choice))
		return fault_should_be("tool_choice", "an object", why);
	if (!cJSON_IsString(type))
		return fault_required("tool_choice.type", why);
	if ((found = words_find(types, type->valuestring)) <= 0)
		return fault_unknown_tag("tool_choice", "", type->valuestring,
		    ": 'any', 'auto', 'none', 'tool'", why);
	req->choice = (enum tool_choice_type)found;
	if (req->choice == CHOICE_TOOL) {
		if ((name = json_get(choice, "name")) == NULL)
			return fault_required("tool_choice.tool.name", why);
		if (!cJSON_IsString(name))
			return fault_should_be(
			    "tool_choice.tool.name", "a valid string", why);
		req->choice_name = name->valuestring;
	}
	return read_bool(choice, "tool_choice.", "disable_parallel_tool_use",
	    &req->one_call_only, why);
}

static int
read_tools(struct message_request *req, struct fault *why)
{
	req->tools = json_get_set(req->doc.root, "tools");
	if (req->tools != NULL && !cJSON_IsArray(req->tools))
		return fault_should_be("tools", "a valid list", why);
	return read_tool_choice(req, why);
}

/* -- messages ------------------------------------------------------------- */

static int
read_role(const cJSON *json, struct message *m, struct fault *why)
{
	static const char roles[] = "user|assistant|system";
	const cJSON *role = json_get(json, "role");
	int found;

	if (role == NULL)
		return REFUSE("messages.%zu.role: Field required", m->index);
	if (!cJSON_IsString(role) ||
	    (found = words_find(roles, role->valuestring)) == -1)
		return REFUSE("messages.%zu.role: Input should be 'user', "
			      "'assistant' or 'system'",
		    m->index);
	m->role = (enum role)found;
	return 0;
}

static int
read_message(
    struct message_request *req, const cJSON *json, size_t i, struct fault *why)
{
	struct message *m = &req->messages[i];
	const cJSON *content = json_get(json, "content"), *config;
	char path[64];

	*m = (struct message){ .index = i, .json = json };
	if (!cJSON_IsObject(json))
		return REFUSE("messages.%zu: Input should be an object", i);
	if (read_role(json, m, why) == -1)
		return -1;
	config = json_get_set(json, "output_config");
	if (m->role == ROLE_SYSTEM) {
		if (cJSON_IsNull(content))
			content = NULL;
		if (content == NULL && config == NULL)
			return REFUSE(
			    "messages.%zu.content: Field required", i);
		snprintf(path, sizeof(path), "messages.%zu.output_config", i);
		if (read_effort(config, path, &req->effort, why) == -1)
			return -1;
	} else if (content == NULL) {
		return REFUSE("messages.%zu.content: Field required", i);
	}
	if (content != NULL && !cJSON_IsString(content) &&
	    !cJSON_IsArray(content))
		return REFUSE("messages.%zu.content: Input should be a valid "
			      "string or list",
		    i);
	m->content = content;
	return 0;
}

static int
read_messages(struct message_request *req, struct fault *why)
{
	const cJSON *list = json_get(req->doc.root, "messages"), *item;
	size_t n = 0;

	if (list == NULL)
		return fault_required("messages", why);
	if (!cJSON_IsArray(list))
		return fault_should_be("messages", "a valid list", why);
	cJSON_ArrayForEach(item, list)
		n++;
	if (n == 0)
		return REFUSE("messages: at least one message is required");
	if (n > MESSAGES_MAX)
		return REFUSE("messages: List should have at most %d items",
		    MESSAGES_MAX);
	req->messages = calloc(n, sizeof(*req->messages));
	if (req->messages == NULL)
		return fault_no_memory(why);
	cJSON_ArrayForEach(item, list) {
		if (read_message(req, item, req->n_messages, why) == -1)
			return -1;
		req->n_messages++;
	}
	return 0;
}

static int
read_system(struct message_request *req, struct fault *why)
{
	req->system = json_get_set(req->doc.root, "system");
	if (req->system == NULL || cJSON_IsString(req->system) ||
	    cJSON_IsArray(req->system))
		return 0;
	return fault_should_be("system", "a valid string or list", why);
}

/* -- the whole ------------------------------------------------------------ */

static int
read_request(struct message_request *req, const struct request_rules *rules,
    struct fault *why)
{
	if (!cJSON_IsObject(req->doc.root))
		return REFUSE("The request body must be a JSON object.");
	if (refuse_what_cannot_be(req->doc.root, why) == -1)
		return -1;
	if (req->doc.has_nul_key &&
	    json_find_nul_key(req->doc.root, raw_keys) != NULL)
		return REFUSE("The request body has a key that contains the "
			      "character U+0000.");
	if (read_model(req, why) == -1 ||
	    read_max_tokens(req, rules, why) == -1 ||
	    read_output_config(req, why) == -1 || /* inline efforts win */
	    read_messages(req, why) == -1 || read_system(req, why) == -1 ||
	    read_bool(req->doc.root, "", "stream", &req->stream, why) == -1 ||
	    read_thinking(req, rules, why) == -1 ||
	    read_tools(req, why) == -1 || read_sampling(req, why) == -1 ||
	    read_stop_sequences(req, why) == -1 ||
	    read_metadata(req, why) == -1 || read_tier(req, why) == -1)
		return -1;
	return 0;
}

int
message_request_parse(struct message_request *req, const char *text, size_t len,
    const struct request_rules *rules, struct fault *why)
{
	*req = (struct message_request){ .max_tokens = -1 };
	if (json_parse(&req->doc, text, len, &rules->json, why) == -1)
		return -1;
	return read_request(req, rules, why);
}

void
message_request_clear(struct message_request *req)
{
	free(req->messages);
	json_doc_clear(&req->doc);
	*req = (struct message_request){ .max_tokens = -1 };
}
