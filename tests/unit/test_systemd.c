/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
listen_on(int family, const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET) {
		inet_pton(family, address, &v4.sin_addr);
		if (bind(fd, (const struct sockaddr *)&v4, sizeof(v4)) == 0 &&
		    listen(fd, 1) == 0)
			return fd;
	} else {
		inet_pton(family, address, &v6.sin6_addr);
		if (bind(fd, (const struct sockaddr *)&v6, sizeof(v6)) == 0 &&
		    listen(fd, 1) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

/* Hands over descriptor 3 as a service manager would; the result. */
static int
hand_over(int fd, const char *fds, long pid)
{
	char err[200] = "", text[32];
	int taken;

	snprintf(text, sizeof(text), "%ld", pid);
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", fds, 1);
	if (fd != -1)
		assert_int_equal(dup2(fd, 3), 3);
	taken = systemd_take_socket(err, sizeof(err));
	assert_int_equal(taken == -2, err[0] != '\0');
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	return taken;
}

static void
one_listening_socket_is_taken_and_nothing_else(void **state)
{
	int fd = listen_on(AF_INET, "127.0.0.1"), ends[2];
	long me = (long)getpid();

	(void)state;
	assert_int_equal(hand_over(fd, "1", me), 3);
	assert_int_equal(fcntl(3, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(hand_over(fd, "1", me + 1), -1);
	assert_int_equal(hand_over(fd, "0", me), -1);
	assert_int_equal(hand_over(fd, "x", me), -1);
	assert_int_equal(hand_over(fd, "2", me), -2);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(hand_over(ends[0], "1", me), -2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(hand_over(ends[0], "1", me), -2);
	unsetenv("LISTEN_PID");
}

static void
an_open_socket_is_known_by_its_address(void **state)
{
	static const struct {
		int family;
		const char *address;
		bool is_open;
	} cases[] = {
		{ AF_INET, "127.0.0.1", false },
		{ AF_INET, "127.0.0.9", false },
		{ AF_INET, "0.0.0.0", true },
		{ AF_INET6, "::1", false },
		{ AF_INET6, "::", true },
	};
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = listen_on(cases[i].family, cases[i].address);

		if (fd == -1)
			continue; /* this machine has no such address */
		assert_int_equal(systemd_socket_is_open(fd), cases[i].is_open);
		close(fd);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_false(systemd_socket_is_open(ends[0]));
	close(ends[0]);
	close(ends[1]);
}

static void
the_manager_hears_each_state_as_one_datagram(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char got[200];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/test-systemd-%ld",
	    (long)getpid());
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	systemd_notify("READY=1");
	n = recv(fd, got, sizeof(got) - 1, 0);
	assert_int_equal(n, 7);
	assert_memory_equal(got, "READY=1", 7);
	systemd_notify_reloading();
	n = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(n > 0);
	got[n] = '\0';
	assert_ptr_equal(strstr(got, "RELOADING=1\nMONOTONIC_USEC="), got);
	(void)unlink(at.sun_path);
	systemd_notify("nobody listens");
	setenv("NOTIFY_SOCKET", "relative", 1);
	systemd_notify("no path");
	unsetenv("NOTIFY_SOCKET");
	systemd_notify("no variable");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    one_listening_socket_is_taken_and_nothing_else),
		cmocka_unit_test(an_open_socket_is_known_by_its_address),
		cmocka_unit_test(the_manager_hears_each_state_as_one_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
