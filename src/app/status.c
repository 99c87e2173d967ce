/* SPDX-License-Identifier: MIT */
/* `status` and `stop`: finds the daemon by its pid file's lock. */
#include "app/status.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/config.h"
#include "app/health.h"
#include "app/pidfile.h"
#include "app/places.h"
#include "server/settings.h"
#include "wire/buf.h"

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

#define METRICS_MAX  ((size_t)512 * 1024)
#define METRIC	     "anthropic_proxy_"
#define GRACE_MS     5000
#define PROGRESS_MS  5000
#define LOOK_MS	     50
#define DRAIN_MAX_MS 86400000L

/* The pid file that tells most, among those where one may lie. */
struct search {
	char path[PATH_MAX];
	struct pidfile_owner owner;
};

/* Frees the path. */
static void
try_path(struct search *s, char *path)
{
	struct pidfile_owner owner;

	if (path == NULL)
		return;
	pidfile_look(path, &owner);
	/* running beats stale or refused beats none; then the first */
	if (s->path[0] == '\0' ||
	    (owner.state == PIDFILE_RUNNING &&
		s->owner.state != PIDFILE_RUNNING) ||
	    (owner.state != PIDFILE_NONE && s->owner.state == PIDFILE_NONE)) {
		snprintf(s->path, sizeof(s->path), "%s", path);
		s->owner = owner;
	}
	free(path);
}

static void
search_daemon(struct search *s, const struct config *config)
{
	const char *set = config->settings->pid_file;

	*s = (struct search){ .path = "" };
	if (config_is_set(config, "PID_FILE") && set != NULL) {
		try_path(s, strdup(set));
		return;
	}
	try_path(s, places_in_runtime_dir("anthropic-proxy.pid"));
	try_path(s, places_in_cache("anthropic-proxy.pid"));
	try_path(s, strdup(PLACES_OLD_PID_FILE));
}

static int
read_config(struct config *config, const struct config_flags *flags)
{
	struct config_error error;

	if (config_read(config, flags, CONFIG_TO_FIND, &error) == 0)
		return 0;
	fprintf(stderr, "anthropic-proxy: %s\n", error.text);
	return error.exit_code;
}

