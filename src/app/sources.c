/* SPDX-License-Identifier: MIT */
/* Finds values in the flags, the environment and the .env file.  Does not
 * know what they mean. */
#include "app/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"
#include "app/places.h"
#include "app/textfile.h"
#include "app/variables.h"

#define ENV_FILE_MAX (1024 * 1024)

static const char here[] = "./.env";
static const char system_wide[] = "/etc/anthropic-proxy/.env";

/* -- the file -------------------------------------------------------------- */

/*
 * A .env in a folder where others may write, such as /tmp, could send keys
 * of the environment to another host.  So one that is not the user's own nor
 * root's and that more than its owner may change is refused; less than that
 * is warned of.
 */
static int
judge_owner(
    struct sources *in, const struct stat *about, struct config_error *error)
{
	bool is_foreign = about->st_uid != geteuid() && about->st_uid != 0;
	bool is_open = (about->st_mode & (S_IWGRP | S_IWOTH)) != 0;

	if (is_foreign && is_open) {
		snprintf(error->text, sizeof(error->text),
		    "%s belongs to somebody else and may be changed by others; "
		    "name it with --config if you trust it",
		    in->shown);
		error->exit_code = 2;
		return -1;
	}
	if (is_foreign || is_open)
		snprintf(in->warning, sizeof(in->warning), "%s %s", in->shown,
		    is_foreign ? "belongs to somebody else"
			       : "may be changed by others");
	return 0;
}

static int
read_file(struct sources *in, const char *path, struct config_error *error)
{
	struct stat about;
	size_t len;
	char *text;
	int rc = -1;

	errno = 0;
	if ((text = textfile_read(path, ENV_FILE_MAX, &len, &about)) == NULL) {
		snprintf(error->text, sizeof(error->text), "%s: %s", in->shown,
		    errno == EFBIG ? "it is longer than 1 MiB"
				   : strerror(errno));
		error->exit_code = 2;
		return -1;
	}
	if (in->shown == here && judge_owner(in, &about, error) == -1)
		goto out;
	if (envfile_parse(&in->file, in->shown, text, len, error->text,
		sizeof(error->text)) == -1) {
		error->exit_code = 2;
		goto out;
	}
	if ((in->path = places_absolute(path)) == NULL) {
		snprintf(error->text, sizeof(error->text), "%s: %s", in->shown,
		    strerror(errno));
		error->exit_code = 1;
		goto out;
	}
	rc = 0;
out:
	free(text);
	return rc;
}

/* 1: this one is it, 0: look further, -1: the error. */
static int
try_file(struct sources *in, const char *path, const char *shown,
    struct config_error *error)
{
	struct stat about;

	if (path == NULL || fstatat(AT_FDCWD, path, &about, 0) == -1 ||
	    S_ISDIR(about.st_mode))
		return 0;
	in->shown = shown;
	if (access(path, R_OK) == -1) {
		snprintf(in->warning, sizeof(in->warning),
		    "%s is passed over: %s", shown, strerror(errno));
		return 0;
	}
	return read_file(in, path, error) == -1 ? -1 : 1;
}

char *
sources_candidate(const struct config_flags *flags, size_t i)
{
	if (flags->config_file != NULL)
		return i == 0 ? strdup(flags->config_file) : NULL;
	if (i == 1)
		return places_in_home(".anthropic-proxy.env");
	return strdup(i == 0 ? here + 2 : system_wide);
}

static int
search(struct sources *in, struct config_error *error)
{
	static const char *const shown[SOURCES_CANDIDATES] = { here,
		"~/.anthropic-proxy.env", system_wide };
	int rc = 0;

	for (size_t i = 0; i < SOURCES_CANDIDATES && rc == 0; i++) {
		char *path = sources_candidate(in->flags, i);

		rc = try_file(in, path, shown[i], error);
		free(path);
	}
	return rc;
}

int
sources_open(struct sources *in, const struct config_flags *flags,
    struct config_error *error)
{
	*in = (struct sources){ .flags = flags };
	if (flags->config_file == NULL)
		return search(in, error) == -1 ? -1 : 0;
	in->shown = flags->config_file;
	return read_file(in, flags->config_file, error);
}

void
sources_close(struct sources *in)
{
	envfile_clear(&in->file);
	free(in->path);
	in->path = NULL;
}

/* -- values ---------------------------------------------------------------- */

static bool
find_flag(
    const struct config_flags *flags, const char *name, struct found *found)
{
	const struct {
		const char *name, *text, *flag;
	} given[] = {
		{ "HOST", flags->host, "--host" },
		{ "PORT", flags->port, "--port" },
		{ "PID_FILE", flags->pid_file, "--pid-file" },
		{ "LOG_FILE", flags->log_file, "--log-file" },
		{ "DEBUG", flags->debug ? "true" : NULL, "--debug" },
		{ "VERBOSE", flags->verbose ? "true" : NULL, "--verbose" },
	};

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		if (strcmp(given[i].name, name) != 0 || given[i].text == NULL)
			continue;
		found->level = SOURCE_FLAG;
		found->name = given[i].flag;
		found->text = given[i].text;
		snprintf(found->where, sizeof(found->where), "from %s",
		    given[i].flag);
		return true;
	}
	return false;
}

static bool
find_env(const char *name, struct found *found)
{
	if ((found->text = getenv(name)) == NULL)
		return false;
	found->level = SOURCE_ENV;
	found->name = name;
	snprintf(found->where, sizeof(found->where), "from the environment");
	return true;
}

static bool
find_line(const struct sources *in, const char *name, struct found *found)
{
	const struct env_line *line = envfile_find(&in->file, name);

	if (line == NULL)
		return false;
	found->level = SOURCE_FILE;
	found->name = name;
	found->text = line->value;
	snprintf(found->where, sizeof(found->where), "from %s line %u",
	    in->shown, line->line);
	return true;
}

/* An older name is good where the name itself is not in the same source. */
bool
sources_find(
    const struct sources *in, const struct variable *v, struct found *found)
{
	const char *alias;
	size_t at = 0;

	*found = (struct found){ .level = SOURCE_NONE };
	if (find_flag(in->flags, v->name, found) || find_env(v->name, found))
		return true;
	while ((alias = variable_alias(v, &at)) != NULL)
		if (find_env(alias, found))
			return true;
	if (find_line(in, v->name, found))
		return true;
	for (at = 0; (alias = variable_alias(v, &at)) != NULL;)
		if (find_line(in, alias, found))
			return true;
	return false;
}

bool
sources_find_name(
    const struct sources *in, const char *name, struct found *found)
{
	*found = (struct found){ .level = SOURCE_NONE };
	return find_env(name, found) || find_line(in, name, found);
}
