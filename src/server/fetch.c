/* SPDX-License-Identifier: MIT */
/* A call with its answer collected.  Knows no meaning of it. */
#include "server/fetch.h"

#include "server/upstream.h"
#include "wire/buf.h"

struct fetch {
	struct buf *body;
	int status;
};

static int
on_head(void *cookie, const struct upstream_head *head)
{
	struct fetch *f = cookie;

	f->status = head->status;
	return head->status == 200 ? 0 : -1;
}

static int
on_body(void *cookie, const char *bytes, size_t len)
{
	struct fetch *f = cookie;

	buf_add(f->body, bytes, len);
	return f->body->failed ? -1 : 0;
}

int
fetch_whole(
    struct upstream *u, const struct upstream_call *asked, struct buf *body)
{
	struct fetch f = { .body = body, .status = -1 };
	struct upstream_call call = *asked;
	struct upstream_result result;

	call.on_head = on_head;
	call.on_body = on_body;
	call.cookie = &f;
	call.max_reply_bytes = body->max_bytes;
	upstream_perform(u, &call, &result);
	if (f.status == 200 && result.end != UPSTREAM_COMPLETE)
		return -1;
	return f.status;
}
