# SPDX-License-Identifier: MIT
# What zsh offers when a line is typed into its editor, one a line:
#
#	zsh -f offers.zsh FOLDER-OF-COMPLETIONS LINE
zmodload zsh/zpty
setup=$(mktemp) found=$(mktemp)
cat >$setup <<END
fpath=(${(q)1} \$fpath)
autoload -Uz compinit && compinit -D -u
compadd() {
	local -a hits
	builtin compadd -O hits "\$@"
	print -rl -- \$hits >>${(q)found}
	builtin compadd "\$@"
}
bindkey '^I' complete-word
comppostfuncs=(exit)
END
zpty line zsh -f -i
zpty -w line ". $setup"
zpty -w -n line "$2"$'\t'
while zpty -r line >/dev/null; do :; done
cat $found
rm -f $setup $found
