/* SPDX-License-Identifier: MIT */
#ifndef WORDS_H
#define WORDS_H

/* Lists of words in one text, with bars between them: "low|medium|high". */

#include <stddef.h>

/* The place of a word, in this very case, counted from 0; -1: not there. */
int words_find(const char *list, const char *word);

/* The same for the first `len` bytes of a text, in any case. */
int words_find_any_case(const char *list, const char *text, size_t len);

#endif
