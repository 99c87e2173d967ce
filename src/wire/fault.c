/* SPDX-License-Identifier: MIT */
/* One failure and its Anthropic envelope.  Knows no sockets and no log. */
#include "wire/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/json.h"
#include "wire/utf8.h"

static const struct {
	int status;
	const char *type;
} kinds[] = { { 200, "" },
#define X(name, status, type) { status, type },
	FAULT_KINDS(X)
#undef X
};

/* Ends a message of `len` bytes, or of what fits, and mends what is no UTF-8.
 */
static void
end_message(struct fault *why, size_t len, bool is_cut)
{
	unsigned char *p = (unsigned char *)why->message, *end;
	size_t n;

	if (is_cut)
		len = utf8_cut(why->message, len);
	why->message[len] = '\0';
	for (end = p + len; p < end; p += n) {
		if ((n = utf8_char_len(p, (size_t)(end - p))) == 0) {
			*p = '?';
			n = 1;
		}
	}
}

int
fault_set(struct fault *why, enum fault_kind kind, const char *format, ...)
{
	va_list args;
	int len;

	if (why == NULL || why->kind != FAULT_NONE)
		return -1;
	va_start(args, format);
	len = vsnprintf(why->message, sizeof(why->message), format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	if ((size_t)len < sizeof(why->message))
		end_message(why, (size_t)len, false);
	else
		end_message(why, sizeof(why->message) - 1, true);
	why->kind = kind;
	return -1;
}

int
fault_set_text(
    struct fault *why, enum fault_kind kind, const char *text, size_t len)
{
	bool is_cut = len >= sizeof(why->message);

	if (why == NULL || why->kind != FAULT_NONE)
		return -1;
	if (is_cut)
		len = sizeof(why->message) - 1;
	for (size_t i = 0; i < len; i++)
		why->message[i] = text[i] == '\0' ? ' ' : text[i];
	end_message(why, len, is_cut);
	why->kind = kind;
	return -1;
}

int
fault_required(const char *path, struct fault *why)
{
	return fault_set(why, FAULT_BAD_REQUEST, "%s: Field required", path);
}

int
fault_should_be(const char *path, const char *what, struct fault *why)
{
	return fault_set(
	    why, FAULT_BAD_REQUEST, "%s: Input should be %s", path, what);
}

int
fault_unknown_tag(const char *path, const char *below, const char *tag,
    const char *expected, struct fault *why)
{
	return fault_set(why, FAULT_BAD_REQUEST,
	    "%s%s: Input tag '%s' found using 'type' does not match any of "
	    "the expected tags%s",
	    path, below, tag, expected);
}

int
fault_no_memory(struct fault *why)
{
	return fault_set(why, FAULT_INTERNAL,
	    "The proxy ran out of memory for this request.");
}

void
fault_clear(struct fault *why)
{
	memset(why, 0, offsetof(struct fault, message));
	why->message[0] = '\0';
}

int
fault_status(enum fault_kind kind)
{
	return kinds[kind].status;
}

const char *
fault_type(enum fault_kind kind)
{
	return kinds[kind].type;
}

void
fault_print(const struct fault *why, const char *request_id, struct buf *out)
{
	BUF_ADD_LIT(out, "{\"type\":\"error\",\"error\":{\"type\":");
	json_put_string(out, fault_type(why->kind));
	BUF_ADD_LIT(out, ",\"message\":");
	json_put_string(out, why->message);
	if (why->error_code[0] != '\0') {
		BUF_ADD_LIT(out, ",\"details\":{\"error_code\":");
		json_put_string(out, why->error_code);
		BUF_ADD_LIT(out, "}");
	}
	BUF_ADD_LIT(out, "},\"request_id\":");
	if (request_id != NULL)
		json_put_string(out, request_id);
	else
		BUF_ADD_LIT(out, "null");
	BUF_ADD_LIT(out, "}");
}
