/* SPDX-License-Identifier: MIT */
#ifndef DOCTOR_H
#define DOCTOR_H

/* `doctor`: asks the upstream a few small things and prints what works, and
 * which settings follow. */

#include "app/cli.h"

/* Returns the exit code: 0 works, 1 does not, 2 the configuration. */
int doctor_run(const struct cli *cli);

#endif
