/* SPDX-License-Identifier: MIT */
/*
 * The event stream reader.  Looks at every byte once, wherever the stream is
 * cut, and copies an event's data only if it is spread over lines or pushes.
 */
#include "wire/sse.h"

#include <stdint.h>
#include <string.h>

enum {
	BEGUN = 1,	  /* the first line, which may bear a mark, is read */
	SKIP_LF = 2,	  /* a line ended in CR: a LF next belongs to it */
	FAILED = 4,	  /* too long or out of memory: sticky */
	HAS_DATA = 8,	  /* the event has a data line */
	IN_PLACE = 16,	  /* … a single one, which still stands in bytes */
	ERROR_FIELD = 32, /* … or more, one of them in an error field */
	GIVEN = 64,	  /* the event was handed out: forget it */
};

void
sse_init(struct sse *in, size_t max_line_bytes)
{
	*in = (struct sse){ .max_line_bytes = max_line_bytes };
	buf_init(&in->bytes, SIZE_MAX / 4);
	buf_init(&in->data, max_line_bytes);
	buf_init(&in->name, max_line_bytes);
}

void
sse_clear(struct sse *in)
{
	buf_clear(&in->bytes);
	buf_clear(&in->data);
	buf_clear(&in->name);
	sse_init(in, in->max_line_bytes);
}

static int
fail(struct sse *in)
{
	in->flags |= FAILED;
	return -1;
}

static void
forget_event(struct sse *in)
{
	buf_reset(&in->data);
	buf_reset(&in->name);
	in->flags &= ~(unsigned)(HAS_DATA | IN_PLACE | ERROR_FIELD | GIVEN);
}

/* Copies a data line out of bytes that are about to move. */
static void
save_line(struct sse *in)
{
	if ((in->flags & IN_PLACE) == 0)
		return;
	buf_add(&in->data, in->bytes.data + in->line_at, in->line_len);
	in->flags &= ~(unsigned)IN_PLACE;
}

static size_t
moved(size_t at, size_t by)
{
	return at > by ? at - by : 0;
}

/* Drops what is read, once that is most of it: so each byte moves once. */
static void
drop_read(struct sse *in)
{
	size_t read = in->next;

	if (read == 0 || read < in->bytes.len / 2)
		return;
	save_line(in);
	buf_consume(&in->bytes, read);
	in->next = 0;
	in->lf = moved(in->lf, read);
	in->cr = moved(in->cr, read);
}

int
sse_push(struct sse *in, const char *bytes, size_t len)
{
	if ((in->flags & FAILED) != 0)
		return -1;
	if ((in->flags & GIVEN) != 0)
		forget_event(in);
	drop_read(in);
	buf_add(&in->bytes, bytes, len);
	if (in->bytes.failed || in->data.failed)
		return fail(in);
	return 0;
}

/* Nothing of an event is pending. */
static bool
is_between(const struct sse *in)
{
	if (in->next < in->bytes.len)
		return false;
	if (in->flags == BEGUN)
		return in->name.len == 0;
	return in->flags == (BEGUN | HAS_DATA | IN_PLACE | GIVEN);
}

size_t
sse_peek(const struct sse *in, const char *bytes, size_t len, const char **data,
    size_t *data_len)
{
	static const char field[] = "data: ";
	const size_t field_len = sizeof(field) - 1;
	const char *lf;

	if (len < field_len + 2 || memcmp(bytes, field, field_len) != 0 ||
	    !is_between(in))
		return 0;
	lf = memchr(bytes, '\n', len - 1);
	if (lf == NULL || lf[1] != '\n' ||
	    (size_t)(lf - bytes) > in->max_line_bytes)
		return 0;
	*data = bytes + field_len;
	*data_len = (size_t)(lf - *data);
	return (size_t)(lf - bytes) + 2;
}

/* The first `c` that is not yet read, or the end; *known spares a rescan. */
static size_t
find(const struct sse *in, size_t *known, char c)
{
	const struct buf *b = &in->bytes;
	const char *hit;

	if (*known < in->next)
		*known = in->next;
	hit = memchr(b->data + *known, c, b->len - *known);
	*known = hit == NULL ? b->len : (size_t)(hit - b->data);
	return *known;
}

