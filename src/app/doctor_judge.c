/* SPDX-License-Identifier: MIT */
/* What follows from the findings: settings.  Knows no upstream but by what
 * was found. */
#include "app/doctor_judge.h"

#include <stdio.h>
#include <string.h>

#include "app/doctor_rows.h"
#include "app/variables.h"
#include "server/settings.h"
#include "translate/dialect/dialect.h"

/* One line that moves no cursor, whatever an upstream says and calls its
 * models: C0, DEL, C1. */
static void
make_plain(char *text)
{
	for (; *text != '\0'; text++) {
		bool is_c1 =
		    *text == '\xc2' && (unsigned char)text[1] - 0x80U < 0x20;

		if ((unsigned char)*text < ' ' || *text == '\x7f' || is_c1)
			*text = '?';
		if (is_c1)
			*++text = '?';
	}
}

/* -- what was learned ----------------------------------------------------- */

/* Bends a profile as the proxy would, and where only a setting can. */
static void
bend(const struct lesson *lesson, struct profile *p)
{
	learn_apply(lesson, p);
	if (lesson->kind == LESSON_DROP &&
	    (strcmp(lesson->name, "temperature") == 0 ||
		strcmp(lesson->name, "top_p") == 0))
		p->sampling = SAMPLING_DROP;
}

static bool
has_knob(const struct lesson *lesson, const struct profile *expected)
{
	struct profile bent = *expected;

	bend(lesson, &bent);
	for (size_t i = 0; i < n_variables; i++) {
		const char *a = profile_word(expected, variables[i].name);

		if (a != NULL &&
		    strcmp(a, profile_word(&bent, variables[i].name)) != 0)
			return true;
	}
	return false;
}

/* What no setting says stands here, so that nobody wonders. */
static void
tell_mended(const struct findings *f, const struct profile *expected,
    struct diagnosis *d)
{
	struct row *row = &d->rows[d->n_rows];
	char words[100];
	size_t n;

	doctor_say(row, VERDICT_OK, "by the proxy itself:");
	for (size_t i = 0; i < f->n_lessons; i++) {
		if (has_knob(&f->lessons[i], expected))
			continue;
		learn_print(&f->lessons[i], words, sizeof(words));
		n = strlen(row->text);
		snprintf(row->text + n, sizeof(row->text) - n, "%s %s",
		    row->name != NULL ? "," : "", words);
		row->name = "mended";
	}
	if (row->name != NULL)
		d->n_rows++;
}

/* -- settings ------------------------------------------------------------- */

static void
advise(struct diagnosis *d, const char *name, const char *value,
    const char *instead)
{
	if (d->n_advice < sizeof(d->advice) / sizeof(d->advice[0]))
		d->advice[d->n_advice++] =
		    (struct advice){ name, value, instead };
}

/* A list of one model leaves no choice; of many, the user has to make it. */
static void
advise_models(const struct findings *f, struct diagnosis *d)
{
	if (f->settings->demo || !doctor_is_listed(f, f->model) ||
	    (f->source != MODEL_OPTION && f->list.n != 1))
		return;
	for (const char *p = f->model; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '\x7f')
			return;
	if (doctor_is_unmapped(f, true))
		advise(d, "REASONING_MODEL", f->model, "the client's own name");
	if (doctor_is_unmapped(f, false))
		advise(
		    d, "COMPLETION_MODEL", f->model, "the client's own name");
}

static void
advise_knobs(const struct findings *f, const struct profile *expected,
    struct diagnosis *d)
{
	struct profile found = *expected;

	for (size_t i = 0; i < f->n_lessons; i++)
		bend(&f->lessons[i], &found);
	if (f->quiet_style != NULL)
		profile_set(&found, "REASONING_REQUEST", f->quiet_style, NULL);
	for (size_t i = 0; i < n_variables; i++) {
		const char *name = variables[i].name;
		const char *was = profile_word(expected, name);
		const char *is = profile_word(&found, name);

		if (was != NULL && strcmp(was, is) != 0)
			advise(d, name, is, was);
	}
}

bool
doctor_is_chat_model(const char *id)
{
	static const char *const others[] = { "embed", "whisper", "tts",
		"dall-e", "moderation", "rerank", "image", "audio", "sora",
		"babbage", "davinci", "realtime", "transcribe", "bge-" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strstr(id, others[i]) != NULL)
			return false;
	return true;
}

void
doctor_judge(const struct findings *f, struct diagnosis *d)
{
	struct profile expected;

	*d = (struct diagnosis){ .works = doctor_is_answered(
				     &f->probes[PROBE_CHAT]) };
	doctor_rows(f, d);
	dialect_resolve(&f->settings->profile, f->settings->upstream.host,
	    f->model != NULL ? f->model : "", &expected);
	tell_mended(f, &expected, d);
	for (size_t i = 0; i < d->n_rows; i++)
		make_plain(d->rows[i].text);
	if (!d->works)
		return;
	if (f->other_url)
		advise(d, "UPSTREAM_BASE_URL", f->settings->upstream.other_url,
		    NULL);
	advise_models(f, d);
	advise_knobs(f, &expected, d);
}
