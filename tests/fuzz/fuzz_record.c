/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of a JSON string: valid, and the same bytes when they
 * are read back.  A secret out of them is not readable any more, however they
 * are cut, and nothing else is changed.
 */
#include "wire/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* The bytes back out of a written body. */
static void
read_back(const struct buf *line, struct buf *back)
{
	struct json_doc doc;

	must(json_parse(&doc, line->data, line->len, NULL, NULL) == 0);
	record_get(back, json_body(&doc, doc.root));
	must(!back->failed);
	json_doc_clear(&doc);
}

static void
write_line(
    const char *text, size_t size, struct record_secret *s, struct buf *line)
{
	size_t n, at;

	buf_add_char(line, '"');
	for (size_t i = 0; i < size; i += n) {
		at = line->len;
		n = record_put_char(line, text + i, size - i);
		must(n > 0 && n <= size - i);
		for (size_t j = 0; s != NULL && j < n; j++)
			record_secret_see(
			    s, 0, (unsigned char)text[i + j], at, line);
	}
	buf_add_char(line, '"');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t len = size > 4 ? 1 + data[0] % 8 : 0;
	struct record_secret s;
	struct buf line, back;

	buf_init(&line, 1 << 24);
	buf_init(&back, 1 << 24);
	write_line(text, size, NULL, &line);
	read_back(&line, &back);
	must(back.len == size && memcmp(buf_str(&back), text, size) == 0);
	if (len > 0 && len < size) {
		buf_reset(&line);
		buf_reset(&back);
		must(record_secret_init(&s, text + 1, len, 0) == 0);
		write_line(text, size, &s, &line);
		record_secret_clear(&s);
		read_back(&line, &back);
		must(back.len == size);
		for (size_t i = 0; i < size; i++)
			must(back.data[i] == text[i] ||
			     strchr("xX0", back.data[i]) != NULL);
	}
	buf_clear(&line);
	buf_clear(&back);
	/* no valid body: must only not fault */
	record_get(&back, (struct json_slice){ text, size });
	buf_clear(&back);
	return 0;
}
