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

static volatile pid_t command; /* 0: none.  Changed, and let go of by the
				* system, only while signals are blocked. */

/* What the terminal sends, the command has got itself: it is in the same
 * process group. */
static void
pass_on(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (command > 0 && sig != SIGCHLD &&
	    (info->si_code == SI_USER || info->si_code == SI_QUEUE ||
		info->si_pid != 0))
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
	(void)sigaction(SIGCHLD, back ? &standard : &ours, NULL);
}

/* From here on they come only while we wait.  *open: the mask for that. */
static void
block_signals(sigset_t *old, sigset_t *open)
{
	sigset_t all;

	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	for (size_t i = 0; i < N_PASSED_ON; i++)
		sigaddset(&all, passed_on[i]);
	(void)sigprocmask(SIG_BLOCK, &all, old);
	*open = *old;
	sigdelset(open, SIGCHLD);
	for (size_t i = 0; i < N_PASSED_ON; i++)
		sigdelset(open, passed_on[i]);
}

static void
become(char *const *argv, const sigset_t *mask)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	int why;

	sigemptyset(&standard.sa_mask);
	take_signals(true);
	(void)sigaction(SIGPIPE, &standard, NULL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	why = errno;
	fprintf(stderr, "anthropic-proxy: %s: %s\n", argv[0], strerror(why));
	_exit(why == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/*
 * Ctrl-Z: we stop when the command does, so that a shell sees it and continues
 * us both, and not before, since a command may refuse.  Where there is no such
 * shell the system lets nobody be stopped by this signal.
 */
static void
stop_too(const struct sigaction *stop)
{
	struct sigaction ignore;

	(void)sigaction(SIGTSTP, stop, &ignore);
	(void)kill(getpid(), SIGTSTP);
	(void)sigaction(SIGTSTP, &ignore, NULL);
}

/* Waits for the command's end and returns the exit code that says it; *lost:
 * the proxy's came before it. */
static int
await(
    pid_t proxy, const sigset_t *open, const struct sigaction *stop, bool *lost)
{
	pid_t pid;
	int status;

	for (;; (void)sigsuspend(open)) {
		while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
			if (!WIFSTOPPED(status)) {
				*lost |= pid == proxy;
				if (pid != command)
					continue;
				command = 0;
				return WIFSIGNALED(status)
					   ? 128 + WTERMSIG(status)
					   : WEXITSTATUS(status);
			}
			if (pid == command)
				stop_too(stop);
		}
	}
}

/* Returns the exit code. */
static int
run(char *const *argv, pid_t proxy, bool *lost)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, stop;
	sigset_t mask, open;
	int code = 1;
	pid_t pid;

	sigemptyset(&ignore.sa_mask);
	fflush(NULL);
	block_signals(&mask, &open);
	take_signals(false);
	if ((pid = fork()) == 0)
		become(argv, &mask);
	if (pid == -1) {
		fprintf(stderr, "anthropic-proxy: %s\n", strerror(errno));
	} else {
		command = pid;
		(void)sigaction(SIGTSTP, &ignore, &stop);
		code = await(proxy, &open, &stop, lost);
	}
	(void)sigprocmask(SIG_SETMASK, &open, NULL); /* those that came late */
	take_signals(true); /* a second Ctrl-C ends the waiting */
	return code;
}

int
run_parent(const struct program *p, pid_t proxy, int report)
{
	const char *log = p->config.settings->log_file;
	char text[DAEMON_REPORT_MAX], *lines;
	bool lost = false;
	int status = 0;
	int code = daemon_hear(proxy, report, log, text);

	if (code != 0 || (lines = strchr(text, '\n')) == NULL)
		return code != 0 ? code : 1;
	*lines++ = '\0';
	fprintf(stderr, "anthropic-proxy: listening on %s\n", text);
	fprintf(stderr, "anthropic-proxy: " AUTO_MODE);
	runenv_set(text, p->token, lines);
	code = run(p->cli->argv, proxy, &lost);
	close(report);
	while (!lost && waitpid(proxy, &status, 0) == -1 && errno == EINTR)
		continue;
	if (lost || status != 0)
		fprintf(stderr,
		    "anthropic-proxy: the proxy had ended before; see %s\n",
		    log == NULL ? "its log" : log);
	return code;
}
