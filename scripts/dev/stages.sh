# shellcheck shell=bash
# The stages and their names, for the scripts that source this file.
#
# The main line is the folders without a letter. A letter is a side door: 08b-tree is another answer
# beside 08-bins. It stands on the main line up to its sibling, and nothing later stands on it.
#
# Besides these there are the student's own: mine/stage4, called mine4, is held to what stage 4
# promises. (MINE names another folder than mine.)
stages_root=$(dirname "${BASH_SOURCE[0]}")/../../stages

stage_folders() { # in order, a line each; byte by byte 08-bins comes before 08b-tree
    local folder
    for folder in "$stages_root"/[0-9]*/; do basename "$folder"; done | LC_ALL=C sort
}

stage_of() { # 03-linked-list: stage3; mine/stage4: mine4
    local number=${1%%-*}
    case $1 in */*) echo "mine${1##*/stage}" && return ;; esac
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

folder_path() { # where a folder lies, seen from the root
    case $1 in */*) echo "$1" ;; *) echo "stages/$1" ;; esac
}

own_folders() { # the student's own, in order, a line each
    local folder
    for folder in $(stage_folders); do
        folder=${MINE:-mine}/$(stage_of "$folder")
        [ ! -d "$stages_root/../$folder" ] || echo "$folder"
    done
}

own_names() { # mine3 mine4, on one line
    own_folders | sed 's|.*/stage|mine|' | xargs
}

reference_of() { # mine/stage4: 04-first-fit; any other folder: itself
    case $1 in */*) find_folder "${1##*/}" ;; *) echo "$1" ;; esac
}

lesson_of() { # the sources of a folder that a student reads, a line each; not what only tools need
    local file
    for file in "$stages_root/../$(folder_path "$1")"/*.[ch]; do
        case ${file##*/} in inspect* | tests.c) ;; *) [ ! -e "$file" ] || echo "$(folder_path "$1")/${file##*/}" ;; esac
    done
}

find_folder() { # 3, 03, stage3 or 03-linked-list: the stage's folder; mine3: the student's; fails when there is none
    local folder number
    case $1 in
    mine?*)
        folder=${1#mine} folder=${folder#/stage} folder=${folder%/}
        own_folders | grep -x ".*/stage${folder//[!0-9a-z]/!}"
        return
        ;;
    esac
    for folder in $(stage_folders); do
        number=${folder%%-*}
        case ${1#stage} in "$folder" | "$number" | "${number#0}") echo "$folder" && return ;; esac
    done
    return 1
}
