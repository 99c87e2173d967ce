/* SPDX-License-Identifier: MIT */
/* A command beside the proxy: its start, its signals, its end. */
#include "app/run.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/program.h"
#include "app/runenv.h"
#include "server/settings.h"

#define NOT_FOUND      127 /* as shells have it */
#define NOT_EXECUTABLE 126
#define AUTO_MODE                                                              \
	"Claude Code's auto permission mode is not available here: it needs "  \
	"safety verdicts of Anthropic's own service; use --permission-mode "   \
	"acceptEdits, or manual\n"

/* Those that are for the command. */
static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1,
	SIGUSR2 };
#define N_PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

static volatile pid_t command; /* changed while signals are blocked; 0: none */

/* What the terminal sends, the command has got itself: it is in the same
 * process group. */
static void
pass_on(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (command > 0 && (info->si_code == SI_USER ||
			       info->si_code == SI_QUEUE || info->si_pid != 0))
		(void)kill(command, sig);
	errno = saved;
}

/* What is ignored stays so, as under nohup(1). */
static void
take_signals(bool back)
{
	struct sigaction ours = { .sa_sigaction = pass_on,
		.sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction standard = { .sa_handler = SIG_DFL }, old;

	sigemptyset(&ours.sa_mask);
	sigemptyset(&standard.sa_mask);
	for (size_t i = 0; i < N_PASSED_ON; i++)
		if (sigaction(passed_on[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			(void)sigaction(
			    passed_on[i], back ? &standard : &ours, NULL);
}

static void
block_signals(sigset_t *old)
{
	sigset_t all;

	sigemptyset(&all);
	for (size_t i = 0; i < N_PASSED_ON; i++)
		sigaddset(&all, passed_on[i]);
	(void)sigprocmask(SIG_BLOCK, &all, old);
}

static void
become(char *const *argv, const struct sigaction *stop, const sigset_t *mask)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	int why;

	sigemptyset(&standard.sa_mask);
	take_signals(true);
	(void)sigaction(SIGPIPE, &standard, NULL);
	(void)sigaction(SIGTSTP, stop, NULL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	why = errno;
	fprintf(stderr, "anthropic-proxy: %s: %s\n", argv[0], strerror(why));
	_exit(why == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Ctrl-Z: we stop when the command does, so that a shell sees it, and not
 * before, since a command may refuse. */
static pid_t
start(char *const *argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, stop;
	sigset_t mask;
	pid_t pid;

	sigemptyset(&ignore.sa_mask);
	fflush(NULL);
	block_signals(&mask);
	(void)sigaction(SIGTSTP, &ignore, &stop);
	take_signals(false);
	if ((pid = fork()) == 0)
		become(argv, &stop, &mask);
	if (pid > 0)
		command = pid;
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

static int
exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/*
 * So that a shell sees it, which then continues us both.  Where there is none
 * the system lets nobody be stopped by this signal, and nothing happens.
 */
static void
stop_too(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL }, old;

	sigemptyset(&standard.sa_mask);
	(void)sigaction(SIGTSTP, &standard, &old);
	(void)raise(SIGTSTP);
	(void)sigaction(SIGTSTP, &old, NULL);
}

/* Sees to a child that stopped, or to the proxy's end.  True: the command has
 * ended meanwhile. */
static bool
see_to(pid_t pid, pid_t proxy, bool *lost, int *status)
{
	/* it may have gone on in the meantime */
	if (waitpid(pid, status, WUNTRACED | WNOHANG) <= 0)
		return false;
	if (!WIFSTOPPED(*status)) {
		*lost |= pid == proxy;
		return pid == command;
	}
	if (pid == command)
		stop_too();
	return false;
}

/* Waits for the command's end; *lost: the proxy's came before it. */
static int
await(pid_t proxy, bool *lost)
{
	siginfo_t who;
	sigset_t mask;
	int status = 0;

	for (;;) {
		/* leaves it there: its pid stays its own till we let it go */
		if (waitid(P_ALL, 0, &who, WEXITED | WSTOPPED | WNOWAIT) == -1)
			continue;
		if (who.si_pid == command && who.si_code != CLD_STOPPED)
			break;
		if (see_to(who.si_pid, proxy, lost, &status)) {
			command = 0;
			return exit_code(status);
		}
	}
	block_signals(&mask);
	(void)waitpid(command, &status, 0);
	command = 0;
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return exit_code(status);
}

int
run_parent(const struct program *p, pid_t proxy, int report)
{
	const char *log = p->config.settings->log_file;
	char text[DAEMON_REPORT_MAX], *lines;
	bool lost = false;
	int code = daemon_hear(proxy, report, log, text);

	if (code != 0 || (lines = strchr(text, '\n')) == NULL)
		return code != 0 ? code : 1;
	*lines++ = '\0';
	fprintf(stderr, "anthropic-proxy: listening on %s\n", text);
	fprintf(stderr, "anthropic-proxy: " AUTO_MODE);
	runenv_set(text, p->token, lines);
	if (start(p->cli->argv) == -1) {
		fprintf(stderr, "anthropic-proxy: %s\n", strerror(errno));
		code = 1;
	} else {
		code = await(proxy, &lost);
	}
	take_signals(true); /* a second Ctrl-C ends the waiting */
	lost |= waitpid(proxy, NULL, WNOHANG) == proxy;
	close(report);
	if (lost)
		fprintf(stderr,
		    "anthropic-proxy: the proxy had ended before; see %s\n",
		    log == NULL ? "its log" : log);
	else
		while (waitpid(proxy, NULL, 0) == -1 && errno == EINTR)
			continue;
	return code;
}
