/* SPDX-License-Identifier: MIT */
/*
 * An upstream's failure in an Anthropic client's terms.  Decides by code and
 * type first, by text second and by status last, since gateways change
 * statuses and servers share sentences.
 */
#include "translate/error/errors.h"

#include <stdlib.h>
#include <string.h>

#include "translate/error/failure.h"
#include "translate/error/overflow.h"
#include "translate/error/phrase.h"
#include "translate/error/retryafter.h"
#include "wire/buf.h"
#include "wire/utf8.h"

#define N_ELEMENTS(array)  (sizeof(array) / sizeof((array)[0]))
#define RETRY_AFTER_MAX_MS (7L * 24 * 3600 * 1000)

/* Words that mean one thing whatever the status is. */
static const char billing_words[] =
    "insufficient_quota|exceeded_current_quota_error|"
    "billing_hard_limit_reached|billing_not_active|billing_error|"
    "insufficient_balance|insufficient_user_quota|insufficient_credits|"
    "payment_required|arrearage";
static const char key_words[] =
    "invalid_api_key|incorrect_api_key_error|authentication_error|"
    "authenticationerror|invalid_authentication_error|"
    "token_not_found_in_db|api_key_invalid|invalidapikey|unauthenticated";
static const char overload_words[] =
    "overloaded_error|overloaded|engine_overloaded_error|engine_overloaded|"
    "server_overloaded|model_overloaded|service_tier_capacity_exceeded|"
    "capacity_exceeded";
static const char rate_words[] =
    "rate_limit_exceeded|rate_limit_error|rate_limit_reached_error|"
    "ratelimiterror|too_many_requests|too_many_requests_error|throttling|"
    "throttlingexception|request_limit_exceeded";
static const char model_words[] =
    "model_not_found|model_not_found_error|deploymentnotfound|"
    "modelnotfound|resource_not_found_error";

/* Sentences that mean it where no word does. */
static const char billing_texts[] =
    "insufficient balance|insufficient credit|insufficient_quota|"
    "credit balance is too low|daily free allocation|out of credits|"
    "requires more credits|used all available credits|"
    "monthly spending limit|monthly included credits|billing hard limit|"
    "account balance";
static const char overload_texts[] =
    "overloaded|at capacity|over capacity|capacity exceeded|"
    "capacity temporarily exceeded|no available capacity|"
    "insufficient capacity";
static const char rate_texts[] =
    "rate limit|ratelimiterror|too many requests|throttlingexception|"
    "too many tokens, please wait";
static const char per_minute_texts[] = "tokens per min|(tpm)";
static const char key_texts[] =
    "incorrect api key|invalid api key|api key not valid";
static const char model_texts[] =
    "model*not found|model*does not exist|model*not exist|"
    "model*is not available|no endpoints found|not found*model|"
    "unknown model|invalid model|no such model|deployment for this resource";

/* What types say where there is no status to go by. */
static const struct {
	const char *words;
	enum fault_kind kind;
} types[] = {
	{ "invalid_request_error|badrequesterror|bad_request_error|"
	  "bad request|bad_request|invalid_argument|invalid-argument|"
	  "invalidparameter|invalid_parameter_error|failed_precondition|"
	  "validation|content_filter|content_policy_violation|"
	  "data_inspection_failed",
	    FAULT_BAD_REQUEST },
	{ "permission_error|permission_denied|permissiondeniederror",
	    FAULT_PERMISSION },
	{ "not_found_error|not_found|notfounderror", FAULT_NOT_FOUND },
	{ "request_too_large", FAULT_TOO_LARGE },
	{ "resource_exhausted", FAULT_RATE_LIMIT },
	{ "timeout_error|deadline_exceeded", FAULT_TIMEOUT },
	{ "unavailable|unavailable_error|service_unavailable",
	    FAULT_OVERLOADED },
};

