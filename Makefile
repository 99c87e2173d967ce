# SPDX-License-Identifier: MIT
# anthropic-proxy: `make` builds build/anthropic-proxy from Debian packages alone.

VERSION = 2.0.0
CC ?= cc
PKGS = libmicrohttpd libcurl libcjson openssl
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wwrite-strings -Wvla
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS))
B = build$(if $(SAN),-san-$(firstword $(subst $(comma), ,$(SAN))))
comma = ,
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L $(WARN) $(CFLAGS) $(SANFLAGS) \
	-Isrc $(PKG_CFLAGS) -DVERSION='"$(VERSION)"'

CORE_SRC := $(wildcard src/wire/*.c src/translate/*.c)
SHELL_SRC := $(wildcard src/server/*.c src/app/*.c) src/main.c
CORE_OBJ = $(CORE_SRC:%.c=$(B)/%.o)
SHELL_OBJ = $(SHELL_SRC:%.c=$(B)/%.o)

all: $(B)/anthropic-proxy

$(B)/anthropic-proxy: $(SHELL_OBJ) $(B)/core.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -pthread

$(B)/core.a: $(CORE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# `make unit` runs all, `make unit M=sse` one.
UNIT_SRC := $(wildcard tests/unit/test_$(or $(M),*).c)
UNIT_BIN = $(UNIT_SRC:tests/unit/%.c=$(B)/tests/%)
unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do ./$$t; done

$(B)/tests/%: tests/unit/%.c $(B)/core.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(B)/core.a -lcjson -lcmocka -lm

clean:
	rm -rf build build-*

-include $(CORE_OBJ:.o=.d) $(SHELL_OBJ:.o=.d)
.PHONY: all unit clean
