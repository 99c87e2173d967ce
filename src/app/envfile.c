/* SPDX-License-Identifier: MIT */
/* Parses .env text.  Knows the syntax, not what a key means. */
#include "app/envfile.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"

#define VALUE_MAX (256 * 1024)
#define LINES_MAX 10000

/* What is left of one line. */
struct cursor {
	const char *at, *end;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
skip_blanks(struct cursor *c)
{
	while (c->at < c->end && is_blank(*c->at))
		c->at++;
}

static bool
is_over(const struct cursor *c)
{
	return c->at == c->end || *c->at == '#';
}

static size_t
key_length(const struct cursor *c)
{
	size_t n = 0, len = (size_t)(c->end - c->at);

	while (n < len && (c->at[n] == '_' ||
			      (n > 0 && isdigit((unsigned char)c->at[n])) ||
			      isalpha((unsigned char)c->at[n])))
		n++;
	return n;
}

/* Skips `export` and its blanks, but not a key that begins so. */
static void
skip_export(struct cursor *c)
{
	static const char word[] = "export";
	size_t n = sizeof(word) - 1;

	if ((size_t)(c->end - c->at) > n && memcmp(c->at, word, n) == 0 &&
	    is_blank(c->at[n])) {
		struct cursor after = { c->at + n, c->end };

		skip_blanks(&after);
		if (after.at < after.end && *after.at != '=')
			*c = after;
	}
}

static void
add_escaped(struct buf *value, char c)
{
	static const char names[] = "nrt\"\\$", bytes[] = "\n\r\t\"\\$";
	const char *found = c == '\0' ? NULL : strchr(names, c);

	if (found == NULL)
		buf_add_char(value, '\\'); /* no escape of ours: both stay */
	buf_add_char(value, found == NULL ? c : bytes[found - names]);
}

static const char *
read_quoted(struct cursor *c, struct buf *value)
{
	char quote = *c->at++;

	while (c->at < c->end && *c->at != quote) {
		if (quote == '"' && *c->at == '\\' && c->at + 1 < c->end) {
			add_escaped(value, c->at[1]);
			c->at += 2;
		} else {
			buf_add_char(value, *c->at++);
		}
	}
	if (c->at == c->end)
		return quote == '"' ? "the \" is not closed on its line"
				    : "the ' is not closed on its line";
	c->at++;
	skip_blanks(c);
	return is_over(c) ? NULL : "there is text behind the closing quote";
}

static void
read_plain(struct cursor *c, struct buf *value)
{
	const char *from = c->at, *to = c->at;

	for (; c->at < c->end; c->at++) {
		if (*c->at == '#' && c->at > from && is_blank(c->at[-1]))
			break;
		if (!is_blank(*c->at))
			to = c->at + 1;
	}
	buf_add(value, from, (size_t)(to - from));
}

/* Reads what stands behind the =.  NULL, or what is wrong. */
static const char *
read_value(struct cursor *c, struct buf *value)
{
	bool had_blank = c->at < c->end && is_blank(*c->at);

	skip_blanks(c);
	if (c->at == c->end || (had_blank && *c->at == '#'))
		return NULL;
	if (*c->at == '"' || *c->at == '\'')
		return read_quoted(c, value);
	read_plain(c, value);
	return NULL;
}

static bool
has_control(const struct cursor *c)
{
	for (const char *p = c->at; p < c->end; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return true;
	return false;
}

static const char *
keep_line(struct envfile *file, const char *key, size_t key_len,
    struct buf *value, unsigned line)
{
	struct env_line *grown, *kept;

	if (file->n_lines == LINES_MAX)
		return "there are more than 10000 settings in it";
	grown = realloc(file->lines, (file->n_lines + 1) * sizeof(*grown));
	if (grown == NULL)
		return "there is no memory left";
	file->lines = grown;
	kept = &grown[file->n_lines++];
	*kept = (struct env_line){ .line = line };
	kept->key = strndup(key, key_len);
	kept->value = strdup(buf_str(value));
	return kept->key == NULL || kept->value == NULL || value->failed
		   ? "there is no memory left"
		   : NULL;
}

/* NULL, or what is wrong with the line. */
static const char *
read_line(struct envfile *file, struct cursor c, unsigned line)
{
	const char *key, *wrong;
	struct buf value;
	size_t key_len;

	if (has_control(&c))
		return "there is a control character in it";
	skip_blanks(&c);
	if (is_over(&c))
		return NULL;
	skip_export(&c);
	key = c.at;
	key_len = key_length(&c);
	c.at += key_len;
	skip_blanks(&c);
	if (key_len == 0 || c.at == c.end || *c.at != '=')
		return "this is not KEY=value";
	c.at++;
	buf_init(&value, VALUE_MAX);
	if ((wrong = read_value(&c, &value)) == NULL)
		wrong = keep_line(file, key, key_len, &value, line);
	buf_clear(&value);
	return wrong;
}

int
envfile_parse(struct envfile *file, const char *name, const char *text,
    size_t len, char *err, size_t cap)
{
	const char *at = text, *end = text + len, *wrong;
	unsigned line = 0;

	*file = (struct envfile){ 0 };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		struct cursor c = { at, eol == NULL ? end : eol };

		if (c.end > c.at && c.end[-1] == '\r')
			c.end--;
		if ((wrong = read_line(file, c, ++line)) != NULL) {
			snprintf(err, cap, "%s:%u: %s", name, line, wrong);
			return -1;
		}
		at = eol == NULL ? end : eol + 1;
	}
	return 0;
}

void
envfile_clear(struct envfile *file)
{
	for (size_t i = 0; i < file->n_lines; i++) {
		free(file->lines[i].key);
		free(file->lines[i].value);
	}
	free(file->lines);
	*file = (struct envfile){ 0 };
}

const struct env_line *
envfile_find(const struct envfile *file, const char *key)
{
	for (size_t i = file->n_lines; i > 0; i--)
		if (strcmp(file->lines[i - 1].key, key) == 0)
			return &file->lines[i - 1];
	return NULL;
}
