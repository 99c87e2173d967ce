/* SPDX-License-Identifier: MIT */
/* The last hour in four small plots: a bar for each minute. */
#include "server/statusplot.h"

#include <string.h>

#include "server/journal.h"
#include "server/statushtml.h"
#include "wire/buf.h"

#define BAR_STEP   4
#define BAR_WIDTH  3
#define BAR_HEIGHT 100

#define ADD(text) buf_add_str(out, text)

static void
put_long_ms(struct buf *out, unsigned long long ms)
{
	html_ms(out, (long long)ms);
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

void
statusplot_hour(struct buf *out, const struct journal_snapshot *s)
{
	struct plot p[4] = {
		{ "Requests", { "done", "failed" }, { "one", "bad" },
		    html_short, { { 0 } } },
		{ "Input tokens", { "cached", "fresh" }, { "two", "one" },
		    html_short, { { 0 } } },
		{ "Output tokens", { "output", NULL }, { "one", "one" },
		    html_short, { { 0 } } },
		{ "First token", { "first token", "rest" }, { "one", "two" },
		    put_long_ms, { { 0 } } },
	};
	struct journal_minute sum = sum_of(s);

	for (int i = 0; i < JOURNAL_MINUTES; i++)
		fill(p, &s->minutes[i], i);
	ADD("<section id=hour><h2>Last hour</h2><div class=cards>");
	open_card(out, p[0].name);
	html_short(out, sum.requests);
	buf_printf(out, "</strong><p class=\"quiet%s\">",
	    sum.errors > 0 ? " bad" : "");
	html_short(out, sum.errors);
	ADD(" failed");
	close_card(out, &p[0]);
	open_card(out, p[1].name);
	html_short(out, sum.tokens.input + sum.tokens.cached);
	ADD("</strong><p class=quiet>");
	html_percent(out, html_cached_percent(&sum.tokens));
	ADD(" read from a cache");
	close_card(out, &p[1]);
	open_card(out, p[2].name);
	html_short(out, sum.tokens.output);
	ADD("</strong><p class=quiet>");
	html_short(out, average(sum.tokens.output, sum.requests));
	ADD(" a request");
	close_card(out, &p[2]);
	open_card(out, p[3].name);
	html_ms(out, sum.streams
			 ? (long long)average(sum.first_token_ms, sum.streams)
			 : -1);
	ADD("</strong><p class=quiet>whole answers ");
	html_ms(out,
	    sum.requests ? (long long)average(sum.total_ms, sum.requests) : -1);
	close_card(out, &p[3]);
	ADD("</div></section>");
}
