/* SPDX-License-Identifier: MIT */
/* The token estimate, its calibration, and the sizes of pictures. */
#include "translate/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/buf.h"
#include "wire/image.h"

/* Heads of real files: 640x480 and 1000x750. */
#define PNG  "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA"
#define JPEG "/9j/4AAQSkZJRgABAQAAAQABAAD/wAARCALuA+gDASIAAhEBAxEB"

static struct token_parts
weighed(cJSON *body)
{
	struct token_parts parts;

	assert_non_null(body);
	tokens_weigh(body, &parts);
	cJSON_Delete(body);
	return parts;
}

static struct token_parts
weighed_text(const char *json)
{
	return weighed(cJSON_Parse(json));
}

static void
raw_and_plain_strings_weigh_the_same(void **state)
{
	static const struct {
		const char *body, *text;
		int64_t bytes, cjk;
	} cases[] = {
		{ "", "", 0, 0 },
		{ "hello, how are you?", "hello, how are you?", 19, 0 },
		{ "a\\n\\\"b\\\\\\u0041\\/", "a\n\"b\\A/", 7, 0 },
		{ "\xC3\xA9\\u00e9", "\xC3\xA9\xC3\xA9", 4, 0 },
		{ "\xE4\xBD\xA0\xE5\xA5\xBD\\u4f60 ok",
		    "\xE4\xBD\xA0"
		    "\xE5\xA5\xBD\xE4\xBD\xA0 ok",
		    3, 3 },
		{ "\\ud83d\\ude00x", "\xF0\x9F\x98\x80x", 5, 0 },
		{ "12345678\xE4\xBD\xA0"
		  "12345678",
		    "12345678\xE4\xBD\xA0"
		    "12345678",
		    16, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int raw = 0; raw < 2; raw++) {
			cJSON *body = cJSON_CreateObject();
			cJSON *list = cJSON_AddArrayToObject(body, "messages");
			cJSON *message = cJSON_CreateObject();
			struct token_parts parts;

			cJSON_AddItemToArray(list, message);
			json_add_text(message, "role", "user");
			if (raw)
				json_add_body(message, "content",
				    (struct json_slice){
					cases[i].body, strlen(cases[i].body) });
			else
				json_add_text(
				    message, "content", cases[i].text);
			parts = weighed(body);
			assert_int_equal(parts.text_bytes, cases[i].bytes);
			assert_int_equal(parts.cjk_chars, cases[i].cjk);
			assert_int_equal(parts.messages, 1);
			assert_int_equal(parts.json_bytes, 0);
		}
	}
}

static void
all_that_the_model_reads_is_weighed(void **state)
{
	struct token_parts parts;

	(void)state;
	parts = weighed_text(
	    "{\"model\":\"m\",\"messages\":["
	    "{\"role\":\"system\",\"content\":\"0123456789\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"01234\"},{\"type\":\"text\",\"text\":\"56789\"}]},"
	    "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":"
	    "\"0123456789\",\"tool_calls\":[{\"id\":\"x\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
	    "\"{\\\"a\\\":1}\"}}]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":"
	    "\"0123456789\"}]}");
	assert_int_equal(parts.messages, 4);
	assert_int_equal(parts.text_bytes, 40);
	assert_in_range(parts.json_bytes, 8, 50);
	assert_int_equal(parts.tools, 0);
	parts = weighed_text(
	    "{\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":"
	    "{\"name\":\"a\",\"parameters\":{\"type\":\"object\"}}},{}]}");
	assert_int_equal(parts.tools, 2);
	assert_in_range(parts.json_bytes, 70, 110);
}

static void
raw_json_weighs_its_bytes(void **state)
{
	cJSON *body = cJSON_CreateObject();
	cJSON *tools = cJSON_AddArrayToObject(body, "tools");
	struct token_parts parts;
	char schema[1001];

	(void)state;
	memset(schema, ' ', 1000);
	schema[0] = '{';
	schema[999] = '}';
	cJSON_AddItemToArray(tools, json_raw(schema, 1000));
	parts = weighed(body);
	assert_int_equal(parts.json_bytes, 1000);
	assert_int_equal(parts.tools, 1);
}

