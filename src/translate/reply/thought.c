/* SPDX-License-Identifier: MIT */
/* Fills the envelope of a reply's reasoning.  Knows no events. */
#include "translate/reply/thought.h"

#include <stdlib.h>
#include <string.h>

void
thought_init(struct thought *t, size_t max_bytes)
{
	*t = (struct thought){ .form = FORM_NONE };
	buf_init(&t->hidden, max_bytes);
	buf_init(&t->opaque, max_bytes);
}

static void
forget(struct thought *t)
{
	for (size_t i = 0; i < t->n_signatures; i++) {
		free(t->signatures[i].tool_id);
		free(t->signatures[i].signature);
	}
	t->n_signatures = 0;
	details_clear(&t->details);
	t->form = t->details_form = FORM_NONE;
}

void
thought_clear(struct thought *t)
{
	forget(t);
	free(t->signatures);
	t->signatures = NULL;
	t->cap = 0;
	buf_clear(&t->hidden);
	buf_clear(&t->opaque);
}

int
thought_sign(struct thought *t, const char *tool_id, char *signature)
{
	struct envelope_signature *grown;
	size_t cap = t->cap == 0 ? 4 : t->cap * 2;
	char *id = strdup(tool_id);

	if (id != NULL && t->n_signatures == t->cap) {
		grown = realloc(t->signatures, cap * sizeof(*grown));
		if (grown != NULL) {
			t->signatures = grown;
			t->cap = cap;
		}
	}
	if (id != NULL && t->n_signatures < t->cap) {
		grown = &t->signatures[t->n_signatures++];
		grown->tool_id = id;
		grown->signature = signature;
		return 0;
	}
	free(id);
	free(signature);
	return -1;
}

bool
thought_has_rest(const struct thought *t)
{
	return t->details.n > 0 || t->opaque.len > 0 || t->n_signatures > 0;
}

/* A rest without text is named after what it is. */
static enum reasoning_form
form_of(const struct thought *t)
{
	if (t->form != FORM_NONE)
		return t->form;
	if (t->details.n > 0)
		return t->details_form;
	return t->opaque.len > 0 ? FORM_REASONING_TEXT : FORM_NONE;
}

void
thought_print(struct thought *t, struct buf *out)
{
	struct envelope e = { .form = form_of(t) };
	struct buf details;

	buf_init(&details, out->max_bytes);
	if (t->details.n > 0 || t->details.has_empty) {
		details_print(&t->details, &details);
		e.details = details.data;
	}
	if (t->hidden.len > 0) {
		e.text = t->hidden.data;
		e.text_len = t->hidden.len;
	}
	if (t->opaque.len > 0)
		e.opaque = t->opaque.data;
	e.signatures = t->signatures;
	e.n_signatures = t->n_signatures;
	envelope_print(&e, out);
	out->failed |= details.failed || t->hidden.failed || t->opaque.failed;
	buf_clear(&details);
	buf_reset(&t->hidden);
	buf_reset(&t->opaque);
	forget(t);
}
