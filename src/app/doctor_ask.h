/* SPDX-License-Identifier: MIT */
#ifndef DOCTOR_ASK_H
#define DOCTOR_ASK_H

/* For doctor_probe.c: one question, put and answered. */

#include "app/doctor_probe.h"
#include "server/cancel.h"
#include "server/headers.h"

struct server;

struct prober {
	const struct probing *wanted;
	struct server *server;
	struct settings *settings;
	struct findings *f;
	struct cancel cancel;
	struct headers headers; /* whose values are secrets */
	int n_asked;
};

/* Tells which question comes now; some more may follow from what is found. */
void doctor_tell_progress(struct prober *p, enum probe_name name);

/* Keeps a failure, without our keys in its words. */
void doctor_note_fault(
    const struct prober *p, const struct fault *fault, struct probe *out);

/* Asks, of f->model, any question but PROBE_LIST.  Returns `out`. */
const struct probe *
doctor_ask(struct prober *p, enum probe_name name, struct probe *out);

#endif
