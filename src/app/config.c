/* SPDX-License-Identifier: MIT */
/* Fills the settings and remembers where each value came from. */
#include "app/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/broker.h"
#include "app/envedit.h"
#include "app/keys.h"
#include "app/kinds.h"
#include "app/places.h"
#include "app/sources.h"
#include "app/textfile.h"
#include "app/variables.h"
#include "server/secret.h"
#include "server/settings.h"
#include "wire/buf.h"

#define WARNINGS_MAX 100
#define SHORT_KEY    8
#define VALUE_SHOWN  100
#define OPENROUTER   "openrouter.ai"

/* One call of config_read(). */
struct reading {
	struct config *config;
	struct sources in;
	enum config_purpose purpose;
	struct config_error *error;
};

static int complain(struct config_error *error, int exit_code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
complain(struct config_error *error, int exit_code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	error->exit_code = exit_code;
	return -1;
}

static void warn(struct config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
warn(struct config *config, const char *format, ...)
{
	char text[1024], **grown;
	va_list args;

	if (config->n_warnings == WARNINGS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	grown = realloc(
	    config->warnings, (config->n_warnings + 1) * sizeof(*grown));
	if (grown == NULL)
		return;
	config->warnings = grown;
	if ((grown[config->n_warnings] = strdup(text)) != NULL)
		config->n_warnings++;
}

static size_t
index_of(const char *name)
{
	size_t i = 0;

	while (i < n_variables && strcmp(variables[i].name, name) != 0)
		i++;
	return i;
}

/* -- taking values ----------------------------------------------------------
 */

/* The start of a value, without anything that would break the line. */
static void
shorten(const char *text, char out[static VALUE_SHOWN + 4])
{
	size_t n = 0;

	for (; n < VALUE_SHOWN && text[n] != '\0'; n++)
		out[n] = text[n] == '\x7f' || (unsigned char)text[n] < ' '
			     ? '?'
			     : text[n];
	snprintf(out + n, 4, "%s", text[n] == '\0' ? "" : "...");
}

static int
refuse_value(const struct variable *v, const struct found *found,
    const char *allowed, struct config_error *error)
{
	char shown[VALUE_SHOWN + 4];
	bool is_secret =
	    v->kind->is_secret ||
	    (v->kind == &kind_base_url && strpbrk(found->text, "@?") != NULL);

	if (is_secret)
		return complain(error, 2, "%s: the value is refused: %s (%s)",
		    found->name, allowed, found->where);
	shorten(found->text, shown);
	if (found->level == SOURCE_FLAG)
		return complain(error, 2, "%s: \"%s\" is refused: %s",
		    found->name, shown, allowed);
	return complain(error, 2, "%s: \"%s\" is refused: %s (%s)", found->name,
	    shown, allowed, found->where);
}

static int
keep_origin(struct reading *r, size_t i, const char *raw, const char *where)
{
	struct config_origin *origin = &r->config->origins[i];

	free(origin->raw);
	free(origin->where);
	origin->raw = strdup(raw);
	origin->where = strdup(where);
	if (origin->raw == NULL || origin->where == NULL)
		return complain(r->error, 1, "out of memory");
	return 0;
}

static int
take_value(struct reading *r, size_t i, const struct found *found)
{
	const struct variable *v = &variables[i];
	char allowed[256] = "";

	if (v->kind->set != NULL &&
	    v->kind->set(v, found->text, r->config->settings, allowed,
		sizeof(allowed)) == -1)
		return refuse_value(v, found, allowed, r->error);
	/* a secret is kept in the settings alone */
	return keep_origin(r, i,
	    v->kind->is_secret && v->kind != &kind_proxy_url ? "" : found->text,
	    found->where);
}

/*
 * A key and the file that may hold it instead: the nearer source counts, and
 * of both in one source neither is guessed.
 */
static int
take_key(struct reading *r, const char *name, const char *file_name)
{
	size_t i = index_of(name), i_file = index_of(file_name);
	struct found key, file, in_file;
	bool has_key = sources_find(&r->in, &variables[i], &key);
	bool has_file = sources_find(&r->in, &variables[i_file], &file);
	bool is_open = false;
	char *text;
	int rc;

	if (has_key && has_file && key.level == file.level &&
	    key.text[0] != '\0' && file.text[0] != '\0')
		return complain(r->error, 2,
		    "%s and %s are both set (%s): which one is meant?", name,
		    file_name, key.where);
	if (has_key && (!has_file || key.level > file.level ||
			   (key.level == file.level && file.text[0] == '\0')))
		return take_value(r, i, &key);
	if (!has_file || file.text[0] == '\0')
		return 0;
	if ((text = keys_read_file(file.text, &is_open)) == NULL)
		return complain(r->error, 1, "%s: %.300s: %s%s (%s)", file_name,
		    file.text, strerror(errno), broker_hint(file.text, errno),
		    file.where);
	if (is_open)
		warn(r->config, "%s: others may read or change %s", file_name,
		    file.text);
	in_file = (struct found){ .name = file_name, .text = text };
	snprintf(
	    in_file.where, sizeof(in_file.where), "from %.200s", file.text);
	if (text[0] == '\0')
		rc = refuse_value(
		    &variables[i], &in_file, "the file is empty", r->error);
	else
		rc = take_value(r, i, &in_file);
	if (rc == 0)
		rc = take_value(r, i_file, &file);
	secret_free(text);
	return rc;
}

static int
take_values(struct reading *r)
{
	struct found found;

	for (size_t i = 0; i < n_variables; i++) {
		const struct variable *v = &variables[i];

		if (r->purpose == CONFIG_TO_FIND && !v->finds)
			continue;
		if (v->kind == &kind_upstream_key ||
		    v->kind == &kind_proxy_keys || v->kind == &kind_key_file)
			continue; /* take_key */
		if (sources_find(&r->in, v, &found) &&
		    take_value(r, i, &found) == -1)
			return -1;
	}
	return 0;
}

/* -- what follows from several values ---------------------------------------
 */

static bool
is_openrouter(const char *host)
{
	size_t len, n = strlen(OPENROUTER);

	if (host == NULL || (len = strlen(host)) < n ||
	    strcmp(host + len - n, OPENROUTER) != 0)
		return false;
	return len == n || host[len - n - 1] == '.';
}

/* OPENROUTER_API_KEY belongs to OpenRouter and is sent nowhere else. */
static int
take_openrouter_key(struct reading *r)
{
	struct settings *s = r->config->settings;
	size_t i = index_of("UPSTREAM_API_KEY");
	struct found found;

	if (s->upstream_key != NULL || !is_openrouter(s->upstream.host) ||
	    !sources_find_name(&r->in, "OPENROUTER_API_KEY", &found))
		return 0;
	snprintf(found.where + strlen(found.where),
	    sizeof(found.where) - strlen(found.where), ", %s", found.name);
	return take_value(r, i, &found);
}

static int
take_keys(struct reading *r)
{
	struct settings *s = r->config->settings;

	if (take_key(r, "UPSTREAM_API_KEY", "UPSTREAM_API_KEY_FILE") == -1 ||
	    take_key(r, "PROXY_API_KEY", "PROXY_API_KEY_FILE") == -1 ||
	    take_openrouter_key(r) == -1)
		return -1;
	for (size_t i = 0; i < s->n_proxy_keys; i++)
		if (strlen(s->proxy_keys[i]) < SHORT_KEY)
			warn(r->config,
			    "PROXY_API_KEY: key %zu is shorter than %d "
			    "characters and may be guessed",
			    i + 1, SHORT_KEY);
	return 0;
}

static int
default_paths(struct reading *r)
{
	struct settings *s = r->config->settings;

	/* without a home they stay NULL, and who needs one says so */
	if (s->state_dir == NULL)
		s->state_dir = places_state_dir();
	if (s->pid_file == NULL && (s->pid_file = places_in_runtime_dir(
					"anthropic-proxy.pid")) == NULL)
		s->pid_file = places_in_cache("anthropic-proxy.pid");
	if (s->log_file == NULL && (s->log_file = places_in_runtime_dir(
					"anthropic-proxy.log")) == NULL)
		s->log_file = places_in_cache("anthropic-proxy.log");
	if (r->in.path != NULL && (s->config_file = strdup(r->in.path)) == NULL)
		return complain(r->error, 1, "out of memory");
	return 0;
}

static bool
is_known(const char *name)
{
	const char *alias;
	size_t at;

	if (strcmp(name, "OPENROUTER_API_KEY") == 0)
		return true;
	for (size_t i = 0; i < n_variables; i++) {
		if (strcmp(name, variables[i].name) == 0)
			return true;
		for (at = 0;
		     (alias = variable_alias(&variables[i], &at)) != NULL;)
			if (strcmp(name, alias) == 0)
				return true;
	}
	return false;
}

/* The file may serve other programs too: only what looks like a misspelled
 * name of ours is worth a word. */
static void
warn_of_typos(struct reading *r)
{
	const struct envfile *file = &r->in.file;

	for (size_t i = 0; i < file->n_lines; i++) {
		const struct env_line *line = &file->lines[i];
		const char *guess;

		if (is_known(line->key)) {
			const struct env_line *last =
			    envfile_find(file, line->key);

			if (last != line)
				warn(r->config,
				    "%s:%u: %s is set again in "
				    "line %u, which counts",
				    r->in.shown, line->line, line->key,
				    last->line);
			continue;
		}
		if ((guess = variable_guess(line->key)) != NULL)
			warn(r->config,
			    "%s:%u: there is no setting %s; is %s meant?",
			    r->in.shown, line->line, line->key, guess);
		else if (strncmp(line->key, "UPSTREAM_", 9) == 0 ||
			 strncmp(line->key, "PROXY_", 6) == 0 ||
			 strncmp(line->key, "ANTHROPIC_PROXY_", 16) == 0)
			warn(r->config, "%s:%u: there is no setting %s",
			    r->in.shown, line->line, line->key);
	}
}

/* -- the whole --------------------------------------------------------------
 */

int
config_read(struct config *config, const struct config_flags *flags,
    enum config_purpose purpose, struct config_error *error)
{
	struct reading r = {
		.config = config, .purpose = purpose, .error = error
	};
	int rc = -1;

	*config = (struct config){ 0 };
	if (sources_open(&r.in, flags, error) == -1)
		goto out;
	config->settings = settings_new();
	config->origins = calloc(n_variables, sizeof(*config->origins));
	if (config->settings == NULL || config->origins == NULL) {
		complain(error, 1, "out of memory");
		goto out;
	}
	config->settings->demo = flags->demo;
	if (take_values(&r) == -1 ||
	    (purpose == CONFIG_TO_SERVE && take_keys(&r) == -1) ||
	    default_paths(&r) == -1)
		goto out;
	if (r.in.warning[0] != '\0')
		warn(config, "%s", r.in.warning);
	if (purpose == CONFIG_TO_SERVE)
		warn_of_typos(&r);
	rc = 0;
out:
	sources_close(&r.in);
	if (rc == -1)
		config_clear(config);
	return rc;
}

int
config_check(const struct config *config, struct config_error *error)
{
	const struct settings *s = config->settings;
	int fd;

	if (s->upstream.url == NULL && !s->demo)
		return complain(error, 2,
		    "UPSTREAM_BASE_URL is not set: it names the "
		    "OpenAI-compatible upstream, such as "
		    "https://openrouter.ai/api/v1 (or try --demo)");
	if (!variable_host_is_loopback(s->host) && s->n_proxy_keys == 0 &&
	    !s->allow_open)
		return complain(error, 2,
		    "HOST: \"%.200s\" can be reached by other machines: set "
		    "PROXY_API_KEY, or ALLOW_OPEN=1 if all who reach it may "
		    "use it",
		    s->host);
	if (s->ssl_cert_file == NULL)
		return 0;
	if ((fd = textfile_open(s->ssl_cert_file)) == -1)
		return complain(error, 1, "SSL_CERT_FILE: %.300s: %s%s",
		    s->ssl_cert_file, strerror(errno),
		    broker_hint(s->ssl_cert_file, errno));
	close(fd);
	return 0;
}

void
config_print(const struct config *config, struct buf *out)
{
	struct buf value;

	buf_init(&value, 512 * 1024);
	for (size_t i = 0; i < n_variables; i++) {
		const struct variable *v = &variables[i];
		const struct config_origin *origin = &config->origins[i];

		v->kind->show(v, config->settings, origin->raw, &value);
		buf_printf(out, "%s=", v->name);
		envedit_print_value(buf_str(&value), out);
		buf_printf(out, "  # %s",
		    origin->where == NULL ? "default" : origin->where);
		if (v->kind == &kind_base_url &&
		    config->settings->upstream.url != NULL)
			buf_printf(out, "; requests go to %.*s",
			    (int)strcspn(config->settings->upstream.url, "?"),
			    config->settings->upstream.url);
		buf_add_char(out, '\n');
		buf_reset(&value);
	}
	buf_clear(&value);
}

void
config_export(const struct config *config)
{
	for (size_t i = 0; i < n_variables; i++) {
		const char *raw = config->origins[i].raw;

		if (raw != NULL && (variables[i].kind == &kind_proxy_url ||
				       variables[i].kind == &kind_passed_on))
			(void)setenv(variables[i].name, raw, 0);
	}
}

const char *
config_raw(const struct config *config, const char *name)
{
	size_t i = index_of(name);

	return i < n_variables ? config->origins[i].raw : NULL;
}

bool
config_is_set(const struct config *config, const char *name)
{
	const char *raw = config_raw(config, name);

	return raw != NULL && raw[0] != '\0';
}

void
config_clear(struct config *config)
{
	settings_drop(config->settings);
	for (size_t i = 0; config->origins != NULL && i < n_variables; i++) {
		free(config->origins[i].raw);
		free(config->origins[i].where);
	}
	free(config->origins);
	for (size_t i = 0; i < config->n_warnings; i++)
		free(config->warnings[i]);
	free(config->warnings);
	*config = (struct config){ 0 };
}
