/* SPDX-License-Identifier: MIT */
/* Which questions are asked, and of which model.  Judges nothing: that is
 * doctor_judge's. */
#include "app/doctor_probe.h"

#include <stdlib.h>
#include <string.h>

#include "app/doctor_ask.h"
#include "server/lessons.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/upstream.h"
#include "translate/error/errors.h"
#include "wire/buf.h"

#define LIMIT_MS       60000
#define FIRST_LIMIT_MS 120000 /* a local server may have to load the model */
#define MAX_LIST       ((size_t)8 * 1024 * 1024)
#define MAX_MODEL      512

/* -- the list of models --------------------------------------------------- */

struct page {
	struct buf body;
	struct upstream_head head;
};

static int
on_body(void *cookie, const char *bytes, size_t len)
{
	struct page *page = cookie;

	buf_add(&page->body, bytes, len);
	return page->body.failed ? -1 : 0;
}

/* GET …/models beside a …/chat/completions. */
static void
fetch_list(struct prober *p, const char *completions, struct page *page,
    struct upstream_result *result)
{
	static const char tail[] = "/chat/completions";
	const char *query = p->settings->upstream.query;
	size_t len = strcspn(completions, "?");
	struct buf url;
	struct upstream_call call = {
		.settings = p->settings,
		.method = "GET",
		.cancel = &p->cancel,
		.total_timeout_ms = p->settings->first_byte_timeout_ms,
		.max_reply_bytes = MAX_LIST,
		.head = &page->head,
		.on_body = on_body,
		.cookie = page,
	};

	while (len > 0 && completions[len - 1] == '/')
		len--;
	if (len >= sizeof(tail) - 1)
		len -= sizeof(tail) - 1;
	buf_init(&url, 16 * 1024);
	buf_add(&url, completions, len);
	BUF_ADD_LIT(&url, "/models");
	buf_add_str(&url, query);
	call.url = buf_str(&url);
	buf_reset(&page->body);
	upstream_perform(p->server->upstream, &call, result);
	buf_clear(&url);
}

static void
ask_list(struct prober *p, struct probe *out)
{
	const struct upstream_target *up = &p->settings->upstream;
	struct error_context ctx = { .host = up->host,
		.own_key = p->settings->upstream_key };
	struct error_headers none = { 0 };
	long long began = server_now_ms();
	struct upstream_result result;
	struct fault why = { 0 };
	struct page page;

	doctor_tell_progress(p, PROBE_LIST);
	buf_init(&page.body, MAX_LIST);
	fetch_list(p, up->url, &page, &result);
	if (page.head.status == 404 && up->other_url != NULL)
		fetch_list(p, up->other_url, &page, &result);
	if (page.head.status == 0 || result.end != UPSTREAM_COMPLETE)
		error_from_cause(result.cause, result.detail, &ctx, &why);
	else if (page.head.status != 200)
		error_from_answer(page.head.status, &none, buf_str(&page.body),
		    page.body.len, &ctx, &why);
	else
		model_list_parse(
		    buf_str(&page.body), page.body.len, &p->f->list, &why);
	out->asked = true;
	out->status = page.head.status;
	out->took_ms = (long)(server_now_ms() - began);
	doctor_note_fault(p, &why, out);
	buf_clear(&page.body);
}

/* -- which model ---------------------------------------------------------- */

static void
choose_model(struct prober *p)
{
	static const char claude[] = "claude-sonnet-4-5";
	const struct model_routes *r = &p->settings->routes;
	const char *mapped = model_route(r, claude, true);
	struct findings *f = p->f;

	f->source = MODEL_SETTINGS;
	if (p->wanted->model != NULL) {
		f->source = MODEL_OPTION;
		f->model = p->wanted->model;
	} else if (mapped != claude) {
		f->model = mapped;
	} else if (r->completion != NULL && r->completion[0] != '\0') {
		f->model = r->completion;
	} else if (r->n_rules > 0) {
		f->model = r->rules[0].model;
	}
	if (f->model != NULL)
		return;
	for (size_t i = f->list.n; i-- > 0;) {
		const char *id = f->list.models[i].id;

		if (strlen(id) <= MAX_MODEL &&
		    (f->model == NULL || doctor_is_chat_model(id)))
			f->model = id;
	}
	f->source = f->model != NULL ? MODEL_LIST : MODEL_NONE;
}