static void
the_estimate_follows_its_formula(void **state)
{
	struct token_parts parts = { 0 };

	(void)state;
	assert_int_equal(tokens_estimate(&parts), 1);
	parts = (struct token_parts){ .text_bytes = 3600,
		.cjk_chars = 100,
		.json_bytes = 3200,
		.messages = 2,
		.tools = 3,
		.media_tokens = 1600 };
	assert_int_equal(
	    tokens_estimate(&parts), 1000 + 100 + 1000 + 8 + 24 + 1600);
	assert_int_equal(tokens_of_text(0), 1);
	assert_int_equal(tokens_of_text(1), 1);
	assert_int_equal(tokens_of_text(360), 100);
}

static int64_t
media_of(const char *part)
{
	struct token_parts parts;
	struct buf b;

	buf_init(&b, 10000000);
	buf_printf(
	    &b, "{\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", part);
	parts = weighed_text(buf_str(&b));
	assert_int_equal(parts.text_bytes, 0);
	buf_clear(&b);
	return parts.media_tokens;
}

static void
pictures_weigh_by_their_size(void **state)
{
	(void)state;
	assert_int_equal(
	    media_of("{\"type\":\"image_url\",\"image_url\":{\"url\":"
		     "\"data:image/png;base64," PNG "\"}}"),
	    410);
	assert_int_equal(
	    media_of("{\"type\":\"image_url\",\"image_url\":{\"url\":"
		     "\"data:image/jpeg;base64," JPEG "\"}}"),
	    1000);
	assert_int_equal(
	    media_of("{\"type\":\"image_url\",\"image_url\":{\"url\":"
		     "\"https://example.com/a.png\"}}"),
	    1600);
	assert_int_equal(
	    media_of("{\"type\":\"image_url\",\"image_url\":{\"url\":"
		     "\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\"}},"
		     "{\"type\":\"image_url\",\"image_url\":{}}"),
	    3200);
}

static void
an_escaped_raw_url_is_read_too(void **state)
{
	cJSON *body = cJSON_CreateObject(), *part = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(body, "messages");
	cJSON *message = cJSON_CreateObject();
	const char *url = "data:image\\/jpeg;base64,\\" JPEG;

	(void)state;
	cJSON_AddItemToArray(list, message);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(message, "content"), part);
	json_add_body(cJSON_AddObjectToObject(part, "image_url"), "url",
	    (struct json_slice){ url, strlen(url) });
	assert_int_equal(weighed(body).media_tokens, 1000);
}

static void
documents_weigh_by_their_bytes_up_to_a_limit(void **state)
{
	const char *head = "{\"type\":\"file\",\"file\":{\"file_data\":"
			   "\"data:application/pdf;base64,";
	struct buf b;

	(void)state;
	buf_init(&b, 10000000);
	buf_add_str(&b, head);
	for (size_t i = 0; i < 136534; i++) /* of 102400 bytes */
		buf_add_char(&b, 'A');
	buf_add_str(&b, "\"}}");
	assert_in_range(media_of(buf_str(&b)), 1995, 2005);
	buf_reset(&b);
	buf_add_str(&b, head);
	for (size_t i = 0; i < 9000000; i++)
		buf_add_char(&b, 'A');
	buf_add_str(&b, "\"}}");
	assert_int_equal(media_of(buf_str(&b)), 100000);
	buf_clear(&b);
	assert_int_equal(
	    media_of("{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}"), 2000);
}

