/* SPDX-License-Identifier: MIT */
/* The wordings of context overflow and their numbers.  Knows no statuses. */
#include "translate/error/overflow.h"

#include <inttypes.h>
#include <string.h>

#include "translate/error/failure.h"
#include "translate/error/phrase.h"
#include "wire/buf.h"

/* #P prompt, #C output asked for, #T both together, #W the window.  More
 * telling ones first. */
static const char wordings[] =
    "#P tokens > #W maximum|exceed context limit: #P + #C > #W|"
    /* vLLM, by version */
    "maximum context length is #W tokens*requested #C output tokens and "
    "your prompt contains at least #P input tokens|"
    "maximum context length is #W tokens*requested #C output tokens and "
    "your prompt contains #P input tokens|"
    "too large: #C. *maximum context length is #W tokens and your request "
    "has #P input tokens|"
    "maximum context length is #W tokens*your request has #P input tokens|"
    "passed #P input tokens and requested #C output tokens*context length "
    "is only #W tokens|"
    "passed #P input tokens*context length is only #W tokens|"
    "maximum context length is #W tokens*requested #P tokens in the "
    "messages|"
    "prompt (length #P) is longer than the maximum model length of #W|"
    "prompt (total length #P) is too long to fit into the model (context "
    "length #W)|"
    /* SGLang, Together */
    "(#P tokens) is longer than the model's context length (#W tokens)|"
    "maximum context length of #W tokens. You requested a total of #T "
    "tokens: #P tokens from the input messages and #C tokens for the "
    "completion|"
    /* OpenAI and who copied it */
    "maximum context length is #W tokens*messages resulted in #P tokens|"
    "configured limit of #W tokens*messages resulted in #P tokens|"
    "maximum context length is #W tokens*requested #T tokens|"
    "maximum context length is #W tokens*requested about #T tokens|"
    "maximum context length is #W tokens*your prompt has #P tokens|"
    /* TGI */
    "must be <= #W. Given: #P 'inputs' tokens and #C 'max_new_tokens'|"
    "'inputs' must have less than #W tokens. Given: #P|"
    /* llama.cpp and its binding for other languages */
    "request (#P tokens) exceeds the available context size (#W tokens|"
    "requested tokens (#P) exceed context window of #W|"
    /* LM Studio */
    "keep the first #P tokens when context*context length of only #W "
    "tokens|n_keep: #P*n_ctx: #W|"
    /* one server each */
    "input token count (#P) exceeds the maximum number of tokens allowed "
    "(#W|input token count is #P but model only supports up to #W|"
    "maximum prompt length is #W but the request contains #P tokens|"
    "prompt contains #P tokens*too large for model with #W maximum context "
    "length|exceeded model token limit: #W (requested: #P|"
    "input and maximum output tokens (#T) exceeded this model context "
    "window limit (#W|current length is #P while limit is #W|"
    "prompt is too long: #P, model maximum context length: #W|"
    "input too long: #P input tokens, limit is #W|"
    "prompt token count of #P exceeds the limit of #W|"
    "max input tokens: #W, request input token count: #P|"
    "tokens*cannot exceed #W - received #P|"
    "number of input tokens #P cannot exceed the total tokens limit #W|"
    "range of input length should be [1, #W|"
    "maximum context length is #W tokens|"
    "maximum context length of #W tokens|context length is only #W tokens|"
    "maximum number of tokens allowed (#W|available context size (#W";

/* Sentences that say it without numbers that count. */
static const char phrases[] =
    "prompt is too long|prompt too long|maximum context length|"
    "maximum prompt length is|exceeds the context window|"
    "exceed context window|exceeds the context length|"
    "exceeds the model's context|exceeds the model's maximum context|"
    "exceeds maximum context length|exceed context limit|"
    "exceeds the available context size|context window exceeds limit|"
    "model context window limit|context size has been exceeded|"
    "context length exceeded|exceeded max context length|"
    "range of input length should be|reduce the length of the messages|"
    "reduce the length of the prompt|reduce the length of the input|"
    "input is too long|input too long|longer than the maximum model length|"
    "longer than the model's context length|too large for model with|"
    "exceeded model token limit|prompt exceeds max length|"
    "input token count*exceeds the maximum|"
    "input token count is*only supports up to|too many input tokens|"
    "keep from the initial prompt is greater than the context|"
    "when context the overflows|input tokens exceed the configured|"
    "contextwindowexceedederror|prompt token count of*exceeds|"
    "'inputs' tokens + 'max_new_tokens' must be|'inputs' must have less";

