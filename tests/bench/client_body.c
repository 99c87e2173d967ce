/* SPDX-License-Identifier: MIT */
#include "client_body.h"
#include "bench.h"

#include <stdio.h>

/* Source text as it stands in a JSON string. */
static const char *const lines[] = {
	"   101\\tstatic int\\n",
	"   102\\tread_block(struct reader *in, struct block *out)\\n",
	"   103\\t{\\n",
	"   104\\t\\tsize_t len = in->len - in->at, used;\\n",
	"   105\\t\\tconst char *name = \\\"content_block\\\";\\n",
	"   106\\n",
	"   107\\t\\tif (len == 0 || in->failed)\\n",
	"   108\\t\\t\\treturn fail(in, \\\"%s: nothing left\\\", name);\\n",
	"   109\\t\\t/* A block ends with its own length \\u2014 see the "
	"grammar. */\\n",
	"   110\\t\\twhile ((used = take(in, &out->bytes[out->n])) > 0)\\n",
	"   111\\t\\t\\tout->n += used;\\n",
	"   112\\t\\treturn out->n > BLOCK_MAX ? -1 : 0;\\n",
	"   113\\t}\\n",
	"src/reader.c:104:  warning: unused variable \\u2018used\\u2019\\n",
	"test_reader: 14 tests, 13 passed, 1 failed (na\xC3\xAFve caf\xC3\xA9 "
	"input)\\n",
	"make: *** [Makefile:52: check] Error 1\\n",
};

#define N_LINES (sizeof(lines) / sizeof(lines[0]))

static const char *const tools[] = { "Bash", "Edit", "Glob", "Grep", "Read",
	"Write", "Skill", "Task", "TodoWrite", "ToolSearch", "WebFetch",
	"NotebookEdit" };

static void
add_prose(struct queue *out, size_t bytes)
{
	static const char prose[] =
	    "Work in small steps, read a file before you change it, and run "
	    "the tests after each change.\\n\\n - Use `Grep` for searching, "
	    "never \\\"grep\\\" in a shell.\\n - Say what failed.\\n";
	size_t end = out->len + bytes;

	while (out->len < end)
		queue_add(out, prose, sizeof(prose) - 1);
}

static void
add_source(struct queue *out, size_t bytes, unsigned *seed)
{
	size_t end = out->len + bytes;

	while (out->len < end) {
		*seed = *seed * 1103515245u + 12345u;
		queue_add_text(out, lines[(*seed >> 16) % N_LINES]);
	}
}

static void
add_tools(struct queue *out)
{
	queue_add_text(out, "\"tools\":[");
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		queue_add_text(out, i > 0 ? ",{\"name\":\"" : "{\"name\":\"");
		queue_add_text(out, tools[i]);
		queue_add_text(out, "\",\"description\":\"");
		add_prose(out, 1200);
		queue_add_text(out,
		    "\",\"input_schema\":{\"$schema\":"
		    "\"https://json-schema.org/draft/2020-12/schema\","
		    "\"type\":\"object\",\"properties\":{\"file_path\":{"
		    "\"description\":\"The absolute path\",\"type\":"
		    "\"string\"},\"limit\":{\"type\":\"integer\",\"minimum\":"
		    "0,\"maximum\":9007199254740991},\"todos\":{\"type\":"
		    "\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
		    "\"content\":{\"type\":\"string\",\"minLength\":1},"
		    "\"status\":{\"type\":\"string\",\"enum\":[\"pending\","
		    "\"in_progress\",\"completed\"]}},\"required\":["
		    "\"content\",\"status\"],\"additionalProperties\":false}}}"
		    ",\"required\":[\"file_path\"],"
		    "\"additionalProperties\":false}}");
	}
	queue_add_text(out, "]");
}

static void
add_id(struct queue *out, size_t turn)
{
	char id[48];

	snprintf(id, sizeof(id), "\"call_%08zxAbCdEfGhIjKlMn\"", turn);
	queue_add_text(out, id);
}

/* A thought, a sentence and a call, then what the call gave. */
static void
add_turn(struct queue *out, size_t turn, unsigned *seed)
{
	queue_add_text(out,
	    ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
	    "\"thinking\":\"");
	add_prose(out, 300);
	queue_add_text(out,
	    "\",\"signature\":\"tp1.eyJrIjoicmVhc29uaW5nX2NvbnRlbnQifQ\"},"
	    "{\"type\":\"text\",\"text\":\"I'll look at the reader next.\"},"
	    "{\"type\":\"tool_use\",\"id\":");
	add_id(out, turn);
	if (turn % 4 == 3) {
		queue_add_text(out,
		    ",\"name\":\"Edit\",\"input\":{\"replace_all\":false,"
		    "\"file_path\":\"/home/user/project/src/reader.c\","
		    "\"old_string\":\"");
		add_source(out, 500, seed);
		queue_add_text(out, "\",\"new_string\":\"");
		add_source(out, 700, seed);
		queue_add_text(out, "\"}}]}");
	} else {
		queue_add_text(out,
		    ",\"name\":\"Read\",\"input\":{\"file_path\":"
		    "\"/home/user/project/src/reader.c\",\"offset\":101,"
		    "\"limit\":200}}]}");
	}
	queue_add_text(out,
	    ",{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
	    "\"tool_use_id\":");
	add_id(out, turn);
	queue_add_text(out, ",\"content\":\"");
	add_source(out, 1000 + (*seed >> 16) % 8000, seed);
	queue_add_text(out, "\"}]}");
}

void
client_body_add(const char *model, bool stream, size_t bytes, struct queue *out)
{
	size_t end = out->len + bytes;
	unsigned seed = 1;

	queue_add_text(out, "{\"model\":\"");
	queue_add_text(out, model);
	queue_add_text(out,
	    "\",\"max_tokens\":64000,\"thinking\":{\"type\":\"adaptive\"},"
	    "\"output_config\":{\"effort\":\"high\"},\"metadata\":{"
	    "\"user_id\":\"user_0123456789abcdef\"},\"system\":[{\"type\":"
	    "\"text\",\"text\":\"You are a coding agent.\",\"cache_control\":"
	    "{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"");
	add_prose(out, 7200);
	queue_add_text(out, "\",\"cache_control\":{\"type\":\"ephemeral\"}}],");
	add_tools(out);
	queue_add_text(out, stream ? ",\"stream\":true" : ",\"stream\":false");
	queue_add_text(out,
	    ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"The tests of the reader fail. Why?\"}]}");
	for (size_t turn = 0; turn == 0 || out->len < end; turn++)
		add_turn(out, turn, &seed);
	queue_add_text(out,
	    ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"Go on.\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}");
}
