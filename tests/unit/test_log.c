/* SPDX-License-Identifier: MIT */
/* links: server */
/* Lines of the log, read back from its file. */
#include <setjmp.h>
#include <stdarg.h>
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
#include <cjson/cJSON.h>

#include "server/log.h"

static char dir[64], path[80];

/* The file's text, its times as "T"; the caller frees. */
static char *
read_log(void)
{
	char *text = calloc(1, 1 << 20), *at;
	int fd = open(path, O_RDONLY);
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, text + have, (1 << 20) - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	for (at = text; (at = strstr(at, "ts")) != NULL; at++)
		if (strncmp(at, "ts=20", 5) == 0)
			memmove(at + 3, at + 27, strlen(at + 27) + 1);
		else if (strncmp(at, "ts\":\"20", 7) == 0)
			memmove(at + 5, at + 29, strlen(at + 29) + 1);
	return text;
}

static void
assert_log(const char *want)
{
	char *text = read_log();

	assert_string_equal(text, want);
	free(text);
}

static void
a_line_has_level_request_message_and_fields(void **state)
{
	const struct log_field fields[] = { { "route", "messages", 0 },
		{ "status", NULL, 200 }, { "empty", "", 0 } };

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	log_set_request("req_1");
	log_fields(LOG_INFO, NULL, fields, 3);
	log_set_request(NULL);
	log_say(LOG_WARN, "listening on %s", "http://127.0.0.1:3000");
	assert_log("ts= level=info req=req_1 route=messages status=200 "
		   "empty=\"\"\n"
		   "ts= level=warn msg=\"listening on "
		   "http://127.0.0.1:3000\"\n");
}

static void
text_from_outside_cannot_forge_lines_or_move_the_cursor(void **state)
{
	const struct log_field field = { "model",
		"a\nts=0 level=error\x1b[2J\"\\\x7f\xc2\x9b\xff\xe2\x80\xae"
		"\xc3\xa4",
		0 };

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	log_fields(LOG_INFO, NULL, &field, 1);
	assert_log("ts= level=info model=\"a\\nts=0 level=error\\u001b[2J"
		   "\\\"\\\\\\u007f\\u009b\\ufffd\\u202e\xc3\xa4\"\n");
}

static void
json_lines_parse_and_hold_the_same(void **state)
{
	const struct log_field fields[] = { { "model",
						"a\n\x1b\"\\\xff\xc3\xa4", 0 },
		{ "status", NULL, -5 } };
	cJSON *line;
	char *text;

	(void)state;
	assert_int_equal(log_open(path, true, false), 0);
	log_fields(LOG_ERROR, "it broke", fields, 2);
	text = read_log();
	assert_non_null(line = cJSON_Parse(text));
	assert_string_equal(
	    cJSON_GetObjectItem(line, "level")->valuestring, "error");
	assert_string_equal(
	    cJSON_GetObjectItem(line, "msg")->valuestring, "it broke");
	assert_string_equal(cJSON_GetObjectItem(line, "model")->valuestring,
	    "a\n\x1b\"\\\xef\xbf\xbd\xc3\xa4");
	assert_int_equal(cJSON_GetObjectItem(line, "status")->valueint, -5);
	cJSON_Delete(line);
	free(text);
}

/* The clock as the log has it, without milliseconds; returns its second. */
static time_t
tell_time(char out[static 32])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(out, 32, "\nts=%Y-%m-%dT%H:%M:%S.", &utc);
	return now;
}

static void
each_line_has_its_own_time(void **state)
{
	const struct timespec nap = { 0, 20 * 1000 * 1000 };
	char want[32], text[256] = "\n";
	time_t began = tell_time(want);
	int fd;

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	log_say(LOG_INFO, "one");
	while (tell_time(want) < began + 1)
		nanosleep(&nap, NULL);
	log_say(LOG_INFO, "two");
	assert_true((fd = open(path, O_RDONLY)) != -1);
	assert_true(read(fd, text + 1, sizeof(text) - 2) > 0);
	close(fd);
	assert_non_null(strstr(text, want));
}

