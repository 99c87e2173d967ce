/* SPDX-License-Identifier: MIT */
/* The store of lessons.  Knows their file, not what they do to a request. */
#include "server/lessons.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/log.h"
#include "server/statefile.h"
#include "translate/dialect/dialect.h"
#include "wire/buf.h"

#define FILE_NAME      "lessons"
#define FIRST_LINE     "anthropic-proxy lessons 1\n"
#define OTHER_URL      "other_url"
#define MAX_FILE_BYTES ((size_t)1024 * 1024)
#define MAX_ENTRIES    512
#define MAX_NAME_BYTES 512
#define KEEP_S	       (7LL * 24 * 3600)

/* A lesson, or with an empty model: that the other URL works. */
struct entry {
	char *base, *model;
	struct lesson lesson;
	long long learned_unix;
};

struct lessons {
	pthread_mutex_t lock;
	struct entry entries[MAX_ENTRIES]; /* the oldest first */
	atomic_size_t n; /* read without the lock only to see that it is 0 */
	char *dir;	 /* NULL: no file */
	pthread_mutex_t file_lock; /* taken before `lock` */
	bool has_warned;
};

/* -- the table; the caller holds the lock --------------------------------- */

/* The part of a URL that may be kept: no query. */
static size_t
base_len(const char *base)
{
	return strcspn(base, "?#");
}

static bool
is_of(const struct entry *e, const char *base, const char *model)
{
	size_t len = base_len(base);

	return strncmp(e->base, base, len) == 0 && e->base[len] == '\0' &&
	       strcmp(e->model, model) == 0;
}

/* A clock that was set back makes a lesson of the future: it goes too. */
static bool
is_fresh(const struct entry *e, long long now)
{
	return now - e->learned_unix < KEEP_S &&
	       e->learned_unix - now < 24 * 3600;
}

static void
remove_at(struct lessons *l, size_t i)
{
	free(l->entries[i].base);
	free(l->entries[i].model);
	l->n--;
	memmove(&l->entries[i], &l->entries[i + 1],
	    (l->n - i) * sizeof(l->entries[0]));
}

static bool
is_max_tokens_field(enum lesson_kind kind)
{
	return kind == LESSON_USE_MAX_COMPLETION_TOKENS ||
	       kind == LESSON_USE_MAX_TOKENS;
}

/* Whether knowing one makes the other obsolete. */
static bool
is_same_subject(const struct lesson *a, const struct lesson *b)
{
	if (is_max_tokens_field(a->kind) && is_max_tokens_field(b->kind))
		return true;
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case LESSON_DROP:
	case LESSON_DROP_STRICT:
	case LESSON_SCHEMA_KEYWORD:
		return strcmp(a->name, b->name) == 0;
	default:
		return true;
	}
}

static bool
is_equal(const struct lesson *a, const struct lesson *b)
{
	return a->kind == b->kind && a->value == b->value &&
	       strcmp(a->name, b->name) == 0;
}

/* Makes room for one more, of all and of the model. */
static void
make_room(struct lessons *l, const char *base, const char *model)
{
	size_t of_model = 0, oldest = 0;

	for (size_t i = l->n; i-- > 0;)
		if (is_of(&l->entries[i], base, model)) {
			of_model++;
			oldest = i;
		}
	if (of_model >= LESSONS_PER_MODEL)
		remove_at(l, oldest);
	if (l->n == MAX_ENTRIES)
		remove_at(l, 0);
}

static bool
append(struct lessons *l, const char *base, const char *model,
    const struct lesson *lesson, long long now)
{
	struct entry made = { .lesson = *lesson, .learned_unix = now };

	if (base_len(base) > MAX_NAME_BYTES || strlen(model) > MAX_NAME_BYTES)
		return false;
	made.base = strndup(base, base_len(base));
	made.model = strdup(model);
	if (made.base == NULL || made.model == NULL) {
		free(made.base);
		free(made.model);
		return false;
	}
	make_room(l, base, model);
	l->entries[l->n++] = made;
	return true;
}

/* -- the file ------------------------------------------------------------- */

