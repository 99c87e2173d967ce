/* SPDX-License-Identifier: MIT */
/* Looks words up in lists.  Knows none of them. */
#include "wire/words.h"

#include <string.h>
#include <strings.h>

static int
find(const char *list, const char *text, size_t len,
    int (*compare)(const char *, const char *, size_t))
{
	for (int i = 0;; i++) {
		size_t n = strcspn(list, "|");

		if (n == len && compare(list, text, len) == 0)
			return i;
		if (list[n] == '\0')
			return -1;
		list += n + 1;
	}
}

int
words_find(const char *list, const char *word)
{
	return find(list, word, strlen(word), strncmp);
}

int
words_find_any_case(const char *list, const char *text, size_t len)
{
	return find(list, text, len, strncasecmp);
}
