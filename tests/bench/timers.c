/* SPDX-License-Identifier: MIT */
#include "timers.h"
#include "bench.h"

#include <stdlib.h>

static struct timer **heap; /* from 1 on */
static size_t count, room;

static void
put(size_t place, struct timer *t)
{
	heap[place] = t;
	t->place = place;
}

static void
rise(size_t place)
{
	struct timer *t = heap[place];

	for (; place > 1 && heap[place / 2]->due_ns > t->due_ns; place /= 2)
		put(place, heap[place / 2]);
	put(place, t);
}

static void
sink(size_t place)
{
	struct timer *t = heap[place];
	size_t below;

	while ((below = 2 * place) <= count) {
		if (below < count &&
		    heap[below + 1]->due_ns < heap[below]->due_ns)
			below++;
		if (heap[below]->due_ns >= t->due_ns)
			break;
		put(place, heap[below]);
		place = below;
	}
	put(place, t);
}

void
timer_stop(struct timer *t)
{
	size_t place = t->place;

	if (place == 0)
		return;
	t->place = 0;
	if (place == count--)
		return;
	put(place, heap[count + 1]);
	rise(place);
	sink(heap[place]->place);
}

void
timer_set(struct timer *t, uint64_t due_ns)
{
	timer_stop(t);
	t->due_ns = due_ns;
	if (count + 1 >= room) {
		room = room > 0 ? room * 2 : 1024;
		if ((heap = realloc(heap, room * sizeof(heap[0]))) == NULL)
			die("out of memory");
	}
	put(++count, t);
	rise(count);
}

struct timer *
timer_next(void)
{
	return count > 0 ? heap[1] : NULL;
}
