/* SPDX-License-Identifier: MIT */
/* Where to listen and where to send. */
#include "app/kinds.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server/secret.h"
#include "server/settings.h"
#include "wire/buf.h"

#define NOT_USED(x) ((void)(x))

static bool
is_ipv6(const char *host)
{
	struct in6_addr address;
	char plain[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%"); /* a zone may follow */

	if (len >= sizeof(plain))
		return false;
	snprintf(plain, sizeof(plain), "%.*s", (int)len, host);
	return inet_pton(AF_INET6, plain, &address) == 1;
}

bool
variable_host_is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (strncmp(host, "unix:", 5) == 0 ||
	    strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool
is_host_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    strchr("-._", text[i]) == NULL)
			return false;
	return len > 0 && len < 254;
}

static int
keep_host(struct settings *s, const char *text, char *err, size_t cap)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return kind_refuse(err, cap, "there is no memory left");
	free(s->host);
	s->host = copy;
	return 0;
}

static int
host_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	size_t len = strlen(text);
	char bare[256] = "";

	NOT_USED(v);
	if (strncmp(text, "unix:", 5) == 0) {
		if (len == 5 ||
		    len - 5 >= sizeof((struct sockaddr_un *)0)->sun_path)
			return kind_refuse(
			    err, cap, "unix: must be followed by a short path");
		return keep_host(s, text, err, cap);
	}
	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		snprintf(bare, sizeof(bare), "%.*s", (int)(len - 2), text + 1);
	if (bare[0] != '\0' && is_ipv6(bare))
		return keep_host(s, bare, err, cap);
	if (is_ipv6(text) || is_host_name(text))
		return keep_host(s, text, err, cap);
	return kind_refuse(err, cap,
	    "it must be an address, a host name or unix:/path "
	    "(the port goes into PORT)");
}

static void
host_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	NOT_USED(v);
	NOT_USED(raw);
	buf_add_str(out, s->host);
}

/* The query of a URL may hold a key: only the API's version is shown. */
static void
show_query(const char *query, struct buf *out)
{
	char print[20];

	while (*query != '\0') {
		size_t name = strcspn(query, "=&"), len = strcspn(query, "&");
		char *value = len > name
				  ? strndup(query + name + 1, len - name - 1)
				  : NULL;

		buf_add(out, query, name);
		if (value != NULL) {
			secret_fingerprint(value, print);
			buf_add_char(out, '=');
			buf_add_str(out, strncmp(query, "api-version=", 12) == 0
					     ? value
					     : print);
		}
		free(value);
		query += len;
		if (*query == '&')
			buf_add_char(out, *query++);
	}
}

static int
base_url_set(const struct variable *v, const char *text, struct settings *s,
    char *err, size_t cap)
{
	NOT_USED(v);
	/* an empty one is none: the check for a missing one tells */
	return text[0] == '\0' ? 0 : settings_set_upstream(s, text, err, cap);
}

static void
base_url_show(const struct variable *v, const struct settings *s,
    const char *raw, struct buf *out)
{
	size_t len;

	NOT_USED(v);
	NOT_USED(s);
	if (raw == NULL)
		return;
	len = strcspn(raw, "?");
	buf_add(out, raw, len);
	if (raw[len] == '?') {
		buf_add_char(out, '?');
		show_query(raw + len + 1, out);
	}
}

/* A proxy's URL without the user and password it may hold. */
static void
proxy_show(const struct variable *v, const struct settings *s, const char *raw,
    struct buf *out)
{
	const char *at, *scheme;

	NOT_USED(v);
	NOT_USED(s);
	if (raw == NULL)
		return;
	if ((at = strrchr(raw, '@')) == NULL) {
		buf_add_str(out, raw);
		return;
	}
	if ((scheme = strstr(raw, "://")) != NULL && scheme < at)
		buf_add(out, raw, (size_t)(scheme + 3 - raw));
	buf_add_str(out, "...");
	buf_add_str(out, at);
}

const struct variable_kind kind_host = { host_set, host_show, false };
const struct variable_kind kind_base_url = { base_url_set, base_url_show,
	false };
const struct variable_kind kind_proxy_url = { NULL, proxy_show, true };
