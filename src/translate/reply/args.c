/* SPDX-License-Identifier: MIT */
/* The incremental JSON check of tool arguments (RFC 8259).  Knows nothing of
 * calls and events. */
#include "translate/reply/args.h"

#include <string.h>

enum place {
	AT_VALUE,	/* a value must come */
	AT_ITEM_OR_END, /* after [ */
	AT_KEY_OR_END,	/* after { */
	AT_KEY,		/* after , in an object */
	AT_COLON,
	AT_AFTER, /* after a value: , or the closing bracket */
	IN_STRING,
	IN_ESCAPE,
	IN_HEX,
	IN_MINUS,
	IN_ZERO,
	IN_INT,
	IN_DOT,
	IN_FRACTION,
	IN_E,
	IN_E_SIGN,
	IN_EXPONENT,
	IN_LITERAL,
};

void
args_init(struct args *a)
{
	memset(a, 0, sizeof(*a));
}

static bool
is_blank(unsigned c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool
is_digit(unsigned c)
{
	return c >= '0' && c <= '9';
}

static unsigned
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a' + 10);
}

/* One character of the text behind the escaped body; all that is not ASCII
 * is told as 0x80. */
static size_t
next_character(struct json_slice body, size_t at, unsigned *c)
{
	static const char from[] = "ntrbf", to[] = "\n\t\r\b\f";
	const char *hit;

	*c = (unsigned char)body.text[at];
	if (*c != '\\' || at + 1 >= body.len) {
		*c = *c < 0x80 ? *c : 0x80;
		return 1;
	}
	*c = (unsigned char)body.text[at + 1];
	if (*c == 'u' && body.len - at >= 6) {
		*c = 0;
		for (size_t i = 2; i < 6; i++)
			*c = *c << 4 | hex_digit(body.text[at + i]);
		*c = *c < 0x80 ? *c : 0x80;
		return 6;
	}
	if (*c != '\0' && (hit = strchr(from, (int)*c)) != NULL)
		*c = (unsigned char)to[hit - from];
	return 2;
}

static bool
push(struct args *a, bool array)
{
	if (a->depth == ARGS_DEPTH_MAX)
		return false;
	if (array)
		a->in_array[a->depth / 8] |= (uint8_t)(1U << a->depth % 8);
	else
		a->in_array[a->depth / 8] &= (uint8_t) ~(1U << a->depth % 8);
	a->depth++;
	a->place = array ? AT_ITEM_OR_END : AT_KEY_OR_END;
	return true;
}

static bool
is_in_array(const struct args *a)
{
	return (a->in_array[(a->depth - 1) / 8] >> (a->depth - 1) % 8 & 1) != 0;
}

static bool
pop(struct args *a, bool array)
{
	if (is_in_array(a) != array)
		return false;
	a->place = AT_AFTER;
	if (--a->depth == 0)
		a->state = ARGS_DONE;
	return true;
}

static bool
begin_literal(struct args *a, const char *rest)
{
	a->literal = rest;
	a->place = IN_LITERAL;
	return true;
}

static bool
begin_string(struct args *a, bool is_key)
{
	a->is_key = is_key;
	a->place = IN_STRING;
	return true;
}

static bool
begin_value(struct args *a, unsigned c)
{
	switch (c) {
	case '{':
		return push(a, false);
	case '[':
		return push(a, true);
	case '"':
		return begin_string(a, false);
	case 't':
		return begin_literal(a, "rue");
	case 'f':
		return begin_literal(a, "alse");
	case 'n':
		return begin_literal(a, "ull");
	case '-':
		a->place = IN_MINUS;
		return true;
	case '0':
		a->place = IN_ZERO;
		return true;
	default:
		a->place = IN_INT;
		return c >= '1' && c <= '9';
	}
}

static bool
after_value(struct args *a, unsigned c)
{
	if (c == ',') {
		a->place = is_in_array(a) ? AT_VALUE : AT_KEY;
		return true;
	}
	return (c == '}' && pop(a, false)) || (c == ']' && pop(a, true));
}

static bool
in_string(struct args *a, unsigned c)
{
	if (c == '"')
		a->place = a->is_key ? AT_COLON : AT_AFTER;
	else if (c == '\\')
		a->place = IN_ESCAPE;
	return c >= 0x20;
}

