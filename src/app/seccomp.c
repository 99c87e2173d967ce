/* SPDX-License-Identifier: MIT */
/*
 * A list of the system calls that remain.  All others fail, and none kills: a
 * library that tries one, as a newer one will, gets an error that it knows how
 * to meet.  Calls of old kernels are answered by EPERM; the newer ones, which
 * callers must be able to do without, by ENOSYS, as if the kernel were older.
 *
 * Linux (since 5.11) keeps a bitmap of the calls that a filter always allows,
 * so the order is of no matter there; on older kernels the frequent ones come
 * first.
 */
#define _GNU_SOURCE /* syscall() */
#include "app/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Offsets of the low half of an argument hold for little-endian alone. */
#if defined(__x86_64__) && defined(__LP64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifndef ARCH

int
seccomp_enter(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		errno = ENOSYS;
	return -1;
}

#else

/* From here on the numbers are the same everywhere, and newer than any call
 * that has no substitute. */
#define FIRST_NEW 424

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SOUGHT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SOUGHT
#endif
#endif

/* clang-format off */
static const uint16_t allowed[] = {
	SYS_read, SYS_write, SYS_recvfrom, SYS_sendto, SYS_futex, SYS_ppoll,
	SYS_epoll_pwait, SYS_sendmsg, SYS_recvmsg, SYS_writev, SYS_readv,
#ifdef SYS_poll
	SYS_poll, SYS_epoll_wait, SYS_select, SYS_open, SYS_stat, SYS_lstat,
	SYS_access, SYS_readlink, SYS_unlink, SYS_rename, SYS_mkdir, SYS_pipe,
	SYS_dup2, SYS_getpgrp, SYS_time, SYS_epoll_create, SYS_eventfd,
	SYS_getdents, SYS_arch_prctl, SYS_rmdir,
#endif
	/* memory, threads, time */
	SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk,
	SYS_mincore, SYS_mlock, SYS_munlock, SYS_set_robust_list,
	SYS_get_robust_list, SYS_set_tid_address, SYS_rseq, SYS_membarrier,
	SYS_gettid, SYS_exit, SYS_sched_yield, SYS_sched_getaffinity,
	SYS_sched_getparam, SYS_sched_getscheduler, SYS_getcpu,
	SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep,
	SYS_nanosleep, SYS_gettimeofday, SYS_times,
	/* descriptors */
	SYS_close, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl,
	SYS_eventfd2, SYS_pipe2, SYS_dup, SYS_dup3, SYS_fcntl,
	SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept,
	SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
	SYS_setsockopt, SYS_shutdown, SYS_sendmmsg, SYS_recvmmsg,
	SYS_sendfile, SYS_timerfd_create, SYS_timerfd_settime,
	/* files */
	SYS_openat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat,
	SYS_readlinkat, SYS_getdents64, SYS_lseek, SYS_pread64, SYS_pwrite64,
	SYS_getcwd, SYS_statfs, SYS_fstatfs, SYS_fsync, SYS_fdatasync,
	SYS_ftruncate, SYS_fallocate, SYS_unlinkat, SYS_renameat2,
	SYS_mkdirat, SYS_fchmod, SYS_flock, SYS_fadvise64, SYS_umask,
#ifdef SYS_renameat
	SYS_renameat,
#endif
	/* the process; a signal to ourselves alone, wait for the broker */
	SYS_exit_group, SYS_wait4, SYS_waitid, SYS_tkill,
	SYS_tgkill, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_rt_sigtimedwait, SYS_rt_sigpending, SYS_rt_sigsuspend,
	SYS_sigaltstack, SYS_restart_syscall, SYS_getpid, SYS_getppid,
	SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid,
	SYS_getresgid, SYS_getgroups, SYS_getpgid, SYS_getsid, SYS_prctl,
	SYS_getrusage, SYS_sysinfo, SYS_uname, SYS_getrandom,
#ifdef SYS_getrlimit
	SYS_getrlimit, SYS_setrlimit,
#endif
#ifdef LEAKS_ARE_SOUGHT
	SYS_ptrace, SYS_clone,
#endif
	/* of the new ones */
	437 /* openat2 */, 439 /* faccessat2 */, 436 /* close_range */,
	441 /* epoll_pwait2 */, 449 /* futex_waitv */,
};

/* One of these goes only where its argument `arg`, after `mask`, is `value`;
 * or is not, where `unless` is set. */
static const struct {
	uint16_t nr;
	uint8_t arg, unless;
	uint32_t mask, value;
} conditional[] = {
	/* a thread, no process */
	{ SYS_clone, 0, 0, CLONE_THREAD, CLONE_THREAD },
	{ SYS_socket, 0, 0, ~0u, AF_INET },
	{ SYS_socket, 0, 0, ~0u, AF_INET6 },
	{ SYS_socket, 0, 0, ~0u, AF_UNIX },
	{ SYS_socket, 0, 0, ~0u, AF_NETLINK }, /* getaddrinfo() */
	/* of this process alone */
	{ SYS_prlimit64, 0, 0, ~0u, 0 },
	/* typing into the terminal */
	{ SYS_ioctl, 1, 1, ~0u, TIOCSTI },
};
/* clang-format on */

#define N_ALLOWED     (sizeof(allowed) / sizeof(allowed[0]))
#define N_CONDITIONAL (sizeof(conditional) / sizeof(conditional[0]))
#define FIELD(member) offsetof(struct seccomp_data, member)
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))

struct program {
	struct sock_filter code[2 * N_ALLOWED + 6 * N_CONDITIONAL + 16];
	unsigned short n;
};

static void
put(struct program *p, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	p->code[p->n++] = (struct sock_filter){ .code = (uint16_t)code,
		.jt = (uint8_t)yes,
		.jf = (uint8_t)no,
		.k = k };
}

static void
load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
answer(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, action, 0, 0);
}

static void
write_filter(struct program *p)
{
	load(p, FIELD(arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	answer(p, REFUSE(EPERM));
	load(p, FIELD(nr));
	for (size_t i = 0; i < N_ALLOWED; i++) {
		put(p, BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		answer(p, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < N_CONDITIONAL; i++) {
		bool unless = conditional[i].unless != 0;

		put(p, BPF_JMP | BPF_JEQ | BPF_K, conditional[i].nr, 0, 5);
		load(p, FIELD(args) + 8 * (size_t)conditional[i].arg);
		put(p, BPF_ALU | BPF_AND | BPF_K, conditional[i].mask, 0, 0);
		put(p, BPF_JMP | BPF_JEQ | BPF_K, conditional[i].value, unless,
		    !unless);
		answer(p, SECCOMP_RET_ALLOW);
		load(p, FIELD(nr));
	}
	put(p, BPF_JMP | BPF_JGE | BPF_K, FIRST_NEW, 0, 1);
	answer(p, REFUSE(ENOSYS));
	answer(p, REFUSE(EPERM));
}

int
seccomp_enter(void)
{
	/* Nothing in here runs foreign code, so what some kernels do for
	 * sandboxes that do (SPEC_ALLOW forgoes it) would only cost time. */
	static const unsigned long flags[] = {
		SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		SECCOMP_FILTER_FLAG_TSYNC
	};
	struct program p = { .n = 0 };
	struct sock_fprog filter = { .filter = p.code };
	long rc = -1;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	write_filter(&p);
	filter.len = p.n;
	for (size_t i = 0; i < 2 && rc != 0; i++)
		rc = syscall(
		    SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], &filter);
	if (rc > 0)
		errno = ESRCH; /* that thread has a filter of its own */
	return rc == 0 ? 0 : -1;
}

#endif
