/* SPDX-License-Identifier: MIT */
/* Fixed schemas of Anthropic's own client tools: tables, and their JSON. */
#include "translate/request/builtin.h"

#include <string.h>

#include "wire/buf.h"

/*
 * The fields, each named once: name, shape and what the model is told.  The
 * words of a WORDS stand behind that, and a field takes the first few of them.
 */
enum shape {
	TEXT,
	INTEGER,
	NUMBER,
	FLAG,
	ANYTHING,
	TEXTS,
	POINT,
	REGION,
	WORDS,
	PLACE, /* an object of its own: see place_fields */
};

/* clang-format off */
#define DO_EDIT   "What to do.|view|create|str_replace|insert|undo_edit"
#define DO_MEMORY "What to do.|view|create|str_replace|insert|delete|rename"
#define DO_COMPUTER                                                            \
	"What to do.|key|type|mouse_move|left_click|left_click_drag|"          \
	"right_click|middle_click|double_click|screenshot|cursor_position|"    \
	"triple_click|left_mouse_down|left_mouse_up|scroll|hold_key|wait|zoom"
#define WAYS "|up|down|left|right"

#define FIELDS(X)                                                              \
	X(SHELL, "command", TEXT, 0, "The command to run.")                    \
	X(RESTART, "restart", FLAG, 0, "True to restart the session.")         \
	/* text editor, memory */                                              \
	X(EDIT, "command", WORDS, 4, DO_EDIT)                                  \
	X(EDIT_UNDO, "command", WORDS, 5, DO_EDIT)                             \
	X(KEEP, "command", WORDS, 6, DO_MEMORY)                                \
	X(PATH, "path", TEXT, 0, "Absolute path of a file or directory.")      \
	X(RANGE, "view_range", POINT, 0,                                       \
	    "view: first and last line to show, counted from 1; -1 as the "    \
	    "last means the end of the file.")                                 \
	X(CONTENT, "file_text", TEXT, 0,                                       \
	    "create: the content of the new file.")                            \
	X(OLD_STR, "old_str", TEXT, 0,                                         \
	    "str_replace: the text to replace; it has to be in the file "      \
	    "exactly once.")                                                   \
	X(NEW_STR, "new_str", TEXT, 0, "str_replace: the new text.")           \
	X(LINE, "insert_line", INTEGER, 0,                                     \
	    "insert: the line after which to insert; 0 for the beginning.")    \
	X(INSERT, "insert_text", TEXT, 0, "insert: the text to insert.")       \
	X(OLD_PATH, "old_path", TEXT, 0, "rename: the present path.")          \
	X(NEW_PATH, "new_path", TEXT, 0, "rename: the new path.")              \
	/* computer, as one tool */                                            \
	X(ACT_2024, "action", WORDS, 10, DO_COMPUTER)                          \
	X(ACT, "action", WORDS, 16, DO_COMPUTER)                               \
	X(ACT_ZOOM, "action", WORDS, 17, DO_COMPUTER)                          \
	X(WHERE, "coordinate", POINT, 0, "Where: [x, y].")                     \
	X(INPUT, "text", TEXT, 0,                                              \
	    "type: the text; key: the keys, such as ctrl+s.")                  \
	X(DRAG_START, "start_coordinate", POINT, 0,                            \
	    "left_click_drag: where from.")                                    \
	X(TIME, "duration", NUMBER, 0, "hold_key, wait: seconds.")             \
	X(SCROLL_WAY, "scroll_direction", WORDS, 4,                            \
	    "scroll: which way." WAYS)                                         \
	X(SCROLL_BY, "scroll_amount", INTEGER, 0,                              \
	    "scroll: how many clicks of the wheel.")                           \
	X(ZOOM_PART, "region", REGION, 0,                                      \
	    "zoom: the part to show: [x0, y0, x1, y1].")                       \
	/* members of toolsets */                                              \
	X(KEYS, "text", TEXT, 0, "The keys.")                                  \
	X(TIMES, "repeat", INTEGER, 0, "How often.")                           \
	X(SECONDS, "duration", NUMBER, 0, "Seconds.")                          \
	X(TYPED, "text", TEXT, 0, "The text.")                                 \
	X(FROM, "start_coordinate", POINT, 0, "Where from: [x, y].")           \
	X(TO, "coordinate", POINT, 0, "Where to: [x, y].")                     \
	X(SPOT, "coordinate", POINT, 0,                                        \
	    "Where: [x, y]; here if left out.")                                \
	X(HELD, "text", TEXT, 0, "Keys to hold meanwhile, such as ctrl.")      \
	X(WAY, "scroll_direction", WORDS, 4, "Which way." WAYS)                \
	X(CLICKS, "scroll_amount", INTEGER, 0, "How many clicks of the wheel.") \
	X(PART, "region", REGION, 0, "The part: [x0, y0, x1, y1].")            \
	/* of the browser's */                                                 \
	X(TAB, "tab_id", TEXT, 0, "The tab; the active one if left out.")      \
	X(THE_TAB, "tab_id", TEXT, 0, "The tab.")                              \
	X(URL, "url", TEXT, 0, "The URL.")                                     \
	X(FILTER, "filter", TEXT, 0, "Which elements, such as interactive.")   \
	X(DEPTH, "depth", INTEGER, 0, "How deep.")                             \
	X(BELOW, "ref", TEXT, 0, "Below which element.")                       \
	X(QUERY, "query", TEXT, 0, "What to look for.")                        \
	X(TARGET, "target", PLACE, 0, "")                                      \
	X(FROM_PLACE, "from", PLACE, 0, "")                                    \
	X(PLACE_TYPE, "type", WORDS, 2,                                        \
	    "How the place is given.|coordinate|ref")                          \
	X(PLACE_X, "x", NUMBER, 0, "coordinate: pixels from the left.")        \
	X(PLACE_Y, "y", NUMBER, 0, "coordinate: pixels from the top.")         \
	X(PLACE_REF, "ref", TEXT, 0,                                           \
	    "ref: an element, as read_page or find named it.")                 \
	X(VALUE, "value", ANYTHING, 0, "The new value.")                       \
	X(PATHS, "paths", TEXTS, 0, "Paths of files.")                         \
	X(DOCUMENTS, "document_ids", TEXTS, 0,                                 \
	    "Documents of this conversation.")                                 \
	X(MODIFIERS, "modifiers", TEXT, 0,                                     \
	    "Keys to hold meanwhile, such as ctrl+shift.")                     \
	X(SECONDS_30, "duration", NUMBER, 0, "Seconds, at most 30.")           \
	X(CODE, "text", TEXT, 0, "The code.")

