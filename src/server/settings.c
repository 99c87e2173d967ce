/* SPDX-License-Identifier: MIT */
/* The settings' defaults and their life.  Reads nothing from outside: that
 * is app/config's. */
#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

#include "server/secret.h"
#include "server/target.h"

struct settings *
settings_new(void)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->host = strdup("127.0.0.1")) == NULL) {
		free(s);
		return NULL;
	}
	atomic_init(&s->holders, 1);
	s->port = 3000;
	s->sandbox = true;
	profile_defaults(&s->profile);
	s->connect_timeout_ms = 10 * 1000;
	s->first_byte_timeout_ms = 600 * 1000;
	s->idle_timeout_ms = 300 * 1000;
	s->ping_interval_ms = 15 * 1000;
	s->request_timeout_ms = 30 * 1000;
	s->client_stall_timeout_ms = 120 * 1000;
	s->drain_timeout_ms = 30 * 1000;
	s->max_retries = 2;
	s->max_body_bytes = 32 * 1024 * 1024;
	s->max_reply_bytes = 256 * 1024 * 1024;
	s->max_line_bytes = 16 * 1024 * 1024;
	return s;
}

static void
free_keys(struct settings *s)
{
	for (size_t i = 0; i < s->n_proxy_keys; i++)
		secret_free(s->proxy_keys[i]);
	free(s->proxy_keys);
}

static void
settings_free(struct settings *s)
{
	target_clear(&s->upstream);
	secret_free(s->upstream_key);
	free_keys(s);
	free(s->host);
	model_routes_clear(&s->routes);
	free(s->upstream_headers);
	free(s->upstream_body);
	for (size_t i = 0; i < s->n_context_windows; i++) {
		free(s->context_windows[i].glob);
		free(s->context_windows[i].model);
	}
	free(s->context_windows);
	free(s->ssl_cert_file);
	free(s->state_dir);
	free(s->capture_dir);
	free(s->pid_file);
	free(s->log_file);
	free(s->config_file);
	free(s);
}

struct settings *
settings_hold(struct settings *s)
{
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

void
settings_drop(struct settings *s)
{
	/* The last holder must see all the others' last looks finished. */
	if (s != NULL && atomic_fetch_sub_explicit(
			     &s->holders, 1, memory_order_acq_rel) == 1)
		settings_free(s);
}

int
settings_set_key(struct settings *s, const char *key)
{
	char **keys = malloc(sizeof(*keys));
	char *copy = strdup(key);

	if (keys == NULL || copy == NULL) {
		free(keys);
		free(copy);
		return -1;
	}
	free_keys(s);
	keys[0] = copy;
	s->proxy_keys = keys;
	s->n_proxy_keys = 1;
	return 0;
}

int
settings_set_upstream(
    struct settings *s, const char *base_url, char *err, size_t cap)
{
	struct upstream_target t;

	if (target_parse(&t, base_url, err, cap) == -1)
		return -1;
	target_clear(&s->upstream);
	s->upstream = t;
	return 0;
}
