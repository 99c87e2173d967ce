/* SPDX-License-Identifier: MIT */
/* Fixed schemas of Anthropic's own client tools.  Tables only. */
#include "translate/request/builtin.h"

#include <string.h>

/* clang-format off */
#define OBJECT(properties, required)                                           \
	"{\"type\":\"object\",\"properties\":{" properties                     \
	"},\"required\":[" required "]}"
#define TEXT(name, what)                                                       \
	"\"" name "\":{\"type\":\"string\",\"description\":\"" what "\"}"
#define INTEGER(name, what)                                                    \
	"\"" name "\":{\"type\":\"integer\",\"description\":\"" what "\"}"
#define NUMBER(name, what)                                                     \
	"\"" name "\":{\"type\":\"number\",\"description\":\"" what "\"}"
#define FLAG(name, what)                                                       \
	"\"" name "\":{\"type\":\"boolean\",\"description\":\"" what "\"}"
#define WORD(name, words, what)                                                \
	"\"" name "\":{\"type\":\"string\",\"enum\":[" words                   \
	"],\"description\":\"" what "\"}"
#define TEXTS(name, what)                                                      \
	"\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"    \
	"\"description\":\"" what "\"}"
#define INTEGERS(name, count, what)                                            \
	"\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},"   \
	"\"minItems\":" count ",\"maxItems\":" count                           \
	",\"description\":\"" what "\"}"
#define Q(word) "\"" word "\""

/* -- bash, text editor, memory -------------------------------------------- */

static const struct builtin bash = { "bash",
	"Runs a command in a persistent bash session and returns its output. "
	"State such as the working directory and variables stays between "
	"calls. Give either `command`, or `restart` to begin a new session.",
	OBJECT(TEXT("command", "The command to run.") "," FLAG(
		   "restart", "True to restart the session."), "") };

#define EDITOR_FIELDS                                                          \
	TEXT("path", "Absolute path of a file or directory.")                  \
	"," INTEGERS("view_range", "2",                                        \
	    "view: first and last line to show, counted from 1; -1 as the "    \
	    "last means the end of the file.") ","                             \
	    TEXT("file_text", "create: the content of the new file.") ","      \
	    TEXT("old_str", "str_replace: the text to replace; it has to be "  \
	    "in the file exactly once.") ","                                   \
	    TEXT("new_str", "str_replace: the new text.") ","                  \
	    INTEGER("insert_line", "insert: the line after which to insert; "  \
	    "0 for the beginning.") ","                                        \
	    TEXT("insert_text", "insert: the text to insert.")

#define EDITOR_TEXT "Views, creates and edits text files. "

static const struct builtin editor_with_undo = { "str_replace_editor",
	EDITOR_TEXT "Commands: view, create, str_replace, insert, undo_edit.",
	OBJECT(WORD("command", Q("view") "," Q("create") "," Q("str_replace")
	    "," Q("insert") "," Q("undo_edit"), "What to do.") ","
	    EDITOR_FIELDS, Q("command") "," Q("path")) };

static const struct builtin editor = { "str_replace_based_edit_tool",
	EDITOR_TEXT "Commands: view, create, str_replace, insert.",
	OBJECT(WORD("command", Q("view") "," Q("create") "," Q("str_replace")
	    "," Q("insert"), "What to do.") "," EDITOR_FIELDS,
	    Q("command") "," Q("path")) };

static const struct builtin memory = { "memory",
	"Keeps notes in files under /memories that outlive this "
	"conversation. Look at what is there before starting a task. "
	"Commands: view (path, view_range), create (path, file_text), "
	"str_replace (path, old_str, new_str), insert (path, insert_line, "
	"insert_text), delete (path), rename (old_path, new_path).",
	OBJECT(WORD("command", Q("view") "," Q("create") "," Q("str_replace")
	    "," Q("insert") "," Q("delete") "," Q("rename"), "What to do.") ","
	    EDITOR_FIELDS "," TEXT("old_path", "rename: the present path.") ","
	    TEXT("new_path", "rename: the new path."), Q("command")) };

/* -- computer ------------------------------------------------------------- */

#define COMPUTER_TEXT                                                          \
	"Operates a computer by its screen, mouse and keyboard. Take a "       \
	"screenshot to see the screen; coordinates are [x, y] in its pixels "  \
	"from the top left corner."
#define COMPUTER_1                                                             \
	Q("key") "," Q("type") "," Q("mouse_move") "," Q("left_click") ","     \
	Q("left_click_drag") "," Q("right_click") "," Q("middle_click") ","    \
	Q("double_click") "," Q("screenshot") "," Q("cursor_position")
