# SPDX-License-Identifier: MIT
# bash completion of anthropic-proxy: what its --help lists.
_anthropic_proxy()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local help words i
	local value="[[ ]$prev(, --[a-z-]+)? ([A-Za-z]+)"

	COMPREPLY=()
	help=$("$1" --help 2>/dev/null) || return 0
	# Behind a lone -- stands another program's command line.
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -- ]] || continue
		if declare -F _command_offset >/dev/null; then
			_command_offset $((i + 1))
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		fi
		return 0
	done
	if [[ $prev == -* && $help =~ $value ]]; then
		[[ ${BASH_REMATCH[2]} != [Ff][Ii][Ll][Ee] ]] ||
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ $cur == -* ]]; then
		words=$(grep -oE -- '--[a-z][a-z-]*|^  -[A-Za-z]' <<<"$help")
	elif ((COMP_CWORD == 1)); then
		words=$(sed -n 's/^  \([a-z][a-z]*\)\( .*\)*$/\1/p' <<<"$help")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
	[[ -z ${words-} ]] ||
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur" | sort -u)
}
complete -o filenames -F _anthropic_proxy anthropic-proxy