enum {
	NO_FIELD,
#define X(id, name, shape, words, what) id,
	FIELDS(X)
#undef X
};

static const struct field {
	const char *name, *what;
	unsigned char shape, n_words;
} fields[] = {
	{ NULL, NULL, 0, 0 },
#define X(id, name, shape, words, what) { name, what, shape, words },
	FIELDS(X)
#undef X
};

/* -- bash, text editor, memory -------------------------------------------- */

static const struct builtin bash = { "bash",
	"Runs a command in a persistent bash session and returns its output. "
	"State such as the working directory and variables stays between "
	"calls. Give either `command`, or `restart` to begin a new session.",
	0, { SHELL, RESTART } };

#define EDITOR_FIELDS RANGE, CONTENT, OLD_STR, NEW_STR, LINE, INSERT
#define EDITOR_TEXT "Views, creates and edits text files. "

static const struct builtin editor_with_undo = { "str_replace_editor",
	EDITOR_TEXT "Commands: view, create, str_replace, insert, undo_edit.",
	2, { EDIT_UNDO, PATH, EDITOR_FIELDS } };

static const struct builtin editor = { "str_replace_based_edit_tool",
	EDITOR_TEXT "Commands: view, create, str_replace, insert.",
	2, { EDIT, PATH, EDITOR_FIELDS } };

static const struct builtin memory = { "memory",
	"Keeps notes in files under /memories that outlive this "
	"conversation. Look at what is there before starting a task. "
	"Commands: view (path, view_range), create (path, file_text), "
	"str_replace (path, old_str, new_str), insert (path, insert_line, "
	"insert_text), delete (path), rename (old_path, new_path).",
	1, { KEEP, PATH, EDITOR_FIELDS, OLD_PATH, NEW_PATH } };

/* -- computer ------------------------------------------------------------- */

#define COMPUTER_TEXT                                                          \
	"Operates a computer by its screen, mouse and keyboard. Take a "       \
	"screenshot to see the screen; coordinates are [x, y] in its pixels "  \
	"from the top left corner."
#define COMPUTER_FIELDS WHERE, INPUT, DRAG_START, TIME, SCROLL_WAY, SCROLL_BY

static const struct builtin computer_2024 = { "computer", COMPUTER_TEXT,
	1, { ACT_2024, WHERE, INPUT } };

static const struct builtin computer = { "computer", COMPUTER_TEXT,
	1, { ACT, COMPUTER_FIELDS } };

static const struct builtin computer_zoom = { "computer", COMPUTER_TEXT,
	1, { ACT_ZOOM, COMPUTER_FIELDS, ZOOM_PART } };

/* -- toolsets ------------------------------------------------------------- */