static const char words[] =
    "context_length_exceeded|exceed_context_size_error|"
    "context_window_exceeded|model_max_prompt_tokens_exceeded|"
    "prompt_too_long|input_too_long|model_context_window_exceeded";

/* What sounds alike and is something else. */
static const char other_words[] =
    "rate_limit_exceeded|rate_limit_error|rate_limit_reached_error|tokens|"
    "insufficient_quota|throttlingexception";
static const char other_phrases[] =
    "tokens per min|throttlingexception|rate limit|"
    "please wait before trying again|completion tokens, whereas|"
    "maximum allowed number of output tokens";

/* Codes of servers that number their errors. */
static bool
is_code(const struct failure *f)
{
	switch (f->form) {
	case FAILURE_LIST:
		return f->code == 5021; /* Cloudflare */
	case FAILURE_COMMON:
		return f->code == 3051 || f->code == 1261; /* Mistral, Zhipu */
	default:
		return false;
	}
}

/*
 * What a total is made of: "(A in the messages, B in the completion)", "(A of
 * text input, B of tool input, C in the output)" and the like.
 */
static void
read_parts(const char *p, struct overflow *o)
{
	struct phrase_found part, label;
	const char *end, *next;

	p += strcspn(p, "(.");
	if (*p != '(')
		return;
	for (end = p + strcspn(p, ")"); p < end; p = next) {
		if (!phrase_find("#N ", p, &part) || part.end > end)
			break;
		next = part.end + strcspn(part.end, ",;)");
		if ((phrase_find("completion", part.end, &label) &&
			label.end <= next) ||
		    (phrase_find("output", part.end, &label) &&
			label.end <= next))
			o->output += part.number['N' - 'A'];
		else
			o->prompt += part.number['N' - 'A'];
	}
}

static void
read_numbers(const struct failure *f, struct overflow *o)
{
	const char *wording = wordings;
	struct phrase_found found;
	int64_t total;

	if (phrase_next(&wording, f->text, &found)) {
		o->prompt = found.number['P' - 'A'];
		o->output = found.number['C' - 'A'];
		o->window = found.number['W' - 'A'];
		total = found.number['T' - 'A'];
		if (total != 0 && o->prompt == 0)
			read_parts(found.end, o);
		if (total != 0 && o->prompt == 0)
			o->prompt = total - o->output;
	}
	if (f->prompt_tokens != 0 && f->window_tokens != 0) {
		o->prompt = f->prompt_tokens;
		o->window = f->window_tokens;
	}
}

bool
overflow_find(const struct failure *f, struct overflow *o)
{
	*o = (struct overflow){ 0 };
	if (!failure_has(f, words) &&
	    (failure_has(f, other_words) || phrase_any(other_phrases, f->text)))
		return false;
	read_numbers(f, o);
	return (o->prompt > 0 && o->window > 0) || failure_has(f, words) ||
	       is_code(f) || phrase_any(phrases, f->text);
}

void
overflow_print(const struct overflow *o, struct buf *out)
{
	if (o->prompt > o->window && o->window > 0)
		buf_printf(out,
		    "prompt is too long: %" PRId64 " tokens > %" PRId64
		    " maximum",
		    o->prompt, o->window);
	else if (o->prompt > 0 && o->output > 0 && o->window > 0 &&
		 o->prompt + o->output > o->window)
		buf_printf(out,
		    "input length and `max_tokens` exceed context limit: "
		    "%" PRId64 " + %" PRId64 " > %" PRId64,
		    o->prompt, o->output, o->window);
	else
		BUF_ADD_LIT(out, "prompt is too long");
}
