/* SPDX-License-Identifier: MIT */
#ifndef DOCTOR_JUDGE_H
#define DOCTOR_JUDGE_H

/* What the doctor's probes found, as rows of a table and as settings.  Pure:
 * asks nobody and prints nothing. */

#include <stdbool.h>
#include <stddef.h>
#include "translate/dialect/learn.h"
#include "translate/envelope.h"
#include "translate/modellist.h"
#include "wire/fault.h"

struct settings;

enum probe_name {
	PROBE_LIST,	/* GET …/models */
	PROBE_CHAT,	/* a word, streamed */
	PROBE_TOOLS,	/* two calls at once */
	PROBE_FORCED,	/* a call that the question does not ask for */
	PROBE_RESULT,	/* the turn behind a call */
	PROBE_IMAGE,	/* a red square */
	PROBE_THINKING, /* thinking enabled … */
	PROBE_QUIET,	/* … and disabled */
	N_PROBES,
};

/* What came of one question. */
struct probe {
	bool asked;
	enum fault_kind kind; /* NONE: a whole answer came */
	int status;	      /* of HTTP; 0: no head came */
	char message[320];    /* of the failure; holds no secret */
	long took_ms;
	bool is_events, has_usage; /* it came as events; told its tokens */
	unsigned calls;		   /* of tools */
	bool says_red;
	bool thinks;
	enum reasoning_form form; /* of the thought */
	const char *token_field;  /* that carried max_tokens */
};

enum model_source { MODEL_NONE, MODEL_OPTION, MODEL_SETTINGS, MODEL_LIST };

struct findings {
	const struct settings *settings;
	const char *model; /* that was probed; NULL: none was to be had */
	enum model_source source;
	struct model_list list;
	struct probe probes[N_PROBES];
	struct lesson lessons[32]; /* taught by the probes */
	size_t n_lessons;
	bool other_url; /* only the other form of the URL works */
	/* A style of reasoning request that switches thinking off where the
	 * usual one does not: a word of REASONING_REQUEST, or NULL. */
	const char *quiet_style;
};

enum verdict {
	VERDICT_OK,
	VERDICT_NO,   /* the upstream has it not; one can live with it */
	VERDICT_FAIL, /* the proxy cannot work so */
	VERDICT_OPEN, /* cannot be told */
	N_VERDICTS,
};

struct row {
	const char *name;
	enum verdict verdict;
	char text[400];
};

struct advice {
	const char *name; /* of a setting */
	const char *value;
	const char *instead; /* what it is without it; NULL: nothing */
};

struct diagnosis {
	bool works;
	struct row rows[18];
	size_t n_rows;
	struct advice advice[40];
	size_t n_advice;
};

/* The diagnosis borrows from the findings and the settings. */
void doctor_judge(const struct findings *f, struct diagnosis *d);

/* A model that people chat with, as far as a name tells. */
bool doctor_is_chat_model(const char *id);

#endif