/* A word without spaces; "-" stands for an empty one. */
static void
put_word(struct buf *out, const char *word)
{
	if (word[0] == '\0')
		buf_add_char(out, '-');
	for (const char *p = word; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '%' ||
		    (*p == '-' && p == word))
			buf_printf(out, "%%%02X", (unsigned char)*p);
		else
			buf_add_char(out, *p);
}

static int
hex(char c)
{
	const char digits[] = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* In place.  0, or -1 for a bad escape. */
static int
read_word(char *word)
{
	char *to = word;

	if (strcmp(word, "-") == 0)
		*word = '\0';
	for (const char *p = word; *p != '\0'; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		if (hex(p[1]) < 0 || hex(p[2]) < 0 ||
		    hex(p[1]) + hex(p[2]) == 0)
			return -1;
		*to++ = (char)(hex(p[1]) * 16 + hex(p[2]));
		p += 2;
	}
	*to = '\0';
	return 0;
}

/* Leaves a lesson out whose name, an upstream's own word, would damage the
 * file. */
static void
print_entry(const struct entry *e, struct buf *out)
{
	struct lesson same;
	char line[256] = OTHER_URL;

	if (e->model[0] != '\0') {
		learn_print(&e->lesson, line, sizeof(line));
		if (learn_parse(line, &same) == -1)
			return;
	}
	buf_add_int(out, e->learned_unix);
	buf_add_char(out, ' ');
	put_word(out, e->base);
	buf_add_char(out, ' ');
	put_word(out, e->model);
	buf_add_char(out, ' ');
	buf_add_str(out, line);
	buf_add_char(out, '\n');
}

static void
print(const struct lessons *l, struct buf *out)
{
	long long now = time(NULL);

	buf_add_str(out, FIRST_LINE);
	for (size_t i = 0; i < l->n; i++)
		if (is_fresh(&l->entries[i], now))
			print_entry(&l->entries[i], out);
}

/* The file lock keeps a later state from being overwritten by an earlier. */
static void
save(struct lessons *l)
{
	struct buf text;

	if (l->dir == NULL)
		return;
	buf_init(&text, MAX_FILE_BYTES);
	pthread_mutex_lock(&l->file_lock);
	pthread_mutex_lock(&l->lock);
	print(l, &text);
	pthread_mutex_unlock(&l->lock);
	if (text.failed)
		errno = ENOMEM;
	if ((text.failed || statefile_write(l->dir, FILE_NAME, text.data,
				text.len) == -1) &&
	    !l->has_warned) {
		l->has_warned = true;
		log_say(LOG_WARN,
		    "lessons about the upstream are not kept: %s/%s: %s",
		    l->dir, FILE_NAME, strerror(errno));
	}
	pthread_mutex_unlock(&l->file_lock);
	buf_clear(&text);
}

/* Cuts the next word off; NULL if there is none. */
static char *
next_word(char **rest)
{
	char *word = *rest, *space = strchr(word, ' ');

	if (space == NULL || space == word)
		return NULL;
	*space = '\0';
	*rest = space + 1;
	return word;
}

static int
parse_line(struct lessons *l, char *line, long long now)
{
	struct lesson lesson = { .kind = LESSON_NONE };
	char *learned = next_word(&line), *base, *model, *end;
	struct entry e = { 0 };

	if (learned == NULL || (base = next_word(&line)) == NULL ||
	    (model = next_word(&line)) == NULL || read_word(base) == -1 ||
	    read_word(model) == -1 || base[0] == '\0')
		return -1;
	errno = 0;
	e.learned_unix = strtoll(learned, &end, 10);
	if (errno != 0 || *end != '\0')
		return -1;
	if (model[0] == '\0' ? strcmp(line, OTHER_URL) != 0
			     : learn_parse(line, &lesson) == -1)
		return -1;
	if (is_fresh(&e, now))
		append(l, base, model, &lesson, e.learned_unix);
	return 0;
}

/* All or nothing: a damaged file teaches nothing. */
static int
parse(struct lessons *l, char *text)
{
	size_t first = sizeof(FIRST_LINE) - 1;
	long long now = time(NULL);
	char *end;

	if (strncmp(text, FIRST_LINE, first) != 0)
		return -1;
	for (text += first; *text != '\0'; text = end + 1) {
		if ((end = strchr(text, '\n')) == NULL)
			return -1;
		*end = '\0';
		if (parse_line(l, text, now) == -1)
			return -1;
	}
	return 0;
}

static void
load(struct lessons *l)
{
	char *text = statefile_read(l->dir, FILE_NAME, MAX_FILE_BYTES);

	if (text == NULL) {
		if (errno != ENOENT)
			log_say(LOG_WARN, "lessons are not read: %s/%s: %s",
			    l->dir, FILE_NAME, strerror(errno));
		return;
	}
	if (parse(l, text) == -1) {
		while (l->n > 0)
			remove_at(l, l->n - 1);
		log_say(LOG_WARN,
		    "lessons are not read: %s/%s is damaged; it will be "
		    "written anew",
		    l->dir, FILE_NAME);
	}
	free(text);
}

/* -- public --------------------------------------------------------------- */

struct lessons *
lessons_open(const char *dir)
{
	struct lessons *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->file_lock, NULL);
	if (dir == NULL || dir[0] == '\0')
		return l;
	if ((l->dir = strdup(dir)) == NULL) {
		lessons_close(l);
		return NULL;
	}
	load(l);
	return l;
}

