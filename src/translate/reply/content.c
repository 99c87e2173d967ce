/* SPDX-License-Identifier: MIT */
/* Content on its way to the blocks.  Knows no events. */
#include "translate/reply/content.h"

#include <string.h>

#include "translate/reply/blocks.h"
#include "translate/reply/terms.h"

/* Of the first delta, to tell cumulative ones from words said twice. */
#define CUMULATION_MIN 4
#define CUMULATION_MAX 1024

void
content_init(struct content *c, struct blocks *blocks,
    const struct reply_terms *terms, size_t max_bytes)
{
	enum think_place place = THINK_START;

	*c = (struct content){ .blocks = blocks, .terms = terms };
	if (terms->ignore_reasoning)
		place = THINK_OFF;
	else if (terms->think_tags_implicit)
		place = THINK_OPENED;
	think_init(&c->think, place, max_bytes);
	stop_init(&c->stop, terms->stop, terms->local_stop ? terms->n_stop : 0,
	    max_bytes);
	c->is_prefill_over = terms->prefill == NULL || *terms->prefill == '\0';
	buf_init(&c->joined, max_bytes);
	buf_init(&c->bytes, max_bytes);
	buf_init(&c->passed, max_bytes);
	buf_init(&c->body, max_bytes);
	buf_init(&c->told, max_bytes);
}

void
content_clear(struct content *c)
{
	think_clear(&c->think);
	stop_clear(&c->stop);
	buf_clear(&c->joined);
	buf_clear(&c->bytes);
	buf_clear(&c->passed);
	buf_clear(&c->body);
	buf_clear(&c->told);
}

bool
content_failed(const struct content *c)
{
	return c->think.held.failed || c->stop.held.failed ||
	       c->joined.failed || c->bytes.failed || c->passed.failed ||
	       c->body.failed || c->told.failed;
}

const char *
content_match(const struct content *c)
{
	return c->stop.match;
}

/* Decoded text that may be shown. */
static void
show_bytes(struct content *c, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	buf_reset(&c->body);
	json_escape(&c->body, bytes, len);
	blocks_text(
	    c->blocks, (struct json_slice){ buf_str(&c->body), c->body.len });
}

static void
scan_bytes(struct content *c, const char *bytes, size_t len)
{
	if (c->stop.n == 0) {
		show_bytes(c, bytes, len);
		return;
	}
	if (c->stop.match != NULL)
		return;
	buf_reset(&c->passed);
	stop_push(&c->stop, bytes, len, &c->passed);
	show_bytes(c, buf_str(&c->passed), c->passed.len);
}

/* Text behind the thought: drops the prefill where the reply repeats it. */
static void
strip_prefill(struct content *c, const char *bytes, size_t len)
{
	const char *prefill = c->terms->prefill;

	while (!c->is_prefill_over && len > 0) {
		if (*bytes != prefill[c->prefill_met]) {
			c->is_prefill_over = true;
			scan_bytes(c, prefill, c->prefill_met);
			break;
		}
		bytes++;
		len--;
		c->is_prefill_over = prefill[++c->prefill_met] == '\0';
	}
	if (len > 0)
		scan_bytes(c, bytes, len);
}

static void
take_piece(void *cookie, bool is_thought, const char *bytes, size_t len)
{
	struct content *c = cookie;

	if (!is_thought) {
		strip_prefill(c, bytes, len);
		return;
	}
	/* Some servers send the thought both ways: once is enough. */
	if (c->blocks->has_reasoning)
		return;
	buf_reset(&c->body);
	json_escape(&c->body, bytes, len);
	blocks_thought(c->blocks,
	    c->think.tags == THINK_TAGS_THOUGHT ? FORM_THOUGHT_TAGS
						: FORM_THINK_TAGS,
	    (struct json_slice){ buf_str(&c->body), c->body.len });
}

/* Whether decoding and escaping again would give the same bytes. */
static bool
is_plainly_escaped(struct json_slice body)
{
	const char *p = body.text, *end = p + body.len;

	while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (memchr("\"\\nrtbf", p[1], 7) == NULL)
			return false;
		p += 2;
	}
	return true;
}