static bool
in_escape(struct args *a, unsigned c)
{
	if (a->place == IN_HEX) {
		if (--a->step == 0)
			a->place = IN_STRING;
		return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
	}
	if (c == 'u') {
		a->place = IN_HEX;
		a->step = 4;
		return true;
	}
	a->place = IN_STRING;
	return c != '\0' && c < 0x80 && strchr("\"\\/bfnrt", (int)c) != NULL;
}

/* A digit, point or exponent; anything else ends the number. */
static bool
in_number(struct args *a, unsigned c)
{
	static const struct {
		uint8_t digit, point, e, sign;
		bool may_end;
	} moves[] = {
		[IN_MINUS] = { IN_INT, 0, 0, 0, false },
		[IN_ZERO] = { 0, IN_DOT, IN_E, 0, true },
		[IN_INT] = { IN_INT, IN_DOT, IN_E, 0, true },
		[IN_DOT] = { IN_FRACTION, 0, 0, 0, false },
		[IN_FRACTION] = { IN_FRACTION, 0, IN_E, 0, true },
		[IN_E] = { IN_EXPONENT, 0, 0, IN_E_SIGN, false },
		[IN_E_SIGN] = { IN_EXPONENT, 0, 0, 0, false },
		[IN_EXPONENT] = { IN_EXPONENT, 0, 0, 0, true },
	};
	unsigned from = a->place, to = 0;

	if (is_digit(c))
		to = from == IN_MINUS && c == '0' ? IN_ZERO : moves[from].digit;
	else if (c == '.')
		to = moves[from].point;
	else if (c == 'e' || c == 'E')
		to = moves[from].e;
	else if (c == '+' || c == '-')
		to = moves[from].sign;
	else if (moves[from].may_end) {
		a->place = AT_AFTER;
		return is_blank(c) || after_value(a, c);
	}
	a->place = (uint8_t)to;
	return to != 0;
}

static bool
between_tokens(struct args *a, unsigned c)
{
	switch (a->place) {
	case AT_ITEM_OR_END:
		return c == ']' ? pop(a, true) : begin_value(a, c);
	case AT_KEY_OR_END:
		if (c == '}')
			return pop(a, false);
		/* fallthrough */
	case AT_KEY:
		return c == '"' && begin_string(a, true);
	case AT_COLON:
		a->place = AT_VALUE;
		return c == ':';
	case AT_AFTER:
		return after_value(a, c);
	default:
		return begin_value(a, c);
	}
}

static bool
read_character(struct args *a, unsigned c)
{
	if (a->place == IN_STRING)
		return in_string(a, c);
	if (a->place == IN_ESCAPE || a->place == IN_HEX)
		return in_escape(a, c);
	if (a->place == IN_LITERAL) {
		if (*a->literal != (char)c)
			return false;
		if (*++a->literal == '\0')
			a->place = AT_AFTER;
		return true;
	}
	if (!is_blank(c))
		a->blank_run = 0;
	else if (++a->blank_run > ARGS_BLANK_MAX) {
		a->is_endless = true;
		return false;
	}
	if (a->place >= IN_MINUS && a->place <= IN_EXPONENT)
		return in_number(a, c);
	return is_blank(c) || between_tokens(a, c);
}

/* The run of plain characters within a string. */
static size_t
skip_plain(struct json_slice body, size_t at)
{
	const char *slash = memchr(body.text + at, '\\', body.len - at);

	return slash == NULL ? body.len : (size_t)(slash - body.text);
}

static bool
read_first(struct args *a, unsigned c)
{
	if (c == '{') {
		a->state = ARGS_OPEN;
		return push(a, false);
	}
	if (!is_blank(c))
		a->state = ARGS_OTHER;
	else if (++a->blank_run > ARGS_BLANK_MAX)
		a->is_endless = true;
	return !a->is_endless;
}

size_t
args_scan(struct args *a, struct json_slice body)
{
	size_t at = 0, len;
	unsigned c;
	bool good;

	while (at < body.len) {
		if (a->state == ARGS_OTHER)
			return body.len;
		if (a->state == ARGS_BAD)
			return at;
		if (a->state == ARGS_OPEN && a->place == IN_STRING &&
		    (at = skip_plain(body, at)) == body.len)
			break;
		len = next_character(body, at, &c);
		if (a->state == ARGS_DONE) {
			if (!is_blank(c))
				return at;
			at += len;
			continue;
		}
		good = a->state == ARGS_EMPTY ? read_first(a, c)
					      : read_character(a, c);
		if (!good) {
			a->state = ARGS_BAD;
			return at;
		}
		at += len;
	}
	return body.len;
}