/* Servers that number their errors. */
static const struct {
	unsigned char form;
	short first, last;
	unsigned char kind;
} codes[] = {
	/* MiniMax */
	{ FAILURE_BASE_RESP, 1000, 1000, FAULT_INTERNAL },
	{ FAILURE_BASE_RESP, 1001, 1001, FAULT_TIMEOUT },
	{ FAILURE_BASE_RESP, 1002, 1002, FAULT_RATE_LIMIT },
	{ FAILURE_BASE_RESP, 1004, 1004, FAULT_AUTHENTICATION },
	{ FAILURE_BASE_RESP, 1008, 1008, FAULT_BILLING },
	{ FAILURE_BASE_RESP, 1026, 1027, FAULT_BAD_REQUEST },
	{ FAILURE_BASE_RESP, 1039, 1041, FAULT_RATE_LIMIT },
	{ FAILURE_BASE_RESP, 2013, 2013, FAULT_BAD_REQUEST },
	{ FAILURE_BASE_RESP, 2049, 2049, FAULT_AUTHENTICATION },
	/* Zhipu */
	{ FAILURE_COMMON, 1000, 1004, FAULT_AUTHENTICATION },
	{ FAILURE_COMMON, 1113, 1113, FAULT_BILLING },
	{ FAILURE_COMMON, 1210, 1210, FAULT_BAD_REQUEST },
	{ FAILURE_COMMON, 1211, 1211, FAULT_NOT_FOUND },
	{ FAILURE_COMMON, 1301, 1301, FAULT_BAD_REQUEST },
	{ FAILURE_COMMON, 1302, 1308, FAULT_RATE_LIMIT },
	/* Cloudflare */
	{ FAILURE_LIST, 3036, 3036, FAULT_BILLING },
	{ FAILURE_LIST, 3040, 3040, FAULT_OVERLOADED },
	{ FAILURE_LIST, 3046, 3046, FAULT_TIMEOUT },
	{ FAILURE_LIST, 4006, 4006, FAULT_BILLING },
	{ FAILURE_LIST, 5006, 5006, FAULT_BAD_REQUEST },
	{ FAILURE_LIST, 8007, 8007, FAULT_BAD_REQUEST },
};

static enum fault_kind
kind_of_code(const struct failure *f)
{
	if (f->code == 0)
		return FAULT_NONE;
	for (size_t i = 0; i < N_ELEMENTS(codes); i++)
		if (codes[i].form == f->form && codes[i].first <= f->code &&
		    f->code <= codes[i].last)
			return codes[i].kind;
	return FAULT_NONE;
}

/* By code and type. */
static enum fault_kind
kind_of_words(const struct failure *f, int status)
{
	bool is_vague = status < 400 || status == 400 || status >= 500;
	enum fault_kind kind = kind_of_code(f);

	if (kind != FAULT_NONE)
		return kind;
	if (failure_has(f, billing_words))
		return FAULT_BILLING;
	if (failure_has(f, overload_words))
		return FAULT_OVERLOADED;
	if (failure_has(f, key_words) && status != 429)
		return FAULT_AUTHENTICATION;
	if (failure_has(f, model_words) && is_vague)
		return FAULT_NOT_FOUND;
	if ((is_vague || status == 413) && status != 503 &&
	    (failure_has(f, rate_words) ||
		strstr(f->words, "\nthrottling.") != NULL))
		return FAULT_RATE_LIMIT;
	return FAULT_NONE;
}

/* By what the sentences say, where a status leaves it open. */
static enum fault_kind
kind_of_text(const struct failure *f, int status)
{
	bool is_open = status < 400 || status >= 500;

	if ((is_open || status == 400 || status == 402 || status == 403 ||
		status == 429) &&
	    phrase_any(billing_texts, f->text))
		return FAULT_BILLING;
	if (status == 413 && phrase_any(per_minute_texts, f->text))
		return FAULT_RATE_LIMIT;
	if ((is_open || status == 429) && phrase_any(overload_texts, f->text))
		return FAULT_OVERLOADED;
	if ((is_open || status == 400) && status != 503 &&
	    phrase_any(rate_texts, f->text))
		return FAULT_RATE_LIMIT;
	if ((status < 400 || status == 400) && phrase_any(key_texts, f->text))
		return FAULT_AUTHENTICATION;
	return FAULT_NONE;
}

static enum fault_kind
kind_of_status(int status)
{
	switch (status) {
	case 401:
		return FAULT_AUTHENTICATION;
	case 402:
		return FAULT_BILLING;
	case 403:
		return FAULT_PERMISSION;
	case 404:
		return FAULT_NOT_FOUND;
	case 408:
	case 504:
	case 522:
	case 524:
		return FAULT_TIMEOUT;
	case 409:
		return FAULT_CONFLICT;
	case 413:
		return FAULT_TOO_LARGE;
	case 429:
		return FAULT_RATE_LIMIT;
	case 498: /* Groq's flex capacity */
	case 503:
	case 529:
		return FAULT_OVERLOADED;
	case 502:
	case 520:
	case 521:
	case 523:
	case 525:
	case 526:
	case 530:
		return FAULT_BAD_GATEWAY;
	default:
		return status >= 400 && status < 500 ? FAULT_BAD_REQUEST
						     : FAULT_INTERNAL;
	}
}

