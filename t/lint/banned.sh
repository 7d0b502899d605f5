#!/bin/sh
# Functions that this project does without: they know no bounds, keep hidden state, or cannot report an error.
#
#   banned.sh ROOT          checks the tree at ROOT; prints FILE:LINE: what is wrong, and fails if anything is
#   banned.sh --self-test   shows on made-up files that it finds what it should and nothing else
set -eu

names='strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|gmtime|localtime|ctime|asctime|atoi|atol|atoll|sscanf|alloca|gets'

check() {
	(
		cd "$1"
		find base wbxml state backend eas fcgi etc t -name '*.[ch]' 2>/dev/null | LC_ALL=C sort | xargs awk -v names="$names" '
		# Comments and what stands in quotes are blanked; a comment may go on in the next line.
		function code_of(line,    out, c, two, quote) {
			while (line != "") {
				two = substr(line, 1, 2)
				c = substr(line, 1, 1)
				if (comment) {
					if (two == "*/") {
						comment = 0
						line = substr(line, 3)
					} else {
						line = substr(line, 2)
					}
				} else if (quote != "") {
					if (c == "\\") {
						line = substr(line, 3)
						continue
					}
					if (c == quote)
						quote = ""
					line = substr(line, 2)
				} else if (two == "/*") {
					comment = 1
					out = out " "
					line = substr(line, 3)
				} else if (two == "//") {
					break
				} else {
					if (c == "\"" || c == "\047") {
						quote = c
						c = "_ "
					}
					out = out c
					line = substr(line, 2)
				}
			}
			return out
		}
		FNR == 1 { comment = 0 }
		{
			code = code_of($0)
			# A test may start programs by the shell; the server never does.
			wanted = FILENAME ~ "^t/" ? names : names "|system"
			if (match(code, "(^|[^A-Za-z0-9_])(" wanted ")[ \t]*[(]")) {
				found = substr(code, RSTART, RLENGTH)
				gsub("[^A-Za-z0-9_]", "", found)
				printf "%s:%d: %s() is not used here\n", FILENAME, FNR, found
				bad = 1
			}
		}
		END { exit bad }
		'
	)
}

fail() {
	echo "self-test: $1" >&2
	exit 1
}

# finds FILE LINE: the check must fail and name the file where it has the line as its second
finds() {
	printf 'int x;\n%s\n' "$2" >"$tree/$1"
	if check "$tree" >"$tree/found"; then
		fail "nothing was found in: $2"
	fi
	grep -q "^$1:2: " "$tree/found" || fail "in $2 this was found: $(cat "$tree/found")"
	rm "$tree/$1"
}

self_test() {
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	mkdir -p "$tree/base" "$tree/t/unit/base"
	cat >"$tree/base/good.c" <<'END'
/* strcpy(a, b) is spoken of
 * and so is sprintf(a, b) */
int f(void) { return snprintf(a, n, "strcat(%s)", '"', "a\"strcat(b"); } // atoi(x)
struct tm *t = gmtime_r(&now, &tm), *u = my_localtime(x), atoi;
text_system(1);
END
	echo 'int x = system("true");' >"$tree/t/unit/base/test_x.c"
	check "$tree" >"$tree/found" || fail "a good tree was refused: $(cat "$tree/found")"
	for name in $(echo "$names" | tr '|' ' ') system; do
		finds base/bad.c "	$name(a, b);"
		finds base/bad.h "x = !$name (a);"
	done
	finds base/bad.c '/* a */ strcpy(a, b);'
	finds base/bad.c 'f("//", strcpy(a, b));'
	finds base/bad.c "f('\"', strcpy(a, b));"
	finds t/unit/base/bad.c 'strcpy(a, b);'
}

case ${1:-} in
--self-test) self_test ;;
?*) check "$1" ;;
*)
	echo "usage: $0 ROOT | --self-test" >&2
	exit 2
	;;
esac
