/* SPDX-License-Identifier: MIT */
/* A small matcher for sentences.  Knows none of them. */
#include "translate/error/phrase.h"

#include <ctype.h>
#include <string.h>

#define NUMBER_CEILING 1000000000000000 /* more is no count of anything */

/* Reads digits, in groups of three if so written.  NULL if there are none. */
static const char *
read_number(const char *p, int64_t *value)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return NULL;
	for (;; p++) {
		if ((*p == ',' || *p == '_') && isdigit((unsigned char)p[1]) &&
		    isdigit((unsigned char)p[2]) &&
		    isdigit((unsigned char)p[3]) &&
		    !isdigit((unsigned char)p[4]))
			continue;
		if (!isdigit((unsigned char)*p))
			break;
		if (n > NUMBER_CEILING)
			return NULL;
		n = n * 10 + (*p - '0');
	}
	*value = n;
	return p;
}

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("_.$[]-", c));
}

/* Reads a field's name without a full stop behind it. */
static const char *
read_name(const char *p, char name[static 64])
{
	size_t n = 0;

	while (n < 64 && is_name_char(p[n]))
		n++;
	while (n > 0 && p[n - 1] == '.')
		n--;
	if (n == 0 || n >= 64)
		return NULL;
	memcpy(name, p, n);
	name[n] = '\0';
	return p + n;
}

static bool
is_quote(char c)
{
	return c == '\'' || c == '"' || c == '`';
}

/* Matches up to the next * or the end of the pattern right at `p`. */
static const char *
match_here(const char *pattern, const char *pattern_end, const char *p,
    struct phrase_found *found)
{
	for (; pattern < pattern_end && *pattern != '*'; pattern++) {
		if (*pattern == '#' && isupper((unsigned char)pattern[1])) {
			p = read_number(p, &found->number[*++pattern - 'A']);
			if (p == NULL)
				return NULL;
		} else if (*pattern == '@') {
			if ((p = read_name(p, found->name)) == NULL)
				return NULL;
		} else if (*pattern == ' ') {
			if (!isspace((unsigned char)*p))
				return NULL;
			while (isspace((unsigned char)*p))
				p++;
		} else if (*pattern == '\'') {
			if (!is_quote(*p++))
				return NULL;
		} else if (tolower((unsigned char)*pattern) !=
			   tolower((unsigned char)*p++)) {
			return NULL;
		}
	}
	return p;
}

/* Where a piece that begins with this sign may begin: most places of a text
 * are passed over here. */
static const char *
skip_to(char first, const char *p)
{
	const char both[3] = { first, (char)(first ^ ('a' ^ 'A')), '\0' };

	if (first == '#')
		return p + strcspn(p, "0123456789");
	return isalpha((unsigned char)first) ? p + strcspn(p, both) : p;
}

static bool
find(const char *pattern, const char *pattern_end, const char *text,
    struct phrase_found *found)
{
	struct phrase_found own;
	const char *end = NULL;
	bool is_first = true;

	if (found == NULL)
		found = &own;
	memset(found, 0, sizeof(*found));
	while (pattern < pattern_end) {
		for (text = skip_to(*pattern, text);
		     (end = match_here(pattern, pattern_end, text, found)) ==
		     NULL;
		     text = skip_to(*pattern, text + 1))
			if (*text == '\0')
				return false;
		if (is_first)
			found->at = text;
		is_first = false;
		text = found->end = end;
		while (pattern < pattern_end && *pattern++ != '*')
			continue;
	}
	return true;
}

bool
phrase_find(const char *pattern, const char *text, struct phrase_found *found)
{
	return find(pattern, pattern + strlen(pattern), text, found);
}

bool
phrase_next(const char **patterns, const char *text, struct phrase_found *found)
{
	const char *pattern, *end;

	while (**patterns != '\0') {
		pattern = *patterns;
		end = pattern + strcspn(pattern, "|");
		*patterns = end + (*end == '|');
		if (find(pattern, end, text, found))
			return true;
	}
	return false;
}

bool
phrase_any(const char *patterns, const char *text)
{
	return phrase_next(&patterns, text, NULL);
}
