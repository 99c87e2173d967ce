/* SPDX-License-Identifier: MIT */
/*
 * Media blocks.  Nothing is fetched and nothing is decoded: data moves as it
 * is written.
 */
#include "translate/request/media.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "translate/dialect/dialect.h"
#include "translate/request/parts.h"
#include "wire/buf.h"
#include "wire/fault.h"

#define REFUSE(...) fault_set(why, FAULT_BAD_REQUEST, __VA_ARGS__)

#define TEXT_CEILING (SIZE_MAX / 4)

static const char *const image_types[] = { "image/jpeg", "image/png",
	"image/gif", "image/webp", NULL };

/* A string member that has to be there. */
static int
need_string(const struct media_source *from, const cJSON *object,
    const char *where, const char *key, const cJSON **member, struct fault *why)
{
	*member = json_get(object, key);
	if (*member == NULL)
		return REFUSE(
		    "%s.%s.%s: Field required", from->path, where, key);
	if (!cJSON_IsString(*member))
		return REFUSE("%s.%s.%s: Input should be a valid string",
		    from->path, where, key);
	return 0;
}

/* The source object of a block and its type. */
static int
need_source(const struct media_source *from, const cJSON *block,
    const char *what, const cJSON **source, const char **type,
    struct fault *why)
{
	*source = json_get(block, "source");
	if (*source == NULL)
		return REFUSE("%s.%s.source: Field required", from->path, what);
	*type = json_get_string(*source, "type");
	if (*type == NULL)
		return REFUSE(
		    "%s.%s.source.type: Field required", from->path, what);
	return 0;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Appends base64 as a data URL, without the line breaks it may have. */
static void
add_data_url(struct buf *out, const char *media_type, struct json_slice data)
{
	struct buf plain;
	size_t kept = 0;

	buf_printf(out, "data:%s;base64,", media_type);
	if (memchr(data.text, '\\', data.len) == NULL &&
	    memchr(data.text, ' ', data.len) == NULL) {
		buf_add(out, data.text, data.len);
		return;
	}
	buf_init(&plain, TEXT_CEILING);
	json_unescape(&plain, data);
	for (size_t i = 0; i < plain.len; i++)
		if (!is_space(plain.data[i]))
			plain.data[kept++] = plain.data[i];
	json_escape(out, plain.data, kept);
	out->failed |= plain.failed;
	buf_clear(&plain);
}

/* {"type":type, type:{...}} */
static cJSON *
wrap(const char *type, cJSON *inner)
{
	cJSON *part = cJSON_CreateObject();

	if (!json_add_text(part, "type", type)) {
		cJSON_Delete(part);
		cJSON_Delete(inner);
		return NULL;
	}
	if (json_add(part, type, inner))
		return part;
	cJSON_Delete(part);
	return NULL;
}

static cJSON *
image_part(struct json_slice url)
{
	cJSON *image = cJSON_CreateObject();

	if (json_add_body(image, "url", url))
		return wrap("image_url", image);
	cJSON_Delete(image);
	return NULL;
}

static int
add_base64_image(const struct media_source *from, const cJSON *source,
    struct parts *to, struct fault *why)
{
	const cJSON *type, *data;
	struct buf url;
	int i = 0;

