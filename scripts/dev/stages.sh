# shellcheck shell=bash
# The stages and their names, for the scripts that source this file.
stages_root=$(dirname "${BASH_SOURCE[0]}")/../../stages

stage_folders() { # in order, a line each
    local folder
    for folder in "$stages_root"/[0-9]*/; do basename "$folder"; done
}

stage_of() { # 03-linked-list: stage3
    local number=${1%%-*}
    echo "stage${number#0}"
}

stage_names() { # all of them, on one line
    local folder
    for folder in $(stage_folders); do stage_of "$folder"; done | xargs
}

find_folder() { # 3, 03, stage3 or 03-linked-list: the stage's folder; fails when there is none
    local folder number
    for folder in $(stage_folders); do
        number=${folder%%-*}
        case ${1#stage} in "$folder" | "$number" | "${number#0}") echo "$folder" && return ;; esac
    done
    return 1
}
