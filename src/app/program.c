/* SPDX-License-Identifier: MIT */
/* What serving takes besides the server: start, reload, drain, end. */
#include "app/program.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/broker.h"
#include "app/daemon.h"
#include "app/demo.h"
#include "app/places.h"
#include "app/run.h"
#include "app/runenv.h"
#include "app/sandbox.h"
#include "app/systemd.h"
#include "server/bind.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/secret.h"
#include "server/settings.h"
#include "wire/buf.h"
#include "wire/fault.h"

static int
fail(struct program *p, int exit_code, const char *why)
{
	if (p->report != -1)
		daemon_report_failure(p->report, exit_code, why);
	else
		fprintf(stderr, "anthropic-proxy: %s\n", why);
	p->report = -1;
	return exit_code;
}

/* -- the start
 * ------------------------------------------------------------------ */

static bool
has_command(const struct program *p)
{
	return p->cli->command == CLI_RUN;
}

/* Reads and checks; of run, only its command is admitted. */
static int
configure(struct program *p, struct config *config, struct config_error *error)
{
	if (config_read(config, &p->cli->flags, CONFIG_TO_SERVE, error) == -1)
		return -1;
	if (has_command(p) &&
	    settings_set_key(config->settings, p->token) == -1)
		*error = (struct config_error){ 1, "out of memory" };
	else if (config_check(config, error) == 0)
		return 0;
	config_clear(config);
	return -1;
}

int
program_configure(struct program *p, const struct cli *cli)
{
	struct config_error error;

	*p = (struct program){ .cli = cli, .report = -1, .socket = -1 };
	p->pidfile.fd = -1;
	if (has_command(p))
		secret_random_text(p->token, sizeof(p->token) - 1);
	if (configure(p, &p->config, &error) == -1)
		return fail(p, error.exit_code, error.text);
	runenv_hide_secrets();
	return 0;
}

int
program_block_signals(struct program *p)
{
	sigset_t blocked;
	int rc;

	sigemptyset(&p->signals);
	sigaddset(&p->signals, SIGTERM);
	sigaddset(&p->signals, SIGINT);
	sigaddset(&p->signals, SIGHUP);
	blocked = p->signals;
	sigaddset(&blocked, SIGXFSZ); /* a write that fails is enough */
	rc = pthread_sigmask(SIG_BLOCK, &blocked, &p->old_signals);
	if (rc != 0)
		return fail(p, 1, strerror(rc));
	return 0;
}

int
program_become_daemon(struct program *p)
{
	pid_t child;
	int report;

	if (!p->cli->daemon && !has_command(p)) {
		config_export(&p->config);
		return 0;
	}
	for (size_t i = 0; i < p->config.n_warnings; i++)
		fprintf(stderr, "anthropic-proxy: warning: %s\n",
		    p->config.warnings[i]);
	if ((child = daemon_split(&report)) == -1)
		return fail(p, 1, strerror(errno));
	if (child == 0) {
		config_export(&p->config);
		p->is_daemon = true;
		p->report = report;
		return 0;
	}
	/* Ctrl-C ends the waiting, the daemon then serves all the same. */
	pthread_sigmask(SIG_SETMASK, &p->old_signals, NULL);
	p->is_parent = true;
	p->exit_code = has_command(p) ? run_parent(p, child, report)
				      : daemon_await(child, report,
					    p->config.settings->log_file);
	return 1;
}

static int
open_pid_file(struct program *p)
{
	const struct settings *s = p->config.settings;
	char why[512];

	/* In the foreground only where somebody asked for one. */
	if (has_command(p) || (!p->is_daemon && p->cli->flags.pid_file == NULL))
		return 0;
	if (s->pid_file == NULL)
		return fail(p, 1,
		    "PID_FILE is not set and there is no home "
		    "folder to put it");
	if (pidfile_take(&p->pidfile, s->pid_file, why, sizeof(why)) == -1)
		return fail(p, 1, why);
	return 0;
}

