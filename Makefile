# SPDX-License-Identifier: MIT
# anthropic-proxy.  `make` builds build/anthropic-proxy from Debian packages
# alone; `make help` names the other targets.  GNU make.

VERSION = 2.0.0
PREFIX ?= /usr/local
CC ?= cc
AR ?= ar
NODE ?= node
PKGS = libmicrohttpd libcurl libcjson openssl
CFLAGS ?= -O2 -g

# Every variant has its own build directory: SAN=address,undefined or
# SAN=thread, PORTABLE=1 (the POSIX fallbacks); B=… names another one.
B = build$(if $(SAN),-$(if $(findstring thread,$(SAN)),tsan,asan))$(if \
	$(PORTABLE),-portable)

WARN = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wwrite-strings -Wvla $(if $(WERROR),-Werror)
HARDEN = -fPIE -fstack-protector-strong $(if $(SAN)$(findstring \
	-O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN_LD := $(if $(filter Darwin,$(shell uname)),,-pie -Wl,-z,relro,-z,now)
# Small: what nobody calls is left out, and so are tables for exceptions, which
# C has not.  The linker packs relocations where the result then runs here.
LEAN = $(if $(SAN),,-ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fno-unwind-tables)
LEAN_LD := $(if $(filter Darwin,$(shell uname)),,-Wl,--gc-sections)
PACK_LD = $(if $(SAN),,$(shell echo 'int main(void) { return 0; }' | \
	$(CC) -pie -fPIE $(PACK) -Wl,--fatal-warnings -o $(B)/packed -x c - \
	    2>/dev/null && $(B)/packed && echo '$(PACK)'))
PACK = -Wl,-z,pack-relative-relocs
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L $(WARN) $(CFLAGS) $(HARDEN) \
	$(LEAN) $(SANITIZE) $(if $(PORTABLE),-DPORTABLE) -Isrc $(PKG_CFLAGS) -pthread
COMPILE = $(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP
LINK = $(CC) $(ALL_CFLAGS) $(HARDEN_LD) $(LEAN_LD) $(LDFLAGS)
# Short lines while building; V=1 shows the commands, -s shows none.
SILENT = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
quiet = $(if $(V)$(SILENT),,@echo '  $(1) $@';)

# Every source by name: what is not named here is not in the program.
WIRE = anthropic buf emit ends fault image json jsonprint jsonscan jsontree \
	openai record sha256 sse utf8 words
TRANSLATE = counting envelope modellist modelpage models names tokens window
REQUEST = assistant builtin effort history media messages offer pairs parts \
	request results schema served system toolname toolread tools turns
REPLY = answer args blocks content delta details excerpt finish repeat \
	search settle slots splice stop stream terms think thought usage
ERROR = cause errors failure overflow phrase retryafter scrub
DIALECT = dialect knobs learn lesson mend params schemacut
# What only Linux has stands in one file each; PORTABLE=1, and every other
# system, takes its fallback.
WATCH := $(if $(PORTABLE)$(filter-out Linux,$(shell uname)),watch_poll,watch_epoll)
CONFINE := $(if $(PORTABLE)$(filter-out Linux,$(shell uname)),confine_none,landlock seccomp)
SERVER = admit again asking attempts bind cancel catalog connections deadline exchange fetch headers \
	journal lessons listener log memory metrics modelsroute pool prepare ratelimit ready relay relay_stream relaying request_log routes \
	scales secret server settings spoken statefile \
	statushtml statuspage statusplot statusview stream_pipe target upstream \
	upstream_failure upstream_handles upstream_options verbose $(WATCH)
APP = broker cli config daemon demo demo_answer demo_http doctor \
	doctor_ask doctor_judge doctor_probe doctor_rows envedit envfile health \
	kind_address kind_key kind_object kind_plain pidfile places program run runenv sandbox \
	sources status systemd textfile variables $(CONFINE)

# Captures, and how they are played again.
SERVER += capture capture_files hiding
APP += difference player recording replay

CORE_SRC = $(WIRE:%=src/wire/%.c) $(TRANSLATE:%=src/translate/%.c) \
	$(REQUEST:%=src/translate/request/%.c) \
	$(REPLY:%=src/translate/reply/%.c) $(ERROR:%=src/translate/error/%.c) \
	$(DIALECT:%=src/translate/dialect/%.c)
SERVER_SRC = $(SERVER:%=src/server/%.c)
APP_SRC = $(APP:%=src/app/%.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
GOLDEN_SRC := $(wildcard tests/golden/golden_*.c)
GOLDEN_HELP_SRC := $(wildcard tests/golden/strict*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)

PAGE = $(B)/src/server/statuspage_html
CORE_OBJ = $(CORE_SRC:%.c=$(B)/%.o)
SERVER_OBJ = $(SERVER_SRC:%.c=$(B)/%.o) $(PAGE).o
APP_OBJ = $(APP_SRC:%.c=$(B)/%.o)
UNIT_BIN = $(UNIT_SRC:%.c=$(B)/%)
GOLDEN_BIN = $(GOLDEN_SRC:%.c=$(B)/%)
GOLDEN_HELP_OBJ = $(GOLDEN_HELP_SRC:%.c=$(B)/%.o)
FUZZ_BIN = $(FUZZ_SRC:%.c=$(B)/%)
# The bench is Linux only; its mains are named, the rest is theirs.
BENCH = $(B)/tests/bench
BENCH_BIN = $(addprefix $(BENCH)/,mock load start core)

all: $(B)/anthropic-proxy

# Everything that gets compiled, tests too.
programs: all $(UNIT_BIN) $(GOLDEN_BIN) $(if $(PORTABLE),,$(BENCH_BIN))

# -- the program -------------------------------------------------------------

$(B)/anthropic-proxy: $(B)/src/main.o $(B)/app.a $(B)/server.a $(B)/core.a
	$(call quiet,LD)$(LINK) $(PACK_LD) -o $@ $^ $(PKG_LIBS)

$(B)/core.a: $(CORE_OBJ)
$(B)/server.a: $(SERVER_OBJ)
$(B)/app.a: $(APP_OBJ)
$(B)/%.a:
	@rm -f $@
	$(call quiet,AR)$(AR) rcs $@ $^

# What runs for every event and every byte of a body is compiled to be fast,
# the rest to be small.
HOT = $(addprefix wire/,buf json jsonprint jsonscan jsontree sse utf8) \
	translate/dialect/dialect translate/models translate/reply/repeat \
	server/stream_pipe
SMALL := $(shell echo | $(CC) -Oz -E - >/dev/null 2>&1 && echo -Oz || echo -Os)
ifneq (,$(findstring -O2,$(CFLAGS)))
$(filter-out $(HOT:%=$(B)/src/%.o),$(CORE_OBJ) $(SERVER_OBJ) $(APP_OBJ)): \
    ALL_CFLAGS += $(SMALL)
endif

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) -DVERSION='"$(VERSION)"' -c -o $@ $<

# The status page is written as HTML and linked as a text.
$(PAGE).c: src/server/statuspage.html Makefile
	@mkdir -p $(@D)
	$(call quiet,HTML){ echo '#include "server/statusview.h"'; \
	    echo 'const char statuspage_html[] = ""'; \
	    sed 's/^[[:space:]]*//; s/[\\"]/\\&/g; s/.*/"&\\n"/' $<; \
	    echo ';'; } >$@
$(PAGE).o: $(PAGE).c
	$(call quiet,CC)$(COMPILE) -c -o $@ $<

# -- tests -------------------------------------------------------------------

check:
	@rm -rf $(B)/tally
	@for suite in unit golden e2e; do $(MAKE) --no-print-directory $$suite; \
	done; scripts/tally sum $(B)/tally unit golden e2e

# A test of the core links the core and cJSON alone: the linker keeps the
# wall.  One whose second line says `links: server` or `app` gets those too.
CORE_LIBS = $(B)/core.a -lcjson -lcmocka -lm
LINKS_APP := $(patsubst %.c,%,$(shell grep -lsx '/\* links: app \*/' /dev/null \
	$(UNIT_SRC)))
LINKS_SERVER := $(LINKS_APP) $(patsubst %.c,%,$(shell grep -lsx \
	'/\* links: server \*/' /dev/null $(UNIT_SRC)))
$(LINKS_APP:%=$(B)/%): $(B)/app.a
$(LINKS_APP:%=$(B)/%): APP_LIBS = $(B)/app.a
$(LINKS_SERVER:%=$(B)/%): $(B)/server.a
$(LINKS_SERVER:%=$(B)/%): SERVER_LIBS = $(B)/server.a
$(LINKS_SERVER:%=$(B)/%): OUTER_LIBS = $(PKG_LIBS)

$(B)/tests/unit/%: tests/unit/%.c $(B)/core.a
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(APP_LIBS) \
	    $(SERVER_LIBS) $(CORE_LIBS) $(OUTER_LIBS)

$(B)/tests/golden/%: tests/golden/%.c $(GOLDEN_HELP_OBJ) $(B)/core.a
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(GOLDEN_HELP_OBJ) \
	    $(CORE_LIBS)

# `make unit` runs all, `make unit M=sse` one; so do `make golden C=case` and
# `make e2e T=name` (a file of tests/e2e, or a part of a test's name).
unit: $(if $(M),$(B)/tests/unit/test_$(M),$(UNIT_BIN))
	@scripts/tally run $(B)/tally unit $(if $(M),-v) $^

golden: $(GOLDEN_BIN) tests/golden/golden_captures | $(B)/anthropic-proxy
	@CASE='$(C)' PROXY='$(B)/anthropic-proxy' \
	    scripts/tally run $(B)/tally golden $(if $(C),-v) $^

# `make golden-accept C=case FROM=FILE` makes a case of a file of CAPTURE_DIR;
# without FROM what an old one gives now becomes what is right.
golden-accept: $(B)/anthropic-proxy
	@PROXY='$<' tests/golden/golden_captures --accept '$(C)' '$(FROM)'

E2E := $(wildcard tests/e2e/*.test.mjs)
E2E_ONE = $(filter tests/e2e/$(T).test.mjs,$(E2E))
# Most tests wait most of the time: eight files at once, also on two cores.
e2e: $(B)/anthropic-proxy
	@PROXY='$(abspath $<)' scripts/tally command $(B)/tally e2e $(NODE) \
	    --test --test-concurrency=8 --test-reporter=spec \
	    $(if $(T),$(or $(E2E_ONE),--test-name-pattern='$(T)' \
	    $(E2E)),$(E2E))

clients: $(B)/anthropic-proxy
	@PROXY='$(abspath $<)' scripts/tally command $(B)/tally clients \
	    tests/clients/run

# `make fuzz TIME=60`: each target that long; `F=json` one of them.
TIME = 60
fuzz:
	@$(MAKE) --no-print-directory B=build-fuzz CC=clang \
	    SAN=address,undefined CFLAGS='-O1 -g' F='$(F)' TIME='$(TIME)' \
	    run-fuzz
run-fuzz: ALL_CFLAGS += -fsanitize=fuzzer-no-link
run-fuzz: $(if $(F),$(B)/tests/fuzz/fuzz_$(F),$(FUZZ_BIN))
	@scripts/fuzz '$(TIME)' $(B)/fuzz $^

FUZZ_APP := $(patsubst %.c,%,$(shell grep -lsx '/\* links: app \*/' /dev/null \
	$(FUZZ_SRC)))
$(FUZZ_APP:%=$(B)/%): $(B)/app.a $(B)/server.a
$(FUZZ_APP:%=$(B)/%): APP_LIBS = $(B)/app.a $(B)/server.a
$(B)/tests/fuzz/%: tests/fuzz/%.c $(B)/core.a
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) -fsanitize=fuzzer -o $@ $< $(APP_LIBS) \
	    $(B)/core.a -lcjson -lm

# `make valgrind`: end-to-end tests with the proxy under memcheck, for a quarter
# of an hour; `T=name` one file.
valgrind: $(B)/anthropic-proxy
	@scripts/valgrind '$(abspath $<)' '$(abspath $(B))/valgrind' $(T)

# `make soak MINUTES=10`: a thousand streams, then clients and upstreams of every
# temper; Linux.  What it checks stands in tests/soak/soak.mjs.
MINUTES = 10
soak: $(B)/anthropic-proxy
	@PROXY='$(abspath $<)' $(NODE) tests/soak/streams.mjs
	@PROXY='$(abspath $<)' MINUTES='$(MINUTES)' $(NODE) tests/soak/soak.mjs

# -- figures, never part of check ---------------------------------------------

$(BENCH)/mock: $(addprefix $(BENCH)/,mock.o mock_answer.o timers.o)
$(BENCH)/load: $(addprefix $(BENCH)/,load.o load_conn.o histogram.o procs.o)
$(BENCH)/start: $(BENCH)/start.o
$(BENCH)/core: $(BENCH)/core.o $(B)/core.a
$(BENCH)/core: BENCH_LIBS = -lcjson -lm
$(BENCH_BIN): $(addprefix $(BENCH)/,bench.o http.o client_body.o)
	$(call quiet,LD)$(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	    $(BENCH_LIBS)

# `make bench QUICK=1`, `make bench PEER=127.0.0.1:8100,1234`: see
# tests/bench/README.md.  What bench-profile takes stands in its script.
bench: $(B)/anthropic-proxy $(BENCH_BIN)
	@tests/bench/run $(B)

bench-core: $(BENCH)/core
	@$<

bench-profile: $(B)/anthropic-proxy $(BENCH_BIN)
	@tests/bench/profile $(B)

# -- looks -------------------------------------------------------------------

lint:
	@scripts/lint

print-sources:
	@printf '%s\n' $(CORE_SRC) $(SERVER_SRC) $(APP_SRC) src/main.c

format:
	@git ls-files -co --exclude-standard '*.c' '*.h' | \
	    xargs clang-format -i

# -- delivery ----------------------------------------------------------------

# Where a distribution has other places for them, it says so.
ZSH_DIR ?= $(PREFIX)/share/zsh/site-functions
MAN = $(DESTDIR)$(PREFIX)/share/man
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system
DOC = $(DESTDIR)$(PREFIX)/share/doc/anthropic-proxy
BASH_COMP = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
FISH_COMP = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
ZSH_COMP = $(DESTDIR)$(ZSH_DIR)
EXAMPLES = example.env Dockerfile compose.yaml kubernetes.yaml haproxy.cfg

install: $(B)/anthropic-proxy
	install -d $(DESTDIR)$(PREFIX)/bin $(MAN)/man1 $(MAN)/man5 $(UNITS) \
	    $(DOC)/examples $(BASH_COMP) $(ZSH_COMP) $(FISH_COMP)
	install -m 755 $< $(DESTDIR)$(PREFIX)/bin/anthropic-proxy
	install -m 644 man/anthropic-proxy.1 $(MAN)/man1/
	install -m 644 man/anthropic-proxy.env.5 $(MAN)/man5/
	sed 's,/usr/local/bin,$(PREFIX)/bin,' config/anthropic-proxy.service \
	    >$(UNITS)/anthropic-proxy.service
	install -m 644 config/anthropic-proxy.socket $(UNITS)/
	chmod 644 $(UNITS)/anthropic-proxy.service
	install -m 644 config/completions/anthropic-proxy.bash \
	    $(BASH_COMP)/anthropic-proxy
	install -m 644 config/completions/_anthropic-proxy $(ZSH_COMP)/
	install -m 644 config/completions/anthropic-proxy.fish $(FISH_COMP)/
	install -m 644 README.md LICENSE $(DOC)/
	install -m 644 $(EXAMPLES:%=config/%) $(DOC)/examples/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/anthropic-proxy \
	    $(MAN)/man1/anthropic-proxy.1 $(MAN)/man5/anthropic-proxy.env.5 \
	    $(UNITS)/anthropic-proxy.service $(UNITS)/anthropic-proxy.socket \
	    $(BASH_COMP)/anthropic-proxy $(ZSH_COMP)/_anthropic-proxy \
	    $(FISH_COMP)/anthropic-proxy.fish
	rm -rf $(DOC)

# The package of this Debian or Ubuntu, in build/.
deb: $(B)/anthropic-proxy
	@scripts/deb $(VERSION) $<

# The tarball of the last commit.
dist:
	@mkdir -p build
	git archive --prefix=anthropic-proxy-$(VERSION)/ HEAD | \
	    gzip -9n >build/anthropic-proxy-$(VERSION).tar.gz

release-check:
	@scripts/release-check

clean:
	rm -rf build build-*

help:
	@echo 'all check unit golden e2e clients fuzz soak valgrind lint format'
	@echo 'bench bench-core bench-profile'
	@echo 'install uninstall deb dist release-check clean'
	@echo 'SAN=address,undefined|thread PORTABLE=1 WERROR=1 B=DIR'
	@echo 'unit M=module, golden C=case, e2e T=name, fuzz F=target TIME=s, soak MINUTES=n'
	@echo 'golden-accept C=case FROM=FILE'

-include $(CORE_OBJ:.o=.d) $(SERVER_OBJ:.o=.d) $(APP_OBJ:.o=.d) \
	$(B)/src/main.d $(GOLDEN_HELP_OBJ:.o=.d) $(UNIT_BIN:=.d) \
	$(GOLDEN_BIN:=.d) $(FUZZ_BIN:=.d) $(BENCH_SRC:%.c=$(B)/%.d)
.PHONY: all programs check unit golden golden-accept e2e clients fuzz run-fuzz soak valgrind bench \
	bench-core bench-profile lint print-sources format install \
	uninstall deb dist release-check clean help
.DELETE_ON_ERROR:
.SECONDARY: $(GOLDEN_HELP_OBJ)
