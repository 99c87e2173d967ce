/* SPDX-License-Identifier: MIT */
/* What a call's arguments come to at their end.  Never a guess that could be
 * run. */
#include <string.h>

#include "translate/reply/slots.h"
#include "translate/reply/splice.h"
#include "wire/fault.h"

/* {"KEY":"text"} as an escaped body. */
static void
put_wrapped(struct buf *out, const char *key, struct json_slice text)
{
	struct buf json;

	buf_init(&json, out->max_bytes);
	BUF_ADD_LIT(&json, "{\"");
	buf_add_str(&json, key);
	BUF_ADD_LIT(&json, "\":\"");
	json_put_body(&json, text);
	BUF_ADD_LIT(&json, "\"}");
	json_escape(out, buf_str(&json), json.len);
	out->failed |= json.failed;
	buf_clear(&json);
}

/* Whether `body` is the escaped body of one JSON object, white space around
 * it set aside. */
static bool
is_object(struct json_slice body)
{
	struct args args;

	args_init(&args);
	return args_scan(&args, body) == body.len && args.state == ARGS_DONE;
}

/*
 * Arguments that are a value but no object: null is none, a text may hold the
 * object (encoded twice).  False where they are neither.
 */
static bool
put_other(const struct slot *slot, struct buf *out)
{
	static const struct json_limits limits = { 8, 8 };
	struct buf value;
	struct json_slice inner;
	const char *at;
	size_t len;
	bool found = true;

	buf_init(&value, slot->text.len + 1);
	json_unescape(&value,
	    (struct json_slice){ buf_str(&slot->text), slot->text.len });
	at = buf_str(&value);
	len = value.len;
	while (len > 0 && strchr(" \t\r\n", at[len - 1]) != NULL &&
	       at[len - 1] != '\0')
		len--;
	while (len > 0 && strchr(" \t\r\n", *at) != NULL && *at != '\0')
		at++, len--;
	inner = (struct json_slice){ at + 1, len < 2 ? 0 : len - 2 };
	if (len == 4 && memcmp(at, "null", 4) == 0)
		BUF_ADD_LIT(out, "{}");
	else if (len < 2 || *at != '"' || json_check(at, len, 0, &limits) != 0)
		found = false;
	else if (splice_is_blank(inner))
		BUF_ADD_LIT(out, "{}");
	else if ((found = is_object(inner)))
		json_put_body(out, inner);
	buf_clear(&value);
	return found;
}

static int
put_broken(
    const struct slot *slot, bool is_cut, struct buf *out, struct fault *why)
{
	if (slot->sent == 0) {
		/* Never a guess that could be run: the client's own check
		 * fails and the model tries again. */
		put_wrapped(out, "_invalid_arguments",
		    (struct json_slice){
			buf_str(&slot->text), slot->text.len });
		return 0;
	}
	if (slot->args.state == ARGS_BAD)
		return fault_set(why, FAULT_BAD_GATEWAY,
		    "upstream produced malformed tool arguments");
	if (is_cut)
		return 0;
	return fault_set(why, FAULT_BAD_GATEWAY,
	    "upstream ended inside the arguments of a tool call");
}

int
slots_settle(struct slots *s, const struct slot *slot, bool is_cut,
    struct buf *out, struct fault *why)
{
	struct json_slice rest = { buf_str(&slot->text) + slot->sent,
		slot->text.len - slot->sent };
	bool is_last = slot == &s->list[s->n - 1];

	if (slot->is_custom) {
		put_wrapped(out, "input", rest);
		return 0;
	}
	switch (slot->args.state) {
	case ARGS_DONE:
		json_put_body(out, rest);
		return 0;
	case ARGS_EMPTY:
		if (is_cut && is_last)
			break;
		BUF_ADD_LIT(out, "{}");
		return 0;
	case ARGS_OTHER:
		s->repairs++;
		if (!is_cut && put_other(slot, out))
			return 0;
		break;
	case ARGS_OPEN:
		if (slot->sent > 0 && is_cut)
			json_put_body(out, rest);
		break;
	case ARGS_BAD:
		break;
	}
	s->repairs += slot->sent == 0 && slot->args.state != ARGS_OTHER;
	return put_broken(slot, is_cut, out, why);
}
