/* SPDX-License-Identifier: MIT */
/* links: app */
#include "server/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define CC "/chat/completions"

static const struct {
	const char *base, *url, *other, *root, *host;
} forms[] = {
	{ "https://api.openai.com/v1", "https://api.openai.com/v1" CC,
	    "https://api.openai.com/v1/v1" CC, "https://api.openai.com/v1",
	    "api.openai.com" },
	{ "https://api.openai.com", "https://api.openai.com/v1" CC,
	    "https://api.openai.com" CC, "https://api.openai.com/v1",
	    "api.openai.com" },
	{ "https://openrouter.ai/api", "https://openrouter.ai/api/v1" CC,
	    "https://openrouter.ai/api" CC, "https://openrouter.ai/api/v1",
	    "openrouter.ai" },
	{ "https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1" CC,
	    "https://openrouter.ai/api/v1/v1" CC,
	    "https://openrouter.ai/api/v1", "openrouter.ai" },
	{ "http://localhost:11434/v1" CC, "http://localhost:11434/v1" CC, NULL,
	    "http://localhost:11434/v1", "localhost" },
	{ "HTTP://LocalHost:8080//", "http://LocalHost:8080/v1" CC,
	    "http://LocalHost:8080" CC, "http://LocalHost:8080/v1",
	    "localhost" },
	{ "https://open.bigmodel.cn/api/paas/v4",
	    "https://open.bigmodel.cn/api/paas/v4" CC,
	    "https://open.bigmodel.cn/api/paas/v4/v1" CC,
	    "https://open.bigmodel.cn/api/paas/v4", "open.bigmodel.cn" },
	{ "https://generativelanguage.googleapis.com/v1beta/openai",
	    "https://generativelanguage.googleapis.com/v1beta/openai" CC,
	    "https://generativelanguage.googleapis.com/v1beta/openai/v1" CC,
	    "https://generativelanguage.googleapis.com/v1beta/openai",
	    "generativelanguage.googleapis.com" },
	{ "https://gateway.ai.cloudflare.com/v1/ACC/GW/compat",
	    "https://gateway.ai.cloudflare.com/v1/ACC/GW/compat" CC,
	    "https://gateway.ai.cloudflare.com/v1/ACC/GW/compat/v1" CC,
	    "https://gateway.ai.cloudflare.com/v1/ACC/GW/compat",
	    "gateway.ai.cloudflare.com" },
	{ "https://x.example/openai", "https://x.example/openai" CC,
	    "https://x.example/openai/v1" CC, "https://x.example/openai",
	    "x.example" },
	{ "https://x.example/myopenai", "https://x.example/myopenai/v1" CC,
	    "https://x.example/myopenai" CC, "https://x.example/myopenai/v1",
	    "x.example" },
	{ "https://w.cloud.databricks.com/serving-endpoints",
	    "https://w.cloud.databricks.com/serving-endpoints" CC,
	    "https://w.cloud.databricks.com/serving-endpoints/v1" CC,
	    "https://w.cloud.databricks.com/serving-endpoints",
	    "w.cloud.databricks.com" },
	{ "https://r.openai.azure.com/openai/deployments/gpt"
	  "?api-version=2024-10-21",
	    "https://r.openai.azure.com/openai/deployments/gpt" CC
	    "?api-version=2024-10-21",
	    "https://r.openai.azure.com/openai/deployments/gpt/v1" CC
	    "?api-version=2024-10-21",
	    "https://r.openai.azure.com/openai/deployments/gpt",
	    "r.openai.azure.com" },
	{ "https://x.example/deployments/",
	    "https://x.example/deployments/v1" CC,
	    "https://x.example/deployments" CC,
	    "https://x.example/deployments/v1", "x.example" },
	{ "https://api.githubcopilot.com", "https://api.githubcopilot.com" CC,
	    "https://api.githubcopilot.com/v1" CC,
	    "https://api.githubcopilot.com", "api.githubcopilot.com" },
	{ "https://api.business.githubcopilot.com/",
	    "https://api.business.githubcopilot.com" CC,
	    "https://api.business.githubcopilot.com/v1" CC,
	    "https://api.business.githubcopilot.com",
	    "api.business.githubcopilot.com" },
	{ "https://notgithubcopilot.com", "https://notgithubcopilot.com/v1" CC,
	    "https://notgithubcopilot.com" CC,
	    "https://notgithubcopilot.com/v1", "notgithubcopilot.com" },
	{ "http://[::1]:8000/v1beta1", "http://[::1]:8000/v1beta1" CC,
	    "http://[::1]:8000/v1beta1/v1" CC, "http://[::1]:8000/v1beta1",
	    "::1" },
	{ "https://h.example/vertex", "https://h.example/vertex/v1" CC,
	    "https://h.example/vertex" CC, "https://h.example/vertex/v1",
	    "h.example" },
	{ "https://h.example?k=1", "https://h.example/v1" CC "?k=1",
	    "https://h.example" CC "?k=1", "https://h.example/v1",
	    "h.example" },
	{ "https://h.example./v2", "https://h.example./v2" CC,
	    "https://h.example./v2/v1" CC, "https://h.example./v2",
	    "h.example" },
};