#define COMPUTER_2                                                             \
	COMPUTER_1 "," Q("triple_click") "," Q("left_mouse_down") ","          \
	Q("left_mouse_up") "," Q("scroll") "," Q("hold_key") "," Q("wait")
#define COMPUTER_FIELDS_1                                                      \
	INTEGERS("coordinate", "2", "Where: [x, y].") ","                      \
	TEXT("text", "type: the text; key: the keys, such as ctrl+s.")
#define COMPUTER_FIELDS_2                                                      \
	COMPUTER_FIELDS_1 ","                                                  \
	INTEGERS("start_coordinate", "2", "left_click_drag: where from.") ","  \
	NUMBER("duration", "hold_key, wait: seconds.") ","                     \
	WORD("scroll_direction", Q("up") "," Q("down") "," Q("left") ","       \
	    Q("right"), "scroll: which way.") ","                              \
	INTEGER("scroll_amount", "scroll: how many clicks of the wheel.")

static const struct builtin computer_2024 = { "computer", COMPUTER_TEXT,
	OBJECT(WORD("action", COMPUTER_1, "What to do.") ","
	    COMPUTER_FIELDS_1, Q("action")) };

static const struct builtin computer = { "computer", COMPUTER_TEXT,
	OBJECT(WORD("action", COMPUTER_2, "What to do.") ","
	    COMPUTER_FIELDS_2, Q("action")) };

static const struct builtin computer_zoom = { "computer", COMPUTER_TEXT,
	OBJECT(WORD("action", COMPUTER_2 "," Q("zoom"), "What to do.") ","
	    COMPUTER_FIELDS_2 "," INTEGERS("region", "4",
	    "zoom: the part to show: [x0, y0, x1, y1]."), Q("action")) };

/* -- toolsets ------------------------------------------------------------- */

#define POINT(name, what) INTEGERS(name, "2", what)
#define SPOT POINT("coordinate", "Where: [x, y]; here if left out.")
#define KEYS TEXT("text", "Keys to hold meanwhile, such as ctrl.")
#define DIRECTION                                                              \
	WORD("scroll_direction", Q("up") "," Q("down") "," Q("left") ","       \
	    Q("right"), "Which way.")
#define CLICK OBJECT(SPOT "," KEYS, "")

static const struct builtin computer_members[] = {
	{ "key", "Presses a key or a combination such as ctrl+s.",
	    OBJECT(TEXT("text", "The keys.") ","
		INTEGER("repeat", "How often."), Q("text")) },
	{ "hold_key", "Holds a key down for some seconds.",
	    OBJECT(TEXT("text", "The keys.") ","
		NUMBER("duration", "Seconds."), Q("text") "," Q("duration")) },
	{ "type", "Types a text.",
	    OBJECT(TEXT("text", "The text."), Q("text")) },
	{ "cursor_position", "Tells where the mouse is.", OBJECT("", "") },
	{ "mouse_move", "Moves the mouse.",
	    OBJECT(POINT("coordinate", "Where to: [x, y]."),
		Q("coordinate")) },
	{ "left_mouse_down", "Presses the left button and holds it.",
	    OBJECT("", "") },
	{ "left_mouse_up", "Lets the left button go.", OBJECT("", "") },
	{ "left_click", "Clicks with the left button.", CLICK },
	{ "right_click", "Clicks with the right button.", CLICK },
	{ "middle_click", "Clicks with the middle button.", CLICK },
	{ "double_click", "Clicks twice with the left button.", CLICK },
	{ "triple_click", "Clicks three times with the left button.", CLICK },
	{ "left_click_drag", "Drags with the left button.",
	    OBJECT(POINT("start_coordinate", "Where from: [x, y].") ","
		POINT("coordinate", "Where to: [x, y].") "," KEYS,
		Q("start_coordinate") "," Q("coordinate")) },
	{ "scroll", "Turns the mouse wheel.",
	    OBJECT(DIRECTION "," INTEGER("scroll_amount",
		"How many clicks of the wheel.") "," SPOT "," KEYS,
		Q("scroll_direction") "," Q("scroll_amount")) },
	{ "wait", "Waits for some seconds.",
	    OBJECT(NUMBER("duration", "Seconds."), Q("duration")) },
	{ "screenshot", "Shows the screen.", OBJECT("", "") },
	{ "zoom", "Shows a part of the screen, enlarged.",
	    OBJECT(INTEGERS("region", "4",
		"The part: [x0, y0, x1, y1]."), Q("region")) },
};

#define TAB TEXT("tab_id", "The tab; the active one if left out.")
#define TARGET_SHAPE                                                           \
	"{\"type\":\"object\",\"properties\":{"                                \
	WORD("type", Q("coordinate") "," Q("ref"), "How the place is given.")  \
	"," NUMBER("x", "coordinate: pixels from the left.") ","               \
	NUMBER("y", "coordinate: pixels from the top.") ","                    \
	TEXT("ref", "ref: an element, as read_page or find named it.")         \
	"},\"required\":[\"type\"]}"
