/* SPDX-License-Identifier: MIT */
/* links: server */
/* Lessons and scales: what is kept of upstreams between requests and runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/lessons.h"
#include "server/log.h"
#include "server/scales.h"
#include "server/statefile.h"
#include "translate/dialect/dialect.h"

#define BASE "https://api.example.com/v1"

static char top[64], dir[80], file[96], log_file[96];
static const struct lesson drop_top_p = { LESSON_DROP, "top_p", 0 };
static const struct lesson new_field = { LESSON_USE_MAX_COMPLETION_TOKENS, "",
	0 };
static const struct lesson old_field = { LESSON_USE_MAX_TOKENS, "", 0 };

static struct lesson
limit(long long tokens)
{
	struct lesson l = { LESSON_LOWER_MAX_TOKENS, "", tokens };

	return l;
}

static char *
slurp(const char *path)
{
	char *text = calloc(1, 65536);
	int fd = open(path, O_RDONLY);

	assert_true(fd == -1 || read(fd, text, 65535) >= 0);
	if (fd != -1)
		close(fd);
	return text;
}

static void
spill(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
warnings(void)
{
	char *text = slurp(log_file), *at = text;
	int n = 0;

	while ((at = strstr(at, "level=warn")) != NULL)
		at++, n++;
	free(text);
	return n;
}

static void
a_lesson_is_news_once(void **state)
{
	struct lessons *l = lessons_open(NULL);
	struct lesson lower = limit(4096), lowest = limit(2048), got[4];
	long long now = time(NULL);

	(void)state;
	assert_true(lessons_add(l, BASE, "m", &drop_top_p, now));
	assert_false(lessons_add(l, BASE, "m", &drop_top_p, now));
	assert_true(lessons_add(l, BASE, "m", &lower, now));
	assert_true(lessons_add(l, BASE, "m", &lowest, now));
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 2);
	assert_int_equal(got[1].value, 2048);
	lessons_close(l);
}

static void
lessons_belong_to_one_upstream_and_model(void **state)
{
	struct lessons *l = lessons_open("");
	struct lesson got[4];
	long long now = time(NULL);

	(void)state;
	lessons_add(l, BASE "?api-version=1&key=secret", "m", &drop_top_p, now);
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 1);
	assert_string_equal(got[0].name, "top_p");
	assert_int_equal(lessons_get(l, BASE "?x", "m", got, 4), 1);
	assert_int_equal(lessons_get(l, BASE, "n", got, 4), 0);
	assert_int_equal(lessons_get(l, BASE "/", "m", got, 4), 0);
	assert_int_equal(lessons_get(l, BASE, "", got, 4), 0);
	lessons_close(l);
}

static void
a_lesson_replaces_its_opposite(void **state)
{
	struct lessons *l = lessons_open(NULL);
	struct lesson got[4];
	long long now = time(NULL);

	(void)state;
	assert_true(lessons_add(l, BASE, "m", &new_field, now));
	assert_true(lessons_add(l, BASE, "m", &old_field, now));
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 1);
	assert_int_equal(got[0].kind, LESSON_USE_MAX_TOKENS);
	lessons_close(l);
}

static void
lessons_bend_the_profile(void **state)
{
	struct lessons *l = lessons_open(NULL);
	const struct lesson effort = { LESSON_EFFORT_WORDS, "low,medium", 0 };
	struct profile p;

	(void)state;
	lessons_add(l, BASE, "m", &new_field, time(NULL));
	lessons_add(l, BASE, "m", &effort, time(NULL));
	profile_defaults(&p);
	lessons_apply(l, BASE, "m", &p);
	lessons_close(l);
	assert_int_equal(p.max_tokens_field, MAX_TOKENS_NEW);
	assert_string_equal(p.max_effort, "medium");
}

static void
after_a_week_a_lesson_is_forgotten(void **state)
{
	struct lessons *l = lessons_open(NULL);
	long long now = time(NULL), day = 24 * 3600;
	struct lesson got[4];

	(void)state;
	lessons_add(l, BASE, "m", &drop_top_p, now - 8 * day);
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 0);
	lessons_add(l, BASE, "m", &drop_top_p, now + 2 * day);
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 0);
	assert_true(lessons_add(l, BASE, "m", &drop_top_p, now - 6 * day));
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 1);
	lessons_close(l);
}

static void
the_store_is_bounded(void **state)
{
	struct lessons *l = lessons_open(NULL);
	struct lesson got[64], l1 = { LESSON_DROP, "", 0 };
	char model[1024];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(model, sizeof(model), "m%d", i);
		lessons_add(l, BASE, model, &drop_top_p, time(NULL));
	}
	assert_int_equal(lessons_get(l, BASE, "m0", got, 64), 0);
	assert_int_equal(lessons_get(l, BASE, "m1999", got, 64), 1);
	for (int i = 0; i < 100; i++) {
		snprintf(l1.name, sizeof(l1.name), "key%d", i);
		lessons_add(l, BASE, "m", &l1, time(NULL));
	}
	assert_int_equal(lessons_get(l, BASE, "m", got, 64), LESSONS_PER_MODEL);
	memset(model, 'x', sizeof(model) - 1);
	model[sizeof(model) - 1] = '\0';
	assert_false(lessons_add(l, BASE, model, &drop_top_p, time(NULL)));
	lessons_close(l);
}

static void
lessons_survive_a_restart_in_a_private_file(void **state)
{
	struct lessons *l = lessons_open(dir);
	struct lesson got[4];
	struct stat st;
	char *text;

	(void)state;
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 0);
	lessons_add(l, BASE "?key=secret", "a model-100%\n\xc3\xa4",
	    &drop_top_p, time(NULL));
	assert_true(lessons_prefer_other_url(l, BASE, true, time(NULL)));
	lessons_close(l);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	text = slurp(file);
	assert_null(strstr(text, "secret"));
	free(text);
	l = lessons_open(dir);
	assert_int_equal(
	    lessons_get(l, BASE, "a model-100%\n\xc3\xa4", got, 4), 1);
	assert_string_equal(got[0].name, "top_p");
	assert_true(lessons_prefers_other_url(l, BASE));
	lessons_close(l);
	assert_int_equal(warnings(), 0);
}

static void
the_url_form_that_works_can_change_back(void **state)
{
	struct lessons *l = lessons_open(dir);

	(void)state;
	assert_false(lessons_prefers_other_url(l, BASE));
	assert_false(lessons_prefer_other_url(l, BASE, false, time(NULL)));
	assert_true(lessons_prefer_other_url(l, BASE, true, time(NULL)));
	assert_false(lessons_prefer_other_url(l, BASE, true, time(NULL)));
	assert_true(lessons_prefers_other_url(l, BASE));
	assert_false(lessons_prefers_other_url(l, BASE "/x"));
	assert_true(lessons_prefer_other_url(l, BASE, false, time(NULL)));
	lessons_close(l);
	l = lessons_open(dir);
	assert_false(lessons_prefers_other_url(l, BASE));
	lessons_close(l);
}

static void
an_upstreams_odd_word_does_not_damage_the_file(void **state)
{
	const struct lesson odd = { LESSON_DROP, "a b\n1 x", 0 };
	struct lessons *l = lessons_open(dir);
	struct lesson got[4];

	(void)state;
	lessons_add(l, BASE, "m", &odd, time(NULL));
	lessons_add(l, BASE, "m", &drop_top_p, time(NULL));
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 2);
	lessons_close(l);
	l = lessons_open(dir);
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 1);
	assert_string_equal(got[0].name, "top_p");
	lessons_close(l);
	assert_int_equal(warnings(), 0);
}

static void
a_damaged_file_is_ignored_with_one_line(void **state)
{
	static const char *const damaged[] = {
		"",
		"not ours\n",
		"anthropic-proxy lessons 1\nnonsense\n",
		"anthropic-proxy lessons 1\n1 a b\n",
		"anthropic-proxy lessons 1\nx http://a m drop top_p\n",
		"anthropic-proxy lessons 1\n1 http://a m no_such_lesson\n",
		"anthropic-proxy lessons 1\n1 http://a%0 m drop top_p\n",
		"anthropic-proxy lessons 1\n1 http://a%00 m drop top_p\n",
		"anthropic-proxy lessons 1\n1 http://a - drop top_p\n",
		"anthropic-proxy lessons 1\n1 http://a - other_url",
	};
	struct lessons *l;
	int n = sizeof(damaged) / sizeof(damaged[0]);

	(void)state;
	mkdir(dir, 0700);
	for (int i = 0; i < n; i++) {
		spill(file, damaged[i]);
		l = lessons_open(dir);
		assert_non_null(l);
		assert_int_equal(warnings(), i + 1);
		lessons_close(l);
	}
	l = lessons_open(dir);
	lessons_add(l, BASE, "m", &drop_top_p, time(NULL));
	lessons_close(l);
	l = lessons_open(dir);
	assert_int_equal(warnings(), n + 1);
	lessons_close(l);
}

static void
no_link_is_read_or_written_through(void **state)
{
	char victim[96];
	struct lessons *l;
	char *text;

	(void)state;
	mkdir(dir, 0700);
	snprintf(victim, sizeof(victim), "%s/victim", top);
	spill(victim, "precious");
	assert_int_equal(symlink(victim, file), 0);
	l = lessons_open(dir);
	assert_int_equal(warnings(), 1);
	lessons_add(l, BASE, "m", &drop_top_p, time(NULL));
	lessons_close(l);
	text = slurp(victim);
	assert_string_equal(text, "precious");
	free(text);
	unlink(victim);
}

static void
a_file_that_others_may_write_is_not_believed(void **state)
{
	(void)state;
	mkdir(dir, 0700);
	spill(file, "x");
	assert_int_equal(chmod(file, 0666), 0);
	assert_null(statefile_read(dir, "lessons", 100));
	assert_int_equal(errno, EPERM);
	chmod(file, 0600);
	spill(file, "0123456789");
	assert_null(statefile_read(dir, "lessons", 9));
	assert_int_equal(errno, EFBIG);
}

static void
a_directory_that_cannot_be_made_costs_one_line(void **state)
{
	struct lessons *l;
	struct lesson got[4];
	char under[128];

	(void)state;
	mkdir(dir, 0700);
	spill(file, "anthropic-proxy lessons 1\n");
	snprintf(under, sizeof(under), "%s/below", file);
	l = lessons_open(under);
	lessons_add(l, BASE, "m", &drop_top_p, time(NULL));
	lessons_add(l, BASE, "n", &drop_top_p, time(NULL));
	assert_int_equal(lessons_get(l, BASE, "m", got, 4), 1);
	lessons_close(l);
	/* One for reading, one for all writing. */
	assert_in_range(warnings(), 1, 2);
}

