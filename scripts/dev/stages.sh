# shellcheck shell=bash
# The stages and their names, for the scripts that source this file.
#
# The main line is the folders without a letter. A letter is a side door: 08b-tree is another answer
# beside 08-bins. It stands on the main line up to its sibling, and nothing later stands on it.
stages_root=$(dirname "${BASH_SOURCE[0]}")/../../stages

stage_folders() { # in order, a line each; byte by byte 08-bins comes before 08b-tree
    local folder
    for folder in "$stages_root"/[0-9]*/; do basename "$folder"; done | LC_ALL=C sort
}

stage_of() { # 03-linked-list: stage3
    local number=${1%%-*}
    echo "stage${number#0}"
}

stage_names() { # all of them, on one line
    local folder
    for folder in $(stage_folders); do stage_of "$folder"; done | xargs
}

folders_up_to() { # the main line up to a folder, and the folder, a line each
    stage_folders | sed -n "/^$1\$/{ p; q }; /^[0-9]*-/p"
}

folder_before() { # what a stage is compared with: the stage before, or its sibling; none for the first
    stage_folders | sed -n "/^$1\$/q; /^[0-9]*-/p" | tail -n 1
}

lesson_of() { # the sources of a folder that a student reads, a line each; not what only tools need
    local file
    for file in "$stages_root/$1"/*.[ch]; do
        case ${file##*/} in inspect.c | tests.c) ;; *) [ ! -e "$file" ] || echo "stages/$1/${file##*/}" ;; esac
    done
}

find_folder() { # 3, 03, stage3 or 03-linked-list: the stage's folder; fails when there is none
    local folder number
    for folder in $(stage_folders); do
        number=${folder%%-*}
        case ${1#stage} in "$folder" | "$number" | "${number#0}") echo "$folder" && return ;; esac
    done
    return 1
}
