"""What the command line is made of. A command imports what it needs when it runs, so that ``--help`` is quick."""
