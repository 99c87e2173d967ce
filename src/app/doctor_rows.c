/* SPDX-License-Identifier: MIT */
/* The rows of the doctor's table, each of what was found.  Advises nothing. */
#include "app/doctor_rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/secret.h"
#include "server/settings.h"
#include "translate/dialect/dialect.h"

#define CLAUDE	     "claude-sonnet-4-5" /* any name that clients ask for */
#define SMALL_WINDOW 32768

static const char not_tried[] = "not tried";

void
doctor_say(struct row *row, enum verdict verdict, const char *format, ...)
{
	va_list args;

	row->verdict = verdict;
	va_start(args, format);
	vsnprintf(row->text, sizeof(row->text), format, args);
	va_end(args);
}

/* -- one probe ------------------------------------------------------------ */

bool
doctor_is_answered(const struct probe *p)
{
	return p->asked && p->kind == FAULT_NONE;
}

/* A failure that says something of the request, not of the hour. */
static bool
is_refused(const struct probe *p)
{
	return p->asked &&
	       (p->kind == FAULT_BAD_REQUEST || p->kind == FAULT_NOT_FOUND ||
		   p->kind == FAULT_METHOD || p->kind == FAULT_PERMISSION ||
		   p->kind == FAULT_TOO_LARGE || p->kind == FAULT_INTERNAL);
}

static bool
is_about_model(const struct probe *p)
{
	return p->asked && p->kind == FAULT_NOT_FOUND &&
	       strncmp(p->message, "model:", 6) == 0;
}

/* Says what can be said of a probe without an answer; false: it has one. */
static bool
say_unanswered(const struct probe *p, struct row *row)
{
	if (!p->asked)
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	else if (p->kind != FAULT_NONE)
		doctor_say(row, is_refused(p) ? VERDICT_NO : VERDICT_OPEN, "%s",
		    p->message);
	return !doctor_is_answered(p);
}

/* The same for the first question, whose failure one row alone tells. */
static bool
has_no_answer(const struct findings *f, struct row *row)
{
	if (doctor_is_answered(&f->probes[PROBE_CHAT]))
		return false;
	doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	return true;
}

bool
doctor_is_listed(const struct findings *f, const char *model)
{
	size_t len = strlen(model);

	for (size_t i = 0; i < f->list.n; i++) {
		const char *id = f->list.models[i].id;
		const char *at = strstr(id, model);

		if (at != NULL && (at == id || at[-1] == '/') &&
		    (at[len] == '\0' || strcmp(at + len, ":latest") == 0))
			return true;
	}
	return false;
}

/* -- the rows ------------------------------------------------------------- */

static void
judge_reachable(const struct findings *f, struct row *row)
{
	const struct probe *chat = &f->probes[PROBE_CHAT];
	const struct probe *p = chat->asked ? chat : &f->probes[PROBE_LIST];

	if (!p->asked)
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	else if (p->status == 0)
		doctor_say(row, VERDICT_FAIL, "%s", p->message);
	else if (f->other_url)
		doctor_say(row, VERDICT_OK, "but only at %.*s",
		    (int)strcspn(f->settings->upstream.other_url, "?"),
		    f->settings->upstream.other_url);
	else if (p->kind == FAULT_NOT_FOUND && !is_about_model(p))
		doctor_say(row, VERDICT_FAIL,
		    "there is no such path (UPSTREAM_BASE_URL): %s",
		    p->message);
	else
		doctor_say(row, VERDICT_OK, "answers in %ld ms",
		    f->probes[PROBE_LIST].status != 0
			? f->probes[PROBE_LIST].took_ms
			: p->took_ms);
}

static void
judge_key(const struct findings *f, struct row *row)
{
	const struct probe *chat = &f->probes[PROBE_CHAT];
	const struct probe *p = chat->asked ? chat : &f->probes[PROBE_LIST];
	const char *key = f->settings->upstream_key;
	char print[20] = "none is set";

	if (key != NULL)
		secret_fingerprint(key, print);
	if ((doctor_is_answered(p) || is_about_model(p)) && key == NULL)
		doctor_say(row, VERDICT_OK, "none is set and none is needed");
	else if (doctor_is_answered(p) || is_about_model(p))
		doctor_say(row, VERDICT_OK, "%s is accepted", print);
	else if (p->kind == FAULT_AUTHENTICATION && key == NULL)
		doctor_say(row, VERDICT_FAIL,
		    "UPSTREAM_API_KEY is not set and the upstream wants one "
		    "(else each client must bring it): %s",
		    p->message);
	else if (p->kind == FAULT_AUTHENTICATION ||
		 p->kind == FAULT_PERMISSION || p->kind == FAULT_BILLING)
		doctor_say(row, VERDICT_FAIL, "%s: %s", print, p->message);
	else
		doctor_say(row, VERDICT_OPEN, "cannot be told");
}

