/* SPDX-License-Identifier: MIT */
/* Rows, figures and words.  Knows no clock and no socket. */
#include "server/statusview.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/journal.h"
#include "server/spoken.h"
#include "wire/buf.h"

/* The plots: a bar for each minute. */
#define BAR_STEP   4
#define BAR_WIDTH  3
#define BAR_HEIGHT 100

#define ADD(text) buf_add_str(out, text)

/* -- words and numbers ---------------------------------------------------- */

static void
put_text(struct buf *out, const char *text)
{
	static const char special[] = "&<>\"'";
	static const char *const names[] = { "&amp;", "&lt;", "&gt;", "&quot;",
		"&#39;" };

	for (;;) {
		size_t n = strcspn(text, special);

		buf_add(out, text, n);
		text += n;
		if (*text == '\0')
			return;
		buf_add_str(out, names[strchr(special, *text++) - special]);
	}
}

/* 1,234,567 */
static void
put_count(struct buf *out, unsigned long long n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			ADD(",");
		buf_add_char(out, digits[i]);
	}
}

/* The same, from 100,000 on in three or four digits: 1.23 M. */
static void
put_short(struct buf *out, unsigned long long n)
{
	double value = (double)n;
	const char *unit = "kMGT";

	if (n < 100000) {
		put_count(out, n);
		return;
	}
	for (value /= 1000; value >= 999.5 && unit[1] != '\0'; unit++)
		value /= 1000;
	buf_printf(out,
	    value < 9.995   ? "%.2f %c"
	    : value < 99.95 ? "%.1f %c"
			    : "%.0f %c",
	    value, *unit);
}