static void
debug_lines_show_only_when_asked_for(void **state)
{
	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	assert_false(log_debugs());
	log_say(LOG_DEBUG, "hidden");
	assert_int_equal(log_reopen(log_open_file, false, true), 0);
	assert_true(log_debugs());
	log_say(LOG_DEBUG, "shown");
	assert_log("ts= level=debug msg=shown\n");
}

static void
errno_survives(void **state)
{
	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	errno = ENOTDIR;
	log_say(LOG_INFO, "%s", "x");
	assert_int_equal(errno, ENOTDIR);
}

static void
a_file_is_private_and_no_link_is_followed(void **state)
{
	char link[96];
	struct stat st;

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(log_open(link, false, false), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(log_open(dir, false, false), -1);
	unlink(link);
	log_say(LOG_INFO, "still");
	assert_log("ts= level=info msg=still\n");
}

static void
a_rotated_file_is_made_anew(void **state)
{
	char moved[96];

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	log_say(LOG_INFO, "before");
	snprintf(moved, sizeof(moved), "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	log_say(LOG_INFO, "between");
	assert_int_equal(log_reopen(log_open_file, false, false), 0);
	log_say(LOG_INFO, "after");
	assert_log("ts= level=info msg=after\n");
	unlink(moved);
}

static void
a_huge_value_is_cut_at_a_character(void **state)
{
	size_t len = 600 * 1024;
	char *huge = malloc(len + 1), *text;

	(void)state;
	for (size_t i = 0; i < len; i += 2)
		memcpy(huge + i, "\xc3\xa4", 2);
	huge[len] = '\0';
	assert_int_equal(log_open(path, false, false), 0);
	log_say(LOG_INFO, "x%s", huge);
	text = read_log();
	assert_in_range(strlen(text), 250 * 1024, 260 * 1024);
	assert_null(strstr(text, "ufffd"));
	free(text);
	free(huge);
}

static void *
chatter(void *arg)
{
	log_set_request(arg);
	for (int i = 0; i < 200; i++)
		log_say(LOG_INFO, "%s %d", (const char *)arg, i);
	return NULL;
}

static void
threads_write_whole_lines_with_their_own_request(void **state)
{
	pthread_t threads[2];
	char *text, *line, *rest;
	int lines = 0;

	(void)state;
	assert_int_equal(log_open(path, false, false), 0);
	pthread_create(&threads[0], NULL, chatter, (void *)"req_a");
	pthread_create(&threads[1], NULL, chatter, (void *)"req_b");
	for (int i = 0; i < 20; i++)
		log_reopen(log_open_file, false, i % 2 == 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	text = read_log();
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest), lines++)
		assert_true(
		    strncmp(line, "ts= level=info req=req_a msg=\"req_a ",
			35) == 0 ||
		    strncmp(line, "ts= level=info req=req_b msg=\"req_b ",
			35) == 0);
	assert_int_equal(lines, 400);
	free(text);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-log-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	return 0;
}

static int
drop_dir(void **state)
{
	(void)state;
	log_open(NULL, false, false);
	unlink(path);
	return rmdir(dir);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(a_line_has_level_request_message_and_fields),
		IN_DIR(text_from_outside_cannot_forge_lines_or_move_the_cursor),
		IN_DIR(json_lines_parse_and_hold_the_same),
		IN_DIR(each_line_has_its_own_time),
		IN_DIR(debug_lines_show_only_when_asked_for),
		IN_DIR(errno_survives),
		IN_DIR(a_file_is_private_and_no_link_is_followed),
		IN_DIR(a_rotated_file_is_made_anew),
		IN_DIR(a_huge_value_is_cut_at_a_character),
		IN_DIR(threads_write_whole_lines_with_their_own_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