static int
open_log(struct program *p)
{
	const struct settings *s = p->config.settings;
	bool is_wanted = config_is_set(&p->config, "LOG_FILE");
	bool debug = s->debug || s->verbose;
	char why[512];

	p->logs_to_file = p->is_daemon || is_wanted;
	if (p->logs_to_file && s->log_file != NULL)
		places_make_folder_of(s->log_file);
	if ((!p->logs_to_file || s->log_file != NULL) &&
	    log_open(
		p->logs_to_file ? s->log_file : NULL, s->log_json, debug) == 0)
		return 0;
	if (s->log_file == NULL)
		snprintf(why, sizeof(why),
		    "LOG_FILE is not set and there is "
		    "no home folder to put it");
	else
		snprintf(why, sizeof(why), "LOG_FILE: %.300s: %s", s->log_file,
		    errno == ELOOP || errno == EMLINK
			? "it is a symbolic link, which is not followed"
			: strerror(errno));
	if (!has_command(p) || is_wanted)
		return fail(p, 1, why);
	/* A command can run without a log. */
	fprintf(stderr, "anthropic-proxy: warning: no log: %s\n", why);
	p->logs_to_file = false;
	return 0;
}

int
program_open_files(struct program *p)
{
	int rc = open_pid_file(p);

	return rc != 0 ? rc : open_log(p);
}

