/* SPDX-License-Identifier: MIT */
/* Two texts side by side.  Does not know what they say. */
#include "app/difference.h"

#include <string.h>

#include "wire/utf8.h"

/* Of a line, and how much of that before the place that differs. */
#define SHOWN_BYTES  300
#define BEFORE_BYTES 80
#define LINES_BEFORE 2

/* The beginning of the line that holds `at`. */
static size_t
line_start(struct json_slice text, size_t at)
{
	while (at > 0 && text.text[at - 1] != '\n')
		at--;
	return at;
}

static void
print_line(
    FILE *out, char mark, struct json_slice text, size_t start, size_t from)
{
	const unsigned char *p = (const unsigned char *)text.text;
	size_t end = from, n;

	while (end < text.len && p[end] != '\n' && end - from < SHOWN_BYTES)
		end++;
	fprintf(out, "%c %s", mark, from > start ? "..." : "");
	for (size_t i = from; i < end; i += n) {
		n = utf8_char_len(p + i, end - i);
		/* C0, DEL, C1 and what is no character */
		if (n == 0 || p[i] < 0x20 || p[i] == 0x7F ||
		    (p[i] == 0xC2 && p[i + 1] < 0xA0)) {
			n = n == 0 ? 1 : n;
			fprintf(out, "\\x%02x", p[i + n - 1]);
		} else {
			fwrite(p + i, 1, n, out);
		}
	}
	fprintf(out, "%s\n", end < text.len && p[end] != '\n' ? "..." : "");
}

bool
difference_print(
    FILE *out, const char *what, struct json_slice was, struct json_slice is)
{
	size_t at = 0, line = 1, start, from, before, shown = 0;

	while (at < was.len && at < is.len && was.text[at] == is.text[at])
		line += was.text[at++] == '\n';
	if (at == was.len && at == is.len)
		return false;
	start = line_start(was, at);
	from = at - start > BEFORE_BYTES ? at - BEFORE_BYTES : start;
	while (from > start && ((unsigned char)was.text[from] & 0xC0) == 0x80)
		from--;
	fprintf(out, "%s differs in line %zu, byte %zu\n", what, line,
	    at - start + 1);
	for (before = start; before > 0 && shown < LINES_BEFORE; shown++)
		before = line_start(was, before - 1);
	for (; before < start; before++) {
		print_line(out, ' ', was, before, before);
		while (was.text[before] != '\n')
			before++;
	}
	print_line(out, '-', was, start, from);
	print_line(out, '+', is, start, from);
	return true;
}