static void
judge_model(const struct findings *f, struct row *row)
{
	static const char *const from[] = { "", "--model", "the settings",
		"listed first; --model names another" };
	const struct probe *p = &f->probes[PROBE_CHAT];
	const struct probe *list = &f->probes[PROBE_LIST];
	const char *shown = f->model != NULL ? f->model : "";
	size_t n;

	if (f->model == NULL &&
	    (!doctor_is_answered(list) && !is_refused(list))) {
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	} else if (f->model == NULL) {
		doctor_say(row, VERDICT_FAIL,
		    "none is set and the upstream lists none: set "
		    "COMPLETION_MODEL and REASONING_MODEL, or say --model");
	} else if (is_about_model(p)) {
		doctor_say(row, VERDICT_FAIL, "%.100s is not there (%s)%s",
		    shown, from[f->source],
		    f->list.n > 0 ? "; there are:" : "");
		for (size_t i = 0; i < f->list.n && i < 5; i++) {
			n = strlen(row->text);
			snprintf(row->text + n, sizeof(row->text) - n, " %.50s",
			    f->list.models[i].id);
		}
	} else if (doctor_is_answered(p)) {
		doctor_say(row, VERDICT_OK, "%.100s (%s)%s", shown,
		    from[f->source],
		    f->list.n > 0 && !doctor_is_listed(f, shown)
			? ", answers but is not listed"
			: "");
	} else {
		doctor_say(
		    row, VERDICT_OPEN, "%.100s (%s)", shown, from[f->source]);
	}
}

/* Whether the row of the path, the key or the model has the reason. */
static bool
is_told_above(const struct probe *p)
{
	return p->status == 0 || p->kind == FAULT_NOT_FOUND ||
	       p->kind == FAULT_AUTHENTICATION || p->kind == FAULT_PERMISSION ||
	       p->kind == FAULT_BILLING;
}

static void
judge_stream(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_CHAT];

	if (is_told_above(p))
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	else if (p->kind != FAULT_NONE)
		doctor_say(row, VERDICT_FAIL, "%s", p->message);
	else if (p->is_events)
		doctor_say(row, VERDICT_OK, "events, the last after %ld ms",
		    p->took_ms);
	else
		doctor_say(row, VERDICT_NO,
		    "the answer comes whole: clients see nothing before its "
		    "end");
}

static void
judge_usage(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_CHAT];

	if (!has_no_answer(f, row))
		doctor_say(row, p->has_usage ? VERDICT_OK : VERDICT_NO, "%s",
		    p->has_usage ? "told" : "not told: tokens are estimated");
}

static void
judge_tools(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_TOOLS];

	if (!say_unanswered(p, row))
		doctor_say(row, p->calls > 0 ? VERDICT_OK : VERDICT_NO, "%s",
		    p->calls > 0
			? "called"
			: "offered and asked for, but not called: Claude "
			  "Code needs them");
}

static void
judge_parallel(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_TOOLS];

	if (say_unanswered(p, row))
		return;
	if (p->calls == 0)
		doctor_say(row, VERDICT_OPEN, "no tool was called");
	else if (p->calls == 1)
		doctor_say(row, VERDICT_NO, "one call at a time");
	else
		doctor_say(row, VERDICT_OK, "%u calls at once", p->calls);
}

static void
judge_forced(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_FORCED];

	if (!say_unanswered(p, row))
		doctor_say(row, p->calls > 0 ? VERDICT_OK : VERDICT_NO, "%s",
		    p->calls > 0 ? "called" : "tool_choice has no effect");
}

static void
judge_result(const struct findings *f, struct row *row)
{
	if (!say_unanswered(&f->probes[PROBE_RESULT], row))
		doctor_say(row, VERDICT_OK, "read");
}

static void
judge_image(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_IMAGE];

	if (!say_unanswered(p, row))
		doctor_say(row, p->says_red ? VERDICT_OK : VERDICT_NO, "%s",
		    p->says_red ? "seen" : "taken, but not recognised");
}

static void
judge_thinking(const struct findings *f, struct row *row)
{
	static const char *const forms[] = { [FORM_NONE] = "some field",
		[FORM_REASONING_CONTENT] = "reasoning_content",
		[FORM_REASONING] = "reasoning",
		[FORM_REASONING_TEXT] = "reasoning_text",
		[FORM_REASONING_DETAILS] = "reasoning_details",
		[FORM_CONTENT_PARTS] = "parts of content",
		[FORM_THINK_TAGS] = "<think> in content",
		[FORM_THOUGHT_TAGS] = "<thought> in content" };
	const struct probe *p = &f->probes[PROBE_THINKING];

	if (say_unanswered(p, row))
		return;
	if (p->thinks)
		doctor_say(row, VERDICT_OK, "shown, in %s", forms[p->form]);
	else
		doctor_say(row, VERDICT_NO, "none is shown");
}