static enum fault_kind
kind_of(const struct failure *f, int status)
{
	enum fault_kind kind;

	/* What is inside tells more than what a gateway made of it. */
	if (f->status != 0 &&
	    (status < 400 || status == 400 || status == 500 || status == 502))
		status = f->status;
	if ((kind = kind_of_words(f, status)) != FAULT_NONE ||
	    (kind = kind_of_text(f, status)) != FAULT_NONE)
		return kind;
	if (status >= 400)
		return kind_of_status(status);
	for (size_t i = 0; i < N_ELEMENTS(types); i++)
		if (failure_has(f, types[i].words))
			return types[i].kind;
	return FAULT_INTERNAL;
}

/* -- the message ---------------------------------------------------------- */

#define MESSAGE_MAX 8192

static void
put_not_found(
    struct buf *out, const struct failure *f, const struct error_context *ctx)
{
	const char *model = ctx->client_model;

	if (model != NULL && (failure_has(f, model_words) || f->code == 1211 ||
				 phrase_any(model_texts, f->text))) {
		BUF_ADD_LIT(out, "model: ");
		buf_add(out, model,
		    strlen(model) > 256 ? utf8_cut(model, 256) : strlen(model));
	} else {
		BUF_ADD_LIT(out, "The upstream");
		if (ctx->host != NULL)
			buf_printf(out, " %s", ctx->host);
		BUF_ADD_LIT(out,
		    " has no such path or model; UPSTREAM_BASE_URL may be "
		    "wrong");
	}
	if (f->text[0] != '\0')
		BUF_ADD_LIT(out, ". ");
}

static void
put_silent(struct buf *out, int status, const struct error_context *ctx)
{
	BUF_ADD_LIT(out, "The upstream ");
	if (ctx->host != NULL)
		buf_printf(out, "%s ", ctx->host);
	if (status >= 300)
		buf_printf(out, "answered %d without a message", status);
	else
		BUF_ADD_LIT(out, "sent an empty answer");
}

static void
put_message(struct buf *out, const struct failure *f, enum fault_kind kind,
    int status, const struct error_context *ctx)
{
	if (status >= 300 && status < 400)
		buf_printf(out,
		    "The upstream answered with a redirect (%d), which is not "
		    "followed; UPSTREAM_BASE_URL may be wrong. ",
		    status);
	else if (kind == FAULT_NOT_FOUND)
		put_not_found(out, f, ctx);
	else if (kind == FAULT_AUTHENTICATION && ctx->own_key != NULL)
		BUF_ADD_LIT(out,
		    "The upstream refused the key this proxy is set up with "
		    "(UPSTREAM_API_KEY). ");
	else if (f->text[0] == '\0')
		put_silent(out, status, ctx);
	else if (status < 300 && !f->is_json && status >= 200)
		BUF_ADD_LIT(out, "The upstream's answer cannot be read: ");
	buf_add_str(out, f->text);
	if (kind == FAULT_BAD_REQUEST && f->n_names > 0 &&
	    strstr(f->text, f->names[0]) == NULL)
		buf_printf(out, " (%s)", f->names[0]);
}

/* -- retrying ------------------------------------------------------------- */

