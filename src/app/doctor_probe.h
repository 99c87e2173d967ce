/* SPDX-License-Identifier: MIT */
#ifndef DOCTOR_PROBE_H
#define DOCTOR_PROBE_H

/* The doctor's questions to the upstream, each put as a client's request and
 * led through the same way as in service. */

#include "app/doctor_judge.h"

struct settings;

struct probing {
	/* Told before each question: what is asked for, which of how many. */
	void (*progress)(const char *what, int n, int of);
	const char *model; /* NULL: found among the settings or the list */
};

/*
 * Fills the findings.  The settings are bent meanwhile: limits of time, no
 * state kept.  Every question ends within a minute or two.
 * 0, or -1 with `why`; the findings are good for doctor_forget() either way.
 */
int doctor_probe(const struct probing *wanted, struct settings *settings,
    struct findings *f, struct fault *why);
void doctor_forget(struct findings *f);

#endif
