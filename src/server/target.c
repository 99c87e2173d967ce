/* SPDX-License-Identifier: MIT */
/*
 * Makes the upstream's URL out of UPSTREAM_BASE_URL.  A parser of its own
 * instead of libcurl's: libcurl stays in one file, and a URL that holds
 * anything two parsers could read in two ways is refused here, so what this
 * file believes of the host (Azure, loopback) is what libcurl connects to.
 */
#include "server/target.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/settings.h"
#include "wire/buf.h"

#define URL_MAX	    4096
#define COMPLETIONS "/chat/completions"

/* The pieces of a URL, borrowed from its text. */
struct pieces {
	const char *scheme, *host, *port, *path, *query;
	size_t scheme_len, host_len, port_len, path_len, query_len;
};

static int
refuse(char *err, size_t cap, const char *text)
{
	snprintf(err, cap, "%s", text);
	return -1;
}

static bool
ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* Only what RFC 3986 lets stand in a URL. */
static bool
is_url_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) &&
		    strchr("-._~:/?#[]@!$&'()*+,;=%", *text) == NULL)
			return false;
	return true;
}

static bool
is_port(const char *text, size_t len)
{
	long port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool
is_host(const char *text, size_t len)
{
	bool is_v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (is_v6) {
		text++;
		len -= 2;
	}
	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (is_v6 ? !isxdigit(c) && c != ':' && c != '.'
			  : !isalnum(c) && c != '-' && c != '.' && c != '_')
			return false;
	}
	return text[0] != '.' || is_v6;
}

static int
split_authority(
    struct pieces *p, const char *text, size_t len, char *err, size_t cap)
{
	const char *colon = NULL;

	if (memchr(text, '@', len) != NULL)
		return refuse(err, cap,
		    "a user or password in the URL is not taken; put the key "
		    "into UPSTREAM_API_KEY");
	for (size_t i = len; i > 0 && text[i - 1] != ']'; i--)
		if (text[i - 1] == ':')
			colon = text + i - 1;
	p->host = text;
	p->host_len = colon == NULL ? len : (size_t)(colon - text);
	if (!is_host(p->host, p->host_len))
		return refuse(err, cap, "there is no valid host name in it");
	if (colon == NULL)
		return 0;
	p->port = colon + 1;
	p->port_len = len - p->host_len - 1;
	if (!is_port(p->port, p->port_len))
		return refuse(
		    err, cap, "the port must be a number from 1 to 65535");
	return 0;
}

static int
split(struct pieces *p, const char *url, char *err, size_t cap)
{
	const char *after, *end;
	size_t len;

	*p = (struct pieces){ .scheme = url };
	if (strlen(url) > URL_MAX)
		return refuse(err, cap, "it is longer than 4096 characters");
	if (!is_url_text(url))
		return refuse(err, cap,
		    "a URL holds no blanks, quotes, control or non-ASCII "
		    "characters");
	if (strncasecmp(url, "https://", 8) == 0)
		p->scheme_len = 5;
	else if (strncasecmp(url, "http://", 7) == 0)
		p->scheme_len = 4;
	else
		return refuse(
		    err, cap, "it must begin with http:// or https://");
	if (strchr(url, '#') != NULL)
		return refuse(err, cap, "a #fragment is not taken");
	after = url + p->scheme_len + 3;
	len = strcspn(after, "/?");
	if (split_authority(p, after, len, err, cap) == -1)
		return -1;
	p->path = after + len;
	end = p->path + strlen(p->path);
	if ((p->query = strchr(p->path, '?')) == NULL)
		p->query = end;
	p->path_len = (size_t)(p->query - p->path);
	p->query_len = (size_t)(end - p->query);
	return 0;
}

/* v1, v2, v4, v1beta, v1beta1, v1.1, v1alpha */
static bool
is_version(const char *segment, size_t len)
{
	size_t i = 1;

	if (len < 2 || tolower((unsigned char)segment[0]) != 'v')
		return false;
	while (i < len && (isdigit((unsigned char)segment[i]) ||
			      (i > 1 && segment[i] == '.')))
		i++;
	if (i == 1)
		return false;
	if (len - i >= 4 && strncasecmp(segment + i, "beta", 4) == 0)
		i += 4;
	else if (len - i >= 5 && strncasecmp(segment + i, "alpha", 5) == 0)
		i += 5;
	while (i < len && isdigit((unsigned char)segment[i]))
		i++;
	return i == len;
}

static bool
has_version(const char *path, size_t len)
{
	for (size_t start = 0, i = 0; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		if (is_version(path + start, i - start))
			return true;
		start = i + 1;
	}
	return false;
}

