/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
http_header(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);
	const char *line = head, *newline;

	for (; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL;
	     line = newline + 1) {
		if ((size_t)(newline - line) <= len || line[len] != ':' ||
		    strncasecmp(line, name, len) != 0)
			continue;
		for (line += len + 1; *line == ' ' || *line == '\t';)
			line++;
		return line;
	}
	return NULL;
}

bool
http_header_is(
    const char *head, const char *end, const char *name, const char *word)
{
	const char *value = http_header(head, end, name);

	return value != NULL && strncasecmp(value, word, strlen(word)) == 0;
}

size_t
http_chunked_len(const char *body, size_t len)
{
	size_t at = 0, chunk;
	const char *newline;

	for (;;) {
		newline = memchr(body + at, '\n', len - at);
		if (newline == NULL)
			return 0;
		chunk = strtoul(body + at, NULL, 16);
		at = (size_t)(newline - body) + 1;
		if (chunk > len || at + chunk + 2 > len)
			return 0;
		at += chunk + 2;
		if (chunk == 0)
			return at;
	}
}
