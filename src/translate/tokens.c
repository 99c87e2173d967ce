/* SPDX-License-Identifier: MIT */
/*
 * Tokens by weight.  Reads built request bodies, whose strings are often raw
 * items that hold quoted and escaped text.  Knows no tokenizer.
 */
#include "translate/tokens.h"

#include <string.h>

#include "wire/image.h"
#include "wire/utf8.h"

#define IMAGE_TOKENS	  1600 /* of an image whose size is not known */
#define IMAGE_TOKENS_MAX  5000 /* larger ones are scaled down before */
#define PIXELS_PER_TOKEN  750
#define PDF_TOKENS	  2000 /* for each … */
#define PDF_BYTES	  (100 * 1024)
#define PDF_TOKENS_MAX	  100000
#define SAMPLE_WEIGHT_MAX 2000
#define SANE_FACTOR	  20 /* a report further off is no count of this */

/* A string as it is in the tree. */
struct text {
	const unsigned char *at, *end;
	bool is_escaped;
};

struct text_size {
	int64_t bytes; /* decoded, of all but … */
	int64_t cjk_chars, cjk_bytes;
};

/* The string of an item, plain or raw; false if it is none. */
static bool
text_of(const cJSON *item, struct text *text)
{
	size_t len;

	if ((!cJSON_IsString(item) && !cJSON_IsRaw(item)) ||
	    item->valuestring == NULL)
		return false;
	len = strlen(item->valuestring);
	text->at = (const unsigned char *)item->valuestring;
	text->end = text->at + len;
	text->is_escaped = cJSON_IsRaw(item);
	if (!text->is_escaped)
		return true;
	if (len < 2 || text->at[0] != '"')
		return false;
	text->at++;
	text->end--;
	return true;
}

