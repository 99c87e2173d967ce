/* SPDX-License-Identifier: MIT */
/* Rows, figures and words.  Knows no clock and no socket. */
#include "server/statusview.h"

#include <string.h>

#include "server/journal.h"
#include "server/spoken.h"
#include "server/statushtml.h"
#include "server/statusplot.h"
#include "wire/buf.h"

#define ADD(text) buf_add_str(out, text)

/* -- requests ------------------------------------------------------------- */

static void
put_model(struct buf *out, const struct journal_entry *e)
{
	ADD("<th scope=row class=who>");
	html_text(out, e->asked[0] != '\0' ? e->asked : "–");
	if (strcmp(e->asked, e->used) != 0 && e->used[0] != '\0') {
		ADD("<small>→ ");
		html_text(out, e->used);
		if (e->chosen_by[0] != '\0') {
			ADD(" (");
			html_text(out, e->chosen_by);
			ADD(")");
		}
		ADD("</small>");
	}
	ADD("</th>");
}

static void
put_result(struct buf *out, const struct journal_entry *e)
{
	bool failed = e->error != NULL && e->error[0] != '\0';
	const char *look = failed ? "bad" : "good", *word = "done";

	if (e->status == 0) {
		look = "run";
		word = e->first_token_ms >= 0 ? "streaming" : "waiting";
	} else if (e->status == 499) {
		look = "left";
		word = "client left";
	} else if (failed) {
		word = e->status < 400	 ? "broke off"
		       : e->status < 500 ? "refused"
					 : "failed";
	}
	buf_printf(out, "<td class=\"is %s\">%s", look, word);
	if (e->status >= 400 && e->status != 499)
		buf_printf(out, " %d", e->status);
	ADD("</td>");
}

static void
open_number(struct buf *out, const char *label)
{
	buf_printf(out, "<td class=n data-l=\"%s\">", label);
}

static void
put_times(struct buf *out, const struct journal_entry *e, const char *total)
{
	open_number(out, "First token");
	html_ms(out, e->first_token_ms);
	ADD("</td>");
	open_number(out, total);
	html_ms(out, e->total_ms);
	ADD("</td>");
}

static void
put_tokens(struct buf *out, const struct journal_tokens *t)
{
	if (t->input + t->cached + t->output == 0) {
		ADD("<td class=n><td class=n><td class=n>");
		return;
	}
	open_number(out, "Input");
	html_count(out, t->input + t->cached);
	ADD("</td>");
	open_number(out, "Cached");
	html_percent(out, html_cached_percent(t));
	ADD("</td>");
	open_number(out, "Output");
	html_count(out, t->output);
	ADD("</td>");
}

static void
put_times_done(struct buf *out, const char *what, const char *more, unsigned n)
{
	if (n > 0)
		buf_printf(out, " · %u %s", n, n == 1 ? what : more);
}

/* How it ended and why, and where to find it in the log. */
static void
put_end(struct buf *out, const struct journal_entry *e)
{
	ADD("<td class=end data-l=\"Ended by\">");
	if (e->error != NULL && e->error[0] != '\0') {
		buf_printf(out, "<span class=bad>%s</span> ", e->error);
		html_text(out, e->cause);
	} else {
		html_text(out, e->stop[0] != '\0' ? e->stop : "–");
	}
	ADD("<small><span class=id>");
	html_text(out, e->id);
	ADD("</span>");
	if (strcmp(e->route, "/v1/messages") != 0)
		buf_printf(out, " · %s", e->route);
	put_times_done(out, "retry", "retries", e->retries);
	put_times_done(out, "repair", "repairs", e->repairs);
	put_times_done(out, "lesson", "lessons", e->lessons);
	ADD("</small></td>");
}

static void
put_when(
    struct buf *out, const struct status_view *v, const struct journal_entry *e)
{
	ADD("<td class=quiet data-l=Began>");
	html_started(out, e->began_unix_ms, v->now_unix_ms);
	ADD("</td>");
}

static void
put_said(struct buf *out, const char *who, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_printf(out, "<p><b>%s</b> ", who);
	html_text(out, text);
	ADD("</p>");
}

/* A row of its own for the texts, where they are kept. */
static void
put_spoken(struct buf *out, const struct status_view *v,
    const struct journal_entry *e, int columns)
{
	for (int i = 0; v->spoken != NULL && i < SPOKEN_PAIRS; i++) {
		const struct spoken_pair *p = &v->spoken[i];

		if (p->id[0] == '\0' || strcmp(p->id, e->id) != 0)
			continue;
		buf_printf(out, "<tr class=said><td colspan=%d>", columns);
		put_said(out, "Asked", p->asked);
		put_said(out, "Answered", p->answered);
		ADD("</td></tr>");
		return;
	}
}

/* -- the parts of the page ------------------------------------------------ */

static void
put_about(struct buf *out, const struct status_view *v)
{
	ADD("<p id=about class=quiet>Version " VERSION ", upstream ");
	html_text(out, v->upstream);
	ADD(", started ");
	html_started(out, v->seen->totals.since_unix_ms, v->now_unix_ms);
	ADD("</p>");
}

static void
put_sum(struct buf *out, const char *name, unsigned long long n)
{
	buf_printf(out, "<div><dt>%s</dt><dd>", name);
	html_count(out, n);
	ADD("</dd></div>");
}