	if (need_string(from, source, "image.source.base64", "media_type",
		&type, why) == -1 ||
	    need_string(
		from, source, "image.source.base64", "data", &data, why) == -1)
		return -1;
	while (image_types[i] != NULL && !json_is(type, image_types[i]))
		i++;
	if (image_types[i] == NULL)
		return REFUSE("%s.image.source.base64.media_type: Input should "
			      "be 'image/jpeg', 'image/png', 'image/gif' or "
			      "'image/webp'",
		    from->path);
	if (data->valuestring[0] == '\0')
		return REFUSE("%s.image.source.base64.data: image cannot be "
			      "empty",
		    from->path);
	buf_init(&url, TEXT_CEILING);
	add_data_url(&url, image_types[i], json_body(from->doc, data));
	parts_add_media(to,
	    url.failed ? NULL
		       : image_part((struct json_slice){ url.data, url.len }));
	buf_clear(&url);
	return 0;
}

int
media_add_image(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why)
{
	const cJSON *source = NULL, *url = NULL;
	const char *type = "";

	if (need_source(from, block, "image", &source, &type, why) == -1)
		return -1;
	if (strcmp(type, "base64") == 0)
		return add_base64_image(from, source, to, why);
	if (strcmp(type, "file") == 0)
		return REFUSE("%s.image.source: images by file_id are not "
			      "supported; send base64 or a url",
		    from->path);
	if (strcmp(type, "url") != 0)
		return fault_unknown_tag(from->path, ".image.source", type,
		    ": 'base64', 'file', 'url'", why);
	if (need_string(from, source, "image.source.url", "url", &url, why) ==
	    -1)
		return -1;
	if (from->profile->image_url == IMAGE_URL_REJECT)
		return REFUSE("%s.image.source: the upstream does not take "
			      "images by url; send base64",
		    from->path);
	parts_add_media(to, image_part(json_body(from->doc, url)));
	return 0;
}

/* -- documents ------------------------------------------------------------ */

/* Appends "[Document: title]" and the context, a line each. */
static void
add_header(const struct media_source *from, const cJSON *block, struct buf *out)
{
	const cJSON *title = json_get_set(block, "title");
	const cJSON *context = json_get_set(block, "context");

	if (cJSON_IsString(title) && title->valuestring[0] != '\0') {
		BUF_ADD_LIT(out, "[Document: ");
		json_put_body(out, json_body(from->doc, title));
		BUF_ADD_LIT(out, "]\\n");
	}
	if (cJSON_IsString(context) && context->valuestring[0] != '\0') {
		json_put_body(out, json_body(from->doc, context));
		BUF_ADD_LIT(out, "\\n");
	}
}

static cJSON *
pdf_part(
    const struct media_source *from, const cJSON *block, struct json_slice data)
{
	const cJSON *title = json_get_set(block, "title");
	struct json_slice name = { "document.pdf", 12 }, url;
	cJSON *file = cJSON_CreateObject();
	struct buf text;
	bool done;

	if (cJSON_IsString(title) && title->valuestring[0] != '\0')
		name = json_body(from->doc, title);
	buf_init(&text, TEXT_CEILING);
	add_data_url(&text, "application/pdf", data);
	url = (struct json_slice){ text.data, text.len };
	done = !text.failed && json_add_body(file, "filename", name) &&
	       json_add_body(file, "file_data", url);
	buf_clear(&text);
	if (done)
		return wrap("file", file);
	cJSON_Delete(file);
	return NULL;
}

static int
add_pdf(const struct media_source *from, const cJSON *block,
    const cJSON *source, struct parts *to, struct fault *why)
{
	const cJSON *type, *data;
	struct buf text;

	if (need_string(from, source, "document.source.base64", "media_type",
		&type, why) == -1 ||
	    need_string(from, source, "document.source.base64", "data", &data,
		why) == -1)
		return -1;
	if (!json_is(type, "application/pdf"))
		return REFUSE("%s.document.source.base64.media_type: Input "
			      "should be 'application/pdf'",
		    from->path);
	if (from->profile->pdf == PDF_REJECT)
		return REFUSE("%s.document: the upstream does not take PDF "
			      "documents",
		    from->path);
	if (from->profile->pdf == PDF_FILE) {
		parts_add_media(
		    to, pdf_part(from, block, json_body(from->doc, data)));
		return 0;
	}
	buf_init(&text, TEXT_CEILING);
	add_header(from, block, &text);
	BUF_ADD_LIT(&text, "[A PDF document stood here; this model cannot "
			   "read PDF documents.]");
	parts_add_buf(to, &text);
	return 0;
}

/* A document given as a string or as text and image blocks. */
static int
add_content_document(const struct media_source *from, const cJSON *block,
    const cJSON *content, struct parts *to, struct fault *why)
{
	const cJSON *item, *text;
	struct buf head;
	int rc = 0;

	buf_init(&head, TEXT_CEILING);
	add_header(from, block, &head);
	if (cJSON_IsString(content))
		json_put_body(&head, json_body(from->doc, content));
	if (head.len > 0)
		parts_add_buf(to, &head);
	buf_clear(&head);
	if (cJSON_IsString(content))
		return 0;
	if (!cJSON_IsArray(content))
		return REFUSE("%s.document.source.content.content: Input "
			      "should be a valid string or list",
		    from->path);
	cJSON_ArrayForEach(item, content) {
		if (json_is(json_get(item, "type"), "image")) {
			rc = media_add_image(from, item, to, why);
		} else if (json_is(json_get(item, "type"), "text")) {
			rc = need_string(from, item,
			    "document.source.content.content.text", "text",
			    &text, why);
			if (rc == 0)
				parts_add_text(to, json_body(from->doc, text));
		} else {
			rc = REFUSE("%s.document.source.content.content: Input "
				    "should be text or image blocks",
			    from->path);
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
add_text_document(const struct media_source *from, const cJSON *block,
    const cJSON *source, struct parts *to, struct fault *why)
{
	const cJSON *data;
	struct buf text;

	if (need_string(
		from, source, "document.source.text", "data", &data, why) == -1)
		return -1;
	buf_init(&text, TEXT_CEILING);
	add_header(from, block, &text);
	json_put_body(&text, json_body(from->doc, data));
	parts_add_buf(to, &text);
	return 0;
}

int
media_add_document(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why)
{
	const cJSON *source = NULL;
	const char *type = "";

	if (need_source(from, block, "document", &source, &type, why) == -1)
		return -1;
	if (strcmp(type, "base64") == 0)
		return add_pdf(from, block, source, to, why);
	if (strcmp(type, "text") == 0)
		return add_text_document(from, block, source, to, why);
	if (strcmp(type, "content") == 0)
		return add_content_document(
		    from, block, json_get(source, "content"), to, why);
	if (strcmp(type, "url") == 0)
		return REFUSE("%s.document.source: documents by url are not "
			      "supported; send base64",
		    from->path);
	if (strcmp(type, "file") == 0)
		return REFUSE("%s.document.source: documents by file_id are "
			      "not supported; send base64",
		    from->path);
	return fault_unknown_tag(from->path, ".document.source", type,
	    ": 'base64', 'content', 'file', 'text', 'url'", why);
}

/* -- search results ------------------------------------------------------- */

int
media_add_search_result(const struct media_source *from, const cJSON *block,
    struct parts *to, struct fault *why)
{
	const cJSON *title, *source, *item, *text;
	const cJSON *content = json_get(block, "content");
	struct buf out;

	if (need_string(from, block, "search_result", "source", &source, why) ==
		-1 ||
	    need_string(from, block, "search_result", "title", &title, why) ==
		-1)
		return -1;
	if (!cJSON_IsArray(content))
		return REFUSE("%s.search_result.content: Input should be a "
			      "valid list",
		    from->path);
	buf_init(&out, TEXT_CEILING);
	BUF_ADD_LIT(&out, "[Search result: ");
	json_put_body(&out, json_body(from->doc, title));
	BUF_ADD_LIT(&out, "]\\nSource: ");
	json_put_body(&out, json_body(from->doc, source));
	cJSON_ArrayForEach(item, content) {
		if (need_string(from, item, "search_result.content", "text",
			&text, why) == -1) {
			buf_clear(&out);
			return -1;
		}
		BUF_ADD_LIT(&out, "\\n");
		json_put_body(&out, json_body(from->doc, text));
	}
	parts_add_buf(to, &out);
	return 0;
}
