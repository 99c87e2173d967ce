/* SPDX-License-Identifier: MIT */
/* links: server */
/* Ending another thread's wait on a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/cancel.h"

static void
the_first_reason_stays(void **state)
{
	struct cancel c;

	(void)state;
	assert_int_equal(cancel_init(&c), 0);
	assert_int_equal(cancel_reason(&c), CANCEL_NONE);
	cancel_fire(&c, CANCEL_CLIENT_STALLED);
	cancel_fire(&c, CANCEL_DRAIN);
	assert_int_equal(cancel_reason(&c), CANCEL_CLIENT_STALLED);
	cancel_clear(&c);
}

static void *
fire(void *arg)
{
	cancel_fire(arg, CANCEL_DRAIN);
	return NULL;
}

static void
firing_wakes_who_reads_from_an_attached_socket(void **state)
{
	struct cancel c;
	pthread_t thread;
	int pair[2];
	char byte;

	(void)state;
	cancel_init(&c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(cancel_attach(&c, pair[0]), 0);
	pthread_create(&thread, NULL, fire, &c);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	cancel_clear(&c);
}

static void
a_socket_attached_too_late_is_shut_at_once(void **state)
{
	struct cancel c;
	int pair[2];
	char byte;

	(void)state;
	cancel_init(&c);
	cancel_fire(&c, CANCEL_DRAIN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cancel_attach(&c, pair[0]);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	close(pair[0]);
	close(pair[1]);
	cancel_clear(&c);
}

static void
a_detached_socket_is_left_alone(void **state)
{
	struct cancel c;
	int pair[2];
	char byte = 'x';

	(void)state;
	cancel_init(&c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cancel_attach(&c, pair[0]);
	cancel_detach(&c, pair[0]);
	cancel_fire(&c, CANCEL_DRAIN);
	assert_int_equal(write(pair[0], &byte, 1), 1);
	assert_int_equal(read(pair[1], &byte, 1), 1);
	close(pair[0]);
	close(pair[1]);
	cancel_clear(&c);
}

static void
there_is_room_for_a_race_of_connects_but_not_for_more(void **state)
{
	struct cancel c;
	int pair[2];

	(void)state;
	cancel_init(&c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < CANCEL_SOCKETS; i++)
		assert_int_equal(cancel_attach(&c, pair[0]), 0);
	assert_int_equal(cancel_attach(&c, pair[1]), -1);
	cancel_detach(&c, pair[0]);
	assert_int_equal(cancel_attach(&c, pair[1]), 0);
	close(pair[0]);
	close(pair[1]);
	cancel_clear(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_reason_stays),
		cmocka_unit_test(
		    firing_wakes_who_reads_from_an_attached_socket),
		cmocka_unit_test(a_socket_attached_too_late_is_shut_at_once),
		cmocka_unit_test(a_detached_socket_is_left_alone),
		cmocka_unit_test(
		    there_is_room_for_a_race_of_connects_but_not_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