/* -- limits --------------------------------------------------------------- */

/* Of what the user set, the shorter counts. */
static void
limit_time(struct settings *s, long limit_ms)
{
	if (s->first_byte_timeout_ms > limit_ms)
		s->first_byte_timeout_ms = limit_ms;
	if (s->idle_timeout_ms > limit_ms)
		s->idle_timeout_ms = limit_ms;
	/* a ping is where an answer that does not end is left */
	s->ping_interval_ms = s->first_byte_timeout_ms;
}

/* -- all of them ---------------------------------------------------------- */

/* Whether a style of asking switches thinking off, and on again. */
static bool
is_quiet_style(struct prober *p, int style)
{
	struct profile kept = p->settings->profile;
	struct probe off, on;
	bool is;

	p->settings->profile.reasoning_request = style;
	is = doctor_ask(p, PROBE_QUIET, &off)->kind == FAULT_NONE &&
	     !off.thinks &&
	     doctor_ask(p, PROBE_THINKING, &on)->kind == FAULT_NONE &&
	     on.thinks;
	p->settings->profile = kept;
	return is;
}

static void
look_for_quiet_style(struct prober *p)
{
	static const struct {
		int style;
		const char *word;
	} styles[] = { { REASONING_VLLM, "vllm_kwargs" },
		{ REASONING_DEEPSEEK, "deepseek" } };

	for (size_t i = 0; i < 2 && p->f->quiet_style == NULL; i++)
		if (is_quiet_style(p, styles[i].style))
			p->f->quiet_style = styles[i].word;
}

static void
ask_all(struct prober *p)
{
	struct findings *f = p->f;
	const char *base = p->settings->upstream.base;

	ask_list(p, &f->probes[PROBE_LIST]);
	choose_model(p);
	if (f->model == NULL)
		return;
	doctor_ask(p, PROBE_CHAT, &f->probes[PROBE_CHAT]);
	f->other_url = p->settings->upstream.other_url != NULL &&
		       lessons_prefers_other_url(p->server->lessons, base);
	limit_time(p->settings, LIMIT_MS);
	if (f->probes[PROBE_CHAT].kind == FAULT_NONE)
		for (int i = PROBE_TOOLS; i <= PROBE_THINKING; i++)
			doctor_ask(p, (enum probe_name)i, &f->probes[i]);
	if (f->probes[PROBE_THINKING].thinks &&
	    doctor_ask(p, PROBE_QUIET, &f->probes[PROBE_QUIET])->thinks &&
	    p->settings->profile.reasoning_request == REASONING_AUTO)
		look_for_quiet_style(p);
	f->n_lessons = lessons_get(p->server->lessons, base, f->model,
	    f->lessons, sizeof(f->lessons) / sizeof(f->lessons[0]));
}

static void
bend_settings(struct settings *s)
{
	free(s->state_dir); /* as if nothing was known of the upstream */
	s->state_dir = NULL;
	limit_time(s, FIRST_LIMIT_MS);
	if (s->max_retries > 1)
		s->max_retries = 1;
}

int
doctor_probe(const struct probing *wanted, struct settings *settings,
    struct findings *f, struct fault *why)
{
	struct prober p = { .wanted = wanted, .settings = settings, .f = f };
	struct headers_wanted headers = { .settings = settings };
	char err[256];
	int rc = -1;

	*f = (struct findings){ .settings = settings };
	bend_settings(settings);
	if (cancel_init(&p.cancel) == -1)
		return fault_no_memory(why);
	if (headers_build(&p.headers, &headers, err, sizeof(err)) == -1)
		fault_set(why, FAULT_BAD_REQUEST, "UPSTREAM_HEADERS: %s", err);
	else if ((p.server = server_new(settings)) == NULL)
		fault_no_memory(why);
	else
		rc = 0;
	if (rc == 0)
		ask_all(&p);
	server_free(p.server);
	headers_clear(&p.headers);
	cancel_clear(&p.cancel);
	return rc;
}

void
doctor_forget(struct findings *f)
{
	model_list_clear(&f->list);
}
