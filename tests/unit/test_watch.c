/* SPDX-License-Identifier: MIT */
/* links: server */
/* Clients that leave, seen on real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loopback.h"
#include "server/cancel.h"
#include "server/watch.h"

/* A connection over TCP: ours is what a server would hold. */
static void
connect_pair(struct watch *w, int *ours, int *theirs)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	*theirs = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*theirs, (struct sockaddr *)&at, len), 0);
	*ours = accept(listener, NULL, NULL);
	close(listener);
	watch_begin(w, *ours);
}

/* Waits for the reason, up to `ms`. */
static enum cancel_reason
reason_within(struct cancel *c, int ms)
{
	for (; ms > 0 && cancel_reason(c) == CANCEL_NONE; ms -= 2)
		sleep_ms(2);
	return cancel_reason(c);
}

static void
a_close_a_half_close_and_a_reset_fire(void **state)
{
	struct linger hard = { 1, 0 };
	struct watch *w = watch_start();
	struct cancel c;
	int ours, theirs;

	(void)state;
	for (int how = 0; how < 3; how++) {
		cancel_init(&c);
		connect_pair(w, &ours, &theirs);
		assert_int_equal(watch_add(w, ours, &c), 0);
		assert_int_equal(reason_within(&c, 20), CANCEL_NONE);
		if (how == 2)
			setsockopt(
			    theirs, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		if (how == 1)
			shutdown(theirs, SHUT_WR);
		else
			close(theirs);
		assert_int_equal(reason_within(&c, 500), CANCEL_CLIENT_GONE);
		watch_remove(w, ours, &c);
		if (how == 1)
			close(theirs);
		close(ours);
		cancel_clear(&c);
	}
	watch_stop(w);
}

static void
bytes_of_the_next_request_do_not_fire_and_stay(void **state)
{
	struct watch *w = watch_start();
	struct cancel c;
	int ours, theirs;
	char bytes[8];

	(void)state;
	cancel_init(&c);
	connect_pair(w, &ours, &theirs);
	assert_int_equal(watch_add(w, ours, &c), 0);
	say(theirs, "GET");
	assert_int_equal(reason_within(&c, 60), CANCEL_NONE);
	assert_int_equal(recv(ours, bytes, sizeof(bytes), 0), 3);
	watch_remove(w, ours, &c);
	watch_stop(w);
	close(ours);
	close(theirs);
	cancel_clear(&c);
}

static void
a_removed_client_is_not_looked_at(void **state)
{
	struct watch *w = watch_start();
	struct cancel *c;
	int ours, theirs;

	(void)state;
	for (int i = 0; i < 200; i++) {
		c = malloc(sizeof(*c));
		cancel_init(c);
		connect_pair(w, &ours, &theirs);
		assert_int_equal(watch_add(w, ours, c), 0);
		if (i % 2 == 0)
			close(theirs);
		watch_remove(w, ours, c);
		/* A touch from now on is seen by the sanitizers. */
		cancel_clear(c);
		memset(c, 0xFF, sizeof(*c));
		free(c);
		if (i % 2 != 0)
			close(theirs);
		close(ours);
	}
	watch_stop(w);
}

static void
a_number_used_again_is_the_new_client(void **state)
{
	struct watch *w = watch_start();
	struct cancel first, second;
	int ours, theirs, again, theirs2;

	(void)state;
	cancel_init(&first);
	cancel_init(&second);
	connect_pair(w, &ours, &theirs);
	watch_add(w, ours, &first);
	close(theirs);
	assert_int_equal(reason_within(&first, 500), CANCEL_CLIENT_GONE);
	watch_remove(w, ours, &first);
	connect_pair(w, &again, &theirs2);
	dup2(again, ours);
	watch_begin(w, ours);
	assert_int_equal(watch_add(w, ours, &second), 0);
	assert_int_equal(reason_within(&second, 40), CANCEL_NONE);
	close(theirs2);
	assert_int_equal(reason_within(&second, 500), CANCEL_CLIENT_GONE);
	watch_remove(w, ours, &second);
	close(again);
	close(ours);
	watch_stop(w);
	cancel_clear(&first);
	cancel_clear(&second);
}

/* Between two requests nobody asks, and the event comes only once. */
static void
who_left_before_a_request_or_in_a_later_one_has_left(void **state)
{
	struct watch *w = watch_start();
	struct cancel c;
	int ours, theirs;

	(void)state;
	for (int leaves_at = 0; leaves_at < 4; leaves_at++) {
		connect_pair(w, &ours, &theirs);
		for (int i = 0; i < 4; i++) {
			cancel_init(&c);
			assert_int_equal(watch_add(w, ours, &c), 0);
			if (i > 0 && i == leaves_at)
				shutdown(theirs, SHUT_WR);
			if (i > 0 && i >= leaves_at && leaves_at > 0)
				assert_int_equal(
				    reason_within(&c, 500), CANCEL_CLIENT_GONE);
			else
				assert_int_equal(
				    reason_within(&c, 20), CANCEL_NONE);
			watch_remove(w, ours, &c);
			cancel_clear(&c);
		}
		shutdown(theirs, SHUT_WR);
		sleep_ms(20);
		cancel_init(&c);
		assert_int_equal(watch_add(w, ours, &c), 0);
		assert_int_equal(reason_within(&c, 500), CANCEL_CLIENT_GONE);
		watch_remove(w, ours, &c);
		cancel_clear(&c);
		close(theirs);
		close(ours);
	}
	watch_stop(w);
}

static void
many_clients_are_watched_at_once(void **state)
{
	struct watch *w = watch_start();
	struct cancel c[100];
	int ours[100], theirs[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		cancel_init(&c[i]);
		connect_pair(w, &ours[i], &theirs[i]);
		assert_int_equal(watch_add(w, ours[i], &c[i]), 0);
	}
	for (int i = 0; i < 100; i += 3)
		close(theirs[i]);
	for (int i = 0; i < 100; i++)
		assert_int_equal(reason_within(&c[i], i % 3 == 0 ? 500 : 1),
		    i % 3 == 0 ? CANCEL_CLIENT_GONE : CANCEL_NONE);
	for (int i = 0; i < 100; i++) {
		watch_remove(w, ours[i], &c[i]);
		close(ours[i]);
		if (i % 3 != 0)
			close(theirs[i]);
		cancel_clear(&c[i]);
	}
	watch_stop(w);
}

static void
what_is_no_socket_is_refused(void **state)
{
	struct watch *w = watch_start();
	struct cancel c;

	(void)state;
	cancel_init(&c);
	assert_int_equal(watch_add(w, -1, &c), -1);
	assert_int_equal(watch_add(w, 9999, &c), -1);
	watch_remove(w, 9999, &c);
	watch_remove(w, -1, &c);
	watch_stop(w);
	watch_stop(NULL);
	cancel_clear(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_a_half_close_and_a_reset_fire),
		cmocka_unit_test(
		    bytes_of_the_next_request_do_not_fire_and_stay),
		cmocka_unit_test(a_removed_client_is_not_looked_at),
		cmocka_unit_test(a_number_used_again_is_the_new_client),
		cmocka_unit_test(
		    who_left_before_a_request_or_in_a_later_one_has_left),
		cmocka_unit_test(many_clients_are_watched_at_once),
		cmocka_unit_test(what_is_no_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
