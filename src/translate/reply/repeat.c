/* SPDX-License-Identifier: MIT */
/* Knows chunks by their bytes, and nothing of what they mean. */
#include "translate/reply/repeat.h"

#include <string.h>

void
repeat_init(struct repeat *r, size_t max_bytes)
{
	*r = (struct repeat){ .form = 0 };
	buf_init(&r->chunk, max_bytes);
}

void
repeat_clear(struct repeat *r)
{
	buf_clear(&r->chunk);
}

void
repeat_learn(
    struct repeat *r, struct json_slice chunk, struct json_slice body, int form)
{
	buf_reset(&r->chunk);
	/* A chunk that had to be repaired does not hold its slices. */
	if (body.len == 0 || body.text < chunk.text ||
	    body.text + body.len > chunk.text + chunk.len)
		return;
	buf_add(&r->chunk, chunk.text, chunk.len);
	r->body_at = (size_t)(body.text - chunk.text);
	r->body_len = body.len;
	r->form = form;
}

bool
repeat_is(
    const struct repeat *r, struct json_slice chunk, struct json_slice *body)
{
	size_t tail = r->chunk.len - r->body_at - r->body_len;

	if (r->chunk.len == 0 || r->chunk.failed ||
	    chunk.len < r->body_at + tail ||
	    memcmp(chunk.text, r->chunk.data, r->body_at) != 0 ||
	    memcmp(chunk.text + chunk.len - tail,
		r->chunk.data + r->chunk.len - tail, tail) != 0)
		return false;
	body->text = chunk.text + r->body_at;
	body->len = chunk.len - r->body_at - tail;
	/* With its quotes it must be one string and nothing else. */
	return json_is_string(body->text - 1, body->len + 2);
}
