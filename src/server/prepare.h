/* SPDX-License-Identifier: MIT */
#ifndef PREPARE_H
#define PREPARE_H

/* Makes a request ready for its tries. */

struct attempts;

/*
 * Translates the request with what is known of the upstream and makes the
 * terms of its answer; refuses what cannot fit the model's context window.
 * 0, or -1 with a->fault.
 */
int prepare_request(struct attempts *a);

/* The same once more, after a lesson has bent a->profile. */
int prepare_again(struct attempts *a);

#endif
