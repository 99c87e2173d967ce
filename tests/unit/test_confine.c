/* SPDX-License-Identifier: MIT */
/* links: app */
#define _GNU_SOURCE
#include "app/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a confined child does: 0, or the line where it was not as it should. */
typedef int confined(const char *folder);

#define MUST(what)                                                             \
	do {                                                                   \
		if (!(what))                                                   \
			return __LINE__ % 250 + 1;                             \
	} while (0)
#define FAILS(call, error) MUST((errno = 0, (call) == -1) && errno == (error))

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SOUGHT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SOUGHT
#endif
#endif

/* Its exit code: the kernel's refusals are for good. */
static int
in_child(confined *does, const char *folder)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(does(folder));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void *
add_one(void *number)
{
	++*(int *)number;
	return NULL;
}

static int
starts_threads_but_no_process(const char *folder)
{
	char *const none[] = { NULL };
	pthread_t thread;
	int number = 0;

	(void)folder;
	MUST(seccomp_enter() == 0);
	MUST(pthread_create(&thread, NULL, add_one, &number) == 0);
	MUST(pthread_join(thread, NULL) == 0 && number == 1);
	FAILS(execve("/bin/true", none, none), EPERM);
#ifndef LEAKS_ARE_SOUGHT
	FAILS(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL), EPERM);
	FAILS(syscall(SYS_ptrace, 0, 0, NULL, NULL), EPERM);
#endif
	return 0;
}

