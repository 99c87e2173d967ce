/* SPDX-License-Identifier: MIT */
/* One failure and its Anthropic envelope.  Knows no sockets and no log. */
#include "wire/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/buf.h"
#include "wire/json.h"

static const struct {
	int status;
	const char *type;
} kinds[] = { { 200, "" },
#define X(name, status, type) { status, type },
	FAULT_KINDS(X)
#undef X
};

/* Cuts a text that was too long before a broken UTF-8 character. */
static void
cut_at_character(char *text, size_t len)
{
	size_t at = len, tail = 0, want;
	unsigned char lead;

	while (at > 0 && tail < 4 && (text[at - 1] & 0xC0) == 0x80)
		at--, tail++;
	if (at == 0)
		return;
	lead = (unsigned char)text[at - 1];
	want = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
	if (want != tail)
		text[at - 1] = '\0';
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
		why->message[0] = '\0';
	else if ((size_t)len >= sizeof(why->message))
		cut_at_character(why->message, sizeof(why->message) - 1);
	why->kind = kind;
	return -1;
}

int
fault_set_text(
    struct fault *why, enum fault_kind kind, const char *text, size_t len)
{
	if (why == NULL || why->kind != FAULT_NONE)
		return -1;
	if (len >= sizeof(why->message))
		len = sizeof(why->message) - 1;
	for (size_t i = 0; i < len; i++)
		why->message[i] = text[i] == '\0' ? ' ' : text[i];
	why->message[len] = '\0';
	cut_at_character(why->message, len);
	why->kind = kind;
	return -1;
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
