/* SPDX-License-Identifier: MIT */
/* The list of connections and who does what on them. */
#include "server/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "server/server.h"

struct connection {
	struct connection *prev, *next;
	int fd;
	bool asks;	   /* a head has come in part */
	bool busy;	   /* an exchange runs on it */
	bool has_asked;	   /* before that one */
	bool over;	   /* came in over the limit */
	bool is_let_go;	   /* its reading side was closed here */
	long long life_ms; /* the last sign of it; pieces of bodies are signs
			    * while the server drains */
};

void
connections_init(struct connections *all)
{
	*all = (struct connections){ .n = 0 };
	pthread_mutex_init(&all->lock, NULL);
}

void
connections_clear(struct connections *all)
{
	pthread_mutex_destroy(&all->lock);
}

struct connection *
connections_add(struct connections *all, int fd, int max)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->fd = fd;
	c->life_ms = server_now_ms();
	pthread_mutex_lock(&all->lock);
	c->over = ++all->n > max;
	c->next = all->list;
	if (c->next != NULL)
		c->next->prev = c;
	all->list = c;
	all->n_ever++;
	pthread_mutex_unlock(&all->lock);
	return c;
}

void
connections_remove(struct connections *all, struct connection *c)
{
	pthread_mutex_lock(&all->lock);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		all->list = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	all->n--;
	pthread_mutex_unlock(&all->lock);
	free(c);
}

unsigned
connections_ever(struct connections *all)
{
	unsigned n;

	pthread_mutex_lock(&all->lock);
	n = all->n_ever;
	pthread_mutex_unlock(&all->lock);
	return n;
}

bool
connection_is_over(const struct connection *c)
{
	return c->over;
}

bool
connection_is_let_go(const struct connection *c)
{
	return c->is_let_go;
}

bool
connection_has_asked(const struct connection *c)
{
	return c->has_asked;
}

void
connections_mark_asking(struct connections *all, struct connection *c)
{
	pthread_mutex_lock(&all->lock);
	c->asks = true;
	pthread_mutex_unlock(&all->lock);
}

void
connections_mark_busy(struct connections *all, struct connection *c, bool busy)
{
	pthread_mutex_lock(&all->lock);
	c->has_asked |= c->busy;
	c->busy = busy;
	c->asks = false;
	c->life_ms = server_now_ms();
	pthread_mutex_unlock(&all->lock);
}

void
connections_close_idle(struct connections *all, long idle_ms)
{
	long long now = server_now_ms();

	pthread_mutex_lock(&all->lock);
	for (struct connection *c = all->list; c != NULL; c = c->next)
		if (!c->busy && c->fd != -1 && now - c->life_ms >= idle_ms)
			shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&all->lock);
}

/*
 * A request may have come that its thread has not read yet: such a connection
 * is left alone, and of the others the reading side is closed, which on Linux
 * loses nothing that comes before the library sees it.  Under the lock.
 */
static void
let_idle_go(struct connections *all)
{
	char byte;

	for (struct connection *c = all->list; c != NULL; c = c->next)
		if (!c->busy && !c->asks && c->fd != -1 &&
		    recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
			c->is_let_go = true;
			shutdown(c->fd, SHUT_RD);
		}
}

void
connections_let_idle_go(struct connections *all)
{
	pthread_mutex_lock(&all->lock);
	let_idle_go(all);
	pthread_mutex_unlock(&all->lock);
}

bool
connections_have_newcomers(struct connections *all, long newcomer_ms)
{
	long long since = server_now_ms() - newcomer_ms;
	bool found = false;

	pthread_mutex_lock(&all->lock);
	for (struct connection *c = all->list; c != NULL; c = c->next)
		found |= !c->busy && !c->has_asked && c->life_ms > since;
	pthread_mutex_unlock(&all->lock);
	return found;
}

bool
connections_are_left(struct connections *all, long long *life_ms)
{
	bool busy = false, left;

	pthread_mutex_lock(&all->lock);
	for (struct connection *c = all->list; c != NULL; c = c->next) {
		busy |= c->busy;
		if (c->busy && c->life_ms > *life_ms)
			*life_ms = c->life_ms;
	}
	if (!busy)
		let_idle_go(all);
	left = all->list != NULL;
	pthread_mutex_unlock(&all->lock);
	return left;
}
