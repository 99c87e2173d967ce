/* SPDX-License-Identifier: MIT */
/* links: app */
#include "app/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/variables.h"
#include "server/settings.h"
#include "wire/buf.h"

static char folder[] = "/tmp/test-config-XXXXXX";

/* Each test begins in an empty folder that is also its home. */
static int
set_up(void **state)
{
	static const char *const others[] = { "OPENROUTER_API_KEY",
		"ANTHROPIC_PROXY_BASE_URL", "REASONING_STYLE", "https_proxy",
		"no_proxy", "STATE_DIRECTORY", "XDG_STATE_HOME" };

	(void)state;
	for (size_t i = 0; i < n_variables; i++)
		unsetenv(variables[i].name);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		unsetenv(others[i]);
	setenv("HOME", folder, 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	(void)unlink(".env");
	(void)unlink(".anthropic-proxy.env");
	(void)unlink("key");
	return 0;
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || chdir(folder) == -1 ? -1 : 0;
}

static int
remove_folder(void **state)
{
	set_up(state);
	return chdir("/") == -1 || rmdir(folder) == -1 ? -1 : 0;
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
read_with(struct config *config, const struct config_flags *flags)
{
	struct config_error error = { 0, "" };

	if (config_read(config, flags, CONFIG_TO_SERVE, &error) == -1)
		fail_msg("%s", error.text);
}

static void
read_plain(struct config *config)
{
	static const struct config_flags none = { 0 };

	read_with(config, &none);
}

/* Reading must fail; the message holds each of the texts. */
static void
fails(int exit_code, const char *one, const char *two)
{
	static const struct config_flags none = { 0 };
	struct config config;
	struct config_error error = { 0, "" };

	if (config_read(&config, &none, CONFIG_TO_SERVE, &error) == 0)
		fail_msg("taken, but %s should be refused", one);
	if (strstr(error.text, one) == NULL || strstr(error.text, two) == NULL)
		fail_msg("%s: neither %s nor %s", error.text, one, two);
	assert_int_equal(error.exit_code, exit_code);
	assert_null(config.settings);
}

static void
shows(const struct config *config, const char *line)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	config_print(config, &out);
	if (strstr(buf_str(&out), line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, buf_str(&out));
	buf_clear(&out);
}

static void
flags_beat_the_environment_and_that_beats_the_file(void **state)
{
	static const struct config_flags flags = { .port = "3", .host = "::1" };
	struct config config;

	(void)state;
	write_file(".env",
	    "PORT=1\nIDLE_TIMEOUT=7\nHOST=127.0.0.2\n"
	    "MAX_RETRIES=5\n",
	    0600);
	setenv("PORT", "2", 1);
	setenv("IDLE_TIMEOUT", "8.5", 1);
	read_with(&config, &flags);
	assert_int_equal(config.settings->port, 3);
	assert_string_equal(config.settings->host, "::1");
	assert_int_equal(config.settings->idle_timeout_ms, 8500);
	assert_int_equal(config.settings->max_retries, 5);
	shows(&config, "\nPORT=3  # from --port\n");
	shows(&config, "\nIDLE_TIMEOUT=8.500  # from the environment\n");
	shows(&config, "\nMAX_RETRIES=5  # from ./.env line 4\n");
	shows(&config, "\nPING_INTERVAL=15  # default\n");
	config_clear(&config);
}

static void
the_first_file_found_is_the_only_one(void **state)
{
	struct config config;

	(void)state;
	write_file(".anthropic-proxy.env", "PORT=11\nMAX_RETRIES=1\n", 0600);
	read_plain(&config);
	assert_int_equal(config.settings->port, 11);
	shows(&config, "PORT=11  # from ~/.anthropic-proxy.env line 1\n");
	config_clear(&config);
	write_file(".env", "PORT=12\n", 0600);
	read_plain(&config);
	assert_int_equal(config.settings->port, 12);
	assert_int_equal(config.settings->max_retries, 2);
	assert_non_null(strstr(config.settings->config_file, folder));
	config_clear(&config);
}

static void
a_named_file_must_be_there(void **state)
{
	static const struct config_flags flags = { .config_file = "none.env" };
	struct config config;
	struct config_error error = { 0, "" };

	(void)state;
	assert_int_equal(
	    config_read(&config, &flags, CONFIG_TO_SERVE, &error), -1);
	assert_int_equal(error.exit_code, 2);
	assert_string_equal(error.text, "none.env: No such file or directory");
}

static void
a_bad_line_stops_the_start(void **state)
{
	(void)state;
	write_file(".env", "PORT=1\nwhat is this\n", 0600);
	fails(2, "./.env:2:", "KEY=value");
}

static const struct {
	const char *name, *value, *allowed;
} bad_values[] = {
	{ "PORT", "abc", "0 to 65535" },
	{ "PORT", "70000", "0 to 65535" },
	{ "PORT", "-1", "0 to 65535" },
	{ "PORT", "+1", "0 to 65535" },
	{ "PORT", "", "0 to 65535" },
	{ "PORT", "3000 ", "0 to 65535" },
	{ "PORT", "99999999999999999999", "0 to 65535" },
	{ "MAX_RETRIES", "1.5", "whole number" },
	{ "MAX_RETRIES", "21", "0 to 20" },
	{ "CONNECT_TIMEOUT", "10s", "seconds" },
	{ "CONNECT_TIMEOUT", "0", "seconds" },
	{ "CONNECT_TIMEOUT", "1.", "seconds" },
	{ "CONNECT_TIMEOUT", ".5", "seconds" },
	{ "CONNECT_TIMEOUT", "0.0005", "seconds" },
	{ "PING_INTERVAL", "86401", "0.001 to 86400" },
	{ "MAX_BODY_BYTES", "32M", "bytes" },
	{ "MAX_BODY_BYTES", "0", "bytes" },
	{ "DEBUG", "abacate", "true" },
	{ "DEBUG", "", "true" },
	{ "VERBOSE", "2", "true" },
	{ "ALLOW_OPEN", "maybe", "true" },
	{ "LOG_FORMAT", "xml", "text or json" },
	{ "HOST", "a b", "address" },
	{ "HOST", "", "address" },
	{ "HOST", "127.0.0.1:3000", "PORT" },
	{ "HOST", "[zz]", "address" },
	{ "HOST", "unix:", "path" },
	{ "MAX_TOKENS_FIELD", "tokens", "auto, max_tokens" },
	{ "MERGE_ROLES", "perhaps", "true or false" },
	{ "TOOL_NAME_MAX", "8", "32 to 256" },
	{ "MODEL_MAP", "claude", "" },
	{ "CONTEXT_WINDOW", "a=b", "tokens" },
	{ "CONTEXT_WINDOW", "0", "" },
	{ "UPSTREAM_BODY", "[]", "JSON object" },
	{ "UPSTREAM_BODY", "{\"a\":}", "JSON object" },
	{ "UPSTREAM_BASE_URL", "ftp://x.example", "http://" },
};

static void
a_bad_value_is_refused_with_name_value_and_what_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]);
	     i++) {
		char start[200];

		snprintf(start, sizeof(start),
		    "%s: \"%s\" is refused: ", bad_values[i].name,
		    bad_values[i].value);
		setenv(bad_values[i].name, bad_values[i].value, 1);
		fails(2, start, bad_values[i].allowed);
		fails(2, "(from the environment)", "");
		unsetenv(bad_values[i].name);
	}
}

