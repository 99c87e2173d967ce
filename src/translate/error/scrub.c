/* SPDX-License-Identifier: MIT */
/* Keys in the texts of upstreams.  Knows how keys look, and keeps none. */
#include "translate/error/errors.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SHORT_KEY  4  /* what is shorter is part of any word */
#define WORD_MAX   12 /* of letters alone, a shorter key may be a word */
#define LONG_TOKEN 20 /* so long without a blank, it is no word */

/* How keys begin.  What follows is the secret. */
static const char *const prefixes[] = { "sk-", "sk_", "pk-", "rk-", "gsk_",
	"xai-", "nvapi-", "csk-", "fw_", "hf_", "AIza", "ghp_", "gho_", "ghu_",
	"ghs_", "github_pat_", "glpat-", "pplx-", "r8_", "tgp_v1_", "dapi",
	"AKIA", "ASIA", "eyJ", "tvly-", "cpk_", "vck_" };

/* Words behind which a key stands, after a colon, an equals sign or none. */
static const struct {
	const char *word;
	bool needs_sign;
} leads[] = {
	{ "bearer", false },
	{ "basic", false },
	{ "api key provided", true },
	{ "api key", true },
	{ "api_key", true },
	{ "api-key", true },
	{ "apikey", true },
	{ "token)", true },
	{ "token", true },
	{ "secret", true },
	{ "password", true },
	{ "authorization", true },
	{ "key", true },
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_token_char(char c)
{
	return isalnum((unsigned char)c) ||
	       (c != '\0' && strchr("-_.*+/=~%", c) != NULL);
}

/* Length of the token at p, without punctuation that ends a sentence. */
static size_t
token_len(const char *p, size_t left)
{
	size_t n = 0;

	while (n < left && is_token_char(p[n]))
		n++;
	while (n > 0 && strchr("./=", p[n - 1]) != NULL)
		n--;
	return n;
}

static bool
looks_secret(const char *p, size_t len)
{
	bool has_digit = false;

	for (size_t i = 0; i < len; i++)
		has_digit |= isdigit((unsigned char)p[i]) || p[i] == '*';
	return len >= LONG_TOKEN || (has_digit && len >= 6);
}

/* Whether a key starts at p: its length and how much of it may stay. */
static size_t
find_prefix(const char *p, size_t left, size_t *keep)
{
	size_t len = token_len(p, left), n;

	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++) {
		n = strlen(prefixes[i]);
		if (len < n || memcmp(p, prefixes[i], n) != 0)
			continue;
		if (len - n < (memchr(p, '*', len) != NULL ? 3 : 8))
			continue;
		if (n == 4 && len < LONG_TOKEN) /* words begin so too */
			continue;
		*keep = n;
		return len;
	}
	return 0;
}

/* Behind "Bearer ", "api_key=", …: where the key is, NULL if there is none. */
static const char *
find_lead(const char *p, const char *end)
{
	for (size_t i = 0; i < N_ELEMENTS(leads); i++) {
		size_t n = strlen(leads[i].word);
		const char *at = p + n;
		bool sign = false;

		if ((size_t)(end - p) <= n ||
		    strncasecmp(p, leads[i].word, n) != 0)
			continue;
		while (
		    at < end && strchr(" \"'`:=", *at) != NULL && *at != '\0') {
			sign |= *at == ':' || *at == '=';
			at++;
		}
		if (at < end && at > p + n && (sign || !leads[i].needs_sign))
			return at;
	}
	return NULL;
}

size_t
error_key_prefix(const char *text, size_t len)
{
	size_t keep = 0;

	return find_prefix(text, len, &keep) == 0 ? 0 : keep;
}

size_t
error_hide(char *text, size_t len, const char *key)
{
	size_t n = key != NULL ? strlen(key) : 0, out = 0, at = 0, keep;

	if (n < SHORT_KEY)
		return len;
	keep = error_key_prefix(key, n);
	while (at < len) {
		if (len - at >= n && memcmp(text + at, key, n) == 0) {
			memmove(text + out, text + at, keep);
			memset(text + out + keep, '*', 3);
			out += keep + 3;
			at += n;
		} else {
			text[out++] = text[at++];
		}
	}
	return out;
}

/* What is set because a client wants something set, such as "ollama", is a
 * word that errors may need. */
static bool
is_word(const char *key)
{
	size_t len = strlen(key);

	return len < WORD_MAX && !looks_secret(key, len);
}

size_t
error_scrub(char *text, size_t len, const char *own)
{
	const char *p = text, *end, *secret;
	size_t out = 0, n, keep;

	if (own != NULL && !is_word(own))
		len = error_hide(text, len, own);
	end = text + len;

	while (p < end) {
		bool starts = p == text || !isalnum((unsigned char)p[-1]);

		if (starts && (n = find_prefix(p, (size_t)(end - p), &keep))) {
			memmove(text + out, p, keep);
			out += keep;
		} else if (starts && (secret = find_lead(p, end)) != NULL &&
			   looks_secret(secret,
			       n = token_len(secret, (size_t)(end - secret))) &&
			   strncmp(secret, "http", 4) != 0) {
			memmove(text + out, p, (size_t)(secret - p));
			out += (size_t)(secret - p);
			n += (size_t)(secret - p);
		} else {
			text[out++] = *p++;
			continue;
		}
		memset(text + out, '*', 3);
		out += 3;
		p += n;
	}
	return out;
}
