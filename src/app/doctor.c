/* SPDX-License-Identifier: MIT */
/* The doctor's words: progress, table, JSON, the .env.  What is found and
 * what follows are doctor_probe's and doctor_judge's. */
#include "app/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor_probe.h"
#include "app/envedit.h"
#include "app/program.h"
#include "app/variables.h"
#include "server/log.h"
#include "server/settings.h"
#include "wire/buf.h"

#define MAX_TEXT ((size_t)2 * 1024 * 1024)

/* One run. */
struct doctor {
	const struct settings *settings;
	struct findings found;
	struct diagnosis diagnosis;
	const char *file; /* that --write is for */
	const char *home; /* left out of paths that are shown; or NULL */
};

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "anthropic-proxy: %s: %s\n", what, why);
	return 1;
}

static void
show_progress(const char *what, int n, int of)
{
	bool is_tty = isatty(STDERR_FILENO);

	/* in a terminal one line that is written over and over */
	fprintf(stderr, "%s(%d/%d) asking for %s%s", is_tty ? "\r\x1b[K" : "",
	    n, of, what, is_tty ? " ..." : "\n");
	fflush(stderr);
}

static void
end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\x1b[K", stderr);
}

/* -- what is printed --------------------------------------------------------
 */

static const char *const verdicts[N_VERDICTS] = { "ok", "no", "fail", "?" };

/* A value; a URL without its query, which may hold a key. */
static const char *
show(const char *name, const char *value, char out[static 2048])
{
	bool is_url = strcmp(name, "UPSTREAM_BASE_URL") == 0;

	snprintf(out, 2048, "%.*s",
	    (int)(is_url ? strcspn(value, "?") : strlen(value)), value);
	return out;
}

/* A path as it may be shown to others. */
static void
show_path(const struct doctor *d, const char *path, char out[static 512])
{
	size_t n = d->home != NULL ? strlen(d->home) : 0;

	if (n > 1 && strncmp(path, d->home, n) == 0 && path[n] == '/')
		snprintf(out, 512, "~%s", path + n);
	else
		snprintf(out, 512, "%s", path);
}

static void
print_table(const struct doctor *d, struct buf *out)
{
	const struct diagnosis *g = &d->diagnosis;
	char value[2048];

	buf_printf(out, "anthropic-proxy " VERSION ", upstream %s%s\n\n",
	    show("UPSTREAM_BASE_URL", d->settings->upstream.url, value),
	    d->settings->demo ? " (the demo)" : "");
	/* of a failure, what led to it is enough */
	for (size_t i = 0; i < g->n_rows; i++)
		if (g->works || g->rows[i].verdict != VERDICT_OPEN)
			buf_printf(out, "  %-4s  %-15s  %s\n",
			    verdicts[g->rows[i].verdict], g->rows[i].name,
			    g->rows[i].text);
	buf_printf(out, "\nThe proxy %s with this upstream.\n",
	    g->works ? "works" : "cannot work");
	if (!g->works)
		return;
	buf_add_str(out, g->n_advice > 0 ? "\nRecommended settings:\n"
					 : "No other settings are needed.\n");
	for (size_t i = 0; i < g->n_advice; i++) {
		const struct advice *a = &g->advice[i];

		buf_printf(out, "%s=", a->name);
		envedit_print_value(show(a->name, a->value, value), out);
		if (a->instead != NULL)
			buf_printf(out, "  # instead of %s", a->instead);
		buf_add_char(out, '\n');
	}
}

/* A member; a NULL text is null. */
static void
put(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, ",\"%s\":", key);
	if (text != NULL)
		json_put_string(out, text);
	else
		BUF_ADD_LIT(out, "null");
}

/* `wrote`: the file that was changed, or NULL. */
static void
print_json(const struct doctor *d, const char *wrote, struct buf *out)
{
	const struct diagnosis *g = &d->diagnosis;
	char value[2048];

	buf_printf(out, "{\"version\":\"" VERSION "\",\"works\":%s",
	    g->works ? "true" : "false");
	put(out, "upstream",
	    show("UPSTREAM_BASE_URL", d->settings->upstream.url, value));
	put(out, "model", d->found.model);
	put(out, "wrote", wrote);
	BUF_ADD_LIT(out, ",\"checks\":[");
	for (size_t i = 0; i < g->n_rows; i++) {
		buf_printf(out, "%s{\"result\":\"%s\"", i > 0 ? "," : "",
		    verdicts[g->rows[i].verdict]);
		put(out, "name", g->rows[i].name);
		put(out, "detail", g->rows[i].text);
		buf_add_char(out, '}');
	}
	BUF_ADD_LIT(out, "],\"settings\":{");
	for (size_t i = 0; i < g->n_advice; i++) {
		const struct advice *a = &g->advice[i];

		buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", a->name);
		json_put_string(out, show(a->name, a->value, value));
	}
	BUF_ADD_LIT(out, "}}\n");
}

