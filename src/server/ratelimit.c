/* SPDX-License-Identifier: MIT */
/* Rate limit headers, one dialect to the other. */
#include "server/ratelimit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/exchange.h"
#include "server/upstream.h"

/* "6m0s", "120ms", "1.5s", "17" (seconds) as seconds, rounded up; -1. */
static long
read_duration(const char *text)
{
	double total = 0;

	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		char *end;
		double n = strtod(text, &end);

		if (end == text || n < 0 || n > 1e9)
			return -1;
		if (strncmp(end, "ms", 2) == 0) {
			total += n / 1000;
			end += 2;
		} else if (*end == 'h' || *end == 'm' || *end == 's') {
			total += n * (*end == 'h'      ? 3600
					 : *end == 'm' ? 60
						       : 1);
			end++;
		} else if (*end != '\0') {
			return -1;
		} else {
			total += n;
		}
		text = end;
	}
	return total > 1e9 ? -1 : (long)total + (total > (long)total);
}

static void
add_reset(struct exchange *x, const char *name, const char *duration)
{
	long seconds = read_duration(duration);
	time_t at = time(NULL) + seconds;
	struct tm utc;
	char text[32];

	if (seconds < 0 || gmtime_r(&at, &utc) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return;
	exchange_add_header(x, name, text);
}

void
ratelimit_pass(struct exchange *x, const struct upstream_head *head)
{
	static const char *const names[3][2] = {
		{ "anthropic-ratelimit-requests-limit",
		    "anthropic-ratelimit-tokens-limit" },
		{ "anthropic-ratelimit-requests-remaining",
		    "anthropic-ratelimit-tokens-remaining" },
		{ "anthropic-ratelimit-requests-reset",
		    "anthropic-ratelimit-tokens-reset" },
	};

	for (int kind = 0; kind < 2; kind++) {
		for (int part = 0; part < 2; part++)
			if (head->ratelimit[part][kind][0] != '\0')
				exchange_add_header(x, names[part][kind],
				    head->ratelimit[part][kind]);
		add_reset(x, names[2][kind], head->ratelimit[2][kind]);
	}
}
