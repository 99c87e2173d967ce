/* SPDX-License-Identifier: MIT */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/* Times and their percentiles, to about 1.5 %: 64 steps to a power of two. */

#include <stdint.h>

#define HISTOGRAM_STEPS 64

struct histogram {
	uint64_t count, max;
	uint64_t buckets[HISTOGRAM_STEPS * 48];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* Microseconds; `part` 0.5 is the median.  0 where nothing was added. */
double histogram_us(const struct histogram *h, double part);

#endif
