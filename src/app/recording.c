/* SPDX-License-Identifier: MIT */
/* Captures out of files.  Knows lines, not what is played. */
#include "app/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/textfile.h"
#include "server/capture.h"
#include "wire/record.h"

#define LINES_MAX ((size_t)1 << 20)

static const struct json_limits limits = { 8, 1 << 20 };

void
recording_clear(struct recording *r)
{
	for (size_t i = 0; i < r->n; i++)
		json_doc_clear(&r->lines[i].doc);
	free(r->lines);
	free(r->text);
	*r = (struct recording){ 0 };
}

static int
read_line(
    struct recording *r, const char *text, size_t len, char *err, size_t cap)
{
	struct recorded *line = &r->lines[r->n];

	if (json_parse(&line->doc, text, len, &limits, NULL) == -1) {
		snprintf(err, cap, "line %zu is no JSON, so of no capture",
		    r->n + 1);
		return -1;
	}
	r->n++;
	if ((line->kind = json_get_string(line->doc.root, "kind")) != NULL)
		return 0;
	snprintf(
	    err, cap, "line %zu is not of a capture: it has no kind", r->n);
	return -1;
}

/* Says what a whole capture has. */
static int
check(const struct recording *r, char *err, size_t cap)
{
	static const char *const first[] = { "capture", "settings", "request" };

	for (size_t i = 0; i < 3; i++)
		if (i >= r->n || strcmp(r->lines[i].kind, first[i]) != 0) {
			snprintf(err, cap, "line %zu is not of kind \"%s\"",
			    i + 1, first[i]);
			return -1;
		}
	if (recording_number(&r->lines[0], "format") != 1) {
		snprintf(err, cap,
		    "it has a form that this version does not "
		    "know");
		return -1;
	}
	return 0;
}

int
recording_parse(
    struct recording *r, char *text, size_t len, char *err, size_t cap)
{
	static const char cut[] = "\n{\"kind\":\"cut\"";
	const char *at = text, *end = text + len, *stop;
	size_t lines = 1;

	*r = (struct recording){ .text = text };
	for (; at < end; at++)
		lines += *at == '\n';
	for (at = text; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;
	     at++)
		if ((size_t)(end - at) >= sizeof(cut) &&
		    memcmp(at, cut, sizeof(cut) - 1) == 0) {
			snprintf(err, cap,
			    "it was cut: the exchange was "
			    "longer than a capture may be");
			return -1;
		}
	if (lines > LINES_MAX ||
	    (r->lines = calloc(lines, sizeof(*r->lines))) == NULL) {
		snprintf(err, cap, "it has too many lines");
		return -1;
	}
	for (at = text; at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			break; /* it was being written */
		if (read_line(r, at, (size_t)(stop - at), err, cap) == -1)
			return -1;
	}
	return check(r, err, cap);
}

int
recording_read(struct recording *r, const char *path, char *err, size_t cap)
{
	size_t len;
	char *text = textfile_read(path, CAPTURE_MAX_BYTES, &len, NULL);

	*r = (struct recording){ 0 };
	if (text != NULL)
		return recording_parse(r, text, len, err, cap);
	snprintf(err, cap, "%s", strerror(errno));
	return -1;
}

size_t
recording_find(const struct recording *r, const char *kind, size_t from)
{
	while (from < r->n && strcmp(r->lines[from].kind, kind) != 0)
		from++;
	return from < r->n ? from : r->n;
}

void
recording_bytes(const struct recorded *line, const char *key, struct buf *out)
{
	record_get(out, json_body(&line->doc, json_get(line->doc.root, key)));
}

int64_t
recording_number(const struct recorded *line, const char *key)
{
	int64_t number = 0;

	json_int64(&line->doc, json_get(line->doc.root, key), &number);
	return number;
}

const char *
recording_text(const struct recorded *line, const char *key)
{
	return json_get_string(line->doc.root, key);
}
