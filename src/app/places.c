/* SPDX-License-Identifier: MIT */
/* Default paths out of the environment and the password file. */
#include "app/places.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/buf.h"

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

static char *
join(const char *folder, const char *name)
{
	struct buf path;

	buf_init(&path, PATH_MAX);
	buf_add_str(&path, folder);
	buf_add_char(&path, '/');
	buf_add_str(&path, name);
	return buf_take(&path, NULL);
}

/* A full path in a variable; the XDG rules say to ignore any other. */
static const char *
folder_variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

char *
places_in_home(const char *name)
{
	const char *home = folder_variable("HOME");
	struct passwd entry, *user = NULL;
	char fields[4096];

	if (home == NULL &&
	    getpwuid_r(geteuid(), &entry, fields, sizeof(fields), &user) == 0 &&
	    user != NULL && user->pw_dir != NULL && user->pw_dir[0] == '/')
		home = user->pw_dir;
	return home == NULL ? NULL : join(home, name);
}

char *
places_in_runtime_dir(const char *name)
{
	const char *folder = folder_variable("XDG_RUNTIME_DIR");

	return folder == NULL ? NULL : join(folder, name);
}

char *
places_in_cache(const char *name)
{
	char *folder = places_in_home(".cache/anthropic-proxy");
	char *path = folder == NULL ? NULL : join(folder, name);

	free(folder);
	return path;
}

char *
places_state_dir(void)
{
	const char *folder;

	/* systemd lists all of StateDirectory=, colons between */
	if ((folder = folder_variable("STATE_DIRECTORY")) != NULL)
		return strndup(folder, strcspn(folder, ":"));
	if ((folder = folder_variable("XDG_STATE_HOME")) != NULL)
		return join(folder, "anthropic-proxy");
	return places_in_home(".local/state/anthropic-proxy");
}

char *
places_absolute(const char *path)
{
	char folder[PATH_MAX];

	if (path[0] == '/')
		return strdup(path);
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	if (getcwd(folder, sizeof(folder)) == NULL)
		return NULL;
	return join(strcmp(folder, "/") == 0 ? "" : folder, path);
}

void
places_make_folder_of(const char *path)
{
	char *folder = strdup(path);

	if (folder == NULL)
		return;
	for (char *at = folder; *at != '\0'; at++) {
		if (*at != '/' || at == folder)
			continue;
		*at = '\0';
		(void)mkdir(folder, 0700);
		*at = '/';
	}
	free(folder);
}