/* …/deployments/NAME */
static bool
ends_in_deployment(const char *path, size_t len)
{
	size_t name = len;

	while (name > 0 && path[name - 1] != '/')
		name--;
	return name > 0 && name < len &&
	       ends_with(path, name - 1, "/deployments");
}

/* Whether /chat/completions hangs right on this path (without its slashes at
 * the end), not under a /v1 of its own. */
static bool
is_api_root(const char *host, const char *path, size_t len)
{
	size_t host_len = strlen(host);

	return has_version(path, len) || ends_with(path, len, "/openai") ||
	       ends_with(path, len, "/compat") ||
	       ends_with(path, len, "/serving-endpoints") ||
	       ends_in_deployment(path, len) ||
	       strcmp(host, "githubcopilot.com") == 0 ||
	       ends_with(host, host_len, ".githubcopilot.com");
}

static bool
is_loopback_host(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       ends_with(host, strlen(host), ".localhost") ||
	       (strncmp(host, "127.", 4) == 0 &&
		   host[strspn(host, "0123456789.")] == '\0');
}

static bool
is_azure_host(const char *host)
{
	size_t len = strlen(host);

	return ends_with(host, len, ".openai.azure.com") ||
	       ends_with(host, len, ".services.ai.azure.com") ||
	       ends_with(host, len, ".cognitiveservices.azure.com");
}

/* Lower case, without brackets and without the root's dot. */
static char *
host_name(const struct pieces *p)
{
	const char *text = p->host;
	size_t len = p->host_len;
	char *host;

	if (text[0] == '[') {
		text++;
		len -= 2;
	}
	if (text[len - 1] == '.')
		len--;
	if ((host = strndup(text, len)) == NULL)
		return NULL;
	for (char *c = host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

/* scheme://host:port + the path's first `len` bytes + `tail` + `query` */
static char *
compose(const struct pieces *p, size_t len, const char *tail, const char *query)
{
	struct buf b;

	buf_init(&b, 2 * URL_MAX);
	buf_add_str(&b, p->scheme_len == 5 ? "https://" : "http://");
	buf_add(&b, p->host, p->host_len);
	if (p->port != NULL) {
		buf_add_char(&b, ':');
		buf_add(&b, p->port, p->port_len);
	}
	buf_add(&b, p->path, len);
	buf_add_str(&b, tail);
	buf_add_str(&b, query);
	return buf_take(&b, NULL);
}

static int
compose_urls(struct upstream_target *t, const struct pieces *p)
{
	const char *query = t->query, *near = COMPLETIONS;
	const char *far = "/v1" COMPLETIONS;
	size_t len = p->path_len, base_len;
	bool is_root;

	while (len > 0 && p->path[len - 1] == '/')
		len--;
	if (ends_with(p->path, len, COMPLETIONS)) {
		base_len = len - strlen(COMPLETIONS);
		t->url = compose(p, p->path_len, "", query);
		t->base = compose(p, base_len, "", "");
		return t->url == NULL || t->base == NULL ? -1 : 0;
	}
	is_root = is_api_root(t->host, p->path, len);
	t->url = compose(p, len, is_root ? near : far, query);
	t->other_url = compose(p, len, is_root ? far : near, query);
	t->base = compose(p, len, is_root ? "" : "/v1", "");
	return t->url == NULL || t->other_url == NULL || t->base == NULL ? -1
									 : 0;
}

static int
compose_models(struct upstream_target *t)
{
	struct buf b;

	buf_init(&b, 2 * URL_MAX);
	buf_printf(&b, "%s/models%s", t->base, t->query);
	return (t->models = buf_take(&b, NULL)) == NULL ? -1 : 0;
}

int
target_parse(
    struct upstream_target *t, const char *base_url, char *err, size_t cap)
{
	struct pieces p;

	*t = (struct upstream_target){ 0 };
	if (split(&p, base_url, err, cap) == -1)
		return -1;
	if ((t->host = host_name(&p)) == NULL ||
	    (t->query = strndup(p.query, p.query_len)) == NULL ||
	    compose_urls(t, &p) == -1 || compose_models(t) == -1) {
		target_clear(t);
		return refuse(err, cap, "there is no memory left");
	}
	t->is_https = p.scheme_len == 5;
	t->is_azure = is_azure_host(t->host);
	t->is_loopback = is_loopback_host(t->host);
	return 0;
}

void
target_clear(struct upstream_target *t)
{
	free(t->url);
	free(t->other_url);
	free(t->base);
	free(t->models);
	free(t->query);
	free(t->host);
	*t = (struct upstream_target){ 0 };
}