/* -- the .env ---------------------------------------------------------------
 */

static const struct variable *
variable_of(const char *name)
{
	size_t i = 0;

	while (i + 1 < n_variables && strcmp(variables[i].name, name) != 0)
		i++;
	return &variables[i];
}

/* Puts what is recommended into the text. */
static void
edit(const struct diagnosis *g, char *text, size_t len, struct buf *out)
{
	struct buf next;

	buf_add(out, text, len);
	for (size_t i = 0; i < g->n_advice; i++) {
		const struct advice *a = &g->advice[i];
		size_t at = 0;

		buf_init(&next, MAX_TEXT);
		envedit_put(buf_str(out), out->len, a->name,
		    variable_alias(variable_of(a->name), &at), a->value, &next);
		buf_clear(out);
		*out = next;
	}
}

static void
warn_of_environment(const struct diagnosis *g)
{
	for (size_t i = 0; i < g->n_advice; i++) {
		const char *name = g->advice[i].name;
		size_t at = 0;

		do
			if (getenv(name) != NULL)
				complain(name, "is set in the environment, "
					       "too, which beats the file");
		while ((name = variable_alias(
			    variable_of(g->advice[i].name), &at)) != NULL);
	}
}

/* 0, or the exit code after saying why. */
static int
write_settings(const struct doctor *d)
{
	char *text, shown[512];
	struct buf out;
	size_t len;
	int rc = -1;

	show_path(d, d->file, shown);
	buf_init(&out, MAX_TEXT);
	if ((text = envedit_read(d->file, &len)) != NULL) {
		edit(&d->diagnosis, text, len, &out);
		if (out.failed)
			errno = EFBIG;
		else
			rc = envedit_write(d->file, buf_str(&out), out.len);
	}
	if (rc == -1)
		complain(shown, errno == ELOOP
				    ? "it is a symbolic link, which is not "
				      "followed; nothing is written"
				    : strerror(errno));
	else
		warn_of_environment(&d->diagnosis);
	free(text);
	buf_clear(&out);
	return rc == -1 ? 1 : 0;
}

/* -- the run ----------------------------------------------------------------
 */

static int
report(struct doctor *d, const struct cli *cli)
{
	const struct diagnosis *g = &d->diagnosis;
	bool writes = cli->write && g->works && g->n_advice > 0;
	char shown[512];
	struct buf out;
	int rc = g->works ? 0 : 1;

	show_path(d, d->file, shown);
	if (writes && write_settings(d) != 0) {
		writes = false;
		rc = 1;
	}
	buf_init(&out, MAX_TEXT);
	if (cli->json)
		print_json(d, writes ? shown : NULL, &out);
	else
		print_table(d, &out);
	if (!cli->json && writes)
		buf_printf(&out,
		    "\nThey are now in %s; a proxy that runs takes them after "
		    "a SIGHUP.\n",
		    shown);
	else if (!cli->json && cli->write && rc == 0)
		buf_add_str(&out, "Nothing was written.\n");
	if (fputs(buf_str(&out), stdout) == EOF || fflush(stdout) == EOF)
		rc = complain("standard output", strerror(errno));
	buf_clear(&out);
	return rc;
}

static int
examine(struct program *p, const struct cli *cli)
{
	struct probing wanted = { show_progress, cli->model };
	struct settings *s = p->config.settings;
	struct doctor d = { .settings = s, .home = getenv("HOME") };
	struct fault why = { 0 };
	int rc;

	d.file = s->config_file != NULL ? s->config_file : "./.env";
	rc = doctor_probe(&wanted, s, &d.found, &why);
	end_progress();
	if (rc == -1)
		rc = complain("doctor", why.message);
	else {
		doctor_judge(&d.found, &d.diagnosis);
		rc = report(&d, cli);
	}
	doctor_forget(&d.found);
	return rc;
}

int
doctor_run(const struct cli *cli)
{
	bool is_loud = cli->flags.debug || cli->flags.verbose;
	struct program p;
	int rc;

	if (cli->write && cli->flags.demo) {
		complain("--write", "does not go with --demo");
		return 2;
	}
	if ((rc = program_configure(&p, cli)) == 0) {
		for (size_t i = 0; i < p.config.n_warnings; i++)
			complain("warning", p.config.warnings[i]);
		if (!is_loud)
			(void)log_open("/dev/null", false, false);
		if ((rc = program_start_demo(&p)) == 0)
			rc = examine(&p, cli);
	}
	program_close(&p);
	return rc;
}
