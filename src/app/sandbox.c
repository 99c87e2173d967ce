/* SPDX-License-Identifier: MIT */
/* Decides what stays open; confine.h closes the rest. */
#define _XOPEN_SOURCE 700 /* realpath() */

#include "app/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/broker.h"
#include "app/config.h"
#include "app/confine.h"
#include "app/pidfile.h"
#include "app/places.h"
#include "app/sources.h"
#include "app/textfile.h"
#include "server/log.h"
#include "server/settings.h"

#define PATHS_MAX 40

/*
 * What resolving names and trusting certificates read, at any time: whole
 * folders, since resolv.conf and its like are replaced by renaming.  Libraries
 * too, for name services and the like are loaded when first used, and the users
 * of systemd, one of which we may be, lie with it.
 */
static const char *const readable[] = { "/etc", "/usr", "/lib", "/lib64",
	"/nix/store", "/gnu/store", "/run/systemd/resolve",
	"/run/systemd/userdb", "/run/resolvconf", "/run/NetworkManager",
	"/var/lib/ca-certificates", "/dev/random", "/dev/urandom", "/proc/self",
	"/sys/devices/system/cpu" };

struct list {
	struct confine_path paths[PATHS_MAX];
	size_t n;
};

static void
add(struct list *l, const char *path, bool writable)
{
	if (path != NULL && path[0] != '\0' && l->n < PATHS_MAX)
		l->paths[l->n++] = (struct confine_path){ path, writable };
}

/*
 * The folder of a file, so that another file may be renamed in its place; but
 * of a home, or of what all use, only the file itself.
 */
static void
add_folder_of(struct list *l, const char *file, char room[static PATH_MAX])
{
	static const char *const wide[] = { "", "/home", "/root", "/tmp",
		"/var/tmp", "/run" };
	char *home = places_in_home("");
	char *slash;
	size_t len;

	if (file == NULL || realpath(file, room) == NULL ||
	    (slash = strrchr(room, '/')) == NULL)
		goto out;
	*slash = '\0';
	len = strlen(room);
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (strcmp(room, wide[i]) == 0)
			*slash = '/';
	if (home != NULL && strncmp(room, home, len) == 0 && home[len] == '/')
		*slash = '/'; /* the home, or what it lies in */
	add(l, room, false);
out:
	free(home);
}

/* Makes the folder: a rule needs one. */
static void
add_own_folder(struct list *l, const char *path, char room[static PATH_MAX])
{
	if (path == NULL || path[0] == '\0' ||
	    snprintf(room, PATH_MAX, "%s/", path) >= PATH_MAX)
		return;
	places_make_folder_of(room);
	add(l, room, true);
}

static int
close_files(const struct sandbox *s, int version)
{
	const struct settings *settings = s->config->settings;
	const char *notify = getenv("NOTIFY_SOCKET");
	char room[4][PATH_MAX];
	struct list l = { .n = 0 };
	/* the demo binds yet */
	unsigned flags = CONFINE_SIGNALS | (settings->demo ? 0 : CONFINE_BIND);

	if (notify == NULL || notify[0] != '@')
		flags |= CONFINE_ABSTRACT;
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		add(&l, readable[i], false);
	add(&l, "/dev/null", true);
	add(&l, getenv("SSL_CERT_DIR"), false);
	add(&l, getenv("OPENSSL_CONF"), false);
	add_folder_of(&l, "/etc/resolv.conf", room[0]);
	add_folder_of(&l, settings->ssl_cert_file, room[1]);
	add_own_folder(&l, settings->state_dir, room[2]);
	add_own_folder(&l, settings->capture_dir, room[3]);
	return landlock_enter(l.paths, l.n, flags, version);
}

/* What the settings, the log and the end need of other folders. */
static int
start_broker(const struct sandbox *s)
{
	const struct settings *settings = s->config->settings;
	char *candidates[SOURCES_CANDIDATES], info[PATH_MAX];
	struct broker_job jobs[SOURCES_CANDIDATES + 6];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < SOURCES_CANDIDATES; i++) {
		candidates[i] = sources_candidate(s->flags, i);
		jobs[n++] = (struct broker_job){ candidates[i], textfile_open };
	}
	jobs[n++] =
	    (struct broker_job){ config_raw(s->config, "UPSTREAM_API_KEY_FILE"),
		    textfile_open };
	jobs[n++] =
	    (struct broker_job){ config_raw(s->config, "PROXY_API_KEY_FILE"),
		    textfile_open };
	if (s->logs_to_file)
		jobs[n++] =
		    (struct broker_job){ settings->log_file, log_open_file };
	if (s->pid_file != NULL && pidfile_info_path(s->pid_file, info)) {
		jobs[n++] = (struct broker_job){ info, unlink };
		jobs[n++] = (struct broker_job){ s->pid_file, unlink };
	}
	jobs[n++] = (struct broker_job){ s->socket_file, unlink };
	rc = broker_start(jobs, n);
	for (size_t i = 0; i < SOURCES_CANDIDATES; i++)
		free(candidates[i]);
	return rc;
}

void
sandbox_enter(const struct sandbox *s)
{
	int version = landlock_version();
	bool has_files;

	if (!s->config->settings->sandbox) {
		log_say(LOG_INFO, "sandbox: off (SANDBOX)");
		return;
	}
	has_files =
	    version > 0 && start_broker(s) == 0 && close_files(s, version) == 0;
	if (!has_files)
		log_say(LOG_INFO, "sandbox: no Landlock: %s", strerror(errno));
	if (seccomp_enter() == -1)
		log_say(LOG_INFO, "sandbox: no seccomp: %s", strerror(errno));
	else if (has_files)
		log_say(LOG_DEBUG, "sandbox: seccomp, Landlock %d", version);
}

void
sandbox_leave(void)
{
	broker_stop();
}