static void
put_ms(struct buf *out, long long ms)
{
	static const struct {
		const char *unit, *small;
		long long ms, next;
	} steps[] = { { "d", "h", 86400000, 3600000 },
		{ "h", "min", 3600000, 60000 }, { "min", "s", 60000, 1000 } };

	if (ms < 0) {
		ADD("–");
		return;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (ms >= steps[i].ms) {
			buf_printf(out, "%lld %s %lld %s", ms / steps[i].ms,
			    steps[i].unit, ms % steps[i].ms / steps[i].next,
			    steps[i].small);
			return;
		}
	if (ms < 1000)
		buf_printf(out, "%lld ms", ms);
	else
		buf_printf(
		    out, ms < 9995 ? "%.2f s" : "%.1f s", (double)ms / 1000);
}

/* How long ago, in steps that do not change the page each second. */
static void
put_age(struct buf *out, long long ms)
{
	long long s = ms / 1000;

	if (s < 10)
		ADD("just now");
	else if (s < 60)
		buf_printf(out, "%lld s ago", s / 10 * 10);
	else if (s < 3600)
		buf_printf(out, "%lld min ago", s / 60);
	else if (s < 172800)
		buf_printf(out, "%lld h ago", s / 3600);
	else
		buf_printf(out, "%lld d ago", s / 86400);
}

static void
put_started(struct buf *out, long long at_ms, long long now_ms)
{
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm utc;
	char stamp[32] = "";

	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
	buf_printf(out, "<time datetime=\"%s\" title=\"%s\">", stamp, stamp);
	put_age(out, now_ms - at_ms);
	ADD("</time>");
}

/* Of what was read, the part that came from a cache; -1: nothing was. */
static int
cached_percent(const struct journal_tokens *t)
{
	unsigned long long all = t->input + t->cached;

	return all == 0 ? -1 : (int)(100.0 * (double)t->cached / (double)all);
}

static void
put_percent(struct buf *out, int percent)
{
	if (percent < 0)
		ADD("–");
	else
		buf_printf(out, "%d%%", percent);
}

/* -- the last hour -------------------------------------------------------- */

static void
put_long_ms(struct buf *out, unsigned long long ms)
{
	put_ms(out, (long long)ms);
}

/* Two values a minute, the second stacked on the first. */
struct plot {
	const char *name;
	const char *kinds[2]; /* the second may be NULL */
	const char *looks[2];
	void (*put)(struct buf *out, unsigned long long n);
	unsigned long long values[JOURNAL_MINUTES][2];
};

static unsigned long long
peak_of(const struct plot *p)
{
	unsigned long long peak = 0;

	for (int i = 0; i < JOURNAL_MINUTES; i++)
		if (p->values[i][0] + p->values[i][1] > peak)
			peak = p->values[i][0] + p->values[i][1];
	return peak;
}

/* What there is at all is seen: at least a line. */
static int
height_of(unsigned long long n, unsigned long long peak)
{
	int height = (int)(BAR_HEIGHT * (double)n / (double)peak + 0.5);

	return n > 0 && height < 2 ? 2 : height;
}

static void
put_bars(
    struct buf *out, const struct plot *p, int kind, unsigned long long peak)
{
	buf_printf(out, "<path class=%s d=\"", p->looks[kind]);
	for (int i = 0; i < JOURNAL_MINUTES; i++) {
		int base = kind == 0 ? 0 : height_of(p->values[i][0], peak);
		int height = height_of(p->values[i][kind], peak);

		if (height > 0)
			buf_printf(out, "M%d %dv-%dh%dv%dz", i * BAR_STEP,
			    BAR_HEIGHT - base, height, BAR_WIDTH, height);
	}
	ADD("\"/>");
}

static void
put_plot(struct buf *out, const struct plot *p)
{
	unsigned long long peak = peak_of(p);

	buf_printf(out,
	    "<svg role=img aria-label=\"%s by minute over the last hour, "
	    "at most ",
	    p->name);
	p->put(out, peak);
	buf_printf(out, "\" viewBox=\"0 0 %d %d\" preserveAspectRatio=none>",
	    JOURNAL_MINUTES * BAR_STEP, BAR_HEIGHT);
	for (int kind = 0; peak > 0 && kind < 2 && p->kinds[kind] != NULL;
	     kind++)
		put_bars(out, p, kind, peak);
	ADD("</svg><p class=axis><span>");
	for (int kind = 0; kind < 2 && p->kinds[kind] != NULL; kind++)
		buf_printf(out, "<b><i class=%s></i>%s</b> ", p->looks[kind],
		    p->kinds[kind]);
	ADD("</span><span>");
	if (peak > 0) {
		ADD("peak ");
		p->put(out, peak);
	}
	ADD("</span></p></figure>");
}

static struct journal_minute
sum_of(const struct journal_snapshot *s)
{
	struct journal_minute sum = { 0 };

	for (int i = 0; i < JOURNAL_MINUTES; i++) {
		const struct journal_minute *m = &s->minutes[i];

		sum.requests += m->requests;
		sum.errors += m->errors;
		sum.streams += m->streams;
		sum.total_ms += m->total_ms;
		sum.first_token_ms += m->first_token_ms;
		sum.tokens.input += m->tokens.input;
		sum.tokens.output += m->tokens.output;
		sum.tokens.cached += m->tokens.cached;
	}
	return sum;
}

static unsigned long long
average(unsigned long long sum, unsigned n)
{
	return n == 0 ? 0 : sum / n;
}

/* The four plots' values of one minute. */
static void
fill(struct plot p[static 4], const struct journal_minute *m, int i)
{
	unsigned long long first = average(m->first_token_ms, m->streams);
	unsigned long long total = average(m->total_ms, m->requests);

	p[0].values[i][0] = m->requests - m->errors;
	p[0].values[i][1] = m->errors;
	p[1].values[i][0] = m->tokens.cached;
	p[1].values[i][1] = m->tokens.input;
	p[2].values[i][0] = m->tokens.output;
	p[3].values[i][0] = first;
	p[3].values[i][1] = total > first ? total - first : 0;
}

static void
open_card(struct buf *out, const char *name)
{
	buf_printf(out, "<figure><figcaption><h3>%s</h3><strong>", name);
}

static void
close_card(struct buf *out, const struct plot *p)
{
	ADD("</p></figcaption>");
	put_plot(out, p);
}

static void
put_hour(struct buf *out, const struct journal_snapshot *s)
{
	struct plot p[4] = {
		{ "Requests", { "done", "failed" }, { "one", "bad" }, put_short,
		    { { 0 } } },
		{ "Input tokens", { "cached", "fresh" }, { "two", "one" },
		    put_short, { { 0 } } },
		{ "Output tokens", { "output", NULL }, { "one", "one" },
		    put_short, { { 0 } } },
		{ "First token", { "first token", "rest" }, { "one", "two" },
		    put_long_ms, { { 0 } } },
	};
	struct journal_minute sum = sum_of(s);

	for (int i = 0; i < JOURNAL_MINUTES; i++)
		fill(p, &s->minutes[i], i);
	ADD("<section id=hour><h2>Last hour</h2><div class=cards>");
	open_card(out, p[0].name);
	put_short(out, sum.requests);
	buf_printf(out, "</strong><p class=\"quiet%s\">",
	    sum.errors > 0 ? " bad" : "");
	put_short(out, sum.errors);
	ADD(" failed");
	close_card(out, &p[0]);
	open_card(out, p[1].name);
	put_short(out, sum.tokens.input + sum.tokens.cached);
	ADD("</strong><p class=quiet>");
	put_percent(out, cached_percent(&sum.tokens));
	ADD(" read from a cache");
	close_card(out, &p[1]);
	open_card(out, p[2].name);
	put_short(out, sum.tokens.output);
	ADD("</strong><p class=quiet>");
	put_short(out, average(sum.tokens.output, sum.requests));
	ADD(" a request");
	close_card(out, &p[2]);
	open_card(out, p[3].name);
	put_ms(out, sum.streams
			? (long long)average(sum.first_token_ms, sum.streams)
			: -1);
	ADD("</strong><p class=quiet>whole answers ");
	put_ms(out,
	    sum.requests ? (long long)average(sum.total_ms, sum.requests) : -1);
	close_card(out, &p[3]);
	ADD("</div></section>");
}

/* -- requests ------------------------------------------------------------- */

static void
put_model(struct buf *out, const struct journal_entry *e)
{
	ADD("<th scope=row class=who>");
	put_text(out, e->asked[0] != '\0' ? e->asked : "–");
	if (strcmp(e->asked, e->used) != 0 && e->used[0] != '\0') {
		ADD("<small>→ ");
		put_text(out, e->used);
		if (e->chosen_by[0] != '\0') {
			ADD(" (");
			put_text(out, e->chosen_by);
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
	put_ms(out, e->first_token_ms);
	ADD("</td>");
	open_number(out, total);
	put_ms(out, e->total_ms);
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
	put_count(out, t->input + t->cached);
	ADD("</td>");
	open_number(out, "Cached");
	put_percent(out, cached_percent(t));
	ADD("</td>");
	open_number(out, "Output");
	put_count(out, t->output);
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
		put_text(out, e->cause);
	} else {
		put_text(out, e->stop[0] != '\0' ? e->stop : "–");
	}
	ADD("<small><span class=id>");
	put_text(out, e->id);
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
	put_started(out, e->began_unix_ms, v->now_unix_ms);
	ADD("</td>");
}

static void
put_said(struct buf *out, const char *who, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_printf(out, "<p><b>%s</b> ", who);
	put_text(out, text);
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
	put_text(out, v->upstream);
	ADD(", started ");
	put_started(out, v->seen->totals.since_unix_ms, v->now_unix_ms);
	ADD("</p>");
}

static void
put_sum(struct buf *out, const char *name, unsigned long long n)
{
	buf_printf(out, "<div><dt>%s</dt><dd>", name);
	put_count(out, n);
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
			put_count(out, t->upstream_errors[i]);
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
		put_text(out, e->id);
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
	put_text(out, v->here);
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
		put_text(out, m->name);
		ADD("</th>");
		open_number(out, "Answers");
		put_count(out, m->requests);
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
	put_hour(out, s);
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
