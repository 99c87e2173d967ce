/* SPDX-License-Identifier: MIT */
/* Reads chunks and completions.  Knows no bytes and no framing. */
#include "translate/reply/answer.h"

#include <string.h>

#include "translate/reply/delta.h"
#include "translate/error/errors.h"
#include "translate/reply/terms.h"
#include "translate/tokens.h"
#include "wire/openai.h"

void
answer_init(struct answer *a, const struct reply_terms *terms,
    const struct stream_env *env, struct fault *why)
{
	struct emit_head head = {
		.message_id = env->message_id,
		.request_id = env->request_id,
		.model_body = terms->model_body,
		.context_management = terms->context_management,
	};

	*a = (struct answer){ .terms = terms, .env = env, .why = why };
	usage_init(&a->usage);
	blocks_init(&a->blocks, &head, terms, env, why);
	content_init(&a->content, &a->blocks, terms, a->blocks.lead.max_bytes);
	buf_init(&a->refusal, REFUSAL_MAX);
	buf_init(&a->complaint, COMPLAINT_MAX);
}

void
answer_clear(struct answer *a)
{
	blocks_clear(&a->blocks);
	content_clear(&a->content);
	buf_clear(&a->refusal);
	buf_clear(&a->complaint);
}

bool
answer_failed(const struct answer *a)
{
	return blocks_failed(&a->blocks) || content_failed(&a->content);
}

/* Which of the client's sequences stopped the upstream, if it says so. */
static void
read_stop_text(struct answer *a, const cJSON *text)
{
	for (size_t i = 0; cJSON_IsString(text) && i < a->terms->n_stop; i++)
		if (strcmp(text->valuestring, a->terms->stop[i]) == 0)
			a->stopped_by = a->terms->stop[i];
}

static void
read_finish(struct answer *a, const struct openai_choice *choice)
{
	enum finish finish;
	const char *word;

	if (!cJSON_IsString(choice->finish_reason))
		return;
	word = choice->finish_reason->valuestring;
	finish = finish_read(word);
	if (finish == FINISH_NONE)
		return;
	if (finish == FINISH_ERROR || finish == FINISH_OVERLOAD) {
		if (a->finish == FINISH_NONE)
			fault_set(a->why,
			    finish == FINISH_ERROR ? FAULT_INTERNAL
						   : FAULT_OVERLOADED,
			    "upstream broke off the answer: "
			    "finish_reason \"%.200s\"",
			    word);
		return;
	}
	read_stop_text(a, choice->stop_reason);
	read_stop_text(a, choice->matched_stop);
	/* It may come twice, and once for each choice: a limit stays one. */
	if (a->finish != FINISH_LENGTH && a->finish != FINISH_CONTEXT &&
	    a->finish != FINISH_REFUSAL)
		a->finish = finish;
	else if (finish == FINISH_REFUSAL)
		a->finish = finish;
}

static void
read_choice(struct answer *a, const struct json_doc *doc, const cJSON *object,
    int64_t position)
{
	struct openai_choice choice;
	const cJSON *told;
	int64_t key = position;

	if (!cJSON_IsObject(object))
		return;
	openai_choice_read(object, &choice);
	a->has_choice = true;
	if (choice.usage != NULL)
		usage_read(&a->usage, doc, choice.usage);
	if (!a->is_whole && choice.index != NULL)
		json_int64(doc, choice.index, &key);
	told = choice.delta;
	if (!cJSON_IsObject(told) && !a->has_delta)
		told = choice.message;
	if (!a->is_whole && cJSON_IsObject(choice.delta) &&
	    choice.delta->child != NULL)
		a->has_delta = true;
	if (cJSON_IsObject(told))
		delta_read(a, doc, told, key);
	read_finish(a, &choice);
	if (choice.usage != NULL || choice.finish_reason != NULL)
		a->plain.len = 0;
}

/* -- objects --------------------------------------------------------------- */

static bool
holds_error(struct answer *a, const struct json_doc *doc, const cJSON *object)
{
	struct error_context ctx = {
		.client_model = a->env->client_model,
		.host = a->env->host,
		.own_key = a->env->own_key,
	};

	return error_in_object(doc, object, &ctx, a->why);
}

void
answer_complain(struct answer *a, struct json_slice text)
{
	a->is_upstream_error = true;
	buf_add(&a->complaint, text.text,
	    text.len < COMPLAINT_MAX ? text.len : COMPLAINT_MAX);
}

