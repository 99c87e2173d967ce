/* SPDX-License-Identifier: MIT */
/*
 * Landlock by its three system calls.  The constants are the kernel's, written
 * out because headers are often older than kernels.
 */
#define _GNU_SOURCE /* O_PATH, syscall() */
#include "app/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same on every architecture. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

enum {
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	TRUNCATE = 1 << 14,

	OF_A_FILE = READ_FILE | WRITE_FILE | TRUNCATE,
	TO_READ = READ_FILE | READ_DIR,
	TO_WRITE = TO_READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR |
		   MAKE_REG | TRUNCATE,
};

enum { NET_BIND_TCP = 1 };
enum { SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2 };

/* What is refused unless a rule allows it.  An older kernel takes the longer
 * struct where the rest is 0. */
struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int
landlock_version(void)
{
	return (int)syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
}

/* Every right to the file system that the version knows: 13 at first. */
static uint64_t
known_rights(int version)
{
	int n = version >= 5 ? 16 : version >= 3 ? 15 : 12 + version;

	return (UINT64_C(1) << n) - 1;
}

static int
allow(int ruleset, const struct confine_path *p, uint64_t known)
{
	struct path_rule rule = { .allowed = p->writable ? TO_WRITE : TO_READ };
	struct stat st;
	int rc = 0;

	if ((rule.fd = open(p->path, O_PATH | O_CLOEXEC)) == -1)
		return 0; /* what is not there needs no rule */
	if (fstat(rule.fd, &st) == -1 || !S_ISDIR(st.st_mode))
		rule.allowed &= OF_A_FILE;
	rule.allowed &= known;
	rc = (int)syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
	close(rule.fd);
	return rc;
}

int
landlock_enter(
    const struct confine_path *paths, size_t n, unsigned flags, int version)
{
	struct ruleset wish = { .fs = known_rights(version) };
	int ruleset, rc = 0, saved;

	if (version >= 4 && (flags & CONFINE_BIND) != 0)
		wish.net = NET_BIND_TCP;
	if (version >= 6)
		wish.scoped =
		    ((flags & CONFINE_ABSTRACT) != 0 ? SCOPE_ABSTRACT_UNIX
						     : 0) |
		    ((flags & CONFINE_SIGNALS) != 0 ? SCOPE_SIGNAL : 0);
	ruleset = (int)syscall(CREATE_RULESET, &wish, sizeof(wish), 0);
	if (ruleset == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = allow(ruleset, &paths[i], wish.fs);
	if (rc == 0)
		rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (rc == 0)
		rc = (int)syscall(RESTRICT_SELF, ruleset, 0);
	saved = errno;
	close(ruleset);
	errno = saved;
	return rc;
}