static void *
teach(void *arg)
{
	struct lesson got[LESSONS_PER_MODEL], lesson = { LESSON_DROP, "", 0 };

	for (int i = 0; i < 20; i++) {
		snprintf(lesson.name, sizeof(lesson.name), "key%d", i);
		lessons_add(arg, BASE, "m", &lesson, time(NULL));
		lessons_get(arg, BASE, "m", got, LESSONS_PER_MODEL);
	}
	return NULL;
}

static void
threads_teach_at_once(void **state)
{
	struct lessons *l = lessons_open(dir);
	struct lesson got[LESSONS_PER_MODEL];
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, teach, l);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	lessons_close(l);
	l = lessons_open(dir);
	assert_int_equal(lessons_get(l, BASE, "m", got, LESSONS_PER_MODEL), 20);
	lessons_close(l);
}

static void
scales_learn_each_model_by_itself(void **state)
{
	struct scales *s = scales_new();
	struct token_scale scale;

	(void)state;
	scales_get(s, "m", &scale);
	assert_int_equal(tokens_scaled(&scale, 1000), 1000);
	for (int i = 0; i < 5; i++)
		scales_learn(s, "m", 1000, 1500);
	scales_learn(s, "m", 0, 5);
	scales_learn(s, "m", 5, -1);
	scales_get(s, "m", &scale);
	assert_in_range(tokens_scaled(&scale, 1000), 1350, 1650);
	scales_get(s, "n", &scale);
	assert_int_equal(tokens_scaled(&scale, 1000), 1000);
	scales_free(s);
	scales_free(NULL);
}

