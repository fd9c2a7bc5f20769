# malloc, step by step.
#
#   make                 build every stage: build/stageN/libmalloc.so
#   make stage3          build one; build/current points at it from then on, and preload uses it
#   make start-stage4    begin a stage of your own, mine/stage4: mine4 from then on, where a stage is named
#   make DEBUG=1 stage3  build it for the debugger: build/debug/stage3/libmalloc.so
#   make diff-stage4     what stage 4 changes in stage 3
#   make ghost           what the debugger runs a stage's own code in, on a copy of a program's memory
#   make recorder        what writes down a program's calls (scripts/record), and what makes them again
#   make debug-stage4 CMD="ls -l"   GDB on a program that runs on stage 4
#
#   make check           the whole suite: installs what it lacks, tests every stage
#   make check-stage4    the suite on one stage
#   make check SO=/path/lib.so PROMISES="malloc realloc"   the suite on your own library
#                        (without PROMISES: on what its stage promises, or on what any malloc keeps)
#   make check-teeth     what a stage newly promises fails on the stage before
#   make check-bugs      every bug kept on purpose is caught
#   make check-learn     what students' stages begin with, and what they are told of each bug
#   make check-scripts   the scripts (bats)
#   make check-docs      every command, listing and link in the text
#   make lint            layout and static analysis of code and scripts
#
#   make bench           nanoseconds per operation, each stage beside libc
#   make bench-recorder  what recording costs a program
#   make fits            all fits under the same calls: time, memory, worst case
#   make pictures        draw the chapters' films, and those of docs/pictures.md
#   make tables          rewrite the tables in README.md that scripts make
#   make clean           remove build/
#
# Settings: CC=clang, BUILD=build/clang, WERROR=1 (warnings are errors).

BUILD ?= build
WERROR :=
DEBUG :=

# With an empty name all would be built in /, and cleaned there.
ifneq ($(words $(BUILD)),1)
$(error BUILD is the name of a folder, without a space in it)
endif

OPTIMISE := $(if $(DEBUG),-Og -g3,-O2 -g)
OUT := $(BUILD)$(if $(DEBUG),/debug)
WARN := -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror)
# -fno-builtin: the compiler knows malloc by name, and would turn calloc's malloc and memset into
# a call of calloc. Only heap_inspect and the malloc family are visible, and calls among them stay
# inside the library.
STAGE_FLAGS := -std=gnu11 $(OPTIMISE) -fPIC -fno-builtin $(WARN) -Icommon -shared \
	-Wl,-Bsymbolic-functions -Wl,--version-script=common/exports.map

# stages/03-linked-list is stage3; stages/08b-tree is stage8b, beside stages/08-bins.
folders := $(sort $(wildcard stages/[0-9]*))
stage_of = stage$(patsubst 0%,%,$(firstword $(subst -, ,$(notdir $1))))
stages := $(foreach folder,$(folders),$(call stage_of,$(folder)))
# The student's own: mine/stage3 is mine3.
MINE ?= mine
own_folders := $(patsubst %/,%,$(wildcard $(MINE)/stage*/))
own_of = mine$(patsubst stage%,%,$(notdir $1))
own := $(foreach folder,$(own_folders),$(call own_of,$(folder)))

# The last stage of the main line, whose names end in a digit.
all: $(stages:%=$(OUT)/%/libmalloc.so)
	@ln -sfn $(lastword $(filter %0 %1 %2 %3 %4 %5 %6 %7 %8 %9,$(stages))) $(OUT)/current

# What is compiled of a stage: the .c files of its folder, but for its tests, which belong to the
# suite, and those that another one includes.
included = $(shell sed -n 's/^\#include "\(.*\.c\)"/\1/p' $1/*.[ch])
units = $(filter-out $(addprefix $1/,tests.c $(included)),$(wildcard $1/*.c))

# $1: a folder, $2: its stage's name. What is half written has functions that nobody calls yet.
define stage_rules
$2: $(OUT)/$2/libmalloc.so
	@ln -sfn $2 $(OUT)/current
$(OUT)/$2/libmalloc.so: $(wildcard $1/*.[ch] common/*) Makefile $(filter $(own_folders),$1)
	@mkdir -p $$(@D)
	$(CC) $(STAGE_FLAGS) $(if $(filter mine%,$2),-Wno-unused-function -Wno-unused-parameter) \
		$(CFLAGS) $(LDFLAGS) -o $$@ $$(call units,$1)
endef
$(foreach folder,$(folders),$(eval $(call stage_rules,$(folder),$(call stage_of,$(folder)))))
$(foreach folder,$(own_folders),$(eval $(call stage_rules,$(folder),$(call own_of,$(folder)))))

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

# What stands in front of a stage and writes down each call (scripts/record.d/recorder.c). In two mappings
# instead of five: a program starts sooner.
recorder: $(BUILD)/record/recorder.so $(BUILD)/record/replay
$(BUILD)/record/recorder.so: $(wildcard scripts/record.d/*.[ch]) common/inspect.h Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fPIC -fno-builtin $(WARN) -shared \
		-Wl,-Bsymbolic-functions -Wl,-z,noseparate-code,-z,norelro -Wl,--version-script=common/exports.map \
		-o $@ scripts/record.d/recorder.c -ldl
$(BUILD)/record/replay: scripts/record.d/replay.c scripts/record.d/format.h Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -D_FILE_OFFSET_BITS=64 -fno-builtin $(WARN) -o $@ $<

check:
	@tests/run $(if $(SO),--so '$(SO)' $(if $(filter-out undefined,$(origin PROMISES)),--promises '$(PROMISES)'))
check-teeth check-bugs: check-%:
	@tests/$*
check-learn:
	@tests/starts
	@tests/diagnosis
	@tests/diagnosis --mutants
$(stages:%=check-%): check-%:
	@tests/run $*
$(own:%=check-%): check-mine%:
	@scripts/learn check $*
$(stages:%=start-%): start-stage%:
	@scripts/learn start $*
$(stages:%=diff-%): diff-%:
	@scripts/dev/diff-stage $*
$(stages:%=debug-%) $(own:%=debug-%): debug-%:
	@scripts/debug -s $* -- $(CMD)
check-scripts:
	@tests/scripts
check-docs lint bench bench-recorder fits pictures tables:
	@scripts/dev/$@
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
clean:
	@[ ! -e $(BUILD) ] || [ -d $(BUILD) ] || { echo "make clean: $(BUILD) is no folder" >&2; exit 2; }
	rm -rf $(BUILD)

.PHONY: all ghost recorder check check-teeth check-bugs check-learn check-scripts check-docs lint bench bench-recorder \
	fits pictures tables help clean \
	$(stages) $(stages:%=check-%) $(stages:%=diff-%) $(stages:%=debug-%) $(stages:%=start-%) \
	$(own) $(own:%=check-%) $(own:%=debug-%)
.DELETE_ON_ERROR:
