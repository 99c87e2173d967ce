/* SPDX-License-Identifier: MIT */
/* links: server */
/* Worker threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "server/pool.h"

static atomic_int done;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void
rest(long ms)
{
	struct timespec pause = { 0, ms * 1000000 };

	nanosleep(&pause, NULL);
}

static void
count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&done, 1);
}

static void
wait_at_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	atomic_fetch_add(&done, 1);
}

static void
note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	atomic_fetch_add(&done, 1);
}

static void
await(int n)
{
	for (int i = 0; i < 2000 && atomic_load(&done) < n; i++)
		rest(1);
	assert_int_equal(done, n);
}

static void
await_idle(struct pool *p)
{
	for (int i = 0; i < 2000 && pool_busy(p) > 0; i++)
		rest(1);
	assert_int_equal(pool_busy(p), 0);
}

static void
every_job_runs_once(void **state)
{
	struct pool *p = pool_new(8);
	int refused = 0;

	(void)state;
	atomic_store(&done, 0);
	for (int i = 0; i < 500; i++)
		while (pool_run(p, count, NULL) == -1) {
			refused++;
			rest(1);
		}
	pool_stop(p);
	assert_int_equal(done, 500);
}

static void
past_the_cap_a_job_is_refused_and_not_queued(void **state)
{
	struct pool *p = pool_new(2);

	(void)state;
	atomic_store(&done, 0);
	pthread_mutex_lock(&gate);
	assert_int_equal(pool_run(p, wait_at_gate, NULL), 0);
	assert_int_equal(pool_run(p, wait_at_gate, NULL), 0);
	assert_int_equal(pool_run(p, wait_at_gate, NULL), -1);
	assert_int_equal(pool_busy(p), 2);
	pthread_mutex_unlock(&gate);
	await(2);
	await_idle(p);
	assert_int_equal(pool_run(p, wait_at_gate, NULL), 0);
	pool_stop(p);
	assert_int_equal(done, 3);
}

static void
a_worker_is_used_again(void **state)
{
	struct pool *p = pool_new(8);
	pthread_t first, second;

	(void)state;
	atomic_store(&done, 0);
	pool_run(p, note_thread, &first);
	await(1);
	await_idle(p);
	pool_run(p, note_thread, &second);
	await(2);
	assert_true(pthread_equal(first, second));
	pool_stop(p);
}

/* Ends with its thread. */
static pthread_key_t ended;

static void
note_end(void *cookie)
{
	(void)cookie;
	atomic_fetch_add(&done, 1);
}

static void
mark_thread(void *arg)
{
	pthread_setspecific(ended, arg);
}

static void
idle_workers_are_let_go_and_busy_ones_are_not(void **state)
{
	struct pool *p = pool_new(4);

	(void)state;
	atomic_store(&done, 0);
	assert_int_equal(pthread_key_create(&ended, note_end), 0);
	pthread_mutex_lock(&gate);
	assert_int_equal(pool_run(p, wait_at_gate, NULL), 0);
	assert_int_equal(pool_run(p, mark_thread, p), 0);
	while (pool_busy(p) > 1)
		rest(1);
	pool_trim(p);
	assert_int_equal(done, 1); /* gone when it returns */
	pool_trim(p);
	assert_int_equal(pool_busy(p), 1);
	pthread_mutex_unlock(&gate);
	await(2);
	assert_int_equal(pool_run(p, mark_thread, p), 0);
	pool_stop(p);
	assert_int_equal(done, 3);
	pthread_key_delete(ended);
}

static void
stopping_waits_for_running_jobs(void **state)
{
	struct pool *p = pool_new(4);

	(void)state;
	atomic_store(&done, 0);
	for (int i = 0; i < 4; i++)
		pool_run(p, wait_at_gate, NULL);
	pool_stop(p);
	assert_int_equal(done, 4);
	pool_stop(NULL);
}

static void
look_at_signals(void *arg)
{
	sigset_t *mask = arg;

	pthread_sigmask(SIG_SETMASK, NULL, mask);
	atomic_fetch_add(&done, 1);
}

static void
workers_take_no_signals(void **state)
{
	struct pool *p = pool_new(1);
	sigset_t mask;

	(void)state;
	sigemptyset(&mask);
	atomic_store(&done, 0);
	pool_run(p, look_at_signals, &mask);
	await(1);
	assert_true(sigismember(&mask, SIGTERM));
	assert_true(sigismember(&mask, SIGPIPE));
	pool_stop(p);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

/* Parsing deep JSON takes 160 KiB. */
static void
use_stack(void *arg)
{
	volatile char deep[256 * 1024];

	(void)arg;
	for (size_t i = 0; i < sizeof(deep); i += 1024)
		deep[i] = 1;
	atomic_fetch_add(&done, deep[0]);
}

static void
a_worker_has_the_stack_that_deep_json_takes(void **state)
{
	struct pool *p = pool_new(1);

	(void)state;
	atomic_store(&done, 0);
	pool_run(p, use_stack, NULL);
	await(1);
	pool_stop(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(past_the_cap_a_job_is_refused_and_not_queued),
		cmocka_unit_test(a_worker_is_used_again),
		cmocka_unit_test(idle_workers_are_let_go_and_busy_ones_are_not),
		cmocka_unit_test(stopping_waits_for_running_jobs),
		cmocka_unit_test(workers_take_no_signals),
		cmocka_unit_test(a_worker_has_the_stack_that_deep_json_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
