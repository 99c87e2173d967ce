/* SPDX-License-Identifier: MIT */
/*
 * A request made ready for the upstream: the profile and its lessons, the
 * translation, its weight against the context window.  Calls nobody but for
 * the list of models.
 */
#include "server/prepare.h"

#include <stdlib.h>

#include "server/attempts.h"
#include "server/capture.h"
#include "server/catalog.h"
#include "server/lessons.h"
#include "server/log.h"
#include "server/scales.h"
#include "server/server.h"
#include "server/settings.h"
#include "translate/dialect/learn.h"
#include "translate/dialect/mend.h"
#include "translate/models.h"
#include "translate/tokens.h"
#include "translate/window.h"

/* Every model of today holds so much. */
#define WORTH_ASKING_TOKENS 1000

/*
 * The model's context window in tokens: as set, else as listed; 0.  The list
 * is not asked for on behalf of a prompt that fits any model.
 */
static int64_t
window(const struct attempts *a, int64_t tokens)
{
	const struct settings *s = a->settings;
	const char *model = a->context.model;

	for (size_t i = 0; i < s->n_context_windows; i++)
		if (model_glob(s->context_windows[i].glob, model))
			return strtoll(s->context_windows[i].model, NULL, 10);
	if (tokens >= WORTH_ASKING_TOKENS)
		catalog_refresh(a->server, (struct settings *)s, a->client_key);
	return catalog_window(a->server->catalog, model);
}

/* Weighs the prompt and sees that it fits. */
static int
weigh(struct attempts *a)
{
	struct token_parts parts;
	struct token_scale scale;
	int64_t tokens, limit;

	tokens_weigh(a->translation.body, &parts);
	a->estimate = tokens_estimate(&parts);
	if (a->stage != NULL)
		scale = a->stage->scale;
	else
		scales_get(a->server->scales, a->context.model, &scale);
	tokens = tokens_scaled(&scale, a->estimate);
	a->translation.terms.input_tokens = tokens;
	limit = a->stage != NULL	       ? a->stage->window
		: a->request->max_tokens == -1 ? 0
					       : window(a, tokens);
	capture_prepared(a->capture, a, &scale, limit);
	if (a->request->max_tokens == -1) /* only to be counted */
		return 0;
	if (window_check(tokens, scale.samples, limit, &a->fault) == -1)
		return -1;
	if (window_lower_max_tokens(
		a->translation.body, tokens, scale.samples, limit))
		log_say(LOG_INFO, "max_tokens lowered: %lld + %lld > %lld",
		    (long long)tokens, (long long)a->request->max_tokens,
		    (long long)limit);
	mend_budget(a->translation.body);
	return 0;
}

/* Does what earlier refusals taught.  By itself, so that the list is not on
 * the stack of all that follows. */
__attribute__((noinline)) static void
mend_as_known(struct attempts *a)
{
	struct lesson known[LESSONS_PER_MODEL];

	a->n_known = lessons_get(a->server->lessons, a->settings->upstream.base,
	    a->context.model, known, LESSONS_PER_MODEL);
	for (size_t i = 0; i < a->n_known; i++)
		learn_mend(&known[i], a->translation.body);
}

int
prepare_again(struct attempts *a)
{
	static const struct token_scale unknown;

	translation_clear(&a->translation);
	a->context.profile = &a->profile;
	if (request_translate(
		a->request, &a->context, &a->translation, &a->fault) == -1) {
		capture_prepared(a->capture, a, &unknown, 0);
		return -1;
	}
	mend_as_known(a);
	return weigh(a);
}

/* For --debug: how this upstream is asked.  By itself, so that the room for
 * the fields is not on the stack of a stream. */
__attribute__((noinline)) static void
say_profile(const struct attempts *a)
{
	struct log_field fields[2 + N_KNOBS] = {
		{ "upstream", a->settings->upstream.host, 0 },
		{ "model", a->context.model, 0 },
	};

	for (size_t i = 0; i < N_KNOBS; i++) {
		fields[2 + i].key = profile_knob(i);
		fields[2 + i].text =
		    profile_word(&a->profile, fields[2 + i].key);
	}
	log_fields(
	    LOG_DEBUG, "profile", fields, sizeof(fields) / sizeof(fields[0]));
}

int
prepare_request(struct attempts *a)
{
	const struct upstream_target *up = &a->settings->upstream;

	dialect_resolve(
	    &a->settings->profile, up->host, a->context.model, &a->profile);
	lessons_apply(
	    a->server->lessons, up->base, a->context.model, &a->profile);
	if (log_debugs())
		say_profile(a);
	return prepare_again(a);
}
