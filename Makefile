# malloc, step by step.
#
#   make                 build every stage: build/stageN/libmalloc.so
#   make stage3          build one; build/current points at it from then on, and preload uses it
#   make DEBUG=1 stage3  build it for the debugger: build/debug/stage3/libmalloc.so
#   make diff-stage4     what stage 4 changes in stage 3
#   make ghost           what the debugger runs a stage's own code in, on a copy of a program's memory
#   make debug-stage4 CMD="ls -l"   GDB on a program that runs on stage 4
#
#   make check           the whole suite: installs what it lacks, tests every stage
#   make check-stage4    the suite on one stage
#   make check SO=/path/lib.so PROMISES="malloc realloc"   the suite on your own library
#                        (without PROMISES: on what its stage promises, or on what any malloc keeps)
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

# stages/03-linked-list is stage3; stages/08b-tree is stage8b, beside stages/08-bins.
folders := $(sort $(notdir $(wildcard stages/[0-9]*)))
stage_of = stage$(patsubst 0%,%,$(firstword $(subst -, ,$1)))
stages := $(foreach folder,$(folders),$(call stage_of,$(folder)))

# The last stage of the main line, whose names end in a digit.
all: $(stages:%=$(OUT)/%/libmalloc.so)
	@ln -sfn $(lastword $(filter %0 %1 %2 %3 %4 %5 %6 %7 %8 %9,$(stages))) $(OUT)/current

# What is compiled of a stage: the .c files of its folder, but for its tests, which belong to the
# suite, and those that another one includes.
included = $(shell sed -n 's/^\#include "\(.*\.c\)"/\1/p' stages/$1/*.c)
units = $(filter-out $(addprefix stages/$1/,tests.c $(included)),$(wildcard stages/$1/*.c))

define stage_rules
$(call stage_of,$1): $(OUT)/$(call stage_of,$1)/libmalloc.so
	@ln -sfn $(call stage_of,$1) $(OUT)/current
$(OUT)/$(call stage_of,$1)/libmalloc.so: $(wildcard stages/$1/*.[ch] common/*) Makefile
	@mkdir -p $$(@D)
	$(CC) $(STAGE_FLAGS) $(CFLAGS) $(LDFLAGS) -o $$@ $$(call units,$1)
endef
$(foreach folder,$(folders),$(eval $(call stage_rules,$(folder))))

# What the debugger runs a stage's code in (scripts/gdb/ghost/ghost.c): on the kernel alone, linked where no
# program lies.
machine := $(patsubst i%86,i386,$(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null))))
ghost: $(BUILD)/ghost/$(machine)
$(BUILD)/ghost/x86_64: at := -m64 -fpie -Wl,-Ttext-segment=0x200000000000
$(BUILD)/ghost/i386: at := -m32 -fno-pie -Wl,-Ttext-segment=0x20000000 -idirafter /usr/include/x86_64-linux-gnu
$(BUILD)/ghost/aarch64: at := -fpie -Wl,-Ttext-segment=0x2000000000
$(BUILD)/ghost/%: scripts/gdb/ghost/ghost.c $(wildcard scripts/gdb/ghost/*.h) common/inspect.h Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -ffreestanding -fno-stack-protector -fcf-protection=none -fno-builtin \
		$(WARN) -Iscripts/gdb/ghost/libc -nostdlib -static -Wl,--no-relax $(at) -o $@ $<

check:
	@tests/run $(if $(SO),--so '$(SO)' $(if $(filter-out undefined,$(origin PROMISES)),--promises '$(PROMISES)'))
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

.PHONY: all ghost check check-teeth check-bugs check-scripts check-docs lint bench tables help clean \
	$(stages) $(stages:%=check-%) $(stages:%=diff-%) $(stages:%=debug-%)
.DELETE_ON_ERROR:
