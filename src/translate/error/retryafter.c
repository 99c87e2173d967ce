/* SPDX-License-Identifier: MIT */
/* Durations and dates of rate limits.  Has no clock: the caller tells. */
#include "translate/error/retryafter.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "translate/error/phrase.h"

#define WEEK_MS (7L * 24 * 3600 * 1000)

/* Longer words first where one begins with the other. */
static const struct {
	const char *word;
	double ms;
} units[] = {
	{ "milliseconds", 1 },
	{ "millisecond", 1 },
	{ "minutes", 60e3 },
	{ "minute", 60e3 },
	{ "mins", 60e3 },
	{ "min", 60e3 },
	{ "ms", 1 },
	{ "m", 60e3 },
	{ "seconds", 1e3 },
	{ "second", 1e3 },
	{ "secs", 1e3 },
	{ "sec", 1e3 },
	{ "s", 1e3 },
	{ "hours", 3600e3 },
	{ "hour", 3600e3 },
	{ "hrs", 3600e3 },
	{ "h", 3600e3 },
	{ "days", 86400e3 },
	{ "day", 86400e3 },
	{ "d", 86400e3 },
};

/* The unit at `p`, 0 if there is none; moves behind it. */
static double
read_unit(const char **p)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const char *word = units[i].word, *at = *p;

		while (*word != '\0' && tolower((unsigned char)*at) == *word)
			word++, at++;
		if (*word == '\0' && !isalpha((unsigned char)*at)) {
			*p = at;
			return units[i].ms;
		}
	}
	return 0;
}

/* Digits with an optional fraction.  False if there are none. */
static bool
read_decimal(const char **p, double *value)
{
	double n = 0, place = 1;
	const char *at = *p;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++)
		n = n < 1e15 ? n * 10 + (*at - '0') : n;
	if (*at == '.' && isdigit((unsigned char)at[1]))
		for (at++; isdigit((unsigned char)*at); at++)
			n += (*at - '0') * (place /= 10);
	*value = n;
	*p = at;
	return true;
}

long
duration_ms(const char *text, long bare_unit_ms)
{
	double total = 0, n, unit;
	bool any = false;
	const char *at;

	while (read_decimal(&text, &n)) {
		at = text;
		while (*at == ' ')
			at++;
		if ((unit = read_unit(&at)) == 0) {
			if (any || bare_unit_ms == 0)
				break;
			any = true;
			total = n * (double)bare_unit_ms;
			break;
		}
		any = true;
		total += n * unit;
		for (text = at; *text == ' ';)
			text++;
	}
	if (!any)
		return -1;
	if (total > (double)WEEK_MS)
		return WEEK_MS;
	return (long)total + (total > (double)(long)total + 1e-6);
}

static int
month_of(const char *word)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	char low[4] = "";

	for (int i = 0; i < 3; i++)
		low[i] = (char)tolower((unsigned char)word[i]);
	for (int i = 0; i < 12; i++)
		if (memcmp(names + i * 3, low, 3) == 0)
			return i + 1;
	return 0;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar. */
static long long
days_of(long year, long month, long day)
{
	long long y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	long long of_era = y - era * 400;
	long long of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static long
bounded(long n)
{
	return n < 100000 ? n : 100000;
}

/*
 * An HTTP date in any of the three forms of RFC 9110 section 5.6.7: in all of
 * them the day stands before the year, and only the month is a known word.
 */
static bool
read_date(const char *p, long long *unix_time)
{
	long day = -1, year = -1, month = 0, clock = -1, n;
	char *end;

	while (*p != '\0') {
		if (isalpha((unsigned char)*p)) {
			size_t len = 1;

			while (isalpha((unsigned char)p[len]))
				len++;
			if (len == 3 && month == 0)
				month = month_of(p);
			p += len;
		} else if (isdigit((unsigned char)*p)) {
			/* Of a number too long for a date nothing is left to
			 * overflow. */
			n = bounded(strtol(p, &end, 10));
			if (*end == ':' && isdigit((unsigned char)end[1])) {
				clock = n * 3600 +
					bounded(strtol(end + 1, &end, 10)) * 60;
				if (*end == ':' &&
				    isdigit((unsigned char)end[1]))
					clock +=
					    bounded(strtol(end + 1, &end, 10));
			} else if (day == -1) {
				day = n;
			} else if (year == -1) {
				year = n < 70	 ? n + 2000
				       : n < 100 ? n + 1900
						 : n;
			}
			p = end;
		} else {
			p++;
		}
	}
	if (day < 1 || day > 31 || month == 0 || year < 1970 || year > 9999 ||
	    clock < 0 || clock > 86400)
		return false;
	*unix_time = days_of(year, month, day) * 86400 + clock;
	return true;
}

long
retry_after_header(const char *value, long long now_unix)
{
	long long then;
	long ms;

	if (value == NULL)
		return 0;
	while (*value == ' ')
		value++;
	if ((ms = duration_ms(value, 1000)) != -1 &&
	    value[strspn(value, "0123456789.smh ")] == '\0')
		return ms;
	if (now_unix == 0 || strlen(value) > 64 || !read_date(value, &then) ||
	    then <= now_unix)
		return 0;
	return then - now_unix > WEEK_MS / 1000
		   ? WEEK_MS
		   : (long)(then - now_unix) * 1000;
}

long
retry_after_text(const char *text)
{
	/* Behind the first ones a bare number is seconds. */
	static const struct {
		const char *phrase;
		long bare_unit_ms;
	} leads[] = {
		{ "retry after ", 1000 },
		{ "retry-after: ", 1000 },
		{ "retry_after: ", 1000 },
		{ "try again in ", 0 },
		{ "try again after ", 0 },
		{ "retry in ", 0 },
		{ "available in ", 0 },
		{ "resets in ", 0 },
		{ "reset in ", 0 },
		{ "wait for ", 0 },
		{ "wait ", 0 },
	};
	struct phrase_found found;
	long ms;

	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (!phrase_find(leads[i].phrase, text, &found))
			continue;
		ms = duration_ms(found.end, leads[i].bare_unit_ms);
		if (ms > 0)
			return ms;
	}
	return 0;
}