static const struct builtin computer_members[] = {
	{ "key", "Presses a key or a combination such as ctrl+s.",
	    1, { KEYS, TIMES } },
	{ "hold_key", "Holds a key down for some seconds.",
	    2, { KEYS, SECONDS } },
	{ "type", "Types a text.", 1, { TYPED } },
	{ "cursor_position", "Tells where the mouse is.", 0, { NO_FIELD } },
	{ "mouse_move", "Moves the mouse.", 1, { TO } },
	{ "left_mouse_down", "Presses the left button and holds it.",
	    0, { NO_FIELD } },
	{ "left_mouse_up", "Lets the left button go.", 0, { NO_FIELD } },
	{ "left_click", "Clicks with the left button.", 0, { SPOT, HELD } },
	{ "right_click", "Clicks with the right button.", 0, { SPOT, HELD } },
	{ "middle_click", "Clicks with the middle button.", 0, { SPOT, HELD } },
	{ "double_click", "Clicks twice with the left button.",
	    0, { SPOT, HELD } },
	{ "triple_click", "Clicks three times with the left button.",
	    0, { SPOT, HELD } },
	{ "left_click_drag", "Drags with the left button.",
	    2, { FROM, TO, HELD } },
	{ "scroll", "Turns the mouse wheel.", 2, { WAY, CLICKS, SPOT, HELD } },
	{ "wait", "Waits for some seconds.", 1, { SECONDS } },
	{ "screenshot", "Shows the screen.", 0, { NO_FIELD } },
	{ "zoom", "Shows a part of the screen, enlarged.", 1, { PART } },
};

static const struct builtin browser_members[] = {
	{ "navigate", "Opens a URL; also back and forward.", 1, { URL, TAB } },
	{ "list_tabs", "Lists the open tabs.", 0, { NO_FIELD } },
	{ "new_tab", "Opens a new tab.", 0, { NO_FIELD } },
	{ "switch_tab", "Makes a tab the active one.", 1, { THE_TAB } },
	{ "close_tab", "Closes a tab.", 1, { THE_TAB } },
	{ "read_page", "Reads the page as a tree of elements with refs.",
	    0, { FILTER, DEPTH, BELOW, TAB } },
	{ "get_page_text", "Reads the text of the page.", 0, { TAB } },
	{ "read_console", "Reads the messages of the console.", 0, { TAB } },
	{ "read_network", "Lists the network requests.", 0, { TAB } },
	{ "find", "Finds elements by a description.", 1, { QUERY, TAB } },
	{ "form_input", "Sets the value of a form's field.",
	    2, { TARGET, VALUE, TAB } },
	{ "file_upload", "Gives files to a file field.",
	    1, { TARGET, PATHS, DOCUMENTS, TAB } },
	{ "scroll_to", "Scrolls until an element can be seen.",
	    1, { TARGET, TAB } },
	{ "screenshot", "Shows the page.", 0, { TAB } },
	{ "zoom", "Shows a part of the page, enlarged.", 1, { PART, TAB } },
	{ "left_click", "Clicks with the left button.",
	    1, { TARGET, MODIFIERS, TAB } },
	{ "right_click", "Clicks with the right button.",
	    1, { TARGET, MODIFIERS, TAB } },
	{ "middle_click", "Clicks with the middle button.",
	    1, { TARGET, MODIFIERS, TAB } },
	{ "double_click", "Clicks twice.", 1, { TARGET, MODIFIERS, TAB } },
	{ "triple_click", "Clicks three times.",
	    1, { TARGET, MODIFIERS, TAB } },
	{ "hover", "Moves the mouse over something.", 1, { TARGET, TAB } },
	{ "left_click_drag", "Drags with the left button.",
	    2, { FROM_PLACE, TARGET, TAB } },
	{ "left_mouse_down", "Presses the left button and holds it.",
	    1, { TARGET, TAB } },
	{ "left_mouse_up", "Lets the left button go.", 1, { TARGET, TAB } },
	{ "mouse_move", "Moves the mouse.", 1, { TARGET, TAB } },
	{ "scroll", "Turns the mouse wheel.", 2, { TARGET, WAY, CLICKS, TAB } },
	{ "type", "Types a text.", 1, { TYPED, TAB } },
	{ "key", "Presses a key or a combination such as ctrl+s.",
	    1, { KEYS, TIMES, TAB } },
	{ "hold_key", "Holds a key down.", 2, { KEYS, SECONDS_30, TAB } },
	{ "wait", "Waits.", 1, { SECONDS_30, TAB } },
	{ "javascript_exec", "Runs JavaScript in the page.", 1, { CODE, TAB } },
};
/* clang-format on */

/* -- as JSON -------------------------------------------------------------- */

static const unsigned char place_fields[] = { PLACE_TYPE, PLACE_X, PLACE_Y,
	PLACE_REF, NO_FIELD };

