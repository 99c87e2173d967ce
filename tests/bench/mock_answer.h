/* SPDX-License-Identifier: MIT */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

/*
 * What the mock upstream answers: Chat Completions, as events or whole.
 * Every text begins with "@<now_ns()>@", so that a client on the same machine
 * knows how long it was on its way.
 */

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* The letters stand in the command line and in a request's model name. */
#define ANSWER_LETTERS(X)                                                      \
	X(n, chunks, 20)      /* content chunks */                             \
	X(d, delay_us, 1000)  /* between chunks; 0: as fast as it goes */      \
	X(f, first_us, 0)     /* before the first chunk */                     \
	X(h, head_us, 0)      /* before the status line */                     \
	X(s, bytes, 32)	      /* of text in a chunk */                         \
	X(b, batch, 1)	      /* chunks in one write (not with d=0) */         \
	X(t, calls, 0)	      /* tool calls behind the text … */             \
	X(T, pieces, 4)	      /* … each in so many pieces */                 \
	X(x, escapes, 0)      /* 1: the text is full of JSON escapes */        \
	X(e, status, 0)	      /* the HTTP status of an error instead */        \
	X(a, abort_after, 0)  /* close the socket after so many chunks */      \
	X(q, silent_after, 0) /* say no more after so many chunks */           \
	X(u, usage, 1)	      /* 1: a usage chunk at the end */                \
	X(c, cut, 0)	      /* 1: every write is cut at a random byte */

struct answer_plan {
#define X(letter, member, standard) long member;
	ANSWER_LETTERS(X)
#undef X
};

void answer_plan_defaults(struct answer_plan *plan);

/* Reads "n=100,d=5000…" up to a quote or the end; what is no letter of ours
 * is passed over. */
void
answer_plan_parse(struct answer_plan *plan, const char *text, const char *end);

/* The chunks of a streamed answer, its role, end and [DONE] included. */
long answer_steps(const struct answer_plan *plan);

/* Appends one event, the 0-based `step`, as one chunk of the transfer. */
void
answer_add_step(const struct answer_plan *plan, long step, struct queue *out);

/* Appends a streamed answer's head, or a whole answer of one JSON body. */
void answer_add_head(bool keep_alive, struct queue *out);
void answer_add_whole(
    const struct answer_plan *plan, bool keep_alive, struct queue *out);

#endif
