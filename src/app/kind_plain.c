/* SPDX-License-Identifier: MIT */
/* Numbers with a range and a unit, booleans, words and texts.  Nonsense is
 * refused, never taken for a default. */
#include "app/kinds.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/settings.h"
#include "wire/buf.h"
#include "wire/words.h"

#define NOT_USED(x) ((void)(x))

int
kind_refuse(char *err, size_t cap, const char *allowed)
{
	snprintf(err, cap, "%s", allowed);
	return -1;
}

void
kind_show_raw(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	NOT_USED(v);
	NOT_USED(s);
	buf_add_str(out, raw == NULL ? "" : raw);
}

static void *
member(const struct variable *v, struct settings *s)
{
	return (char *)s + v->offset;
}

static const void *
const_member(const struct variable *v, const struct settings *s)
{
	return (const char *)s + v->offset;
}

/* -- numbers -------------------------------------------------------------- */

static int
parse_number(const struct variable *v, const char *text, long long *number,
    char *err, size_t cap)
{
	size_t digits = strspn(text, "0123456789");

	*number = digits > 0 && digits < 19 ? strtoll(text, NULL, 10) : -1;
	if (digits == 0 || text[digits] != '\0' || *number < v->min ||
	    *number > v->max) {
		snprintf(err, cap, "it must be a whole number from %u to %u",
		    v->min, v->max);
		return -1;
	}
	return 0;
}

static int
int_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	long long number;

	if (parse_number(v, text, &number, err, cap) == -1)
		return -1;
	*(int *)member(v, s) = (int)number;
	return 0;
}

static void
int_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	NOT_USED(raw);
	buf_add_int(out, *(const int *)const_member(v, s));
}

static int
size_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	long long number;

	if (parse_number(v, text, &number, err, cap) == -1) {
		snprintf(err, cap,
		    "it must be a whole number of bytes from %u to %u", v->min,
		    v->max);
		return -1;
	}
	*(size_t *)member(v, s) = (size_t)number;
	return 0;
}

static void
size_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	NOT_USED(raw);
	buf_add_int(out, (int64_t) * (const size_t *)const_member(v, s));
}

/* Digits, and up to three more behind a point, as milliseconds; -1: not so. */
static long long
parse_seconds(const char *text)
{
	size_t whole = strspn(text, "0123456789"), part = 0;
	long long ms;

	if (whole == 0 || whole > 9)
		return -1;
	ms = strtoll(text, NULL, 10) * 1000;
	if (text[whole] == '.') {
		const char *at = text + whole + 1;

		for (int unit = 100;
		     isdigit((unsigned char)at[part]) && unit > 0; unit /= 10)
			ms += (at[part++] - '0') * unit;
		whole += part > 0 ? 1 : 0;
	}
	return text[whole + part] == '\0' ? ms : -1;
}

static int
seconds_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	long long ms = parse_seconds(text);

	if (ms < v->min || ms > v->max) {
		snprintf(err, cap,
		    "it must be a number of seconds from %g to %g",
		    (double)v->min / 1000, (double)v->max / 1000);
		return -1;
	}
	*(long *)member(v, s) = (long)ms;
	return 0;
}

static void
seconds_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	long ms = *(const long *)const_member(v, s);

	NOT_USED(raw);
	buf_add_int(out, ms / 1000);
	if (ms % 1000 != 0)
		buf_printf(out, ".%03ld", ms % 1000);
}

/* -- words and texts ------------------------------------------------------ */

/* 1, 0, or -1 for nonsense. */
static int
parse_bool(const char *text)
{
	size_t len = strlen(text);

	if (words_find_any_case("1|true|yes|on", text, len) != -1)
		return 1;
	return words_find_any_case("0|false|no|off", text, len) != -1 ? 0 : -1;
}

static int
bool_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	int value = parse_bool(text);

	if (value == -1)
		return kind_refuse(err, cap, "it must be 1, true, 0 or false");
	*(bool *)member(v, s) = value == 1;
	return 0;
}

static void
bool_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	NOT_USED(raw);
	buf_add_str(out, *(const bool *)const_member(v, s) ? "true" : "false");
}

static int
log_format_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	NOT_USED(v);
	if (strcasecmp(text, "json") != 0 && strcasecmp(text, "text") != 0)
		return kind_refuse(err, cap, "it must be text or json");
	s->log_json = strcasecmp(text, "json") == 0;
	return 0;
}

static void
log_format_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	NOT_USED(v);
	NOT_USED(raw);
	buf_add_str(out, s->log_json ? "json" : "text");
}

/* `words` as "a, b or c" */
static void
list_words(const char *words, char *err, size_t cap)
{
	struct buf list;

	buf_init(&list, 512);
	buf_add_str(&list, "it must be ");
	for (const char *at = words; *at != '\0'; at++) {
		if (*at != '|')
			buf_add_char(&list, *at);
		else
			buf_add_str(
			    &list, strchr(at + 1, '|') == NULL ? " or " : ", ");
	}
	snprintf(err, cap, "%s", buf_str(&list));
	buf_clear(&list);
}

static int
knob_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	const char *allowed = "";
	int value = parse_bool(text);

	if (profile_set(&s->profile, v->name, text, &allowed) == 1)
		return 0;
	/* 1 and yes are true for a knob of that kind, too */
	if (value != -1 && profile_set(&s->profile, v->name,
			       value == 1 ? "true" : "false", &allowed) == 1)
		return 0;
	list_words(allowed, err, cap);
	return -1;
}

static void
knob_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	const char *word = profile_word(&s->profile, v->name);

	NOT_USED(raw);
	buf_add_str(out, word == NULL ? "" : word);
}

static int
text_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	char **kept = member(v, s), *copy = NULL;

	if (text[0] != '\0' && (copy = strdup(text)) == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	free(*kept);
	*kept = copy;
	return 0;
}

static void
text_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	const char *text = *(char *const *)const_member(v, s);

	NOT_USED(raw);
	buf_add_str(out, text == NULL ? "" : text);
}

/* A folder where "" means something else than "not set". */
static int
folder_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	char **kept = member(v, s), *copy = strdup(text);

	if (copy == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	free(*kept);
	*kept = copy;
	return 0;
}

const struct variable_kind kind_int = { int_set, int_show, false };
const struct variable_kind kind_bytes = { size_set, size_show, false };
const struct variable_kind kind_seconds = { seconds_set, seconds_show, false };
const struct variable_kind kind_bool = { bool_set, bool_show, false };
const struct variable_kind kind_log_format = { log_format_set, log_format_show,
	false };
const struct variable_kind kind_knob = { knob_set, knob_show, false };
const struct variable_kind kind_text = { text_set, text_show, false };
const struct variable_kind kind_folder = { folder_set, text_show, false };
const struct variable_kind kind_passed_on = { NULL, kind_show_raw, false };