void
lessons_close(struct lessons *l)
{
	if (l == NULL)
		return;
	while (l->n > 0)
		remove_at(l, l->n - 1);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->file_lock);
	free(l->dir);
	free(l);
}

void
lessons_apply(struct lessons *l, const char *base, const char *model,
    struct profile *profile)
{
	struct lesson known[LESSONS_PER_MODEL];
	size_t n = lessons_get(l, base, model, known, LESSONS_PER_MODEL);

	for (size_t i = 0; i < n; i++)
		learn_apply(&known[i], profile);
}

size_t
lessons_get(struct lessons *l, const char *base, const char *model,
    struct lesson *out, size_t cap)
{
	long long now;
	size_t n = 0;

	if (l->n == 0 || model[0] == '\0')
		return 0;
	now = time(NULL);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n && n < cap; i++)
		if (is_of(&l->entries[i], base, model) &&
		    is_fresh(&l->entries[i], now))
			out[n++] = l->entries[i].lesson;
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* Returns whether it is news. */
static bool
note(struct lessons *l, const char *base, const char *model,
    const struct lesson *lesson, long long now)
{
	bool was_known = false, is_kept;

	pthread_mutex_lock(&l->lock);
	for (size_t i = l->n; i-- > 0;) {
		struct entry *e = &l->entries[i];

		if (!is_of(e, base, model) ||
		    !is_same_subject(&e->lesson, lesson))
			continue;
		was_known = is_equal(&e->lesson, lesson) && is_fresh(e, now);
		remove_at(l, i);
	}
	is_kept = append(l, base, model, lesson, now);
	pthread_mutex_unlock(&l->lock);
	if (is_kept)
		save(l);
	return is_kept && !was_known;
}

bool
lessons_add(struct lessons *l, const char *base, const char *model,
    const struct lesson *lesson, long long now_unix)
{
	if (lesson->kind == LESSON_NONE || model[0] == '\0')
		return false;
	return note(l, base, model, lesson, now_unix);
}

bool
lessons_prefers_other_url(struct lessons *l, const char *base)
{
	long long now;
	bool other = false;

	if (l->n == 0)
		return false;
	now = time(NULL);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n; i++)
		other |= is_of(&l->entries[i], base, "") &&
			 is_fresh(&l->entries[i], now);
	pthread_mutex_unlock(&l->lock);
	return other;
}

bool
lessons_prefer_other_url(
    struct lessons *l, const char *base, bool other, long long now_unix)
{
	const struct lesson none = { .kind = LESSON_NONE };
	bool was_other = lessons_prefers_other_url(l, base);

	if (other)
		return note(l, base, "", &none, now_unix);
	if (!was_other)
		return false;
	pthread_mutex_lock(&l->lock);
	for (size_t i = l->n; i-- > 0;)
		if (is_of(&l->entries[i], base, ""))
			remove_at(l, i);
	pthread_mutex_unlock(&l->lock);
	save(l);
	return true;
}
