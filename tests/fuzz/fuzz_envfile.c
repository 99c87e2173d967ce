/* SPDX-License-Identifier: MIT */
/* links: app */
/*
 * A .env file is read or refused, never a crash.  Each value of one that is
 * read can be set again, here and to another value, and all other lines stay.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/envedit.h"
#include "app/envfile.h"
#include "wire/buf.h"

#define LINES 8 /* of each file are changed */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
parse(struct envfile *file, const struct buf *text)
{
	char err[100];

	if (envfile_parse(file, "", text->data, text->len, err, sizeof(err)) ==
	    -1)
		abort();
}

/* What is not `key` stands as it stood; `key` has the value. */
static void
compare(const struct envfile *old, const struct envfile *new, const char *key,
    const char *value)
{
	if (new->n_lines != old->n_lines ||
	    strcmp(envfile_find(new, key)->value, value) != 0)
		abort();
	for (size_t i = 0; i < old->n_lines; i++)
		if (strcmp(new->lines[i].key, old->lines[i].key) != 0 ||
		    (&old->lines[i] != envfile_find(old, key) &&
			strcmp(new->lines[i].value, old->lines[i].value) != 0))
			abort();
}

static void
put(const struct envfile *old, const char *text, size_t len, const char *key,
    const char *value)
{
	struct envfile new;
	struct buf out;

	buf_init(&out, 8 * 1024 * 1024);
	envedit_put(text, len, key, NULL, value, &out);
	if (!out.failed && strlen(value) < 64 * 1024) {
		parse(&new, &out);
		compare(old, &new, key, value);
		envfile_clear(&new);
	}
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct envfile file;
	char err[100];

	if (envfile_parse(&file, "f", text, len, err, sizeof(err)) == 0)
		for (size_t i = 0; i < file.n_lines && i < LINES; i++) {
			const char *key = file.lines[i].key;

			put(&file, text, len, key, file.lines[i].value);
			put(&file, text, len, key, "a 'b' \"c\"\n#\t$\\");
			put(&file, text, len, key, "");
		}
	else if (strlen(err) == 0)
		abort();
	envfile_clear(&file);
	return 0;
}