static long
bounded_ms(long ms)
{
	return ms < 0 ? 0 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

static void
set_retry(const struct failure *f, const struct error_headers *headers,
    const struct error_context *ctx, struct fault *out)
{
	static const struct error_headers none;
	bool may_wait;

	if (headers == NULL)
		headers = &none;
	if (out->kind == FAULT_AUTHENTICATION || out->kind == FAULT_BILLING) {
		out->should_retry = FAULT_RETRY_NO;
		return;
	}
	may_wait =
	    out->kind == FAULT_RATE_LIMIT || out->kind == FAULT_OVERLOADED;
	if (headers->should_retry != NULL &&
	    strcmp(headers->should_retry, "true") == 0)
		out->should_retry = FAULT_RETRY_YES;
	else if (headers->should_retry != NULL &&
		 strcmp(headers->should_retry, "false") == 0)
		out->should_retry = FAULT_RETRY_NO;
	else if (failure_has(f, "tool_use_failed")) /* the model's bad luck */
		out->should_retry = FAULT_RETRY_YES;
	out->retry_after_ms =
	    retry_after_header(headers->retry_after, ctx->now_unix);
	if (out->retry_after_ms == 0 && headers->retry_after_ms != NULL)
		out->retry_after_ms =
		    bounded_ms(strtol(headers->retry_after_ms, NULL, 10));
	if (out->retry_after_ms == 0 && may_wait)
		out->retry_after_ms = bounded_ms(f->retry_after_ms);
	if (out->retry_after_ms == 0 && may_wait)
		out->retry_after_ms = retry_after_text(f->text);
}

/* -- all together --------------------------------------------------------- */

static void
decide(const struct failure *f, int status, const struct error_headers *headers,
    const struct error_context *ctx, struct fault *out)
{
	struct overflow overflow;
	enum fault_kind kind;
	struct buf message;

	if (out->kind != FAULT_NONE)
		return;
	buf_init(&message, MESSAGE_MAX);
	if (status != 401 && status != 402 && status != 403 && status != 404 &&
	    status != 429 && overflow_find(f, &overflow)) {
		kind = FAULT_BAD_REQUEST;
		overflow_print(&overflow, &message);
		if (f->text[0] != '\0')
			BUF_ADD_LIT(&message, ". ");
		buf_add_str(&message, f->text);
	} else {
		kind = status >= 300 && status < 400 ? FAULT_BAD_GATEWAY
						     : kind_of(f, status);
		put_message(&message, f, kind, status, ctx);
	}
	if (message.len > 0)
		message.len =
		    error_scrub(message.data, message.len, ctx->own_key);
	fault_set_text(
	    out, kind, message.len > 0 ? message.data : "", message.len);
	buf_clear(&message);
	set_retry(f, headers, ctx, out);
}

void
error_from_answer(int status, const struct error_headers *headers,
    const char *body, size_t len, const struct error_context *ctx,
    struct fault *out)
{
	struct failure f;

	failure_read(&f, body, len);
	if (f.text[0] == '\0' && !f.is_json && status >= 200 && status < 300)
		fault_set(out, FAULT_BAD_GATEWAY,
		    "The upstream sent an empty answer");
	else
		decide(&f, status, headers, ctx, out);
}

/* Whether a member holds something and not "no error". */
static bool
is_told(const cJSON *item)
{
	return item != NULL && !cJSON_IsNull(item) && !cJSON_IsFalse(item) &&
	       !json_is(item, "");
}

static bool
is_error(const struct json_doc *doc, const cJSON *object)
{
	const cJSON *base = json_get_set(object, "base_resp");
	int64_t code;

	if (is_told(json_get(object, "error")))
		return true;
	if (base != NULL &&
	    json_int64(doc, json_get(base, "status_code"), &code) == 0 &&
	    code != 0)
		return true;
	if (json_get_set(object, "choices") != NULL)
		return false;
	return (json_get_set(object, "errors") != NULL &&
		   json_get(object, "errors")->child != NULL) ||
	       is_told(json_get(object, "detail")) ||
	       is_told(json_get(object, "error_code")) ||
	       is_told(json_get(object, "fault")) ||
	       json_is(json_get(object, "object"), "error") ||
	       (is_told(json_get(object, "code")) &&
		   is_told(json_get(object, "message")));
}

bool
error_in_object(const struct json_doc *doc, const cJSON *object,
    const struct error_context *ctx, struct fault *out)
{
	const cJSON *choice, *at = NULL;
	struct failure f;

	if (cJSON_IsArray(object) && object->child != NULL)
		object = object->child; /* Gemini's list of one error */
	if (is_error(doc, object))
		at = object;
	cJSON_ArrayForEach(choice, json_get(object, "choices")) {
		if (at == NULL && is_told(json_get(choice, "error")))
			at = choice;
	}
	if (at == NULL)
		return false;
	failure_read_object(&f, doc, at);
	decide(&f, 0, NULL, ctx, out);
	return true;
}

void
error_from_text(const char *text, size_t len, const struct error_context *ctx,
    struct fault *out)
{
	struct failure f;

	failure_read(&f, text, len);
	decide(&f, 0, NULL, ctx, out);
}
