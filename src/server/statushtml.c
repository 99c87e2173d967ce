/* SPDX-License-Identifier: MIT */
/* Words and numbers as a person reads them, in HTML. */
#include "server/statushtml.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/journal.h"
#include "wire/buf.h"

#define ADD(text) buf_add_str(out, text)

void
html_text(struct buf *out, const char *text)
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

void
html_count(struct buf *out, unsigned long long n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			ADD(",");
		buf_add_char(out, digits[i]);
	}
}

void
html_short(struct buf *out, unsigned long long n)
{
	double value = (double)n;
	const char *unit = "kMGT";

	if (n < 100000) {
		html_count(out, n);
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

void
html_ms(struct buf *out, long long ms)
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
html_age(struct buf *out, long long ms)
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

void
html_started(struct buf *out, long long at_ms, long long now_ms)
{
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm utc;
	char stamp[32] = "";

	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
	buf_printf(out, "<time datetime=\"%s\" title=\"%s\">", stamp, stamp);
	html_age(out, now_ms - at_ms);
	ADD("</time>");
}

int
html_cached_percent(const struct journal_tokens *t)
{
	unsigned long long all = t->input + t->cached;

	return all == 0 ? -1 : (int)(100.0 * (double)t->cached / (double)all);
}

void
html_percent(struct buf *out, int percent)
{
	if (percent < 0)
		ADD("–");
	else
		buf_printf(out, "%d%%", percent);
}