static void
put_totals(struct buf *out, const struct journal_totals *t)
{
	char name[24];

	ADD("<section id=totals><h2>Since the start</h2><dl class=table>");
	put_sum(out, "requests", t->requests);
	put_sum(out, "failed", t->errors);
	put_sum(out, "left by the client", t->clients_left);
	put_sum(out, "retries", t->retries);
	put_sum(out, "repairs", t->repairs);
	put_sum(out, "lessons learned", t->lessons);
	for (size_t i = 0; i < JOURNAL_ERRORS; i++)
		if (t->upstream_errors[i] > 0) {
			ADD("<div><dt>upstream: ");
			ADD(journal_error_name(i, name));
			ADD("</dt><dd class=bad>");
			html_count(out, t->upstream_errors[i]);
			ADD("</dd></div>");
		}
	ADD("</dl></section>");
}

/* The columns' names, with bars between; # stands before those of numbers. */
static void
open_table(struct buf *out, const char *names)
{
	ADD("<div class=table><table><thead><tr>");
	for (size_t n; *names != '\0'; names += n + (names[n] == '|')) {
		ADD(*names == '#' ? "<th scope=col class=n>"
				  : "<th scope=col>");
		names += *names == '#';
		n = strcspn(names, "|");
		buf_add(out, names, n);
	}
	ADD("</thead><tbody>");
}

static void
put_flights(struct buf *out, const struct status_view *v)
{
	const struct journal_snapshot *s = v->seen;

	buf_printf(out, "<section id=flights data-n=%u><h2>In flight (%u)</h2>",
	    s->totals.flights, s->totals.flights);
	if (s->n_flights == 0)
		ADD("<p class=none>No request is running.</p>");
	else
		open_table(
		    out, "Began|Model|State|#First token|#So far|Request");
	for (size_t i = 0; i < s->n_flights; i++) {
		const struct journal_entry *e = &s->flights[i];

		ADD("<tr>");
		put_when(out, v, e);
		put_model(out, e);
		put_result(out, e);
		put_times(out, e, "So far");
		ADD("<td class=\"end id\">");
		html_text(out, e->id);
		ADD("</td></tr>");
		put_spoken(out, v, e, 6);
	}
	if (s->n_flights > 0)
		ADD("</tbody></table></div>");
	if (s->totals.flights > s->n_flights)
		buf_printf(out, "<p class=quiet>And %zu more.</p>",
		    s->totals.flights - s->n_flights);
	ADD("</section>");
}

/* Nothing has passed yet: how to begin. */
static void
put_welcome(struct buf *out, const struct status_view *v)
{
	ADD("<section id=welcome><h2>No request yet</h2><div class=none>"
	    "<p>Point Claude Code at this proxy:</p><pre>"
	    "export ANTHROPIC_BASE_URL=http://");
	html_text(out, v->here);
	ADD("<br>export ANTHROPIC_AUTH_TOKEN=");
	ADD(v->wants_key ? "<em>a PROXY_API_KEY</em>" : "any");
	ADD("<br>claude</pre><p class=quiet>What passes through appears here "
	    "by itself.</p></div></section>");
}

static void
put_recent(struct buf *out, const struct status_view *v)
{
	const struct journal_snapshot *s = v->seen;

	ADD("<section id=recent><h2>Recent</h2>");
	if (s->n_recent == 0)
		ADD("<p class=none>No request has ended yet.</p>");
	else
		open_table(out, "Began|Model|Result|#First token|#Total|#Input|"
				"#Cached|#Output|Ended by");
	for (size_t i = 0; i < s->n_recent; i++) {
		const struct journal_entry *e = &s->recent[i];

		ADD("<tr>");
		put_when(out, v, e);
		put_model(out, e);
		put_result(out, e);
		put_times(out, e, "Total");
		put_tokens(out, &e->tokens);
		put_end(out, e);
		ADD("</tr>");
		put_spoken(out, v, e, 9);
	}
	if (s->n_recent > 0)
		ADD("</tbody></table></div>");
	ADD("</section>");
}

static void
put_models(struct buf *out, const struct journal_totals *t)
{
	if (t->n_models == 0)
		return;
	ADD("<section id=models><h2>Models since the start</h2>");
	open_table(out, "Model|#Answers|#Input|#Cached|#Output");
	for (size_t i = 0; i <= t->n_models; i++) {
		const struct journal_model *m =
		    i < t->n_models ? &t->models[i] : &t->other;

		if (m->requests == 0)
			continue;
		ADD("<tr><th scope=row class=who>");
		html_text(out, m->name);
		ADD("</th>");
		open_number(out, "Answers");
		html_count(out, m->requests);
		ADD("</td>");
		put_tokens(out, &m->tokens);
		ADD("</tr>");
	}
	ADD("</tbody></table></div></section>");
}

void
statusview_main(const struct status_view *v, struct buf *out)
{
	const struct journal_snapshot *s = v->seen;

	put_about(out, v);
	if (s->n_recent + s->n_flights == 0) {
		put_welcome(out, v);
		return;
	}
	statusplot_hour(out, s);
	put_flights(out, v);
	put_recent(out, v);
	put_models(out, &s->totals);
	put_totals(out, &s->totals);
}

void
statusview_page(const struct status_view *v, const char *nonce, struct buf *out)
{
	const char *at = statuspage_html, *slot;

	for (; (slot = strchr(at, '{')) != NULL; at = slot) {
		buf_add(out, at, (size_t)(slot - at));
		if (strncmp(slot, "{N}", 3) == 0)
			buf_add_str(out, nonce);
		else if (strncmp(slot, "{M}", 3) == 0)
			statusview_main(v, out);
		else
			buf_add_char(out, '{');
		slot += slot[1] == 'N' || slot[1] == 'M' ? 3 : 1;
	}
	buf_add_str(out, at);
}