static void
a_base_url_becomes_the_url_of_the_rules(void **state)
{
	struct settings *s = settings_new();
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct upstream_target *t = &s->upstream;
		char models[256];

		err[0] = '\0';
		assert_int_equal(
		    settings_set_upstream(s, forms[i].base, err, sizeof(err)),
		    0);
		assert_string_equal(t->url, forms[i].url);
		assert_string_equal(t->base, forms[i].root);
		assert_memory_equal(
		    t->models, forms[i].root, strlen(forms[i].root));
		snprintf(models, sizeof(models), "/models%s", t->query);
		assert_string_equal(t->models + strlen(forms[i].root), models);
		assert_string_equal(t->host, forms[i].host);
		if (forms[i].other == NULL)
			assert_null(t->other_url);
		else
			assert_string_equal(t->other_url, forms[i].other);
	}
	settings_drop(s);
}

static void
what_is_no_plain_url_is_refused_and_the_old_one_stays(void **state)
{
	static const char *const bad[] = { "", "api.openai.com/v1",
		"ftp://x.example/v1", "https://", "https:///v1",
		"https://user:secret@x.example/v1", "https://secret@x.example",
		"https://x.example@evil.example", "http://x.example:0",
		"http://x.example:70000", "http://x.example:", "http://x y/v1",
		"http://x.example/v1#part", "http://x.example\\@evil.example",
		"http://[::1", "http://[zz]/v1",
		("http://b\xc3\xbc"
		 "cher.example"),
		"http://x.example/\r\nHost: evil", "http://.example/v1",
		"javascript:alert(1)", "http:/x.example" };
	struct settings *s = settings_new();
	char err[256];

	(void)state;
	assert_int_equal(
	    settings_set_upstream(s, "http://good.example", err, sizeof(err)),
	    0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		assert_int_equal(
		    settings_set_upstream(s, bad[i], err, sizeof(err)), -1);
		assert_true(err[0] != '\0');
		assert_null(strstr(err, "secret"));
		assert_string_equal(s->upstream.host, "good.example");
	}
	settings_drop(s);
}

static void
hosts_are_known_for_what_they_are(void **state)
{
	static const struct {
		const char *url;
		bool https, loopback, azure;
	} cases[] = {
		{ "http://localhost", false, true, false },
		{ "http://LOCALHOST:1/v1", false, true, false },
		{ "http://127.0.0.1:9", false, true, false },
		{ "http://127.9.8.7", false, true, false },
		{ "https://[::1]/v1", true, true, false },
		{ "http://a.localhost", false, true, false },
		{ "http://127.0.0.1.example", false, false, false },
		{ "http://localhost.example", false, false, false },
		{ "http://10.0.0.1", false, false, false },
		{ "https://R.OpenAI.Azure.com/openai/v1", true, false, true },
		{ "https://r.services.ai.azure.com/openai/v1", true, false,
		    true },
		{ "https://r.cognitiveservices.azure.com", true, false, true },
		{ "https://openai.azure.com.example", true, false, false },
	};
	struct settings *s = settings_new();
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    settings_set_upstream(s, cases[i].url, err, sizeof(err)),
		    0);
		assert_int_equal(s->upstream.is_https, cases[i].https);
		assert_int_equal(s->upstream.is_loopback, cases[i].loopback);
		assert_int_equal(s->upstream.is_azure, cases[i].azure);
	}
	settings_drop(s);
}

static void
settings_live_until_their_last_holder_drops_them(void **state)
{
	struct settings *s = settings_new();

	(void)state;
	assert_ptr_equal(settings_hold(s), s);
	settings_drop(s);
	assert_string_equal(s->host, "127.0.0.1");
	settings_drop(s);
	settings_drop(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_url_becomes_the_url_of_the_rules),
		cmocka_unit_test(
		    what_is_no_plain_url_is_refused_and_the_old_one_stays),
		cmocka_unit_test(hosts_are_known_for_what_they_are),
		cmocka_unit_test(
		    settings_live_until_their_last_holder_drops_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