/* What a shape says before the description. */
#define INTEGERS(n)                                                            \
	"\"type\":\"array\",\"items\":{\"type\":\"integer\"},"                 \
	"\"minItems\":" n ",\"maxItems\":" n ","

static const char *const shapes[] = {
	[TEXT] = "\"type\":\"string\",",
	[INTEGER] = "\"type\":\"integer\",",
	[NUMBER] = "\"type\":\"number\",",
	[FLAG] = "\"type\":\"boolean\",",
	[ANYTHING] = "",
	[TEXTS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"},",
	[POINT] = INTEGERS("2"),
	[REGION] = INTEGERS("4"),
	[WORDS] = "\"type\":\"string\",\"enum\":[",
};

static void
put_quoted(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	buf_add(out, text, len);
	buf_add_char(out, '"');
}

static void
put_object(struct buf *out, const unsigned char *list, size_t n_required);

static void
put_field(struct buf *out, const struct field *field)
{
	size_t len = strcspn(field->what, "|");
	const char *word = field->what + len;

	put_quoted(out, field->name, strlen(field->name));
	buf_add_char(out, ':');
	if (field->shape == PLACE) {
		put_object(out, place_fields, 1);
		return;
	}
	buf_add_char(out, '{');
	buf_add_str(out, shapes[field->shape]);
	for (int i = field->n_words; i > 0; i--) {
		size_t n = strcspn(++word, "|");

		put_quoted(out, word, n);
		buf_add_str(out, i > 1 ? "," : "],");
		word += n;
	}
	buf_add_str(out, "\"description\":");
	put_quoted(out, field->what, len);
	buf_add_char(out, '}');
}

static void
put_object(struct buf *out, const unsigned char *list, size_t n_required)
{
	buf_add_str(out, "{\"type\":\"object\",\"properties\":{");
	for (size_t i = 0; list[i] != NO_FIELD; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		put_field(out, &fields[list[i]]);
	}
	buf_add_str(out, "},\"required\":[");
	for (size_t i = 0; i < n_required; i++) {
		const char *name = fields[list[i]].name;

		if (i > 0)
			buf_add_char(out, ',');
		put_quoted(out, name, strlen(name));
	}
	buf_add_str(out, "]}");
}

void
builtin_parameters(const struct builtin *tool, struct buf *out)
{
	put_object(out, tool->fields, tool->n_required);
}

/* -- families ------------------------------------------------------------- */

/* Longer prefixes before the shorter ones that they begin with. */
static const struct {
	const char *prefix;
	enum builtin_kind kind;
	const struct builtin *tool;
} families[] = {
	{ "bash_", BUILTIN_TOOL, &bash },
	{ "text_editor_20241022", BUILTIN_TOOL, &editor_with_undo },
	{ "text_editor_20250124", BUILTIN_TOOL, &editor_with_undo },
	{ "text_editor_", BUILTIN_TOOL, &editor },
	{ "memory_", BUILTIN_TOOL, &memory },
	{ "computer_toolset_", BUILTIN_TOOLSET, NULL },
	{ "browser_toolset_", BUILTIN_TOOLSET, NULL },
	{ "computer_20241022", BUILTIN_TOOL, &computer_2024 },
	{ "computer_", BUILTIN_TOOL, &computer },
	{ "web_search", BUILTIN_SERVER, NULL },
	{ "web_fetch", BUILTIN_SERVER, NULL },
	{ "code_execution", BUILTIN_SERVER, NULL },
	{ "tool_search_tool", BUILTIN_SERVER, NULL },
	{ "advisor_", BUILTIN_SERVER, NULL },
	{ "mcp_toolset", BUILTIN_SERVER, NULL },
};

static size_t
family_of(const char *type)
{
	size_t n = sizeof(families) / sizeof(*families), i = 0;

	while (i < n && strncmp(type, families[i].prefix,
			    strlen(families[i].prefix)) != 0)
		i++;
	return i;
}

enum builtin_kind
builtin_kind(const char *type)
{
	size_t i = family_of(type);

	return i < sizeof(families) / sizeof(*families) ? families[i].kind
							: BUILTIN_NONE;
}

const struct builtin *
builtin_tool(const char *type, int zoom)
{
	size_t i = family_of(type);

	if (i == sizeof(families) / sizeof(*families))
		return NULL;
	return zoom && families[i].tool == &computer ? &computer_zoom
						     : families[i].tool;
}

const struct builtin *
builtin_members(const char *type, size_t *n, const char **toolset)
{
	if (strncmp(type, "browser_", 8) == 0) {
		*n = sizeof(browser_members) / sizeof(*browser_members);
		*toolset = "browser";
		return browser_members;
	}
	*n = sizeof(computer_members) / sizeof(*computer_members);
	*toolset = "computer";
	return computer_members;
}