static void
a_secret_never_stands_in_a_complaint(void **state)
{
	static const struct {
		const char *name, *value;
	} secrets[] = {
		{ "UPSTREAM_API_KEY", "sk-hidden x" },
		{ "UPSTREAM_API_KEY", "sk-hidden\n" },
		{ "PROXY_API_KEY", "sk-hidden x" },
		{ "PROXY_API_KEY", "sk-hidden,a\x01" },
		{ "PROXY_API_KEY", " , ," },
		{ "UPSTREAM_HEADERS", "{\"A\":\"sk-hidden\"" },
		{ "UPSTREAM_HEADERS", "{\"A\":[\"sk-hidden\"]}" },
		{ "UPSTREAM_HEADERS", "{\"A\":\"sk-hidden\\r\\nB: c\"}" },
		{ "UPSTREAM_HEADERS", "{\"sk hidden\":\"x\"}" },
		{ "UPSTREAM_HEADERS", "{\"Content-Length\":\"sk-hidden\"}" },
		{ "UPSTREAM_BASE_URL", "https://me:sk-hidden@x.example" },
		{ "UPSTREAM_BASE_URL", "ftp://x.example?key=sk-hidden" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		static const struct config_flags none = { 0 };
		struct config config;
		struct config_error error = { 0, "" };

		setenv(secrets[i].name, secrets[i].value, 1);
		assert_int_equal(
		    config_read(&config, &none, CONFIG_TO_SERVE, &error), -1);
		assert_int_equal(error.exit_code, 2);
		assert_non_null(strstr(error.text, secrets[i].name));
		assert_null(strstr(error.text, "hidden"));
		unsetenv(secrets[i].name);
	}
}

static void
secrets_are_printed_as_fingerprints(void **state)
{
	struct config config;
	struct buf out;

	(void)state;
	setenv("UPSTREAM_BASE_URL",
	    "https://x.example/v1?api-version=2024&key=hidden", 1);
	setenv("UPSTREAM_API_KEY", "hidden-one", 1);
	setenv("PROXY_API_KEY", "hidden-two, ,hidden-three,", 1);
	setenv("UPSTREAM_HEADERS", "{\"X-Key\":\"hidden\"}", 1);
	setenv("HTTPS_PROXY", "http://me:hidden@proxy.example:8080", 1);
	read_plain(&config);
	assert_int_equal(config.settings->n_proxy_keys, 2);
	assert_string_equal(config.settings->proxy_keys[1], "hidden-three");
	buf_init(&out, 1 << 20);
	config_print(&config, &out);
	assert_null(strstr(buf_str(&out), "hidden"));
	assert_non_null(strstr(buf_str(&out), "UPSTREAM_API_KEY=sha256:"));
	assert_non_null(strstr(buf_str(&out), "api-version=2024&key=sha256:"));
	assert_non_null(strstr(buf_str(&out), "X-Key"));
	assert_non_null(strstr(buf_str(&out), "http://...@proxy.example:8080"));
	buf_clear(&out);
	config_clear(&config);
}

static void
what_is_printed_can_be_read_back(void **state)
{
	struct config config, again;
	struct buf out;

	(void)state;
	setenv("UPSTREAM_BASE_URL", "https://x.example/v1", 1);
	setenv("MODEL_MAP", "a*=it's \"b\" # $c \\d,e=f", 1);
	setenv("UPSTREAM_BODY", "{\"a\": \"b c\"}", 1);
	setenv("IDLE_TIMEOUT", "0.25", 1);
	setenv("STATE_DIR", "", 1);
	read_plain(&config);
	buf_init(&out, 1 << 20);
	config_print(&config, &out);
	set_up(state);
	write_file(".env", buf_str(&out), 0600);
	read_plain(&again);
	assert_string_equal(
	    again.settings->upstream.url, config.settings->upstream.url);
	assert_int_equal(again.settings->routes.n_rules, 2);
	assert_string_equal(
	    again.settings->routes.rules[0].model, "it's \"b\" # $c \\d");
	assert_string_equal(again.settings->upstream_body, "{\"a\": \"b c\"}");
	assert_int_equal(again.settings->idle_timeout_ms, 250);
	assert_string_equal(again.settings->state_dir, "");
	assert_memory_equal(&again.settings->profile, &config.settings->profile,
	    sizeof(struct profile));
	buf_clear(&out);
	config_clear(&config);
	config_clear(&again);
}

static void
older_names_are_taken(void **state)
{
	struct config config;

	(void)state;
	write_file(".env", "UPSTREAM_BASE_URL=http://file.example\n", 0600);
	setenv("ANTHROPIC_PROXY_BASE_URL", "http://alias.example", 1);
	setenv("REASONING_STYLE", "openrouter", 1);
	read_plain(&config);
	assert_string_equal(config.settings->upstream.host, "alias.example");
	assert_int_equal(
	    config.settings->profile.reasoning_request, REASONING_OPENROUTER);
	config_clear(&config);
	setenv("UPSTREAM_BASE_URL", "http://name.example", 1);
	read_plain(&config);
	assert_string_equal(config.settings->upstream.host, "name.example");
	config_clear(&config);
}

static void
an_openrouter_key_goes_to_openrouter_alone(void **state)
{
	static const struct {
		const char *url;
		bool used;
	} cases[] = {
		{ "https://openrouter.ai/api", true },
		{ "https://eu.openrouter.ai/api", true },
		{ "https://api.openai.com", false },
		{ "https://evilopenrouter.ai", false },
		{ "https://openrouter.ai.example", false },
	};
	struct config config;

	(void)state;
	setenv("OPENROUTER_API_KEY", "sk-or-1", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("UPSTREAM_BASE_URL", cases[i].url, 1);
		read_plain(&config);
		assert_int_equal(
		    config.settings->upstream_key != NULL, cases[i].used);
		config_clear(&config);
	}
	setenv("UPSTREAM_BASE_URL", cases[0].url, 1);
	write_file(".env", "UPSTREAM_API_KEY=sk-mine\n", 0600);
	read_plain(&config);
	assert_string_equal(config.settings->upstream_key, "sk-mine");
	config_clear(&config);
}

static void
a_key_file_is_read_and_trimmed(void **state)
{
	struct config config;

	(void)state;
	write_file("key", "\n sk-in-file \r\n\n", 0600);
	setenv("UPSTREAM_API_KEY_FILE", "key", 1);
	read_plain(&config);
	assert_string_equal(config.settings->upstream_key, "sk-in-file");
	assert_int_equal(config.n_warnings, 0);
	shows(&config, "  # from key\n");
	config_clear(&config);
	write_file("key", "key-one-1\nkey-two-2,key-three-3\n", 0644);
	set_up(state);
	write_file("key", "key-one-1\nkey-two-2,key-three-3\n", 0644);
	setenv("PROXY_API_KEY_FILE", "key", 1);
	read_plain(&config);
	assert_int_equal(config.settings->n_proxy_keys, 3);
	assert_int_equal(config.n_warnings, 1);
	config_clear(&config);
}

static void
a_key_file_that_gives_no_key_is_an_error(void **state)
{
	(void)state;
	setenv("PROXY_API_KEY_FILE", "key", 1);
	fails(1, "PROXY_API_KEY_FILE: key: No such file", "environment");
	write_file("key", "\n", 0600);
	fails(2, "PROXY_API_KEY_FILE: the value is refused", "empty");
	write_file("key", "\n,\n,", 0600);
	fails(2, "PROXY_API_KEY_FILE: the value is refused", "no key");
	write_file("key", "one two", 0600);
	fails(2, "PROXY_API_KEY_FILE: the value is refused", "blanks");
}

static void
a_key_and_a_key_file_of_one_source_are_not_guessed(void **state)
{
	struct config config;

	(void)state;
	write_file("key", "sk-in-file", 0600);
	setenv("UPSTREAM_API_KEY_FILE", "key", 1);
	setenv("UPSTREAM_API_KEY", "sk-plain", 1);
	fails(2, "UPSTREAM_API_KEY and UPSTREAM_API_KEY_FILE", "both");
	unsetenv("UPSTREAM_API_KEY");
	write_file(".env", "UPSTREAM_API_KEY=sk-far\n", 0600);
	read_plain(&config); /* the nearer source counts */
	assert_string_equal(config.settings->upstream_key, "sk-in-file");
	config_clear(&config);
	setenv("UPSTREAM_API_KEY_FILE", "", 1);
	read_plain(&config);
	assert_null(config.settings->upstream_key);
	config_clear(&config);
}

static void
an_open_door_needs_a_key_or_a_word(void **state)
{
	static const struct {
		const char *host;
		int rc;
	} cases[] = {
		{ "127.0.0.1", 0 },
		{ "127.3.2.1", 0 },
		{ "localhost", 0 },
		{ "::1", 0 },
		{ "[::1]", 0 },
		{ "unix:/tmp/x.sock", 0 },
		{ "0.0.0.0", -1 },
		{ "::", -1 },
		{ "[::]", -1 },
		{ "::ffff:127.0.0.1", -1 },
		{ "fe80::1%lo", -1 },
		{ "10.1.2.3", -1 },
		{ "my.host.example", -1 },
		{ "localhost.example", -1 },
		{ "127.1", -1 },
		{ "0", -1 },
	};
	struct config_error error;
	struct config config;

	(void)state;
	setenv("UPSTREAM_BASE_URL", "http://127.0.0.1:1", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("HOST", cases[i].host, 1);
		read_plain(&config);
		assert_int_equal(config_check(&config, &error), cases[i].rc);
		config_clear(&config);
	}
	setenv("ALLOW_OPEN", "1", 1);
	read_plain(&config);
	assert_int_equal(config_check(&config, &error), 0);
	config_clear(&config);
	unsetenv("ALLOW_OPEN");
	setenv("PROXY_API_KEY", "a-long-enough-key", 1);
	read_plain(&config);
	assert_int_equal(config_check(&config, &error), 0);
	config_clear(&config);
}

static void
an_upstream_is_needed_except_for_the_demo(void **state)
{
	static const struct config_flags demo = { .demo = true };
	struct config_error error;
	struct config config;

	(void)state;
	read_plain(&config);
	assert_int_equal(config_check(&config, &error), -1);
	assert_int_equal(error.exit_code, 2);
	assert_non_null(strstr(error.text, "UPSTREAM_BASE_URL"));
	config_clear(&config);
	read_with(&config, &demo);
	assert_int_equal(config_check(&config, &error), 0);
	config_clear(&config);
}

static void
short_keys_and_typos_are_warned_of(void **state)
{
	struct config config;

	(void)state;
	write_file(".env",
	    "UPSTREM_API_KEY=x\nUPSTREAM_KEY=y\nDATABASE_URL=z\n"
	    "PROXY_API_KEY=short\nMAX_RETRIES=1\nMAX_RETRIES=3\nfoo=1\n"
	    "ANTHROPIC_PROXY_X=1\n",
	    0600);
	read_plain(&config);
	assert_int_equal(config.settings->max_retries, 3);
	assert_int_equal(config.n_warnings, 5);
	assert_non_null(strstr(config.warnings[0], "key 1 is shorter"));
	assert_string_equal(config.warnings[1],
	    "./.env:1: there is no setting UPSTREM_API_KEY; is "
	    "UPSTREAM_API_KEY meant?");
	assert_non_null(strstr(config.warnings[2], "UPSTREAM_KEY"));
	assert_non_null(strstr(config.warnings[3], "line 6, which counts"));
	assert_non_null(strstr(config.warnings[4], "ANTHROPIC_PROXY_X"));
	config_clear(&config);
}

static void
a_file_that_others_may_change_is_warned_of(void **state)
{
	struct config config;

	(void)state;
	write_file(".env", "PORT=1\n", 0666);
	read_plain(&config);
	assert_int_equal(config.n_warnings, 1);
	config_clear(&config);
	if (geteuid() != 0)
		return; /* only root can give a file away */
	assert_int_equal(chown(".env", 12345, (gid_t)-1), 0);
	fails(2, "./.env belongs to somebody else", "--config");
	assert_int_equal(chmod(".env", 0644), 0);
	read_plain(&config);
	assert_int_equal(config.n_warnings, 1);
	config_clear(&config);
}

static void
what_serves_is_not_looked_at_to_find_a_daemon(void **state)
{
	static const struct config_flags none = { 0 };
	struct config config;
	struct config_error error = { 0, "" };

	(void)state;
	setenv("UPSTREAM_BASE_URL", "nonsense", 1);
	setenv("UPSTREAM_API_KEY_FILE", "none", 1);
	setenv("PID_FILE", "/x/y.pid", 1);
	assert_int_equal(
	    config_read(&config, &none, CONFIG_TO_FIND, &error), 0);
	assert_string_equal(config.settings->pid_file, "/x/y.pid");
	assert_true(config_is_set(&config, "PID_FILE"));
	assert_false(config_is_set(&config, "PORT"));
	config_clear(&config);
}

static void
folders_follow_the_environment(void **state)
{
	struct config config;
	char expected[200];

	(void)state;
	setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
	read_plain(&config);
	assert_string_equal(config.settings->state_dir, "/var/lib/a");
	assert_string_equal(
	    config.settings->pid_file, "/run/user/7/anthropic-proxy.pid");
	assert_string_equal(
	    config.settings->log_file, "/run/user/7/anthropic-proxy.log");
	config_clear(&config);
	unsetenv("STATE_DIRECTORY");
	unsetenv("XDG_RUNTIME_DIR");
	read_plain(&config);
	snprintf(expected, sizeof(expected), "%s/.local/state/anthropic-proxy",
	    folder);
	assert_string_equal(config.settings->state_dir, expected);
	snprintf(expected, sizeof(expected),
	    "%s/.cache/anthropic-proxy/anthropic-proxy.pid", folder);
	assert_string_equal(config.settings->pid_file, expected);
	config_clear(&config);
}

static void
booleans_and_windows_take_their_usual_forms(void **state)
{
	struct config config;

	(void)state;
	setenv("DEBUG", "Yes", 1);
	setenv("VERBOSE", "off", 1);
	setenv("MERGE_ROLES", "0", 1);
	setenv("CONTEXT_WINDOW", "32768", 1);
	setenv("DRAIN_TIMEOUT", "0", 1);
	read_plain(&config);
	assert_true(config.settings->debug);
	assert_false(config.settings->verbose);
	assert_int_equal(config.settings->profile.merge_roles, MERGE_FALSE);
	assert_int_equal(config.settings->n_context_windows, 1);
	assert_string_equal(config.settings->context_windows[0].glob, "*");
	assert_string_equal(config.settings->context_windows[0].model, "32768");
	assert_int_equal(config.settings->drain_timeout_ms, 0);
	config_clear(&config);
}

static void
a_proxy_of_the_file_reaches_the_environment(void **state)
{
	struct config config;

	(void)state;
	write_file(
	    ".env", "HTTPS_PROXY=http://p.example\nNO_PROXY=a,b\n", 0600);
	setenv("NO_PROXY", "mine", 1);
	read_plain(&config);
	config_export(&config);
	assert_string_equal(getenv("HTTPS_PROXY"), "http://p.example");
	assert_string_equal(getenv("NO_PROXY"), "mine");
	config_clear(&config);
}

#define T(test) cmocka_unit_test_setup(test, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(flags_beat_the_environment_and_that_beats_the_file),
		T(the_first_file_found_is_the_only_one),
		T(a_named_file_must_be_there),
		T(a_bad_line_stops_the_start),
		T(a_bad_value_is_refused_with_name_value_and_what_is_allowed),
		T(a_secret_never_stands_in_a_complaint),
		T(secrets_are_printed_as_fingerprints),
		T(what_is_printed_can_be_read_back),
		T(older_names_are_taken),
		T(an_openrouter_key_goes_to_openrouter_alone),
		T(a_key_file_is_read_and_trimmed),
		T(a_key_file_that_gives_no_key_is_an_error),
		T(a_key_and_a_key_file_of_one_source_are_not_guessed),
		T(an_open_door_needs_a_key_or_a_word),
		T(an_upstream_is_needed_except_for_the_demo),
		T(short_keys_and_typos_are_warned_of),
		T(a_file_that_others_may_change_is_warned_of),
		T(what_serves_is_not_looked_at_to_find_a_daemon),
		T(folders_follow_the_environment),
		T(booleans_and_windows_take_their_usual_forms),
		T(a_proxy_of_the_file_reaches_the_environment),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