/* Text whose first byte begins no tag, as most does, needs no decoding. */
static void
look_for_tag(struct content *c, struct json_slice body)
{
	if (c->think.place == THINK_START && c->think.held.len == 0 &&
	    memchr("< \\", body.text[0], 3) == NULL && is_plainly_escaped(body))
		c->think.place = THINK_OFF;
}

static bool
must_decode(const struct content *c)
{
	return c->think.place != THINK_OFF || !c->is_prefill_over ||
	       c->stop.n > 0;
}

static void
pass_body(struct content *c, struct json_slice body)
{
	if (body.len == 0)
		return;
	look_for_tag(c, body);
	if (!must_decode(c)) {
		blocks_text(c->blocks, body);
		return;
	}
	buf_reset(&c->bytes);
	json_unescape(&c->bytes, body);
	think_push(&c->think, buf_str(&c->bytes), c->bytes.len, take_piece, c);
}

/* A thought ends where text begins: its lone half goes first. */
static void
flush_thought_half(struct content *c)
{
	struct json_slice rest = splice_rest(&c->thought);

	if (rest.len > 0)
		blocks_thought(c->blocks, FORM_NONE, rest);
}

void
content_text(struct content *c, struct json_slice body)
{
	if (body.len == 0)
		return;
	flush_thought_half(c);
	pass_body(c, splice_next(&c->text, body, &c->joined));
}

/* Whether a text is one piece said twice or more, as "ha ha ": what goes on
 * like it is then no sign of anything. */
static bool
is_periodic(struct json_slice body)
{
	for (size_t period = 1; period <= body.len / 2; period++)
		if (memcmp(body.text, body.text + period, body.len - period) ==
		    0)
			return true;
	return false;
}

/* Whether a first delta is telling enough to be known again. */
static bool
may_cumulate(struct json_slice body)
{
	return body.len >= CUMULATION_MIN && body.len <= CUMULATION_MAX &&
	       !is_periodic(body);
}

/* What a delta adds to the last one. */
static struct json_slice
take_new(struct content *c, struct json_slice body)
{
	size_t told = c->told.len;

	if (told == 0 ? may_cumulate(body)
		      : body.len > told &&
			    memcmp(body.text, c->told.data, told) == 0) {
		buf_add(&c->told, body.text + told, body.len - told);
		return (struct json_slice){ body.text + told, body.len - told };
	}
	if (told > 0 && c->is_cumulative && body.len == told &&
	    memcmp(body.text, c->told.data, told) == 0)
		return (struct json_slice){ body.text, 0 };
	c->is_cumulation_over = true;
	buf_clear(&c->told);
	return body;
}

void
content_delta(struct content *c, struct json_slice body)
{
	size_t len = body.len;

	if (body.len > 0 && !c->is_cumulation_over) {
		body = take_new(c, body);
		c->is_cumulative |= body.len < len;
	}
	content_text(c, body);
}

/* No sequence goes on behind another block. */
static void
flush_stop(struct content *c)
{
	if (c->stop.n == 0 || c->stop.match != NULL)
		return;
	buf_reset(&c->passed);
	stop_flush(&c->stop, &c->passed);
	show_bytes(c, buf_str(&c->passed), c->passed.len);
}

void
content_thought(
    struct content *c, enum reasoning_form form, struct json_slice body)
{
	if (body.len == 0)
		return;
	c->blocks->has_reasoning = true;
	if (c->terms->show_thinking)
		flush_stop(c);
	blocks_thought(
	    c->blocks, form, splice_next(&c->thought, body, &c->joined));
}

void
content_flush(struct content *c)
{
	flush_thought_half(c);
	pass_body(c, splice_rest(&c->text));
	think_flush(&c->think, take_piece, c);
	if (!c->is_prefill_over && c->prefill_met > 0) {
		c->is_prefill_over = true;
		scan_bytes(c, c->terms->prefill, c->prefill_met);
	}
	flush_stop(c);
}