/* 1 with the next whole line, 0 if there is none, -1 if it is too long. */
static int
next_line(struct sse *in, const char **line, size_t *len)
{
	size_t lf, cr, end;

	if (in->next == in->bytes.len)
		return 0;
	if ((in->flags & SKIP_LF) != 0) {
		in->flags &= ~(unsigned)SKIP_LF;
		if (in->bytes.data[in->next] == '\n' &&
		    ++in->next == in->bytes.len)
			return 0;
	}
	lf = find(in, &in->lf, '\n');
	cr = find(in, &in->cr, '\r');
	end = lf < cr ? lf : cr;
	if (end - in->next > in->max_line_bytes)
		return fail(in);
	if (end == in->bytes.len)
		return 0;
	if (cr < lf)
		in->flags |= SKIP_LF;
	*line = in->bytes.data + in->next;
	*len = end - in->next;
	in->next = end + 1;
	return 1;
}

static void
add_data(struct sse *in, const char *value, size_t len)
{
	if ((in->flags & HAS_DATA) == 0) {
		in->line_at = (size_t)(value - in->bytes.data);
		in->line_len = len;
		in->flags |= HAS_DATA | IN_PLACE;
		return;
	}
	save_line(in);
	buf_add_char(&in->data, '\n');
	buf_add(&in->data, value, len);
}

static bool
is_field(const char *line, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(line, name, len) == 0;
}

/* Reads a line that is not empty. */
static void
read_field(struct sse *in, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon == NULL ? len : (size_t)(colon - line);
	const char *value = colon == NULL ? line + len : colon + 1;

	if (value < line + len && *value == ' ')
		value++;
	len -= (size_t)(value - line);
	if (is_field(line, name_len, "data")) {
		add_data(in, value, len);
	} else if (is_field(line, name_len, "error")) {
		add_data(in, value, len);
		in->flags |= ERROR_FIELD;
	} else if (is_field(line, name_len, "event")) {
		buf_reset(&in->name);
		buf_add(&in->name, value, len);
	}
}

/* A line, without the mark that may stand before the first. */
static void
read_line(struct sse *in, const char *line, size_t len)
{
	if ((in->flags & BEGUN) == 0 && len >= 3 &&
	    memcmp(line, "\xEF\xBB\xBF", 3) == 0)
		line += 3, len -= 3;
	in->flags |= BEGUN;
	if (len > 0)
		read_field(in, line, len);
}

/* Hands out what the lines have given.  False if that is nothing. */
static bool
give_event(struct sse *in, struct sse_event *event, bool is_cut)
{
	bool in_place = (in->flags & IN_PLACE) != 0;
	size_t len = in_place ? in->line_len : in->data.len;

	if ((in->flags & HAS_DATA) == 0 || len == 0) {
		forget_event(in);
		return false;
	}
	*event = (struct sse_event){
		.name = buf_str(&in->name),
		.data = in_place ? in->bytes.data + in->line_at : in->data.data,
		.len = len,
		.is_error_field = (in->flags & ERROR_FIELD) != 0,
		.is_cut = is_cut,
	};
	in->flags |= GIVEN;
	return true;
}

int
sse_next(struct sse *in, struct sse_event *event)
{
	const char *line;
	size_t len;
	int rc;

	if ((in->flags & FAILED) != 0)
		return -1;
	if ((in->flags & GIVEN) != 0)
		forget_event(in);
	while ((rc = next_line(in, &line, &len)) == 1) {
		bool is_blank = len == 0;

		read_line(in, line, len);
		if (in->data.failed || in->name.failed)
			return fail(in);
		if (is_blank && give_event(in, event, false))
			return 1;
	}
	return rc;
}

int
sse_finish(struct sse *in, struct sse_event *event)
{
	int rc = sse_next(in, event);

	if (rc != 0)
		return rc;
	if (in->next < in->bytes.len) {
		read_line(
		    in, in->bytes.data + in->next, in->bytes.len - in->next);
		in->next = in->bytes.len;
	}
	if (in->data.failed || in->name.failed)
		return fail(in);
	return give_event(in, event, true) ? 1 : 0;
}
