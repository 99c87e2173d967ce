/* SPDX-License-Identifier: MIT */
#ifndef SETTINGS_H
#define SETTINGS_H

/*
 * Everything the server may be told, as a plain struct.  Filled by
 * app/config; shared read-only by all threads; swapped whole on reload and
 * counted by the requests that use it (settings_hold / settings_drop).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include "translate/dialect/dialect.h"
#include "translate/models.h"
#include "wire/json.h"

/* A ready upstream URL and what hangs on it. */
struct upstream_target {
	char *url;	 /* full …/chat/completions, with its query */
	char *other_url; /* the other form, tried once on a 404/405; or NULL */
	char *base;	 /* url without /chat/completions and query */
	char *models;	 /* full …/models, with its query */
	char *query;	 /* "?api-version=…" or "" */
	char *host;	 /* lower case, no port */
	bool is_https, is_loopback, is_azure;
};

struct settings {
	_Atomic int holders; /* see settings_hold */

	struct upstream_target upstream;
	char *upstream_key; /* NULL: the client's own goes up */
	char **proxy_keys;  /* admitted client keys; none: no check */
	size_t n_proxy_keys;
	char *host; /* to listen on; "unix:/path" too */
	int port;   /* 0: any free */
	bool allow_open;
	struct model_routes routes;
	struct profile profile; /* knobs as configured */
	char *upstream_headers; /* checked JSON object text, or NULL */
	char *upstream_body;	/* checked JSON object text, or NULL */
	struct model_rule *context_windows; /* glob, N as text */
	size_t n_context_windows;

	long connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms;
	long ping_interval_ms;
	long request_timeout_ms, client_stall_timeout_ms, drain_timeout_ms;
	int max_retries;
	size_t max_body_bytes, max_reply_bytes, max_line_bytes;
	int max_connections; /* 0: from the file limit */

	bool debug, verbose;
	bool log_json;
	char *ssl_cert_file; /* extra CA file or NULL */
	char *state_dir;     /* "" or NULL: off */
	char *capture_dir;   /* NULL: off */
	bool status_bodies;
	bool demo; /* the upstream is the built-in one */

	/* for the program around the server */
	bool sandbox;
	char *pid_file, *log_file;
	char *config_file; /* the .env that was read, or NULL */
};

/* A settings struct at the documented defaults; NULL: no memory. */
struct settings *settings_new(void);

/* Counts a user of the struct; the last drop frees it. */
struct settings *settings_hold(struct settings *s);
void settings_drop(struct settings *s);

/* Admits this client key and no other.  0, or -1: no memory. */
int settings_set_key(struct settings *s, const char *key);

/*
 * Makes the target out of UPSTREAM_BASE_URL (rules: man page,
 * UPSTREAM_BASE_URL). 0, or -1 with one sentence in err.
 */
int settings_set_upstream(
    struct settings *s, const char *base_url, char *err, size_t cap);

#endif