void
answer_read(struct answer *a, const struct json_doc *doc, const cJSON *object)
{
	struct openai_chunk chunk;
	const cJSON *choice;
	int64_t position = 0;

	a->plain.len = 0;
	openai_chunk_read(object, &chunk);
	if (holds_error(a, doc, object)) {
		answer_complain(a, json_slice(doc, object));
		return;
	}
	a->has_object = true;
	if (chunk.usage != NULL)
		usage_read(&a->usage, doc, chunk.usage);
	if (chunk.x_groq != NULL)
		usage_read(&a->usage, doc, json_get_set(chunk.x_groq, "usage"));
	if (cJSON_IsString(chunk.service_tier))
		usage_read_tier(&a->usage, chunk.service_tier->valuestring);
	if (search_read(&a->blocks.search, doc, chunk.citations) == -1)
		fault_no_memory(a->why);
	/* A completion without choices is still an HTTP error. */
	if (!a->is_whole || (chunk.choices != NULL && chunk.choices->child))
		answer_start(a);
	if (cJSON_IsObject(chunk.choices)) {
		read_choice(a, doc, chunk.choices, 0);
		a->plain.len = 0;
		return;
	}
	cJSON_ArrayForEach(choice, chunk.choices)
		if (!answer_must_end(a))
			read_choice(a, doc, choice, position++);
	if (chunk.usage != NULL || chunk.x_groq != NULL ||
	    chunk.citations != NULL || position != 1)
		a->plain.len = 0;
}

void
answer_repeat(struct answer *a, struct json_slice body, int form)
{
	if (form == FORM_NONE) {
		content_delta(&a->content, body);
	} else if (form == PLAIN_ARGUMENTS) {
		a->plain_call.text = body;
		blocks_call(&a->blocks, &a->plain_context, &a->plain_call);
	} else if (!a->terms->ignore_reasoning) {
		content_thought(&a->content, (enum reasoning_form)form, body);
	}
}

bool
answer_must_end(const struct answer *a)
{
	return content_match(&a->content) != NULL || a->blocks.must_end ||
	       a->why->kind != FAULT_NONE;
}

/* -- the ends -------------------------------------------------------------- */

static int64_t
estimate_output(const struct answer *a)
{
	double ratio = a->env->output_bytes_per_token;

	if (ratio > 0)
		return (int64_t)((double)a->blocks.text_bytes / ratio) + 1;
	return tokens_of_text(a->blocks.text_bytes);
}

void
answer_usage(const struct answer *a, struct stream_usage *usage)
{
	usage_settle(&a->usage, a->terms->input_tokens, estimate_output(a),
	    a->blocks.text_bytes == 0 && !a->blocks.has_calls, usage);
}

void
answer_start(struct answer *a)
{
	struct stream_usage usage;
	struct emit_usage told;

	if (a->blocks.emit.is_started || a->blocks.emit.collect)
		return;
	answer_usage(a, &usage);
	usage_emit(&a->usage, &usage, a->terms->fast, &told);
	told.output_tokens = 1;
	told.thinking_tokens = -1;
	emit_start(&a->blocks.emit, &told);
}

static const char *
stop_reason(const struct answer *a, struct emit_end *end)
{
	switch (a->finish) {
	case FINISH_LENGTH:
		return "max_tokens";
	case FINISH_CONTEXT:
		return "model_context_window_exceeded";
	case FINISH_REFUSAL:
		end->is_refusal = true;
		return "refusal";
	default:
		break;
	}
	if (a->blocks.has_calls)
		return "tool_use";
	end->stop_sequence = content_match(&a->content);
	if (end->stop_sequence == NULL && a->finish == FINISH_STOP)
		end->stop_sequence = a->stopped_by;
	if (end->stop_sequence != NULL)
		return "stop_sequence";
	end->is_refusal = a->refusal.len > 0;
	return end->is_refusal ? "refusal" : "end_turn";
}

const char *
answer_end(struct answer *a, struct stream_usage *usage)
{
	struct emit_end end = { .stop_reason = "" };
	struct emit_usage told;
	bool is_cut;

	content_flush(&a->content);
	/* The text was cut by us: a limit met behind it is none. */
	if (content_match(&a->content) != NULL)
		a->finish = FINISH_STOP;
	is_cut = a->finish == FINISH_LENGTH || a->finish == FINISH_CONTEXT;
	blocks_end(&a->blocks, is_cut);
	if (answer_failed(a))
		fault_no_memory(a->why);
	if (a->why->kind != FAULT_NONE)
		return "";
	end.explanation =
	    (struct json_slice){ buf_str(&a->refusal), a->refusal.len };
	end.stop_reason = stop_reason(a, &end);
	answer_usage(a, usage);
	usage_emit(&a->usage, usage, a->terms->fast, &told);
	told.web_searches =
	    a->blocks.search.is_told && a->blocks.search.has_call ? 1 : 0;
	answer_start(a);
	emit_end(&a->blocks.emit, &end, &told);
	return end.stop_reason;
}