/* The demo's address as the settings' upstream. */
static int
point_to_demo(struct settings *s, int port)
{
	char url[64], err[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", port);
	return settings_set_upstream(s, url, err, sizeof(err));
}

int
program_start_demo(struct program *p)
{
	struct settings *s = p->config.settings;
	char why[256];

	if (!s->demo)
		return 0;
	if (demo_start(&p->demo, &p->demo_port) == 0 &&
	    point_to_demo(s, p->demo_port) == 0)
		return 0;
	snprintf(why, sizeof(why), "the demo's upstream cannot start: %s",
	    strerror(errno));
	return fail(p, 1, why);
}

/* A socket of the service manager must not stand open to all either. */
static int
take_socket(struct program *p)
{
	const struct settings *s = p->config.settings;
	char why[256];

	if (has_command(p))
		return 0;
	p->socket = systemd_take_socket(why, sizeof(why));
	if (p->socket == -2)
		return fail(p, 1, why);
	p->was_handed = p->socket != -1;
	if (p->socket != -1 && s->n_proxy_keys == 0 && !s->allow_open &&
	    systemd_socket_is_open(p->socket))
		return fail(p, 2,
		    "the socket handed over can be reached by other machines: "
		    "set PROXY_API_KEY, or ALLOW_OPEN=1 if all who reach it "
		    "may use it");
	return 0;
}

static void
write_info(struct program *p)
{
	const struct settings *s = p->config.settings;
	struct pidfile_info info = { .started = (long long)time(NULL),
		.drain_ms = s->drain_timeout_ms };

	bind_name(p->socket, info.address, sizeof(info.address));
	snprintf(info.upstream, sizeof(info.upstream), "%s",
	    s->demo ? "demo" : s->upstream.host);
	pidfile_tell(&p->pidfile, &info);
}

int
program_bind(struct program *p)
{
	const struct settings *s = p->config.settings;
	struct fault why = { 0 };
	int rc;

	if ((rc = take_socket(p)) != 0)
		return rc;
	if (p->socket == -1) {
		if ((p->socket = bind_open(s->host, s->port, &why)) == -1)
			return fail(p, 1, why.message);
		if (strncmp(s->host, "unix:", 5) == 0)
			p->socket_file = strdup(s->host + 5);
	}
	write_info(p);
	return 0;
}

int
program_confine(struct program *p)
{
	struct sandbox s = { .config = &p->config,
		.flags = &p->cli->flags,
		.pid_file = p->pidfile.path,
		.socket_file = p->socket_file,
		.logs_to_file = p->logs_to_file };

	sandbox_enter(&s);
	return 0;
}

int
program_listen(struct program *p)
{
	struct fault why = { 0 };

	p->listener =
	    listener_start(p->config.settings, p->socket, p->was_handed, &why);
	p->socket = -1;
	return p->listener == NULL ? fail(p, 1, why.message) : 0;
}

/* -- ready
 * ------------------------------------------------------------------------ */

static void
log_warnings(const struct config *config)
{
	for (size_t i = 0; i < config->n_warnings; i++)
		log_say(LOG_WARN, "%s", config->warnings[i]);
}

static void
log_upstream(const struct settings *s)
{
	size_t len = strcspn(s->upstream.url, "?"); /* a key may follow */

	log_say(LOG_INFO, "upstream %.*s%s", (int)len, s->upstream.url,
	    s->demo		      ? " (the demo)"
	    : s->upstream_key == NULL ? " with the client's own key"
				      : "");
}

struct offer {
	const struct program *program;
	struct buf *lines;
};

static void
choose_models(void *cookie, const struct model_list *list)
{
	const struct offer *o = cookie;

	runenv_choose(
	    o->program->config.settings, list, o->program->cli->argv, o->lines);
}

/* What the parent needs to run the command: the address, then what
 * runenv_choose() says. */
static void
tell_command(struct program *p, const char *address)
{
	struct buf lines;
	struct offer o = { p, &lines };

	buf_init(&lines, DAEMON_REPORT_MAX - 2);
	buf_printf(&lines, "%s\n", address);
	if (p->logs_to_file)
		buf_printf(
		    &lines, "!the log is %s\n", p->config.settings->log_file);
	listener_show_models(p->listener, choose_models, &o);
	daemon_report_ready(p->report, buf_str(&lines), true);
	buf_clear(&lines);
}

void
program_tell_ready(struct program *p)
{
	const char *address = listener_address(p->listener);

	log_warnings(&p->config);
	log_upstream(p->config.settings);
	/* In a terminal a plain line, so that its end is the address's end. */
	if (p->logs_to_file || p->config.settings->log_json)
		log_say(LOG_INFO, "listening on %s", address);
	if (!p->is_daemon && (p->logs_to_file || !p->config.settings->log_json))
		fprintf(stderr, "listening on %s\n", address);
	if (has_command(p)) {
		tell_command(p, address);
		return;
	}
	if (p->report != -1)
		daemon_report_ready(p->report, address, false);
	p->report = -1;
	systemd_notify("READY=1");
}

/* -- reload
 * ------------------------------------------------------------------------ */

static bool
differs(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) != 0;
}

static void
tell_what_needs_restart(const struct settings *old, const struct settings *new)
{
	const struct {
		const char *name;
		bool changed;
	} fixed[] = {
		{ "HOST", differs(old->host, new->host) },
		{ "PORT", old->port != new->port },
		{ "MAX_CONNECTIONS",
		    old->max_connections != new->max_connections },
		{ "PID_FILE", differs(old->pid_file, new->pid_file) },
		{ "LOG_FILE", differs(old->log_file, new->log_file) },
		{ "STATE_DIR", differs(old->state_dir, new->state_dir) },
		{ "CAPTURE_DIR", old->sandbox && differs(old->capture_dir,
						     new->capture_dir) },
		{ "SANDBOX", old->sandbox != new->sandbox },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i].changed)
			log_say(LOG_WARN, "reload: %s needs a restart",
			    fixed[i].name);
}

static int
read_again(struct program *p, struct config *config)
{
	struct config_error error = { 1, "out of memory" };

	if (configure(p, config, &error) == -1)
		goto refused;
	if (p->demo != NULL &&
	    point_to_demo(config->settings, p->demo_port) == -1) {
		config_clear(config);
		goto refused;
	}
	return 0;
refused:
	log_say(LOG_ERROR, "reload: the old settings stay: %s", error.text);
	return -1;
}

