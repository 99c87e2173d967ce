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

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

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

static void
print_running(const struct search *s)
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
ask_health(const struct settings *settings)
{
	bool is_unix = strncmp(settings->host, "unix:", 5) == 0;
	bool is_v6 = !is_unix && strchr(settings->host, ':') != NULL;
	int status = health_ask(settings->host, settings->port);
	char address[300];

	snprintf(address, sizeof(address), "%s%s%s%s", is_unix ? "" : "http://",
	    is_v6 ? "[" : "", settings->host, is_v6 ? "]" : "");
	if (!is_unix)
		snprintf(address + strlen(address),
		    sizeof(address) - strlen(address), ":%d", settings->port);
	if (status == 200)
		printf("running: %s (no pid file)\n", address);
	else if (status == 503)
		printf("draining: %s (no pid file)\n", address);
	else if (status >= 0)
		printf("not running: something else answers at %s\n", address);
	else
		printf("not running: no pid file, and nothing answers at %s\n",
		    address);
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
		print_running(&s);
	} else if (s.owner.state == PIDFILE_NONE) {
		rc = ask_health(config.settings);
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