static void
a_broken_picture_has_no_size(void **state)
{
	static const char *const heads[] = { "", "A", "iVBO", PNG, "/9j/", JPEG,
		"/9j/////", "/9j/2Q==", "/9j/4AAB", "!!!!" };
	uint32_t width, height;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t len = strlen(heads[i]) * 2 / 3;

		for (size_t cut = 0; cut < len; cut++) {
			char *copy = malloc(cut + 1);

			assert_non_null(copy);
			memcpy(copy, heads[i], cut);
			/* must not read past its end */
			image_size(copy, cut, &width, &height);
			free(copy);
		}
		if (strlen(heads[i]) < 10)
			assert_int_equal(image_size(heads[i], strlen(heads[i]),
					     &width, &height),
			    -1);
	}
}

static void
a_mock_that_counts_bytes_is_learnt_in_five_turns(void **state)
{
	static const double ratios[] = { 2.5, 4, 6 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct token_scale scale = { 0 };

		for (int64_t turn = 1; turn <= 12; turn++) {
			/* a growing talk; the mock counts its whole body */
			struct token_parts parts = {
				.text_bytes = 90 * turn,
				.json_bytes = 40 * turn,
				.messages = 2 * turn,
			};
			double body = 120 + (90 + 40 + 60) * (double)turn;
			int64_t real = (int64_t)(body / ratios[i]);
			int64_t estimated = tokens_estimate(&parts);
			int64_t scaled = tokens_scaled(&scale, estimated);

			if (turn > 5)
				assert_in_range(
				    scaled * 100, real * 90, real * 110);
			tokens_learn(&scale, estimated, real);
		}
		assert_int_equal(scale.samples, 12);
	}
}

static void
odd_reports_move_nothing(void **state)
{
	struct token_scale scale = { 0 };

	(void)state;
	assert_int_equal(tokens_scaled(&scale, 1000), 1000);
	tokens_learn(&scale, 5, 60); /* a tiny first request */
	for (int i = 0; i < 4; i++)
		tokens_learn(&scale, 10000, 8000);
	assert_int_equal(tokens_scaled(&scale, 1000), 800);
	tokens_learn(&scale, 10000, 80000);
	assert_int_equal(tokens_scaled(&scale, 1000), 800);
	tokens_learn(&scale, 10000, 1000);
	assert_int_equal(tokens_scaled(&scale, 1000), 800);
	tokens_learn(&scale, 20, 390);
	assert_int_equal(tokens_scaled(&scale, 1000), 800);
}

static void
what_cannot_be_a_count_is_ignored(void **state)
{
	struct token_scale scale = { 0 };

	(void)state;
	tokens_learn(&scale, 100, 0);
	tokens_learn(&scale, 100, -5);
	tokens_learn(&scale, 0, 100);
	tokens_learn(&scale, 100, 1);
	tokens_learn(&scale, 100, 1000000);
	assert_int_equal(scale.samples, 0);
	assert_int_equal(tokens_scaled(&scale, 100), 100);
	assert_int_equal(tokens_scaled(&scale, 0), 1);
}

static void
a_model_that_changes_is_learnt_anew(void **state)
{
	struct token_scale scale = { 0 };

	(void)state;
	for (int i = 0; i < 50; i++)
		tokens_learn(&scale, 1000, 500);
	for (int i = 0; i < 3; i++)
		tokens_learn(&scale, 1000, 2000);
	assert_int_equal(tokens_scaled(&scale, 1000), 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_and_plain_strings_weigh_the_same),
		cmocka_unit_test(all_that_the_model_reads_is_weighed),
		cmocka_unit_test(raw_json_weighs_its_bytes),
		cmocka_unit_test(the_estimate_follows_its_formula),
		cmocka_unit_test(pictures_weigh_by_their_size),
		cmocka_unit_test(an_escaped_raw_url_is_read_too),
		cmocka_unit_test(documents_weigh_by_their_bytes_up_to_a_limit),
		cmocka_unit_test(a_broken_picture_has_no_size),
		cmocka_unit_test(
		    a_mock_that_counts_bytes_is_learnt_in_five_turns),
		cmocka_unit_test(odd_reports_move_nothing),
		cmocka_unit_test(what_cannot_be_a_count_is_ignored),
		cmocka_unit_test(a_model_that_changes_is_learnt_anew),
	};

	return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