/* Scripts whose characters are about a token each. */
static bool
is_cjk(unsigned c)
{
	return (c >= 0x1100 && c <= 0x11FF) || (c >= 0x2E80 && c <= 0xA4CF) ||
	       (c >= 0xA960 && c <= 0xA97F) || (c >= 0xAC00 && c <= 0xD7FF) ||
	       (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE4F) ||
	       (c >= 0xFF00 && c <= 0xFFEF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static void
add_char(struct text_size *size, unsigned c, size_t bytes)
{
	if (is_cjk(c)) {
		size->cjk_chars++;
		size->cjk_bytes += (int64_t)bytes;
	} else {
		size->bytes += (int64_t)bytes;
	}
}

/* Adds the character that is not ASCII at `p`; returns its bytes. */
static size_t
add_wide(struct text_size *size, const unsigned char *p, size_t left)
{
	size_t len = utf8_char_len(p, left);
	unsigned c = 0;

	if (len == 3)
		c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
	else if (len == 4)
		c = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 |
		    (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
	if (len == 0)
		len = 1;
	add_char(size, c, len);
	return len;
}

static unsigned
hex_value(unsigned char c)
{
	return c <= '9' ? c - 0x30u : (c | 0x20u) - 0x61u + 10;
}

/* Adds what the escape at `p` stands for; returns the escape's bytes. */
static size_t
add_escape(struct text_size *size, const unsigned char *p, size_t left)
{
	unsigned c = 0;

	if (left < 6 || p[1] != 'u') {
		size->bytes++;
		return left < 2 ? left : 2;
	}
	for (size_t i = 2; i < 6; i++)
		c = c << 4 | (hex_value(p[i]) & 15);
	if (c >= 0xD800 && c <= 0xDFFF)
		size->bytes += 2; /* half of four */
	else
		add_char(size, c, c < 0x80 ? 1 : c < 0x800 ? 2 : 3);
	return 6;
}

/* Whether eight bytes hold one that is not ASCII or is a backslash. */
static bool
is_odd_word(const unsigned char *p)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t word, slash;

	memcpy(&word, p, 8);
	slash = word ^ ones * '\\';
	return ((word | (slash - ones)) & ones * 0x80) != 0;
}

/* The first byte that is not ASCII or is a backslash. */
static const unsigned char *
skip_ascii(const unsigned char *p, const unsigned char *end)
{
	while (end - p >= 8 && !is_odd_word(p))
		p += 8;
	while (p < end && *p < 0x80 && *p != '\\')
		p++;
	return p;
}

static void
measure(const struct text *text, struct text_size *size)
{
	const unsigned char *p = text->at, *end = text->end, *odd;

	*size = (struct text_size){ 0 };
	while (p < end) {
		odd = skip_ascii(p, end);
		size->bytes += odd - p;
		if ((p = odd) == end)
			break;
		if (*p >= 0x80) {
			p += add_wide(size, p, (size_t)(end - p));
		} else if (text->is_escaped) {
			p += add_escape(size, p, (size_t)(end - p));
		} else {
			size->bytes++;
			p++;
		}
	}
}

/* Adds the JSON of an item, as it would be inside a string. */
static void
weigh_json(const cJSON *item, struct token_parts *parts)
{
	struct text_size size;
	struct text text;

	if (item == NULL)
		return;
	if (item->string != NULL)
		parts->json_bytes += (int64_t)strlen(item->string) + 4;
	if (text_of(item, &text)) {
		measure(&text, &size);
		parts->json_bytes += size.bytes + size.cjk_bytes + 2;
	} else if (cJSON_IsRaw(item) && item->valuestring != NULL) {
		parts->json_bytes += (int64_t)strlen(item->valuestring);
	} else {
		parts->json_bytes += item->child == NULL ? 4 : 2;
	}
	for (item = item->child; item != NULL; item = item->next)
		weigh_json(item, parts);
}

/* Adds a string as text, anything else as JSON. */
static void
weigh_text(const cJSON *item, struct token_parts *parts)
{
	struct text_size size;
	struct text text;

	if (text_of(item, &text)) {
		measure(&text, &size);
		parts->text_bytes += size.bytes;
		parts->cjk_chars += size.cjk_chars;
	} else if (item != NULL && !cJSON_IsNull(item)) {
		weigh_json(item, parts);
	}
}

/* Leaves of a data URL what is behind its comma; false for other URLs. */
static bool
skip_to_base64(struct text *text)
{
	size_t len = (size_t)(text->end - text->at);
	const unsigned char *comma;

	if (len < 5 || memcmp(text->at, "data:", 5) != 0 ||
	    (comma = memchr(text->at, ',', len < 200 ? len : 200)) == NULL)
		return false;
	text->at = comma + 1;
	return true;
}

static int64_t
image_tokens(const cJSON *url)
{
	uint32_t width, height;
	struct text text;
	uint64_t tokens;

	if (!text_of(url, &text) || !skip_to_base64(&text) ||
	    image_size((const char *)text.at, (size_t)(text.end - text.at),
		&width, &height) == -1)
		return IMAGE_TOKENS;
	tokens = ((uint64_t)width * height + PIXELS_PER_TOKEN - 1) /
		 PIXELS_PER_TOKEN;
	return tokens < IMAGE_TOKENS_MAX ? (int64_t)tokens : IMAGE_TOKENS_MAX;
}

static int64_t
file_tokens(const cJSON *data)
{
	struct text text;
	int64_t tokens;

	if (!text_of(data, &text) || !skip_to_base64(&text))
		return PDF_TOKENS;
	tokens = (text.end - text.at) / 4 * 3 * PDF_TOKENS / PDF_BYTES + 1;
	return tokens < PDF_TOKENS_MAX ? tokens : PDF_TOKENS_MAX;
}

static void
weigh_part(const cJSON *part, struct token_parts *parts)
{
	const cJSON *image = json_get(part, "image_url");
	const cJSON *file = json_get(part, "file");
	const cJSON *text = json_get(part, "text");

	if (image != NULL)
		parts->media_tokens += image_tokens(
		    cJSON_IsObject(image) ? json_get(image, "url") : image);
	else if (file != NULL)
		parts->media_tokens += file_tokens(json_get(file, "file_data"));
	else if (text != NULL)
		weigh_text(text, parts);
	else
		weigh_json(part, parts);
}

static void
weigh_message(const cJSON *message, struct token_parts *parts)
{
	const cJSON *member, *part;

	parts->messages++;
	cJSON_ArrayForEach(member, message) {
		const char *key = member->string;

		if (key == NULL || strcmp(key, "role") == 0 ||
		    strcmp(key, "tool_call_id") == 0)
			continue;
		if (strcmp(key, "tool_calls") == 0) {
			cJSON_ArrayForEach(part, member)
				weigh_json(json_get(part, "function"), parts);
		} else if (strcmp(key, "content") == 0 &&
			   cJSON_IsArray(member)) {
			cJSON_ArrayForEach(part, member)
				weigh_part(part, parts);
		} else {
			weigh_text(member, parts);
		}
	}
}

void
tokens_weigh(const cJSON *body, struct token_parts *parts)
{
	const cJSON *item;

	*parts = (struct token_parts){ 0 };
	cJSON_ArrayForEach(item, json_get(body, "messages"))
		weigh_message(item, parts);
	cJSON_ArrayForEach(item, json_get(body, "tools")) {
		parts->tools++;
		weigh_json(item, parts);
	}
	weigh_json(json_get_set(body, "response_format"), parts);
}

/* bytes divided by tenths of bytes a token, rounded up */
static int64_t
divided(int64_t bytes, int64_t tenths)
{
	return (bytes * 10 + tenths - 1) / tenths;
}

int64_t
tokens_estimate(const struct token_parts *parts)
{
	int64_t sum = divided(parts->text_bytes, 36) + parts->cjk_chars +
		      divided(parts->json_bytes, 32) + 4 * parts->messages +
		      8 * parts->tools + parts->media_tokens;

	return sum < 1 ? 1 : sum;
}

int64_t
tokens_of_text(int64_t bytes)
{
	return bytes < 1 ? 1 : divided(bytes, 36);
}

/* The weighted median of the ring. */
static double
median(const struct token_scale *scale)
{
	unsigned n =
	    scale->samples < TOKEN_SAMPLES ? scale->samples : TOKEN_SAMPLES;
	double total = 0, best = 0;

	for (unsigned i = 0; i < n; i++)
		total += scale->recent[i].weight;
	for (unsigned i = 0; i < n; i++) {
		double below = 0, factor = scale->recent[i].factor;

		for (unsigned k = 0; k < n; k++)
			if (scale->recent[k].factor <= factor)
				below += scale->recent[k].weight;
		if (below * 2 >= total && (best == 0 || factor < best))
			best = factor;
	}
	return best;
}

void
tokens_learn(struct token_scale *scale, int64_t estimated, int64_t reported)
{
	unsigned at = scale->samples % TOKEN_SAMPLES;

	if (estimated < 1 || reported < 1 ||
	    reported / estimated >= SANE_FACTOR ||
	    estimated / reported >= SANE_FACTOR)
		return;
	scale->recent[at].factor = (double)reported / (double)estimated;
	scale->recent[at].weight = estimated < SAMPLE_WEIGHT_MAX
				       ? (double)estimated
				       : SAMPLE_WEIGHT_MAX;
	/* It may wrap but must then still tell a full ring. */
	if (++scale->samples == 0)
		scale->samples = TOKEN_SAMPLES;
	scale->factor = median(scale);
}

int64_t
tokens_scaled(const struct token_scale *scale, int64_t estimated)
{
	double scaled = (double)estimated;

	if (scale->samples > 0)
		scaled *= scale->factor;
	return scaled < 1 ? 1 : (int64_t)(scaled + 0.5);
}
