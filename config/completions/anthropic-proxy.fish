# SPDX-License-Identifier: MIT
# fish completion of anthropic-proxy: what its --help lists.
function __anthropic_proxy_read_help
    complete -c anthropic-proxy -e
    # Behind a lone -- stands another program's command line.
    complete -c anthropic-proxy -n 'contains -- -- (commandline -opc)' \
        -xa '(__fish_complete_subcommand --fcs-skip=2)'
    for line in (anthropic-proxy --help 2>/dev/null)
        set -l text (string match -rg '^ +\S.*?  +(\S.*)' -- $line; or echo '')
        set -l word (string match -rg '^  ([a-z]+)(?: |$)' -- $line)
        if test -n "$word"
            complete -c anthropic-proxy -n __fish_use_subcommand -f \
                -a $word -d $text
            continue
        end
        set -l option (string match -rg '^  (?:-\w, |    )--([a-z-]+)' -- $line)
        test -n "$option"; or continue
        set -l letter (string match -rg '^  -(\w)' -- $line)
        set -l value -f
        string match -qr "^  .*--$option FILE" -- $line; and set value -rF
        string match -qr "^  .*--$option [A-Z]" -- $line
        and test $value = -f; and set value -x
        complete -c anthropic-proxy -l $option -s$letter $value -d $text
    end
end
__anthropic_proxy_read_help
functions -e __anthropic_proxy_read_help
