# malloc, step by step.
#
#   make                 build every stage: build/stageN/libmalloc.so
#   make stage3          build one; build/current points at it from then on, and preload uses it
#   make DEBUG=1 stage3  build it for the debugger: build/debug/stage3/libmalloc.so
#   make diff-stage4     what stage 4 changes in stage 3
#   make debug-stage4 CMD="ls -l"   GDB on a program that runs on stage 4
#
#   make check           the whole suite: installs what it lacks, tests every stage
#   make check-stage4    the suite on one stage
#   make check SO=/path/lib.so PROMISES="malloc realloc"   the suite on your own library
#   make check-teeth     what a stage newly promises fails on the stage before
#   make check-bugs      every bug kept on purpose is caught
#   make check-scripts   the scripts (bats)
#   make check-docs      every command, listing and link in the text
#   make lint            layout and static analysis of code and scripts
#
#   make bench           nanoseconds per operation, each stage beside libc
#   make tables          rewrite the tables in README.md that scripts make
#   make clean           remove build/
#
# Settings: CC=clang, BUILD=build/clang, WERROR=1 (warnings are errors).

BUILD ?= build
WERROR :=
DEBUG :=

OPTIMISE := $(if $(DEBUG),-Og -g3,-O2 -g)
OUT := $(BUILD)$(if $(DEBUG),/debug)
WARN := -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror)
# -fno-builtin: the compiler knows malloc by name, and would turn calloc's malloc and memset into
# a call of calloc. Only heap_inspect and the malloc family are visible, and calls among them stay
# inside the library.
STAGE_FLAGS := -std=gnu11 $(OPTIMISE) -fPIC -fno-builtin $(WARN) -Icommon -shared \
	-Wl,-Bsymbolic-functions -Wl,--version-script=common/exports.map

# stages/03-linked-list is stage3.
folders := $(sort $(notdir $(wildcard stages/[0-9]*)))
stage_of = stage$(patsubst 0%,%,$(firstword $(subst -, ,$1)))
stages := $(foreach folder,$(folders),$(call stage_of,$(folder)))

all: $(stages:%=$(OUT)/%/libmalloc.so)
	@ln -sfn $(lastword $(stages)) $(OUT)/current

define stage_rules
$(call stage_of,$1): $(OUT)/$(call stage_of,$1)/libmalloc.so
	@ln -sfn $(call stage_of,$1) $(OUT)/current
$(OUT)/$(call stage_of,$1)/libmalloc.so: $(wildcard stages/$1/*.[ch] common/*) Makefile
	@mkdir -p $$(@D)
	$(CC) $(STAGE_FLAGS) $(CFLAGS) $(LDFLAGS) -o $$@ stages/$1/malloc.c
endef
$(foreach folder,$(folders),$(eval $(call stage_rules,$(folder))))

check:
	@tests/run $(if $(SO),--so '$(SO)' --promises '$(PROMISES)')
check-teeth check-bugs: check-%:
	@tests/$*
$(stages:%=check-%): check-%:
	@tests/run $*
$(stages:%=diff-%): diff-%:
	@scripts/dev/diff-stage $*
$(stages:%=debug-%): debug-%:
	@scripts/debug -s $(@:debug-stage%=%) -- $(CMD)
check-scripts:
	@tests/scripts
check-docs lint bench tables:
	@scripts/dev/$@
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
clean:
	rm -rf $(BUILD)

.PHONY: all check check-teeth check-bugs check-scripts check-docs lint bench tables help clean \
	$(stages) $(stages:%=check-%) $(stages:%=diff-%) $(stages:%=debug-%)
.DELETE_ON_ERROR:
