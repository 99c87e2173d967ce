/* SPDX-License-Identifier: MIT */
/* The table of settings.  Reads no environment and no file. */
#include "app/variables.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "app/kinds.h"
#include "server/settings.h"

#define AT(member) offsetof(struct settings, member)
#define DAY_MS	   86400000
#define GIB	   1073741824U

/* clang-format off */
const struct variable variables[] = {
	{ "UPSTREAM_BASE_URL", &kind_base_url, 0, 0, 0, false },
	{ "UPSTREAM_API_KEY", &kind_upstream_key, 0, 0, 0, false },
	{ "UPSTREAM_API_KEY_FILE", &kind_key_file, 0, 0, 0, false },
	{ "HOST", &kind_host, AT(host), 0, 0, true },
	{ "PORT", &kind_int, AT(port), 0, 65535, true },
	{ "PROXY_API_KEY", &kind_proxy_keys, 0, 0, 0, false },
	{ "PROXY_API_KEY_FILE", &kind_key_file, 0, 0, 0, false },
	{ "ALLOW_OPEN", &kind_bool, AT(allow_open), 0, 0, false },
	{ "REASONING_MODEL", &kind_text, AT(routes.reasoning), 0, 0, false },
	{ "COMPLETION_MODEL", &kind_text, AT(routes.completion), 0, 0, false },
	{ "MODEL_MAP", &kind_model_map, 0, 0, 0, false },
#define X(NAME, member, words) { #NAME, &kind_knob, 0, 0, 0, false },
	DIALECT_KNOBS(X)
#undef X
	{ "TOOL_NAME_MAX", &kind_int, AT(profile.tool_name_max), 32, 256, false },
	{ "UPSTREAM_HEADERS", &kind_headers, 0, 0, 0, false },
	{ "UPSTREAM_BODY", &kind_body, 0, 0, 0, false },
	{ "CONTEXT_WINDOW", &kind_context_windows, 0, 0, 0, false },
	{ "CONNECT_TIMEOUT", &kind_seconds, AT(connect_timeout_ms), 1, DAY_MS, false },
	{ "FIRST_BYTE_TIMEOUT", &kind_seconds, AT(first_byte_timeout_ms), 1, DAY_MS, false },
	{ "IDLE_TIMEOUT", &kind_seconds, AT(idle_timeout_ms), 1, DAY_MS, false },
	{ "PING_INTERVAL", &kind_seconds, AT(ping_interval_ms), 1, DAY_MS, false },
	{ "MAX_RETRIES", &kind_int, AT(max_retries), 0, 20, false },
	{ "MAX_BODY_BYTES", &kind_bytes, AT(max_body_bytes), 1, GIB, false },
	{ "MAX_REPLY_BYTES", &kind_bytes, AT(max_reply_bytes), 1, UINT_MAX, false },
	{ "MAX_LINE_BYTES", &kind_bytes, AT(max_line_bytes), 1, GIB, false },
	{ "REQUEST_TIMEOUT", &kind_seconds, AT(request_timeout_ms), 1, DAY_MS, false },
	{ "CLIENT_STALL_TIMEOUT", &kind_seconds, AT(client_stall_timeout_ms), 1, DAY_MS, false },
	{ "MAX_CONNECTIONS", &kind_int, AT(max_connections), 0, 1000000, false },
	{ "DRAIN_TIMEOUT", &kind_seconds, AT(drain_timeout_ms), 0, DAY_MS, true },
	{ "LOG_FORMAT", &kind_log_format, 0, 0, 0, false },
	{ "DEBUG", &kind_bool, AT(debug), 0, 0, false },
	{ "VERBOSE", &kind_bool, AT(verbose), 0, 0, false },
	{ "PID_FILE", &kind_text, AT(pid_file), 0, 0, true },
	{ "LOG_FILE", &kind_text, AT(log_file), 0, 0, false },
	{ "HTTPS_PROXY", &kind_proxy_url, 0, 0, 0, false },
	{ "NO_PROXY", &kind_passed_on, 0, 0, 0, false },
	{ "SSL_CERT_FILE", &kind_text, AT(ssl_cert_file), 0, 0, false },
	{ "STATE_DIR", &kind_folder, AT(state_dir), 0, 0, false },
	{ "CAPTURE_DIR", &kind_text, AT(capture_dir), 0, 0, false },
	{ "SANDBOX", &kind_bool, AT(sandbox), 0, 0, false },
	{ "STATUS_BODIES", &kind_bool, AT(status_bodies), 0, 0, false },
};
/* clang-format on */

const size_t n_variables = sizeof(variables) / sizeof(variables[0]);

static const struct {
	const char *name, *alias;
} aliases[] = {
	{ "UPSTREAM_BASE_URL", "ANTHROPIC_PROXY_BASE_URL" },
	{ "REASONING_REQUEST", "REASONING_STYLE" },
	{ "HTTPS_PROXY", "https_proxy" },
	{ "NO_PROXY", "no_proxy" },
};

const char *
variable_alias(const struct variable *v, size_t *at)
{
	while (*at < sizeof(aliases) / sizeof(aliases[0])) {
		size_t i = (*at)++;

		if (strcmp(aliases[i].name, v->name) == 0)
			return aliases[i].alias;
	}
	return NULL;
}

#define NAME_MAX_LEN 40

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* How many letters must be changed, added or left out (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
			    corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[n];
}

const char *
variable_guess(const char *name)
{
	size_t len = strlen(name), best = 3;
	const char *guess = NULL;

	if (len < 4 || len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n_variables; i++) {
		size_t d = distance(name, variables[i].name);

		/* a short name is near to many a word */
		if (d < best && d * 4 <= strlen(variables[i].name)) {
			best = d;
			guess = variables[i].name;
		}
	}
	return guess;
}
