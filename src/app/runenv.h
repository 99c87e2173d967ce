/* SPDX-License-Identifier: MIT */
#ifndef RUNENV_H
#define RUNENV_H

/* The environment in which `run` starts its command: Claude Code finds the
 * proxy and models that it has, and none of our secrets. */

struct buf;
struct model_list;
struct settings;

/* Moves our secrets out of where the system shows a process's environment to
 * others of its user, the command among them.  Before any thread. */
void runenv_hide_secrets(void);

/*
 * Appends lines: NAME=value of what Claude Code is to be told of the upstream,
 * and !text of what its user is.  `listed`: the upstream's models; `argv`: the
 * command, which may name a model.
 */
void runenv_choose(const struct settings *s, const struct model_list *listed,
    char *const *argv, struct buf *out);

/*
 * Sets the environment of the command to come: the address and the key of the
 * proxy, what the lines say unless the user has set it, and no secret of ours.
 * Prints what is for the user to standard error.  `lines` is changed.
 */
void runenv_set(const char *address, const char *token, char *lines);

#endif