#define TARGET "\"target\":" TARGET_SHAPE
#define BROWSER_CLICK                                                          \
	OBJECT(TARGET "," TEXT("modifiers",                                    \
	    "Keys to hold meanwhile, such as ctrl+shift.") "," TAB,            \
	    Q("target"))
#define AT_TARGET OBJECT(TARGET "," TAB, Q("target"))
#define ONLY_TAB OBJECT(TAB, "")

static const struct builtin browser_members[] = {
	{ "navigate", "Opens a URL; also back and forward.",
	    OBJECT(TEXT("url", "The URL.") "," TAB, Q("url")) },
	{ "list_tabs", "Lists the open tabs.", OBJECT("", "") },
	{ "new_tab", "Opens a new tab.", OBJECT("", "") },
	{ "switch_tab", "Makes a tab the active one.",
	    OBJECT(TEXT("tab_id", "The tab."), Q("tab_id")) },
	{ "close_tab", "Closes a tab.",
	    OBJECT(TEXT("tab_id", "The tab."), Q("tab_id")) },
	{ "read_page", "Reads the page as a tree of elements with refs.",
	    OBJECT(TEXT("filter", "Which elements, such as interactive.") ","
		INTEGER("depth", "How deep.") ","
		TEXT("ref", "Below which element.") "," TAB, "") },
	{ "get_page_text", "Reads the text of the page.", ONLY_TAB },
	{ "read_console", "Reads the messages of the console.", ONLY_TAB },
	{ "read_network", "Lists the network requests.", ONLY_TAB },
	{ "find", "Finds elements by a description.",
	    OBJECT(TEXT("query", "What to look for.") "," TAB, Q("query")) },
	{ "form_input", "Sets the value of a form's field.",
	    OBJECT(TARGET ",\"value\":{\"description\":\"The new value.\"},"
		TAB, Q("target") "," Q("value")) },
	{ "file_upload", "Gives files to a file field.",
	    OBJECT(TARGET "," TEXTS("paths", "Paths of files.") ","
		TEXTS("document_ids", "Documents of this conversation.") ","
		TAB, Q("target")) },
	{ "scroll_to", "Scrolls until an element can be seen.", AT_TARGET },
	{ "screenshot", "Shows the page.", ONLY_TAB },
	{ "zoom", "Shows a part of the page, enlarged.",
	    OBJECT(INTEGERS("region", "4", "The part: [x0, y0, x1, y1].") ","
		TAB, Q("region")) },
	{ "left_click", "Clicks with the left button.", BROWSER_CLICK },
	{ "right_click", "Clicks with the right button.", BROWSER_CLICK },
	{ "middle_click", "Clicks with the middle button.", BROWSER_CLICK },
	{ "double_click", "Clicks twice.", BROWSER_CLICK },
	{ "triple_click", "Clicks three times.", BROWSER_CLICK },
	{ "hover", "Moves the mouse over something.", AT_TARGET },
	{ "left_click_drag", "Drags with the left button.",
	    OBJECT("\"from\":" TARGET_SHAPE "," TARGET "," TAB,
		Q("from") "," Q("target")) },
	{ "left_mouse_down", "Presses the left button and holds it.",
	    AT_TARGET },
	{ "left_mouse_up", "Lets the left button go.", AT_TARGET },
	{ "mouse_move", "Moves the mouse.", AT_TARGET },
	{ "scroll", "Turns the mouse wheel.",
	    OBJECT(TARGET "," DIRECTION "," INTEGER("scroll_amount",
		"How many clicks of the wheel.") "," TAB,
		Q("target") "," Q("scroll_direction")) },
	{ "type", "Types a text.",
	    OBJECT(TEXT("text", "The text.") "," TAB, Q("text")) },
	{ "key", "Presses a key or a combination such as ctrl+s.",
	    OBJECT(TEXT("text", "The keys.") ","
		INTEGER("repeat", "How often.") "," TAB, Q("text")) },
	{ "hold_key", "Holds a key down.",
	    OBJECT(TEXT("text", "The keys.") ","
		NUMBER("duration", "Seconds, at most 30.") "," TAB,
		Q("text") "," Q("duration")) },
	{ "wait", "Waits.",
	    OBJECT(NUMBER("duration", "Seconds, at most 30.") "," TAB,
		Q("duration")) },
	{ "javascript_exec", "Runs JavaScript in the page.",
	    OBJECT(TEXT("text", "The code.") "," TAB, Q("text")) },
};

/* clang-format on */

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