static void
judge_quiet(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_QUIET];

	if (say_unanswered(p, row)) {
		if (!p->asked && doctor_is_answered(&f->probes[PROBE_THINKING]))
			doctor_say(
			    row, VERDICT_OPEN, "there is none to switch off");
		return;
	}
	if (!p->thinks)
		doctor_say(row, VERDICT_OK, "can be switched off");
	else if (f->quiet_style != NULL)
		doctor_say(row, VERDICT_NO, "only with REASONING_REQUEST=%s",
		    f->quiet_style);
	else
		doctor_say(row, VERDICT_NO,
		    "the model thinks all the same, unseen and paid for");
}

static void
judge_field(const struct findings *f, struct row *row)
{
	const struct probe *p = &f->probes[PROBE_CHAT];

	if (!has_no_answer(f, row))
		doctor_say(row, VERDICT_OK, "%s",
		    p->token_field != NULL ? p->token_field : "none is sent");
}

/* What the operator set for the model; NULL: nothing. */
static const char *
window_set(const struct findings *f)
{
	const struct settings *s = f->settings;
	struct model_routes windows = { .rules = s->context_windows,
		.n_rules = s->n_context_windows };

	return f->model != NULL ? model_rules_find(&windows, f->model) : NULL;
}

static void
judge_window(const struct findings *f, struct row *row)
{
	const struct listed_model *m =
	    f->model != NULL ? model_list_find(&f->list, f->model) : NULL;
	const char *set = window_set(f);

	if (set != NULL)
		doctor_say(
		    row, VERDICT_OK, "%.20s tokens (CONTEXT_WINDOW)", set);
	else if (f->model == NULL)
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	else if (m == NULL || m->window == 0)
		doctor_say(row, VERDICT_NO,
		    "not told: set CONTEXT_WINDOW, or what is too long is "
		    "refused late or cut");
	else
		doctor_say(row,
		    m->window < SMALL_WINDOW ? VERDICT_NO : VERDICT_OK,
		    "%lld tokens%s", (long long)m->window,
		    m->window < SMALL_WINDOW ? ": too few for Claude Code"
					     : "");
}

bool
doctor_is_unmapped(const struct findings *f, bool thinks)
{
	const char *up = model_route(&f->settings->routes, CLAUDE, thinks);

	if (f->list.n == 0 || strcmp(up, CLAUDE) != 0)
		return false;
	for (size_t i = 0; i < f->list.n; i++)
		if (strncmp(f->list.models[i].id, "claude-", 7) == 0)
			return false;
	return true;
}

/* The first model of the settings that the upstream's list has not. */
static const char *
unlisted(const struct findings *f)
{
	const struct model_routes *r = &f->settings->routes;
	const char *set[2] = { r->reasoning, r->completion };

	for (size_t i = 0; f->list.n > 0 && i < r->n_rules + 2; i++) {
		const char *m = i < 2 ? set[i] : r->rules[i - 2].model;

		if (m != NULL && m[0] != '\0' && !doctor_is_listed(f, m))
			return m;
	}
	return NULL;
}

static void
judge_names(const struct findings *f, struct row *row)
{
	const char *lost = unlisted(f);

	if (f->settings->demo)
		doctor_say(row, VERDICT_OK, "the demo takes any");
	else if (doctor_is_unmapped(f, false) || doctor_is_unmapped(f, true))
		doctor_say(row, VERDICT_NO,
		    "claude-* names go up as they are, and none is listed: "
		    "set COMPLETION_MODEL and REASONING_MODEL, or MODEL_MAP");
	else if (lost != NULL)
		doctor_say(row, VERDICT_NO, "set but not listed: %.100s", lost);
	else if (f->model == NULL)
		doctor_say(row, VERDICT_OPEN, "%s", not_tried);
	else if (f->list.n == 0)
		doctor_say(
		    row, VERDICT_OPEN, "the upstream gives no list of models");
	else
		doctor_say(row, VERDICT_OK, "%s is asked for as %.100s", CLAUDE,
		    model_route(&f->settings->routes, CLAUDE, true));
}

void
doctor_rows(const struct findings *f, struct diagnosis *d)
{
	static const struct {
		const char *name;
		void (*judge)(const struct findings *f, struct row *row);
	} checks[] = {
		{ "reachable", judge_reachable },
		{ "key", judge_key },
		{ "model", judge_model },
		{ "model names", judge_names },
		{ "context window", judge_window },
		{ "token field", judge_field },
		{ "stream", judge_stream },
		{ "usage in stream", judge_usage },
		{ "tools", judge_tools },
		{ "parallel tools", judge_parallel },
		{ "forced tool", judge_forced },
		{ "tool results", judge_result },
		{ "image", judge_image },
		{ "reasoning", judge_thinking },
		{ "reasoning off", judge_quiet },
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct row *row = &d->rows[d->n_rows++];

		row->name = checks[i].name;
		checks[i].judge(f, row);
	}
}