/* As log_open_file() does, but through the sandbox. */
static int
open_log_again(const char *path)
{
	return broker_do(path, log_open_file);
}

static void
reload(struct program *p)
{
	struct config config;
	const struct settings *s;

	systemd_notify_reloading();
	if (read_again(p, &config) == 0) {
		tell_what_needs_restart(p->config.settings, config.settings);
		listener_reload(p->listener, config.settings);
		config_clear(&p->config);
		p->config = config;
	}
	s = p->config.settings;
	if (log_reopen(open_log_again, s->log_json, s->debug || s->verbose) ==
	    -1)
		log_say(LOG_ERROR,
		    "reload: the log file cannot be opened "
		    "again: %s",
		    strerror(errno));
	log_warnings(&p->config);
	log_upstream(s);
	systemd_notify("READY=1");
}

/* -- the end
 * ------------------------------------------------------------------------ */

/* Readable means gone: a parent that runs a command says nothing. */
static void *
wait_for_parent(void *cookie)
{
	const struct program *p = cookie;
	char byte;

	while (read(p->report, &byte, 1) == -1 && errno == EINTR)
		continue;
	pthread_kill(p->main_thread, SIGTERM);
	return NULL;
}

void
program_wait_for_stop(struct program *p)
{
	pthread_t waiter;
	int sig;

	p->main_thread = pthread_self();
	if (has_command(p)) {
		if (pthread_create(&waiter, NULL, wait_for_parent, p) != 0) {
			log_say(LOG_ERROR, "cannot start a thread");
			return; /* nothing would ever end it */
		}
		(void)pthread_detach(waiter);
	}
	while (sigwait(&p->signals, &sig) != 0 || sig == SIGHUP)
		if (sig == SIGHUP)
			reload(p);
	log_say(
	    LOG_INFO, "stopping: %s", sig == SIGTERM ? "SIGTERM" : "SIGINT");
	systemd_notify("STOPPING=1");
}

/* Waits for the signal that ends the drain at once. */
struct impatience {
	const sigset_t *signals;
	int wake; /* the pipe's write end */
	atomic_bool is_over;
};

static void *
wait_for_second_signal(void *cookie)
{
	struct impatience *i = cookie;
	int sig = 0;

	while (sigwait(i->signals, &sig) != 0 ||
	       (sig == SIGHUP && !atomic_load(&i->is_over)))
		continue;
	if (!atomic_load(&i->is_over))
		(void)!write(i->wake, "!", 1);
	return NULL;
}

void
program_drain(struct program *p)
{
	/* Who asked is gone together with the command. */
	long timeout_ms =
	    has_command(p) ? 0 : p->config.settings->drain_timeout_ms;
	struct impatience i = { .signals = &p->signals };
	pthread_t waiter;
	int ends[2];

	if (pipe(ends) == -1) {
		listener_drain(p->listener, timeout_ms, -1);
		return;
	}
	i.wake = ends[1];
	atomic_init(&i.is_over, false);
	if (pthread_create(&waiter, NULL, wait_for_second_signal, &i) != 0) {
		listener_drain(p->listener, timeout_ms, -1);
	} else {
		listener_drain(p->listener, timeout_ms, ends[0]);
		atomic_store(&i.is_over, true);
		pthread_kill(waiter, SIGHUP); /* blocked: its sigwait ends */
		pthread_join(waiter, NULL);
	}
	close(ends[0]);
	close(ends[1]);
}

void
program_close(struct program *p)
{
	bool served = p->listener != NULL;

	listener_stop(p->listener);
	demo_stop(p->demo);
	if (p->socket >= 0)
		close(p->socket);
	if (p->socket_file != NULL)
		(void)broker_do(p->socket_file, unlink);
	pidfile_drop(&p->pidfile);
	if (served)
		log_say(LOG_INFO, "stopped");
	sandbox_leave();
	free(p->socket_file);
	config_clear(&p->config);
}