/* By number: a process of the machine, its kernel, its users. */
static int
calls_that_no_server_needs_fail(const char *folder)
{
	static const long refused[] = { SYS_execveat, SYS_unshare, SYS_setns,
		SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
		SYS_init_module, SYS_finit_module, SYS_delete_module,
		SYS_kexec_load, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
		SYS_keyctl, SYS_add_key, SYS_request_key, SYS_setuid,
		SYS_setgid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
		SYS_capset, SYS_open_by_handle_at, SYS_process_vm_readv,
		SYS_process_vm_writev, SYS_reboot, SYS_swapon, SYS_acct,
		SYS_settimeofday, SYS_clock_settime, SYS_sethostname,
		SYS_personality, SYS_memfd_create, SYS_symlinkat, SYS_linkat,
		SYS_mknodat, SYS_fchmodat, SYS_fchownat, SYS_setpriority,
		SYS_kcmp, SYS_quotactl, SYS_kill };

	(void)folder;
	MUST(seccomp_enter() == 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (syscall(refused[i], -1, 0, 0, 0, 0, 0) != -1 ||
		    errno != EPERM) {
			fprintf(stderr, "call %ld: %s\n", refused[i],
			    strerror(errno));
			return 1;
		}
	/* newer ones look as if the kernel were older */
	for (long nr = 424; nr < 470; nr++)
		if ((nr < 436 || nr > 449) &&
		    (syscall(nr, -1, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS))
			return 2;
	return 0;
}

static int
only_our_kinds_of_sockets_are_made(const char *folder)
{
	struct rlimit limit;
	char byte = 'x';

	(void)folder;
	MUST(seccomp_enter() == 0);
	MUST(socket(AF_INET, SOCK_STREAM, 0) != -1);
	MUST(socket(AF_UNIX, SOCK_DGRAM, 0) != -1);
	FAILS(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
	FAILS(socket(AF_ALG, SOCK_SEQPACKET, 0), EPERM);
	FAILS(socket(AF_VSOCK, SOCK_STREAM, 0), EPERM);
	FAILS(ioctl(0, TIOCSTI, &byte), EPERM);
	MUST(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0);
	FAILS(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &limit),
	    EPERM);
	return 0;
}

/* -- files ---------------------------------------------------------------- */

static char *
in(const char *folder, const char *name)
{
	static char room[4][300];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(room[at], sizeof(room[at]), "%s/%s", folder, name);
	return room[at];
}

static int
enter(const char *folder)
{
	struct confine_path paths[] = { { in(folder, "read"), false },
		{ in(folder, "write"), true }, { in(folder, "file"), false },
		{ in(folder, "no such"), true } };

	return landlock_enter(paths, sizeof(paths) / sizeof(paths[0]),
	    CONFINE_BIND | CONFINE_ABSTRACT | CONFINE_SIGNALS,
	    landlock_version());
}

static int
only_the_named_files_are_opened(const char *folder)
{
	MUST(enter(folder) == 0);
	FAILS(open("/etc/passwd", O_RDONLY), EACCES);
	FAILS(open(folder, O_RDONLY), EACCES);
	FAILS(open(in(folder, "other"), O_RDONLY), EACCES);
	MUST(open(in(folder, "file"), O_RDONLY) != -1);
	FAILS(open(in(folder, "file"), O_RDWR), EACCES);
	MUST(open(in(folder, "read/a"), O_RDONLY) != -1);
	FAILS(open(in(folder, "read/a"), O_WRONLY), EACCES);
	FAILS(open(in(folder, "read/new"), O_WRONLY | O_CREAT, 0600), EACCES);
	FAILS(unlink(in(folder, "read/a")), EACCES);
	FAILS(rename(in(folder, "read/a"), in(folder, "read/b")), EACCES);
	return 0;
}

static int
a_folder_to_write_takes_files_and_renames(const char *folder)
{
	int fd;

	MUST(enter(folder) == 0);
	fd = open(in(folder, "write/new"), O_WRONLY | O_CREAT, 0600);
	MUST(fd != -1 && write(fd, "x", 1) == 1 && fsync(fd) == 0);
	MUST(rename(in(folder, "write/new"), in(folder, "write/a")) == 0);
	MUST(mkdir(in(folder, "write/sub"), 0700) == 0);
	MUST(unlink(in(folder, "write/a")) == 0);
	FAILS(rename(in(folder, "write/sub"), in(folder, "sub")), EACCES);
	FAILS(symlink("/etc/passwd", in(folder, "write/link")), EACCES);
	FAILS(mkfifo(in(folder, "write/fifo"), 0600), EACCES);
	return 0;
}

static int
no_port_is_bound_and_no_one_is_signalled(const char *folder)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct sockaddr_un abstract = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(abstract);
	int tcp, other;

	tcp = socket(AF_INET, SOCK_STREAM, 0);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(bind(other, (struct sockaddr *)&abstract, sizeof(sa_family_t)) ==
		 0 &&
	     listen(other, 1) == 0 &&
	     getsockname(other, (struct sockaddr *)&abstract, &len) == 0);
	MUST(enter(folder) == 0);
	if (landlock_version() >= 4)
		FAILS(bind(tcp, (struct sockaddr *)&at, sizeof(at)), EACCES);
	if (landlock_version() < 6)
		return 0;
	FAILS(kill(getppid(), 0), EPERM);
	MUST(raise(0) == 0);
	FAILS(connect(socket(AF_UNIX, SOCK_STREAM, 0),
		  (struct sockaddr *)&abstract, len),
	    EPERM);
	return 0;
}

static int
an_older_version_gets_no_more_than_it_knows(const char *folder)
{
	struct confine_path path = { in(folder, "write"), true };

	/* each of them on top of the last: the kernel takes all */
	for (int version = 1; version <= landlock_version(); version++)
		MUST(landlock_enter(&path, 1, CONFINE_BIND, version) == 0);
	MUST(open(in(folder, "write/new"), O_WRONLY | O_CREAT | O_TRUNC,
		 0600) != -1);
	return 0;
}

static void
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd != -1);
	close(fd);
}

/* Each in a child and a folder of its own, where the kernel can. */
static void
confined_child(void **state)
{
	char folder[] = "/tmp/test-confine-XXXXXX";
	confined *does = *(confined **)*state;
	static const char *const made[] = { "write/new", "write/sub", "read/a",
		"file", "other", "read", "write", "" };
	int line;

	if (landlock_version() == -1)
		skip();
	assert_non_null(mkdtemp(folder));
	mkdir(in(folder, "read"), 0700);
	mkdir(in(folder, "write"), 0700);
	make_file(in(folder, "read/a"));
	make_file(in(folder, "file"));
	make_file(in(folder, "other"));
	line = in_child(does, folder);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)remove(in(folder, made[i]));
	if (line != 0)
		fail_msg("not so: line %d (of 250 each)", line - 1);
}

#define CASE(does)                                                             \
	{                                                                      \
#does, confined_child, NULL, NULL, &(confined *[1])            \
		{                                                              \
			does                                                   \
		}                                                              \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(starts_threads_but_no_process),
		CASE(calls_that_no_server_needs_fail),
		CASE(only_our_kinds_of_sockets_are_made),
		CASE(only_the_named_files_are_opened),
		CASE(a_folder_to_write_takes_files_and_renames),
		CASE(no_port_is_bound_and_no_one_is_signalled),
		CASE(an_older_version_gets_no_more_than_it_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
