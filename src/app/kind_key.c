/* SPDX-License-Identifier: MIT */
/* Checks keys and reads key files.  Never tells a key. */
#include "app/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/kinds.h"
#include "app/textfile.h"
#include "server/secret.h"
#include "server/settings.h"
#include "wire/buf.h"

#define NOT_USED(x) ((void)(x))

#define KEY_FILE_MAX (64 * 1024)
#define KEYS_MAX     1000

/* What may stand in a header: no blanks, no control characters. */
static bool
is_key(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0;
}

int
keys_set_upstream(struct settings *s, const char *text, char *err, size_t cap)
{
	char *key;

	if (!is_key(text, strlen(text)))
		return kind_refuse(
		    err, cap, "a key is printable ASCII without blanks");
	if ((key = strdup(text)) == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	secret_free(s->upstream_key);
	s->upstream_key = key;
	return 0;
}

static int
add_proxy_key(
    struct settings *s, const char *text, size_t len, char *err, size_t cap)
{
	char **grown;

	if (!is_key(text, len))
		return kind_refuse(err, cap,
		    "keys are printable ASCII without blanks, commas between");
	if (s->n_proxy_keys == KEYS_MAX)
		return kind_refuse(err, cap, "at most 1000 keys are taken");
	grown = realloc(s->proxy_keys, (s->n_proxy_keys + 1) * sizeof(*grown));
	if (grown == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	s->proxy_keys = grown;
	if ((grown[s->n_proxy_keys] = strndup(text, len)) == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	s->n_proxy_keys++;
	return 0;
}

int
keys_set_proxy(struct settings *s, const char *text, char *err, size_t cap)
{
	static const char blanks[] = " \t\r";

	for (const char *at = text; *at != '\0';) {
		size_t len;

		at += strspn(at, blanks);
		len = strcspn(at, ",\n");
		while (len > 0 && strchr(blanks, at[len - 1]) != NULL)
			len--;
		if (len > 0 && add_proxy_key(s, at, len, err, cap) == -1)
			return -1;
		at += strcspn(at, ",\n");
		at += *at != '\0';
	}
	if (s->n_proxy_keys == 0)
		return kind_refuse(err, cap, "there is no key in it");
	return 0;
}

char *
keys_read_file(const char *path, bool *is_open)
{
	struct stat about;
	size_t len, start;
	char *text = textfile_read(path, KEY_FILE_MAX, &len, &about);

	if (text == NULL)
		return NULL;
	/* Docker mounts its secrets for all to read, inside the container. */
	*is_open = S_ISREG(about.st_mode) &&
		   (about.st_mode & (S_IWGRP | S_IROTH | S_IWOTH)) != 0 &&
		   strncmp(path, "/run/secrets/", 13) != 0;
	if (strlen(text) != len) {
		secret_free(text);
		errno = EINVAL;
		return NULL;
	}
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	start = strspn(text, " \t\r\n");
	memmove(text, text + start, len - start + 1);
	return text;
}

/* -- as kinds of variables ------------------------------------------------- */

static int
upstream_key_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	NOT_USED(v);
	return text[0] == '\0' ? 0 : keys_set_upstream(s, text, err, cap);
}

static void
upstream_key_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	char print[20];

	NOT_USED(v);
	NOT_USED(raw);
	if (s->upstream_key == NULL)
		return;
	secret_fingerprint(s->upstream_key, print);
	buf_add_str(out, print);
}

static int
proxy_keys_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	NOT_USED(v);
	return text[0] == '\0' ? 0 : keys_set_proxy(s, text, err, cap);
}

static void
proxy_keys_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	char print[20];

	NOT_USED(v);
	NOT_USED(raw);
	for (size_t i = 0; i < s->n_proxy_keys; i++) {
		secret_fingerprint(s->proxy_keys[i], print);
		buf_add_str(out, i == 0 ? "" : ",");
		buf_add_str(out, print);
	}
}

const struct variable_kind kind_upstream_key = { upstream_key_set,
	upstream_key_show, true };
const struct variable_kind kind_proxy_keys = { proxy_keys_set, proxy_keys_show,
	true };
const struct variable_kind kind_key_file = { NULL, kind_show_raw, false };
