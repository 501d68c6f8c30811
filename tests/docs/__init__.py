"""Documentation that cannot rot: every fenced block of README.md, CONTRIBUTING.md and docs/ is run or read by a tool.

    python -m pytest tests/docs -n0          # hold the pages to what commands print
    python -m tests.docs [PAGE...]           # write shown outputs anew, and pages that are made from the code

The first word after the fence says what a block is. There are no others, so that nothing escapes:

    console   lines `$ COMMAND`, each followed by what it prints to stdout; a command may go on while quotes are open or
              a line ends with a backslash. Run in bash, with exit code 0; where another is meant: `COMMAND || echo $?`.
              Commands that are `hopscope WORDS` alone are run in this process, which is faster.
    sql       one query; the block after it is `text` and shows what `hopscope sql` prints
    python    a script; where the next block is `text`, that shows what it prints, otherwise it is compiled only
    text      what one of those prints; after anything else: free text
    sh        what cannot be run here: its syntax is checked, and verbs and options of every `hopscope`
    toml, json  read by their parsers

A second word is a file's name: the block is written there, for a command after it, and not run. All blocks of a page
run in order, in one empty folder of its own that has `samples/` in it and is shown as ~. In what is shown, a
line `...` stands for any lines. Lines are compared without blanks at their ends; stderr is not compared. A new page
needs a line in docs/README.md. To write a page: give the commands and no output, then `python -m tests.docs
docs/PAGE.md`, and read the difference.
"""