/* 45s, 3m12s, 2h05m, 3d04h */
static void
print_uptime(long long seconds)
{
	if (seconds < 60)
		printf("%llds", seconds);
	else if (seconds < 3600)
		printf("%lldm%02llds", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		printf("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
	else
		printf("%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
}

/* -- totals --------------------------------------------------------------- */

/* The sum of a metric's samples, of those that bear a label where one is
 * given. */
static unsigned long long
sum_of(const char *metrics, const char *name, const char *label)
{
	size_t len = strlen(name);
	unsigned long long sum = 0;
	const char *line = metrics, *end, *value, *hit;

	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		if (strncmp(line, name, len) != 0 ||
		    (line[len] != '{' && line[len] != ' '))
			continue;
		for (value = end; value > line && value[-1] != ' ';)
			value--;
		hit = label != NULL ? strstr(line, label) : line;
		if (hit != NULL && hit < value)
			sum += strtoull(value, NULL, 10);
	}
	return sum;
}

static void
print_totals(const char *metrics)
{
	const char *tokens = METRIC "tokens_total";
	unsigned long long cached = sum_of(metrics, tokens, "kind=\"cached\"");

	printf(", %llu requests (%llu failed), %llu running, %llu tokens in "
	       "(%llu cached), %llu out",
	    sum_of(metrics, METRIC "requests_total", "route=\"/v1/messages\""),
	    sum_of(metrics, METRIC "failed_requests_total", NULL),
	    sum_of(metrics, METRIC "requests_in_flight", NULL),
	    sum_of(metrics, tokens, "kind=\"input\"") + cached, cached,
	    sum_of(metrics, tokens, "kind=\"output\""));
}

/*
 * Asks the running proxy, with the key of its configuration if that can be
 * read and has one: totals are for those who hold a key.
 */
static void
show_totals(const struct config_flags *flags, const char *address)
{
	struct config_error error;
	struct config config;
	bool is_read =
	    config_read(&config, flags, CONFIG_TO_SERVE, &error) == 0;
	const char *key = is_read && config.settings->n_proxy_keys > 0
			      ? config.settings->proxy_keys[0]
			      : NULL;
	struct buf answer;
	int status;

	buf_init(&answer, METRICS_MAX);
	status = health_get(address, "/metrics", key, &answer);
	if (status == 200 && !answer.failed)
		print_totals(buf_str(&answer));
	else if (status == 401)
		printf(", totals only with its PROXY_API_KEY");
	buf_clear(&answer);
	if (is_read)
		config_clear(&config);
}

static void
print_running(const struct search *s, const struct config_flags *flags)
{
	struct pidfile_info info;
	long long up;

	pidfile_read_info(s->path, &info);
	printf("running: pid %ld", (long)s->owner.pid);
	if (info.address[0] != '\0')
		printf(", %s", info.address);
	if (info.started > 0) {
		up = (long long)time(NULL) - info.started;
		printf(", up ");
		print_uptime(up > 0 ? up : 0);
	}
	if (info.upstream[0] != '\0')
		printf(", upstream %s", info.upstream);
	if (info.address[0] != '\0')
		show_totals(flags, info.address);
	printf("\n");
}

static void
print_absent(const struct search *s, FILE *out)
{
	if (s->owner.state == PIDFILE_STALE && s->owner.pid != 0)
		fprintf(out,
		    "not running: stale pid file %s (pid %ld is not its "
		    "daemon)\n",
		    s->path, (long)s->owner.pid);
	else if (s->owner.state == PIDFILE_STALE)
		fprintf(out, "not running: stale pid file %s (no pid in it)\n",
		    s->path);
	else if (s->owner.state == PIDFILE_REFUSED)
		fprintf(out, "not running: pid file %s is not used: %s\n",
		    s->path, s->owner.detail);
	else
		fprintf(out, "not running\n");
}

/* In a container nobody writes a pid file, but the port answers. */
static int
ask_health(const struct settings *settings, const struct config_flags *flags)
{
	bool is_unix = strncmp(settings->host, "unix:", 5) == 0;
	bool is_v6 = !is_unix && strchr(settings->host, ':') != NULL;
	char address[300];
	int status;

	snprintf(address, sizeof(address), "%s%s%s%s", is_unix ? "" : "http://",
	    is_v6 ? "[" : "", settings->host, is_v6 ? "]" : "");
	if (!is_unix)
		snprintf(address + strlen(address),
		    sizeof(address) - strlen(address), ":%d", settings->port);
	status = health_ask(address);
	if (status == 200 || status == 503)
		printf("%s: %s (no pid file)",
		    status == 200 ? "running" : "draining", address);
	else if (status >= 0)
		printf("not running: something else answers at %s", address);
	else
		printf("not running: no pid file, and nothing answers at %s",
		    address);
	if (status == 200)
		show_totals(flags, address);
	printf("\n");
	return status == 200 ? 0 : 1;
}

int
status_show(const struct config_flags *flags)
{
	struct config config;
	struct search s;
	int rc = read_config(&config, flags);

	if (rc != 0)
		return rc;
	search_daemon(&s, &config);
	if (s.owner.state == PIDFILE_RUNNING) {
		print_running(&s, flags);
	} else if (s.owner.state == PIDFILE_NONE) {
		rc = ask_health(config.settings, flags);
	} else {
		print_absent(&s, stdout);
		rc = 1;
	}
	config_clear(&config);
	return rc;
}

static bool
is_gone(const struct search *s)
{
	struct pidfile_owner now;

	/* the lock goes with the process, even if nobody reaps it */
	pidfile_look(s->path, &now);
	return now.state != PIDFILE_RUNNING || now.pid != s->owner.pid ||
	       (kill(s->owner.pid, 0) == -1 && errno == ESRCH);
}

static int
wait_for_end(const struct search *s, long limit_ms)
{
	struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };

	for (long waited = 0; waited < limit_ms; waited += LOOK_MS) {
		if (is_gone(s))
			return 0;
		if (waited > 0 && waited % PROGRESS_MS == 0)
			fprintf(stderr,
			    "anthropic-proxy: waiting for the requests of pid "
			    "%ld, %lds of at most %lds\n",
			    (long)s->owner.pid, waited / 1000, limit_ms / 1000);
		nanosleep(&look, NULL);
	}
	return is_gone(s) ? 0 : -1;
}

static int
stop_daemon(const struct search *s, long drain_ms)
{
	struct pidfile_info info;
	long pid = (long)s->owner.pid;

	pidfile_read_info(s->path, &info);
	if (info.started > 0 && info.drain_ms >= 0 &&
	    info.drain_ms <= DRAIN_MAX_MS)
		drain_ms = info.drain_ms;
	if (kill(s->owner.pid, SIGTERM) == -1 && errno != ESRCH) {
		fprintf(stderr, "anthropic-proxy: cannot stop pid %ld: %s\n",
		    pid, strerror(errno));
		return 1;
	}
	if (wait_for_end(s, drain_ms + GRACE_MS) == -1) {
		fprintf(stderr,
		    "anthropic-proxy: pid %ld still runs; a second stop ends "
		    "it at once\n",
		    pid);
		return 1;
	}
	printf("stopped: pid %ld\n", pid);
	return 0;
}

int
status_stop(const struct config_flags *flags)
{
	struct config config;
	struct search s;
	int rc = read_config(&config, flags);

	if (rc != 0)
		return rc;
	search_daemon(&s, &config);
	if (s.owner.state == PIDFILE_RUNNING) {
		rc = stop_daemon(&s, config.settings->drain_timeout_ms);
	} else {
		print_absent(&s, stderr);
		rc = 1;
	}
	config_clear(&config);
	return rc;
}