static void
windows_are_kept_and_the_least_used_model_goes_first(void **state)
{
	struct scales *s = scales_new();
	char model[32];

	(void)state;
	assert_int_equal(scales_window_get(s, "used"), 0);
	scales_window_set(s, "used", 8192);
	scales_window_set(s, "unused", 4096);
	scales_window_set(s, "used", 0);
	for (int i = 0; i < 600; i++) {
		snprintf(model, sizeof(model), "m%d", i);
		scales_window_set(s, model, 1);
		assert_int_equal(scales_window_get(s, "used"), 8192);
	}
	assert_int_equal(scales_window_get(s, "unused"), 0);
	scales_free(s);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/test-lessons-XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	snprintf(log_file, sizeof(log_file), "%s/log", top);
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(file, sizeof(file), "%s/lessons", dir);
	return log_open(log_file, false, false);
}

static int
drop_dir(void **state)
{
	(void)state;
	log_open(NULL, false, false);
	unlink(log_file);
	unlink(file);
	rmdir(dir);
	return rmdir(top);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lesson_is_news_once),
		cmocka_unit_test(lessons_belong_to_one_upstream_and_model),
		cmocka_unit_test(a_lesson_replaces_its_opposite),
		cmocka_unit_test(lessons_bend_the_profile),
		cmocka_unit_test(after_a_week_a_lesson_is_forgotten),
		cmocka_unit_test(the_store_is_bounded),
		IN_DIR(lessons_survive_a_restart_in_a_private_file),
		IN_DIR(the_url_form_that_works_can_change_back),
		IN_DIR(an_upstreams_odd_word_does_not_damage_the_file),
		IN_DIR(a_damaged_file_is_ignored_with_one_line),
		IN_DIR(no_link_is_read_or_written_through),
		IN_DIR(a_file_that_others_may_write_is_not_believed),
		IN_DIR(a_directory_that_cannot_be_made_costs_one_line),
		IN_DIR(threads_teach_at_once),
		cmocka_unit_test(scales_learn_each_model_by_itself),
		cmocka_unit_test(
		    windows_are_kept_and_the_least_used_model_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
