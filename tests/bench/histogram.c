/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>

#define BUCKETS (sizeof(((struct histogram *)0)->buckets) / sizeof(uint64_t))

static size_t
bucket_of(uint64_t ns)
{
	unsigned power, bucket;

	if (ns < HISTOGRAM_STEPS)
		return ns;
	power = 63 - (unsigned)__builtin_clzll(ns);
	bucket = (power - 5) * HISTOGRAM_STEPS +
		 (unsigned)((ns >> (power - 6)) & (HISTOGRAM_STEPS - 1));
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double
middle_of(size_t bucket)
{
	size_t power = bucket / HISTOGRAM_STEPS + 5;

	if (bucket < HISTOGRAM_STEPS)
		return (double)bucket;
	return (double)(((uint64_t)1 << power) +
			((uint64_t)(bucket % HISTOGRAM_STEPS) << (power - 6)) +
			((uint64_t)1 << (power - 6)) / 2);
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	if (ns > h->max)
		h->max = ns;
	h->buckets[bucket_of(ns)]++;
}

double
histogram_us(const struct histogram *h, double part)
{
	uint64_t wanted = (uint64_t)(part * (double)h->count), seen = 0;

	if (h->count == 0)
		return 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen > wanted)
			return middle_of(i) / 1000;
	}
	return (double)h->max / 1000;
}
